from __future__ import annotations

import copy
import dataclasses
import math
from typing import get_args

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.records import Scores
from lmgym.tasks.probes import Echo
from lmgym_agents.algorithms.grpo import GRPO
from lmgym_agents.algorithms.grpo_config import GRPOConfig, preset_config
from lmgym_agents.algorithms.grpo_methods import Preset
from lmgym_agents.algorithms.grpo_rewards import shape_returns
from lmgym_agents.errors import TooManyFailuresError
from lmgym_agents.losses import ppo_policy_loss
from tests.agents.test_ppo import LetterShare, assert_equal_weights, make_env, make_policy, weights
from tests.learning.test_probes import make_tokenizer

PRESETS = get_args(Preset)


class FirstLetter:
    """Pays 1 for a response that begins with a letter below "h": many groups agree on it, many do not."""

    pay = "episode"

    def __call__(self, transcripts):
        values = np.array([float("a" <= t.response[:1] < "h") for t in transcripts])
        return Scores(values, {}, np.zeros(len(values), np.bool_), ("",) * len(values))


def make_varied_env(num_envs):
    """Responses of a fresh model have 1 to 5 tokens here: it knows ten, and one of them is the end."""
    return make_env(Echo(length=4), num_envs=num_envs, tokenizer=make_tokenizer("abnopqrs>"))


def make_grpo(env=None, policy=None, **options):
    env = env or make_env()
    defaults = {"warmup_iterations": 0, "iterations": 3, "group_size": 4, "minibatches": 2}
    defaults |= {"group_size": 1} if options.get("preset") in ("reinforce", "reinforce++") else {}
    return GRPO(policy or make_policy(env), env, GRPOConfig(**{**defaults, **options}))


def targets_of(grpo):
    rollout = grpo._collect()
    valid = rollout.select(~rollout.failed)
    learned, _ = grpo._choose(valid)
    return learned, grpo._make_targets(learned, valid)[0]


def gradients(grpo, rollout, targets, parts=None):
    """The gradients of one loss over all rows, cut into ``parts``."""
    rows = torch.arange(len(rollout.lengths))
    loss_of_rows = grpo._make_loss(rollout, targets, rows)
    grpo.policy.zero_grad()
    for part in parts or [rows]:
        loss_of_rows(part).loss.backward()
    return {n: p.grad.clone() for n, p in grpo.policy.named_parameters() if p.grad is not None}


def in_float64(grpo, rollout, targets):
    """The same with weights and log-probs in float64, whose old log-probs are exactly the policy's own."""
    grpo.policy.double()
    logps = grpo._trainer_logps(rollout)
    reference = None if targets.reference_logps is None else logps - 0.1 * torch.rand_like(logps)
    return targets._replace(
        old_logps=logps, advantages=targets.advantages.double(), reference_logps=reference
    )


# Ratios, seeds, restored runs -------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["grpo", "gspo", "reinforce"])
def test_without_a_learning_rate_three_epochs_keep_the_ratio_and_every_bit_of_the_weights(preset):
    grpo = make_grpo(preset=preset, learning_rate=0.0, epochs=3, entropy_coefficient=0.01)
    before = weights(grpo)
    for update in grpo.iterations():
        assert abs(update.metrics["ratio"] - 1) <= 1e-6
        assert abs(update.metrics["ratio_max"] - 1) <= 1e-5
        assert update.metrics["optimizer_steps"] == 6
    assert_equal_weights(before, weights(grpo))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_first_ratio_is_one_after_every_update_at_a_huge_learning_rate(temperature):
    grpo = make_grpo(learning_rate=0.05, temperature=temperature, epochs=2)
    start = weights(grpo)
    for update in grpo.iterations():
        assert update.metrics["first_log_ratio_max"] <= 1e-5
    assert update.metrics["ratio_max"] > 1.01  # the weights did move within the iteration
    changed = {name for name, value in weights(grpo).items() if not torch.equal(start[name], value)}
    assert changed and not any("value_head" in name for name in changed)


def test_the_samplers_log_probs_are_the_trainers():
    grpo = make_grpo(temperature=0.8)
    rollout = grpo._collect()
    gap = torch.where(rollout.is_action, grpo._trainer_logps(rollout) - rollout.logp_behaviour, 0)
    assert float(gap.abs().max()) <= 1e-5


