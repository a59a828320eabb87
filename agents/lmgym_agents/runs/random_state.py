"""Seeds, takes and restores the state of the process-wide random generators of torch and Python.

Generators that a part of the program owns (``numpy.random.Generator``, ``torch.Generator``) are not
process-wide: their owners keep them in their own state. numpy's global generator is not used anywhere.
"""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch

from lmgym_agents.errors import CheckpointError


def seed_rngs(seed: int) -> None:
    """Seeds torch's generators (CPU and CUDA) and ``random``, so that two runs of one seed begin alike."""
    random.seed(seed)
    torch.manual_seed(seed)


def rng_state() -> dict[str, Any]:
    """Returns the states of torch's CPU and CUDA generators and of ``random``, as a checkpoint holds them."""
    version, words, gauss = random.getstate()
    return {
        "torch": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        "python": {"version": version, "words": np.array(words, dtype=np.uint32), "gauss": gauss},
    }


def set_rng_state(state: dict[str, Any]) -> None:
    """Restores what ``rng_state`` returned.

    CUDA states are restored for as many devices as both machines have: a run that moves from a GPU to the
    CPU goes on, though not with the same random numbers.

    Raises:
        CheckpointError: not a state that ``rng_state`` has made.
    """
    try:
        python = state["python"]
        words = tuple(int(word) for word in python["words"])
        random.setstate((python["version"], words, python["gauss"]))
        torch.set_rng_state(state["torch"])
        devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
        for device, cuda_state in zip(range(devices), state["cuda"], strict=False):
            torch.cuda.set_rng_state(cuda_state, device)
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"the random state of the checkpoint cannot be restored: {error!r}.") from error
