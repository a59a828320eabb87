"""What searches have found as rows to learn from: verified responses, and the statistics of trees.

In: search results. Out: attempts for the pool, token rows, and for trees rows whose frequency is the share of
visits. Left out: the pool, losses.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym.records import Verdict
from lmgym_agents.demonstrations import Rows
from lmgym_agents.search.mcts_targets import policy_targets
from lmgym_agents.search.results import SearchResult
from lmgym_agents.search.states import SearchState, Transitions
from lmgym_agents.search.tree import Node
from lmgym_agents.solution_pool import Attempt, Response


class ValueRows(NamedTuple):
    """Rows to learn from, right-padded; some say what a state is worth."""

    rows: Rows
    values: Tensor
    """float32[B], target of V at the state before the first action; NaN: none."""
    value_position: Tensor
    """int64[B], tokens of that state."""


class TreeRow(NamedTuple):
    """One action in one state of a tree."""

    tokens: tuple[int, ...]
    """The state, then the action."""
    start: int
    """Tokens of the state, at least 1."""
    share: float
    """Of the state's visits that went on by this action; a state's shares sum to 1."""
    value: float
    """Mean of what was backed up through the state."""
    is_target: bool
    """False: only the value is to be learned, as the tree holds no verified solution."""


def read_attempts(results: Sequence[SearchResult], transitions: Transitions) -> list[list[Attempt]]:
    """Returns all finished episodes of each problem's search with the verifier's word, one verdict each."""
    states = [candidate.state for result in results for candidate in result.candidates]
    verdicts: list[Verdict] = transitions.verify(states) if states else []
    attempts = iter(
        Attempt(transitions.text(state), state.tokens, actions_of(transitions, state), verdict.status)
        for state, verdict in zip(states, verdicts, strict=True)
    )
    return [[next(attempts) for _ in result.candidates] for result in results]


def actions_of(transitions: Transitions, state: SearchState) -> tuple[bool, ...]:
    """Returns for each token of a state whether the agent chose it."""
    if not any(turn.role == "environment" for turn in state.turns):
        start = len(state.tokens) - state.num_actions
        return (False,) * start + (True,) * state.num_actions
    ends = set(transitions.tokenizer.end_ids)
    is_action = [False] * len(transitions.start(state.problem).tokens)
    for turn in state.turns:
        if turn.role == "environment":
            is_action += [False] * len(transitions.tokenizer.encode(turn.text))
            continue
        rest = state.tokens[len(is_action) :]
        # A turn ends with its first end token, or with its budget.
        length = next((i + 1 for i, token in enumerate(rest) if token in ends), len(rest))
        is_action += [True] * min(length, transitions.max_new_tokens)
    # A last reply is no turn where the episode ended with it, and a last turn may be unfinished.
    is_open = bool(state.partial)
    is_action += [is_open] * (len(state.tokens) - len(is_action))
    return tuple(is_action)


def response_rows(responses: Sequence[Response]) -> Rows:
    """Returns responses as right-padded rows with a mark on the agent's tokens."""
    lengths = np.array([len(response.tokens) for response in responses], np.int64)
    ids = np.zeros((len(responses), int(lengths.max())), np.int64)
    is_target = np.zeros(ids.shape, np.bool_)
    for row, response in enumerate(responses):
        ids[row, : lengths[row]] = response.tokens
        is_target[row, : lengths[row]] = response.is_action
    return Rows(torch.from_numpy(ids), torch.from_numpy(lengths), torch.from_numpy(is_target))


def tree_rows(root: Node, *, min_visits: int = 2) -> list[TreeRow]:
    """Returns the actions of each state whose actions were visited ``min_visits`` times, with their shares.

    The shares are AlphaZero's policy target π'(a|s) = N(s, a) / Σ_b N(s, b); the values are the means of what
    was backed up. Empty states are left out: a model needs a token.
    """
    is_solved = any(node.status == "goal" for node in root.walk())
    return [
        TreeRow((*target.tokens, *action), len(target.tokens), float(share), target.value, is_solved)
        for target in policy_targets(root, min_visits=min_visits)
        if target.tokens
        for action, share in zip(target.actions, target.probabilities, strict=True)
        if share > 0
    ]