@pytest.mark.parametrize(
    "options",
    [{"kl_coefficient": 0.05, "epochs": 2, "optimizer": "muon"}, {"preset": "dapo"}, {"preset": "reinforce"}],
    ids=["grpo", "dapo", "reinforce"],
)
def test_a_restored_run_goes_on_bit_for_bit(options):
    options = {"iterations": 4, **options}
    make = lambda: make_env(reward=FirstLetter())  # noqa: E731
    unbroken = make_grpo(make(), **options)
    for _ in range(2):
        unbroken.iterate()
    saved = copy.deepcopy(unbroken.state_dict())
    updates = [unbroken.iterate().metrics for _ in range(2)]
    env = make()
    resumed = make_grpo(env, make_policy(env, seed=7), **options)  # other weights, other reference
    resumed.load_state_dict(saved)
    assert [update.metrics for update in resumed.iterations()] == updates
    assert_equal_weights(weights(unbroken), weights(resumed))


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    one, two, other = (
        [update.metrics for update in make_grpo(seed=seed, preset="dapo").iterations()] for seed in (1, 1, 2)
    )
    assert one == two != other


# Gradients --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aggregation", ["token", "sequence", "constant"])
def test_the_first_gradient_is_the_policy_gradient(aggregation):
    """A slow loop over rows and tokens: at ratio 1 nothing is clipped."""
    grpo = make_grpo(make_varied_env(8), aggregation=aggregation, uniform_groups="keep")
    rollout, targets = targets_of(grpo)
    targets = in_float64(grpo, rollout, targets)
    slow = copy.deepcopy(grpo.policy)
    total = torch.zeros((), dtype=torch.float64)
    num_actions = rollout.num_actions.tolist()
    assert len(set(num_actions)) > 1
    for row in range(8):
        logps = slow.model(rollout.input_ids[row : row + 1]).logits[0].log_softmax(-1)
        share = {
            "token": 1 / sum(num_actions), "sequence": 1 / 8 / num_actions[row],
            "constant": 1 / 8 / grpo.env.max_new_tokens,
        }[aggregation]  # fmt: skip
        for t in rollout.is_action[row].nonzero()[:, 0].tolist():
            logp = logps[t - 1, rollout.input_ids[row, t]]
            total = total - share * targets.advantages[row, t] * logp
    total.backward()
    expected = {name: p.grad for name, p in slow.named_parameters() if p.grad is not None}
    got = gradients(grpo, rollout, targets)
    assert got.keys() == expected.keys()
    for name in got:
        torch.testing.assert_close(got[name], expected[name], rtol=1e-10, atol=1e-13, msg=name)


@pytest.mark.parametrize(
    "options",
    [{}, {"preset": "deepseek_math"}, {"preset": "dr_grpo"}, {"preset": "gspo"}, {"preset": "reinforce++"}],
    ids=lambda options: options.get("preset", "grpo"),
)
def test_the_gradient_does_not_depend_on_how_the_rows_are_split(options):
    grpo = make_grpo(make_varied_env(16), entropy_coefficient=0.02, kl_coefficient=0.1, **options)
    rollout, targets = targets_of(grpo)
    targets = in_float64(grpo, rollout, targets)
    rows = torch.arange(len(rollout.lengths))
    whole = gradients(grpo, rollout, targets)
    for parts in (rows.split(4), rows.split(1), rows.flip(0).split(5)):
        cut = gradients(grpo, rollout, targets, parts)
        for name, gradient in whole.items():
            assert float((cut[name] - gradient).norm()) <= 1e-12 * float(gradient.norm()), name


