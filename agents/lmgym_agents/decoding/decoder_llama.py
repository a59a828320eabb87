"""The forward pass of Llama, Mistral, Qwen2 and Qwen3 over a slot cache, read from the live HF model."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from transformers import PreTrainedModel
from transformers.activations import SiLUActivation

from lmgym_agents.decoding.attention import Plan
from lmgym_agents.decoding.kv_cache import CacheShape
from lmgym_agents.decoding.linear import LinearView, has_hooks
from lmgym_agents.decoding.rms_norm import RMSNormView

_CLASSES = ("LlamaForCausalLM", "MistralForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM")
_ROPE_TYPES = ("default", "linear", "llama3", "yarn")  # those whose frequencies don't depend on the length

_MAX_SCRATCHES = 8


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

    def __init__(self, layer: nn.Module, eps: float):
        attention, mlp = layer.self_attn, layer.mlp
        self.q, self.k, self.v, self.o = (
            LinearView(getattr(attention, name)) for name in ("q_proj", "k_proj", "v_proj", "o_proj")
        )
        self.gate, self.up, self.down = (
            LinearView(getattr(mlp, name)) for name in ("gate_proj", "up_proj", "down_proj")
        )
        self.act: Callable[[Tensor], Tensor] = (
            _silu_ if isinstance(mlp.act_fn, nn.SiLU | SiLUActivation) else mlp.act_fn
        )
        self.qkv_norm = RMSNormView(layer.input_layernorm.weight, eps)
        self.mlp_norm = RMSNormView(layer.post_attention_layernorm.weight, eps)
        has_head_norms = hasattr(attention, "q_norm")
        self.q_norm = attention.q_norm.weight if has_head_norms else None
        self.k_norm = attention.k_norm.weight if has_head_norms else None


def _silu_(x: Tensor) -> Tensor:
    return F.silu(x, inplace=True)


class _Scratch:
    """Tensors that every layer overwrites, for m packed tokens."""

    __slots__ = ("gate", "halves", "hidden", "key", "qkv", "query", "rotated", "turned", "up", "value")

    def __init__(self, m: int, shape: CacheShape, inner_width: int, like: Tensor):
        kv_width = shape.kv_width // 2
        self.qkv = like.new_empty(m, shape.query_width + shape.kv_width)
        self.query, self.key, self.value = self.qkv.split((shape.query_width, kv_width, kv_width), dim=1)
        self.rotated = self.qkv[:, : shape.query_width + kv_width].view(m, -1, shape.head_dim)
        first, second = self.rotated.chunk(2, dim=-1)
        self.halves = (second, first)
        self.turned = torch.empty_like(self.rotated)
        self.hidden = like.new_empty(m, like.shape[-1])
        self.gate, self.up = like.new_empty(m, inner_width), like.new_empty(m, inner_width)


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
        self._inner_width = config.intermediate_size
        self._rotations = torch.empty(0)
        self._scratches: dict[int, _Scratch] = {}

    def refresh(self, length: int) -> None:
        """Looks up the model's tensors, and its rotations for the positions below ``length``."""
        base = self._model.model
        self._embedding, self._norm = base.embed_tokens.weight, RMSNormView(base.norm.weight, self._eps)
        self._layers = [_Layer(layer, self._eps) for layer in base.layers]
        self._head = LinearView(self._model.lm_head)
        self._scratches.clear()
        like = self._embedding
        is_stale = self._rotations.dtype != like.dtype or self._rotations.device != like.device
        if len(self._rotations) < length or is_stale:
            positions = torch.arange(length, device=like.device)[None]
            cos, sin = base.rotary_emb(like[:1, None], positions)
            # rotate_half(x) * sin is (x with its halves swapped) * (sin with the first half's sign turned).
            half = sin.shape[-1] // 2
            sin = torch.cat((-sin[..., :half], sin[..., half:]), dim=-1)
            self._rotations = torch.stack((cos[0], sin[0]), dim=1)[:, :, None]

    def __call__(self, tokens: Tensor, plan: Plan) -> Tensor:
        """Returns the logits after each row's last token; see ``decoder.Forward``."""
        return self._head(self.hidden(tokens, plan))

    def hidden(self, tokens: Tensor, plan: Plan) -> Tensor:
        """Returns the last hidden states [n, D], good until the next call; see ``decoder.Forward``."""
        x = self._embedding.index_select(0, tokens)
        cos, sin = self._rotations.index_select(0, plan.positions).unbind(1)
        scratch = self._scratch(x)
        plan.bind(scratch.qkv)
        hidden, gate, up = scratch.hidden, scratch.gate, scratch.up
        for index, layer in enumerate(self._layers):
            h = layer.qkv_norm(x, hidden)
            layer.q.into(scratch.query, h)
            layer.k.into(scratch.key, h)
            layer.v.into(scratch.value, h)
            if layer.q_norm is not None:
                self._normalise_heads(layer, scratch.rotated)
            torch.cat(scratch.halves, -1, out=scratch.turned)
            scratch.rotated.mul_(cos).addcmul_(scratch.turned, sin)
            attended = plan.attend(index)
            if index == len(self._layers) - 1 and plan.last is not None:
                # Above the last attention only the tokens that give logits matter.
                n = plan.last.shape[0]
                x, attended = x[plan.last], attended[plan.last]
                hidden, gate, up = hidden[:n], gate[:n], up[:n]
            layer.o.add_to(x, attended)
            h = layer.mlp_norm(x, hidden)
            layer.gate.into(gate, h)
            layer.up.into(up, h)
            layer.down.add_to(x, layer.act(gate).mul_(up))
        return self._norm(x, hidden)

    def _scratch(self, x: Tensor) -> _Scratch:
        """Returns scratch tensors; kept during one call of the engine, as fresh memory is slow on a CPU."""
        if x.device.type != "cpu":
            return _Scratch(x.shape[0], self.cache_shape, self._inner_width, x)
        m = x.shape[0]
        scratch = self._scratches.get(m)
        if scratch is None:
            if len(self._scratches) >= _MAX_SCRATCHES:
                self._scratches.clear()
            scratch = self._scratches[m] = _Scratch(m, self.cache_shape, self._inner_width, x)
        return scratch

    def _normalise_heads(self, layer: _Layer, rotated: Tensor) -> None:
        """Applies the norms that Qwen3 has on each head of the queries and of the keys."""
        shape = self.cache_shape
        queries, keys = rotated.split((shape.num_heads, shape.num_kv_heads), dim=1)
        queries.copy_(F.rms_norm(queries, (shape.head_dim,), layer.q_norm, self._eps))
        keys.copy_(F.rms_norm(keys, (shape.head_dim,), layer.k_norm, self._eps))
