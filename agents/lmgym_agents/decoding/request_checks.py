"""Checks of what callers hand to the engine: what was given, what is allowed, what to do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from lmgym.errors import InvalidValueError
from lmgym_agents.decoding.kv_cache import IntArray
from lmgym_agents.errors import ContextLengthError, EmptyPromptError, TokenOutOfVocabularyError


def checked_prompt(prompt: ArrayLike, name: str, vocab_size: int) -> IntArray:
    """Returns the prompt as int64[length], length at least 1, ids below ``vocab_size``.

    Raises:
        EmptyPromptError: it has no token.
        InvalidValueError: it isn't a flat sequence of integers.
        TokenOutOfVocabularyError: it holds an id that the model doesn't know.
    """
    ids = np.asarray(prompt)
    if ids.size == 0:
        raise EmptyPromptError(f"{name} is empty; give at least one token (a begin token, for instance).")
    if ids.ndim != 1 or ids.dtype.kind not in "iu":
        raise InvalidValueError(
            f"{name} has dtype {ids.dtype} and shape {ids.shape}; give a flat sequence of token ids."
        )
    ids = ids.astype(np.int64)
    check_ids(ids, name, vocab_size)
    return ids


def check_ids(ids: IntArray, name: str, vocab_size: int) -> None:
    """Raises TokenOutOfVocabularyError unless every id is in [0, vocab_size)."""
    is_bad = (ids < 0) | (ids >= vocab_size)
    if is_bad.any():
        raise TokenOutOfVocabularyError(
            f"{name} holds token {ids[is_bad][0]}; the model knows 0 … {vocab_size - 1}. Does the tokenizer "
            "belong to this model?"
        )


def checked_integers(values: ArrayLike, name: str, count: int | None = None) -> IntArray:
    """Returns a flat int64 array, of ``count`` entries if that is given.

    Raises:
        InvalidValueError: it is of another shape or dtype.
    """
    array = np.asarray(values)
    is_flat = array.ndim == 1 and (array.dtype.kind in "iu" or array.size == 0)
    if not is_flat or (count is not None and len(array) != count):
        expected = "a flat sequence of integers" + (f", one for each of {count} rows" if count else "")
        raise InvalidValueError(f"{name} has dtype {array.dtype} and shape {array.shape}; give {expected}.")
    return array.astype(np.int64)


def checked_budgets(values: ArrayLike, count: int) -> IntArray:
    """Returns the most new tokens of each row, int64[count], each at least 1."""
    budgets = checked_integers(values, "max_new_tokens", count)
    if count and budgets.min() < 1:
        row = int(budgets.argmin())
        raise InvalidValueError(f"max_new_tokens[{row}] is {budgets[row]}; allowed: integers from 1.")
    return budgets


def check_context(prompts: Sequence[IntArray], budgets: IntArray, max_length: int) -> None:
    """Raises ContextLengthError unless every prompt and what may be added to it fit ``max_length``."""
    ends = np.array([len(prompt) for prompt in prompts], np.int64) + budgets
    row = int(ends.argmax())
    if ends[row] > max_length:
        raise ContextLengthError(
            f"prompt {row} of {len(prompts[row])} tokens with max_new_tokens {budgets[row]} needs "
            f"{ends[row]} positions; allowed are {max_length}. Shorten the prompt or the budget, or take a "
            "model with a longer context."
        )


def checked_max_length(max_length: int | None, context: int | None) -> int:
    """Returns the most tokens a row may have, given what was asked for and what the model allows."""
    if max_length is None:
        if context is None:
            raise InvalidValueError("the model's config names no context length; give max_length.")
        return context
    if max_length < 1:
        raise InvalidValueError(f"max_length is {max_length!r}; allowed: integers from 1.")
    if context is not None and max_length > context:
        raise ContextLengthError(f"max_length is {max_length}; the model's positions allow {context}.")
    return max_length


def banned_ids(allowed_ids: ArrayLike, vocab_size: int) -> np.ndarray:
    """Returns bool[vocab_size], True for the ids that aren't allowed."""
    ids = checked_integers(allowed_ids, "allowed_ids")
    if len(ids) == 0:
        raise InvalidValueError("allowed_ids is empty; allow at least one token, or give None for all.")
    check_ids(ids, "allowed_ids", vocab_size)
    is_banned = np.ones(vocab_size, bool)
    is_banned[ids] = False
    return is_banned
