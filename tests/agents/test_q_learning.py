"""Q-learning: the same again from a state, bad configurations, numbers gone wrong."""

import hashlib
import json

import pytest
import torch

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.tasks.dataset import Dataset
from lmgym.tasks.probes import Delayed, Echo
from lmgym.tokenization import make_tokenizer
from lmgym_agents.algorithms.q_learning import QLearning
from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy
from lmgym_agents.q.model import QModel
from lmgym_agents.runs.state_tree import pack, unpack
from tests.agents import resume_harness as harness

SMALL = {"iterations": 4, "updates": 2, "batch_rows": 8, "replay_rows": 24, "learning_rate": 1e-3}
KINDS = [
    {"parametrisation": "logits", "variant": "multi_step", "replay_failed": 0.5},
    {"parametrisation": "logits", "variant": "one_step", "target": "copy", "target_every": 3},
    {"parametrisation": "logits", "variant": "path_consistency", "group_size": 4},
    {"parametrisation": "heads", "target": "polyak", "priority_exponent": 0.7, "epsilon": 0.1, "top_k": 9},
    {"parametrisation": "heads", "backup": "soft", "trace": "watkins", "target": "none", "optimizer": "muon"},
]


def by_hash(transcript):
    """Pays now and then, so that there is something to learn."""
    return float(hashlib.blake2b(transcript.response.encode()).digest()[0] % 2)


def make(task=None, **options):
    config = QLearningConfig(**(SMALL | options))
    tokenizer = make_tokenizer("char")
    env = TokenVectorEnv(
        task or Delayed(num_turns=2, length=2), num_envs=8, autoreset_mode="DISABLED", tokenizer=tokenizer,
        reward=by_hash,
    )  # fmt: skip
    made = make_tiny_model(
        tokenizer.vocab_size, hidden_size=16, layers=1, heads=2, context=env.context_length,
        config={"initializer_range": 0.3},
    )  # fmt: skip
    model = QModel(Policy(made), kind=config.parametrisation, beta=config.beta, seed=0)
    said = []
    return QLearning(model, env, config, on_message=said.append), said


@pytest.mark.parametrize("options", KINDS)
def test_a_run_goes_on_bit_for_bit_from_its_state(options):
    whole, _ = make(**options)
    records = [update.metrics for update in whole.iterations()]
    assert records[-1]["grad_norm"] > 0 and records[-1]["replay_rows"] == 24
    first, _ = make(**options)
    for update in first.iterations():
        if update.step == 2:
            break
    tensors, structure = pack(first.state_dict())
    second, _ = make(**options)
    next(second.iterations())  # another state, which has to give way
    second.load_state_dict(unpack(json.loads(json.dumps(structure)), tensors))
    again = [update.metrics for update in second.iterations()]
    assert [json.dumps(r, sort_keys=True) for r in again] == [
        json.dumps(r, sort_keys=True) for r in records[2:]
    ]
    assert harness.hash_parts(second.state_dict()) == harness.hash_parts(whole.state_dict())


def test_a_batch_with_nan_changes_no_weight_and_is_counted():
    learner, said = make(parametrisation="heads")
    next(learner.iterations())
    learner.replay.rows.rewards[:] = torch.nan
    before = {name: x.clone() for name, x in learner.model.state_dict().items()}
    learner.replay.add = lambda rows: None
    update = next(learner.iterations())
    assert update.metrics["skipped_steps"] == 2 and "loss" in update.metrics["skipped"] and said
    assert all(torch.equal(x, before[name]) for name, x in learner.model.state_dict().items())


def test_updates_wait_for_enough_rows():
    learner, _ = make(min_replay_rows=17)
    assert [u.metrics["optimizer_steps"] for u in learner.iterations()] == [0, 0, 2, 2]


def test_the_distance_to_q_star_is_logged_where_it_is_known(tmp_path):
    learner, _ = make(Echo(length=1, needs_stop=False), diagnose_every=2, diagnose_problems=2)
    logged = ["diagnosis/q_error_mean" in update.metrics for update in learner.iterations()]
    assert logged == [False, True, False, True]
    path = tmp_path / "sums.jsonl"
    path.write_text(
        "".join(json.dumps({"question": f"{i}+1=", "answer": str(i + 1)}) + "\n" for i in range(40))
    )
    with pytest.raises(InvalidValueError, match="optimal values"):
        make(Dataset(path=str(path)), diagnose_every=2)


@pytest.mark.parametrize(
    "options",
    [
        {"iterations": 0}, {"gamma": 1.5}, {"beta": 0.0}, {"learning_rate": -1.0}, {"target_rate": 0.0},
        {"n_step": 0}, {"clip_low": 1.0, "clip_high": 0.0}, {"variant": "path_consistency"},
        {"variant": "path_consistency", "group_size": 2, "priority_exponent": 1.0}, {"top_p": 0.0},
    ],
)  # fmt: skip
def test_bad_options_are_named(options):
    with pytest.raises(InvalidValueError, match="allowed"):
        QLearningConfig(**options)


def test_a_model_of_another_kind_is_refused():
    with pytest.raises(UnknownNameError):
        QLearningConfig(acting="best")
    learner, _ = make()
    with pytest.raises(InvalidValueError, match="agree"):
        QLearning(learner.model, learner.env, QLearningConfig(parametrisation="heads"))
    with pytest.raises(InvalidValueError, match="agree"):
        QLearning(learner.model, learner.env, QLearningConfig(beta=0.5))


UPDATES = 8
ARGUMENTS = [
    "train", "q", "--env", "lmgym/Echo-v0", "--model", "nano", "--device", "cpu", "--threads", "1",
    "--num-envs", "16", "--iterations", str(UPDATES), "--updates", "2", "--batch-rows", "8",
    "--parametrisation", "heads", "--priority-exponent", "0.6", "--eval-problems", "4",
    "--checkpoint-every", "3", "--no-tensorboard", "--out",
]  # fmt: skip


@pytest.mark.slow
def test_the_command_killed_and_resumed_ends_bit_for_bit(tmp_path):
    unbroken = harness.run_unbroken("lmgym", ARGUMENTS, tmp_path / "whole")
    broken, codes = harness.run_with_kills("lmgym", ARGUMENTS, tmp_path / "broken", kill_steps=(4,))
    assert len(codes) == 2 and codes[-1] == 0
    harness.assert_same(broken, unbroken)
    assert {"q_model.json", "q_heads.safetensors", "model.safetensors"} <= unbroken.files.keys()
