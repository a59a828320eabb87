from __future__ import annotations

import dataclasses
import json

import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.tasks.arithmetic.task import Math
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.process_reward_model import ProcessRewardModelConfig
from lmgym_agents.commands.train_prm import TrainPRM, train_prm
from lmgym_agents.engine import Engine
from lmgym_agents.models import load_policy, make_tiny_model, save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.process.rollout_labels import sample_labelled
from lmgym_agents.process.step_labels import label_by_checker
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.metrics import read_metrics

TOKENIZER = CharTokenizer()


def make_policy():
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=160, pad_id=TOKENIZER.pad_id,
        end_id=TOKENIZER.end_id,
    )  # fmt: skip
    return Policy(model)


def make_config(tmp_path, **options):
    save_policy(make_policy(), tmp_path / "model", tokenizer=TOKENIZER)
    return TrainPRM(
        env=EnvOptions(level=2, option=("style=worked", "demonstration_quality=0.5")),
        model=ModelOptions(model=str(tmp_path / "model"), device="cpu", threads=torch.get_num_threads()),
        folder=FolderOptions(out=tmp_path / "run", tensorboard=False, checkpoint_every=2),
        **{"prm": ProcessRewardModelConfig(iterations=3, batch_rows=4, validation_rows=16), **options},
    )


def test_a_run_leaves_a_model_and_its_numbers_and_can_be_resumed(tmp_path, capsys):
    config = make_config(tmp_path)
    assert train_prm(config) == 0
    assert "auc" in capsys.readouterr().out
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert set(found) == {"start", "prm"} and 0 <= found["prm"]["last_auc"] <= 1
    assert len(read_metrics(tmp_path / "run" / "metrics.jsonl").records) == 3
    assert load_policy(tmp_path / "run" / "model").value_head.weight.abs().sum() > 0
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000
    again = dataclasses.replace(
        config,
        folder=dataclasses.replace(config.folder, resume=True),
        prm=dataclasses.replace(config.prm, iterations=5),
    )
    assert train_prm(again) == 0
    assert len(read_metrics(tmp_path / "run" / "metrics.jsonl").records) == 5


def test_without_a_wrong_step_there_is_nothing_to_learn(tmp_path):
    config = dataclasses.replace(make_config(tmp_path), env=EnvOptions(option=("style=worked",)))
    with pytest.raises(InvalidValueError, match=r"no step .* is wrong.*demonstration_quality"):
        train_prm(config)
    assert not (tmp_path / "run").exists()  # the same --out can be used for the next try


def test_the_steps_of_a_policy_are_labelled_by_its_roll_outs():
    task = Math(level=1)
    policy = make_policy()
    one, again = (
        sample_labelled(
            Engine(policy.model), task, TOKENIZER, task.problems("train", range(4)), num_rollouts=3
        )
        for _ in range(2)
    )
    assert one == again
    for item in one:
        assert all(0 <= label <= 1 and label * 3 == round(label * 3) for label in item.labels)


def test_the_steps_of_a_policy_are_labelled_by_the_checker():
    task = Math(level=2, style="worked")
    problems = task.problems("train", range(4))
    found = sample_labelled(Engine(make_policy().model), task, TOKENIZER, problems, kind="checked")
    for problem, item in zip(problems, found, strict=True):
        assert item == label_by_checker(task, problem, item.response)


def test_a_source_of_roll_outs_feeds_the_command(tmp_path, monkeypatch):
    config = make_config(tmp_path, rollouts_of=str(tmp_path / "model"), rollout_problems=4, num_rollouts=2)
    with pytest.raises(InvalidValueError, match=r"TrainPRM\.num_rollouts is 0"):
        dataclasses.replace(config, num_rollouts=0)
    assert train_prm(config) == 0
