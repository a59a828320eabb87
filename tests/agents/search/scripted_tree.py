"""A game whose every number is made up from the path: what searches are held against slow truths with."""

from __future__ import annotations

import numpy as np

from lmgym.records import Problem, Verdict
from lmgym.seeding import make_generator
from lmgym.tasks.base import SingleTurnTask, unfinished
from lmgym.tokenization import make_tokenizer
from lmgym_agents.search.expansion import Candidates
from lmgym_agents.search.states import Transitions

LETTERS = "abcdefgh"


class Spell(SingleTurnTask):
    """Say one of the good words; ends at ``.`` or at the budget."""

    def __init__(self, good=("ab.",)):
        self.good = frozenset(good)

    fingerprint = "Spell()"
    alphabet = LETTERS + "."

    def problems(self, split, indices):
        return [Problem(f"{index}:", None, split, index) for index in indices]

    def verify(self, transcript):
        if (verdict := unfinished(transcript)) is not None and verdict.reason != "overlong":
            return verdict
        is_good = transcript.response in self.good
        return Verdict("correct" if is_good else "wrong", "" if is_good else "wrong", score=float(is_good))

    def demonstrations(self, problem, rng):
        return (sorted(self.good)[0],)


class ScriptedGame:
    """Numbers by path; also an ``Expander`` and ``LeafValues`` over states of ``Spell``."""

    def __init__(self, *, width=3, depth=3, seed=0, has_q=False, good=("ab.",), dead=()):
        self.width, self.depth, self.seed, self.has_q, self.dead = width, depth, seed, has_q, set(dead)
        self.tokenizer = make_tokenizer("char")
        self.ids = [int(self.tokenizer.encode(letter)[0]) for letter in LETTERS[:width]]
        self.transitions = Transitions(Spell(good), self.tokenizer, max_new_tokens=depth)
        self.num_tokens, self.last_num_tokens = 0, np.zeros(0, np.int64)
        self.calls = []

    def _rng(self, path, what):
        return make_generator(self.seed, what, len(path), *path)

    def actions(self, path):
        if len(path) == self.depth or path in self.dead:
            return []
        return list(np.sort(np.log(self._rng(path, "prior").dirichlet(np.ones(self.width))))[::-1])

    def q(self, path):
        return list(self._rng(path, "q").random(self.width)) if self.has_q else None

    def value(self, path):
        return 0.0 if path in self.dead else float(self._rng(path, "value").random())

    def path(self, state):
        tokens = state.partial or self.tokenizer.encode(state.transcript.response)
        return tuple(self.ids.index(int(token)) for token in tokens)

    def expand(self, states, *, seed):
        self.calls.append(len(states))
        return [self._candidates(self.path(state)) for state in states]

    def _candidates(self, path):
        logps = np.array(self.actions(path))
        actions = tuple((token,) for token in self.ids[: len(logps)])
        q = np.array(self.q(path)) if self.has_q and len(logps) else None
        return Candidates(actions, logps, q, self.value(path), 1)

    def __call__(self, states, *, seed):
        self.last_num_tokens = np.full(len(states), 2)
        self.num_tokens += 2 * len(states)
        return np.array([self.value(self.path(state)) for state in states])


def statistics(root):
    """Returns visits and totals of the nodes of a tree by path."""
    visits, totals = {}, {}
    waiting = [((), root)]
    while waiting:
        path, node = waiting.pop()
        if node.visits:
            visits[path], totals[path] = node.visits, node.total
        waiting += [((*path, place), child) for place, child in enumerate(node.children)]
    return visits, totals
