"""Recorded verdicts said again, in whatever order the responses are shown."""

from __future__ import annotations

import itertools

from lmgym.preferences import Comparison, Preference, ReplayAnnotator, make_preferences

TIME = "2026-01-31T12:00:00Z"
RECORD = Preference("q", ("a", "b", "c"), "ann", (1, 0, 2), 0.7, TIME, "because", {"x": 1})


def test_every_order_gets_the_recorded_verdict():
    place = dict(zip(RECORD.responses, RECORD.ranks, strict=True))
    for order in itertools.permutations(RECORD.responses):
        judgement = ReplayAnnotator([RECORD]).annotate([Comparison("q", order)])[0]
        assert judgement.ranks == tuple(place[response] for response in order)
        assert judgement.confidence == 0.7 and judgement.reason == "because"


def test_records_name_who_judged():
    comparison = Comparison("q", RECORD.responses)
    assert make_preferences(ReplayAnnotator([RECORD]), [comparison], now=TIME) == [RECORD]


def test_what_is_not_recorded_has_no_verdict():
    annotator = ReplayAnnotator([RECORD])
    questions = [Comparison("p", ("a", "b", "c")), Comparison("q", ("a", "b"))]
    assert [judgement.ranks for judgement in annotator.annotate(questions)] == [None, None]


def test_repetitions_are_answered_in_order():
    records = [
        Preference("q", ("a", "b"), name, ranks, None, TIME)
        for name, ranks in (("ann", (0, 1)), ("bob", (1, 0)), ("eve", None))
    ]
    annotator = ReplayAnnotator(records)
    questions = [Comparison("q", ("b", "a"), repetition=number) for number in range(4)]
    judgements = annotator.annotate(questions)
    assert [judgement.ranks for judgement in judgements] == [(1, 0), (0, 1), None, None]
    assert [judgement.extra["rater"] for judgement in judgements] == ["ann", "bob", "eve", "eve"]
