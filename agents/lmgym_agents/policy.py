"""The policy: a causal language model with a value head, evaluated on rows of tokens.

In: right-padded token ids with their lengths. Out: for each position the log-prob of its token, the entropy
of its distribution and the value of the state before it. Left out: sampling (the engine), losses, files.

Rows are padded on the right and attention is causal, so a real token never sees padding: what stands in
the padding cannot change anything, and lengths alone say where it begins. Ids are never compared with a pad
id, so a pad id that is also the end-of-turn id does no harm. Nothing here depends on train() or eval().
"""

from __future__ import annotations

import copy
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, cast

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from lmgym.errors import InvalidValueError, ModelError
from lmgym_agents.dropout import disable_dropout
from lmgym_agents.token_logps import PLAIN_MAX_LOGITS, token_logps

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int

ValueMode = Literal["shared", "separate"]


class Evaluation(NamedTuple):
    """What a policy says of rows of tokens; cells that were not asked for are 0."""

    logps: Float[Tensor, "B L"]
    """Log-prob of token t given the tokens before it, nats; position 0 has nothing before it and is 0."""
    entropies: Float[Tensor, "B L"] | None
    """Entropy of the distribution that token t was drawn from, nats; None if it was not asked for."""
    values: Float[Tensor, "B L+1"]
    """Value of the state before token t; at t = lengths[b] that of the whole row, for bootstrapping.
    Position 0 (an empty row) and positions beyond lengths[b] are 0."""

    def bootstrap_values(self, lengths: Int[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Returns the value of the state after each row's last token."""
        return self.values.gather(1, lengths[:, None].to(self.values.device)).squeeze(1)


class Policy(nn.Module):
    """A Hugging Face causal LM with a scalar value head on its last hidden state.

    Args:
        model: any causal LM of transformers; its dropout is switched off in place.
        value: ``"shared"``: the head reads the model's own hidden states; ``"separate"``: those of a second
            copy of the backbone, which learns values alone.
        value_detach: the value loss does not reach the backbone (shared only).
        output_in_float32: multiply with the output layer in float32 even if the model is in bfloat16.
        autocast: compute in this dtype while the weights keep theirs; None: in the weights' dtype.
        max_logits: how many logits may be held at once, see ``token_logps``.

    Raises:
        ModelError: logits of the model are not a function of its last hidden state that is known here.
    """

    def __init__(
        self,
        model: PreTrainedModel,
        *,
        value: ValueMode = "shared",
        value_detach: bool = False,
        output_in_float32: bool = False,
        autocast: torch.dtype | None = None,
        max_logits: int = PLAIN_MAX_LOGITS,
    ) -> None:
        super().__init__()
        if value not in ("shared", "separate"):
            raise InvalidValueError(f"value must be shared or separate, got {value!r}.")
        disable_dropout(model)
        self.model = model
        self.value_mode: ValueMode = value
        self.value_detach = value_detach
        self.output_in_float32 = output_in_float32
        self.autocast = autocast
        self.max_logits = max_logits
        if not hasattr(model.get_output_embeddings(), "weight"):
            raise ModelError(
                f"{type(model).__name__} has no output layer: it is not a causal language model."
            )
        text_config = model.config.get_text_config()
        self.vocab_size: int = model.get_output_embeddings().weight.shape[0]
        # Zero at the start: no state is worth more than another before a return was seen.
        self.value_head = nn.Linear(text_config.hidden_size, 1, dtype=torch.float32, device=model.device)
        nn.init.zeros_(self.value_head.weight)
        nn.init.zeros_(self.value_head.bias)
        self.value_backbone = copy.deepcopy(model.base_model) if value == "separate" else None
        _check_output_layer(self)

    def forward(self, *args: Any, **options: Any) -> Evaluation:
        """Is ``evaluate``, under the name that wrappers of modules call."""
        return self.evaluate(*args, **options)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.value_head.weight.device

    def hidden_states(self, input_ids: Int[Tensor, "B L"]) -> Float[Tensor, "B L D"]:
        """Returns the model's last hidden state after each token, in the backbone's dtype."""
        return self._run(self.model.base_model, input_ids)

    def evaluate(
        self,
        input_ids: Int[Tensor, "B L"],
        lengths: Int[Tensor, " B"],
        *,
        is_action: Bool[Tensor, "B L"] | None = None,
        temperature: float = 1.0,
        need_entropy: bool = False,
        need_logps: bool = True,
        need_values: bool = True,
    ) -> Evaluation:
        """Returns log-probs, entropies and values of rows of tokens, with gradients.

        Args:
            input_ids: right-padded; what stands beyond ``lengths`` is not looked at.
            lengths: tokens in each row, 1 to L.
            is_action: the tokens whose log-probs and entropies are wanted; None: all but position 0.
            temperature: what the sampler divided its logits by.
            need_entropy: compute entropies.
            need_logps: False leaves log-probs at 0 and saves the output layer.
            need_values: False leaves values at 0.

        Raises:
            InvalidValueError: shapes or lengths that do not fit.
        """
        input_ids, lengths = self._check(input_ids, lengths)
        num_rows, width = input_ids.shape
        longest = int(lengths.max())
        ids = input_ids[:, :longest]  # columns that are padding in every row cost nothing
        hidden = self.hidden_states(ids) if self._needs_model(need_logps, need_values) else None
        logps = torch.zeros(num_rows, width, dtype=self._result_dtype, device=self.device)
        entropies = torch.zeros_like(logps) if need_entropy else None
        if need_logps:
            rows, columns = self._positions(ids, lengths, is_action)
            assert hidden is not None
            found, spread = token_logps(
                hidden[rows, columns - 1],
                ids[rows, columns],
                self.output_logits,
                vocab_size=self.vocab_size,
                temperature=temperature,
                need_entropy=need_entropy,
                max_logits=self.max_logits,
            )
            logps = logps.index_put((rows, columns), found.to(logps.dtype))
            if entropies is not None and spread is not None:
                entropies = entropies.index_put((rows, columns), spread.to(logps.dtype))
        values = torch.zeros(num_rows, width + 1, dtype=self._result_dtype, device=self.device)
        if need_values:
            states = self._value_states(ids, hidden)
            in_row = torch.arange(longest, device=self.device) < lengths[:, None]
            found = torch.where(in_row, self._head(states), 0)
            values = nn.functional.pad(found, (1, width - longest))
        return Evaluation(logps, entropies, values)

    def action_logits(
        self,
        input_ids: Int[Tensor, "B L"],
        lengths: Int[Tensor, " B"],
        is_action: Bool[Tensor, "B L"],
        *,
        temperature: float = 1.0,
    ) -> Float[Tensor, "N V"]:
        """Returns the float32 logits over temperature that each action was drawn from, row by row.

        All N * V of them at once: for small vocabularies (``kl.exact_kl``).
        """
        input_ids, lengths = self._check(input_ids, lengths)
        ids = input_ids[:, : int(lengths.max())]
        rows, columns = self._positions(ids, lengths, is_action)
        logits = self.output_logits(self.hidden_states(ids)[rows, columns - 1])
        return logits.to(self._result_dtype) / temperature

    def output_logits(self, hidden: Float[Tensor, "N D"]) -> Float[Tensor, "N V"]:
        """Returns the logits after hidden states, with the scalings that some architectures apply."""
        layer = self.model.get_output_embeddings()
        with self._autocast(enabled=not self.output_in_float32):
            if self.output_in_float32 and isinstance(layer, nn.Linear):
                bias = None if layer.bias is None else layer.bias.float()
                logits = nn.functional.linear(hidden.float(), layer.weight.float(), bias)
            else:
                logits = layer(hidden)
        config = self.model.config.get_text_config()
        if (scale := getattr(config, "logit_scale", None)) is not None:
            logits = logits * scale
        if (divisor := getattr(config, "logits_scaling", None)) is not None:
            logits = logits / divisor
        if (cap := getattr(config, "final_logit_softcapping", None)) is not None:
            logits = (logits / cap).tanh() * cap
        return cast("Tensor", logits)

    def enable_gradient_checkpointing(self) -> None:
        """Trades a third more computing in updates for memory: activations of a layer are made again.

        Raises:
            ModelError: the architecture does not support it.
        """
        for module in filter(None, (self.model, self.value_backbone)):
            # The method's name changed in transformers 5.2x; the old one warns where both exist.
            enable = getattr(module, "activation_checkpointing_enable", None)
            try:
                (enable or module.gradient_checkpointing_enable)({"use_reentrant": False})
            except ValueError as error:
                raise ModelError(f"{type(module).__name__} has no gradient checkpointing: {error}") from error
            module.train()  # the only mode that transformers checkpoints in; dropout stays off

    @property
    def _result_dtype(self) -> torch.dtype:
        return torch.float64 if self.value_head.weight.dtype == torch.float64 else torch.float32

    def _autocast(self, *, enabled: bool = True) -> AbstractContextManager[object]:
        if self.autocast is None:
            return nullcontext()
        return torch.autocast(self.device.type, dtype=self.autocast, enabled=enabled)

    def _run(self, backbone: nn.Module, input_ids: Tensor) -> Tensor:
        position_ids = torch.arange(input_ids.shape[1], device=input_ids.device)[None]
        with self._autocast():
            output = backbone(
                input_ids=input_ids,
                # With padding on the right causality alone keeps it out of sight. A mask of ones says so, and
                # lets the attention kernels that know no other mask than the causal one (the fast ones) run.
                attention_mask=torch.ones_like(input_ids),
                position_ids=position_ids,
                use_cache=False,
            )
        return cast("Tensor", output.last_hidden_state)

    def _needs_model(self, need_logps: bool, need_values: bool) -> bool:
        return need_logps or (need_values and self.value_backbone is None)

    def _value_states(self, ids: Tensor, hidden: Tensor | None) -> Tensor:
        if self.value_backbone is not None:
            return self._run(self.value_backbone, ids)
        assert hidden is not None
        return hidden.detach() if self.value_detach else hidden

    def _head(self, states: Tensor) -> Tensor:
        """Returns the values of states, computed in the head's own precision."""
        with torch.autocast(self.device.type, enabled=False):
            return cast("Tensor", self.value_head(states.to(self.value_head.weight.dtype)).squeeze(-1))

    def _positions(self, ids: Tensor, lengths: Tensor, is_action: Tensor | None) -> tuple[Tensor, Tensor]:
        """Returns row and column of each wanted token."""
        columns = torch.arange(ids.shape[1], device=ids.device)
        wanted = (columns > 0) & (columns < lengths[:, None])
        if is_action is not None:
            wanted = wanted & is_action.to(ids.device)[:, : ids.shape[1]]
        rows, columns = wanted.nonzero(as_tuple=True)
        return rows, columns

    def _check(self, input_ids: Tensor, lengths: Tensor) -> tuple[Tensor, Tensor]:
        if input_ids.ndim != 2 or lengths.shape != input_ids.shape[:1] or not len(lengths):
            raise InvalidValueError(
                f"expected input_ids [B, L] and lengths [B] with B > 0, got {tuple(input_ids.shape)} and "
                f"{tuple(lengths.shape)}."
            )
        if int(lengths.min()) < 1 or int(lengths.max()) > input_ids.shape[1]:
            raise InvalidValueError(
                f"lengths must lie in [1, {input_ids.shape[1]}], got {lengths.min()} to {lengths.max()}."
            )
        return input_ids.to(self.device), lengths.to(self.device)


@torch.no_grad()
def _check_output_layer(policy: Policy) -> None:
    """Compares the logits made here from hidden states with the model's own, on a few tokens."""
    if policy.device.type == "meta":
        return
    ids = torch.arange(min(4, policy.vocab_size), device=policy.device)[None]
    model = policy.model
    try:
        ours = policy.output_logits(policy.hidden_states(ids)).double()
        with policy._autocast():
            theirs = model(
                input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False
            ).logits.double()
    except (AttributeError, TypeError) as error:
        raise ModelError(
            f"{type(model).__name__} does not work as a causal language model: {error}"
        ) from error
    precise = model.dtype in (torch.float32, torch.float64) and policy.autocast is None
    tolerance = (1e-4 if precise else 0.1) * max(1.0, float(theirs.abs().max()))
    if ours.shape != theirs.shape or float((ours - theirs).abs().max()) > tolerance:
        raise ModelError(
            f"the logits of {type(model).__name__} are not those of its output layer on its last hidden "
            "state (nor scaled by a factor known here), so log-probs can't be computed in chunks; "
            "use another model."
        )
