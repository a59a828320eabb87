from __future__ import annotations

import copy
import dataclasses
import math

import numpy as np
import pytest
import torch

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.records import Scores
from lmgym.tasks.probes import Delayed, Echo
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.ppo_rewards import shape_rewards
from lmgym_agents.errors import TooManyFailuresError
from lmgym_agents.models import add_lora, make_tiny_model
from lmgym_agents.optimizers import PolicyOptimizer, rate_factor
from lmgym_agents.policy import Policy


class LetterShare:
    """Pays the share of responses' letters below "n": dense, so that a fresh model has something to learn."""

    pay = "episode"

    def __init__(self, fails=()):
        self._fails = set(fails)

    def __call__(self, transcripts):
        paid = [sum(c < "n" for c in t.response) / max(1, len(t.response)) for t in transcripts]
        failed = np.array([t.problem.index in self._fails for t in transcripts])
        values = np.where(failed, 0.0, paid)
        return Scores(values, {"low": values}, failed, tuple("down" if bad else "" for bad in failed))


def make_policy(env, seed=0, **options):
    tokenizer = env.tokenizer
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=16, layers=2, heads=2, context=env.context_length, seed=seed,
        pad_id=tokenizer.pad_id, end_id=tokenizer.end_id,
    )  # fmt: skip
    return Policy(model, **options)


def make_env(task=None, num_envs=32, reward=None, **options):
    reward = reward or LetterShare()
    return TokenVectorEnv(
        task or Echo(), num_envs=num_envs, autoreset_mode="DISABLED", reward=reward, **options
    )


def make_ppo(env=None, policy=None, **options):
    env = env or make_env()
    defaults = {"value_warmup_iterations": 0, "warmup_iterations": 0, "minibatches": 2, "iterations": 3}
    return PPO(policy or make_policy(env), env, PPOConfig(**{**defaults, **options}))


def weights(ppo):
    return {name: tensor.clone() for name, tensor in ppo.policy.state_dict().items()}


def assert_equal_weights(one, other):
    assert one.keys() == other.keys()
    for name in one:
        assert torch.equal(one[name], other[name]), name


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_without_a_learning_rate_three_epochs_keep_the_ratio_and_every_bit_of_the_weights(optimizer):
    ppo = make_ppo(learning_rate=0.0, epochs=3, optimizer=optimizer, entropy_coefficient=0.01)
    before = weights(ppo)
    for update in ppo.iterations():
        assert abs(update.metrics["ratio"] - 1) <= 1e-6
        assert abs(update.metrics["ratio_max"] - 1) <= 1e-5
        assert update.metrics["approx_kl_k3"] <= 1e-9
        assert update.metrics["optimizer_steps"] == 6
    assert_equal_weights(before, weights(ppo))


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_the_first_ratio_is_one_after_every_update_at_a_huge_learning_rate(temperature):
    ppo = make_ppo(learning_rate=0.1, temperature=temperature, epochs=2)
    start = weights(ppo)
    for update in ppo.iterations():
        # Sampled with the weights of now: anything stale is off by far more.
        assert update.metrics["first_log_ratio_max"] <= 1e-5
    assert update.metrics["ratio_max"] > 1.01  # the weights did move within the iteration
    assert any(not torch.equal(start[name], value) for name, value in weights(ppo).items())


def test_a_restored_run_goes_on_bit_for_bit():
    options = {"kl_coefficient": 0.02, "kl_target": 0.1, "epochs": 2, "optimizer": "muon", "iterations": 6}
    unbroken = make_ppo(**options)
    updates = [unbroken.iterate() for _ in range(3)]
    saved = copy.deepcopy(unbroken.state_dict())
    updates += [unbroken.iterate() for _ in range(3)]
    env = make_env()
    resumed = make_ppo(env, make_policy(env, seed=7), **options)  # other weights, other reference
    resumed.load_state_dict(saved)
    again = [update.metrics for update in resumed.iterations()]
    assert again == [update.metrics for update in updates[3:]]
    assert_equal_weights(weights(unbroken), weights(resumed))


def test_the_same_seed_gives_the_same_run_and_another_seed_another():
    one, two, other = ([update.metrics for update in make_ppo(seed=seed).iterations()] for seed in (1, 1, 2))
    assert one == two != other


