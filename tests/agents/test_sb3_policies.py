"""Policies of Stable-Baselines3 over a language model: at first they act as it does, and they are theirs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError

pytest.importorskip("stable_baselines3")
pytest.importorskip("sb3_contrib")

from stable_baselines3 import PPO

from lmgym_agents.baselines.sb3_acting import Actor
from lmgym_agents.baselines.sb3_kinds import KINDS, make_algorithm, make_policy
from lmgym_agents.baselines.sb3_policies import LMActorCriticPolicy
from lmgym_agents.baselines.sb3_vec_env import make_token_vec_env
from lmgym_agents.tiny_models import make_tiny_model

OPTIONS = {"length": 2, "alphabet": "cdefgh"}
EASY = {"length": 1, "alphabet": "cd"}
SHORT = {
    "ppo": {"n_steps": 8, "batch_size": 16, "n_epochs": 1},
    "a2c": {"n_steps": 4},
    "dqn": {"buffer_size": 200, "batch_size": 8, "learning_starts": 8},
    "maskable-ppo": {"n_steps": 8, "batch_size": 16, "n_epochs": 1},
    "recurrent-ppo": {"n_steps": 8, "batch_size": 16, "n_epochs": 1},
    "qr-dqn": {"buffer_size": 200, "batch_size": 8, "learning_starts": 8},
}


@pytest.fixture(autouse=True)
def one_thread():
    torch.set_num_threads(1)


def make_rows(kind, num_envs=4, options=OPTIONS):
    masked = KINDS[kind].is_masked
    return make_token_vec_env(
        "lmgym/Echo-v0", num_envs, {**options, "mask_actions": masked}, seed=0, is_full_vocabulary=masked
    )


def make_model(rows, architecture="llama"):
    return make_tiny_model(
        rows.env.tokenizer.vocab_size, hidden_size=16, layers=1, heads=2, context=32, seed=1,
        architecture=architecture, config={"initializer_range": 0.5},
    )  # fmt: skip


def make_actor(algorithm, rows):
    is_masked = rows.num_actions == rows.env.tokenizer.vocab_size
    return Actor(
        algorithm.policy, rows.tokens, context_length=rows.env.context_length,
        allowed=rows.action_masks()[0] if is_masked else None,
    )  # fmt: skip


def observe_many(rows, steps=6):
    """Rows of many lengths, from episodes of random tokens."""
    draws = np.random.default_rng(0)
    needed = make_rows("ppo").tokens
    actions = np.searchsorted(rows.tokens, needed)
    seen = [rows.reset()]
    for _ in range(steps):
        seen.append(rows.step(draws.choice(actions, rows.num_envs))[0])
    return {name: np.concatenate([observations[name] for observations in seen]) for name in seen[0]}


def best_of_model(model, observations, allowed):
    """The language model's most probable token among those allowed, a row at a time."""
    found = []
    for ids, mask in zip(observations["input_ids"], observations["attention_mask"], strict=True):
        row = torch.as_tensor(ids[: mask.sum()]).long()[None]
        logits = model(input_ids=row).logits[0, -1]
        found.append(int(allowed[int(logits[torch.as_tensor(allowed)].argmax())]))
    return found


@pytest.mark.parametrize("kind", KINDS)
def test_before_training_a_policy_acts_as_the_language_model(kind):
    rows = make_rows(kind)
    model = make_model(rows)
    algorithm = make_algorithm(kind, rows, model, seed=0, **SHORT[kind])
    observations = observe_many(rows)
    needed = make_rows("ppo").tokens
    expected = best_of_model(model, observations, needed)
    assert len(set(expected)) > 3  # else nothing is shown
    assert make_actor(algorithm, rows).act(observations).tolist() == expected
    if kind != "recurrent-ppo" and not KINDS[kind].is_masked:  # by their own predict too
        actions, _ = algorithm.predict(observations, deterministic=True)
        assert rows.tokens[actions].tolist() == expected


@pytest.mark.parametrize("kind", KINDS)
def test_an_algorithm_trains_every_part_and_leaves_the_given_model_alone(kind):
    rows = make_rows(kind, options=EASY)  # where some episodes of random tokens are paid
    model = make_model(rows)
    given = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    algorithm = make_algorithm(kind, rows, model, seed=0, **SHORT[kind])
    before = {name: p.detach().clone() for name, p in algorithm.policy.named_parameters()}
    algorithm.learn(160)
    target = ("target", "lm.value_head") if kind in ("dqn", "qr-dqn") else ()
    same = [
        name
        for name, p in algorithm.policy.named_parameters()
        if torch.equal(p, before[name]) and not any(part in name for part in target)
    ]
    assert same == []
    assert all(torch.equal(tensor, given[name]) for name, tensor in model.state_dict().items())