def test_micro_batches_do_not_change_the_update():
    whole, cut = make_grpo(), make_grpo(max_tokens_per_micro_batch=16)
    one, other = whole.iterate().metrics, cut.iterate().metrics
    assert one["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-5) and one["grad_norm"] > 0


def test_what_stands_where_no_action_is_changes_nothing():
    grpo = make_grpo(make_varied_env(8), preset="deepseek_math", old_logps="trainer")
    rollout, targets = targets_of(grpo)
    before = gradients(grpo, rollout, targets)
    for poison in (math.nan, 1e6):
        poked = targets._replace(**{
            name: torch.where(targets.is_action, getattr(targets, name), poison)
            for name in ("advantages", "old_logps", "reference_logps", "weights")
        })  # fmt: skip
        after = gradients(grpo, rollout, poked)
        assert all(torch.equal(before[name], after[name]) for name in before)


def test_an_iteration_says_how_many_rows_it_has_learned_from():
    metrics = make_grpo(make_env(reward=FirstLetter(), num_envs=32)).iterate().metrics
    assert 0 < metrics["informative_groups"] < 8
    assert metrics["learned_rows"] == 4 * metrics["informative_groups"]


def test_uniform_groups_are_dropped_counted_and_change_nothing_for_the_others():
    env = make_env(reward=FirstLetter(), num_envs=32)
    grpo = make_grpo(env)
    rollout = grpo._collect()
    valid = rollout.select(~rollout.failed)
    kept, metrics = grpo._choose(valid)
    mixed = [number for number in range(8) if len(set(valid.returns[valid.group == number].tolist())) > 1]
    assert 0 < len(mixed) < 8
    assert metrics == {
        "groups": 8, "informative_groups": len(mixed), "dropped_groups": 8 - len(mixed)
    }  # fmt: skip
    assert kept.group.unique().tolist() == mixed and len(kept.lengths) == 4 * len(mixed)
    alone = valid.select(torch.isin(valid.group, torch.tensor(mixed)))
    targets, _ = grpo._make_targets(kept, valid)
    expected, _ = grpo._make_targets(alone, alone)
    one, other = gradients(grpo, kept, targets), gradients(grpo, alone, expected)
    assert all(torch.equal(one[name], other[name]) for name in one)
    # Kept in the mean they only shrink it, by the share of the tokens that they hold.
    keeping = make_grpo(env, grpo.policy, uniform_groups="keep")
    everything, none_dropped = keeping._choose(valid)
    assert none_dropped["dropped_groups"] == 0 and len(everything.lengths) == 32
    shrunk = gradients(keeping, everything, keeping._make_targets(everything, valid)[0])
    share = int(kept.is_action.sum()) / int(valid.is_action.sum())
    for name, gradient in one.items():
        torch.testing.assert_close(shrunk[name], share * gradient, rtol=1e-4, atol=1e-8, msg=name)


def test_where_every_group_agrees_no_step_is_taken_and_that_is_no_fault():
    said = []
    env = make_env(reward=lambda transcripts: [1.0] * len(transcripts))
    grpo = GRPO(make_policy(env), env, GRPOConfig(group_size=4), on_message=said.append)
    before = weights(grpo)
    metrics = grpo.iterate().metrics
    assert metrics["optimizer_steps"] == metrics["skipped_steps"] == 0
    assert metrics["dropped_groups"] == metrics["groups"] == 8
    assert not said
    assert_equal_weights(before, weights(grpo))


# Failures ---------------------------------------------------------------------------------------------


def test_failed_rows_are_left_out_of_the_mean_of_their_group():
    rollout = make_grpo()._collect()
    rollout = dataclasses.replace(rollout, failed=torch.zeros(32, dtype=torch.bool))
    rollout.failed[[0, 5, 6, 7]] = True  # one of the first group, all but one of the second
    rollout.rewards[rollout.failed] = math.nan
    grpo = make_grpo()
    valid = rollout.select(~rollout.failed)
    kept, _ = grpo._choose(valid)
    assert (kept.group == 0).sum() == 3 and not (kept.group == 1).any()
    targets, _ = grpo._make_targets(kept, valid)
    returns = kept.returns[:3].double()
    expected = (returns - returns.mean()) / (returns.std() + 1e-6)
    first = kept.is_action[:3].int().argmax(dim=1)
    torch.testing.assert_close(targets.advantages[range(3), first], expected.float())


def test_a_reward_that_is_down_stops_the_run():
    env = make_env()
    lost = make_grpo(env)._collect().problem_index.tolist()
    with pytest.raises(TooManyFailuresError):
        make_grpo(make_env(reward=LetterShare(fails=lost))).iterate()


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_reward_that_is_not_finite_stops_the_step_and_is_named(bad):
    said = []
    grpo = make_grpo()
    grpo._say = said.append
    collect_once = grpo._collect

    def collect():
        rollout = collect_once()
        row = int(rollout.is_action[3].nonzero()[0, 0])
        rollout.rewards[3, row] = bad
        return rollout

    grpo._collect = collect
    before = weights(grpo)
    metrics = grpo.iterate().metrics
    assert metrics["skipped_steps"] == 2 and "rewards (1 of" in metrics["skipped"]
    assert "rewards (1 of" in said[0]
    assert_equal_weights(before, weights(grpo))


# Dynamic sampling, overlong rows, KL ------------------------------------------------------------------


def test_dynamic_sampling_goes_on_until_the_batch_is_full_and_uses_the_first_groups():
    grpo = make_grpo(make_env(reward=FirstLetter()), preset="dapo", max_sampling_rounds=20)
    rollout = grpo._collect()
    kept, metrics = grpo._choose(rollout)
    assert metrics["sampling_rounds"] == len(rollout.lengths) // 32 > 1
    assert metrics["groups"] == len(rollout.lengths) // 4
    before = rollout.select(torch.arange(len(rollout.lengths) - 32))  # all rounds but the last
    assert grpo._choose(before)[1]["informative_groups"] < 8
    assert len(kept.group.unique()) == 8 and len(kept.lengths) == 32
    assert metrics["informative_groups"] - metrics["surplus_groups"] == 8
    informative = [
        n for n in range(metrics["groups"]) if len(rollout.returns[rollout.group == n].unique()) > 1
    ]
    assert kept.group.unique().tolist() == informative[:8]
    assert metrics["dropped_groups"] == metrics["groups"] - len(informative)
    problems = rollout.problem_index[::4].tolist()
    assert len(set(problems)) == len(problems)  # each round poses new ones


def test_dynamic_sampling_is_bounded():
    env = make_env(reward=lambda transcripts: [1.0] * len(transcripts))
    metrics = make_grpo(env, preset="dapo", max_sampling_rounds=3).iterate().metrics
    assert metrics["sampling_rounds"] == 3 and metrics["groups"] == 24 == metrics["dropped_groups"]
    assert metrics["episodes"] == 96 and metrics["learned_rows"] == 0  # the log tells of what was sampled


def test_turns_that_near_their_budget_are_punished_by_hand():
    grpo = make_grpo(make_env(num_envs=4), preset="dapo", overlong_buffer=0.5, overlong_penalty=2.0)
    rollout = grpo._collect()
    acts = torch.zeros(4, 20, dtype=torch.bool)
    for row, count in enumerate((4, 5, 7, 8)):  # of a budget of 8, whose last 4 are the buffer
        acts[row, 6 : 6 + count] = True
    rollout = dataclasses.replace(rollout, is_action=acts, rewards=torch.zeros(4, 20))
    shaped = shape_returns(grpo.config, rollout, None, max_new_tokens=8)
    assert shaped.sum(dim=1).tolist() == [0.0, -0.5, -1.5, -2.0]
    assert shaped[[1, 2, 3], [10, 12, 13]].tolist() == [-0.5, -1.5, -2.0]


def test_cut_rows_can_be_left_out_of_the_loss():
    grpo = make_grpo(make_varied_env(16), overlong="mask", uniform_groups="keep")
    rollout, targets = targets_of(grpo)
    assert 0 < int((~rollout.stopped).sum()) < 16
    assert torch.equal(targets.is_action, rollout.is_action & rollout.stopped[:, None])


def test_the_kl_penalty_is_part_of_the_return():
    grpo = make_grpo(kl_in="reward", kl_coefficient=0.5)
    rollout = grpo._collect()
    shaped = shape_returns(grpo.config, rollout, rollout.logp_behaviour - 0.25, max_new_tokens=8)
    expected = rollout.returns - 0.5 * 0.25 * rollout.num_actions
    torch.testing.assert_close(shaped.sum(dim=1), expected)


def test_kl_to_the_reference_grows_from_zero():
    grpo = make_grpo(preset="deepseek_math", learning_rate=0.01)
    first, second, _ = (update.metrics for update in grpo.iterations())
    assert abs(first["kl_reference"]) <= 1e-8 and second["kl_reference"] > 1e-5
    assert second["kl_loss"] > 0


# Options ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("preset", PRESETS)
def test_every_preset_trains(preset):
    grpo = GRPO(
        make_policy(env := make_env()), env,
        preset_config(preset, iterations=2, warmup_iterations=0, learning_rate=1e-3),
    )  # fmt: skip
    before = weights(grpo)
    updates = list(grpo.iterations())
    numbers = {name: value for name, value in updates[-1].metrics.items() if isinstance(value, float)}
    assert all(math.isfinite(value) for value in numbers.values()), numbers
    assert updates[-1].metrics["skipped_steps"] == 0 < updates[-1].metrics["optimizer_steps"]
    assert any(not torch.equal(before[name], value) for name, value in weights(grpo).items())


@pytest.mark.parametrize(
    "options",
    [
        {"kl_coefficient": 0.1, "kl_estimator": "k2"},
        {"kl_coefficient": 0.1, "kl_in": "reward"},
        {"old_logps": "trainer", "top_k": 5, "top_p": 0.9},
        {"old_logps": "trainer", "importance": "sequence_mask", "ratio": "sequence"},
        {"epochs": 4, "target_kl": 1e-4, "learning_rate": 0.01, "schedule": "cosine", "optimizer": "muon"},
        {"group_size": 8, "aggregation": "constant", "entropy_coefficient": 0.01, "weight_decay": 0.1},
    ],
)
def test_every_option_trains(options):
    updates = list(make_grpo(**options).iterations())
    numbers = {name: value for name, value in updates[-1].metrics.items() if isinstance(value, float)}
    assert all(math.isfinite(value) for value in numbers.values()), numbers
    assert updates[-1].metrics["skipped_steps"] == 0
    assert updates[-1].metrics["stopped_early"] == int("target_kl" in options)


def test_presets_are_the_methods_of_their_papers():
    method = preset_config("dapo").method
    assert (method.clip_low, method.clip_high) == (0.2, 0.28)
    assert (method.uniform_groups, method.aggregation, method.overlong) == ("resample", "token", "punish")
    method = preset_config("dr_grpo").method
    assert (method.advantages, method.aggregation) == ("dr_grpo", "constant")
    method = preset_config("deepseek_math").method
    assert (method.kl_in, method.kl_estimator, method.kl_coefficient) == ("loss", "k3", 0.04)
    assert method.aggregation == "sequence"
    method = preset_config("gspo").method
    assert (method.ratio, method.clip_low, method.clip_high) == ("sequence", 3e-4, 4e-4)
    method = preset_config("reinforce").method
    assert (method.advantages, method.group_size, method.minibatches) == ("reinforce", 1, 1)


def test_an_option_that_is_given_wins_over_the_preset():
    method = preset_config("dapo", clip_high=0.2, group_size=16).method
    assert (method.clip_low, method.clip_high, method.group_size) == (0.2, 0.2, 16)
    assert method.uniform_groups == "resample"


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"iterations": 0}, r"GRPOConfig.iterations is 0"),
        ({"preset": "dappo"}, r"GRPOConfig.preset is 'dappo'; allowed: grpo, deepseek_math"),
        ({"group_size": 1}, "integers from 2 with advantages='grpo'"),
        ({"group_size": 0}, "GRPOConfig.group_size is 0"),
        ({"preset": "reinforce", "uniform_groups": "drop"}, "'keep' with advantages='reinforce'"),
        ({"advantages": "gae"}, "GRPOConfig.advantages is 'gae'; allowed: grpo, dr_grpo"),
        ({"dual_clip": 1.1}, r"0 \(no bound\), or numbers above 1 \+ clip_high = 1.28"),
        ({"clip_low": 1.0}, r"GRPOConfig.clip_low is 1.0"),
        ({"overlong_buffer": 0.0}, r"GRPOConfig.overlong_buffer is 0.0; allowed: numbers in \(0, 1\]"),
        ({"temperature": 0.0}, "greedy can't learn"),
        ({"top_p": 0.9}, "'trainer' where top_k or top_p"),
        ({"learning_rate": math.nan}, "GRPOConfig.learning_rate is nan"),
    ],
)
def test_bad_options_name_the_field(options, match):
    with pytest.raises(InvalidValueError, match=match):
        GRPOConfig(**options)


def test_the_clip_of_dapo_lets_unlikely_tokens_rise_further():
    """At a ratio of 1.25 with a positive advantage GRPO's gradient has stopped, DAPO's has not."""
    logps = torch.tensor([[0.0, math.log(1.25)]], requires_grad=True)
    for clip_high, expected in ((0.2, 0.0), (preset_config("dapo").method.clip_high, -1.25)):
        loss, _ = ppo_policy_loss(
            logp_policy=logps, logp_old=torch.zeros(1, 2), advantages=torch.ones(1, 2),
            is_action=torch.tensor([[False, True]]), denominator=1.0, clip_low=0.2, clip_high=clip_high,
        )  # fmt: skip
        (gradient,) = torch.autograd.grad(loss, logps)
        assert gradient.tolist() == [[0.0, pytest.approx(expected)]]
