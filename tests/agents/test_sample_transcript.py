"""The sample transcripts beside the numbers of an update."""

from __future__ import annotations

import dataclasses
import json

import torch

from lmgym.tasks.probes import Echo
from lmgym_agents.algorithms.q_learning import QLearning
from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.algorithms.sample_transcript import sample_metrics
from lmgym_agents.q.model import QModel
from lmgym_agents.report.curves import draw_curves
from lmgym_agents.report.visible_text import visible_text
from lmgym_agents.runs.metrics import MetricsWriter, read_metrics
from tests.agents.test_grpo import make_grpo
from tests.agents.test_ppo import make_env, make_policy, make_ppo


def rollout_of(env):
    return make_ppo(env)._collect()


def test_a_row_is_told_with_what_stood_before_its_first_action_and_what_came_after():
    env = make_env(Echo(length=3), num_envs=4)
    rollout = rollout_of(env)
    found = sample_metrics(rollout, env.tokenizer, iteration=0, iterations=10)
    told = []
    for row in range(4):
        ids, start = rollout.input_ids[row], int(rollout.is_action[row].int().argmax())
        told.append((
            visible_text(env.tokenizer.decode(ids[:start].tolist()), max_chars=300),
            visible_text(env.tokenizer.decode(ids[start : rollout.lengths[row]].tolist()), max_chars=300),
            float(rollout.returns[row]),
        ))  # fmt: skip
    assert tuple(found.values()) in told


def test_the_row_depends_on_the_iteration_alone_and_is_never_one_that_failed():
    env = make_env(num_envs=32)
    rollout = rollout_of(env)
    texts = [
        sample_metrics(rollout, env.tokenizer, iteration=i, iterations=100)["sample_response"]
        for i in range(20)
    ]
    again = [
        sample_metrics(rollout, env.tokenizer, iteration=i, iterations=100)["sample_response"]
        for i in range(20)
    ]
    assert texts == again and len(set(texts)) > 5
    failed = torch.ones(32, dtype=torch.bool)
    failed[7] = False
    alone = dataclasses.replace(rollout, failed=failed)
    only = [
        sample_metrics(alone, env.tokenizer, iteration=i, iterations=100)["sample_reward"] for i in range(20)
    ]
    assert set(only) == {float(rollout.returns[7])}
    nobody = dataclasses.replace(rollout, failed=torch.ones(32, dtype=torch.bool))
    assert sample_metrics(nobody, env.tokenizer, iteration=0, iterations=100) == {}


def test_a_long_run_keeps_two_hundred_at_most():
    env = make_env(num_envs=4)
    rollout = rollout_of(env)
    for iterations in (150, 200, 201, 1999):
        kept = [
            i for i in range(iterations)
            if sample_metrics(rollout, env.tokenizer, iteration=i, iterations=iterations)
        ]  # fmt: skip
        assert iterations // 20 <= len(kept) <= 200 and kept[0] == 0
        assert len(kept) == iterations or iterations > 200


def test_texts_are_short_and_hold_nothing_that_a_terminal_obeys():
    env = make_env(num_envs=4)
    rollout = rollout_of(env)
    hostile = env.tokenizer.encode("\x1b[2J\r\n\x07" + "a" * 400)
    ids = torch.tensor(hostile)[None].repeat(4, 1)
    acts = torch.zeros_like(ids, dtype=torch.bool)
    acts[:, 3:] = True
    rollout = dataclasses.replace(
        rollout, input_ids=ids, is_action=acts, lengths=torch.full((4,), ids.shape[1])
    )  # fmt: skip
    found = sample_metrics(rollout, env.tokenizer, iteration=0, iterations=1)
    for text in (found["sample_prompt"], found["sample_response"]):
        assert len(text) <= 300 and text.isprintable()
    assert "…" in found["sample_response"]


def test_every_page_that_plays_episodes_tells_one_and_the_curves_and_boards_pass_over_it(tmp_path):
    env = make_env(num_envs=8)
    config = QLearningConfig(iterations=2, warmup_iterations=0)
    q = QLearning(QModel(make_policy(env), kind="logits"), make_env(num_envs=8), config)
    algorithms = [make_ppo(make_env(num_envs=8)), make_grpo(make_env(num_envs=8)), q]
    for number, algorithm in enumerate(algorithms):
        path = tmp_path / f"{number}.jsonl"
        with MetricsWriter(path, tensorboard=tmp_path / f"board{number}") as writer:
            for update in algorithm.iterations():
                writer.write(*update)
        records = read_metrics(path).records
        assert all({"sample_prompt", "sample_response", "sample_reward"} <= set(r) for r in records)
        assert json.dumps(records)
        assert draw_curves(records, title="samples").startswith(b"\x89PNG")