def test_logits_and_values_are_those_of_the_language_model():
    rows = make_rows("ppo")
    model = make_model(rows, architecture="gpt2")
    policy = make_algorithm("ppo", rows, model, **SHORT["ppo"]).policy
    observations = observe_many(rows, 2)
    tensors = {name: torch.as_tensor(array) for name, array in observations.items()}
    found = policy.get_distribution(tensors).distribution.logits
    pairs = zip(observations["input_ids"], observations["attention_mask"], strict=True)
    for place, (ids, mask) in enumerate(pairs):
        logits = model(input_ids=torch.as_tensor(ids[: mask.sum()]).long()[None]).logits[0, -1]
        expected = logits[torch.as_tensor(rows.tokens)].log_softmax(0)
        torch.testing.assert_close(found[place], expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(policy.predict_values(tensors), torch.zeros(len(found), 1))


def test_a_second_copy_of_the_weights_is_moved_by_values_alone():
    rows = make_rows("ppo")
    algorithm = make_algorithm(
        "ppo", rows, make_model(rows), policy_options={"share_weights": False}, vf_coef=0.0, **SHORT["ppo"]
    )
    before = [p.detach().clone() for p in algorithm.policy.critic_lm.parameters()]
    algorithm.learn(32)
    assert all(
        torch.equal(p, b) for p, b in zip(algorithm.policy.critic_lm.parameters(), before, strict=True)
    )
    assert algorithm.policy.critic_lm is not algorithm.policy.actor


def test_q_is_a_value_and_a_scaled_log_prob():
    rows = make_rows("dqn")
    model = make_model(rows)
    observations = observe_many(rows, 1)
    tensors = {name: torch.as_tensor(array) for name, array in observations.items()}
    for kind, options in (("dqn", {}), ("qr-dqn", {"n_quantiles": 3})):
        policy = make_policy(
            kind, model, rows.tokens.tolist(), context_length=rows.env.context_length,
            policy_options={"q_scale": 0.25, **options},
        )  # fmt: skip
        net = policy.q_net if kind == "dqn" else policy.quantile_net
        head = (net.q_net if kind == "dqn" else net.quantile_net)[0]
        with torch.no_grad():
            head.values.bias.copy_(torch.arange(1.0, 1 + len(head.values.bias)))
        logps = make_policy("ppo", model, rows.tokens.tolist(), context_length=12).get_distribution(tensors)
        expected = 0.25 * logps.distribution.logits
        found = net(tensors)
        if kind == "dqn":
            torch.testing.assert_close(found, expected + 1)
        else:
            assert found.shape == (len(expected), 3, rows.num_actions)
            for quantile in range(3):
                torch.testing.assert_close(found[:, quantile], expected + 1 + quantile)


def test_the_lstm_goes_on_where_a_row_goes_on_and_begins_anew_elsewhere():
    rows = make_rows("recurrent-ppo")
    algorithm = make_algorithm("recurrent-ppo", rows, make_model(rows), seed=0, **SHORT["recurrent-ppo"])
    torch.nn.init.normal_(algorithm.policy.lstm_actor.mix.weight, std=3.0)
    actor = make_actor(algorithm, rows)
    observations, states, starts = rows.reset(), None, np.ones(4, bool)
    for _ in range(12):
        expected, states = algorithm.predict(observations, states, starts, deterministic=True)
        order = np.random.default_rng(1).permutation(4)  # rows may come in another order
        found = actor.act({name: array[order] for name, array in observations.items()})
        assert found.tolist() == rows.tokens[expected][order].tolist()
        observations, _, starts, _ = rows.step(expected)


def test_what_does_not_fit_is_a_typed_error():
    rows = make_rows("ppo")
    model = make_model(rows)
    for tokens in ([1, 2], [10**6] * rows.num_actions):
        with pytest.raises(InvalidValueError, match="tokens must be"):
            LMActorCriticPolicy(
                rows.observation_space, rows.action_space, lambda _: 0.0, model=model, tokens=tokens
            )
    with pytest.raises(InvalidValueError, match="q_scale"):
        make_algorithm("dqn", rows, model, policy_options={"q_scale": 0.0})


def test_their_own_save_and_load_keep_a_policy(tmp_path):
    rows = make_rows("ppo")
    algorithm = make_algorithm("ppo", rows, make_model(rows), seed=0, **SHORT["ppo"]).learn(32)
    algorithm.save(tmp_path / "model.zip")
    loaded = PPO.load(tmp_path / "model.zip", env=rows)  # a pickle that this test has written itself
    observations = observe_many(rows, 2)
    expected, found = (made.predict(observations, deterministic=True)[0] for made in (algorithm, loaded))
    assert found.tolist() == expected.tolist()
    for mine, theirs in zip(algorithm.policy.parameters(), loaded.policy.parameters(), strict=True):
        assert torch.equal(mine, theirs)
