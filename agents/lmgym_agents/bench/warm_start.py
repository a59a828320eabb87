"""The model that all agents of an entry and a seed start from.

In: an entry and a seed. Out: a folder in Hugging Face format with its tokenizer. The same in every process:
supervised fine-tuning on the task's demonstrations up to the entry's rate of success on the validation split,
or a preset's first weights where the entry has no warm start.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, Final, cast

import gymnasium as gym
import torch

import lmgym  # noqa: F401  # registers the environments
from lmgym.bench.suites import Entry
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import ModelError
from lmgym.seeding import make_key
from lmgym.tokenization import TextTokenizer, make_tokenizer
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.devices import resolve_device
from lmgym_agents.models import PRESETS, load_model, load_policy, save_policy
from lmgym_agents.packaged_models import named_model
from lmgym_agents.policy import Policy

DONE: Final = "done"
"""Name of the file that says that the folder's model is whole; it holds the model's digest."""


def make_warm_start(entry: Entry, seed: int, folder: Path, *, device: str = "cpu", threads: int = 1) -> Path:
    """Makes the model that agents start from, unless it is there.

    Args:
        entry: which preset or folder, and how much supervised fine-tuning.
        seed: of the job.
        folder: made if missing. A folder that a kill left half-written is made anew.
        device: "cpu", "cuda" or "cuda:N".
        threads: of torch, on which the last digits depend.

    Returns:
        ``folder/model``.
    """
    model = folder / "model"
    if (folder / DONE).is_file():
        return model
    prepare_torch(threads)
    if model.exists():
        shutil.rmtree(model)
    tokenizer = start_tokenizer(entry)
    env = cast(
        "TokenVectorEnv",
        gym.make_vec(entry.env, num_envs=1, tokenizer=tokenizer, autoreset_mode="DISABLED", **entry.options),
    )
    policy = _load_start(entry, env, seed, device)
    if entry.warm_start is not None:
        _fine_tune(policy, entry, env, seed)
    save_policy(policy, model, tokenizer=env.tokenizer)
    (folder / DONE).write_text(_digest(model), "ascii")
    return model


def check_warm_start(model: Path) -> None:
    """Raises ModelError if the model that all agents start from is no longer the one that was made."""
    done = model.parent / DONE
    if not done.is_file() or not (recorded := done.read_text("ascii")):
        return  # a model of somebody's own, or from before there were digests
    if _digest(model) != recorded:
        raise ModelError(
            f"the model in {model}, which all agents of an entry and a seed start from, was changed after it "
            "was made: an agent has written into training.model instead of training.folder. Remove "
            f"{model.parent.name} and the jobs that began from it, and run the bench again."
        )


def _digest(model: Path) -> str:
    total = hashlib.sha256()
    for path in sorted(path for path in model.rglob("*") if path.is_file()):
        data = path.read_bytes()
        total.update(f"{path.relative_to(model).as_posix()} {len(data)}\n".encode() + data)
    return total.hexdigest()


def prepare_torch(threads: int) -> None:
    """Sets what a job's numbers depend on."""
    torch.set_num_threads(threads)
    # Weights that have shrunk to denormal numbers make a CPU many times slower and mean nothing.
    torch.set_flush_denormal(True)


def start_tokenizer(entry: Entry) -> TextTokenizer:
    """Returns the tokenizer of the entry's model: single characters for a preset, else the folder's."""
    return make_tokenizer("char" if entry.model in PRESETS else named_model(entry.model))


def _load_start(entry: Entry, env: TokenVectorEnv, seed: int, device: str) -> Policy:
    if entry.model not in PRESETS:
        return load_policy(named_model(entry.model), device=resolve_device(device))
    model = load_model(
        entry.model, tokenizer=env.tokenizer, device=resolve_device(device), context=env.context_length,
        seed=make_key(seed, "bench", entry.name, "model") % 2**32,
    )  # fmt: skip
    return Policy(model)


def _fine_tune(policy: Policy, entry: Entry, env: TokenVectorEnv, seed: int) -> None:
    warm = entry.warm_start
    assert warm is not None
    config = SFTConfig(
        seed=make_key(seed, "bench", entry.name, "warm start"), iterations=warm.iterations,
        batch_rows=warm.batch_rows, optimizer=cast("Any", warm.optimizer), learning_rate=warm.learning_rate,
        warmup_iterations=warm.warmup_iterations, until_accuracy=warm.until,
        evaluate_every=warm.evaluate_every, validation_problems=warm.validation_problems,
    )  # fmt: skip
    data = TaskDemonstrations(
        env.task, seed=make_key(seed, "bench", entry.name, "demonstrations"), tokenizer=env.tokenizer
    )
    options = {**entry.options, "tokenizer": env.tokenizer}
    algorithm = SFT(
        policy, data, config, task=entry.env, tokenizer=env.tokenizer, env_options=options
    )  # the agents' own problems come later in the split, at other indices
    for _ in algorithm.iterations():
        pass
