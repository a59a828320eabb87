"""Models from a preset, a folder, a hub id or a GGUF file; policies to and from a folder.

The one place that reads model files, and it treats them as untrusted: weights come from safetensors or GGUF
alone, code in a folder runs only if the caller asks for it by name, and weights that are missing, of another
shape or not finite are an error, never a silent fresh start.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM, GenerationConfig, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from lmgym.errors import ModelError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.devices import resolve_device
from lmgym_agents.dropout import disable_dropout
from lmgym_agents.gguf_files import convert_gguf, find_gguf
from lmgym_agents.lora import add_lora, has_lora, merged_model
from lmgym_agents.packaged_models import named_model
from lmgym_agents.policy import Evaluation, Policy, ValueMode
from lmgym_agents.reference import Reference
from lmgym_agents.tiny_models import PRESETS, make_tiny_model

__all__ = [
    "PRESETS",
    "Evaluation",
    "Policy",
    "Reference",
    "add_lora",
    "disable_dropout",
    "has_lora",
    "load_model",
    "load_policy",
    "make_tiny_model",
    "resolve_device",
    "save_policy",
]

VALUE_FILE = "value_head.safetensors"
_ATTENTION = {"eager", "sdpa", "flex_attention", "flash_attention_2", "flash_attention_3"}
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?")
_MAX_CONFIG_BYTES = 10_000_000


def load_model(
    name_or_path: str | Path,
    *,
    tokenizer: TextTokenizer | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    gguf_file: str | Path | None = None,
    trust_remote_code: bool = False,
    seed: int = 0,
    context: int = 256,
) -> PreTrainedModel:
    """Returns a causal LM with dropout off, in eval mode.

    Args:
        name_or_path: the name of a preset or of a packaged model (a folder of that name must be given as
            ``./name``), a folder in Hugging Face format, a ``.gguf`` file or a folder that holds one, or a
            hub id.
        tokenizer: needed for a preset, for its sizes and ids. For others its vocabulary must fit the model's.
        dtype: of the weights.
        device: see ``resolve_device``.
        gguf_file: the file inside ``name_or_path``, where there are several.
        trust_remote_code: run Python code that comes with the model. Never taken from a file.
        seed: of a preset's initial weights.
        context: of a preset.

    Raises:
        ModelError: no such model, damaged, incomplete or pickled weights, or code that nobody allowed.
        MissingDependencyError: a GGUF file without the ``gguf`` extra, a packaged model without its package.
        DeviceError: no such device.
    """
    where = resolve_device(device)
    name = named_model(str(name_or_path))
    if name in PRESETS:
        if tokenizer is None:
            raise ModelError(f"the preset {name!r} needs a tokenizer, which sets the size of its vocabulary.")
        model = make_tiny_model(
            tokenizer.vocab_size,
            context=context,
            seed=seed,
            pad_id=tokenizer.pad_id,
            end_id=tokenizer.end_id,
            **PRESETS[name],
        ).to(dtype)
    else:
        gguf = find_gguf(Path(name), gguf_file)
        source = str(convert_gguf(gguf, dtype)) if gguf is not None else name
        model = load_pretrained(source, dtype, trust_remote_code=trust_remote_code)
    if tokenizer is not None and tokenizer.vocab_size > model.get_input_embeddings().weight.shape[0]:
        raise ModelError(
            f"{name} has {model.get_input_embeddings().weight.shape[0]} token embeddings, but the tokenizer "
            f"{tokenizer.name!r} has {tokenizer.vocab_size} ids: use the model's own tokenizer."
        )
    disable_dropout(model)
    return model.to(where).eval()


def load_pretrained(
    source: str,
    dtype: torch.dtype = torch.float32,
    *,
    kind: Any = AutoModelForCausalLM,
    trust_remote_code: bool = False,
) -> PreTrainedModel:
    """Returns the model of a folder or hub id, every way that loading can fail turned into a ``ModelError``.

    Args:
        source: a folder in Hugging Face format, or a hub id.
        dtype: of the weights.
        kind: the "auto" class of transformers that makes it.
        trust_remote_code: run Python code that comes with the model.
    """
    is_local = Path(source).is_dir()
    if not is_local and (Path(source).exists() or not _HUB_ID.fullmatch(source)):
        raise ModelError(f"no model at {source!r}: no such folder. {_allowed()}")
    if not is_local and "/" not in source and (near := difflib.get_close_matches(source, PRESETS, 1, 0.8)):
        # Surely a slip of the pen; asking the hub would take half a minute where there is no network.
        raise ModelError(f"no model {source!r}. Did you mean {near[0]!r}? {_allowed()}")
    try:
        if is_local:
            _check_config(_read_config(Path(source)), source, trust_remote_code)
        else:
            config, _ = PreTrainedConfig.get_config_dict(source)
            _check_config(config, source, trust_remote_code)
        AutoConfig.from_pretrained(source, trust_remote_code=trust_remote_code)
        with no_progress_bars():
            model, report = kind.from_pretrained(
                source,
                dtype=dtype,
                use_safetensors=True,
                trust_remote_code=trust_remote_code,
                output_loading_info=True,
            )
    except ModelError:
        raise
    # Foreign code reading a foreign file: whatever it raises means that the file is no good.
    except Exception as error:
        said = f"{type(error).__name__}: {str(error)[:500]}"
        raise ModelError(f"the model {source!r} cannot be loaded. {_allowed()} ({said})") from error
    missing = sorted(map(str, [*report["missing_keys"], *report.get("mismatched_keys", [])]))
    if missing:
        raise ModelError(
            f"the weights of {source!r} are incomplete: {len(missing)} tensors, first {missing[0]}."
        )
    for name, parameter in model.named_parameters():
        if not bool(torch.isfinite(parameter).all()):
            raise ModelError(f"the weights of {source!r} are damaged: {name} holds NaN or an infinity.")
    return model


@contextmanager
def no_progress_bars() -> Iterator[None]:
    """Keeps transformers from drawing its own bars into ours."""
    were_on = transformers_logging.is_progress_bar_enabled()
    transformers_logging.disable_progress_bar()
    try:
        yield
    finally:
        if were_on:
            transformers_logging.enable_progress_bar()


def _allowed() -> str:
    return (
        f"Allowed: a preset ({', '.join(PRESETS)}), smollm2 (a packaged model), a folder with config.json "
        "and .safetensors files (pickled .bin weights are not read), a .gguf file, or a hub id when the hub "
        "can be reached."
    )


def _read_config(folder: Path) -> dict[str, Any]:
    path = folder / "config.json"
    if not path.is_file():
        raise ModelError(f"the folder {str(folder)!r} holds no config.json. {_allowed()}")
    if path.stat().st_size > _MAX_CONFIG_BYTES:
        raise ModelError(f"{path} is larger than {_MAX_CONFIG_BYTES} bytes: not a model's config.")
    config = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(config, dict):
        raise ModelError(f"{path} holds a {type(config).__name__}, not a JSON object.")
    return config


def _check_config(config: Mapping[str, Any], source: str, trust_remote_code: bool) -> None:
    """Refuses a config that would fetch or run code."""
    for key, value in config.items():
        if isinstance(value, Mapping):
            _check_config(value, source, trust_remote_code)
        if trust_remote_code:
            continue
        if key == "auto_map":
            raise ModelError(
                f"the config of {source!r} names Python code to run (auto_map). If you have read that code "
                "and trust it, pass trust_remote_code=True."
            )
        if (
            key.lstrip("_").startswith("attn_implementation")
            and value is not None
            and value not in _ATTENTION
        ):
            raise ModelError(
                f"the config of {source!r} asks for the attention kernel {value!r}; allowed without "
                f"trust_remote_code=True: {', '.join(sorted(_ATTENTION))}."
            )


def save_policy(policy: Policy, folder: str | Path, *, tokenizer: TextTokenizer | None = None) -> None:
    """Writes the policy as a Hugging Face model with its value head beside it.

    ``AutoModelForCausalLM.from_pretrained(folder)`` loads the model. Adapters are merged into the weights
    (of a copy). The generation config keeps the ids of special tokens and no sampling settings: those belong
    to whoever samples.

    Args:
        policy: stays as it is.
        folder: made if it is missing; files of an earlier policy in it are overwritten.
        tokenizer: saved into the same folder, if given.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    model = merged_model(policy.model) if has_lora(policy.model) else policy.model
    kept = model.generation_config
    ids = {
        name: getattr(model.config, name, None) for name in ("pad_token_id", "eos_token_id", "bos_token_id")
    }
    model.generation_config = GenerationConfig(**ids)
    try:
        with no_progress_bars():
            model.save_pretrained(folder)
    finally:
        model.generation_config = kept
    # Cloned, because a safetensors file refuses tensors that share memory.
    tensors = {
        f"{part}.{name}": tensor.detach().cpu().clone(memory_format=torch.contiguous_format)
        for part, module in _value_parts(policy).items()
        for name, tensor in module.state_dict().items()
    }
    save_file(tensors, folder / VALUE_FILE)
    if tokenizer is not None:
        tokenizer.save(folder)