def test_failed_rows_leave_the_update_as_if_they_had_never_been_there():
    env = make_env(num_envs=30)
    everything = make_ppo(env)._collect()
    lost = everything.problem_index[::5].tolist()  # 20 %
    failing = make_ppo(make_env(num_envs=30, reward=LetterShare(fails=lost)), minibatches=1)
    rollout = failing._collect()
    assert int(rollout.failed.sum()) == 6
    valid = rollout.select(~rollout.failed)
    kept = everything.select(~rollout.failed)
    assert torch.equal(valid.input_ids, kept.input_ids) and torch.equal(valid.rewards, kept.rewards)
    without = make_ppo(env, minibatches=1)
    for ppo, rows in ((failing, valid), (without, kept)):
        targets, _ = ppo._make_targets(rows)
        ppo._update(rows, targets)
    for (name, one), other in zip(
        failing.policy.named_parameters(), without.policy.parameters(), strict=True
    ):
        assert torch.equal(one, other), name
    fresh = make_ppo(make_env(num_envs=30, reward=LetterShare(fails=lost)))
    metrics = fresh.iterate().metrics
    assert metrics["failed_rows"] == 6 and metrics["episodes"] == 24


def test_a_reward_that_is_down_stops_the_run():
    env = make_env()
    lost = make_ppo(env)._collect().problem_index.tolist()
    ppo = make_ppo(make_env(reward=LetterShare(fails=lost)))
    with pytest.raises(TooManyFailuresError):
        ppo.iterate()


def test_value_warm_up_leaves_the_policy_alone_and_trains_the_value_head():
    ppo = make_ppo(value_warmup_iterations=2, learning_rate=0.01, iterations=3)
    before = weights(ppo)
    next(ppo.iterations())
    after = weights(ppo)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed == {"value_head.weight", "value_head.bias"}
    list(ppo.iterations())
    assert not torch.equal(weights(ppo)["model.lm_head.weight"], before["model.lm_head.weight"])


def test_rewards_are_shaped_in_order_worked_by_hand():
    env = make_env(num_envs=3)
    config = PPOConfig(reward_scale=3.0, reward_clip=2.0, missing_end_penalty=0.5, kl_coefficient=0.1)
    rollout = make_ppo(env)._collect()
    rewards, last, rows = torch.zeros_like(rollout.rewards), rollout.lengths - 1, torch.arange(3)
    rewards[rows, last] = torch.tensor([1.0, 0.5, -1.0])
    rollout = dataclasses.replace(rollout, rewards=rewards, stopped=torch.tensor([True, False, True]))
    reference = rollout.logp_behaviour - 0.25  # KL of 0.25 nats at every action
    shaped = shape_rewards(config, rollout, reference, 0.2)
    expected = torch.where(rollout.is_action, -0.2 * 0.25, 0.0)
    # 3 * 1 and 3 * -1 are clipped; 3 * 0.5 is not, but its row did not end itself.
    expected[rows, last] += torch.tensor([2.0, 1.5 - 0.5, -2.0])
    torch.testing.assert_close(shaped, expected)


def test_the_first_gradient_is_the_policy_gradient_and_that_of_the_value_error():
    """A slow loop over rows and tokens: at ratio 1 nothing is clipped."""
    options = {"minibatches": 1, "max_grad_norm": None, "value_coefficient": 0.3, "entropy_coefficient": 0.1}
    ppo = make_ppo(make_env(num_envs=6), **options)
    torch.nn.init.normal_(ppo.policy.value_head.weight)
    rollout = ppo._collect()
    targets, _ = ppo._make_targets(rollout)
    slow = copy.deepcopy(ppo.policy)
    total, count = torch.zeros(()), 0
    for row in range(6):
        output = slow.model(rollout.input_ids[row : row + 1], output_hidden_states=True)
        logps = output.logits[0].log_softmax(-1)
        values = slow.value_head(output.hidden_states[-1][0])[:, 0]
        for t in rollout.is_action[row].nonzero()[:, 0].tolist():
            advantage, target = targets.advantages[row, t], targets.returns[row, t]
            total = total - advantage * logps[t - 1, rollout.input_ids[row, t]]
            total = total + 0.3 * 0.5 * (values[t - 1] - target) ** 2
            total = total + 0.1 * (logps[t - 1].exp() * logps[t - 1]).sum()
            count += 1
    (total / count).backward()
    loss_of_rows = ppo._make_loss(rollout, targets, torch.arange(6), warming=False)
    loss_of_rows(torch.arange(6)).loss.backward()
    for (name, one), other in zip(ppo.policy.named_parameters(), slow.parameters(), strict=True):
        torch.testing.assert_close(one.grad, other.grad, rtol=1e-4, atol=1e-6, msg=name)


