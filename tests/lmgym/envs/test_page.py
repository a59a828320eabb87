"""The page docs/environments.md against the environments that it describes."""

from __future__ import annotations

import inspect
import re
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401
from lmgym.envs.setup import SHARED_OPTIONS, make_setup
from lmgym.envs.vector import TokenVectorEnv
from lmgym.tasks.base import Task
from lmgym.tasks.equation import Equation
from lmgym.tasks.lean import Lean
from lmgym.tasks.metamath import Metamath
from lmgym.tasks.probes import Echo, Guess
from lmgym.tasks.proof import Proof
from lmgym.tasks.rocq import Rocq
from lmgym.tokenization import make_tokenizer

PAGE = (Path(__file__).parents[3] / "docs" / "environments.md").read_text("utf-8")


def cells(column: str) -> dict[str, list[str]]:
    """The rows of the table whose first column is called so, by their first cells."""
    body = PAGE.split(f"| {column} |")[1].split("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in body.splitlines()[2:]]
    return {row[0]: row[1:] for row in rows}


def test_every_option_is_on_the_page_with_its_default() -> None:
    rows = cells("option | default")
    assert {name.strip("`") for name in rows} == {
        *SHARED_OPTIONS, "granularity", "render_mode", "autoreset_mode",
    }  # fmt: skip
    setup = make_setup(Echo())
    assert rows["`split`"][0] == f'"{setup.split}"' and rows["`mask_actions`"][0] == str(setup.mask_actions)
    assert rows["`curriculum`"][0] == str(setup.curriculum)
    assert rows["`granularity`"][0] == '"token"' and gym.make("lmgym/Echo-v0").observation_space["input_ids"]  # type: ignore[index]
    assert rows["`autoreset_mode`"][0] == f'"{TokenVectorEnv(Echo(), num_envs=1).autoreset_mode.name}"'
    assert f"each of {make_tokenizer('char').vocab_size - 3} characters" in PAGE


def test_the_keys_of_infos_are_those_of_the_page() -> None:
    begin, turn, end = (set(re.findall(r"`(\w+)`", row[0])) for row in cells("when").values())
    env: Any = gym.make("lmgym/Guess-v0", granularity="response")
    assert set(env.reset(seed=0)[1]) == begin
    info: dict[str, Any] = env.step("rubbish")[4]
    assert set(info) == turn
    while "status" not in info:
        info = env.step("rubbish")[4]
    assert set(info) == (turn | end) - {"first_wrong_step"}
    env = gym.make("lmgym/Math-v0", style="worked", reward="steps", granularity="response")
    env.reset(seed=0)
    assert set(env.step("0")[4]) == turn | end


def test_the_options_of_reset_are_those_of_the_page() -> None:
    env: Any = gym.make("lmgym/Guess-v0")
    env.reset(options={"split": "test", "problem_index": 3, "row": 2})
    TokenVectorEnv(Guess(), num_envs=2).reset(
        options={"split": "test", "problem_index": 3, "reset_mask": np.ones(2, np.bool_)}
    )
    named = set(re.findall(r"`(\w+)`", " ".join(cells("option | meaning"))))
    assert named == {"split", "problem_index", "row", "reset_mask"}


@pytest.mark.parametrize("task", [Proof, Equation, Metamath, Rocq, Lean])
def test_provers_name_their_options_alike(task: type[Task]) -> None:
    named = set(re.findall(r"`(\w+)`", " ".join(cells("option of several turns"))))
    options = inspect.signature(task).parameters
    assert {"turn", "feedback", "max_refusals"} <= named & set(options)
    assert {name for name in options if name.startswith(("turn", "feedback", "spare", "max_ref"))} <= named


def test_the_example_says_what_comes() -> None:
    env: Any = gym.make("lmgym/Math-v0", level=2, granularity="response", curriculum=True)
    env.reset(seed=0)
    info = env.step("88")[4]
    assert f"# {info['status']} {info['num_tokens']}\n" in PAGE
