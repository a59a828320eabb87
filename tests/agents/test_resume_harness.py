"""The harness for resumption, tried on a tiny training program: it passes what is right and only that."""

import json
import random
import signal

import pytest

from tests.agents import resume_harness as harness

MODULE = "tests.agents.fake_training"
ARGUMENTS = ["--iterations", "12", "--folder"]


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return harness.run_unbroken(MODULE, ARGUMENTS, tmp_path_factory.mktemp("unbroken") / "run")


def prompts_of(outcome):
    return [prompt for line in outcome.metrics for prompt in json.loads(line)["prompts"].split(",")]


def test_the_unbroken_run_uses_every_prompt_once_an_epoch(unbroken):
    prompts = prompts_of(unbroken)
    assert len(prompts) == 24
    for epoch in range(3):
        assert sorted(prompts[8 * epoch : 8 * epoch + 8]) == list("01234567")


def test_killed_before_at_and_after_an_epoch_edge_it_ends_the_same(unbroken, tmp_path):
    broken, codes = harness.run_with_kills(MODULE, ARGUMENTS, tmp_path / "run", kill_steps=(3, 4, 5))
    harness.assert_same(broken, unbroken)
    assert codes[-1] == 0
    assert prompts_of(broken) == prompts_of(unbroken)  # none skipped, none repeated


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_killed_at_random_steps_it_ends_the_same(seed, unbroken, tmp_path):
    steps = sorted(random.Random(seed).sample(range(12), 2))
    broken, _ = harness.run_with_kills(MODULE, ARGUMENTS, tmp_path / "run", kill_steps=steps, seed=seed)
    harness.assert_same(broken, unbroken)


@pytest.mark.slow
@pytest.mark.parametrize("part", ["rng", "optimizer", "prompts"])
def test_the_harness_notices_what_a_resume_forgets(part, unbroken, tmp_path):
    # Ended at step 5 and made longer, not killed, so that it certainly is resumed in the middle.
    harness.run_unbroken(MODULE, ["--iterations", "5", "--folder"], tmp_path / "run")
    process = harness.start(MODULE, ["--forget", part, *ARGUMENTS], tmp_path / "run", resume=True)
    assert harness.finish(process)[0] == 0
    broken = harness.describe(tmp_path / "run")
    with pytest.raises(AssertionError):
        harness.assert_same(broken, unbroken)


def test_a_run_that_is_made_longer_ends_as_one_of_that_length(unbroken, tmp_path):
    harness.run_unbroken(MODULE, ["--iterations", "5", "--folder"], tmp_path / "run")
    assert harness.finish(harness.start(MODULE, ARGUMENTS, tmp_path / "run", resume=True))[0] == 0
    harness.assert_same(harness.describe(tmp_path / "run"), unbroken)


@pytest.mark.slow
def test_sigterm_saves_and_leaves_with_143(unbroken, tmp_path):
    long = ["--iterations", "100000", "--folder"]
    process = harness.start(MODULE, long, tmp_path / "run", resume=False)
    harness._wait_for_step(process, tmp_path / "run", 3)
    process.send_signal(signal.SIGTERM)
    code, text = harness.finish(process)
    assert code == 143 and "finishing the update in progress" in text
    outcome = harness.describe(tmp_path / "run")
    assert outcome.step == json.loads(outcome.metrics[-1])["step"]  # nothing lost at all
    shared = min(12, outcome.step)
    assert outcome.metrics[:shared] == unbroken.metrics[:shared]


@pytest.mark.slow
def test_another_seed_is_refused_on_resume_with_the_difference(unbroken, tmp_path):
    harness.run_unbroken(MODULE, ["--iterations", "2", "--folder"], tmp_path / "run")
    before = harness.describe(tmp_path / "run")
    process = harness.start(
        MODULE, ["--iterations", "2", "--seed", "1", "--folder"], tmp_path / "run", resume=True
    )
    code, text = harness.finish(process)
    assert code != 0 and "seed: 0 → 1" in text
    assert harness.describe(tmp_path / "run") == before
