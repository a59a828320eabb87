"""Agreement and biases: numbers worked by hand or printed in the papers, and laws."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from lmgym.preferences import Comparison, Preference, SimulatedAnnotator, make_preferences
from lmgym.preferences.agreement import (
    cohen_kappa,
    krippendorff_alpha,
    label_pairs,
    measure_agreement,
    measure_pairwise,
)
from lmgym.preferences.biases import (
    first_wins,
    gold_wins,
    longer_wins,
    make_share,
    says_the_same,
    sign_test,
)

TIME = "2026-01-31T12:00:00Z"


def make(prompt, ranks, rater="ann", responses=("a", "b"), **fields):
    return Preference(prompt, responses, rater, ranks, None, TIME, **fields)


def judged(**labels):
    """Two-response records from strings of labels, one letter a question: a, b, t (tie), - (not judged)."""
    ranks = {"a": (0, 1), "b": (1, 0), "t": (0, 0)}
    return [
        make(f"q{number}", ranks[label], rater)
        for rater, text in labels.items()
        for number, label in enumerate(text)
        if label != "-"
    ]


# Fifty questions on which two raters say (a, a) 20 times, (a, b) 5, (b, a) 10 and (b, b) 15 times.
FIFTY = {"ann": "a" * 25 + "b" * 25, "bob": "a" * 20 + "b" * 5 + "a" * 10 + "b" * 15}


def test_kappa_by_hand():
    agreement = measure_agreement(judged(**FIFTY))
    assert agreement.raters == ("ann", "bob") and agreement.num_pairs == 50
    assert agreement.raw.value == pytest.approx(35 / 50)
    assert agreement.kappa.value == pytest.approx(2 * 0.7 - 1)  # by chance one half


def test_kappa_with_ties_by_hand():
    agreement = measure_agreement(judged(ann="aaat", bob="abtt"))
    # equal 2 of 4; chance: ties 1/4 * 2/4, and half of what is left, 3/4 * 2/4
    chance = 1 / 8 + 3 / 16
    assert agreement.kappa.value == pytest.approx((0.5 - chance) / (1 - chance))


def test_alpha_of_two_raters_by_hand():
    agreement = measure_agreement(judged(ann="abaaaaaaba", bob="bbbaabaaaa"))
    # 4 of 10 differ; 10 ratings for the one and 10 for the other: 1 - 0.4 / (2 * 10 * 10 / (20 * 19))
    assert agreement.alpha.value == pytest.approx(0.24)


def test_matrices_in_the_literature():
    """The same ten units as plain categories: alpha 0.095; and kappa 0.4 where chance agrees in one half."""
    assert krippendorff_alpha(np.array([[10.0, 4.0], [4.0, 2.0]])) == pytest.approx(0.0952, abs=5e-5)
    assert cohen_kappa(np.array([[20.0, 5.0], [10.0, 15.0]])) == pytest.approx(0.4)
    assert cohen_kappa(np.array([[45.0, 15.0], [25.0, 15.0]])) == pytest.approx(0.1304, abs=5e-5)


def test_alpha_of_a_coincidence_matrix_in_the_literature():
    """Krippendorff's example of four observers with missing data: nominal alpha 0.743."""
    matrix = np.array(
        [
            [7, 4 / 3, 1 / 3, 1 / 3, 0],
            [4 / 3, 10, 4 / 3, 1 / 3, 0],
            [1 / 3, 4 / 3, 8, 1 / 3, 0],
            [1 / 3, 1 / 3, 1 / 3, 4, 0],
            [0, 0, 0, 0, 3],
        ]
    )
    assert krippendorff_alpha(matrix) == pytest.approx(0.743, abs=5e-4)


def test_three_raters_with_gaps_by_hand():
    agreement = measure_agreement(judged(ann="aab-", bob="ab-t", eve="ab-t"))
    # q0 aaa; q1 abb: 2 coincidences of b with b in 6 ordered pairs, each of weight 1/2; q2 one rating; q3 tt
    assert agreement.num_pairs == 3 and agreement.kappa is None
    assert agreement.raw.value == pytest.approx((3 + 1 + 2) / (3 + 3 + 2))
    different = 1 - (3 * 2 + 3 * 2 + 2 * 1) / (8 * 7)  # 6 for the one or the other, 2 ties
    assert agreement.alpha.value == pytest.approx(1 - (2 / 8) / different)


