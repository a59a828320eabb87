"""Rewards from judges: ``Judged`` (a mark or a pass) and ``WinRate`` (against a reference response).

    reward = Judged(EndpointJudge("http://127.0.0.1:8000/v1", "my-model")) - 0.001 * Length()
    reward = WinRate(judge, references=lambda transcript: "I can't help with that.")

Comes in: transcripts, and a judge or a reward model. Goes out: numbers in [0, 1]. Where the judge has no
verdict the row is failed, never paid 0. An answer that says nothing ("", ":", "Solution") is paid 0 without
asking anybody, because models are known to give it good marks. Left out: the judges themselves
(``lmgym.judges``, ``lmgym_agents.judging``) and reward models (``lmgym_agents.reward_models``).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol, Self, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from lmgym.conversation import plain
from lmgym.errors import InvalidValueError, RewardError
from lmgym.records import Scores, Transcript
from lmgym.rewards.base import Pay
from lmgym.rewards.compose import Term, check_pay
from lmgym.rewards.empty_answers import is_empty_answer
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task

NO_REFERENCE = "no reference response"
"""Reason of a row whose problem has no reference response to win against."""


@runtime_checkable
class MarkingJudge(Protocol):
    """Gives marks."""

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Scores:
        """Returns marks in [0, 1]; rows without a verdict are failed, with their reasons."""


@runtime_checkable
class ComparingJudge(Protocol):
    """Says whether a response is better than another."""

    def win_rates(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[str]
    ) -> Scores:
        """Returns the chance that each response is the better one; rows without a verdict are failed."""


@runtime_checkable
class Scorer(Protocol):
    """A reward model: a real number a response, of which differences mean log-odds of being preferred."""

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> NDArray[np.float64]:
        """Returns float64[B]."""


@dataclass(frozen=True, eq=False)
class Judged(Term):
    """The judge's mark of the last response, in [0, 1]; the term is called "judged".

    Raises:
        InvalidValueError: a judge that gives no marks, or an unknown ``pay``.
    """

    judge: MarkingJudge
    refuse_empty: bool = True
    """an answer that says nothing is paid 0 and the judge is not asked"""
    pay: Pay = "episode"

    def __post_init__(self) -> None:
        check_pay(self.pay)
        if not callable(getattr(self.judge, "score", None)):
            raise InvalidValueError(f"Judged.judge must have score(prompts, responses), got {self.judge!r}.")

    @property
    def name(self) -> str:
        return "judged"

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        def ask(rows: Sequence[Transcript]) -> Scores:
            found = self.judge.score([prompt_of(row) for row in rows], [row.response for row in rows])
            if not isinstance(found, Scores):
                raise RewardError(
                    f"Judged.judge gave a {type(found).__name__} and no Scores; a reward model is a reward "
                    "of its own, or the judge of WinRate."
                )
            return found

        return _score_rows(self.name, transcripts, ask, refuse_empty=self.refuse_empty)


@dataclass(frozen=True, eq=False)
class WinRate(Term):
    """The chance that the last response is better than a reference response; the term is "win_rate".

    Of a judge: the mean of both orders, so that a place can't win. Of a reward model: the sigmoid of the
    difference of the two scores, which is what its training makes of them (Bradley and Terry). A row without
    a reference is failed.

    Raises:
        InvalidValueError: a judge that neither compares nor scores, ``references`` of another type, or an
            unknown ``pay``.
    """

    judge: ComparingJudge | Scorer
    references: Callable[[Transcript], str | None] | Sequence[str] | str | None = None
    """None: the problem's own reference, where it is text, else the task's demonstration of this turn; a text
    for all rows; one for each index of the split, taken modulo their number; or a function from the
    transcript"""
    refuse_empty: bool = True
    """an answer that says nothing is paid 0 and the judge is not asked"""
    pay: Pay = "episode"
    task: Task | None = field(default=None, repr=False)
    """whose demonstrations are references; environments fill it in"""

    def __post_init__(self) -> None:
        check_pay(self.pay)
        if not any(callable(getattr(self.judge, name, None)) for name in ("win_rates", "score")):
            raise InvalidValueError(
                f"WinRate.judge must have win_rates(...) or score(...), got {self.judge!r}."
            )
        given = self.references
        is_list = isinstance(given, list | tuple) and given and all(isinstance(text, str) for text in given)
        if not (given is None or isinstance(given, str) or callable(given) or is_list):
            raise InvalidValueError(
                "WinRate.references must be None, a text, a list of texts that is not empty, or a function "
                f"from a transcript to a text, got {given!r:.200}."
            )

    @property
    def name(self) -> str:
        return "win_rate"

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def bound_to(self, task: Task) -> Self:
        return replace(self, task=task)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        return _score_rows(self.name, transcripts, self._ask, refuse_empty=self.refuse_empty)

    def _ask(self, transcripts: Sequence[Transcript]) -> Scores:
        references = [self._reference(transcript) for transcript in transcripts]
        rows = [i for i, reference in enumerate(references) if reference is not None]
        known = [transcripts[i] for i in rows]
        against = [reference for reference in references if reference is not None]
        found = self._win_rates(known, against) if known else None
        values, failed = np.zeros(len(transcripts)), np.ones(len(transcripts), np.bool_)
        reasons = [NO_REFERENCE] * len(transcripts)
        if found is not None:
            values[rows], failed[rows] = found.values, found.failed
            for place, row in enumerate(rows):
                reasons[row] = found.reasons[place] if found.reasons else ""
        return Scores(values, {}, failed, tuple(reasons))

    def _win_rates(self, transcripts: Sequence[Transcript], references: Sequence[str]) -> Scores:
        prompts, responses = [prompt_of(row) for row in transcripts], [row.response for row in transcripts]
        if isinstance(self.judge, ComparingJudge):
            return self.judge.win_rates(prompts, responses, references)
        texts = [plain(text) for text in (*responses, *references)]  # no response says who speaks
        both = np.asarray(self.judge.score([*prompts, *prompts], texts), np.float64)
        ours, theirs = both[: len(prompts)], both[len(prompts) :]
        failed = ~(np.isfinite(ours) & np.isfinite(theirs))
        difference = np.where(failed, 0.0, ours) - np.where(failed, 0.0, theirs)
        values = 1 / (1 + np.exp(-np.clip(difference, -700, 700)))
        return Scores(values, {}, failed, tuple("not a number" if failure else "" for failure in failed))

    def _reference(self, transcript: Transcript) -> str | None:
        given = self.references
        if isinstance(given, str):
            return given
        if callable(given):
            return given(transcript)
        if given is not None:
            return given[transcript.problem.index % len(given)]
        reference = transcript.problem.reference
        return reference if isinstance(reference, str) else self._demonstration(transcript)

    def _demonstration(self, transcript: Transcript) -> str | None:
        """Returns the task's own response in the place of the last one; the same for equal problems."""
        if self.task is None:
            return None
        problem = transcript.problem
        rng = make_generator(0, "reference response", problem.split, problem.index)
        responses = self.task.demonstrations(problem, rng)
        number = sum(turn.role == "agent" for turn in transcript.turns)
        return responses[min(number, len(responses)) - 1] if responses and number else None


