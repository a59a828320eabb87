"""Acting by Q: an engine that samples tokens from what a Q model says instead of from the language head.

The engine is the ordinary one (slots, cache, continuous batching) over a second view of the same live model
whose output layer is an ``ActingHead``: the weights are shared, nothing is copied, and an optimiser step is
seen by the next call. Left out: training, and what an ``Agent`` is (``agent``).
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, get_args

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym_agents.engine import Engine
from lmgym_agents.errors import UnsupportedModelError
from lmgym_agents.q.model import QModel
from lmgym_agents.sampling import SamplingParams, sampling_logps

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

Acting = Literal["greedy", "boltzmann", "prior"]
_SCALES = ("logit_scale", "logits_scaling", "final_logit_softcapping")


@dataclass(frozen=True, kw_only=True)
class Support:
    """The actions that may be taken, and that a target's maximum may range over: the same for both."""

    top_k: int = 0
    """the k most likely tokens of the language head; 0: all"""
    top_p: float = 1.0
    """the most likely tokens of the language head of this mass; 1: all"""
    allowed_ids: tuple[int, ...] | None = None
    """ids that an action may be; none: all"""

    def __post_init__(self) -> None:
        if self.top_k < 0 or not 0 < self.top_p <= 1 or self.allowed_ids == ():
            raise InvalidValueError(
                f"Support has top_k={self.top_k!r}, top_p={self.top_p!r} and allowed_ids="
                f"{self.allowed_ids!r}; allowed: top_k from 0, top_p in (0, 1], at least one id."
            )

    @property
    def is_everything(self) -> bool:
        """Whether no action is ruled out anywhere."""
        return self.top_k == 0 and self.top_p == 1 and self.allowed_ids is None

    def excluded(self, prior_logits: Float[Tensor, "N V"]) -> Bool[Tensor, "N V"] | None:
        """Returns True for the actions that are ruled out, None if none is anywhere.

        Args:
            prior_logits: of the language head.

        Raises:
            InvalidValueError: an allowed id is none of the vocabulary.
        """
        if self.is_everything:
            return None
        vocab_size = prior_logits.shape[-1]
        is_banned = None
        if self.allowed_ids is not None:
            if min(self.allowed_ids) < 0 or max(self.allowed_ids) >= vocab_size:
                raise InvalidValueError(f"allowed_ids must lie in [0, {vocab_size}), got {self.allowed_ids}.")
            is_banned = torch.ones(vocab_size, dtype=torch.bool, device=prior_logits.device)
            is_banned[list(self.allowed_ids)] = False
        params = SamplingParams(max_new_tokens=1, top_k=self.top_k, top_p=self.top_p)
        return sampling_logps(prior_logits.detach(), params, is_banned) == -torch.inf


ALL_ACTIONS = Support()


@dataclass(frozen=True, kw_only=True)
class ActingRule:
    """How an action is drawn from what a Q model says of a state."""

    acting: Acting = "greedy"
    """"greedy": the best action. "boltzmann": softmax(Q / temperature). "prior": π · exp(Q / temperature) of
    the language head's π. For logits as Q the first is their argmax and the others are softmax(logits)"""
    temperature: float = 0.1
    """in the reward's unit; not used by "greedy" nor by logits as Q, whose temperature is their beta"""
    epsilon: float = 0.0
    """share of the actions that are drawn uniformly from the support instead"""
    support: Support = ALL_ACTIONS
    """the actions that may be taken"""

    def __post_init__(self) -> None:
        if self.acting not in get_args(Acting):
            raise UnknownNameError("way of acting", self.acting, get_args(Acting))
        if not self.temperature > 0 or not 0 <= self.epsilon <= 1:
            raise InvalidValueError(
                f"ActingRule has temperature={self.temperature!r} and epsilon={self.epsilon!r}; allowed: "
                "positive numbers, and numbers in [0, 1]."
            )

    def logps(
        self, kind: str, min_q: Float[Tensor, "N V"], prior_logits: Float[Tensor, "N V"]
    ) -> Float[Tensor, "N V"]:
        """Returns the log-probs of the actions; an action outside the support has -inf.

        "greedy" without epsilon has the log-probs of "boltzmann", whose argmax it takes.

        Args:
            kind: of the Q model.
            min_q: Q of each action, of the smallest head; not looked at for logits as Q.
            prior_logits: of the language head.
        """
        scores = prior_logits if kind == "logits" else min_q / self.temperature
        if kind == "heads" and self.acting == "prior":
            scores = scores + prior_logits.log_softmax(-1)
        excluded = self.support.excluded(prior_logits)
        if excluded is not None:
            scores = scores.masked_fill(excluded, -torch.inf)
        logps = scores.log_softmax(-1)
        if self.epsilon == 0:
            return logps
        if self.acting == "greedy":
            logps = torch.where(logps == logps.amax(-1, keepdim=True), 0.0, -torch.inf).log_softmax(-1)
        allowed = torch.ones_like(logps) if excluded is None else (~excluded).to(logps.dtype)
        uniform = allowed / allowed.sum(-1, keepdim=True)
        return ((1 - self.epsilon) * logps.exp() + self.epsilon * uniform).log()


