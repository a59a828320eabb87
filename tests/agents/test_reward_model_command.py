"""``lmgym train reward-model`` from end to end: products, members, resuming, refusals."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest
import torch

from lmgym.errors import EmptyProblemSetError, InvalidValueError, ModelError, UnknownNameError
from lmgym.preferences import Comparison, make_preferences
from lmgym.preferences.simulated import SimulatedAnnotator
from lmgym.rewards import make_reward
from lmgym_agents.algorithms.reward_model_config import RewardModelConfig
from lmgym_agents.commands.train_reward_model import TrainRewardModel, train_reward_model
from lmgym_agents.errors import ResumeError
from lmgym_agents.reward_models.ensemble import RewardEnsemble
from lmgym_agents.reward_models.loading import load_reward_model
from lmgym_agents.reward_models.options import BackboneOptions, PairOptions
from lmgym_agents.run_options import FolderOptions
from lmgym_agents.runs.metrics import read_metrics
from tests.agents.reward_scorers import make_encoder, save_tiny


def write_preferences(path, count=60):
    rng = random.Random(0)
    texts = [
        tuple("".join(rng.choice("abc ") for _ in range(rng.randint(2, 12))) for _ in range(2))
        for _ in range(count)
    ]
    annotator = SimulatedAnnotator(lambda transcript: float(transcript.response.count("a")))
    comparisons = [Comparison(f"number {i}", pair) for i, pair in enumerate(texts)]
    records = make_preferences(annotator, comparisons, now="2026-01-01T00:00:00Z")
    path.write_text("".join(record.to_json() + "\n" for record in records))


def make_config(tmp_path, **options):
    write_preferences(tmp_path / "preferences.jsonl")
    model = save_tiny(tmp_path / "causal", context=64)
    return TrainRewardModel(
        pairs=PairOptions(data=tmp_path / "preferences.jsonl", validation_share=0.2, test_share=0.2),
        model=BackboneOptions(model=str(model), device="cpu", max_tokens=32, threads=torch.get_num_threads()),
        folder=FolderOptions(out=tmp_path / "run", tensorboard=False, checkpoint_every=2),
        training=RewardModelConfig(iterations=4, batch_pairs=8, evaluate_every=2),
        **options,
    )


def resumed(config, **training):
    return dataclasses.replace(
        config,
        folder=dataclasses.replace(config.folder, resume=True),
        training=dataclasses.replace(config.training, **training),
    )


def test_a_run_leaves_a_model_its_numbers_and_pictures(tmp_path, capsys):
    config = make_config(tmp_path)
    assert train_reward_model(config) == 0
    said = capsys.readouterr().out
    assert "accuracy" in said and f"model:{tmp_path / 'run' / 'model'}" in said.replace("\n", "")
    found = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert found["data"]["num_records"] == 60 and found["model"]["order_change"] == 0.0
    assert 0 <= found["model"]["gold"]["agreement"]["mean"] <= 1
    assert set(found["members"]) == {"reward_model"}
    records = read_metrics(tmp_path / "run" / "metrics.jsonl").records
    assert len(records) == 4 and "eval/loss" in records[1]
    for name in ("curves.png", "reliability.png"):
        assert (tmp_path / "run" / name).read_bytes()[:4] == b"\x89PNG"
    model = load_reward_model(tmp_path / "run" / "model")
    assert model.statistics is not None
    assert make_reward(f"model:{tmp_path / 'run' / 'model'}").name == "reward_model"
    assert train_reward_model(resumed(config)) == 0  # it is over, and says so again
    with pytest.raises(ResumeError, match="learning_rate"):
        train_reward_model(resumed(config, learning_rate=0.5))


def test_other_preferences_are_refused_on_resume(tmp_path):
    config = make_config(tmp_path)
    assert train_reward_model(config) == 0
    write_preferences(tmp_path / "preferences.jsonl", count=61)
    with pytest.raises(ResumeError, match="preferences"):
        train_reward_model(resumed(config))


def test_an_ensemble_whose_run_was_interrupted_ends_as_an_unbroken_one(tmp_path, monkeypatch):
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    whole = make_config(tmp_path / "whole", ensemble=2, pessimism=1.0)
    assert train_reward_model(whole) == 0
    broken = make_config(tmp_path / "broken", ensemble=2, pessimism=1.0)
    from lmgym_agents.algorithms.reward_model import RewardModelTraining

    steps = []
    iterate = RewardModelTraining.iterate

    def stumble(self):
        steps.append(1)
        if len(steps) == 7:
            raise KeyboardInterrupt
        return iterate(self)

    with monkeypatch.context() as patch:
        patch.setattr(RewardModelTraining, "iterate", stumble)
        with pytest.raises(KeyboardInterrupt):
            train_reward_model(broken)
    assert train_reward_model(resumed(broken)) == 0
    models = [load_reward_model(tmp_path / name / "run" / "model") for name in ("whole", "broken")]
    assert all(isinstance(model, RewardEnsemble) and model.pessimism == 1.0 for model in models)
    scores = [model.score_with_std(["p", "q"], ["aaa", "b"]) for model in models]
    assert (scores[0][0] == scores[1][0]).all() and (scores[0][1] == scores[1][1]).all()
    assert scores[0][1].min() > 0  # the members differ
    assert not list((tmp_path / "broken" / "run").glob("member-*"))


def test_an_encoder(tmp_path):
    config = make_config(tmp_path)
    make_encoder().save(tmp_path / "bert")
    config = dataclasses.replace(
        config,
        model=BackboneOptions(backbone="encoder", model=str(tmp_path / "bert"), device="cpu", max_tokens=32),
    )
    assert train_reward_model(config) == 0
    assert load_reward_model(tmp_path / "run" / "model").is_frozen


def test_senseless_options_are_refused_before_a_folder_is_made(tmp_path):
    config = make_config(tmp_path)
    with pytest.raises(InvalidValueError, match="pessimism"):
        dataclasses.replace(config, pessimism=1.0)
    with pytest.raises(InvalidValueError, match="ensemble"):
        dataclasses.replace(config, ensemble=0)
    with pytest.raises(InvalidValueError, match="train_layers"):
        BackboneOptions(backbone="encoder", train_layers=1)
    with pytest.raises(InvalidValueError, match="fine_tune"):
        BackboneOptions(fine_tune=True)
    with pytest.raises(UnknownNameError):
        PairOptions(data=tmp_path / "x", format="hh")
    with pytest.raises(InvalidValueError, match="test_share"):
        PairOptions(data=tmp_path / "x", validation_share=0.5, test_share=0.5)
    write_preferences(tmp_path / "few.jsonl", count=1)
    few = dataclasses.replace(config, pairs=PairOptions(data=tmp_path / "few.jsonl"))
    with pytest.raises(EmptyProblemSetError, match="different prompts"):
        train_reward_model(few)
    assert not (tmp_path / "run").exists()
    other = dataclasses.replace(config, pairs=PairOptions(data=tmp_path / "preferences.jsonl", format="trl"))
    with pytest.raises(EmptyProblemSetError, match="It can be read as 'lmgym'"):
        train_reward_model(other)
    assert not (tmp_path / "run").exists()


def test_ties_alone_are_not_measured(tmp_path, capsys):
    config = make_config(tmp_path)
    path = config.pairs.data
    records = [json.loads(line) | {"ranks": [0, 0]} for line in path.read_text().splitlines()]
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    assert train_reward_model(config) == 0
    said = capsys.readouterr().out
    assert "No held-out pair has a winner" in said and "reliability.png" not in said
    assert make_reward(f"model:{tmp_path / 'run' / 'model'}") is not None
    with pytest.raises(ModelError, match=r"a run's folder, whose reward model is '.*run/model'"):
        make_reward(f"model:{tmp_path / 'run'}")
