"""The games for PettingZoo: its own tests, and what the sides are paid."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lmgym.envs import aec
from lmgym.errors import InvalidActionError, InvalidValueError, MissingDependencyError, UnknownNameError

pettingzoo = pytest.importorskip("pettingzoo")

MAKERS: list[Callable[..., Any]] = [aec.nim_aec, aec.tic_tac_toe_aec, aec.raw_nim, aec.raw_tic_tac_toe]
every_game = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


@every_game
def test_pettingzoos_api_test_passes_without_a_warning(make: Callable[..., Any]) -> None:
    api_test = importlib.import_module("pettingzoo.test").api_test
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        api_test(make(), num_cycles=200)


@every_game
def test_pettingzoos_seed_test_passes(make: Callable[..., Any]) -> None:
    importlib.import_module("pettingzoo.test").seed_test(make, num_cycles=30)


def play(env: Any, moves: list[str]) -> dict[str, float]:
    """Plays the moves by turns, then lets the dead agents step; returns what each side earned in all."""
    totals = dict.fromkeys(aec.PLAYERS, 0.0)
    env.reset()
    todo = iter(moves)
    for agent in env.agent_iter():
        _, reward, terminated, truncated, _ = env.last()
        totals[agent] += reward
        env.step(None if terminated or truncated else env.unwrapped.moves.index(next(todo)))
    assert next(todo, None) is None
    return totals


@pytest.mark.parametrize(
    ("moves", "paid"),
    [
        ("14253", (1.0, -1.0)),  # x has the first row
        ("142596", (-1.0, 1.0)),  # o has the second row
        ("123546879", (0.0, 0.0)),
        ("11", (0.0, -1.0)),  # the second takes a square that is taken
    ],
)
def test_the_sides_of_tic_tac_toe_are_paid(moves: str, paid: tuple[float, float]) -> None:
    totals = play(aec.tic_tac_toe_aec(), list(moves))
    assert tuple(totals.values()) == paid


def test_the_one_who_takes_the_last_object_wins() -> None:
    assert tuple(play(aec.nim_aec((1, 2)), ["b1", "a1", "b1"]).values()) == (1.0, -1.0)
    assert tuple(play(aec.nim_aec((1, 2)), ["a1", "b2"]).values()) == (-1.0, 1.0)


def test_a_side_reads_text_and_sees_its_legal_moves() -> None:
    env = aec.nim_aec((2, 1), render_mode="ansi")
    env.reset()
    observation, _, _, _, info = env.last()
    assert info["text"] == env.render() == "2,1>" == "".join(map(chr, observation))
    assert env.unwrapped.moves == ("a1", "a2", "b1")
    np.testing.assert_array_equal(info["action_mask"], [1, 1, 1])
    env.step(1)
    observation, _, _, _, info = env.last()
    assert info["text"] == "0,1>" == "".join(map(chr, observation))
    np.testing.assert_array_equal(info["action_mask"], [0, 0, 1])
    np.testing.assert_array_equal(env.infos["player_0"]["action_mask"], [0, 0, 0])


def test_shorter_texts_are_padded() -> None:
    env = aec.raw_nim((10,))
    env.reset()
    env.step(env.moves.index("a3"))
    np.testing.assert_array_equal(env.observe("player_1"), [ord("7"), ord(">"), 0])


def test_mistakes_of_the_caller_are_typed_errors() -> None:
    env = aec.raw_tic_tac_toe()
    env.reset()
    for action in (9, -1, "1", None, 1.5):
        with pytest.raises(InvalidActionError, match="legal moves are 1, 2"):
            env.step(action)
    env.step(0)
    with pytest.raises(InvalidActionError, match="legal moves are 2, 3"):
        env.step(0)
    for heaps in ((), (0,), (1, 100), (1,) * 9):
        with pytest.raises(InvalidValueError, match="heap"):
            aec.nim_aec(heaps)
    with pytest.raises(UnknownNameError, match="human"):
        aec.nim_aec(render_mode="human")


def test_without_pettingzoo_the_message_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(name: str) -> Any:
        raise ModuleNotFoundError(f"No module named {name!r}")

    aec._game_class.cache_clear()
    monkeypatch.setattr(aec.importlib, "import_module", fail)
    with pytest.raises(MissingDependencyError, match=r'pip install "lmgym\[games\]"'):
        aec.nim_aec()
    monkeypatch.undo()
    assert isinstance(aec.nim_aec().unwrapped, pettingzoo.AECEnv)
