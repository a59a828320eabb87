"""Entry points of ``gym.make`` and ``gym.make_vec``: a task's name and options in, an environment out."""

from __future__ import annotations

from typing import Any

import gymnasium as gym

from lmgym.envs.setup import make_task, split_options
from lmgym.envs.text import TextEnv
from lmgym.envs.text_vector import TextVectorEnv
from lmgym.envs.token import TokenEnv
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import UnknownNameError
from lmgym.tasks.base import Task

GRANULARITIES = ("token", "step", "response")


def make_env(task: Task | str, *, granularity: str = "token", **options: Any) -> gym.Env[Any, Any]:
    """Returns the environment of one episode at a time over ``task``.

    Args:
        task: a task object, or "module:Class".
        granularity: what an action is: a "token", a "step" (one line) or a whole "response".
        **options: those of ``lmgym.envs.setup.make_setup``, ``render_mode``, and the task's own.

    Raises:
        UnknownNameError: an unknown granularity or option; the message has the nearest name.
    """
    check_granularity(granularity)
    own, of_task = split_options(task, options, ("render_mode", "granularity"))
    made = make_task(task, of_task)
    if granularity == "token":
        return TokenEnv(made, **own)
    return TextEnv(made, granularity=granularity, **own)


def make_vector_env(
    task: Task | str, *, num_envs: int = 1, granularity: str = "token", **options: Any
) -> gym.vector.VectorEnv[Any, Any, Any]:
    """Returns the environment of ``num_envs`` episodes at once over ``task``; options as in ``make_env``.

    Further options: ``autoreset_mode``, "NEXT_STEP", "SAME_STEP" or "DISABLED".
    """
    check_granularity(granularity)
    own, of_task = split_options(task, options, ("autoreset_mode", "num_envs", "granularity"))
    made = make_task(task, of_task)
    if granularity == "token":
        return TokenVectorEnv(made, num_envs=num_envs, **own)
    return TextVectorEnv(made, num_envs=num_envs, granularity=granularity, **own)


def check_granularity(granularity: str) -> None:
    """Raises UnknownNameError unless ``granularity`` is one of token, step, response."""
    if granularity not in GRANULARITIES:
        raise UnknownNameError("granularity", granularity, GRANULARITIES)
