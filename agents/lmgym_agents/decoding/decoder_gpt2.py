"""The forward pass of GPT-2 over a slot cache, read from the live Hugging Face model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import NewGELUActivation

from lmgym_agents.decoding.attention import Plan
from lmgym_agents.decoding.kv_cache import CacheShape
from lmgym_agents.decoding.linear import LinearView, has_hooks


def can_read_gpt2(model: PreTrainedModel) -> bool:
    """Whether ``GPT2Forward`` computes what this model computes."""
    kind, config = type(model), model.config
    if kind.__name__ != "GPT2LMHeadModel" or not kind.__module__.startswith("transformers.models."):
        return False
    base = model.transformer
    norms, plain_parts = [base.ln_f], [model, base, base.wte, base.wpe]
    for block in base.h:
        norms += [block.ln_1, block.ln_2]
        plain_parts += [block, block.attn, block.mlp]
    return (
        not config.add_cross_attention
        and not config.reorder_and_upcast_attn
        and type(base.wte) is nn.Embedding
        and type(base.wpe) is nn.Embedding
        and all(type(norm) is nn.LayerNorm for norm in norms)
        and not any(has_hooks(part) for part in plain_parts + norms)
    )


class _Block:
    """The tensors of one block."""

    __slots__ = ("act", "attn_out", "fc", "ln_1", "ln_2", "mlp_out", "qkv")

    def __init__(self, block: nn.Module):
        self.qkv, self.attn_out = LinearView(block.attn.c_attn), LinearView(block.attn.c_proj)
        self.fc, self.mlp_out = LinearView(block.mlp.c_fc), LinearView(block.mlp.c_proj)
        self.ln_1, self.ln_2 = _norm(block.ln_1), _norm(block.ln_2)
        act = block.mlp.act
        is_tanh = isinstance(act, NewGELUActivation)
        self.act: Callable[[Tensor], Tensor] = partial(F.gelu, approximate="tanh") if is_tanh else act


def _norm(norm: nn.LayerNorm) -> Callable[[Tensor], Tensor]:
    shape, weight, bias, eps = norm.normalized_shape, norm.weight, norm.bias, norm.eps
    return lambda x: F.layer_norm(x, shape, weight, bias, eps)


class GPT2Forward:
    """Computes next-token logits; see ``decoder.Forward``."""

    def __init__(self, model: PreTrainedModel):
        self._model = model
        attentions = [block.attn for block in model.transformer.h]
        self.cache_shape = CacheShape(
            num_heads=attentions[0].num_heads,
            num_kv_heads=attentions[0].num_heads,
            head_dim=attentions[0].head_dim,
            scales=tuple(float(attention.scaling) for attention in attentions),
        )

    def refresh(self, length: int) -> None:
        """Looks up the model's tensors; ``length`` is bounded by its table of positions anyway."""
        base = self._model.transformer
        self._tokens, self._positions = base.wte.weight, base.wpe.weight
        self._blocks = [_Block(block) for block in base.h]
        self._ln, self._head = _norm(base.ln_f), LinearView(self._model.lm_head)

    def __call__(self, tokens: Tensor, plan: Plan) -> Tensor:
        """Returns the logits after each row's last token; see ``decoder.Forward``."""
        return self._head(self.hidden(tokens, plan))

    def hidden(self, tokens: Tensor, plan: Plan) -> Tensor:
        """Returns the last hidden states [n, D]; see ``decoder.Forward``."""
        x = F.embedding(tokens, self._tokens) + F.embedding(plan.positions, self._positions)
        qkv = x.new_empty(len(x), 3 * x.shape[1])
        plan.bind(qkv)
        for index, block in enumerate(self._blocks):
            block.qkv.into(qkv, block.ln_1(x))
            attended = plan.attend(index)
            if index == len(self._blocks) - 1 and plan.last is not None:
                # Above the last attention only the tokens that give logits matter.
                x, attended = x[plan.last], attended[plan.last]
            block.attn_out.add_to(x, attended)
            block.mlp_out.add_to(x, block.act(block.fc(block.ln_2(x))))
        return self._ln(x)