class TreeBuffer:
    """The tree rows of the latest rounds."""

    def __init__(self, *, max_rows: int, rounds: int) -> None:
        """Keeps at most ``max_rows`` rows, none older than ``rounds``."""
        self._max_rows, self._rounds = max_rows, rounds
        self.rows: list[TreeRow] = []
        self._found: list[int] = []

    def add(self, rows: Sequence[TreeRow], *, round: int) -> None:
        """Adds rows of a round and drops the oldest. NaN as a value is left out."""
        kept = [row for row in rows if np.isfinite(row.value)]
        self.rows += kept
        self._found += [round] * len(kept)
        start = max(0, len(self.rows) - self._max_rows)
        start = max(start, sum(found <= round - self._rounds for found in self._found))
        self.rows, self._found = self.rows[start:], self._found[start:]

    def draw(self, rng: np.random.Generator, count: int) -> list[TreeRow]:
        """Returns ``count`` rows in proportion to their shares, so that all states count alike."""
        shares = np.array([row.share for row in self.rows])
        places = rng.choice(len(shares), count, p=shares / shares.sum())
        return [self.rows[place] for place in places.tolist()]

    def state(self) -> dict[str, Any]:
        """Returns arrays."""
        return {
            "tokens": np.array([i for row in self.rows for i in row.tokens], np.int64),
            "numbers": np.array(
                [(len(r.tokens), r.start, r.is_target, found)
                 for r, found in zip(self.rows, self._found, strict=True)], np.int64,
            ).reshape(len(self.rows), 4),
            "shares": np.array(
                [(row.share, row.value) for row in self.rows], np.float64
            ).reshape(len(self.rows), 2),
        }  # fmt: skip

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state`` returned."""
        numbers: NDArray[np.int64] = np.asarray(state["numbers"])
        tokens = np.split(np.asarray(state["tokens"]), np.cumsum(numbers[:, 0]))[:-1]
        self.rows = [
            TreeRow(tuple(ids.tolist()), int(row[1]), float(share), float(value), bool(row[2]))
            for ids, row, (share, value) in zip(tokens, numbers, np.asarray(state["shares"]), strict=True)
        ]
        self._found = [int(row[3]) for row in numbers]


def join_rows(responses: Sequence[Response], trees: Sequence[TreeRow]) -> ValueRows:
    """Returns responses and rows of trees as one batch."""
    as_responses = [
        Response("", row.tokens, tuple(i >= row.start and row.is_target for i in range(len(row.tokens))), 0)
        for row in trees
    ]
    values = [float("nan")] * len(responses) + [row.value for row in trees]
    positions = [1] * len(responses) + [row.start for row in trees]
    rows = response_rows([*responses, *as_responses])
    return ValueRows(rows, torch.tensor(values, dtype=torch.float32), torch.tensor(positions))


def append_rows(batch: ValueRows, more: Rows) -> ValueRows:
    """Returns the batch with more rows, which have no values."""
    parts = (batch.rows, more)
    width = max(part.input_ids.shape[1] for part in parts)
    ids, is_target = (
        torch.cat([torch.nn.functional.pad(part[place], (0, width - part[place].shape[1])) for part in parts])
        for place in (0, 2)
    )
    rows = Rows(ids, torch.cat([part.lengths for part in parts]), is_target)
    count = len(more.lengths)
    return ValueRows(
        rows, torch.cat([batch.values, torch.full((count,), torch.nan)]),
        torch.cat([batch.value_position, torch.ones(count, dtype=torch.int64)]),
    )  # fmt: skip
