"""What a rater says becomes records; what is said twice, or by the wrong page, does not."""

from __future__ import annotations

import json
import secrets

import pytest

from lmgym.errors import InvalidValueError
from lmgym.preferences.annotators import Comparison
from lmgym.preferences.label.desk import Conflict, Desk, Saying, parse_saying
from lmgym.preferences.label.schedule import make_schedule
from lmgym.preferences.label.view import show_state
from lmgym.preferences.log import PreferenceLog, read_preferences

QUESTIONS = [Comparison(f"prompt {i}", (f"first {i}", f"second {i}")) for i in range(12)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "log.jsonl"


@pytest.fixture
def log(path):
    with PreferenceLog(path) as log:
        yield log


def sit_down(log, rater="anna", **options):
    return Desk(make_schedule(QUESTIONS, rater=rater, **options), log, rater=rater)


def find_open(desk):
    return next(asking for asking in desk.schedule if asking.id not in desk.said)


def say(desk, verdict, **changed):
    saying = Saying(desk.rater, verdict, find_open(desk).id, secrets.token_hex(16), None, 2.0)
    saying = saying._replace(**changed)
    desk.hear(saying)
    return saying


def undo(desk, saying):
    desk.hear(Saying(desk.rater, "undo", saying.question, saying.request))


def test_the_side_that_was_chosen_wins_whatever_order_was_shown(log, path):
    desk = sit_down(log)
    wanted = {}
    for asking in desk.schedule:  # the rater likes what the file names first
        say(desk, "left" if asking.shown == (0, 1) else "right")
        wanted[asking.comparison.prompt] = asking.shown
    assert set(wanted.values()) == {(0, 1), (1, 0)}
    for record in read_preferences(path):
        assert record.responses[record.winner].startswith("first")
        assert tuple(record.extra["shown"]) == wanted[record.prompt]
        assert record.extra["duration_s"] == 2.0
        assert record.annotator == "anna"


def test_ties_skips_and_confidence(log, path):
    desk = sit_down(log)
    say(desk, "tie", confidence=0.5)
    say(desk, "skip", confidence=1.0)
    say(desk, "left")
    assert [(item.ranks, item.confidence, item.reason) for item in read_preferences(path)] == [
        ((0, 0), 0.5, ""),
        (None, None, "skipped"),
        ((0, 1), None, ""),
    ]


def test_work_goes_on_at_the_first_open_question(path):
    with PreferenceLog(path) as log:
        first = sit_down(log, second_opinion=0.5)
        for verdict in ("left", "right", "skip", "tie"):
            say(first, verdict)
        asked = find_open(first).id
    with PreferenceLog(path) as log:
        again = sit_down(log, second_opinion=0.5)
        assert again.said == first.said
        assert find_open(again).id == asked


def test_two_raters_share_a_file_one_after_another(log, path):
    anna, bob = sit_down(log), sit_down(log, rater="bob")
    say(anna, "left")
    say(bob, "right")
    say(bob, "tie")
    assert len(anna.said) == 1 and len(bob.said) == 2
    assert [item.annotator for item in read_preferences(path)] == ["anna", "bob", "bob"]
    undo(anna, Saying("anna", "undo", *next((k, v.extra["request"]) for k, v in anna.said.items())))
    assert [item.annotator for item in read_preferences(path)] == ["bob", "bob"]


def test_what_another_rater_said_is_still_open(log):
    say(sit_down(log), "left")
    bob = sit_down(log, rater="bob")
    assert bob.said == {} and find_open(bob) == bob.schedule[0]


def test_undo_takes_back_one_verdict_after_another_and_asks_again(log, path):
    desk = sit_down(log)
    said = [say(desk, verdict) for verdict in ("left", "skip", "tie")]
    before = path.read_bytes()
    for number, saying in zip((2, 1, 0), reversed(said), strict=True):
        undo(desk, saying)
        assert len(read_preferences(path)) == number
        assert find_open(desk).id == saying.question
    assert path.read_bytes().startswith(before)  # append-only
    assert path.read_text().count('"retract"') == 3


def test_what_was_said_before_a_restart_can_be_taken_back(path):
    with PreferenceLog(path) as log:
        say(sit_down(log), "left")
        last = say(sit_down(log), "right")
    with PreferenceLog(path) as log:
        desk = sit_down(log)
        assert show_state(desk)["undo"] == {"question": last.question, "request": last.request}
        undo(desk, last)
        assert find_open(desk).id == last.question
    assert len(read_preferences(path)) == 1


def test_undo_of_a_repetition_leaves_the_first_asking(log, path):
    desk = sit_down(log, second_opinion=1.0)
    while not find_open(desk).comparison.repetition:
        say(desk, "left")
    number = len(desk.said)
    undo(desk, say(desk, "right"))
    assert len(desk.said) == number
    assert [item.ranks for item in read_preferences(path)] == [(0, 1)] * number


def test_what_was_heard_before_changes_nothing(log, path):
    desk = sit_down(log)
    saying = say(desk, "left")
    desk.hear(saying)
    assert len(read_preferences(path)) == 1
    undo(desk, saying)
    content = path.read_bytes()
    undo(desk, saying)
    assert path.read_bytes() == content


def test_what_does_not_fit_is_refused(log, path):
    desk = sit_down(log)
    first = say(desk, "left")
    second = say(desk, "left")
    content = path.read_bytes()
    for saying in (
        first._replace(request="0" * 32),  # judged already, in another window
        first._replace(say="undo"),  # not the last one
        Saying("anna", "undo", "unknown", first.request),
        second._replace(rater="bob", question=find_open(desk).id),
        second._replace(question="unknown"),
    ):
        with pytest.raises(Conflict):
            desk.hear(saying)
    assert path.read_bytes() == content


VALID = {
    "rater": "anna",
    "say": "left",
    "question": "q",
    "request": "0" * 32,
    "confidence": None,
    "duration_s": 1,
}


def test_a_saying_is_read():
    assert parse_saying(VALID) == Saying("anna", "left", "q", "0" * 32, None, 1.0)
    assert parse_saying(VALID | {"confidence": 1}).confidence == 1.0


@pytest.mark.parametrize(
    "changed",
    [
        {"rater": 3},
        {"say": "LEFT"},
        {"say": None},
        {"say": ["left"]},
        {"question": {}},
        {"request": "0" * 31},
        {"request": "G" * 32},
        {"request": "٠" * 32},
        {"confidence": 2},
        {"confidence": "1"},
        {"confidence": True},
        {"duration_s": None},
        {"duration_s": -1},
        {"duration_s": 10**400},
        {"duration_s": float("nan")},
        {"more": 1},
    ],
)
def test_other_values_are_refused(changed):
    with pytest.raises(InvalidValueError):
        parse_saying(VALID | changed)


@pytest.mark.parametrize("values", [None, [], "left", {}, {"say": "left"}])
def test_other_shapes_are_refused(values):
    with pytest.raises(InvalidValueError):
        parse_saying(values)


@pytest.mark.parametrize("rater", ["", "  ", "a\nb", "\ud800", "x" * 61])
def test_a_rater_needs_a_name(log, rater):
    with pytest.raises(InvalidValueError, match="a rater has a printable name"):
        Desk([], log, rater=rater)


def test_the_page_is_told_the_progress_and_nothing_that_would_sway(log):
    desk = sit_down(log, second_opinion=1.0)
    for seconds in (10.0, 20.0, 60.0):
        say(desk, "left", duration_s=seconds)
    say(desk, "skip", duration_s=0.0)
    state = show_state(desk)
    left = len(desk.schedule) - 4
    assert state["progress"] == {
        "num_judged": 3,
        "num_skipped": 1,
        "num_left": left,
        "seconds_left": 20.0 * left,
    }
    assert state["question"].keys() == {"id", "num_messages_left_out", "conversation", "responses"}
    assert json.loads(json.dumps(state))["undo"]["question"] == list(desk.said)[-1]


def test_a_desk_whose_questions_are_all_judged_has_none_open(log):
    desk = sit_down(log)
    for _ in QUESTIONS:
        say(desk, "left")
    assert show_state(desk)["question"] is None