def test_the_factor_reaches_every_learning_rate():
    policy = make_policy(make_env())
    optimizer = PolicyOptimizer(policy, kind="muon", learning_rate=0.1, value_learning_rate=0.1)
    before = copy.deepcopy(policy.state_dict())
    for factor, moves in ((0.0, False), (0.5, True)):
        for parameter in policy.parameters():
            parameter.grad = torch.ones_like(parameter)
        optimizer.set_rate(factor)
        optimizer.step()
        changed = [not torch.equal(before[name], p) for name, p in policy.named_parameters()]
        assert all(changed) if moves else not any(changed)


def test_overlong_rows_can_be_left_out_of_the_losses():
    env = make_env(num_envs=16)
    ppo = make_ppo(env, mask_overlong=True)
    rollout = ppo._collect()
    assert 0 < int((~rollout.stopped).sum())
    targets, _ = ppo._make_targets(rollout)
    assert not targets.is_action[~rollout.stopped].any()
    assert torch.equal(targets.is_action[rollout.stopped], rollout.is_action[rollout.stopped])


def test_truncated_rows_are_bootstrapped_and_terminated_ones_are_not():
    env = make_env(Delayed(), num_envs=8, max_episode_tokens=12)
    ppo = make_ppo(env, gae_lambda=1.0, whiten_advantages=False)
    torch.nn.init.constant_(ppo.policy.value_head.bias, 0.7)  # a constant value function
    rollout = ppo._collect()
    assert rollout.truncated.all()
    targets, _ = ppo._make_targets(rollout)
    # Return of every action: what is still to be paid, and then the value of where the budget ended.
    to_come = rollout.rewards.flip(1).cumsum(1).flip(1)
    expected = torch.where(rollout.is_action, to_come + 0.7, 0)
    torch.testing.assert_close(targets.returns, expected, atol=1e-5, rtol=0)


def test_micro_batches_do_not_change_the_update():
    whole, cut = make_ppo(learning_rate=1e-3), make_ppo(learning_rate=1e-3, max_tokens_per_micro_batch=16)
    one, other = whole.iterate().metrics, cut.iterate().metrics
    assert one["grad_norm"] == pytest.approx(other["grad_norm"], rel=1e-5)
    assert one["value_loss"] == pytest.approx(other["value_loss"], rel=1e-5)


def test_target_kl_stops_the_epochs():
    metrics = make_ppo(learning_rate=0.05, epochs=20, target_kl=0.01).iterate().metrics
    assert metrics["stopped_early"] == 1 and metrics["optimizer_steps"] < 40


def test_a_value_function_gone_wrong_reaches_no_weight_and_is_named():
    said = []
    env = make_env()
    ppo = PPO(make_policy(env), env, PPOConfig(value_warmup_iterations=0), on_message=said.append)
    with torch.no_grad():
        ppo.policy.value_head.bias.fill_(math.nan)
    before = weights(ppo)
    metrics = ppo.iterate().metrics
    assert metrics["skipped_steps"] == 4 and "not finite" in metrics["skipped"]
    assert "skipped" in said[0]
    after = weights(ppo)
    assert all(torch.equal(before[name], after[name]) for name in before if "value_head" not in name)


def test_kl_to_the_reference_grows_from_zero_and_the_coefficient_follows():
    ppo = make_ppo(kl_coefficient=0.1, kl_target=10.0, kl_horizon=100, learning_rate=0.01, minibatches=1)
    first, second, _ = (update.metrics for update in ppo.iterations())
    assert abs(first["kl_reference"]) <= 1e-8 and second["kl_reference"] > 1e-4
    # error = clip(0 / 10 - 1) = -0.2 over 32 of 100 episodes
    assert second["kl_coefficient"] == pytest.approx(0.1 * (1 - 0.2 * 0.32))


@pytest.mark.parametrize(
    "options",
    [
        {"kl_in": "loss", "kl_coefficient": 0.1},
        {"old_logps": "trainer", "top_k": 5, "top_p": 0.9},
        {"old_logps": "trainer", "importance": "sequence_mask"},
        {"group_size": 4, "length_adaptive_alpha": 0.5, "value_lambda": None},
        {"aggregation": "constant", "whiten_rewards": True, "value_clip": 0.2},
        {"aggregation": "sequence", "entropy_coefficient": 0.01, "schedule": "cosine"},
    ],
)
def test_every_option_trains(options):
    updates = list(make_ppo(**options).iterations())
    numbers = {name: value for name, value in updates[-1].metrics.items() if isinstance(value, float)}
    assert all(math.isfinite(value) for value in numbers.values()), numbers
    assert updates[-1].metrics["skipped_steps"] == 0