def prompt_of(transcript: Transcript) -> str:
    """Returns all that was said before the last turn of the agent, the problem's prompt first."""
    turns = list(transcript.turns)
    while turns and turns[-1].role != "agent":
        turns.pop()
    said = [plain(turn.text) if turn.role == "agent" else turn.text for turn in turns[:-1]]
    return transcript.problem.prompt + "".join(said)


def _score_rows(
    name: str,
    transcripts: Sequence[Transcript],
    ask: Callable[[Sequence[Transcript]], Scores],
    *,
    refuse_empty: bool,
) -> Scores:
    """Returns what ``ask`` gives the rows that say something, and 0 for the others."""
    rows = [i for i, row in enumerate(transcripts) if not (refuse_empty and is_empty_answer(row.response))]
    values, failed = np.zeros(len(transcripts)), np.zeros(len(transcripts), np.bool_)
    reasons = [""] * len(transcripts)
    if rows:
        found = ask([transcripts[i] for i in rows])
        values[rows] = np.where(found.failed, 0.0, np.clip(found.values, 0.0, 1.0))
        failed[rows] = found.failed
        for place, row in enumerate(rows):
            reasons[row] = found.reasons[place] if found.reasons and found.failed[place] else ""
    return Scores(values, {name: values.copy()}, failed, tuple(reasons) if failed.any() else ())
