"""Asks models, expanders and leaf values, which may be anybody's, and refuses answers of a wrong shape.

In: a part of a search and what it is asked. Out: its answer, known to have the shape of its contract. NaN and
infinities pass, as searches leave them out and count them; numbers too large to calculate with become NaN.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym_agents.search.expansion import Candidates, Expander, LeafValues
from lmgym_agents.search.states import SearchState
from lmgym_agents.state_model import Row, StateEvaluation, StateModel

LARGEST = 1e100
"""Values beyond it could not be added up or squared."""


def ask_model(model: StateModel, rows: Sequence[Row]) -> StateEvaluation:
    """Returns what a model says of n prefixes.

    Raises:
        InvalidValueError: not a ``StateEvaluation``, or arrays of another shape than [n, V], [n, V] and [n].
    """
    said = model.evaluate(rows)
    shape = (len(rows), model.vocab_size)
    if not isinstance(said, StateEvaluation):
        raise _refused(model, "evaluate", "a StateEvaluation", said)
    for name, array, wanted in (
        ("logps", said.logps, shape), ("q", said.q, shape), ("values", said.values, shape[:1]),
    ):  # fmt: skip
        if array is None and name != "logps":
            continue
        if not isinstance(array, np.ndarray) or array.shape != wanted:
            raise _refused(model, "evaluate", f"{name} of shape {list(wanted)}", array)
    return said


def ask_expander(expander: Expander, states: Sequence[SearchState], seed: int) -> list[Candidates]:
    """Returns the candidates of each state.

    Raises:
        InvalidValueError: not as many ``Candidates`` as states, or not a number for each of their actions.
    """
    found = expander.expand(states, seed=seed)
    if not isinstance(found, list) or len(found) != len(states):
        raise _refused(expander, "expand", f"a list of {len(states)} Candidates, one for each state", found)
    for candidates in found:
        if not isinstance(candidates, Candidates):
            raise _refused(expander, "expand", "Candidates", candidates)
        shape = (len(candidates.actions),)
        if np.shape(candidates.logps) != shape:
            raise _refused(expander, "expand", f"logps of shape {list(shape)}", candidates.logps)
        if candidates.q is not None and np.shape(candidates.q) != shape:
            raise _refused(expander, "expand", f"q of shape {list(shape)}", candidates.q)
        if candidates.num_tokens < 0:
            raise _refused(expander, "expand", "num_tokens from 0", candidates.num_tokens)
    return found


def ask_values(
    values: LeafValues, states: Sequence[SearchState], seed: int
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Returns what each of n states is worth, and the tokens that this cost.

    Raises:
        InvalidValueError: not n numbers of both.
    """
    worth = values(states, seed=seed)
    shape = (len(states),)
    if not isinstance(worth, np.ndarray) or worth.shape != shape:
        raise _refused(values, "__call__", f"an array of shape {list(shape)}", worth)
    tokens = values.last_num_tokens
    if np.shape(tokens) != shape:
        raise _refused(values, "last_num_tokens", f"an array of shape {list(shape)}", tokens)
    return np.where(np.abs(worth) < LARGEST, worth, np.nan), tokens


def _refused(part: object, method: str, wanted: str, given: object) -> InvalidValueError:
    shape = getattr(given, "shape", None)
    if shape is not None:
        said = f"an array of shape {list(shape)}"
    elif isinstance(given, list):
        said = f"a list of {len(given)}"
    else:
        said = repr(given)[:80]
    return InvalidValueError(f"{type(part).__name__}.{method} must give {wanted}, got {said}.")
