"""Beam search: the best ``width`` states of each level are expanded, all problems side by side.

    search = Beam(expander, transitions, SearchBudget(max_nodes=64), width=4, score="q")

In: problems. Out: finished episodes, best first. Finished states hold their place in the beam, so a search
ends when ``width`` of them are found, or none is left to expand.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.records import Problem
from lmgym_agents.search.accounts import Account
from lmgym_agents.search.completion import verified
from lmgym_agents.search.expansion import Accept, Candidates, Expander, LeafValues
from lmgym_agents.search.foreign_parts import ask_expander, ask_values
from lmgym_agents.search.results import Candidate, Progress, SearchBudget, SearchResult
from lmgym_agents.search.states import Action, SearchState, Transitions
from lmgym_agents.search.tree import Node

Score = Literal["value", "q", "logp", "logp+value"]


class _Level:
    """One problem's beam and what it has found."""

    def __init__(self, problem: Problem, state: SearchState, account: Account) -> None:
        self.problem, self.account = problem, account
        self.root = Node(state=state)
        self.beam = [self.root]
        """To be expanded, best first."""
        self.was_cut = False
        """The budget did not hold the whole level."""
        self.finished: list[Node] = []
        self.seen = {state.tokens}


class Beam:
    """Keeps the best states of each level; see the module."""

    name = "beam"

    def __init__(
        self,
        expander: Expander,
        transitions: Transitions,
        budget: SearchBudget,
        *,
        width: int,
        score: Score = "q",
        values: LeafValues | None = None,
        value_weight: float = 1.0,
        accept: Accept = "any",
        keep_tree: bool = False,
    ) -> None:
        """Joins the parts.

        Args:
            expander: proposes actions.
            transitions: play and verify.
            budget: of each problem; where it holds only a part of a level, the best of it are expanded.
            width: states that stay of each level, finished ones included.
            score: "q": Q(s, a) of the expander, so that only the states that stay are made. "value": V(s')
                by ``values``, for which all children are made. "logp": log-prob of the path.
                "logp+value": log-prob of the path + ``value_weight`` · (V(s') by ``values``, else Q(s, a)).
            values: of states that follow.
            value_weight: see ``score``; nats for a unit of value.
            accept: "verifier": a search ends with the first level that has a correct episode, and wrong ones
                leave the beam. "any": every finished episode is a candidate.
            keep_tree: results have the tree, with what was left out.

        Raises:
            InvalidValueError: ``width`` below 1, an unknown ``score``, or "value" without ``values``.
        """
        if width < 1 or score not in get_args(Score) or (score == "value" and values is None):
            raise InvalidValueError(
                f"Beam needs width >= 1 and score of {get_args(Score)} ('value' with values=), got "
                f"width={width!r} and score={score!r}."
            )
        self._expander, self._transitions, self._budget = expander, transitions, budget
        self._width, self._score, self._accept, self._keep_tree = width, score, accept, keep_tree
        self._values = values if "value" in score else None
        self._value_weight = value_weight

    def search(
        self, problems: Sequence[Problem], *, seed: int = 0, on_progress: Progress | None = None
    ) -> list[SearchResult]:
        """See ``SearchMethod``."""
        started = time.monotonic()
        searches = [
            _Level(problem, self._transitions.start(problem), Account(self._budget, started))
            for problem in problems
        ]
        while active := [one for one in searches if one.account.stop is None]:
            for one in active:
                room = one.account.room()
                one.was_cut = room < len(one.beam)
                one.beam = one.beam[:room]
            nodes = [node for one in active for node in one.beam]
            found = iter(ask_expander(self._expander, [_state(node) for node in nodes], seed))
            levels = [self._edges(one, [next(found) for _ in one.beam]) for one in active]
            self._grow(active, levels, seed)
            if on_progress is not None:
                num_tokens = sum(one.account.num_tokens for one in searches)
                on_progress(sum(one.account.stop is not None for one in searches), num_tokens)
        return [self._result(one) for one in searches]

    def _edges(self, one: _Level, found: Sequence[Candidates]) -> _Edges:
        for node, candidates in zip(one.beam, found, strict=True):
            node.order, node.status = one.account.num_nodes, "closed" if candidates.actions else "dead"
            one.account.take(candidates)
        return _Edges(one.beam, found)

    def _grow(self, active: Sequence[_Level], levels: Sequence[_Edges], seed: int) -> None:
        """Scores the edges of every problem and makes its next beam."""
        values: NDArray[np.float64] | None = None
        if self._values is not None:
            for edges in levels:
                edges.make_states(self._transitions)
            states = [state for edges in levels for state in edges.states]
            values, tokens = np.zeros(0), np.zeros(0, np.int64)
            if states:
                values, tokens = ask_values(self._values, states, seed)
        place = 0
        for one, edges in zip(active, levels, strict=True):
            part = slice(place, place + len(edges.actions))
            place = part.stop
            if values is not None:
                one.account.num_tokens += int(tokens[part].sum())
            self._choose(one, edges, self._scores(edges, None if values is None else values[part]))
            self._settle(one)

    def _scores(self, edges: _Edges, values: NDArray[np.float64] | None) -> NDArray[np.float64]:
        if self._score == "logp":
            return edges.path_logps
        worth = edges.q if values is None else values
        if worth is None:
            raise InvalidValueError(
                f"score={self._score!r} needs a model that is a Q function, or values=; use score='logp'."
            )
        return worth if self._score in ("q", "value") else edges.path_logps + self._value_weight * worth

    def _choose(self, one: _Level, edges: _Edges, scores: NDArray[np.float64]) -> None:
        """Makes the next beam of the best children; of equals the likelier parent's and action's."""
        one.account.counts["nan_values"] += int(np.isnan(scores).sum())
        ranked = np.argsort(-scores, kind="stable")  # NaN comes last
        one.beam, num_kept = [], 0
        for at in ranked[: len(ranked) - int(np.isnan(scores).sum())].tolist():
            if num_kept == self._width and not self._keep_tree:
                break
            child = edges.child(at, float(scores[at]), keep=self._keep_tree)
            child.status = "pruned"
            if self._score == "value":
                child.value = child.estimate
            if num_kept == self._width:
                continue
            if child.state is None:
                child.state = self._transitions.apply(_state(edges.parents[at]), child.action)
            if child.state.tokens in one.seen:
                one.account.counts["duplicates"] += 1
                continue
            one.seen.add(child.state.tokens)
            num_kept += self._place(one, child, child.state)

    def _place(self, one: _Level, child: Node, state: SearchState) -> bool:
        """Puts a child where it belongs and returns whether it holds a place in the beam."""
        if not state.is_over:
            child.status = "open"
            one.beam.append(child)
            return True
        is_goal = self._accept == "any" or bool(verified(self._transitions, [state])[0])
        child.status = "goal" if is_goal else "dead"
        if is_goal:
            one.finished.append(child)
        return is_goal

    def _settle(self, one: _Level) -> None:
        """Closes the account where the search of a problem is over."""
        enough = 1 if self._accept == "verifier" else self._width
        if len(one.finished) >= enough:
            one.account.stop = "solved"
        elif not one.beam and not one.was_cut:
            one.account.stop = "solved" if one.finished else "exhausted"
        else:
            one.account.stop = one.account.used_up()

    def _result(self, one: _Level) -> SearchResult:
        candidates = [
            Candidate(state=_state(node), score=node.estimate, path_logp=node.path_logp, node=node)
            for node in sorted(one.finished, key=lambda node: -node.estimate)
        ]
        return one.account.result(one.problem, candidates, root=one.root if self._keep_tree else None)


