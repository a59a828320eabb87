"""Text tasks for reinforcement learning on language models, behind the Gymnasium interface.

Importing the package registers its environments: ``gym.make("lmgym/Math-v0")``.
"""

from typing import TYPE_CHECKING, Any

from lmgym.registration import register_environments

if TYPE_CHECKING:
    from lmgym.agent_checker import check_agent
    from lmgym.checker import check_env, check_vector_env

__version__ = "0.1.0"
__all__ = ["__version__", "check_agent", "check_env", "check_vector_env"]

register_environments()


def __getattr__(name: str) -> Any:
    # The checkers load what a mere import of the package has no need for.
    if name == "check_agent":
        from lmgym.agent_checker import check_agent

        return check_agent
    if name in ("check_env", "check_vector_env"):
        from lmgym import checker

        return getattr(checker, name)
    raise AttributeError(f"module 'lmgym' has no attribute {name!r}")
