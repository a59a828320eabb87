"""B episodes as text: problems, states, turns, verdicts and rewards, from which all environments are made.

Comes in: problems to begin with, and turns that the agent has finished. Goes out: replies, and what ended
turns earned. Left out: tokens (only their number, for budgets), observations, where problems come from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from typing import Any, NamedTuple, Self, cast

import numpy as np
from numpy.typing import NDArray

from lmgym.conversation import readable
from lmgym.envs.infos import Column, Columns
from lmgym.records import Problem, Scores, Transcript, Turn, Verdict
from lmgym.rewards import Normalized, Reward, StepCorrect, bind, score
from lmgym.rewards.compose import walk
from lmgym.tasks.base import SingleTurnTask, Task

# Records by the thousand are made straight from tuples: a named tuple's own constructor costs three times as
# much, and there are several for every response.
_make_turn = cast("Callable[[tuple[Any, ...]], Turn]", partial(tuple.__new__, Turn))
_make_transcript = cast("Callable[[tuple[Any, ...]], Transcript]", partial(tuple.__new__, Transcript))

Encode = Callable[[Sequence[str], Sequence[bool]], list[NDArray[np.int32]]]
"""Replies to tokens, and whether the agent's turns before them have ended; see ``lmgym.envs.replies``."""


class Reply(NamedTuple):
    """What the environment says between two turns of the agent."""

    row: int
    text: str
    tokens: NDArray[np.int32]


@dataclass(slots=True, kw_only=True)
class TurnEnds:
    """What happened to the N rows whose agent turn has just ended."""

    rows: NDArray[np.int64]
    """int64[N], in ascending order."""
    turns: list[Turn]
    """The agent's turns."""
    rewards: NDArray[np.float64]
    """float64[N], paid at the end of the turn."""
    failed: NDArray[np.bool_]
    """bool[N]; True: some reward of the episode could not be computed."""
    terminated: NDArray[np.bool_]
    """bool[N]; the task ended."""
    truncated: NDArray[np.bool_]
    """bool[N]; the episode's budget ended before the task did."""
    replies: list[Reply]
    """Replies of rows that go on; rows that go on without a reply are not among them."""
    verdicts: list[Verdict]
    """Verdicts of the ended rows, in their order."""
    terms: dict[str, NDArray[np.float64]]
    """Terms of the episode's rewards, summed over all payments, each float64[number of ended rows]."""
    first_wrong: NDArray[np.int64] | None = None
    """First wrong step of the ended rows, -1 if there is none; None unless the reward is about steps."""

    @property
    def ended(self) -> NDArray[np.bool_]:
        """bool[N]; the episode is over, for whatever reason."""
        return self.terminated | self.truncated


