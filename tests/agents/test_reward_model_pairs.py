from __future__ import annotations

from collections import Counter

import pytest

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.preferences import Preference
from lmgym_agents.reward_models.pairs import Pair, PreferencePairs, make_pairs, split_by_prompt

NOW = "2026-01-01T00:00:00Z"


def record(responses, ranks, *, prompt="p", confidence=None, **extra):
    return Preference(prompt, tuple(responses), "somebody", ranks, confidence, NOW, "", extra)


def test_a_ranking_becomes_pairs_that_weigh_one_together():
    pairs = make_pairs([record("abc", (2, 0, 1), confidence=0.5)], margin_per_rank=0.25)
    assert pairs == [
        Pair("p", "b", "a", False, 1 / 3, 0.5),
        Pair("p", "c", "a", False, 1 / 3, 0.25),
        Pair("p", "b", "c", False, 1 / 3, 0.25),
    ]
    sure = make_pairs([record("ab", (0, 1), confidence=0.5)], use_confidence=True)
    assert [pair.weight for pair in sure] == [0.5]


def test_no_verdict_and_equal_texts_teach_nothing_and_ties_stay():
    pairs = make_pairs([record("ab", None), record("aa", (0, 1)), record("ab", (0, 0))])
    assert pairs == [Pair("p", "a", "b", True)]


def test_true_utilities_of_simulated_raters_are_kept_for_measuring():
    wrong = record("ab", (0, 1), utilities=[1.0, 3.5])
    assert make_pairs([wrong])[0].gold_gap == -2.5
    for broken in ([1.0], "12", [1.0, None]):
        assert make_pairs([record("ab", (0, 1), utilities=broken)])[0].gold_gap is None


def test_no_prompt_crosses_a_split_and_order_does_not_matter():
    pairs = [Pair(f"prompt {i % 60}", f"a{i}", f"b{i}") for i in range(240)]
    parts = split_by_prompt(pairs, (0.7, 0.2, 0.1), seed=3)
    prompts = [{pair.prompt for pair in part} for part in parts]
    assert sum(map(len, parts)) == 240 and sum(map(len, prompts)) == 60
    assert len(prompts[0]) > len(prompts[1]) > len(prompts[2]) > 0
    backwards = split_by_prompt(pairs[::-1], (0.7, 0.2, 0.1), seed=3)
    assert [set(part) for part in backwards] == [set(part) for part in parts]
    assert split_by_prompt(pairs, (0.7, 0.2, 0.1), seed=4) != parts
    assert sum(map(len, split_by_prompt([Pair("\ud800", "a", "b")], (0.5, 0.5)))) == 1
    with pytest.raises(InvalidValueError):
        split_by_prompt(pairs, (0.7, 0.2))


def test_batches_go_through_all_pairs_once_an_epoch_and_are_pure():
    data = PreferencePairs([Pair("p", str(i), "x") for i in range(10)], seed=1)
    epoch = [pair for step in range(5) for pair in data.batch(step, 4)][:20]
    assert Counter(pair.better for pair in epoch) == Counter({str(i): 2 for i in range(10)})
    assert epoch[:10] != epoch[10:]
    assert data.batch(3, 4) == PreferencePairs(data.pairs, seed=1).batch(3, 4)
    assert data.batch(3, 4) != PreferencePairs(data.pairs, seed=2).batch(3, 4)


def test_a_bootstrap_draws_whole_prompts():
    pairs = [Pair(f"prompt {i // 2}", f"a{i}", "b") for i in range(80)]
    drawn = PreferencePairs(pairs, seed=0, bootstrap=True).pairs
    counts = Counter(drawn)
    assert 15 < len({pair.prompt for pair in drawn}) < 35  # some 63 % of 40
    assert all(counts[first] == counts[second] for first, second in zip(pairs[::2], pairs[1::2], strict=True))
    assert drawn != PreferencePairs(pairs, seed=1, bootstrap=True).pairs


def test_records_are_taken_as_they_are_and_none_is_refused():
    assert PreferencePairs([record("ab", (0, 1))]).pairs == [Pair("p", "a", "b")]
    with pytest.raises(EmptyProblemSetError, match="no pair"):
        PreferencePairs([record("ab", None)])