class _Edges:
    """All children of one problem's beam, as arrays over edges."""

    def __init__(self, beam: Sequence[Node], found: Sequence[Candidates]) -> None:
        pairs = list(zip(beam, found, strict=True))
        self.parents = [node for node, candidates in pairs for _ in candidates.actions]
        self.actions: list[Action] = [action for candidates in found for action in candidates.actions]
        self.logps = np.concatenate([np.zeros(0), *(candidates.logps for candidates in found)])
        self.path_logps = self.logps + np.array([node.path_logp for node in self.parents], np.float64)
        known = [candidates.q for candidates in found if candidates.q is not None]
        num_known = sum(map(len, known))
        self.q = np.concatenate([np.zeros(0), *known]) if num_known == len(self.actions) else None
        self.states: list[SearchState] = []

    def make_states(self, transitions: Transitions) -> None:
        """Makes the state behind every edge."""
        pairs = zip(self.parents, self.actions, strict=True)
        self.states = [transitions.apply(_state(node), action) for node, action in pairs]

    def child(self, at: int, score: float, *, keep: bool) -> Node:
        """Returns the node behind one edge, made anew; with ``keep`` it hangs in the tree."""
        parent = self.parents[at]
        child = Node(
            state=self.states[at] if self.states else None,
            parent=parent,
            action=self.actions[at],
            depth=parent.depth + 1,
            logp=float(self.logps[at]),
            path_logp=float(self.path_logps[at]),
            estimate=score,
            value=None if self.q is None else float(self.q[at]),
        )
        if keep:
            parent.children.append(child)
        return child


def _state(node: Node) -> SearchState:
    assert node.state is not None
    return node.state