class Episodes:
    """The text side of B episodes; see the module."""

    def __init__(self, reward: Reward, encode: Encode, num_rows: int) -> None:
        self.reward = reward
        self._encode = encode
        self.problems: list[Problem | None] = [None] * num_rows
        self.states: list[Any] = [None] * num_rows
        self.turns: list[tuple[Turn, ...]] = [()] * num_rows
        self._tasks: list[Task] = []
        self._is_single_turn = False
        """True: every episode is over after its first turn, so there are no states and turns to keep."""
        self._task_numbers = np.zeros(num_rows, np.int64)
        """int64[B], which of ``_tasks`` each row was begun under; a curriculum's levels are several."""
        self._has_failed = np.zeros(num_rows, np.bool_)
        self._paid: dict[str, NDArray[np.float64]] = {}
        self._rewards: list[Reward] = []
        """``reward`` for each of ``_tasks``."""
        self._pays_steps = any(isinstance(part, StepCorrect) for part in walk(reward))
        self._normalized = [part for part in walk(reward) if isinstance(part, Normalized)]

    def begin(self, rows: NDArray[np.int64], task: Task, problems: Sequence[Problem]) -> None:
        """Starts ``problems`` in ``rows``."""
        self._task_numbers[rows] = self._number_of(task)
        for row, problem in zip(rows.tolist(), problems, strict=True):
            self.problems[row] = problem
        if not self._is_single_turn:
            for row, problem in zip(rows.tolist(), problems, strict=True):
                self.states[row] = task.start(problem)
                self.turns[row] = ()
        self._has_failed[rows] = False
        for paid in self._paid.values():
            paid[rows] = 0.0

    def _number_of(self, task: Task) -> int:
        """Returns the task's place in ``_tasks``, which only a curriculum makes longer than one."""
        for number, known in enumerate(self._tasks):
            if known is task or known.fingerprint == task.fingerprint:
                return number
        self._tasks.append(task)
        self._rewards.append(bind(self.reward, task))
        self._is_single_turn = all(isinstance(known, SingleTurnTask) for known in self._tasks)
        return len(self._tasks) - 1

    def _tasks_of(self, rows: NDArray[np.int64]) -> list[Task]:
        """Returns the task under which each of ``rows`` was begun."""
        return [self._tasks[number] for number in self._task_numbers[rows].tolist()]

    def end_turns(
        self,
        rows: NDArray[np.int64],
        turns: list[Turn],
        is_cut: NDArray[np.bool_],
        room: NDArray[np.int64],
    ) -> TurnEnds:
        """Lets the task answer the agent's turns, and verifies and pays what has to be.

        Args:
            rows: int64[N], distinct and ascending.
            turns: N agent turns.
            is_cut: bool[N]; True: the episode's budget ended in the middle of the turn, which the task
                therefore does not answer: the row is truncated.
            room: int64[N], tokens that the episode's budget leaves; a reply must fit in with one to spare.
        """
        terminated = np.zeros(len(turns), np.bool_)
        truncated = is_cut.copy()
        replies: list[Reply] = []
        if self._is_single_turn:
            terminated |= ~truncated  # what the `respond` of these tasks, which is final, would say
            said: list[tuple[Turn, ...]] = [(turn,) for turn in turns]
        else:
            waiting = self._respond(rows, turns, terminated, truncated)
            replies = self._fit_replies(rows, waiting, room, truncated) if waiting else []
            said = list(map(self.turns.__getitem__, rows.tolist()))
        ended = np.flatnonzero(terminated | truncated)
        is_paid_now = self.reward.pay != "episode"
        scored = np.arange(len(turns)) if is_paid_now else ended
        ends = TurnEnds(
            rows=rows, turns=turns, rewards=np.zeros(len(turns)), failed=self._has_failed[rows],
            terminated=terminated, truncated=truncated, replies=replies, verdicts=[], terms={},
        )  # fmt: skip
        if len(scored):
            self._settle(ends, said, scored, ended)
        for reply in replies:
            self.turns[reply.row] += (Turn("environment", reply.text),)
        return ends

    def pay_steps(self, rows: Sequence[int], partials: Sequence[str]) -> NDArray[np.float64]:
        """Returns what N steps earn that end in the middle of a turn, float64[N].

        Args:
            rows: N rows, the same one several times where several of its steps have ended.
            partials: the text of the turn up to the end of each step.
        """
        problems = [self.problems[row] for row in rows]
        turns = [
            (*self.turns[row], Turn("agent", text, False)) for row, text in zip(rows, partials, strict=True)
        ]
        no = [False] * len(rows)
        return self._score(np.asarray(rows, np.int64), problems, turns, no, no)[0]

    def _respond(
        self,
        rows: NDArray[np.int64],
        turns: list[Turn],
        terminated: NDArray[np.bool_],
        truncated: NDArray[np.bool_],
    ) -> list[tuple[int, str | None]]:
        """Returns (position, reply) of the rows that go on; marks the others in ``terminated``."""
        waiting = []
        everything = zip(rows.tolist(), turns, self._tasks_of(rows), strict=True)
        for position, (row, turn, task) in enumerate(everything):
            self.turns[row] += (turn,)
            if truncated[position]:
                continue
            state, reply, is_over = task.respond(self.states[row], turn)
            self.states[row] = state
            if is_over:
                terminated[position] = True
            else:
                waiting.append((position, reply))
        return waiting

    def _fit_replies(
        self,
        rows: NDArray[np.int64],
        waiting: list[tuple[int, str | None]],
        room: NDArray[np.int64],
        truncated: NDArray[np.bool_],
    ) -> list[Reply]:
        has_ended = [self.turns[rows[position]][-1].is_complete for position, _ in waiting]
        tokens = self._encode([reply or "" for _, reply in waiting], has_ended)
        replies = []
        for (position, text), ids in zip(waiting, tokens, strict=True):
            if len(ids) + 1 > room[position]:
                truncated[position] = True
            elif text is not None:
                replies.append(Reply(int(rows[position]), text, ids))
        return replies

    def _settle(
        self,
        ends: TurnEnds,
        said: list[tuple[Turn, ...]],
        scored: NDArray[np.int64],
        ended: NDArray[np.int64],
    ) -> None:
        """Fills in rewards, failures, verdicts and terms of the turns at the positions ``scored``."""
        rows = ends.rows[scored]
        positions = rows.tolist()
        values, verdicts, terms = self._score(
            rows,
            list(map(self.problems.__getitem__, positions)),
            said if len(scored) == len(said) else [said[position] for position in scored.tolist()],
            ends.terminated[scored].tolist(),
            ends.truncated[scored].tolist(),
        )
        ends.rewards[scored] = values
        ends.failed = self._has_failed[ends.rows]
        if len(ended) == len(scored):
            ends.verdicts = verdicts
        else:
            ends.verdicts = [verdicts[position] for position in ended.tolist()]
        if self.reward.pay == "episode":
            ends.terms = terms
        else:
            ends.terms = {name: paid[ends.rows[ended]] for name, paid in self._paid.items()}
        if self._pays_steps:
            ends.first_wrong = self._find_wrong(ends.rows[ended], [said[place] for place in ended.tolist()])

    def _score(
        self,
        rows: NDArray[np.int64],
        problems: list[Problem | None],
        turns: list[tuple[Turn, ...]],
        terminated: list[bool],
        truncated: list[bool],
    ) -> tuple[NDArray[np.float64], list[Verdict], dict[str, NDArray[np.float64]]]:
        unjudged = zip(problems, turns, terminated, truncated, repeat(None), strict=False)
        verdicts = self._verify(rows, list(map(_make_transcript, unjudged)))
        judged = zip(problems, turns, terminated, truncated, verdicts, strict=True)
        scores = self._score_by_task(rows, list(map(_make_transcript, judged)))
        if scores.failed.any():
            self._has_failed[rows[scores.failed]] = True
        if self.reward.pay != "episode":
            for name, term in scores.terms.items():
                paid = self._paid.setdefault(name, np.zeros(len(self.turns)))
                np.add.at(paid, rows, term)
        return scores.values, verdicts, scores.terms

    def _score_by_task(self, rows: NDArray[np.int64], transcripts: list[Transcript]) -> Scores:
        """Returns the scores under the task of each row; a curriculum's rows may be of several levels."""
        numbers = self._task_numbers[rows]
        if (numbers == numbers[0]).all():
            return score(self._rewards[numbers[0]], transcripts)
        values, terms, failed = (
            np.zeros(len(rows)),
            dict[str, NDArray[np.float64]](),
            np.zeros(len(rows), np.bool_),
        )
        for number in np.unique(numbers).tolist():
            places = np.flatnonzero(numbers == number)
            part = score(self._rewards[number], [transcripts[place] for place in places.tolist()])
            values[places], failed[places] = part.values, part.failed
            for name, term in part.terms.items():
                terms.setdefault(name, np.zeros(len(rows)))[places] = term
        return Scores(values, terms, failed)

    def _find_wrong(self, rows: NDArray[np.int64], said: list[tuple[Turn, ...]]) -> NDArray[np.int64]:
        """Returns the first wrong step of ended rows, -1 where there is none."""
        found = np.full(len(rows), -1, np.int64)
        for place, (row, turns) in enumerate(zip(rows.tolist(), said, strict=True)):
            reward, problem = self._rewards[self._task_numbers[row]], self.problems[row]
            steps = next(part for part in walk(reward) if isinstance(part, StepCorrect))
            assert problem is not None, row
            found[place] = steps.first_wrong_steps([Transcript(problem, turns)])[0]
        return found

    def _verify(self, rows: NDArray[np.int64], transcripts: list[Transcript]) -> list[Verdict]:
        numbers = self._task_numbers[rows]
        if (numbers == numbers[0]).all():
            verdicts: list[Verdict] = self._tasks[numbers[0]].verify_batch(transcripts)
            return verdicts
        tasks = self._tasks_of(rows)
        return [task.verify(transcript) for task, transcript in zip(tasks, transcripts, strict=True)]

    def restore(self, row: int, task: Task, problem: Problem, turns: Sequence[Turn]) -> None:
        """Puts ``row`` back to where ``turns`` have led: pure tasks give the state again."""
        state: Any = task.start(problem)
        for turn in turns:
            if turn.role == "agent":
                state = task.respond(state, turn).state
        self._task_numbers[row] = self._number_of(task)
        self.problems[row], self.states[row], self.turns[row] = problem, state, tuple(turns)

    def get_payments(self) -> dict[str, Any]:
        """Returns what the running episodes were paid so far, and what rewards remember."""
        return {
            "has_failed": self._has_failed.copy(),
            "paid": {name: paid.copy() for name, paid in self._paid.items()},
            "rewards": [reward.get_state() for reward in self._normalized],
        }

    def set_payments(self, payments: dict[str, Any]) -> None:
        self._has_failed = np.array(payments["has_failed"], np.bool_)
        self._paid = {str(name): np.array(paid, np.float64) for name, paid in payments["paid"].items()}
        for reward, state in zip(self._normalized, payments.get("rewards", ()), strict=False):
            reward.set_state(state)

    def clone(self) -> Self:
        """Returns a copy that goes on independently; problems, states and turns, immutable, are shared."""
        copy = type(self)(self.reward, self._encode, 0)
        copy._is_single_turn = self._is_single_turn
        copy._tasks, copy._task_numbers = list(self._tasks), self._task_numbers.copy()
        copy._rewards = list(self._rewards)
        copy.problems, copy.states, copy.turns = list(self.problems), list(self.states), list(self.turns)
        copy.set_payments(self.get_payments())
        return copy


