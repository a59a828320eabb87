"""Q and V heads on the hidden states of a language model, and slow copies of modules as targets."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, NamedTuple, TypeVar

import torch
from torch import Tensor, nn

from lmgym.seeding import make_key

if TYPE_CHECKING:
    from jaxtyping import Float


M = TypeVar("M", bound=nn.Module)


class HeadValues(NamedTuple):
    """What the heads say of N states with V actions, in the reward's unit."""

    q: Float[Tensor, "K N V"]
    """Of each of K Q heads."""
    values: Float[Tensor, " N"]
    """V(s)."""

    @property
    def min_q(self) -> Float[Tensor, "N V"]:
        """The smallest of the K heads, action by action."""
        return self.q.amin(dim=0)


class QHeads(nn.Module):
    """K Q heads and a V head, each Linear(D, 2D) - ReLU - Linear(2D, outputs), in float32.

    Args:
        hidden_size: D.
        vocab_size: V, the number of actions.
        num_heads: K.
        initial_value: bias of the last layers, best the expected return at the start; the weights of the last
            layers are zero, so that at first every action is worth as much.
        seed: of the first layers' weights.
        device: where the weights are.

    Source: Snell et al. 2023 (ILQL), whose code has the trick of the bias.
    """

    def __init__(
        self,
        hidden_size: int,
        vocab_size: int,
        *,
        num_heads: int = 2,
        initial_value: float = 0.0,
        seed: int = 0,
        device: torch.device | str | None = None,
    ) -> None:
        super().__init__()
        self.q_heads = nn.ModuleList(
            _make_head(hidden_size, vocab_size, initial_value, make_key(seed, "q_head", number), device)
            for number in range(num_heads)
        )
        self.value_head = _make_head(hidden_size, 1, initial_value, make_key(seed, "value_head"), device)

    def forward(self, hidden: Float[Tensor, "N D"]) -> HeadValues:
        """Returns Q and V of the states with these last hidden states."""
        with torch.autocast(hidden.device.type, enabled=False):
            x = hidden.to(self.value_head[0].weight.dtype)
            q = torch.stack([head(x) for head in self.q_heads])
            return HeadValues(q, self.value_head(x).squeeze(-1))


def _make_head(
    hidden_size: int, outputs: int, initial_value: float, key: int, device: torch.device | str | None
) -> nn.Sequential:
    first = nn.Linear(hidden_size, 2 * hidden_size, device=device)
    if first.weight.device.type != "meta":
        generator, bound = torch.Generator().manual_seed(key), hidden_size**-0.5
        with torch.no_grad():
            for parameter in first.parameters():
                drawn = torch.rand(parameter.shape, generator=generator, dtype=torch.float32)
                parameter.copy_(bound * (2 * drawn - 1))
    last = nn.Linear(2 * hidden_size, outputs, device=device)
    nn.init.zeros_(last.weight)
    nn.init.constant_(last.bias, initial_value)
    return nn.Sequential(first, nn.ReLU(), last)


def make_target(module: M) -> M:
    """Returns a frozen copy of ``module``, to be moved after it by ``update_target``."""
    target = copy.deepcopy(module)
    target.requires_grad_(False)
    return target


@torch.no_grad()
def update_target(target: nn.Module, module: nn.Module, rate: float) -> None:
    """Moves the target by ``rate`` of the way to the module: θ' ← θ' + rate (θ - θ'); 1 copies it."""
    for slow, fast in zip(target.parameters(), module.parameters(), strict=True):
        slow.lerp_(fast.to(slow.dtype), rate) if rate < 1 else slow.copy_(fast)
