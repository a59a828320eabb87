"""Token records: each number against a plain forward pass, a slow reference or what the environment paid."""

from __future__ import annotations

import json

import gymnasium as gym
import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.tokenization import make_tokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.engine import Generation
from lmgym_agents.evaluation import distinct_problems
from lmgym_agents.models import load_model
from lmgym_agents.policy import Policy
from lmgym_agents.q.model import QModel
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.token_records import record_tokens, write_token_records
from lmgym_agents.token_texts import END_TEXT, token_texts
from tests.reference.gae import compact_gae

TOKENIZER = make_tokenizer("char")


def make_policy(seed=0, value=True):
    policy = Policy(load_model("nano", tokenizer=TOKENIZER, seed=seed, context=256))
    if value:
        generator = torch.Generator().manual_seed(seed)
        torch.nn.init.normal_(policy.value_head.weight, std=0.1, generator=generator)
    return policy


def ids_of(record):
    prompt = TOKENIZER.encode(record["prompt"])
    numbers = [int(text[1:-1]) if text.startswith("⟨") else None for text in record["tokens"]]
    said = [
        number if number is not None else TOKENIZER.end_id if text == END_TEXT else TOKENIZER.encode(text)[0]
        for number, text in zip(numbers, record["tokens"], strict=True)
    ]
    return prompt, said


class Scripted:
    """In the place of an engine: says the same to every prompt."""

    def __init__(self, texts):
        self.texts = texts

    def generate(self, prompts, params, *, seed, max_new_tokens, request_ids=None, on_progress=None):
        rows = [[*TOKENIZER.encode(self.texts[row]), TOKENIZER.end_id] for row in np.asarray(request_ids)]
        rows = [row[: int(budget)] for row, budget in zip(rows, max_new_tokens, strict=True)]
        table = torch.zeros(len(rows), max(map(len, rows)), dtype=torch.int64)
        for place, row in enumerate(rows):
            table[place, : len(row)] = torch.tensor(row)
        lengths = torch.tensor([len(row) for row in rows])
        return Generation(table, lengths, torch.zeros(table.shape), lengths > 0)


def scripted(texts, policy=None):
    params = SamplingParams(max_new_tokens=256, temperature=0)
    return LMAgent(policy or make_policy(), TOKENIZER, params, engine=Scripted(texts))


def test_log_probs_entropies_values_and_kl_are_those_of_a_plain_forward_pass():
    policy, other = make_policy(0), make_policy(1)
    records = record_tokens(
        policy, TOKENIZER, "lmgym/Echo-v0", num_problems=3, seed=5, reference=other, temperature=1.0
    )
    assert len(records) == 3 and len({record["problem_index"] for record in records}) == 3
    for record in records:
        prompt, said = ids_of(record)
        row = torch.tensor([prompt + said])
        with torch.no_grad():
            logits, theirs = (model.model(input_ids=row).logits[0].double() for model in (policy, other))
            hidden = policy.model.base_model(input_ids=row).last_hidden_state
            values = policy.value_head(hidden)[0, :, 0]
        for place, token in enumerate(said):
            at = len(prompt) + place - 1
            own = logits[at].log_softmax(-1)
            assert record["logp"][place] == pytest.approx(float(own[token]), abs=1e-4)
            assert record["entropy"][place] == pytest.approx(float(-(own.exp() * own).sum()), abs=1e-4)
            assert record["value"][place] == pytest.approx(float(values[at]), abs=1e-4)
            difference = float(own[token] - theirs[at].log_softmax(-1)[token])
            assert record["kl"][place] == pytest.approx(difference, abs=1e-4)
        assert record["surprise"] == pytest.approx(-np.mean(record["logp"]), abs=1e-4)
        assert record["advantage_kind"] == "gae" and record["q"] is None
        slow = compact_gae(record["reward"], record["value"], 0.0, 1.0, 0.95)
        assert record["advantage"] == pytest.approx(slow, abs=1e-4)


def demonstrations(env_id, count, **options):
    env = gym.make_vec(env_id, num_envs=1, split="test", autoreset_mode="DISABLED", **options)
    problems = distinct_problems(env.task, "test", count)
    return [env.task.demonstrations(problem, np.random.default_rng(0))[0] for problem in problems]


