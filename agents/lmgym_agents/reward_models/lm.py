"""A causal language model with a scalar head, read at the end of the response: the usual reward model.

Saved in the format of Hugging Face: ``AutoModelForSequenceClassification.from_pretrained(folder)`` gives the
same scores for rows padded on the right. That class finds the last token of a row as the last one that is not
padding, so the pad id here is never the end token, whatever the tokenizer says.

Source: Stiennon et al. 2020, section 3.4; the start of the head: Stiennon et al. 2020, appendix B.1.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn
from transformers import AutoModelForSequenceClassification, PreTrainedModel

from lmgym.errors import InvalidValueError, ModelError
from lmgym.seeding import make_generator
from lmgym.tokenization import TextTokenizer
from lmgym_agents.accumulate import micro_batches
from lmgym_agents.dropout import disable_dropout
from lmgym_agents.lora import add_adapters, has_lora, merged_model
from lmgym_agents.models import load_model, no_progress_bars
from lmgym_agents.reward_models.description import Description
from lmgym_agents.reward_models.scorer import Floats, ScoreStatistics, score_texts
from lmgym_agents.reward_models.token_rows import RewardRows, encode_rows
from lmgym_agents.reward_models.tokenizers import pad_id_of, save_tokenizer


class LMRewardModel:
    """Scores responses by a language model with a scalar head; see the module."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: TextTokenizer,
        *,
        max_tokens: int = 512,
        max_tokens_per_batch: int = 16384,
        statistics: ScoreStatistics | None = None,
    ) -> None:
        """Joins the parts.

        Args:
            model: a model for sequence classification with one label; its dropout is switched off in place.
            tokenizer: of the model.
            max_tokens: longest row; the beginning of a longer one is cut off.
            max_tokens_per_batch: padded tokens in one forward pass of scoring.
            statistics: of its scores on held-out responses.

        Raises:
            InvalidValueError: a limit below 1.
            ModelError: another number of labels than one, or an architecture that is read otherwise.
        """
        if max_tokens < 1 or max_tokens_per_batch < 1:
            raise InvalidValueError(
                f"max_tokens ({max_tokens}) and max_tokens_per_batch ({max_tokens_per_batch}) must be at "
                "least 1."
            )
        disable_dropout(model)
        self.model = model.eval()
        self.tokenizer = tokenizer
        self.max_tokens = _fit_context(model, max_tokens)
        self.statistics = statistics
        self._max_tokens_per_batch = max_tokens_per_batch
        self._pad_id = pad_id_of(tokenizer)
        self.known: dict[tuple[str, str], Tensor] = {}
        """What a frozen backbone made of prompts and responses, float32[D] each."""
        model.config.pad_token_id = self._pad_id
        _check_reading(self)

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        return self._score.weight.device

    @property
    def is_frozen(self) -> bool:
        """Whether training changes the head alone."""
        return not any(parameter.requires_grad for parameter in self.model.base_model.parameters())

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Floats:
        """See ``ResponseScorer``."""
        return score_texts(self, prompts, responses, max_tokens=self._max_tokens_per_batch)

    def score_with_std(self, prompts: Sequence[str], responses: Sequence[str]) -> tuple[Floats, Floats]:
        """See ``ResponseScorer``; one model knows nothing of its uncertainty."""
        scores = self.score(prompts, responses)
        return scores, np.zeros_like(scores)

    def remember(self, prompts: Sequence[str], responses: Sequence[str]) -> None:
        """See ``TrainableScorer``; does something only while the backbone is frozen."""
        if not self.is_frozen:
            return
        pairs = sorted(set(zip(prompts, responses, strict=True)) - self.known.keys())
        if not pairs:
            return
        rows = self._encode([prompt for prompt, _ in pairs], [response for _, response in pairs])
        for pair, feature in zip(pairs, self._features(rows), strict=True):
            self.known[pair] = feature.clone()

    def make_rows(self, prompts: Sequence[str], responses: Sequence[str]) -> RewardRows:
        """See ``TrainableScorer``."""
        pairs = list(zip(prompts, responses, strict=True))
        if not pairs or not self.known or not all(pair in self.known for pair in pairs):
            return self._encode(prompts, responses)
        features = torch.stack([self.known[pair] for pair in pairs])
        ones = torch.ones(len(pairs), dtype=torch.int64)
        return RewardRows(ones[:, None] * self._pad_id, ones, features)

    def rewards(self, rows: RewardRows, picked: Tensor) -> Tensor:
        """See ``TrainableScorer``."""
        if rows.features is not None:
            last = rows.features[picked].to(self.device)
        else:
            lengths = rows.lengths[picked]
            last = self._last_hidden(rows.input_ids[picked, : int(lengths.max())], lengths)
        scores: Tensor = self._score(last.to(self._score.weight.dtype)).squeeze(-1)
        return scores.float() if scores.dtype != torch.float64 else scores

    def trained_parameters(self) -> Mapping[str, nn.Parameter]:
        """See ``TrainableScorer``."""
        named = {f"backbone.{name}": part for name, part in self.model.base_model.named_parameters()}
        named |= {f"head.{name}": part for name, part in self._score.named_parameters()}
        return {name: parameter for name, parameter in named.items() if parameter.requires_grad}

    def reset_head(self, seed: int) -> None:
        """Draws the head anew: the start of a member of an ensemble, of a fold of a cross-validation."""
        _draw_head(self._score, seed)

    def save(self, folder: str | Path) -> None:
        """Writes model, tokenizer and description; adapters are merged into the weights of a copy."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        base, place = self.model.base_model, self.model.base_model_prefix
        try:
            if has_lora(base):
                setattr(self.model, place, merged_model(base))
            with no_progress_bars():
                self.model.save_pretrained(folder)
        finally:
            setattr(self.model, place, base)
        save_tokenizer(self.tokenizer, folder)
        Description(kind="lm", max_tokens=self.max_tokens, statistics=self.statistics).write(folder)

    @property
    def _score(self) -> nn.Linear:
        return cast("nn.Linear", self.model.score)

    def _encode(self, prompts: Sequence[str], responses: Sequence[str]) -> RewardRows:
        return encode_rows(
            self.tokenizer, prompts, responses, max_tokens=self.max_tokens, pad_id=self._pad_id
        )

    @torch.no_grad()
    def _features(self, rows: RewardRows) -> Tensor:
        """Returns float32[B, D] on the CPU, the hidden state behind the last token of each row."""
        found = torch.empty(len(rows.lengths), self._score.in_features)
        for picked in micro_batches(rows.lengths, self._max_tokens_per_batch):
            lengths = rows.lengths[picked]
            last = self._last_hidden(rows.input_ids[picked, : int(lengths.max())], lengths)
            found[picked] = last.float().cpu()
        return found

    def _last_hidden(self, input_ids: Tensor, lengths: Tensor) -> Tensor:
        """Returns [n, D]; attention is causal, so no token of a row sees the padding behind it."""
        input_ids = input_ids.to(self.device)
        hidden = self.model.base_model(
            input_ids=input_ids, attention_mask=torch.ones_like(input_ids), use_cache=False
        ).last_hidden_state
        return cast("Tensor", hidden[torch.arange(len(lengths)), (lengths - 1).to(hidden.device)])


def make_lm_reward_model(
    name_or_path: str | Path,
    tokenizer: TextTokenizer,
    *,
    seed: int = 0,
    max_tokens: int = 512,
    train_layers: int | None = None,
    lora_rank: int = 0,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> LMRewardModel:
    """Returns an untrained reward model on the backbone of a causal language model.

    Args:
        name_or_path: whatever ``load_model`` loads: a preset, the folder of a policy, a GGUF file.
        tokenizer: of the model.
        seed: of a preset's weights and of the head.
        max_tokens: longest row.
        train_layers: so many layers at the top are trained beside the head, the others are frozen; 0: the
            head alone, so that what a row looks like to it is computed once; None: everything.
        lora_rank: train adapters of this rank instead of the backbone's weights; 0: the weights.
        dtype: of the backbone's weights.
        device: see ``resolve_device``.

    Raises:
        ModelError: the model can't be loaded, or has no form with a scalar head.
        InvalidValueError: more layers than the model has, or adapters beside ``train_layers``.
    """
    if lora_rank and train_layers is not None:
        raise InvalidValueError("train_layers and lora_rank exclude each other: choose what is trained.")
    causal = load_model(
        name_or_path, tokenizer=tokenizer, dtype=dtype, device=device, seed=seed, context=max_tokens
    )
    model = _add_head(causal, seed)
    if lora_rank:
        add_adapters(model.base_model, rank=lora_rank)
    if train_layers is not None:
        _freeze_below(model.base_model, train_layers)
    return LMRewardModel(model, tokenizer, max_tokens=max_tokens)


def _add_head(causal: PreTrainedModel, seed: int) -> PreTrainedModel:
    """Returns the same backbone, not a copy, under a fresh scalar head."""
    config = causal.config
    config.num_labels = 1
    try:
        with torch.device("meta"):
            model = AutoModelForSequenceClassification.from_config(config)
    except (ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"{type(causal).__name__} has no form for sequence classification in transformers: {error}"
        ) from error
    if not isinstance(getattr(model, "score", None), nn.Linear) or model.score.bias is not None:
        raise ModelError(f"the head of {type(model).__name__} is not a linear layer called score.")
    width = model.score.in_features
    setattr(model, model.base_model_prefix, causal.base_model)
    model.score = nn.Linear(width, 1, bias=False, device=causal.device, dtype=causal.dtype)
    _draw_head(model.score, seed)
    return cast("PreTrainedModel", model)


def _draw_head(head: nn.Linear, seed: int) -> None:
    width = head.in_features
    draws = make_generator(seed, "reward_head").standard_normal(width) / math.sqrt(width + 1)
    with torch.no_grad():
        head.weight.copy_(torch.from_numpy(draws)[None])


def _freeze_below(base: nn.Module, train_layers: int) -> None:
    stacks = [part for part in base.children() if isinstance(part, nn.ModuleList) and len(part)]
    if len(stacks) != 1:
        raise ModelError(f"{type(base).__name__} has no single stack of layers; leave train_layers out.")
    if not 0 <= train_layers <= len(stacks[0]):
        raise InvalidValueError(
            f"train_layers is {train_layers}; allowed: 0 to {len(stacks[0])}, the model's layers."
        )
    base.requires_grad_(False)
    if train_layers:
        for part in [*stacks[0][-train_layers:], *base.children()]:
            if part is not stacks[0] and not isinstance(part, nn.Embedding):
                part.requires_grad_(True)


def _fit_context(model: PreTrainedModel, max_tokens: int) -> int:
    context = getattr(model.config.get_text_config(), "max_position_embeddings", None)
    return min(max_tokens, context) if isinstance(context, int) and context > 0 else max_tokens


@torch.no_grad()
def _check_reading(scorer: LMRewardModel) -> None:
    """Compares scores of a few tokens, padding among them, with those of the model's own forward pass."""
    model, pad_id = scorer.model, scorer._pad_id
    if getattr(model.config, "num_labels", None) != 1 or not isinstance(
        getattr(model, "score", None), nn.Linear
    ):
        raise ModelError(f"{type(model).__name__} is not a model with one scalar head called score.")
    end = scorer.tokenizer.end_id
    rows = RewardRows(torch.tensor([[end, end, end], [end, end, pad_id]]), torch.tensor([3, 2]))
    width = min(3, scorer.max_tokens)
    rows = RewardRows(rows.input_ids[:, :width], rows.lengths.clamp(max=width))
    ours = scorer.rewards(rows, torch.arange(2)).double()
    ids = rows.input_ids.to(scorer.device)
    theirs: Any = model(input_ids=ids, attention_mask=(ids != pad_id).long(), use_cache=False)
    theirs = theirs.logits.squeeze(-1).double()
    tolerance = (1e-4 if model.dtype in (torch.float32, torch.float64) else 0.1) * max(
        1.0, float(theirs.abs().max())
    )
    if not float((ours - theirs).abs().max()) <= tolerance:  # False for NaN too
        raise ModelError(
            f"the scores of {type(model).__name__} are not those of its head on its last token; use another "
            "model."
        )
