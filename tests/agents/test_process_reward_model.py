from __future__ import annotations

import copy
import math

import gymnasium as gym
import numpy as np
import pytest
import torch

import lmgym  # noqa: F401
from lmgym.errors import InvalidValueError
from lmgym.records import Transcript, Turn, Verdict
from lmgym.rewards import Shaped, make_reward, score
from lmgym.tasks.arithmetic.task import Math
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.process_reward_model import (
    ProcessRewardModel,
    ProcessRewardModelConfig,
    measure_steps,
    step_logits,
    step_loss,
)
from lmgym_agents.models import load_policy, make_tiny_model, save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.process.reward import LearnedSteps
from lmgym_agents.process.step_labels import FixedSteps, LabelledResponse, TaskSteps, make_step_rows

TOKENIZER = CharTokenizer()
TASK = Math(level=2, style="worked", demonstration_quality=0.5)
PROBLEM = TASK.problem("train", 3)


def make_policy(seed=0, head=True):
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=32, layers=1, heads=2, context=160, seed=seed,
        config={"initializer_range": 0.2},
    )  # fmt: skip
    policy = Policy(model)
    if head:
        torch.nn.init.normal_(policy.value_head.weight, generator=torch.Generator().manual_seed(seed))
    return policy


def make_trainer(**options):
    config = ProcessRewardModelConfig(**{"iterations": 6, "batch_rows": 8, "warmup_iterations": 1, **options})
    return ProcessRewardModel(
        make_policy(head=False), TaskSteps(TASK, TOKENIZER), config,
        validation=TaskSteps(TASK, TOKENIZER, split="validation"),
    )  # fmt: skip


def test_the_loss_by_hand_and_nothing_beside_the_steps_counts():
    logits = torch.tensor([[0.0, 2.0, 1e6], [-1.0, float("nan"), 3.0]], requires_grad=True)
    labels = torch.tensor([[1.0, 0.25, float("nan")], [0.0, 7.0, 1.0]])
    is_end = torch.tensor([[True, True, False], [True, False, True]])
    loss = step_loss(logits, labels, is_end, 4.0)
    z_y = [(0.0, 1.0), (2.0, 0.25), (-1.0, 0.0), (3.0, 1.0)]
    assert loss.loss.item() == pytest.approx(
        sum(math.log1p(math.exp(z)) - y * z for z, y in z_y) / 4, rel=1e-6
    )
    loss.loss.backward()
    expected = [[(0.5 - 1) / 4, (1 / (1 + math.exp(-2)) - 0.25) / 4, 0.0]]
    np.testing.assert_allclose(logits.grad[:1].numpy(), expected, rtol=1e-5)
    assert float(logits.grad[1, 1]) == 0.0
    assert float(loss.stats["accuracy"]) == 2.0  # -1 and 3; a logit of 0 is no yes, 2 is too sure


def test_the_logit_of_a_token_is_the_head_on_its_hidden_state():
    policy = make_policy()
    ids, lengths = torch.tensor([[5, 6, 7, 0], [9, 8, 7, 6]]), torch.tensor([3, 4])
    expected = policy.value_head(policy.hidden_states(ids)).squeeze(-1)
    found = step_logits(policy, ids, lengths)
    assert torch.allclose(found[1], expected[1], atol=1e-6)
    assert torch.allclose(found[0, :3], expected[0, :3], atol=1e-6)


def test_micro_batches_change_no_gradient():
    big, small = make_trainer(), make_trainer(max_tokens_per_micro_batch=40)
    big.iterate(), small.iterate()
    for one, other in zip(big.policy.parameters(), small.policy.parameters(), strict=True):
        assert torch.allclose(one, other, atol=2e-5)


def test_a_restored_run_goes_on_bit_for_bit():
    whole = make_trainer(evaluate_every=2, validation_rows=16)
    updates = [update.metrics for update in whole.iterations()]
    broken = make_trainer(evaluate_every=2, validation_rows=16)
    for _ in range(3):
        broken.iterate()
    state = copy.deepcopy(broken.state_dict())
    resumed = make_trainer(evaluate_every=2, validation_rows=16)
    resumed.load_state_dict(state)
    assert [update.metrics for update in resumed.iterations()] == updates[3:]
    for one, other in zip(whole.policy.parameters(), resumed.policy.parameters(), strict=True):
        assert torch.equal(one, other)
    assert {"validation_auc", "validation_last_auc", "validation_loss"} <= set(updates[-1])


