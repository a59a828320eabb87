"""TRL's trainer with an lmgym reward, and an lmgym environment with a reward written for TRL.

Needs the extra ``bench`` for the first of them.
"""

from __future__ import annotations

import math

import gymnasium as gym
import pytest
import torch

import lmgym  # noqa: F401  # registers the environments
from lmgym.rewards import make_reward, to_trl, trl_dataset_rows
from lmgym_agents.models import load_model


@pytest.mark.filterwarnings("ignore")  # foreign code warns of its own affairs
def test_the_trainer_of_trl_takes_a_step_on_an_lmgym_reward(tmp_path, monkeypatch):
    trl = pytest.importorskip("trl", reason="TRL is not installed; it comes with the extra `bench`")
    datasets = pytest.importorskip("datasets", reason="datasets is not installed; extra `bench`")
    from transformers import AutoTokenizer

    monkeypatch.setenv("TRL_EXPERIMENTAL_SILENCE", "1")
    env = gym.make("lmgym/Math-v0", level=1).unwrapped
    env.tokenizer.save(tmp_path / "tokenizer")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "tokenizer", padding_side="left")
    torch.manual_seed(0)
    model = load_model("nano", tokenizer=env.tokenizer)
    before = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    seen: list[float] = []
    reward = to_trl(make_reward(["partial", "length"]), env.task, end_ids=(env.tokenizer.end_id,))

    def watched(**keywords):
        seen.extend(given := reward(**keywords))
        return given

    config = trl.GRPOConfig(
        output_dir=str(tmp_path / "out"), use_cpu=True, bf16=False, seed=0, report_to="none", max_steps=1,
        save_strategy="no", disable_tqdm=True, dataloader_pin_memory=False, gradient_checkpointing=False,
        per_device_train_batch_size=64, num_generations=8, max_completion_length=env.max_new_tokens,
        learning_rate=1e-2, beta=0.0, logging_steps=1,
    )  # fmt: skip
    trainer = trl.GRPOTrainer(
        model=model, reward_funcs=watched, args=config, processing_class=tokenizer,
        train_dataset=datasets.Dataset.from_list(trl_dataset_rows(env.task, "train", 64)),
    )  # fmt: skip
    trainer.train()
    assert trainer.state.global_step == 1
    assert len(seen) == 64 and all(score is not None and score >= 0 for score in seen)
    log = next(entry for entry in trainer.state.log_history if "reward" in entry)
    assert math.isclose(log["reward"], sum(seen) / 64, abs_tol=1e-5)
    assert len(set(seen)) > 1  # a group whose rewards differ moves the weights
    assert any(not torch.equal(before[name], weight) for name, weight in model.named_parameters())


def test_an_environment_pays_what_a_reward_written_for_trl_says():
    def brevity(prompts, completions, problem_index, **kwargs):
        assert len(prompts) == len(completions) == len(problem_index)
        return [1.0 / (1 + len(text)) for text in completions]

    env = gym.make("lmgym/Math-v0", level=1, reward=brevity)
    env.reset(seed=0)
    tokenizer = env.unwrapped.tokenizer
    for token in [*tokenizer.encode("12"), tokenizer.end_id]:
        _, reward, terminated, _, info = env.step(token)
    assert terminated and reward == pytest.approx(1 / 3)
    assert info["reward_terms"] == {"brevity": reward}
