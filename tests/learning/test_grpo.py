"""GRPO and its relatives, from scratch, on a probe of known optimum, paid by nothing but right and wrong."""

from __future__ import annotations

import pytest
import torch

from lmgym.envs.vector import TokenVectorEnv
from lmgym.tasks.probes import Echo
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.grpo import GRPO
from lmgym_agents.algorithms.grpo_config import preset_config
from lmgym_agents.evaluation import evaluate
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy
from tests.learning.test_probes import make_tokenizer

pytestmark = pytest.mark.learning

OTHERS = ("deepseek_math", "dr_grpo", "gspo", "reinforce++", "reinforce++_baseline")


@pytest.fixture(autouse=True)
def one_thread():
    """Matrices this small are slower on two."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(s, marks=pytest.mark.slow) for s in range(2, 10))])
@pytest.mark.parametrize(
    "preset",
    ["grpo", "dapo", "rloo", "reinforce", *(pytest.param(p, marks=pytest.mark.slow) for p in OTHERS)],
)
def test_echo_is_learned_to_the_optimum(preset, seed):
    task, tokenizer = Echo(length=1, needs_stop=False), make_tokenizer("abcdefgh>")
    env = TokenVectorEnv(
        task, num_envs=256, autoreset_mode="DISABLED", tokenizer=tokenizer, reward="correct"
    )  # fmt: skip
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=32, layers=1, heads=2, context=env.context_length, seed=seed,
        config={"initializer_range": 0.1},
    )  # fmt: skip
    # A right answer is one token long, which is all of its budget: there is nothing to punish.
    config = preset_config(
        preset, seed=seed, iterations=50, learning_rate=3e-3, optimizer="muon", entropy_coefficient=0.02,
        overlong="keep",
    )  # fmt: skip
    grpo = GRPO(Policy(model), env, config)
    updates = list(grpo.iterations())
    result = evaluate(
        LMAgent(grpo.policy, tokenizer), task, split="train", num_problems=64,
        env_options={"tokenizer": tokenizer},
    )  # fmt: skip
    assert updates[0].metrics["success"] < 0.25
    assert result.success.mean >= 0.99 * task.optimal_return
