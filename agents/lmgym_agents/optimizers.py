"""Optimisers over a policy's parameters, and the schedule of their learning rate.

In: a policy. Out: one object that steps, saves and restores like a single optimiser. Left out: gradients and
clipping (see ``accumulate``).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import nn

from lmgym.errors import InvalidValueError
from lmgym_agents.policy import Policy

Kind = Literal["adamw", "muon"]
Schedule = Literal["constant", "linear", "cosine"]


class PolicyOptimizer:
    """AdamW over everything, or Muon over the weight matrices inside the layers and AdamW over the rest.

    Muon orthogonalises the momentum of a matrix, so all directions of a weight move alike. Its steps are
    scaled to the size of AdamW's, so that both take the same learning rates.

    Source: Jordan et al. 2024; the scale: Liu et al. 2025, "Muon is scalable for LLM training", eq. 4.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        kind: Kind = "adamw",
        learning_rate: float,
        value_learning_rate: float,
        betas: tuple[float, float] = (0.9, 0.95),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        if kind not in get_args(Kind):
            raise InvalidValueError(f"optimizer must be one of {', '.join(get_args(Kind))}, got {kind!r}.")
        matrices = _matrices(policy) if kind == "muon" else []
        taken = {id(parameter) for parameter in matrices}
        model = [p for p in policy.model.parameters() if p.requires_grad and id(p) not in taken]
        of_model = {id(p) for p in policy.model.parameters()}
        value = [p for p in policy.parameters() if p.requires_grad and id(p) not in of_model]
        groups: list[dict[str, Any]] = [
            {"params": part, "lr": rate, "full_lr": rate}
            for part, rate in ((model, learning_rate), (value, value_learning_rate))
            if part
        ]
        self._optimizers: dict[str, torch.optim.Optimizer] = {
            "adamw": torch.optim.AdamW(
                groups, lr=learning_rate, betas=betas, eps=eps, weight_decay=weight_decay, fused=True
            )
        }
        if matrices:
            self._optimizers["muon"] = torch.optim.Muon(
                [{"params": matrices, "full_lr": learning_rate}],
                lr=learning_rate,
                weight_decay=weight_decay,
                adjust_lr_fn="match_rms_adamw",
            )

    def set_rate(self, factor: float) -> None:
        """Sets every learning rate to ``factor`` times its full size."""
        for optimizer in self._optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = group["full_lr"] * factor

    def step(self) -> None:
        """Changes the weights by their gradients; parameters without one stay as they are."""
        for optimizer in self._optimizers.values():
            optimizer.step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Drops the gradients."""
        for optimizer in self._optimizers.values():
            optimizer.zero_grad(set_to_none=set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """Returns moments and step counts."""
        return {name: optimizer.state_dict() for name, optimizer in self._optimizers.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned.

        Raises:
            InvalidValueError: the state is that of another kind of optimiser.
        """
        if set(state) != set(self._optimizers):
            raise InvalidValueError(
                f"the state holds {sorted(state)}, this optimiser is {sorted(self._optimizers)}; use the "
                "kind that the run was begun with."
            )
        for name, optimizer in self._optimizers.items():
            optimizer.load_state_dict(dict(state[name]))


def _matrices(policy: Policy) -> list[nn.Parameter]:
    """Returns the weight matrices inside the layers: neither embeddings nor the output layer."""
    embeddings = {
        id(parameter)
        for module in policy.model.modules()
        if isinstance(module, nn.Embedding)
        for parameter in module.parameters()
    }
    embeddings |= {id(parameter) for parameter in policy.model.get_output_embeddings().parameters()}
    return [
        parameter
        for parameter in policy.model.parameters()
        if parameter.requires_grad and parameter.ndim == 2 and id(parameter) not in embeddings
    ]


def rate_factor(schedule: Schedule, step: int, total: int, *, warmup: int = 0, end: float = 0.0) -> float:
    """Returns the factor of the learning rate at ``step`` of ``total``, both counted from 0.

    It rises in ``warmup`` steps from 1 / (warmup + 1) to 1; then it stays, or falls to ``end`` linearly or by
    half a cosine.

    Raises:
        InvalidValueError: unknown ``schedule``.
    """
    if schedule not in get_args(Schedule):
        allowed = ", ".join(get_args(Schedule))
        raise InvalidValueError(f"schedule must be one of {allowed}, got {schedule!r}.")
    if step < warmup:
        return (step + 1) / (warmup + 1)
    if schedule == "constant":
        return 1.0
    progress = min(1.0, (step - warmup) / max(1, total - warmup))
    left = 1 - progress if schedule == "linear" else (1 + math.cos(math.pi * progress)) / 2
    return end + (1 - end) * left
