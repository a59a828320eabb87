"""An annotator that says again what was said before: verdicts from a file, of people for instance.

Comes in: records. Goes out: judgements of comparisons that ask the same, in whatever order they show it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from lmgym.preferences.annotators import Comparison, Judgement
from lmgym.preferences.record import Preference, make_question_key


class ReplayAnnotator:
    """Answers from records; what they don't hold has no verdict."""

    def __init__(self, preferences: Iterable[Preference], *, name: str = "file") -> None:
        """Takes the records in.

        Args:
            preferences: the records; of several on one question the n-th is the answer to repetition n, the
                last one to all later ones.
            name: who judges where no record says it.
        """
        self.name = name
        self._answers: dict[str, list[Preference]] = {}
        for preference in preferences:
            key = make_question_key(preference.prompt, preference.responses)
            self._answers.setdefault(key, []).append(preference)

    def annotate(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        """Returns the recorded verdicts, in order; ``extra["rater"]`` is the record's annotator."""
        return [self._recall(comparison) for comparison in comparisons]

    def _recall(self, comparison: Comparison) -> Judgement:
        answers = self._answers.get(make_question_key(comparison.prompt, comparison.responses))
        if not answers:
            return Judgement(None, None, "not recorded")
        found = answers[min(comparison.repetition, len(answers) - 1)]
        extra = {**found.extra, "rater": found.annotator}
        return Judgement(_reorder(found, comparison.responses), found.confidence, found.reason, extra)


def _reorder(preference: Preference, responses: Sequence[str]) -> tuple[int, ...] | None:
    """Returns the record's ranks for the same responses in another order."""
    if preference.ranks is None:
        return None
    ranks = [0] * len(responses)
    recorded = sorted(range(len(responses)), key=preference.responses.__getitem__)
    asked = sorted(range(len(responses)), key=responses.__getitem__)
    for source, target in zip(recorded, asked, strict=True):
        ranks[target] = preference.ranks[source]
    return tuple(ranks)
