"""What each stage of RLHF is handed: which prompts, which reference, which reward, which pairs."""

from __future__ import annotations

import json
import math
from types import SimpleNamespace

import numpy as np
import pytest

from lmgym.preferences import Preference
from lmgym.rewards import Utility
from lmgym.seeding import make_key
from lmgym.tokenization import CharTokenizer
from lmgym_agents.reward_models.pairs import Pair
from lmgym_agents.reward_models.reward import LearnedReward
from lmgym_agents.rlhf import feedback, measurement, optimising, proxy
from lmgym_agents.rlhf.config import BestOfNOptions, CollectOptions, FeedbackOptions, ProxyOptions, RLHFConfig

NOW = "2026-01-31T12:00:00Z"


class FakeRun:
    """A run whose policies are the names of their folders."""

    def __init__(self, config=None, task=None):
        self.config, self.task = config or RLHFConfig(), task
        self.tokenizer, self.context_length, self.transitions = CharTokenizer(), 64, None
        self.display = SimpleNamespace(say=print)

    def seed(self, *path):
        return make_key(self.config.seed, *path) % 2**31

    def policy(self, name, *, is_trained=False):
        return name

    def engine(self, policy):
        return policy

    def make_env(self, num_envs, reward):
        return reward


class PromptsSeenError(Exception):
    """Ends a stage as soon as it has chosen its prompts."""


class FakeTask:
    max_turns = 1

    def problems(self, split, indices):
        raise PromptsSeenError(split, frozenset(indices))


def verdicts(count=40):
    return [Preference(f"{i}?", ("a", "b"), "test", (0, 1), None, NOW) for i in range(count)]


def prompts_of(work):
    with pytest.raises(PromptsSeenError) as seen:
        next(work.iterations())
    return seen.value.args


def test_no_round_and_no_stage_uses_the_prompts_of_another():
    config = RLHFConfig(
        collect=CollectOptions(num_prompts=8, chunk_prompts=8), best_of_n=BestOfNOptions(num_prompts=8)
    )
    run = FakeRun(config, FakeTask())
    found = [prompts_of(feedback.make_collection(run, number, "sft")) for number in (1, 2)]
    found += [prompts_of(optimising.make_selection(run, number, "sft", None)) for number in (1, 2)]
    assert {split for split, _ in found} == {"train"}
    assert len(frozenset().union(*(indices for _, indices in found))) == 4 * 8


@pytest.mark.parametrize("number", [1, 2])
def test_every_round_is_held_to_the_policy_after_sft(monkeypatch, number):
    def keep(*_, **options):
        return options["reference"]

    monkeypatch.setattr(optimising, "PPO", keep)
    monkeypatch.setattr(optimising, "DPO", lambda *_, **options: options.get("reference"))
    monkeypatch.setattr(optimising, "Reference", lambda policy: policy)
    monkeypatch.setattr(optimising, "WatchedPPO", lambda ppo, watched, **options: ppo)
    monkeypatch.setattr(optimising, "collected_episodes", lambda run, last: [])
    before = f"round-{number - 1}-model"
    assert optimising.make_ppo(FakeRun(), number, before, Utility()) == "sft"
    assert optimising.make_dpo(FakeRun(), number, before, verdicts()) == "sft"


def test_the_distance_is_measured_from_the_policy_after_sft(monkeypatch):
    logps = {"round-1-model": -3.0, "sft": -5.0}
    episode = SimpleNamespace(to_json=lambda: "{}")
    monkeypatch.setattr(measurement, "sample_episodes", lambda *_, **options: [[episode] * options["count"]])
    monkeypatch.setattr(measurement, "logps_of", lambda policy, episodes: np.array([logps[policy]]))
    monkeypatch.setattr(measurement, "gold_of", lambda task, episodes: np.array([0.25]))
    monkeypatch.setattr(measurement, "choose_best", lambda run, groups, reward: [groups[0][0]])

    def measure(best_of):
        work = measurement.make_measurement(FakeRun(), "round-1-model", [None], best_of)
        assert len(list(work.iterations())) == 2
        return {record["mode"]: record["kl"] for record in map(json.loads, work.lines)}

    assert measure(None) == {"sampled": 2.0, "greedy": 2.0}
    chosen = measure(measurement.BestOf(4, Utility()))
    assert chosen == {"sampled": pytest.approx(2.0 + math.log(4) - 3 / 4), "greedy": 2.0}


def test_the_kl_of_the_best_of_n_by_hand():
    assert measurement.BestOf(1, Utility()).kl == 0.0
    assert measurement.BestOf(2, Utility()).kl == pytest.approx(0.6931472 - 0.5)
    assert measurement.BestOf(16, Utility()).kl == pytest.approx(2.7725887 - 0.9375)


def test_the_best_is_what_the_reward_likes_and_a_failed_score_is_never_it(monkeypatch):
    values = {"a": -3.0, "b": -1.0, "c": -2.0, "d": math.nan, "e": -5.0, "f": -6.0}
    monkeypatch.setattr(
        measurement, "proxy_of", lambda reward, task, episodes: np.array([values[e] for e in episodes])
    )
    assert measurement.choose_best(FakeRun(), ["abc", "def"], Utility()) == ["b", "e"]


@pytest.mark.parametrize("annotator", ["simulated", "judge", "human", "file"])
def test_whoever_judges_what_is_optimised_is_learned(monkeypatch, tmp_path, annotator):
    given = {"judge": {"judge": "local:x"}, "file": {"preferences": tmp_path}}.get(annotator, {})
    scorer = SimpleNamespace(statistics=None)
    monkeypatch.setattr(proxy, "_load", lambda folder, run: scorer)
    run = FakeRun(RLHFConfig(feedback=FeedbackOptions(annotator=annotator, **given)))
    run.path = tmp_path
    reward = proxy.make_proxy(run, 1)
    assert isinstance(reward, LearnedReward) and reward.scorer is scorer


def test_held_out_pairs_are_not_learned_from():
    run = FakeRun(RLHFConfig(proxy=ProxyOptions(held_out_share=0.5)))
    train, held_out = proxy.split_pairs(run, verdicts())
    assert train and held_out and len(train) + len(held_out) == 40
    assert not {pair.prompt for pair in train} & {pair.prompt for pair in held_out}


def test_members_of_an_ensemble_differ_in_head_and_data(monkeypatch):
    run = FakeRun(RLHFConfig(proxy=ProxyOptions(reward_members=2)))
    monkeypatch.setattr(proxy, "_make_backbone", lambda run, seed: seed)
    monkeypatch.setattr(proxy, "RewardModelTraining", lambda model, data, config, **_: data.pairs)
    (first, head), (second, other) = (proxy.make_member(run, 1, member, verdicts()) for member in (0, 1))
    assert head != other
    assert [pair.prompt for pair in first] != [pair.prompt for pair in second]
    (_, later) = proxy.make_member(run, 2, 0, verdicts())
    assert later != head


def test_a_reward_models_accuracy_leaves_ties_out():
    scorer = SimpleNamespace(score=lambda prompts, texts: np.array([float(len(text)) for text in texts]))
    pairs = [
        Pair("p", "long", "no"),
        Pair("p", "no", "long"),
        Pair("p", "ab", "cd"),
        Pair("p", "a", "bbb", is_tie=True),
    ]
    assert proxy.accuracy_of(scorer, pairs) == pytest.approx((1 + 0 + 0.5) / 3)
    assert proxy.accuracy_of(scorer, pairs[3:]) is None
