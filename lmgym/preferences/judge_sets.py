"""Two published sets with which judges are judged: LLMBar and QA-Feedback, each one JSON list.

Comes in: rows. Goes out: records of two responses. LLMBar's rows can be written too.

Source: github.com/princeton-nlp/LLMBar; github.com/allenai/FineGrainedRLHF, tasks/qa_feedback.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from lmgym.preferences.record import Preference
from lmgym.preferences.sources import OddRow, Source, check_fields, check_text

_QA_RANKS: Final = {0: (0, 0), 1: (0, 1), 2: (1, 0)}
_QA_PAIRS: Final = tuple(itertools.combinations(range(1, 5), 2))


def read_llmbar_row(row: Any, source: Source) -> Iterator[Preference]:
    """Yields the record of ``{"input", "output_1", "output_2", "label"}``, the label 1 or 2 for the better.

    Raises:
        OddRow: other fields or values.
    """
    values = check_fields(row, "input", "output_1", "output_2", "label")
    if str(values["label"]) not in ("1", "2"):
        raise OddRow("'label' is neither 1 nor 2")
    texts = [check_text(values[name], name) for name in ("input", "output_1", "output_2")]
    ranks = (0, 1) if str(values["label"]) == "1" else (1, 0)
    yield source.make(texts[0], (texts[1], texts[2]), ranks)


def make_llmbar_rows(preference: Preference, left_out: Counter[str]) -> Iterator[dict[str, Any]]:
    """Yields a row for each pair that isn't a tie, in the order shown; counts ties and missing verdicts."""
    ranks = preference.ranks
    if ranks is None:
        left_out["no verdict"] += 1
        return
    for first, second in itertools.combinations(range(len(ranks)), 2):
        if ranks[first] == ranks[second]:
            left_out["tie"] += 1
            continue
        yield {
            "input": preference.prompt,
            "output_1": preference.responses[first],
            "output_2": preference.responses[second],
            "label": 1 if ranks[first] < ranks[second] else 2,
        }


def read_qa_feedback_row(row: Any, source: Source) -> Iterator[Preference]:
    """Yields the six records of one question: each pair of its four predictions, ties included.

    The prompt is the question alone, without the passages that the predictions were written from;
    ``extra["pair"]`` names the predictions.

    Raises:
        OddRow: other fields or values.
    """
    names = [f"prediction {number}" for number in range(1, 5)]
    values = check_fields(row, "question", "preference", *names)
    verdicts = values["preference"]
    if not isinstance(verdicts, list) or len(verdicts) != len(_QA_PAIRS):
        raise OddRow("'preference' is not six verdicts")
    if any(type(verdict) is not int or verdict not in _QA_RANKS for verdict in verdicts):
        raise OddRow("a verdict that is none of 0, 1, 2")
    prompt = check_text(values["question"], "question")
    texts = [check_text(values[name], name) for name in names]
    for (first, second), verdict in zip(_QA_PAIRS, verdicts, strict=True):
        responses = (texts[first - 1], texts[second - 1])
        yield source.make(prompt, responses, _QA_RANKS[verdict], {"pair": [first, second]})
