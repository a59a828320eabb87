"""A real PPO run that is killed and resumed ends bit for bit as one that was not."""

import json
import random
import shutil
import signal

import pytest

from tests.agents import resume_harness as harness

MODULE = "tests.agents.ppo_training"
ITERATIONS = 20
ARGUMENTS = ["--iterations", str(ITERATIONS), "--folder"]


@pytest.fixture(scope="module")
def unbroken_folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("unbroken") / "run"
    harness.run_unbroken(MODULE, ARGUMENTS, folder)
    return folder


@pytest.fixture(scope="module")
def unbroken(unbroken_folder):
    return harness.describe(unbroken_folder)


def prompts_of(outcome):
    return [prompt for line in outcome.metrics for prompt in json.loads(line)["prompts"].split(",")]


def test_the_unbroken_run_learns_and_poses_new_problems(unbroken):
    """Otherwise the tests below would compare runs in which nothing happens."""
    norms = [json.loads(line)["grad_norm"] for line in unbroken.metrics]
    assert len(norms) == ITERATIONS and min(norms) > 1e-3
    assert len(set(prompts_of(unbroken))) == 16 * ITERATIONS
    assert "model.safetensors" in unbroken.files


def test_a_run_that_is_killed_and_terminated_goes_on_bit_for_bit(unbroken, tmp_path):
    broken, codes = harness.run_with_kills(
        MODULE, ARGUMENTS, tmp_path / "run", kill_steps=(1, 3), signals=(signal.SIGKILL, signal.SIGTERM)
    )
    assert codes == [-signal.SIGKILL, 143, 0]
    harness.assert_same(broken, unbroken)
    assert prompts_of(broken) == prompts_of(unbroken)  # the ledger: none skipped, none repeated


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_a_run_killed_at_random_steps_goes_on_bit_for_bit(seed, unbroken, tmp_path):
    steps = sorted(random.Random(seed).choices(range(ITERATIONS), k=2))
    broken, _ = harness.run_with_kills(MODULE, ARGUMENTS, tmp_path / "run", kill_steps=steps, seed=seed)
    harness.assert_same(broken, unbroken)


def test_another_configuration_is_refused_with_the_difference(unbroken_folder, unbroken, tmp_path):
    folder = shutil.copytree(unbroken_folder, tmp_path / "run")
    code, text = harness.finish(harness.start(MODULE, ["--seed", "1", *ARGUMENTS], folder, resume=True))
    assert code != 0 and "ppo.seed: 0 → 1" in text
    harness.assert_same(harness.describe(folder), unbroken)