def test_the_order_shown_and_the_order_of_raters_change_nothing():
    records = judged(**FIFTY)
    turned = [
        make(record.prompt, record.ranks[::-1], record.annotator, ("b", "a")) if number % 3 else record
        for number, record in enumerate(records)
    ]
    assert measure_agreement(turned) == measure_agreement(records) == measure_agreement(records[::-1])


def test_the_first_answer_counts():
    records = judged(ann="ab", bob="ab")
    again = [make("q0", (1, 0)), make("q1", None), make("q5", None, "eve")]
    assert measure_agreement(records + again) == measure_agreement(records)
    assert measure_agreement(again + records).raw.value == 0.5


def test_rankings_are_compared_pair_by_pair():
    records = [make("q", (0, 1, 2), "ann", ("c", "a", "b")), make("q", (1, 0, 0), "bob", ("c", "a", "b"))]
    labels = label_pairs(records)
    assert sorted(labels["ann"].values()) == [0, 1, 1] and sorted(labels["bob"].values()) == [0, 0, 2]
    assert measure_agreement(records).raw.value == 0


def test_nothing_to_compare():
    for records in ([], judged(ann="ab"), judged(ann="a-", bob="-a"), [make("q", None)]):
        agreement = measure_agreement(records)
        assert (agreement.num_pairs, agreement.raw, agreement.kappa, agreement.alpha) == (0, None, None, None)
    assert measure_agreement(judged(ann="aaa", bob="aaa")).kappa.value == 1
    constant = measure_agreement(judged(ann="ttt", bob="ttt"))
    assert constant.raw.value == 1 and constant.kappa is None and constant.alpha is None


def test_every_two_raters():
    found = measure_pairwise(judged(ann="abab", bob="abab", eve="baba"))
    assert [(item.raters, item.kappa.value) for item in found] == [
        (("ann", "bob"), 1.0),
        (("ann", "eve"), -1.0),
        (("bob", "eve"), -1.0),
    ]


def test_the_interval_is_that_of_a_bootstrap_over_questions():
    agreement = measure_agreement(judged(**FIFTY))
    rng = np.random.default_rng(0)
    cells = list(zip(*FIFTY.values(), strict=True))
    values = []
    for _ in range(2000):
        drawn = [cells[place] for place in rng.integers(0, 50, 50)]
        equal = sum(one == two for one, two in drawn) / 50
        values.append(2 * equal - 1)
    low, high = np.quantile(values, [0.025, 0.975])
    assert agreement.kappa.low == pytest.approx(low, abs=0.03)
    assert agreement.kappa.high == pytest.approx(high, abs=0.03)
    sure = measure_agreement(judged(ann="ab" * 20, bob="ab" * 20))
    assert sure.kappa == (1, 1, 1) and sure.raw == (1, 1, 1)


def test_pairs_of_one_question_are_resampled_together():
    """Ten rankings of four responses are not sixty independent verdicts."""
    rng = np.random.default_rng(1)
    orders = list(itertools.permutations(range(4)))
    whole, apart = [], []
    for number in range(40):
        same = number % 2 == 0
        first = orders[rng.integers(24)]
        second = first if same else tuple(3 - rank for rank in first)
        for rater, ranks in (("ann", first), ("bob", second)):
            whole.append(make(f"q{number}", ranks, rater, ("a", "b", "c", "d")))
            for i, j in itertools.combinations(range(4), 2):
                apart.append(make(f"q{number}", (ranks[i], ranks[j]), rater, ("abcd"[i], "abcd"[j])))
    together, single = measure_agreement(whole), measure_agreement(apart)
    assert together.raw.value == single.raw.value == 0.5
    ratio = (together.raw.high - together.raw.low) / (single.raw.high - single.raw.low)
    assert ratio == pytest.approx(math.sqrt(6), rel=0.2)


@pytest.mark.parametrize("noise", [0.0, 0.2, 0.5])
def test_kappa_of_noisy_raters_is_what_their_noise_says(noise):
    """Two raters who err independently with probability e agree with kappa (1 - 2 e)^2."""
    panel = SimulatedAnnotator(lambda transcript: float(transcript.response), noise=noise, num_raters=2)
    questions = [Comparison(f"q{number}", ("1", "2")) for number in range(1500)]
    records = [record for rater in panel.raters for record in make_preferences(rater, questions, now=TIME)]
    agreement = measure_agreement(records)
    wanted = (1 - 2 * noise) ** 2
    assert agreement.kappa.value == pytest.approx(wanted, abs=0.1)
    assert gold_wins(records).value == pytest.approx(1 - noise, abs=0.03)


