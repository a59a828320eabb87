"""``lmgym rlhf`` killed at any moment and resumed ends as a run that nobody disturbed."""

from __future__ import annotations

import dataclasses

import pytest

from lmgym.preferences import read_preferences
from tests.agents import resume_harness as harness

ARGUMENTS = (
    "rlhf --env lmgym/Math-v0 --level 1 --model nano --tokenizer bpe:300 --device cpu --threads 1 "
    "--no-tensorboard --checkpoint-every 2 --temperature 0.5 --num-prompts 24 --num-responses 2 "
    "--chunk-prompts 6 --eval-prompts 6 --num-envs 8 --sft.iterations 4 --sft.batch-rows 8 "
    "--reward-model.iterations 4 --reward-model.batch-pairs 4 --reward-model.evaluate-every 2 "
    "--ppo.iterations 4 --held-out-share 0.25 --out"
).split()


def verdicts(folder):
    records = read_preferences(folder / "preferences.jsonl")
    return [dataclasses.replace(record, time="2000-01-01T00:00:00Z") for record in records]


@pytest.mark.slow
def test_a_run_that_is_killed_again_and_again_has_equal_products(tmp_path):
    unbroken = harness.run_unbroken("lmgym", ARGUMENTS, tmp_path / "whole")
    broken, codes = harness.run_with_kills(
        "lmgym", ARGUMENTS, tmp_path / "killed", kill_steps=(0, 6, 11, 16, 20)
    )
    assert codes[-1] == 0 and len(codes) == 6
    harness.assert_same(broken, unbroken)
    assert verdicts(tmp_path / "killed") == verdicts(tmp_path / "whole")
    numbers = [(tmp_path / name / "rlhf.json").read_text() for name in ("whole", "killed")]
    assert numbers[0] == numbers[1]
