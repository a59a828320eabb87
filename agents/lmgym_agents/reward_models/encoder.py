"""A sentence encoder with a head on prompt and response: a cheap reward model, frozen or fine-tuned.

Prompt and response are encoded apart, each to the mean of its last hidden states, p and r, scaled to length
1. The head reads [p, r, |p - r|, p * r]. While the encoder is frozen, a text is encoded once.

Source: Conneau et al. 2017 (InferSent), section 3.1 (the features); Reimers and Gurevych 2019 (the mean).
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tokenizers
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from transformers import AutoModel, PreTrainedModel

from lmgym.conversation import readable
from lmgym.errors import InvalidValueError, ModelError
from lmgym.seeding import make_generator
from lmgym_agents.accumulate import micro_batches
from lmgym_agents.devices import resolve_device
from lmgym_agents.dropout import disable_dropout
from lmgym_agents.models import load_pretrained, no_progress_bars
from lmgym_agents.packaged_models import packaged_model
from lmgym_agents.reward_models.description import Description, read_description
from lmgym_agents.reward_models.scorer import Floats, ScoreStatistics, score_texts
from lmgym_agents.reward_models.sentence_tokenizer import SentenceTokenizer
from lmgym_agents.reward_models.token_rows import split_at_last_reply

HEAD_FILE = "head.safetensors"
_MAX_HEAD_BYTES = 1 << 28


class EncoderRows(NamedTuple):
    """B responses to be scored."""

    texts: list[tuple[str, str]]
    """Prompt and response of each."""
    lengths: Tensor
    """int64[B], tokens of both together; 1 where they are known already."""


class EncoderRewardModel:
    """Scores responses by a head on a sentence encoder; see the module."""

    def __init__(
        self,
        encoder: PreTrainedModel,
        tokenizer: tokenizers.Tokenizer,
        *,
        hidden_size: int = 0,
        is_frozen: bool = True,
        max_tokens: int = 256,
        max_tokens_per_batch: int = 16384,
        statistics: ScoreStatistics | None = None,
        seed: int = 0,
    ) -> None:
        """Joins the parts; the head is fresh.

        Args:
            encoder: of the BERT kind: hidden states from token ids and an attention mask.
            tokenizer: of the encoder.
            hidden_size: units of the head's hidden layer; 0: the head is linear.
            is_frozen: training changes the head alone.
            max_tokens: longest text, special tokens included; the beginning of a longer one is cut off.
            max_tokens_per_batch: padded tokens in one forward pass of scoring.
            statistics: of its scores on held-out responses.
            seed: of the head's first weights.

        Raises:
            InvalidValueError: a size below its least.
        """
        disable_dropout(encoder)
        self.encoder = encoder.eval().requires_grad_(not is_frozen)
        self.sentences = SentenceTokenizer(tokenizer, min(max_tokens, _context(encoder)))
        if hidden_size < 0 or max_tokens_per_batch < 1:
            raise InvalidValueError(
                f"hidden_size ({hidden_size}) must be at least 0 and max_tokens_per_batch "
                f"({max_tokens_per_batch}) at least 1."
            )
        width = 4 * int(encoder.config.hidden_size)
        self.head = _make_head(width, hidden_size, seed).to(encoder.device)
        self.hidden_size, self.is_frozen = hidden_size, is_frozen
        self.max_tokens = self.sentences.max_tokens
        self.statistics = statistics
        self._max_tokens_per_batch = max_tokens_per_batch
        self.known: dict[str, Tensor] = {}
        """What a frozen encoder said of texts, float32[D] each; may be shared among models of one encoder."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self.encoder.device

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Floats:
        """See ``ResponseScorer``."""
        return score_texts(self, prompts, responses, max_tokens=self._max_tokens_per_batch)

    def score_with_std(self, prompts: Sequence[str], responses: Sequence[str]) -> tuple[Floats, Floats]:
        """See ``ResponseScorer``; one model knows nothing of its uncertainty."""
        scores = self.score(prompts, responses)
        return scores, np.zeros_like(scores)

    def remember(self, prompts: Sequence[str], responses: Sequence[str]) -> None:
        """See ``TrainableScorer``; does something only while the encoder is frozen."""
        if not self.is_frozen:
            return
        texts = sorted({text for pair in _pairs(prompts, responses) for text in pair} - self.known.keys())
        if texts:
            with torch.no_grad():
                self.known.update(zip(texts, self._embed(texts).cpu().unbind(), strict=True))

    def make_rows(self, prompts: Sequence[str], responses: Sequence[str]) -> EncoderRows:
        """See ``TrainableScorer``."""
        pairs = _pairs(prompts, responses)
        lengths = [
            sum(1 if text in self.known else self.sentences.count(text) for text in pair) for pair in pairs
        ]
        return EncoderRows(pairs, torch.tensor(lengths, dtype=torch.int64))

    def rewards(self, rows: EncoderRows, picked: Tensor) -> Tensor:
        """See ``TrainableScorer``."""
        texts = [rows.texts[place] for place in picked.tolist()]
        prompts, responses = (self._vectors([pair[side] for pair in texts]) for side in (0, 1))
        features = torch.cat((prompts, responses, (prompts - responses).abs(), prompts * responses), dim=-1)
        scores: Tensor = self.head(features).squeeze(-1)
        return scores

    def trained_parameters(self) -> Mapping[str, nn.Parameter]:
        """See ``TrainableScorer``."""
        # Pooling layers that classifiers have on top are never run here, and so never trained.
        named = {
            f"backbone.{name}": part
            for name, part in self.encoder.named_parameters()
            if part.requires_grad and not name.startswith("pooler.")
        }
        return named | {f"head.{name}": part for name, part in self.head.named_parameters()}

    def reset_head(self, seed: int) -> None:
        """Draws the head anew: the start of a member of an ensemble, of a fold of a cross-validation."""
        fresh = _make_head(4 * int(self.encoder.config.hidden_size), self.hidden_size, seed)
        self.head.load_state_dict(fresh.state_dict())

    def save(self, folder: str | Path) -> None:
        """Writes encoder, tokenizer, head and description."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        with no_progress_bars():
            self.encoder.save_pretrained(folder)
        self.sentences.tokenizer.save(str(folder / "tokenizer.json"))
        save_file(
            {name: part.cpu().contiguous() for name, part in self.head.state_dict().items()},
            folder / HEAD_FILE,
        )
        Description(
            kind="encoder",
            max_tokens=self.max_tokens,
            hidden_size=self.hidden_size,
            statistics=self.statistics,
        ).write(folder)

    def _vectors(self, texts: Sequence[str]) -> Tensor:
        """Returns float32[n, D], one for each text, what is known of it or computed anew."""
        device = self.device
        new = sorted(set(texts) - self.known.keys())
        found = dict(zip(new, self._embed(new), strict=True)) if new else {}
        vectors = [self.known[text] if text in self.known else found[text] for text in texts]
        return torch.stack([vector.to(device) for vector in vectors])

    def _embed(self, texts: Sequence[str]) -> Tensor:
        """Returns float32[n, D], with gradients unless the encoder is frozen."""
        ids = [self.sentences.encode(text) for text in texts]
        lengths = torch.tensor([len(row) for row in ids])
        parts, order = [], []
        for picked in micro_batches(lengths, self._max_tokens_per_batch):
            width = int(lengths[picked].max())
            table = torch.zeros(len(picked), width, dtype=torch.int64)
            for row, place in enumerate(picked.tolist()):
                table[row, : len(ids[place])] = torch.tensor(ids[place])
            is_text = (torch.arange(width) < lengths[picked][:, None]).to(self.device)
            with torch.set_grad_enabled(torch.is_grad_enabled() and not self.is_frozen):
                hidden = self.encoder(
                    input_ids=table.to(self.device), attention_mask=is_text.long()
                ).last_hidden_state.float()
            mean = torch.where(is_text[:, :, None], hidden, 0).sum(1) / is_text.sum(1, keepdim=True)
            parts.append(nn.functional.normalize(mean, dim=-1))
            order.append(picked)
        return torch.cat(parts)[torch.cat(order).argsort().to(self.device)]


def make_encoder_reward_model(
    folder: str | Path | None = None,
    *,
    hidden_size: int = 0,
    is_frozen: bool = True,
    max_tokens: int = 256,
    device: str | torch.device = "cpu",
    seed: int = 0,
) -> EncoderRewardModel:
    """Returns an untrained reward model on an encoder.

    Args:
        folder: of the encoder, in Hugging Face format; None: the packaged all-MiniLM-L6-v2.
        hidden_size: units of the head's hidden layer; 0: the head is linear.
        is_frozen: training changes the head alone.
        max_tokens: longest text.
        device: see ``resolve_device``.
        seed: of the head.

    Raises:
        ModelError: the encoder or its tokenizer.json can't be loaded.
        MissingDependencyError: the packaged encoder is asked for and not installed.
    """
    encoder, tokenizer = _load_parts(packaged_model("minilm") if folder is None else Path(folder), device)
    return EncoderRewardModel(
        encoder, tokenizer, hidden_size=hidden_size, is_frozen=is_frozen, max_tokens=max_tokens, seed=seed
    )


def load_encoder_reward_model(
    folder: str | Path, *, device: str | torch.device = "cpu"
) -> EncoderRewardModel:
    """Returns the reward model that ``EncoderRewardModel.save`` wrote.

    Raises:
        ModelError: the folder is damaged, or was written by something else.
    """
    folder = Path(folder)
    said = read_description(folder)
    encoder, tokenizer = _load_parts(folder, device)
    model = EncoderRewardModel(
        encoder,
        tokenizer,
        hidden_size=said.hidden_size,
        max_tokens=said.max_tokens,
        statistics=said.statistics,
    )
    path = folder / HEAD_FILE
    try:
        if path.stat().st_size > _MAX_HEAD_BYTES:
            raise ModelError(
                f"{path} is larger than {_MAX_HEAD_BYTES} bytes: not the head of a reward model."
            )
        model.head.load_state_dict(load_file(path))
    except (SafetensorError, OSError, RuntimeError) as error:
        raise ModelError(f"{path} is damaged, or is no head for this encoder: {error!s:.300}") from error
    if not all(bool(torch.isfinite(part).all()) for part in model.head.parameters()):
        raise ModelError(f"{path} is damaged: it holds NaN or an infinity.")
    return model


def _load_parts(folder: Path, device: str | torch.device) -> tuple[PreTrainedModel, tokenizers.Tokenizer]:
    if not folder.is_dir():
        raise ModelError(f"no encoder at {str(folder)!r}: give a folder in Hugging Face format.")
    encoder = load_pretrained(str(folder), kind=AutoModel).to(resolve_device(device))
    path = folder / "tokenizer.json"
    try:
        return encoder, tokenizers.Tokenizer.from_file(str(path))
    except Exception as error:  # the backend raises bare Exception for whatever it can't read
        raise ModelError(f"{path} can't be read by the tokenizers library: {error!s:.300}") from error


def _make_head(width: int, hidden_size: int, seed: int) -> nn.Module:
    sizes = [width, hidden_size, 1] if hidden_size else [width, 1]
    parts: list[nn.Module] = []
    rng = make_generator(seed, "encoder_head")
    for fan_in, fan_out in itertools.pairwise(sizes):
        layer = nn.Linear(fan_in, fan_out)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(rng.standard_normal((fan_out, fan_in)) / fan_in**0.5))
            layer.bias.zero_()
        parts += [layer, nn.Tanh()]
    return nn.Sequential(*parts[:-1])


def _context(encoder: PreTrainedModel) -> int:
    return int(getattr(encoder.config, "max_position_embeddings", None) or 1 << 20)


@functools.lru_cache(maxsize=4096)  # every step of a training asks for prompts again
def _said(prompt: str) -> str:
    return readable(prompt)


def _pairs(prompts: Sequence[str], responses: Sequence[str]) -> list[tuple[str, str]]:
    """Returns what the encoder reads of prompts and responses."""
    split = [split_at_last_reply(prompt, text) for prompt, text in zip(prompts, responses, strict=True)]
    return [(_said(prompt), response) for prompt, response in split]