def load_policy(
    folder: str | Path,
    *,
    value: ValueMode | None = None,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
    **options: Any,
) -> Policy:
    """Returns the policy that ``save_policy`` wrote, or a fresh one on a model without a value head.

    Args:
        folder: of a policy, or anything else that ``load_model`` loads without a tokenizer.
        value: None: as stored, or ``"shared"`` if nothing is stored.
        dtype: of the model's weights; the value head is float32.
        device: see ``resolve_device``.
        options: the other options of ``Policy``.

    Raises:
        ModelError: as ``load_model``, or a stored value function that is damaged or of another kind.
    """
    model = load_model(folder, dtype=dtype, device=device)
    path = Path(folder) / VALUE_FILE
    if not path.is_file():
        return Policy(model, value=value or "shared", **options)
    try:
        stored = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelError(f"{path} is damaged: {error}.") from error
    kind: ValueMode = "separate" if any(name.startswith("backbone.") for name in stored) else "shared"
    if value not in (None, kind):
        raise ModelError(f"{path} holds a value function of kind {kind!r}, not {value!r}: leave value out.")
    policy = Policy(model, value=kind, **options)
    for part, module in _value_parts(policy).items():
        prefix = f"{part}."
        state = {name.removeprefix(prefix): stored[name] for name in stored if name.startswith(prefix)}
        try:
            module.load_state_dict(state)
        except RuntimeError as error:
            raise ModelError(f"{path} does not fit the model: {error}") from error
    return policy


def _value_parts(policy: Policy) -> dict[str, nn.Module]:
    """Returns the modules of the value function, adapters merged, by the names they have in the file."""
    parts: dict[str, nn.Module] = {"head": policy.value_head}
    if (backbone := policy.value_backbone) is not None:
        parts["backbone"] = merged_model(backbone) if has_lora(backbone) else backbone
    return parts
