"""Log-probs and last hidden states of given actions, with each state's prefix computed once for all of them.

In: states as token rows, for each its candidate actions. Out: the log-prob of every token of every candidate,
and the hidden state after each candidate, for Q and value heads to read. Left out: where actions come from.

Nothing is sampled, so all tokens of all candidates go through the model side by side, and those that
candidates share go through it once.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym_agents.policy import Policy
from lmgym_agents.prefixes.store import Method, PrefixStore, Row
from lmgym_agents.token_logps import token_logps

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


class CandidateScores(NamedTuple):
    """What a policy says of up to K actions, of up to L tokens, at each of B states; 0 in padding."""

    logps: Float[Tensor, "B K L"]
    """float32, log-prob of each token given the state and the tokens before it, at temperature 1."""
    sums: Float[Tensor, "B K"]
    """float32, log-prob of each candidate."""
    hidden: Float[Tensor, "B K D"]
    """The last hidden state after each candidate, in the model's dtype."""
    is_candidate: Bool[Tensor, "B K"]
    """Where there is one."""


@torch.inference_mode()
def score_candidates(
    policy: Policy,
    states: Sequence[Row],
    candidates: Sequence[Sequence[Row]],
    *,
    store: PrefixStore | None = None,
    method: Method = "auto",
) -> CandidateScores:
    """Returns the log-probs of given actions and the hidden states after them.

    Args:
        policy: its present weights are used.
        states: B rows, none of them empty.
        candidates: for each state any number of token rows, none of them empty.
        store: what holds the states' keys and values already (``CachedHidden.store``), and will hold the
            candidates' too; None: one for this call alone.
        method: of a store for this call alone, see ``PrefixStore``.

    Raises:
        InvalidValueError: no candidate at all, an empty one, an empty state, or lists of different lengths.
        TokenOutOfVocabularyError: an id that the model doesn't know.
        ContextLengthError: a state with a candidate is longer than the model's context.
        UnsupportedModelError: the model's forward pass is not written out here.
    """
    if len(states) != len(candidates):
        raise InvalidValueError(f"{len(states)} states with candidates for {len(candidates)}.")
    owners = [place for place, actions in enumerate(candidates) for _ in actions]
    actions = [list(map(int, action)) for of_state in candidates for action in of_state]
    if not actions or not all(actions):
        raise InvalidValueError("candidates must have at least a token each, and there must be one at least.")
    prefixes = [list(map(int, state)) for state in states]
    rows = [prefixes[owner] + action for owner, action in zip(owners, actions, strict=True)]
    firsts = [len(prefixes[owner]) - 1 for owner in owners]
    if min(firsts) < 0:
        raise InvalidValueError("a state is empty; give at least one token (a begin token, for instance).")
    if store is None:
        store = PrefixStore(policy, max_tokens=_num_tokens(prefixes, rows, firsts), method=method)
    found = store.hidden(rows, firsts)
    return _arrange(policy, found, actions, owners, len(states))


def _num_tokens(prefixes: list[list[int]], rows: list[list[int]], firsts: list[int]) -> int:
    new = sum(len(row) - first - 1 for row, first in zip(rows, firsts, strict=True))
    return sum(map(len, prefixes)) + new


def _arrange(
    policy: Policy, found: Tensor, actions: list[list[int]], owners: list[int], num_states: int
) -> CandidateScores:
    """Reads the output layer and puts everything where it belongs.

    Args:
        policy: whose output layer is read.
        found: [k, D], for each candidate the state before each of its tokens and the one after the last.
        actions: N candidates.
        owners: the state that each belongs to, ascending.
        num_states: B.
    """
    sizes = np.array([len(action) for action in actions])
    counts = np.bincount(owners, minlength=num_states)
    columns = np.arange(len(owners)) - np.repeat(counts.cumsum() - counts, counts)
    is_end = torch.zeros(len(found), dtype=torch.bool)
    is_end[torch.from_numpy((sizes + 1).cumsum() - 1)] = True
    is_end = is_end.to(found.device)
    tokens = torch.tensor([token for action in actions for token in action], device=found.device)
    of_tokens, _ = token_logps(
        found[~is_end],
        tokens,
        policy.output_logits,
        vocab_size=policy.vocab_size,
        temperature=1.0,
        need_entropy=False,
        max_logits=policy.max_logits,
    )
    place = torch.from_numpy(np.repeat(np.asarray(owners) * int(counts.max()) + columns, sizes))
    offset = torch.from_numpy(np.arange(sizes.sum()) - np.repeat(sizes.cumsum() - sizes, sizes))
    shape = (num_states, int(counts.max()))
    logps = of_tokens.new_zeros(shape[0] * shape[1], int(sizes.max()))
    logps[place.to(found.device), offset.to(found.device)] = of_tokens
    rows, cells = torch.tensor(owners), torch.from_numpy(columns)
    hidden = found.new_zeros(*shape, found.shape[1])
    hidden[rows.to(found.device), cells.to(found.device)] = found[is_end]
    is_candidate = torch.from_numpy(np.arange(shape[1]) < counts[:, None]).to(found.device)
    logps = logps.unflatten(0, shape)
    return CandidateScores(logps, logps.sum(-1), hidden, is_candidate)
