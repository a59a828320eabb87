"""A process reward model learns to find the wrong steps of worked addition, and its choice beats chance."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from lmgym.records import Transcript, Turn
from lmgym.seeding import make_generator
from lmgym.tasks.arithmetic.task import Math
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.process_reward_model import (
    ProcessRewardModel,
    ProcessRewardModelConfig,
    measure_steps,
)
from lmgym_agents.evaluation import distinct_problems
from lmgym_agents.models import load_model
from lmgym_agents.policy import Policy
from lmgym_agents.process.reward import LearnedSteps
from lmgym_agents.process.step_labels import TaskSteps

pytestmark = [pytest.mark.learning, pytest.mark.slow, pytest.mark.timeout(900)]

TOKENIZER = CharTokenizer()
TASK = Math(level=2, style="worked", demonstration_quality=0.5)


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices this small are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_wrong_steps_of_held_out_problems_are_found():
    policy = Policy(load_model("nano", tokenizer=TOKENIZER, context=128))
    test = TaskSteps(TASK, TOKENIZER, split="test").rows(0, 512)
    assert measure_steps(policy, test)["last_accuracy"] < 0.6  # before learning
    config = ProcessRewardModelConfig(iterations=600, learning_rate=6e-3)
    for _ in ProcessRewardModel(policy, TaskSteps(TASK, TOKENIZER), config).iterations():
        pass
    found = measure_steps(policy, test)
    assert found["auc"] > 0.95
    # The other steps are always right here, so this is where it matters.
    assert found["last_auc"] > 0.85

    problems = distinct_problems(TASK, "test", 200)
    rng = make_generator(0, "candidates")
    texts = [TASK.demonstrations(problem, rng)[0] for problem in problems for _ in range(4)]
    prompts = [problem.prompt for problem in problems for _ in range(4)]
    values = LearnedSteps(policy, TOKENIZER).values(prompts, texts, [True] * len(texts)).reshape(-1, 4)
    transcripts = [
        Transcript(problems[i // 4], (Turn("agent", text),), terminated=True) for i, text in enumerate(texts)
    ]
    is_right = np.array([v.status == "correct" for v in TASK.verify_batch(transcripts)]).reshape(-1, 4)
    chosen = is_right[np.arange(len(problems)), values.argmax(axis=1)].mean()
    assert chosen > is_right.mean() + 0.2