def test_a_tiny_model_learns_labels_by_heart():
    items = [LabelledResponse(f"{i}=", f"{i % 3}\n{i % 2}", (1.0, float(i % 2))) for i in range(10)]
    policy = make_policy(head=False)
    config = ProcessRewardModelConfig(iterations=40, batch_rows=10, learning_rate=1e-2, warmup_iterations=1)
    for _ in ProcessRewardModel(policy, FixedSteps(items, TOKENIZER), config).iterations():
        pass
    found = measure_steps(policy, make_step_rows(items, TOKENIZER))
    assert found["accuracy"] == found["last_accuracy"] == found["last_auc"] == 1.0
    reward = LearnedSteps(policy, TOKENIZER, aggregate="last")
    values = reward.values(["3=", "4="], ["0\n1", "1\n0"], [True, True])
    assert values[0] > 0.8 and values[1] < 0.2


def test_values_are_those_of_the_rows_in_any_batch():
    policy = make_policy()
    items = [
        LabelledResponse(PROBLEM.prompt, text, labels)
        for text, labels in (("\n9+1=1\n5", (1, 1, 1)), ("7", (1,)), ("8\n", (1,)))
    ]
    rows = make_step_rows(items, TOKENIZER)
    chances = step_logits(policy, rows.input_ids, rows.lengths).sigmoid()
    reward = LearnedSteps(policy, TOKENIZER)
    prompts, texts = [item.prompt for item in items], [item.response for item in items]
    for options in ({}, {"max_tokens": 5}):
        found = LearnedSteps(policy, TOKENIZER, **options).step_values(prompts, texts, [True] * 3)
        for row, values in enumerate(found):
            expected = chances[row][rows.is_step_end[row]].detach().numpy()
            np.testing.assert_allclose(values, expected, atol=1e-6)
    (values,) = reward.step_values(prompts[:1], texts[:1], [True])
    for aggregate, expected in (("last", values[-1]), ("min", values.min()), ("product", values.prod())):
        number = LearnedSteps(policy, TOKENIZER, aggregate=aggregate).values(prompts[:1], texts[:1], [True])
        assert number.tolist() == pytest.approx([expected])
    assert reward.values(prompts[:1], [""]).tolist() == [0.0]
    assert reward.step_values([], []) == []


@pytest.mark.parametrize("aggregate", ["last", "min", "product"])
def test_payments_of_steps_add_up_to_the_number_at_the_end(aggregate):
    reward = LearnedSteps(make_policy(), TOKENIZER, aggregate=aggregate)
    env = gym.make("lmgym/Math-v0", level=2, style="worked", reward=reward, granularity="step")
    for text in ("\n90+60=150\n1+1=3\n7", "5", "5\n", ""):
        env.reset(options={"problem_index": 3})
        lines = [*text.splitlines(keepends=True), *([""] if not text or text.endswith("\n") else [])]
        paid = [env.step(line)[1] for line in lines]
        (whole,) = reward.values([PROBLEM.prompt], [text], [True])
        assert sum(paid) == pytest.approx(whole, abs=1e-6)
        ended = Transcript(PROBLEM, (Turn("agent", text),), True, False, Verdict("wrong"))
        assert score(reward.paid("episode"), [ended]).values.tolist() == pytest.approx([whole], abs=1e-6)


def test_it_is_a_potential_and_survives_its_folder(tmp_path):
    policy = make_policy()
    save_policy(policy, tmp_path, tokenizer=TOKENIZER)
    again = LearnedSteps(load_policy(tmp_path), TOKENIZER)
    reward = LearnedSteps(policy, TOKENIZER)
    states = [Transcript(PROBLEM, (Turn("agent", "\n9\n", False),)), Transcript(PROBLEM, ())]
    assert reward.potential(states).tolist() == pytest.approx(again.potential(states).tolist(), abs=1e-6)
    shaped = Shaped(make_reward(lambda ts: [0.0] * len(ts), pay="step"), reward.potential)
    paid = score(shaped, [states[0]._replace(verdict=Verdict("wrong"))])
    first = reward.values([PROBLEM.prompt], ["\n"])[0]
    assert paid.values.tolist() == pytest.approx([reward.potential(states)[0] - first], abs=1e-6)


def test_mistakes_are_named():
    with pytest.raises(InvalidValueError, match="aggregate must be one of last, min, product"):
        LearnedSteps(make_policy(), TOKENIZER, aggregate="mean")
    with pytest.raises(InvalidValueError, match=r"ProcessRewardModelConfig\.batch_rows is 0"):
        ProcessRewardModelConfig(batch_rows=0)
    with pytest.raises(InvalidValueError, match="language_coefficient"):
        ProcessRewardModelConfig(language_coefficient=-1.0)
