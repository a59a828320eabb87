"""``"model:FOLDER"``: rewards that were learned, by the folder they lie in. The one door to ``lmgym_agents``.

Reward models need torch, which environments do not: they are imported when one is asked for.
"""

from __future__ import annotations

import importlib
from typing import Final, cast

from lmgym.errors import InvalidValueError, MissingDependencyError
from lmgym.rewards.base import Reward

MODEL_PREFIX: Final = "model:"


def load_named_reward(name: str) -> Reward:
    """Returns the reward of ``"model:FOLDER"``, normalised as it was when the model was trained.

    Raises:
        InvalidValueError: no folder behind the colon.
        ModelError: the folder holds no reward model, or a damaged one.
        MissingDependencyError: torch or another package that the agents need is not installed.
    """
    folder = name.removeprefix(MODEL_PREFIX)
    if not folder:
        raise InvalidValueError(
            f"{MODEL_PREFIX!r} needs the folder of a reward model: {MODEL_PREFIX}runs/reward_model/model."
        )
    try:
        module = importlib.import_module("lmgym_agents.reward_models.reward")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lmgym_agents."):
            raise
        raise MissingDependencyError(
            f'the reward {name!r} needs {error.name}, which is not installed: pip install "lmgym[agents]".'
        ) from error
    return cast("Reward", module.load_learned_reward(folder))