class ActingHead(nn.Module):
    """Takes the place of a model's output layer: hidden states in, log-probs of actions out."""

    def __init__(self, model: QModel, rule: ActingRule) -> None:
        super().__init__()
        self.output_layer = model.policy.model.get_output_embeddings()
        self.heads = model.heads
        self._model = (model,)  # in a tuple, so that it is no submodule
        self._rule = rule

    @property
    def weight(self) -> Tensor:
        """Of the language head, which users of a model look at for its device and its sizes."""
        return self.output_layer.weight

    def forward(self, hidden: Tensor) -> Tensor:
        """Returns float32[..., V]."""
        (model,) = self._model
        flat = hidden.reshape(-1, hidden.shape[-1])
        prior_logits = model.policy.output_logits(flat).float()
        min_q = prior_logits if self.heads is None else self.heads(flat).min_q
        logps = self._rule.logps(model.kind, min_q, prior_logits)
        return logps.reshape(*hidden.shape[:-1], -1)


def make_q_engine(
    model: QModel, rule: ActingRule, *, max_rows: int = 1024, pad_id: int = 0
) -> Engine:  # fmt: skip
    """Returns an engine that draws tokens by ``rule``; sample from it at temperature 1 (greedily at 0).

    Args:
        model: its present weights are used at every call.
        rule: see ``ActingRule``.
        max_rows: most rows that are decoded at once.
        pad_id: fills what it returns beyond each row's end.

    Raises:
        UnsupportedModelError: an architecture that scales what its output layer gives.
    """
    is_plain = model.kind == "logits" and rule.epsilon == 0 and rule.support.is_everything
    inner = model.policy.model if is_plain else _with_head(model.policy.model, ActingHead(model, rule))
    return Engine(inner, max_rows=max_rows, pad_id=pad_id)


def sampling_params(rule: ActingRule, *, max_new_tokens: int, stop_ids: Sequence[int]) -> SamplingParams:
    """Returns how an engine of ``make_q_engine`` is to be sampled from."""
    is_greedy = rule.acting == "greedy" and rule.epsilon == 0
    return SamplingParams(
        max_new_tokens=max_new_tokens, temperature=0.0 if is_greedy else 1.0, stop_ids=tuple(stop_ids)
    )


def _with_head(model: PreTrainedModel, head: nn.Module) -> PreTrainedModel:
    """Returns a second view of a live model, with another output layer."""
    config = model.config.get_text_config()
    scaled = [name for name in _SCALES if getattr(config, name, None) is not None]
    if scaled:
        raise UnsupportedModelError(
            f"{type(model).__name__} scales its logits ({', '.join(scaled)}), which would change Q: acting "
            "by Q heads needs another architecture; logits as Q work without epsilon and with all actions."
        )
    view = copy.copy(model)
    view._modules = dict(model._modules)
    view.set_output_embeddings(head)
    return view
