"""Next tokens as actions: one forward pass scores all of them in all states of a call.

In: states. Out: the likeliest tokens, each with its log-prob and, of a Q function, what it is worth. Left
out: where hidden states come from (``state_model``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lmgym.envs.token import allowed_tokens
from lmgym.errors import InvalidValueError
from lmgym_agents.search.expansion import NO_COUNTS, Candidates, no_candidates
from lmgym_agents.search.foreign_parts import LARGEST, ask_model
from lmgym_agents.search.states import SearchState, Transitions
from lmgym_agents.state_model import StateModel

_MAX_NUMBERS = 1 << 26
"""Log-probs that one call of the model returns: 256 MiB, and as much for Q."""


class TokenExpander:
    """Proposes single tokens; log-probs are the policy's own, over the whole vocabulary."""

    def __init__(
        self,
        model: StateModel,
        transitions: Transitions,
        *,
        top_k: int | None = None,
        top_p: float | None = None,
        allowed: Sequence[int] | None = None,
        min_logp: float | None = None,
    ) -> None:
        """Joins the parts; the restrictions apply in the order allowed, top_k, top_p, min_logp.

        Args:
            model: says log-probs, and Q where it can.
            transitions: of the same tokenizer.
            top_k: the most tokens of a state; None: all. Of equals at the edge any may go.
            top_p: the fewest likeliest tokens that have this share of the probability that is left.
            allowed: token ids; None: those spelt in the task's alphabet and the end tokens, or all if the
                task names no alphabet. Special tokens are never proposed by default, end tokens always.
            min_logp: tokens below it are left out.

        Raises:
            InvalidValueError: a restriction that leaves nothing, an unknown id, or a model with fewer tokens
                than the tokenizer.
        """
        num_tokens = transitions.tokenizer.vocab_size
        if model.vocab_size < num_tokens:
            raise InvalidValueError(
                f"the model knows {model.vocab_size} tokens and the tokenizer {num_tokens}; they must belong "
                "together."
            )
        if (top_k is not None and top_k < 1) or (top_p is not None and not 0 < top_p <= 1):
            raise InvalidValueError(
                f"top_k must be at least 1 and top_p in (0, 1], or None; got {top_k!r} and {top_p!r}."
            )
        self._model, self._top_k, self._top_p, self._min_logp = model, top_k, top_p, min_logp
        self._allowed = _allowed_ids(transitions, model.vocab_size, allowed)
        self._actions = [(token,) for token in self._allowed.tolist()]

    def expand(self, states: Sequence[SearchState], *, seed: int) -> list[Candidates]:
        """See ``Expander``; nothing is drawn, so ``seed`` is not used."""
        longest = self._model.max_length
        rows = [i for i, s in enumerate(states) if longest is None or len(s.tokens) <= longest]
        found = [no_candidates("too_long")] * len(states)
        size = max(1, _MAX_NUMBERS // self._model.vocab_size)
        for part in (rows[start : start + size] for start in range(0, len(rows), size)):
            for row, candidates in zip(part, self._score([states[i] for i in part]), strict=True):
                found[row] = candidates
        return found

    def _score(self, states: Sequence[SearchState]) -> list[Candidates]:
        """Returns the candidates of states that one forward pass takes."""
        said = ask_model(self._model, [state.tokens for state in states])
        logps = said.logps[:, self._allowed].astype(np.float64)
        q = None if said.q is None else said.q[:, self._allowed].astype(np.float64)
        # What can't be compared is left out and counted; -inf is an honest "never".
        bad_logps = np.isnan(logps) | (logps == np.inf)
        bad_q = np.zeros_like(bad_logps) if q is None else ~(np.abs(q) < LARGEST)
        ranked = np.where(bad_logps | bad_q, -np.inf, logps)
        order, num_kept = self._choose(ranked)
        values = np.zeros(len(states)) if said.values is None else said.values.astype(np.float64)
        nan_logps, nan_q = bad_logps.sum(axis=1).tolist(), bad_q.sum(axis=1).tolist()
        found = []
        for place, value in enumerate(values.tolist()):
            kept = order[place, : num_kept[place]]
            is_known = abs(value) < LARGEST
            counts = NO_COUNTS
            if nan_logps[place] or nan_q[place] or not is_known:
                numbers = {
                    "nan_logps": nan_logps[place], "nan_q": nan_q[place], "nan_values": int(not is_known),
                }  # fmt: skip
                counts = {name: number for name, number in numbers.items() if number}
            actions = tuple([self._actions[at] for at in kept.tolist()])
            known = None if said.values is None or not is_known else value
            worth = None if q is None else q[place, kept]
            found.append(Candidates(actions, ranked[place, kept], worth, known, 1, counts))
        return found

    def _choose(self, ranked: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Returns the places of the likeliest tokens, int64[n, k], best first, and how many of them stay."""
        size = ranked.shape[1]
        k = min(self._top_k or size, size)
        if k < size:
            near = np.sort(np.argpartition(-ranked, k - 1, axis=1)[:, :k], axis=1)
            inner = np.argsort(-np.take_along_axis(ranked, near, 1), axis=1, kind="stable")
            order = np.take_along_axis(near, inner, 1)
        else:
            order = np.argsort(-ranked, axis=1, kind="stable")
        sorted_logps = np.take_along_axis(ranked, order, 1)
        is_kept = sorted_logps > -np.inf
        if self._min_logp is not None:
            is_kept &= sorted_logps >= self._min_logp
        if self._top_p is not None:
            mass = np.exp(sorted_logps).cumsum(axis=1)
            is_kept[:, 1:] &= mass[:, :-1] < self._top_p * mass[:, -1:]
        return order, is_kept.sum(axis=1)


def _allowed_ids(
    transitions: Transitions, vocab_size: int, allowed: Sequence[int] | None
) -> NDArray[np.int64]:
    if allowed is None:
        setup = dataclasses.replace(transitions.setup, mask_actions=True)
        ids = np.flatnonzero(allowed_tokens(setup))
        specials = {transitions.tokenizer.pad_id, *transitions.tokenizer.prefix_ids}
        return ids[~np.isin(ids, list(specials - set(transitions.tokenizer.end_ids)))]
    ids = np.unique(np.asarray(allowed, np.int64))
    if not len(ids) or ids[0] < 0 or ids[-1] >= vocab_size:
        raise InvalidValueError(f"allowed must name tokens in [0, {vocab_size}), got {allowed!r}.")
    return ids
