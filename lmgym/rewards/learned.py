"""``"model:FOLDER"`` and ``"judge:SPEC"``: rewards from models, by name. The one door to ``lmgym_agents``.

Reward models and local judges need torch, which environments do not: they are imported when one is asked for.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Final, cast

from lmgym.errors import InvalidValueError, MissingDependencyError
from lmgym.rewards.base import Reward

MODEL_PREFIX: Final = "model:"
JUDGE_PREFIX: Final = "judge:"


def load_named_reward(name: str) -> Reward:
    """Returns the reward of ``"model:FOLDER"``, normalised as it was at its training, or a judge's.

    ``"judge:SPEC"`` pays the marks of a judge, see ``lmgym_agents.judging.make_judge``.

    Raises:
        InvalidValueError: no folder behind the colon, or a judge of another form.
        ModelError: the folder holds no reward model, or a damaged one.
        MissingDependencyError: torch or another package that the agents need is not installed.
    """
    if name.startswith(JUDGE_PREFIX):
        judging = _import("lmgym_agents.judging.specs", name)
        return cast("Reward", judging.make_judged_reward(name.removeprefix(JUDGE_PREFIX)))
    folder = name.removeprefix(MODEL_PREFIX)
    if not folder:
        raise InvalidValueError(
            f"{MODEL_PREFIX!r} needs the folder of a reward model: {MODEL_PREFIX}runs/reward_model/model."
        )
    return cast("Reward", _import("lmgym_agents.reward_models.reward", name).load_learned_reward(folder))


def _import(module: str, name: str) -> ModuleType:
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lmgym_agents."):
            raise
        raise MissingDependencyError(
            f'the reward {name!r} needs {error.name}, which is not installed: pip install "lmgym[agents]".'
        ) from error
