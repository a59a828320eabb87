"""LoRA: training a few small matrices beside the frozen weights of a model, with peft.

The adapters are put into the model in place, so it stays the transformers model that the engine and the
policy know. Left out: what is trained (``Policy``), where it is stored (``models.save_policy``).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from torch import nn
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from lmgym.errors import InvalidValueError, MissingDependencyError

if TYPE_CHECKING:
    from lmgym_agents.policy import Policy


def add_lora(
    policy: Policy, *, rank: int = 16, alpha: float | None = None, targets: str | Sequence[str] = "all-linear"
) -> Policy:
    """Puts adapters into the policy's model (and its value backbone) and freezes all other weights there.

    The value head stays trainable. An adapter starts at 0, so the policy is unchanged at first; from then on
    ``Reference(policy)`` is the model with its adapters switched off.

    Args:
        policy: changed in place.
        rank: of the two factors of each adapter.
        alpha: the adapter's output is scaled by alpha / rank; None: 2 * rank.
        targets: ``"all-linear"`` (every linear layer but the output layer) or ends of module names.

    Returns:
        ``policy`` itself.

    Raises:
        InvalidValueError: ``rank`` below 1, targets that the model doesn't have, or adapters already there.
        MissingDependencyError: peft is not installed.
    """
    for module in filter(None, (policy.model, policy.value_backbone)):
        add_adapters(module, rank=rank, alpha=alpha, targets=targets)
    return policy


def add_adapters(
    module: PreTrainedModel,
    *,
    rank: int = 16,
    alpha: float | None = None,
    targets: str | Sequence[str] = "all-linear",
) -> None:
    """Puts adapters into a model or backbone, in place, and freezes its other weights; see ``add_lora``."""
    try:
        from peft import LoraConfig
    except ImportError as error:
        raise MissingDependencyError('LoRA needs peft: pip install "lmgym[agents]".') from error
    if rank < 1:
        raise InvalidValueError(f"rank must be at least 1, got {rank}.")
    if has_lora(module):
        raise InvalidValueError("the model has LoRA adapters already; save the policy to merge them.")
    config = LoraConfig(
        r=rank,
        lora_alpha=2 * rank if alpha is None else alpha,
        lora_dropout=0.0,
        target_modules=targets if isinstance(targets, str) else list(targets),
        # GPT-2 stores its matrices the other way round.
        fan_in_fan_out=any(isinstance(part, Conv1D) for part in module.modules()),
    )
    try:
        module.add_adapter(config)
    except ValueError as error:
        raise InvalidValueError(f"targets {targets!r} don't fit this model: {error}") from error


def has_lora(model: PreTrainedModel) -> bool:
    """Returns whether the model carries adapters."""
    return bool(getattr(model, "_hf_peft_config_loaded", False))


@contextmanager
def adapters_off(model: PreTrainedModel) -> Iterator[None]:
    """Inside, the model computes what it computed before it got its adapters, bit for bit."""
    model.disable_adapters()
    try:
        yield
    finally:
        model.enable_adapters()


def merged_model(model: PreTrainedModel) -> PreTrainedModel:
    """Returns a copy of the model with its adapters added into its weights, without adapters."""
    return _copy_without_adapters(model, merge=True)


def unadapted_model(model: PreTrainedModel) -> PreTrainedModel:
    """Returns a copy of the model as it was before it got its adapters."""
    return _copy_without_adapters(model, merge=False)


def _copy_without_adapters(model: PreTrainedModel, *, merge: bool) -> PreTrainedModel:
    from peft.tuners.tuners_utils import BaseTunerLayer

    plain = copy.deepcopy(model)
    layers = [(name, part) for name, part in plain.named_modules() if isinstance(part, BaseTunerLayer)]
    for name, layer in layers:
        if merge:
            layer.merge()
        parent, _, child = name.rpartition(".")
        base: nn.Module = layer.get_base_layer()
        setattr(plain.get_submodule(parent), child, base)
    plain._hf_peft_config_loaded = False
    del plain.peft_config
    return plain
