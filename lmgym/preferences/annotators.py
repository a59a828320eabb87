"""What an annotator is: whoever looks at two or more responses to one prompt and says which is better.

Comes in: comparisons. Goes out: one judgement for each, in the same order, and records made of them.
Simulated raters, recorded verdicts, language models and people all stand behind the one protocol. Left out:
the annotators themselves (``lmgym.preferences.simulated``, ``lmgym.preferences.replay``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Protocol, runtime_checkable

from lmgym.errors import InvalidValueError
from lmgym.preferences.record import Preference, make_question_key
from lmgym.records import Transcript


class Comparison(NamedTuple):
    """A question to an annotator."""

    prompt: str
    """What was answered."""
    responses: tuple[str, ...]
    """Two or more answers, in the order in which they are shown."""
    transcripts: tuple[Transcript, ...] | None = None
    """For each response its whole episode, for annotators that judge by the task's utility."""
    key: str = ""
    """The caller's name of the question; "": a hash of prompt and responses."""
    repetition: int = 0
    """How often this annotator was asked the same before."""

    @property
    def question_key(self) -> str:
        """Returns ``key``, or the hash of prompt and responses in whatever order."""
        return self.key or make_question_key(self.prompt, self.responses)


class Judgement(NamedTuple):
    """What an annotator says of one comparison."""

    ranks: tuple[int, ...] | None
    """For each response its place: 0 is best, equal is a tie. None: no verdict (a failure, "can't say")."""
    confidence: float | None = None
    """How sure, in [0, 1]; None: not said."""
    reason: str = ""
    """The annotator's words; without a verdict, why there is none."""
    extra: Mapping[str, Any] = {}
    """Anything else, for the record. A panel of raters names who judged in ``extra["rater"]``."""


@runtime_checkable
class Annotator(Protocol):
    """Whoever judges comparisons."""

    @property
    def name(self) -> str:
        """Returns who judges; it goes into the records."""

    def annotate(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        """Returns one judgement for each comparison, in order; what can't be judged has no verdict."""


def make_preferences(
    annotator: Annotator, comparisons: Sequence[Comparison], *, now: str
) -> list[Preference]:
    """Returns the records of what ``annotator`` says of ``comparisons``, in order.

    Args:
        annotator: who judges; a ``rater`` that it names in a judgement's ``extra`` becomes the record's
            annotator.
        comparisons: the questions. A ``key`` or a ``repetition`` that is set is kept in ``extra``.
        now: time of the records, ISO 8601 in UTC (``lmgym.preferences.record.utc_now``).

    Raises:
        InvalidValueError: not one judgement for each comparison, or one that no record can hold.
    """
    judgements = annotator.annotate(comparisons)
    if len(judgements) != len(comparisons):
        raise InvalidValueError(
            f"annotator {annotator.name!r} gave {len(judgements)} judgements of {len(comparisons)} questions."
        )
    return [
        make_record(annotator.name, comparison, judgement, now=now)
        for comparison, judgement in zip(comparisons, judgements, strict=True)
    ]


def make_record(name: str, comparison: Comparison, judgement: Judgement, *, now: str) -> Preference:
    """Returns the record of one judgement by the annotator ``name``; see ``make_preferences``.

    Raises:
        InvalidValueError: the judgement does not fit the comparison.
    """
    if not isinstance(judgement, Judgement):
        raise InvalidValueError(f"annotator {name!r} must give Judgements, gave {judgement!r:.80}.")
    extra = dict(judgement.extra)
    if comparison.key:
        extra["key"] = comparison.key
    if comparison.repetition:
        extra["repetition"] = comparison.repetition
    return Preference(
        prompt=comparison.prompt,
        responses=comparison.responses,
        annotator=str(extra.pop("rater", name)),
        ranks=judgement.ranks,
        confidence=judgement.confidence,
        time=now,
        reason=judgement.reason,
        extra=extra,
    )
