"""Q functions of language models: Q(s, a) of every next token, read off one forward pass.

Two parametrisations. "heads": Q heads and a V head beside the language head. "logits": the logits themselves.
With ℓ the logits, ℓ_ref those of a frozen copy, and β > 0 a temperature in the reward's unit,

    Q(s, a) = β (ℓ(s, a) - ℓ_ref(s, a))        V(s) = β (logsumexp ℓ(s, ·) - logsumexp ℓ_ref(s, ·))

so that V(s) = β log Σ_a π_ref(a|s) exp(Q(s, a)/β), the soft value regularised towards π_ref, the policy
softmax(ℓ) is already the optimal one for Q, and a pretrained model starts with Q = V = 0.

In: token rows. Out: Q, V and log-probs of states. Left out: targets and losses (``targets``, ``losses``),
training (``algorithms.q_learning``, ``algorithms.ilql``), acting (``agent``).

Sources: Snell et al. 2023 (heads); Guo et al. 2021 and the soft-Q family after it (logits).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from lmgym.errors import InvalidValueError
from lmgym_agents.policy import Policy
from lmgym_agents.q.heads import QHeads
from lmgym_agents.reference import Reference
from lmgym_agents.state_model import LastHidden, RecomputedHidden, Row, StateEvaluation

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

QKind = Literal["heads", "logits"]


class QEvaluation(NamedTuple):
    """What a Q model says of N states with V actions; the reward's unit."""

    q: Float[Tensor, "K N V"]
    """Of each Q head; K is 1 for logits as Q."""
    values: Float[Tensor, " N"]
    """V(s): of the V head, or the soft value."""
    logits: Float[Tensor, "N V"]
    """Of the language head, at temperature 1."""
    reference_logits: Float[Tensor, "N V"] | None
    """Of the frozen copy; None for heads."""

    @property
    def min_q(self) -> Float[Tensor, "N V"]:
        """The smallest of the heads, action by action."""
        return self.q.amin(dim=0)


class QModel(nn.Module):
    """A policy and how Q is read off it.

    Args:
        policy: its language head gives the prior; for "logits" it is the Q function itself.
        kind: see the module.
        beta: β of "logits", in the reward's unit; not used by heads.
        num_heads: Q heads of "heads".
        initial_value: at first every action is worth this much (heads).
        reference: what logits are compared with; by default the policy as it is now.
        seed: of the heads' first weights.
    """

    def __init__(
        self,
        policy: Policy,
        *,
        kind: QKind = "heads",
        beta: float = 0.1,
        num_heads: int = 2,
        initial_value: float = 0.0,
        reference: Reference | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        if kind not in ("heads", "logits"):
            raise InvalidValueError(f"kind must be heads or logits, got {kind!r}.")
        if not beta > 0 or num_heads < 1:
            raise InvalidValueError(
                f"QModel needs beta > 0 and num_heads >= 1, got beta={beta!r} and num_heads={num_heads!r}."
            )
        self.policy, self.kind, self.beta = policy, kind, beta
        self.heads: QHeads | None = None
        self.reference: Reference | None = None
        if kind == "heads":
            width = policy.model.config.get_text_config().hidden_size
            self.heads = QHeads(
                width, policy.vocab_size, num_heads=num_heads, initial_value=initial_value,
                seed=seed, device=policy.device,
            )  # fmt: skip
        else:
            self.reference = reference or Reference(policy)

    @property
    def model(self) -> PreTrainedModel:
        """The language model."""
        return self.policy.model

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.policy.vocab_size

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.policy.device

    def evaluate(
        self, input_ids: Int[Tensor, "B L"], lengths: Int[Tensor, " B"], is_action: Bool[Tensor, "B L"]
    ) -> QEvaluation:
        """Returns what the model says of the state before each action, row by row, with gradients.

        Args:
            input_ids: right-padded.
            lengths: tokens in each row.
            is_action: True at the N tokens whose states (all tokens before them) are asked about; never
                position 0. A state after a row's last token has no token there: use ``evaluate_states``.
        """
        before = torch.zeros_like(is_action)
        before[:, :-1] = is_action[:, 1:]
        return self.evaluate_states(input_ids, lengths, before)

    def evaluate_states(
        self, input_ids: Int[Tensor, "B L"], lengths: Int[Tensor, " B"], is_state: Bool[Tensor, "B L"]
    ) -> QEvaluation:
        """Returns what the model says of chosen prefixes, row by row, with gradients.

        Args:
            input_ids: right-padded.
            lengths: tokens in each row.
            is_state: True at the last tokens of the N prefixes that are asked about.
        """
        ids = input_ids[:, : int(lengths.max())].to(self.device)
        at = is_state[:, : ids.shape[1]].to(self.device).nonzero(as_tuple=True)
        reference = None
        if self.reference is not None:
            with torch.no_grad(), self.reference.frozen() as frozen:
                reference = frozen.output_logits(frozen.hidden_states(ids)[at])
                reference = reference if reference.dtype == torch.float64 else reference.float()
        return self.read(self.policy.hidden_states(ids)[at], reference)

    def read(self, hidden: Float[Tensor, "N D"], reference: Float[Tensor, "N V"] | None) -> QEvaluation:
        """Returns what hidden states (and the reference's logits, for "logits") say."""
        logits = self.policy.output_logits(hidden)
        logits = logits if logits.dtype == torch.float64 else logits.float()
        if self.heads is not None:
            found = self.heads(hidden)
            return QEvaluation(found.q, found.values, logits, None)
        assert reference is not None
        values = self.beta * (logits.logsumexp(-1) - reference.logsumexp(-1))
        return QEvaluation(self.beta * (logits - reference)[None], values, logits, reference)


class QStates:
    """A Q model as a ``StateModel``: Q(s, ·), V(s) and log-probs of any prefix by one prefill."""

    def __init__(
        self, model: QModel, *, hidden: LastHidden | None = None, reference_hidden: LastHidden | None = None
    ) -> None:
        """Joins the parts.

        Args:
            model: asked with its present weights.
            hidden: computes hidden states of ``model.policy``; by default anew for every prefix.
            reference_hidden: the same for the reference's policy (logits only).
        """
        self._model = model
        self._hidden = hidden or RecomputedHidden(model.policy)
        self._frozen = None if model.reference is None else model.reference
        self._reference_hidden = reference_hidden
        self.vocab_size = model.vocab_size
        self.max_length: int | None = getattr(
            model.policy.model.config.get_text_config(), "max_position_embeddings", None
        )

    @property
    def num_computed(self) -> int:
        """Tokens that went through the model so far; the reference's are not counted."""
        return self._hidden.num_computed

    @torch.inference_mode()
    def evaluate(self, rows: Sequence[Row]) -> StateEvaluation:
        """See ``StateModel``; q is that of the smallest head."""
        hidden = self._hidden(rows)
        reference = None
        if self._frozen is not None:
            with self._frozen.frozen() as policy:
                asked = self._reference_hidden or RecomputedHidden(policy)
                reference = policy.output_logits(asked(rows)).float()
        found = self._model.read(hidden, reference)
        return StateEvaluation(
            found.logits.log_softmax(-1).cpu().numpy(),
            found.min_q.float().cpu().numpy(),
            found.values.float().cpu().numpy(),
        )

    def weights_changed(self) -> None:
        """See ``StateModel``."""
        self._hidden.weights_changed()
