"""The figures of a rater, counted by hand."""

from __future__ import annotations

import secrets

import pytest

from lmgym.preferences.annotators import Comparison
from lmgym.preferences.label.desk import Desk, Saying
from lmgym.preferences.label.figures import make_figures
from lmgym.preferences.label.schedule import Asking, make_schedule
from lmgym.preferences.log import PreferenceLog, PreferenceLogError

QUESTIONS = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(10)]


def judge(desk, wanted, duration_s=2.0):
    """Says for each asking in turn which of the file's responses is better: 0, 1, "tie" or "skip"."""
    for asking, better in zip(desk.schedule, wanted, strict=False):
        verdict = better if isinstance(better, str) else ("left", "right")[asking.shown.index(better)]
        desk.hear(Saying(desk.rater, verdict, asking.id, secrets.token_hex(16), None, duration_s))


def sit_down(log, rater, schedule=None):
    return Desk(schedule or make_schedule(QUESTIONS, rater=rater), log, rater=rater)


@pytest.fixture
def log(tmp_path):
    with PreferenceLog(tmp_path / "anna.jsonl") as log:
        yield log


def values(figures):
    return {figure.name: figure.value for figure in figures}


def test_nothing_is_counted_of_nothing(log):
    assert values(make_figures(sit_down(log, "anna"))) == {"Left preferred": "none yet", "Ties": "none yet"}


def test_sides_ties_and_time(log):
    schedule = [Asking(f"{item.question_key}.0", item, (0, 1)) for item in QUESTIONS]
    judge(sit_down(log, "anna", schedule), [0, 0, 0, 1, "tie", "skip"], duration_s=7.25)
    assert values(make_figures(sit_down(log, "anna", schedule))) == {
        "Left preferred": "3 of 4 (75 %)",
        "Ties": "1 of 5 (20 %)",
        "Time for a verdict": "7.2 s",
    }


def test_a_verdict_is_the_same_when_the_same_response_wins_on_the_other_side(log):
    twice = [item for item in QUESTIONS for _ in range(2)]
    schedule = []
    for place, question in enumerate(twice):
        again, sides = place % 2, ((0, 1), (1, 0))[place % 2]
        responses = tuple(question.responses[i] for i in sides)
        asked = question._replace(responses=responses, repetition=again)
        schedule.append(Asking(f"{question.question_key}.{again}", asked, sides))
    desk = sit_down(log, "anna", schedule)
    judge(desk, [0, 0, 1, 1, 0, 1, "tie", "tie", "skip", 0])
    assert values(make_figures(desk))["Same when asked again"] == "3 of 4 (75 %)"


def test_agreement_with_others_in_the_same_file_and_in_others(log, tmp_path):
    judge(sit_down(log, "bob"), [0, 0, 0, 0, 1, 1, "skip", 1])
    anna = sit_down(log, "anna")
    judge(anna, [0, 0, 0, 1, 1, 0, 0, "tie", 0, 0])
    path = tmp_path / "carol.jsonl"
    with PreferenceLog(path) as other:
        judge(sit_down(other, "carol"), [1, 0])
        judge(sit_down(other, "anna"), [1, 1, 1])  # an older file of her own is no other rater
        figures = make_figures(anna, [path])
    assert values(figures)["Agreement with bob"] == "4 of 7 (57 %)"
    assert values(figures)["Agreement with carol"] == "1 of 2 (50 %)"
    assert values(figures)["All raters"] == "7 in common"
    (bob,) = [figure for figure in figures if figure.name == "Agreement with bob"]
    # Bob 0 0 0 0 1 1 1 and Anna 0 0 0 1 1 0 tie disagree in 3 of 7. Of 14 labels one is a tie; which response
    # is called the first is arbitrary, so that each has half of the other 13.
    expected = 1 - (6.5 * 5.5 + 6.5 * 5.5 + 1 * 0) / (14 * 13)
    assert bob.remark.startswith(f"α = {1 - (3 / 7) / expected:.2f} (")


def test_a_file_that_is_not_there_is_named(log, tmp_path):
    with pytest.raises(PreferenceLogError, match=r"nothing\.jsonl"):
        make_figures(sit_down(log, "anna"), [tmp_path / "nothing.jsonl"])