def make_turns(texts: Sequence[str], is_complete: Sequence[bool]) -> list[Turn]:
    """Returns agent turns."""
    return list(map(_make_turn, zip(repeat("agent"), texts, is_complete, strict=False)))


def begin_columns(rows: NDArray[np.int64], problems: Sequence[Problem]) -> Columns:
    """Returns the infos of episodes that begin."""
    prompts, _, splits, indices, difficulties, _ = zip(*problems, strict=True)
    return {
        "prompt": Column(rows, [readable(prompt) for prompt in prompts]),
        "split": Column(rows, list(splits)),
        "problem_index": Column(rows, np.fromiter(indices, np.int64, len(indices))),
        "difficulty": Column(rows, np.fromiter(difficulties, np.float64, len(difficulties))),
    }


def turn_columns(ends: TurnEnds, chosen: NDArray[np.int64]) -> Columns:
    """Returns the infos that every ended turn has, of the turns at the positions ``chosen``."""
    rows = ends.rows[chosen]
    turns = [ends.turns[position] for position in chosen.tolist()]
    return {
        "response": Column(rows, [turn.text for turn in turns]),
        "stopped": Column(rows, np.array([turn.is_complete for turn in turns], np.bool_)),
    }


def end_columns(ends: TurnEnds, ended: NDArray[np.int64], num_tokens: Any, num_actions: Any) -> Columns:
    """Returns the infos of ended episodes (the turns at the positions ``ended``), those of the turn included.

    Args:
        ends: what happened.
        ended: positions of all ended episodes.
        num_tokens: int array[B], tokens in each row.
        num_actions: int array[B], actions of each row.
    """
    rows = ends.rows[ended]
    statuses, reasons, _, scores = zip(*ends.verdicts, strict=True)
    failed = ends.failed[ended]
    # A row without a reward has no terms either, else an average over rows would count it as 0.
    terms = {name: Column(rows[~failed], term[~failed]) for name, term in ends.terms.items()}
    steps = {} if ends.first_wrong is None else {"first_wrong_step": Column(rows, ends.first_wrong)}
    return turn_columns(ends, ended) | {
        "success": Column(rows, np.array([status == "correct" for status in statuses], np.bool_)),
        "status": Column(rows, list(statuses)),
        "reason": Column(rows, list(reasons)),
        "score": Column(rows, np.fromiter(scores, np.float64, len(scores))),
        "reward_terms": Column(rows, terms),
        "reward_failed": Column(rows, failed),
        "num_tokens": Column(rows, num_tokens[rows].astype(np.int64)),
        "num_actions": Column(rows, num_actions[rows].astype(np.int64)),
        **steps,
    }