def test_without_values_the_advantage_is_what_the_episode_still_pays():
    agent = scripted(demonstrations("lmgym/Echo-v0", 1), make_policy(value=False))
    record = record_tokens(agent, TOKENIZER, "lmgym/Echo-v0", num_problems=1)[0]
    assert record["success"] and record["value"] is None and record["advantage_kind"] == "return"
    assert record["advantage"] == [1.0] * len(record["tokens"])
    assert record["reward"] == [0.0] * (len(record["tokens"]) - 1) + [1.0]
    assert record["terms"] == {"correct": record["reward"]} and record["tokens"][-1] == END_TEXT


def test_terms_stand_at_the_steps_that_earned_them():
    options = {"style": "worked", "reward": "steps", "level": 3}
    texts = demonstrations("lmgym/Math-v0", 1, **options)
    assert texts == ["\n28-70=-42\n-42-5=-47\n-47"]
    record = record_tokens(scripted(texts), TOKENIZER, "lmgym/Math-v0", options=options, num_problems=1)[0]
    # Two right lines and the answer's, 0.1 each; a right answer brings the episode to 1. The last line is
    # paid with the answer, at the end token.
    paid = {place: value for place, value in enumerate(record["terms"]["steps"]) if value}
    ends = [place for place, text in enumerate(record["tokens"]) if text == "\n"]
    last = len(record["tokens"]) - 1
    assert paid == pytest.approx({ends[1]: 0.1, ends[2]: 0.1, last: 0.1})
    assert {place: value for place, value in enumerate(record["terms"]["steps_answer"]) if value} == (
        pytest.approx({last: 0.7})
    )
    assert record["reward_total"] == pytest.approx(1.0) and record["success"]


def test_q_of_the_chosen_action_and_its_advantage():
    model = QModel(make_policy(), num_heads=2, seed=3)
    with torch.no_grad():
        generator = torch.Generator().manual_seed(0)
        for weight in model.heads.parameters():
            weight.add_(torch.randn(weight.shape, generator=generator) * 0.1)
    record = record_tokens(model, TOKENIZER, "lmgym/Echo-v0", num_problems=1)[0]
    prompt, said = ids_of(record)
    row = torch.tensor([prompt + said])
    with torch.no_grad():
        found = model.heads(model.policy.model.base_model(input_ids=row).last_hidden_state[0])
    for place, token in enumerate(said):
        q = found.q[:, len(prompt) + place - 1].min(dim=0).values
        assert record["q"][place] == pytest.approx(float(q[token]), abs=1e-4)
        assert token == int(q.argmax())  # greedy by Q
        value = float(found.values[len(prompt) + place - 1])
        assert record["advantage"][place] == pytest.approx(float(q[token]) - value, abs=1e-4)
    assert record["advantage_kind"] == "q-v"


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        records = record_tokens(
            make_policy(), TOKENIZER, "lmgym/Wordle-v0", num_problems=3, seed=seed, temperature=1.0
        )
        write_token_records(tmp_path / name, records)
        for record in records:  # replies are no actions, and nothing is said of them
            silent = [value is None for value in record["logp"]]
            assert silent == [not is_action for is_action in record["is_action"]] and any(silent)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() != (tmp_path / "c").read_bytes()
    lines = (tmp_path / "a").read_text("ascii").splitlines()
    assert [json.loads(line)["schema"] for line in lines] == [1, 1, 1]


def test_a_long_episode_keeps_its_beginning_and_its_end(monkeypatch):
    monkeypatch.setattr("lmgym_agents.token_records.MAX_TOKENS", 4)
    texts = demonstrations("lmgym/Math-v0", 1, style="worked", level=3)
    record = record_tokens(
        scripted(texts), TOKENIZER, "lmgym/Math-v0", options={"style": "worked", "level": 3}, num_problems=1
    )[0]
    assert record["tokens"] == [*texts[0][:2], texts[0][-1], END_TEXT]
    assert record["num_tokens"] == len(texts[0]) + 1
    assert all(len(record[name]) == 4 for name in ("logp", "value", "reward", "is_action"))


def test_tokens_read_as_they_stand_behind_one_another():
    assert token_texts([*TOKENIZER.encode("a b"), TOKENIZER.end_id, 0], TOKENIZER) == [
        "a", " ", "b", END_TEXT, "⟨0⟩",
    ]  # fmt: skip
    assert token_texts([], TOKENIZER) == []


def test_no_problem_and_no_model_are_refused():
    with pytest.raises(InvalidValueError, match="at least 1, got 0"):
        record_tokens(make_policy(), TOKENIZER, "lmgym/Echo-v0", num_problems=0)
    with pytest.raises(InvalidValueError, match="got object"):
        record_tokens(object(), TOKENIZER, "lmgym/Echo-v0")