def test_adapters_train_alone_with_the_base_as_reference():
    env = make_env()
    policy = make_policy(env)
    add_lora(policy, rank=2)
    ppo = make_ppo(env, policy, learning_rate=0.01, kl_coefficient=0.01)
    before = weights(ppo)
    list(ppo.iterations())
    after = weights(ppo)
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert changed and all("lora" in name or "value_head" in name for name in changed)
    assert ppo.state_dict()["reference"] == {}


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"iterations": 0}, r"PPOConfig.iterations is 0"),
        ({"gamma": 1.5}, r"PPOConfig.gamma is 1.5; allowed: numbers in \[0, 1\]"),
        ({"temperature": 0.0}, "greedy can't learn"),
        ({"top_p": 0.9}, "'trainer' where top_k or top_p"),
        ({"kl_target": 6.0}, "positive kl_coefficient"),
    ],
)
def test_bad_options_name_the_field(options, match):
    with pytest.raises(InvalidValueError, match=match):
        PPOConfig(**options)


def test_learning_rates_worked_by_hand():
    assert [rate_factor("constant", step, 10, warmup=1) for step in range(3)] == [0.5, 1.0, 1.0]
    assert [rate_factor("linear", step, 6, warmup=2, end=0.2) for step in (0, 1, 2, 4, 6, 9)] == (
        pytest.approx([1 / 3, 2 / 3, 1.0, 0.6, 0.2, 0.2])
    )
    assert rate_factor("cosine", 5, 10) == pytest.approx(0.5)
    with pytest.raises(InvalidValueError, match="schedule must be one of"):
        rate_factor("step", 0, 1)


def test_muon_takes_the_matrices_inside_the_layers_and_adamw_the_rest():
    policy = make_policy(make_env())
    optimizer = PolicyOptimizer(policy, kind="muon", learning_rate=1e-3, value_learning_rate=1e-2)
    names = {id(parameter): name for name, parameter in policy.named_parameters()}
    groups = {
        kind: {names[id(p)] for group in part.param_groups for p in group["params"]}
        for kind, part in optimizer._optimizers.items()
    }
    assert groups["muon"] == {name for name in names.values() if ".layers." in name and "norm" not in name}
    assert groups["adamw"] | groups["muon"] == set(names.values())
    assert not groups["adamw"] & groups["muon"]
    with pytest.raises(InvalidValueError, match="use the kind"):
        PolicyOptimizer(policy, learning_rate=1e-3, value_learning_rate=1e-3).load_state_dict(
            optimizer.state_dict()
        )


def test_failed_problems_are_posed_again_until_they_are_solved():
    ppo = make_ppo(make_env(num_envs=16), replay_failed=0.5, group_size=2, iterations=5)
    rollouts = []
    collect_once = ppo._collect
    ppo._collect = lambda: rollouts.append(collect_once()) or rollouts[-1]
    updates = list(ppo.iterations())
    assert not rollouts[0].is_again.any()
    failed = set(rollouts[0].problem_index[~rollouts[0].success].tolist())
    for rollout in rollouts[1:]:
        again = rollout.problem_index[rollout.is_again].tolist()
        assert len(again) == 8 and set(again) <= failed
        assert again[::2] == again[1::2]  # groups stay together
        assert not set(rollout.problem_index[~rollout.is_again].tolist()) & failed
        failed |= set(rollout.problem_index[~rollout.success].tolist())
        failed -= set(rollout.problem_index[rollout.success].tolist())
    assert set(ppo.failed.state().tolist()) == failed
    assert "success_again" in updates[-1].metrics and "success_again" not in updates[0].metrics


def test_the_memory_of_failures_keeps_the_latest_and_comes_back_with_the_run():
    ppo = make_ppo(make_env(num_envs=16), replay_failed=0.5, max_replay=10, iterations=4)
    updates = [ppo.iterate() for _ in range(2)]
    assert len(ppo.failed) == 10
    saved = copy.deepcopy(ppo.state_dict())
    updates += [ppo.iterate() for _ in range(2)]
    resumed = make_ppo(make_env(num_envs=16), replay_failed=0.5, max_replay=10, iterations=4)
    resumed.load_state_dict(saved)
    assert [update.metrics for update in resumed.iterations()] == [u.metrics for u in updates[2:]]


def test_advantages_are_whitened_over_all_actions_of_the_rollout_and_nothing_else():
    ppo = make_ppo(make_env(num_envs=16), gae_lambda=0.9)
    targets, _ = ppo._make_targets(ppo._collect())
    chosen = targets.advantages[targets.is_action].double()
    assert abs(float(chosen.mean())) < 1e-6 and float(chosen.std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert not targets.advantages[~targets.is_action].any()
