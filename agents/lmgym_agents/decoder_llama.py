"""The forward pass of Llama, Mistral, Qwen2 and Qwen3 over a slot cache, read from the live HF model."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel

from lmgym_agents.kv_cache import CacheShape, Plan
from lmgym_agents.linear import LinearView, has_hooks

_CLASSES = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
_ROPE_TYPES = ("default", "linear", "llama3", "yarn")  # those whose frequencies don't depend on the length


def can_read_llama(model: PreTrainedModel) -> bool:
    """Whether ``LlamaForward`` computes what this model computes."""
    kind, config = type(model), model.config
    if kind.__name__ not in _CLASSES or not kind.__module__.startswith("transformers.models."):
        return False
    base = model.model
    layer_types = getattr(config, "layer_types", None) or ()
    slides = "sliding_attention" in layer_types or (
        config.model_type == "mistral" and config.sliding_window is not None
    )
    rope_type = (config.rope_parameters or {}).get("rope_type", "default")
    norms, plain_parts = [base.norm], [model, base, base.embed_tokens, base.rotary_emb]
    for layer in base.layers:
        norms += [layer.input_layernorm, layer.post_attention_layernorm]
        plain_parts += [layer, layer.self_attn, layer.mlp]
    return (
        not slides
        and rope_type in _ROPE_TYPES
        and all(type(norm).__name__.endswith("RMSNorm") for norm in norms)
        and type(base.embed_tokens) is nn.Embedding
        and not any(has_hooks(part) for part in plain_parts + norms)
    )


class _Layer:
    """The tensors of one decoder layer."""

    __slots__ = ("act", "down", "gate", "k", "k_norm", "mlp_norm", "o", "q", "q_norm", "qkv_norm", "up", "v")

    def __init__(self, layer: nn.Module):
        attention, mlp = layer.self_attn, layer.mlp
        self.q, self.k, self.v, self.o = (
            LinearView(getattr(attention, name)) for name in ("q_proj", "k_proj", "v_proj", "o_proj")
        )
        self.gate, self.up, self.down = (
            LinearView(getattr(mlp, name)) for name in ("gate_proj", "up_proj", "down_proj")
        )
        self.act: Callable[[Tensor], Tensor] = _silu_ if isinstance(mlp.act_fn, nn.SiLU) else mlp.act_fn
        self.qkv_norm, self.mlp_norm = layer.input_layernorm.weight, layer.post_attention_layernorm.weight
        has_head_norms = hasattr(attention, "q_norm")
        self.q_norm = attention.q_norm.weight if has_head_norms else None
        self.k_norm = attention.k_norm.weight if has_head_norms else None


def _silu_(x: Tensor) -> Tensor:
    return F.silu(x, inplace=True)


class LlamaForward:
    """Computes next-token logits; see ``decoder.Forward``."""

    def __init__(self, model: PreTrainedModel):
        config, layers = model.config, model.model.layers
        self._model = model
        self._eps = config.rms_norm_eps
        head_dim = layers[0].self_attn.head_dim
        self.cache_shape = CacheShape(
            num_heads=config.num_attention_heads,
            num_kv_heads=config.num_key_value_heads,
            head_dim=head_dim,
            scales=tuple(float(layer.self_attn.scaling) for layer in layers),
        )
        self._cos = self._sin = torch.empty(0)

    def refresh(self, length: int) -> None:
        """Looks up the model's tensors, and its rotations for the positions below ``length``."""
        base = self._model.model
        self._embedding, self._norm = base.embed_tokens.weight, base.norm.weight
        self._layers = [_Layer(layer) for layer in base.layers]
        self._head = LinearView(self._model.lm_head)
        is_stale = self._cos.dtype != self._embedding.dtype or self._cos.device != self._embedding.device
        if len(self._cos) < length or is_stale:
            positions = torch.arange(length, device=self._embedding.device)[None]
            cos, sin = base.rotary_emb(self._embedding[:1, None], positions)
            self._cos = cos[0, :, None]
            # rotate_half(x) * sin is roll(x) * sin with the sign of the first half turned.
            half = sin.shape[-1] // 2
            self._sin = torch.cat((-sin[0, :, :half], sin[0, :, half:]), dim=-1)[:, None]

    def __call__(self, tokens: Tensor, plan: Plan) -> Tensor:
        """Returns the logits after each row's last token; see ``decoder.Forward``."""
        shape, eps = self.cache_shape, self._eps
        q_end, k_end = shape.query_width, shape.query_width + shape.kv_width // 2
        x = F.embedding(tokens, self._embedding)
        cos, sin = self._cos[plan.positions], self._sin[plan.positions]
        qkv = x.new_empty(len(x), q_end + shape.kv_width)
        rotated = qkv[:, :k_end].view(len(x), -1, shape.head_dim)
        for index, layer in enumerate(self._layers):
            h = F.rms_norm(x, (x.shape[-1],), layer.qkv_norm, eps)
            layer.q.into(qkv[:, :q_end], h)
            layer.k.into(qkv[:, q_end:k_end], h)
            layer.v.into(qkv[:, k_end:], h)
            if layer.q_norm is not None:
                queries, keys = rotated.split((shape.num_heads, shape.num_kv_heads), dim=1)
                queries.copy_(F.rms_norm(queries, (shape.head_dim,), layer.q_norm, eps))
                keys.copy_(F.rms_norm(keys, (shape.head_dim,), layer.k_norm, eps))
            turned = rotated.roll(shape.head_dim // 2, -1)
            rotated.mul_(cos).addcmul_(turned, sin)
            attended = plan.attend(index, qkv)
            if index == len(self._layers) - 1 and plan.last is not None:
                # Above the last attention only the tokens that give logits matter.
                x, attended = x[plan.last], attended[plan.last]
            layer.o.add_to(x, attended)
            h = F.rms_norm(x, (x.shape[-1],), layer.mlp_norm, eps)
            gated = layer.act(layer.gate(h))
            layer.down.add_to(x, gated.mul_(layer.up(h)))
        return self._head(F.rms_norm(x, (x.shape[-1],), self._norm, eps))
