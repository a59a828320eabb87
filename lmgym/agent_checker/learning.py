"""The laws of ``observe``, ``save`` and ``load``."""

from __future__ import annotations

import copy
import dataclasses
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from lmgym.agent import Experience
from lmgym.agent_checker.acting import ActingWatch
from lmgym.agent_checker.calls import call_agent
from lmgym.agent_checker.episodes import play_episodes
from lmgym.agent_checker.samples import Sample
from lmgym.checker.laws import are_equal, require
from lmgym.envs.vector import TokenVectorEnv


def check_observe(agent: Any, env: TokenVectorEnv, seed: int) -> None:
    """Plays two batches of training episodes, and tells ``agent`` of them."""
    call = f"{type(agent).__name__}.observe(experience)"
    for number in range(2):
        if hasattr(agent, "explores"):
            agent.explores = True
        experience = play_episodes(agent, env, seed + 1 + number).experience
        if hasattr(agent, "explores"):
            agent.explores = False
        before = copy.deepcopy(_arrays(experience))
        call_agent(
            call, f"that it learns from {len(experience.prompts)} episodes", agent.observe, experience,
            cause="a field read as something else than it is; see lmgym.agent.Experience",
        )  # fmt: skip
        require(
            are_equal(before, _arrays(experience)), call, "the experience as it was", "changed arrays",
            "the agent writes into them; it should take a copy",
        )  # fmt: skip


def _arrays(experience: Experience) -> dict[str, Any]:
    names = [field.name for field in dataclasses.fields(experience)]
    return {name: getattr(experience, name) for name in names}


def check_files(
    agent: Any, make: Callable[[], Any] | None, watch: ActingWatch, samples: Sequence[Sample]
) -> None:
    """Checks that another agent acts like this one after loading what it saved; without ``make``, itself."""
    name = type(agent).__name__
    with tempfile.TemporaryDirectory() as place:
        folder, moved = Path(place, "saved"), Path(place, "moved")
        folder.mkdir()
        call_agent(
            f"{name}.save(folder)", "files in an empty folder", agent.save, folder,
            cause="a file named without the folder, or a value that its format can't hold",
        )  # fmt: skip
        expected = watch.act_on_all(agent, samples)
        folder.rename(moved)
        loaded = agent if make is None else make()
        call_agent(
            f"{name}.load(folder)", "that it reads what save wrote", loaded.load, moved,
            cause="save writes other names, or the path of the folder into the files",
        )  # fmt: skip
    if hasattr(loaded, "explores"):
        loaded.explores = False
    require(
        are_equal(watch.act_on_all(loaded, samples), expected), f"{name}.act after load(folder)",
        "the actions of the agent that was saved", "others",
        "save leaves out something that acting depends on: what was learned, or a generator's state",
    )  # fmt: skip
