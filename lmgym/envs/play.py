"""Rows of episodes joined with the problems they play: everything that environments keep between calls.

Comes in: which rows begin, and how. Goes out: begun problems, states to save, copies. Left out: actions and
observations, which differ between tokens and text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, NamedTuple, Protocol, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from lmgym.envs.curriculum import CurriculumTracker
from lmgym.envs.episodes import Episodes, TurnEnds
from lmgym.envs.row_problems import RowProblems
from lmgym.envs.setup import Setup
from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem, Turn
from lmgym.tasks.base import Task, check_split


class Rows(Protocol):
    """What token rows and text rows have in common."""

    setup: Setup
    episodes: Episodes
    is_live: NDArray[np.bool_]

    def begin(self, rows: NDArray[np.int64], task: Task, problems: Sequence[Problem]) -> None: ...
    def clone(self) -> Self: ...
    def get_state(self) -> dict[str, Any]: ...
    def set_state(self, state: dict[str, Any]) -> None: ...


RowsT = TypeVar("RowsT", bound=Rows)


class Pick(NamedTuple):
    """Which problems a reset begins with: those that come next, or those that the caller names."""

    split: str | None = None
    indices: list[int] | None = None
    """One problem index for each row that begins."""


class Play(Generic[RowsT]):
    """B rows, the stream of their problems and the curriculum."""

    def __init__(self, rows: RowsT, num_rows: int) -> None:
        setup = rows.setup
        self.rows = rows
        self.stream = RowProblems(num_rows)
        self._levels = np.ones(num_rows, np.int64)
        self.curriculum = CurriculumTracker(setup.task, setup.curriculum) if setup.curriculum else None

    @property
    def task(self) -> Task:
        """The task from which the next problem will come; a curriculum changes its level."""
        return self.curriculum.task if self.curriculum else self.rows.setup.task

    def begin(self, rows: NDArray[np.int64], pick: Pick) -> list[Problem]:
        """Starts problems in ``rows`` and returns them. Named problems do not move the stream on."""
        task, split = self.task, pick.split or self.rows.setup.split
        if pick.indices is None:
            problems = self.stream.draw(rows, task, split)
        else:
            problems = task.problems(split, pick.indices)
        self.rows.begin(rows, task, problems)
        self._levels[rows] = task.level
        return problems

    def observe(self, ends: TurnEnds) -> None:
        """Tells the curriculum which episodes ended and how; failed rewards say nothing of the agent."""
        if self.curriculum is None:
            return
        ended = ends.ended
        counts = ~ends.failed[ended]
        levels = self._levels[ends.rows[ended]][counts].tolist()
        successes = np.array([verdict.status == "correct" for verdict in ends.verdicts], np.bool_)
        self.curriculum.observe(levels, successes[counts].tolist())

    def clone(self) -> Self:
        """Returns a copy that goes on independently."""
        copy = object.__new__(type(self))
        copy.rows, copy.stream = self.rows.clone(), self.stream.clone()
        copy._levels = self._levels.copy()
        copy.curriculum = self.curriculum.clone() if self.curriculum else None
        return copy

    def get_state(self) -> dict[str, Any]:
        """Returns everything that later steps depend on, as JSON values and numpy arrays."""
        setup, episodes = self.rows.setup, self.rows.episodes
        return {
            "task": setup.task.fingerprint,
            "tokenizer": setup.tokenizer.fingerprint,
            "context_length": setup.context_length,
            "num_rows": len(self._levels),
            "rows": self.rows.get_state(),
            "payments": episodes.get_payments(),
            "stream": self.stream.get_state(),
            "levels": self._levels.copy(),
            "curriculum": self.curriculum.get_state() if self.curriculum else None,
            "episodes": [
                None
                if problem is None
                else {"split": problem.split, "index": problem.index, "turns": [list(turn) for turn in turns]}
                for problem, turns in zip(episodes.problems, episodes.turns, strict=True)
            ],
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Goes back to a state of ``get_state``, taken from any environment with the same options.

        Raises:
            InvalidValueError: the state is of another task, tokenizer, size or curriculum.
        """
        self._check_state(state)
        self.rows.set_state(state["rows"])
        self.rows.episodes.set_payments(state["payments"])
        self.stream.set_state(state["stream"])
        self._levels[:] = state["levels"]
        if self.curriculum:
            self.curriculum.set_state(state["curriculum"])
        for row, episode in enumerate(state["episodes"]):
            if episode is not None:
                task = self._task_at(int(self._levels[row]))
                problem = task.problem(episode["split"], int(episode["index"]))
                turns = [Turn(role, text, bool(whole)) for role, text, whole in episode["turns"]]
                self.rows.episodes.restore(row, task, problem, turns)

    def _task_at(self, level: int) -> Task:
        return self.task if level == self.task.level else self.task.at_level(level)

    def _check_state(self, state: Mapping[str, Any]) -> None:
        own = self.get_state()
        missing = sorted(set(own) - set(state))
        if missing:
            raise InvalidValueError(f"state lacks {', '.join(missing)}; give what get_state returned.")
        for key in ("task", "tokenizer", "context_length", "num_rows"):
            if state[key] != own[key]:
                raise InvalidValueError(
                    f"the state was taken where {key} is {state[key]!r}, but here it is {own[key]!r}; make "
                    "the environment with the same options."
                )
        if (state["curriculum"] is None) != (self.curriculum is None):
            raise InvalidValueError("the state and this environment must both have a curriculum, or neither.")


def read_pick(options: Mapping[str, Any], task: Task, num_rows: int, chosen: NDArray[np.int64]) -> Pick:
    """Returns what the reset options "split" and "problem_index" ask for.

    Args:
        options: the reset options.
        task: the environment's task, which knows the splits.
        num_rows: B; "problem_index" is an integer for all rows or an array of B.
        chosen: the rows that begin.

    Raises:
        UnknownNameError: an unknown split.
        InvalidValueError: indices of the wrong type, shape or range.
    """
    split = options.get("split")
    if split is not None:
        check_split(task, split)
    given = options.get("problem_index")
    if given is None:
        return Pick(split)
    indices = np.asarray(given)
    if indices.dtype.kind not in "iu" or indices.shape not in ((), (num_rows,)):
        raise InvalidValueError(
            f"options['problem_index'] must be an integer or an integer array of {num_rows}, "
            f"got {indices.dtype}{list(indices.shape)}: {given!r}."
        )
    picked = np.broadcast_to(indices, num_rows)[chosen].tolist()
    if picked and not (min(picked) >= 0 and max(picked) < 2**63):
        raise InvalidValueError(f"options['problem_index'] must be in [0, 2**63), got {given!r}.")
    return Pick(split, picked)


def check_options(options: Mapping[str, Any] | None, allowed: tuple[str, ...]) -> dict[str, Any]:
    """Returns the reset options as a dictionary of their own.

    Raises:
        UnknownNameError: an option that is not in ``allowed``.
    """
    for name in options or {}:
        if name not in allowed:
            raise UnknownNameError("option of reset", name, allowed)
    return dict(options or {})


def check_seed(seed: object) -> int:
    """Returns the seed as an int.

    Raises:
        InvalidValueError: it is not a non-negative integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidValueError(f"seed must be a non-negative integer or None, got {seed!r}.")
    return int(seed)
