"""Which training problems a round of expert iteration poses, and demonstrations of single problems.

The choice of a round is made once, at its beginning, and kept in the state: what was solved since must not
change it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lmgym.records import Problem
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task
from lmgym_agents.algorithms.expert_iteration_config import ExpertIterationConfig
from lmgym_agents.algorithms.expert_rows import actions_of
from lmgym_agents.search.states import Transitions
from lmgym_agents.solution_pool import Attempt, SolutionPool

_DRAW = 256


class PosedProblems:
    """The problems of the present round, all of one level, no prompt twice."""

    def __init__(self, config: ExpertIterationConfig) -> None:
        self._config = config
        self.is_fresh = config.fresh
        self._cursor: dict[int, int] = {}
        """By level: how far the split has been gone through."""
        self._indices: list[int] = []

    def choose(self, task: Task, pool: SolutionPool, number: int) -> None:
        """Chooses the problems of round ``number``; fewer where the split has no more."""
        config = self._config
        rng = make_generator(config.seed, "expert", "again", number)
        failed = pool.unsolved(task.level)
        num_again = min(len(failed), int(config.retry_share * config.problems))
        again = [
            failed[place] for place in sorted(rng.choice(len(failed), num_again, replace=False).tolist())
        ]
        prompts = {problem.prompt for problem in task.problems("train", again)} if again else set()
        start = self._cursor.get(task.level, 0) if self.is_fresh else 0
        new, stop = _next_different(task, start, config.problems - num_again, prompts)
        self._indices = [*new, *again]
        if self.is_fresh:
            self._cursor[task.level] = stop

    def problems(self, task: Task, part: int) -> list[Problem]:
        """Returns those of one part of the round."""
        size = self._config.problems_per_update
        indices = self._indices[part * size : (part + 1) * size]
        return task.problems("train", indices) if indices else []

    def state(self) -> dict[str, Any]:
        """Returns plain values."""
        return {
            "is_fresh": self.is_fresh,
            "cursor": [[level, place] for level, place in sorted(self._cursor.items())],
            "indices": np.array(self._indices, np.int64),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state`` returned."""
        self.is_fresh = bool(state["is_fresh"])
        self._cursor = {int(level): int(place) for level, place in state["cursor"]}
        self._indices = [int(index) for index in np.asarray(state["indices"])]


def _next_different(task: Task, start: int, count: int, taken: set[str]) -> tuple[list[int], int]:
    """Returns the next ``count`` indices with prompts that are not taken, and where to go on.

    Gives up once ten times as many draws as it has found brought nothing new.
    """
    seen = set(taken)
    found: list[int] = []
    place, last_new = start, start
    while len(found) < count and place - last_new <= 10 * len(found) + _DRAW:
        for problem in task.problems("train", range(place, place + _DRAW)):
            place += 1
            if problem.prompt not in seen:
                seen.add(problem.prompt)
                found.append(problem.index)
                last_new = place
                if len(found) == count:
                    break
    return found, place


def demonstrate(transitions: Transitions, problem: Problem, rng: np.random.Generator) -> Attempt | None:
    """Returns the task's demonstration as the verifier judges it; None where it does not fit the budgets."""
    state = transitions.start(problem)
    tokenizer = transitions.tokenizer
    for text in transitions.task.demonstrations(problem, rng):
        action = (*(int(token) for token in tokenizer.encode(text)), tokenizer.end_id)
        if state.is_over or len(action) > transitions.tokens_left(state):
            return None
        state = transitions.apply(state, action)
    if not state.is_over:
        return None
    verdict = transitions.verify([state])[0]
    return Attempt(transitions.text(state), state.tokens, actions_of(transitions, state), verdict.status)
