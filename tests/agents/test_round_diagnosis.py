from __future__ import annotations

import math

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym_agents.round_diagnosis import AlarmRule, RoundRecord, describe_alarm, find_alarms, measure_probe


def test_the_numbers_of_a_probe_by_hand():
    right = np.array([[1, 0, 0, 0], [1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 0, 0]], bool)
    valid = np.array([[1, 1, 0, 0], [1, 1, 1, 1], [1, 1, 1, 1], [0, 0, 0, 0]], bool)
    names = np.array([[1, 2, 3, 4], [5, 5, 6, 5], [7, 8, 9, 9], [1, 1, 1, 1]])
    found = measure_probe(right, valid, names)
    # The last problem can't be judged: (1/2 + 1 + 0) / 3, and 2 of 3 with a right sample.
    assert found.pass_1 == pytest.approx(0.5)
    assert found.pass_k == pytest.approx(2 / 3)
    assert found.pass_k_error == pytest.approx(math.sqrt(2 / 3 * 1 / 3 / 3))
    assert found.k == 4
    assert found.distinct == pytest.approx(1.5)  # one, and two
    assert measure_probe(right[2:3], valid[2:3]).distinct == 0
    with pytest.raises(InvalidValueError, match="valid sample"):
        measure_probe(right[3:], valid[3:])


def record(number, pass_1, pass_k, newly_solved, **changes):
    return RoundRecord(
        round=number, level=1, temperature=1.0, pass_1=pass_1, pass_k=pass_k, k=8, distinct=1.0, entropy=0.5,
        held_out=pass_1, newly_solved=newly_solved, **{"pass_k_error": 0.03, **changes},
    )  # fmt: skip


def history(*rows):
    return [record(number, *row) for number, row in enumerate(rows)]


STUCK = ((0.10, 0.30, None), (0.20, 0.35, 0.2), (0.22, 0.34, 0.005), (0.23, 0.33, 0.0))


def test_no_new_problem_and_a_shrinking_gap_for_two_rounds_is_stagnation():
    assert find_alarms(history(*STUCK)) == ("stagnation",)
    assert find_alarms(history(*STUCK[:3])) == ()  # one round only
    text = describe_alarm(history(*STUCK), "stagnation")
    assert "Round 3 stagnates" in text and "pass@8" in text and "remedy=temperature" in text


@pytest.mark.parametrize(
    "last",
    [
        (0.23, 0.33, 0.02),  # new problems are solved
        (0.23, 0.37, 0.0),  # the gap grows
        (0.995, 0.998, 0.0),  # solved
        (0.23, 0.33, None),  # nothing was posed
    ],
)
def test_a_loop_that_still_gets_somewhere_rings_no_alarm(last):
    assert find_alarms(history(*STUCK[:3], last)) == ()


def test_a_flat_gap_of_nothing_stagnates_too():
    assert find_alarms(history((0.2, 0.2, None), (0.2, 0.2, 0.0), (0.2, 0.2, 0.0))) == ("stagnation",)


def test_a_fall_of_pass_at_k_by_more_than_two_errors_is_collapse():
    # sqrt(0.03² + 0.03²) = 0.0424; twice that is 0.0849.
    rows = ((0.1, 0.50, None), (0.3, 0.48, 0.3))
    assert find_alarms(history(*rows, (0.3, 0.416, 0.3))) == ()
    assert find_alarms(history(*rows, (0.3, 0.414, 0.3))) == ("collapse",)
    text = describe_alarm(history(*rows, (0.3, 0.3, 0.3)), "collapse")
    assert "50.0% (round 0) to 30.0%" in text and "remedy=reset" in text
    # Another k is another question.
    other = [*history(*rows), record(2, 0.3, 0.3, 0.3)]
    other[:2] = [
        record(r.round, r.pass_1, r.pass_k, r.newly_solved).__class__(**{**vars(r), "k": 4})
        for r in other[:2]
    ]
    assert find_alarms(other) == ()


def test_both_alarms_can_ring_at_once():
    rows = ((0.05, 0.5, None), (0.05, 0.3, 0.0), (0.05, 0.2, 0.0))
    assert find_alarms(history(*rows)) == ("collapse", "stagnation")


def test_after_a_remedy_the_rounds_are_counted_anew():
    rows = history(*STUCK, (0.23, 0.33, 0.0))
    assert find_alarms(rows) == ("stagnation",)
    treated = [*rows[:3], record(3, 0.23, 0.33, 0.0, alarms=("stagnation",), remedy="hotter"), rows[4]]
    assert find_alarms(treated) == ()
    assert find_alarms([*treated, record(5, 0.23, 0.33, 0.0)]) == ("stagnation",)


def test_the_rule_can_be_changed_and_is_checked():
    assert find_alarms(history(*STUCK), AlarmRule(patience=3)) == ()
    assert find_alarms(history(*STUCK), AlarmRule(min_newly_solved=0.001)) == ()
    assert find_alarms([]) == () and find_alarms(history(STUCK[0])) == ()
    for bad in ({"patience": 0}, {"collapse_errors": 0}, {"min_newly_solved": 2}):
        with pytest.raises(InvalidValueError, match="AlarmRule"):
            AlarmRule(**bad)


def test_a_record_survives_being_written_down():
    one = record(
        3,
        0.1,
        0.2,
        None,
        ood=(("ood_digits", 0.5), ("ood_depth", 0.25)),
        alarms=("collapse", "stagnation"),
        remedy="x",
    )
    assert RoundRecord.from_dict(one.to_dict()) == one