def test_cohen_kappa_of_many_matrices_at_once():
    one = np.array([[20, 5, 0], [10, 15, 0], [0, 0, 0]], dtype=float)
    assert cohen_kappa(np.array([one, one.T, 3 * one])) == pytest.approx([0.4, 0.4, 0.4])


# Biases


def test_sign_test_by_hand():
    assert sign_test(8, 2) == pytest.approx(2 * (1 + 10 + 45) / 1024)
    assert sign_test(2, 8) == sign_test(8, 2)
    assert sign_test(0, 0) == sign_test(5, 5) == sign_test(3, 4) == 1
    assert sign_test(10, 0) == pytest.approx(2 / 1024)
    assert 0 < sign_test(100_500, 99_500) < 0.05  # 2.24 standard deviations


def test_a_share_by_hand():
    share = make_share([1.0] * 8 + [0.0] * 2)
    assert (share.value, share.num) == (0.8, 10)
    assert (share.low, share.high) == (pytest.approx(0.4902, abs=5e-5), pytest.approx(0.9433, abs=5e-5))
    assert make_share([]) is None
    assert make_share([1.0, 0.5]).p_value == 1  # the half leans to no side


def test_how_often_the_first_one_wins():
    records = [make("p", (0, 1)), make("q", (0, 1)), make("r", (1, 0)), make("s", (0, 0)), make("t", None)]
    assert first_wins(records).value == pytest.approx(2 / 3) and first_wins(records).num == 3
    ranked = make("u", (1, 0, 2), responses=("a", "b", "c"))
    assert first_wins([ranked]).value == pytest.approx(2 / 3) and first_wins([ranked]).num == 1
    assert first_wins([]) is None


def test_how_often_the_longer_one_wins():
    records = [
        make("p", (0, 1), responses=("aa", "b")),
        make("q", (1, 0), responses=("a", "bb")),
        make("r", (1, 0), responses=("aa", "b")),
        make("s", (0, 1), responses=("a", "b")),
    ]
    assert longer_wins(records).value == pytest.approx(2 / 3) and longer_wins(records).num == 3


def test_how_often_the_better_one_wins():
    records = [
        make("p", (0, 1), extra={"utilities": [2, 1.5]}),
        make("q", (0, 1), extra={"utilities": [1, 2]}),
        make("r", (0, 1), extra={"utilities": [1, 1]}),
        make("s", (0, 1), extra={"utilities": [1]}),
        make("t", (0, 1), extra={"utilities": [None, "2"]}),
        make("u", (0, 1)),
    ]
    assert gold_wins(records).value == 0.5 and gold_wins(records).num == 2
    assert gold_wins(records, lambda record, place: -place).value == 1


def test_how_often_a_rater_says_the_same_again():
    records = [
        make("p", (0, 1)),
        make("p", (1, 0), responses=("b", "a")),  # the same
        make("p", (0, 0)),
        make("p", (0, 1), "bob"),
        make("q", (0, 1, 2), responses=("a", "b", "c")),
        make("q", (0, 2, 1), responses=("a", "b", "c")),  # two of three pairs
        make("r", None),
        make("r", (0, 1)),
    ]
    share = says_the_same(records)
    assert share.value == pytest.approx((1 + 0 + 2 / 3) / 3) and share.num == 3
    assert says_the_same(records[:1]) is None


def test_the_biases_of_simulated_raters_are_found():
    def measure(**knobs):
        annotator = SimulatedAnnotator(lambda transcript: 0.0, temperature=1.0, **knobs)
        texts = ["x" * 50, "y" * 150]
        questions = [Comparison(f"q{n}", (texts[n % 2], texts[1 - n % 2])) for n in range(1000)]
        records = make_preferences(annotator, questions, now=TIME)
        return first_wins(records), longer_wins(records)

    for first, longer in (measure(), measure(noise=0.3)):
        assert first.p_value > 0.01 and longer.p_value > 0.01
    first, longer = measure(position_bias=1.0)
    assert first.value == pytest.approx(1 / (1 + math.exp(-1)), abs=0.06) and longer.p_value > 0.01
    first, longer = measure(length_bias=1.0)
    assert longer.value == pytest.approx(1 / (1 + math.exp(-1)), abs=0.06) and first.p_value > 0.01
