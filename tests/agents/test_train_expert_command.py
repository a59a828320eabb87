from __future__ import annotations

import dataclasses
import json

import pytest
import torch
import tyro

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.expert_iteration_config import ExpertIterationConfig
from lmgym_agents.algorithms.sft import SFTConfig
from lmgym_agents.cli import SUBCOMMANDS
from lmgym_agents.commands.train_expert import TrainExpertIteration, train_expert
from lmgym_agents.errors import MetricsError
from lmgym_agents.models import load_policy
from lmgym_agents.report.rounds import draw_rounds
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.metrics import read_metrics

EXPERT = ExpertIterationConfig(
    rounds=1, problems=8, problems_per_update=4, steps=2, steps_per_update=1, batch_rows=4, samples=2,
    probe_problems=4, probe_samples=2, eval_problems=8,
)  # fmt: skip


def make_config(tmp_path, **options):
    return TrainExpertIteration(
        env=EnvOptions(level=1),
        model=ModelOptions(model="nano", device="cpu", threads=torch.get_num_threads()),
        folder=FolderOptions(out=tmp_path / "run", tensorboard=False, checkpoint_every=1),
        warm_start=0.02,
        **{
            "expert": EXPERT,
            "sft": SFTConfig(optimizer="muon", learning_rate=5e-3, warmup_iterations=5, iterations=30),
            **options,
        },
    )


def test_a_run_leaves_a_model_a_picture_and_its_rounds_and_goes_on_with_more(tmp_path, capsys):
    config = make_config(tmp_path)
    assert train_expert(config) == 0
    printed = capsys.readouterr().out
    assert "round 1, level 1: held out" in printed and "newly solved" in printed
    rounds = json.loads((tmp_path / "run" / "rounds.json").read_text())
    assert [record["round"] for record in rounds] == [0, 1] and "ood_digits" in rounds[0]["ood"]
    assert load_policy(tmp_path / "run" / "model").vocab_size > 0
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")
    metrics = read_metrics(tmp_path / "run" / "metrics.jsonl").records
    phases = [record["phase"] for record in metrics if record["stage"] == "expert"]
    assert phases == ["measure", "search", "search", "learn", "learn", "measure"]
    again = dataclasses.replace(
        config,
        folder=dataclasses.replace(config.folder, resume=True),
        expert=dataclasses.replace(config.expert, rounds=2),
    )
    assert train_expert(again) == 0
    more = json.loads((tmp_path / "run" / "rounds.json").read_text())
    assert more[:2] == rounds and len(more) == 3


def test_a_level_that_falls_is_refused_before_a_folder_is_made(tmp_path):
    config = make_config(tmp_path, expert=dataclasses.replace(EXPERT, start_level=3, last_level=2))
    with pytest.raises(InvalidValueError, match="rising levels"):
        train_expert(config)
    assert not (tmp_path / "run").exists()


def test_the_command_line_knows_presets_and_rounds():
    given, run = SUBCOMMANDS["train"]["expert-iteration"]
    arguments = ["--preset", "star", "--rounds", "3", "--env", "lmgym/Countdown-v0", "--warm-start", "0.1"]
    config = tyro.cli(given, args=[*arguments, "--sft.optimizer", "muon", "--start-level", "1"])
    assert run is train_expert and config.expert.preset == "star" and config.expert.rounds == 3
    assert config.expert.plan.rationalise and config.sft.optimizer == "muon" and config.warm_start == 0.1


def test_without_rounds_there_is_nothing_to_draw():
    with pytest.raises(MetricsError, match="no round"):
        draw_rounds([])
