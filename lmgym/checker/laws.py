"""What both checkers test: observations that only grow, states without code in them, sums that add up.

Comes in: what an environment returned. Goes out: nothing, or a CheckError that names the call, what was
expected, and the likely cause.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from gymnasium import spaces

from lmgym.errors import CheckError

HOSTILE_TEXTS = (
    "",
    " ",
    "\n",
    "\n\n\n",
    "\x00\x07\x1b[31m\u202e\u200b\ufeff",
    "\ud800",
    "\U0001f600" * 50,
    "(" * 1000 + ")" * 1000,
    "9" * 100_000,
    "1/0",
    "7**7**7**7",
    "__import__('os').system('id')",
    "a" * 1_000_000,
)
"""Responses that a verifier must score without an exception and without delay."""


def require(holds: object, call: str, expected: str, got: object, cause: str) -> None:
    """Raises CheckError unless ``holds``.

    Args:
        holds: the law, already evaluated.
        call: the call that broke it.
        expected: what it should have given.
        got: what it gave.
        cause: the likely mistake.
    """
    if not holds:
        shown = repr(got)
        shown = shown if len(shown) <= 200 else f"{shown[:200]}…"
        raise CheckError(f"{call}: expected {expected}, got {shown}. Likely cause: {cause}.")


def is_token_space(space: spaces.Space[Any]) -> bool:
    """Returns whether observations are rows of tokens with a mask."""
    return isinstance(space, spaces.Dict) and {"input_ids", "attention_mask"} <= set(space.spaces)


def check_row(observation: Any, call: str) -> None:
    """Checks that a token row is padded on the right alone."""
    mask = np.asarray(observation["attention_mask"])
    length = int(mask.sum())
    require(
        length >= 1 and (mask[:length] == 1).all() and (mask[length:] == 0).all(),
        call,
        "attention_mask with ones first and zeros after them",
        mask.tolist(),
        "padding on the left, or a mask computed from token values: a pad token may also be an action",
    )


def check_growth(before: Any, after: Any, action: Any, call: str) -> None:
    """Checks that ``after`` continues ``before`` with ``action``: rows and texts are append-only."""
    if isinstance(before, str):
        require(
            after.startswith(before),
            call,
            "an observation that begins with the one before",
            after,
            "the text was rewritten, or the episode was reset in the middle of a step",
        )
        return
    old_length, length = (int(np.sum(obs["attention_mask"])) for obs in (before, after))
    old, new = (np.asarray(obs["input_ids"]) for obs in (before, after))
    require(
        length > old_length and (new[:old_length] == old[:old_length]).all(),
        call,
        f"a row that keeps its first {old_length} tokens and grows",
        new[:length].tolist(),
        "text was decoded and encoded again, or an observation of another episode was returned",
    )
    require(
        int(new[old_length]) == int(action),
        call,
        f"the action {int(action)} as the next token",
        int(new[old_length]),
        "tokens were re-tokenised; what was sampled must be what is kept",
    )


def check_number(reward: Any, call: str) -> None:
    """Checks that a reward is finite."""
    require(
        math.isfinite(float(reward)),
        call,
        "a finite reward",
        reward,
        "a reward function divided by zero or returned NaN; a reward that can't be computed is a failed row",
    )


def check_terms(info: Mapping[str, Any], total: float, call: str) -> None:
    """Checks that the named terms of an ended episode sum to what it was paid."""
    if "reward_terms" not in info or info.get("reward_failed"):
        return
    summed = math.fsum(float(term) for term in info["reward_terms"].values())
    require(
        abs(summed - total) <= 1e-6 * max(1.0, abs(total)),
        call,
        f"info['reward_terms'] that sum to the episode's rewards, {total!r}",
        dict(info["reward_terms"]),
        "a weight was left out of a term, or a payment in the middle of the episode was forgotten",
    )


def check_plain(state: object, path: str = "state") -> None:
    """Checks that a saved state holds JSON values and numpy arrays of numbers alone."""
    if isinstance(state, Mapping):
        for key, value in state.items():
            require(
                isinstance(key, str), f"get_state(), {path}", "keys of str", key, "JSON has no other keys"
            )
            check_plain(value, f"{path}[{key!r}]")
    elif isinstance(state, Sequence) and not isinstance(state, str | bytes):
        for i, value in enumerate(state):
            check_plain(value, f"{path}[{i}]")
    else:
        is_array = isinstance(state, np.ndarray) and state.dtype.kind in "biuf"
        require(
            is_array or state is None or isinstance(state, str | int | float | bool),
            f"get_state(), {path}",
            "JSON values and numpy arrays of numbers",
            type(state).__name__,
            "an object was put into the state; save what it is made from, so that no pickle is needed",
        )


def are_equal(one: Any, other: Any) -> bool:
    """Returns whether two observations or infos are the same, arrays and NaN included."""
    if isinstance(one, Mapping) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(are_equal(one[key], other[key]) for key in one)
    if isinstance(one, tuple | list) and isinstance(other, tuple | list):
        return len(one) == len(other) and all(map(are_equal, one, other))
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        if one.dtype == object:
            return one.shape == other.shape and all(map(are_equal, one.tolist(), other.tolist()))
        return one.dtype == other.dtype and np.array_equal(one, other, equal_nan=one.dtype.kind == "f")
    return bool(one == other) or (one != one and other != other)
