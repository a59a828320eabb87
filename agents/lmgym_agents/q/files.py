"""Q models to and from a folder: the model in Hugging Face format, and beside it what makes it a Q function.

A folder of ``save_q_model`` is one of ``save_policy`` with q_model.json (kind, beta, num_heads) and, by kind,
q_heads.safetensors ("heads") or a second model in the folder reference/ ("logits"). It is read as untrusted:
no pickle, sizes and names checked, numbers that are not finite refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast, get_args

import torch
from safetensors.torch import save_file

from lmgym.errors import ModelError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.errors import CheckpointError
from lmgym_agents.lora import has_lora, unadapted_model
from lmgym_agents.models import load_policy, save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.q.model import QKind, QModel
from lmgym_agents.reference import Reference
from lmgym_agents.runs.strict_json import read_json, to_json
from lmgym_agents.runs.tensor_file import read_tensors

Q_MODEL_FILE = "q_model.json"
Q_HEADS_FILE = "q_heads.safetensors"
REFERENCE_FOLDER = "reference"
_MAX_HEADS = 64


def save_q_model(model: QModel, folder: str | Path, tokenizer: TextTokenizer | None = None) -> None:
    """Writes a Q model so that ``load_q_model`` gives the same Q, V and log-probs.

    ``AutoModelForCausalLM.from_pretrained(folder)`` loads its language model alone.

    Args:
        model: stays as it is; adapters are merged into the weights of a copy.
        folder: made if it is missing; files of an earlier model in it are overwritten.
        tokenizer: saved into the same folder, if given.
    """
    folder = Path(folder)
    save_policy(model.policy, folder, tokenizer=tokenizer)
    if model.heads is not None:
        tensors = {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, tensor in model.heads.state_dict().items()
        }
        save_file(tensors, folder / Q_HEADS_FILE)
    if model.reference is not None:
        with model.reference.frozen() as policy:
            frozen = Policy(unadapted_model(policy.model)) if has_lora(policy.model) else policy
            save_policy(frozen, folder / REFERENCE_FOLDER)
    num_heads = 1 if model.heads is None else len(model.heads.q_heads)
    described = {"kind": model.kind, "beta": model.beta, "num_heads": num_heads}
    (folder / Q_MODEL_FILE).write_bytes(to_json(described, Q_MODEL_FILE) + b"\n")


def is_q_model(folder: str | Path) -> bool:
    """Returns whether a folder says that it holds a Q model."""
    return (Path(folder) / Q_MODEL_FILE).is_file()


def load_q_model(
    folder: str | Path, device: str | torch.device = "cpu", *, dtype: torch.dtype = torch.float32
) -> QModel:
    """Returns the Q model that ``save_q_model`` wrote.

    Args:
        folder: where it lies.
        device: see ``resolve_device``.
        dtype: of the language model's weights; heads are float32.

    Raises:
        ModelError: no such folder, not one of a Q model, or damaged; what was found, in words.
    """
    folder = Path(folder)
    kind, beta, num_heads = _read_description(folder)
    policy = load_policy(folder, dtype=dtype, device=device)
    if kind == "logits":
        frozen = load_policy(folder / REFERENCE_FOLDER, dtype=dtype, device=device)
        if frozen.vocab_size != policy.vocab_size:
            raise ModelError(
                f"{folder}: the reference has {frozen.vocab_size} tokens and the model {policy.vocab_size}: "
                "they do not belong together."
            )
        return QModel(policy, kind=kind, beta=beta, reference=Reference(frozen))
    model = QModel(policy, kind=kind, beta=beta, num_heads=num_heads)
    assert model.heads is not None
    stored = _read_heads(folder / Q_HEADS_FILE)
    try:
        model.heads.load_state_dict(stored)
    except RuntimeError as error:
        raise ModelError(f"{folder / Q_HEADS_FILE} does not fit the model: {error}") from error
    return model


def _read_description(folder: Path) -> tuple[QKind, float, int]:
    path = folder / Q_MODEL_FILE
    try:
        found: Any = read_json(path)
    except (CheckpointError, OSError) as error:
        raise ModelError(
            f"no Q model at {str(folder)!r}: {error} A Q model's folder is written by save_q_model or by "
            "`lmgym train q`."
        ) from error
    if not isinstance(found, dict) or set(found) != {"kind", "beta", "num_heads"}:
        raise ModelError(f"{path} does not give exactly kind, beta and num_heads.")
    kind, beta, num_heads = found["kind"], found["beta"], found["num_heads"]
    is_number = isinstance(beta, int | float) and not isinstance(beta, bool) and 0 < beta < float("inf")
    is_count = type(num_heads) is int and 1 <= num_heads <= _MAX_HEADS
    if kind not in get_args(QKind) or not is_number or not is_count:
        raise ModelError(
            f"{path} says kind={str(kind)[:40]!r}, beta={str(beta)[:40]}, num_heads={str(num_heads)[:40]}; "
            f"allowed: heads or logits, positive numbers, 1 to {_MAX_HEADS}."
        )
    return cast("QKind", kind), float(beta), num_heads


def _read_heads(path: Path) -> dict[str, torch.Tensor]:
    try:
        stored = read_tensors(path)
    except (CheckpointError, OSError) as error:
        raise ModelError(f"{path} is missing or damaged: {error}") from error
    for name, tensor in stored.items():
        if not bool(torch.isfinite(tensor).all()):
            raise ModelError(f"{path} is damaged: {name} holds NaN or an infinity.")
    return stored
