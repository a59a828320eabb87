"""Policies of Stable-Baselines3 to and from a folder, without pickles.

The folder holds the language model that acts in Hugging Face format with its tokenizer and value head (an
ordinary policy of ours, for actor-critic kinds), ``sb3.json`` and ``sb3.safetensors`` with everything else:
second copies, Q layers, LSTMs. Left out: optimizers and replay memories.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from lmgym.errors import ModelError
from lmgym.tokenization import TextTokenizer, make_tokenizer
from lmgym_agents.baselines.sb3_acting import Actor
from lmgym_agents.baselines.sb3_kinds import make_policy
from lmgym_agents.models import load_model, save_policy

CONFIG_FILE = "sb3.json"
WEIGHTS_FILE = "sb3.safetensors"


def save_agent_policy(
    actor: Actor, kind: str, policy_options: Mapping[str, Any], tokenizer: TextTokenizer, folder: Path
) -> None:
    """Writes what acting takes; ``load_agent_policy`` reads it."""
    save_policy(actor.features.lm, folder, tokenizer=tokenizer)
    config = {
        "kind": kind,
        "policy_options": dict(policy_options),
        "tokens": actor.tokens.tolist(),
        "context_length": actor.context_length,
        "allowed": None if actor.allowed is None else np.flatnonzero(actor.allowed).tolist(),
    }
    (folder / CONFIG_FILE).write_text(json.dumps(config, sort_keys=True) + "\n", "utf-8")
    tensors = {name: tensor.detach().cpu().clone() for name, tensor in _other_tensors(actor).items()}
    save_file(tensors, folder / WEIGHTS_FILE)


def load_agent_policy(kind: str, folder: Path) -> tuple[Actor, TextTokenizer]:
    """Returns what ``save_agent_policy`` wrote, on the CPU.

    Args:
        kind: that the folder has to be of.
        folder: written before.

    Raises:
        ModelError: files are missing, damaged, or of another kind.
    """
    config = _read_config(folder / CONFIG_FILE, kind)
    tokenizer = make_tokenizer(folder)
    model = load_model(folder, tokenizer=tokenizer)
    tokens = np.array(config["tokens"], np.int64)
    policy = make_policy(
        kind,
        model,
        tokens.tolist(),
        context_length=int(config["context_length"]),
        policy_options=config["policy_options"],
    )
    allowed = None
    if config["allowed"] is not None:
        allowed = np.zeros(len(tokens), np.bool_)
        allowed[config["allowed"]] = True
    actor = Actor(policy, tokens, context_length=int(config["context_length"]), allowed=allowed)
    _fill(actor, folder / WEIGHTS_FILE)
    return actor, tokenizer


def _other_tensors(actor: Actor) -> dict[str, Tensor]:
    """Returns the policy's parameters, each once, but for those of the language model that acts."""
    of_model = {id(parameter) for parameter in actor.features.lm.model.parameters()}
    return {
        name: parameter
        for name, parameter in actor.policy.named_parameters()
        if id(parameter) not in of_model
    }


def _fill(actor: Actor, path: Path) -> None:
    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is missing or damaged: {error}.") from error
    wanted = _other_tensors(actor)
    if stored.keys() != wanted.keys():
        odd = sorted(stored.keys() ^ wanted.keys())[:5]
        raise ModelError(f"{path} does not fit the policy; only one of the two has {', '.join(odd)}.")
    with torch.no_grad():
        for name, parameter in wanted.items():
            if stored[name].shape != parameter.shape or not bool(torch.isfinite(stored[name]).all()):
                raise ModelError(f"{path}: {name} is of another shape, or holds NaN or an infinity.")
            parameter.copy_(stored[name])


def _read_config(path: Path, kind: str) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text("utf-8"))
        found = config["kind"]
        config["policy_options"], config["tokens"], config["context_length"], config["allowed"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path} is missing or damaged: {error}.") from error
    if found != kind:
        raise ModelError(f"{path} is of an agent of kind {found!r}, not {kind!r}.")
    return dict(config)
