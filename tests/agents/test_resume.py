"""``lmgym train ppo``, killed and resumed, ends bit for bit as a run that was not."""

import json
import random
import shutil
import signal

import pytest

from tests.agents import resume_harness as harness

MODULE = "tests.agents.lmgym_with_ledger"
SFT_UPDATES, PPO_UPDATES, ROWS = 8, 16, 32
ARGUMENTS = [
    "train", "ppo", "--env", "lmgym/Echo-v0", "--device", "cpu", "--threads", "1", "--num-envs", str(ROWS),
    "--iterations", str(PPO_UPDATES), "--epochs", "2", "--minibatches", "2", "--reward", "partial",
    "--kl-coefficient", "0.01", "--kl-target", "0.05", "--warm-start", "1.0", "--sft.batch-rows", "16",
    "--sft.iterations", str(SFT_UPDATES), "--sft.evaluate-every", "3", "--sft.validation-problems", "16",
    "--eval-problems", "16", "--checkpoint-every", "3", "--no-tensorboard", "--out",
]  # fmt: skip


@pytest.fixture(scope="module")
def unbroken_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    harness.run_unbroken(MODULE, ARGUMENTS, folder)
    return folder


@pytest.fixture(scope="module")
def unbroken(unbroken_folder):
    return harness.describe(unbroken_folder)


def prompts_of(outcome):
    return [prompt for line in outcome.metrics for prompt in json.loads(line)["prompts"].split()]


def test_the_unbroken_run_learns_and_poses_new_problems(unbroken):
    """Otherwise the tests below would compare runs in which nothing happens."""
    records = [json.loads(line) for line in unbroken.metrics]
    assert [record["stage"] for record in records] == ["sft"] * SFT_UPDATES + ["ppo"] * PPO_UPDATES
    assert min(record["grad_norm"] for record in records) > 1e-3
    assert len(prompts_of(unbroken)) == ROWS * PPO_UPDATES
    assert len(set(prompts_of(unbroken))) > 0.9 * ROWS * PPO_UPDATES
    assert "model.safetensors" in unbroken.files


def test_a_run_that_is_killed_and_terminated_goes_on_bit_for_bit(unbroken, tmp_path):
    broken, codes = harness.run_with_kills(
        MODULE, ARGUMENTS, tmp_path / "run", kill_steps=(4, 10), signals=(signal.SIGKILL, signal.SIGTERM)
    )
    assert codes == [-signal.SIGKILL, 143, 0]
    harness.assert_same(broken, unbroken)
    assert prompts_of(broken) == prompts_of(unbroken)  # the ledger: none skipped, none repeated


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_run_killed_at_random_steps_goes_on_bit_for_bit(seed, unbroken, tmp_path):
    steps = sorted(random.Random(seed).choices(range(SFT_UPDATES + PPO_UPDATES), k=2))
    broken, _ = harness.run_with_kills(MODULE, ARGUMENTS, tmp_path / "run", kill_steps=steps, seed=seed)
    harness.assert_same(broken, unbroken)
    assert prompts_of(broken) == prompts_of(unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_a_run_killed_at_the_edge_of_a_stage_goes_on_bit_for_bit(offset, unbroken, tmp_path):
    broken, _ = harness.run_with_kills(
        MODULE, ARGUMENTS, tmp_path / "run", kill_steps=(SFT_UPDATES + offset,) * 2
    )
    harness.assert_same(broken, unbroken)


def test_another_configuration_is_refused_with_the_difference(unbroken_folder, unbroken, tmp_path):
    folder = shutil.copytree(unbroken_folder, tmp_path / "run")
    arguments = [
        *ARGUMENTS[:2],
        "--seed",
        "1",
        "--option",
        "length=2",
        "--model",
        "tiny-gpt2",
        *ARGUMENTS[2:],
    ]
    code, text = harness.finish(harness.start(MODULE, arguments, folder, resume=True))
    assert code != 0 and "Traceback" not in text
    shown = " ".join(text.split())  # as wrapped for the terminal
    for name, saved, given in (
        ("ppo.seed", "0", "1"), ("env.option", "[]", "['length=2']"), ("model.model", "'tiny'", "'tiny-gpt2'")
    ):  # fmt: skip
        assert f"{name}: {saved} → {given}" in shown
    harness.assert_same(harness.describe(folder), unbroken)
