"""``lmgym train grpo`` and ``lmgym train reinforce``."""

from __future__ import annotations

import signal

import pytest
import torch
import tyro

from lmgym.cli import main
from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.grpo_config import GRPOConfig
from lmgym_agents.commands.train_grpo import TrainGRPO, TrainREINFORCE
from lmgym_agents.runs.metrics import read_metrics
from tests.agents import resume_harness as harness

ARGUMENTS = [
    "--env", "lmgym/Echo-v0", "--device", "cpu", "--threads", "1", "--num-envs", "16", "--iterations", "4",
    "--reward", "partial", "--eval-problems", "8", "--no-tensorboard", "--num-transcripts", "2",
    "--checkpoint-every", "3", "--sft.batch-rows", "16", "--sft.iterations", "3",
    "--sft.validation-problems", "8",
]  # fmt: skip
DAPO = ["train", "grpo", *ARGUMENTS, "--preset", "dapo", "--group-size", "4", "--max-sampling-rounds", "2",
        "--kl-coefficient", "0.01", "--epochs", "2", "--warm-start", "1.0", "--out"]  # fmt: skip


@pytest.fixture(autouse=True)
def same_threads():
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


def test_a_run_leaves_model_curves_and_samples(tmp_path, capsys):
    assert main([*DAPO, str(tmp_path / "run")]) == 0
    records = read_metrics(tmp_path / "run" / "metrics.jsonl").records
    assert [(r["stage"], r["stage_step"], r["stage_total"]) for r in records] == [
        *(("sft", step, 3) for step in (1, 2, 3)), *(("dapo", step, 4) for step in (1, 2, 3, 4))
    ]  # fmt: skip
    assert all(r["groups"] >= 4 and "sample_response" in r for r in records[3:])
    for name in ("model/model.safetensors", "curves.png", "evaluation.json", "transcripts.jsonl"):
        assert (tmp_path / "run" / name).exists(), name
    assert "dapo" in capsys.readouterr().out


def test_reinforce_is_a_command_of_its_own(tmp_path):
    assert main(["train", "reinforce", *ARGUMENTS, "--out", str(tmp_path / "run")]) == 0
    records = read_metrics(tmp_path / "run" / "metrics.jsonl").records
    assert [r["stage"] for r in records] == ["reinforce"] * 4
    assert all(r["optimizer_steps"] == 1 and "groups" not in r for r in records)


def test_the_command_line_tells_an_option_that_was_given_from_one_of_the_preset():
    given = tyro.cli(TrainGRPO, args=["--preset", "dapo", "--clip-high", "0.2"])
    assert given.grpo == GRPOConfig(preset="dapo", clip_high=0.2)
    assert given.grpo.method.clip_high == 0.2 and given.grpo.method.uniform_groups == "resample"
    assert tyro.cli(TrainREINFORCE, args=[]).grpo == GRPOConfig(preset="reinforce")


def test_rows_must_make_whole_groups():
    with pytest.raises(InvalidValueError, match=r"TrainGRPO.num_envs is 12; .*group_size \(8\)"):
        TrainGRPO(num_envs=12)
    TrainREINFORCE(num_envs=13)


@pytest.mark.slow
@pytest.mark.parametrize("kill_steps", [(1, 4), (3, 5)])
def test_a_run_that_is_killed_goes_on_bit_for_bit(kill_steps, tmp_path):
    unbroken = harness.run_unbroken("lmgym", DAPO, tmp_path / "unbroken")
    broken, codes = harness.run_with_kills("lmgym", DAPO, tmp_path / "run", kill_steps=kill_steps)
    assert codes == [-signal.SIGKILL, -signal.SIGKILL, 0]
    harness.assert_same(broken, unbroken)
