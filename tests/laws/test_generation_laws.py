"""What binds engine, rollout and policy: sampled tokens are trained on, with the log-probs of the moment."""

from __future__ import annotations

import gymnasium as gym
import numpy as np
import pytest
import torch

import lmgym  # noqa: F401
from lmgym.tokenization import CharTokenizer
from lmgym_agents.engine import Engine, Generation
from lmgym_agents.policy import Policy
from lmgym_agents.rollout import collect
from lmgym_agents.sampling import SamplingParams, sample, sampling_logps
from lmgym_agents.tiny_models import make_tiny_model

NUM_ROWS = 12


def make_policy() -> Policy:
    return Policy(make_tiny_model(CharTokenizer().vocab_size, hidden_size=32, layers=2))


def play(engine, *, temperature: float = 1.0, seed: int = 0, env_id: str = "lmgym/Guess-v0"):
    env = gym.make_vec(env_id, num_envs=NUM_ROWS, autoreset_mode="DISABLED", max_new_tokens=8)
    params = SamplingParams(max_new_tokens=1, temperature=temperature)
    return collect(env, engine, params, seed=seed, env_seed=3)


def largest_difference(policy: Policy, rollout, temperature: float) -> float:
    with torch.no_grad():
        found = policy.evaluate(
            rollout.input_ids, rollout.lengths, is_action=rollout.is_action, temperature=temperature
        )
    return float((found.logps - rollout.logp_behaviour).abs().max())


@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_log_probs_of_generation_are_those_of_training_before_and_after_an_update(temperature):
    policy = make_policy()
    engine = Engine(policy.model, max_rows=5)
    for step in range(2):
        rollout = play(engine, temperature=temperature, seed=step)
        assert largest_difference(policy, rollout, temperature) <= 1e-5
        optimizer = torch.optim.SGD(policy.parameters(), lr=0.3)
        evaluation = policy.evaluate(rollout.input_ids, rollout.lengths, is_action=rollout.is_action)
        (-evaluation.logps.sum() / rollout.num_actions.sum()).backward()
        optimizer.step()
        # The update was large enough for stale weights to be seen.
        assert largest_difference(policy, rollout, temperature) > 1e-2


@pytest.mark.parametrize("options", [{"top_k": 3}, {"top_p": 0.7}, {"top_k": 9, "top_p": 0.5}, {}])
def test_behaviour_log_probs_are_those_of_the_truncated_distribution(options):
    params = SamplingParams(max_new_tokens=1, temperature=0.8, **options)
    logits = torch.randn(4, 16, generator=torch.Generator().manual_seed(5))
    for row in logits:
        # The definition, token by token, in Python numbers.
        weights = np.exp(row.double().numpy() / 0.8)
        order = sorted(range(16), key=lambda token: -weights[token])[: options.get("top_k") or 16]
        kept, mass = [], 0.0
        for token in order:
            if mass >= options.get("top_p", 1.0):
                break
            kept.append(token)
            mass += weights[token] / sum(weights[other] for other in order)
        truth = np.full(16, -np.inf)
        truth[kept] = np.log(weights[kept] / weights[kept].sum())
        np.testing.assert_allclose(sampling_logps(row[None], params)[0].numpy(), truth, atol=1e-6)
        uniforms = torch.linspace(0, 0.999, 200, dtype=torch.float64)
        tokens, logps = sample(row.repeat(200, 1), uniforms, params)
        assert set(tokens.tolist()) <= set(kept)
        np.testing.assert_allclose(logps.numpy(), truth[tokens.numpy()], atol=1e-6)


class Scripted:
    """Stands for an engine; its responses hold tokens that do not survive decoding and encoding."""

    def __init__(self, tokenizer) -> None:
        self.given: list[list[int]] = []
        self.tokenizer = tokenizer

    def generate(self, prompts, params, *, max_new_tokens, request_ids, **_):
        self.given = [
            [*prompt, *self.response(row)] for prompt, row in zip(prompts, request_ids, strict=True)
        ]
        rows = [self.response(row) for row in request_ids]
        lengths = torch.tensor([len(row) for row in rows])
        tokens = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
        logps = torch.zeros(tokens.shape)
        for i, row in enumerate(rows):
            tokens[i, : len(row)] = torch.tensor(row)
            logps[i, : len(row)] = -torch.arange(1.0, len(row) + 1) - 10 * int(request_ids[i])
        return Generation(tokens=tokens, lengths=lengths, logps=logps, stopped=torch.ones(len(rows)).bool())

    def response(self, row: int) -> list[int]:
        pad, end = self.tokenizer.pad_id, self.tokenizer.end_id
        body = [pad, *self.tokenizer.encode("\ufffda"), pad][: 1 + row % 4]
        return [*body, end]


def test_trained_ids_are_the_sampled_ids_each_with_its_own_log_prob():
    scripted = Scripted(CharTokenizer())
    assert scripted.tokenizer.encode(scripted.tokenizer.decode(scripted.response(3))) != scripted.response(3)
    rollout = play(scripted, env_id="lmgym/Echo-v0")
    for row in range(NUM_ROWS):
        assert rollout.input_ids[row, : rollout.lengths[row]].tolist() == scripted.given[row]
        own = [-float(i) - 10 * row for i in range(1, len(scripted.response(row)) + 1)]
        assert rollout.logp_behaviour[row][rollout.is_action[row]].tolist() == own
        assert (rollout.logp_behaviour[row][~rollout.is_action[row]] == 0).all()


def test_replies_of_the_environment_stand_in_the_row_as_the_policy_read_them():
    policy = make_policy()
    rollout = play(Engine(policy.model, max_rows=NUM_ROWS), temperature=1.0)
    assert int(rollout.num_turns.max()) > 1
    in_row = torch.arange(rollout.input_ids.shape[1]) < rollout.lengths[:, None]
    assert not (rollout.is_action & ~in_row).any()
    assert (in_row & ~rollout.is_action).any()
