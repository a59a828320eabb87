"""The options from which a reward model and its pairs are made, for command lines and scripts."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

import torch

from lmgym.chat_template import make_chat_tokenizer
from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.preferences.formats import FORMATS, explain_empty, read_preferences_as
from lmgym_agents.models import PRESETS
from lmgym_agents.packaged_models import PACKAGED_MODELS, packaged_model
from lmgym_agents.reward_models.encoder import EncoderRewardModel, make_encoder_reward_model
from lmgym_agents.reward_models.lm import LMRewardModel, make_lm_reward_model
from lmgym_agents.reward_models.pairs import Pair, make_pairs, split_by_prompt
from lmgym_agents.run_options import ModelOptions

Parts = Literal["train", "validation", "test"]


class SplitPairs(NamedTuple):
    """The pairs of a file; no prompt is in two parts."""

    train: list[Pair]
    validation: list[Pair]
    """For stopping early, for normalising scores and for the temperature."""
    test: list[Pair]
    """For measuring alone."""
    num_records: int
    skipped: dict[str, int]
    """Rows that could not be read, by reason."""


@dataclass(frozen=True, kw_only=True)
class PairOptions:
    """Which preferences."""

    data: Path
    """file of preferences"""
    format: str = "lmgym"
    """of the file: lmgym, hh-rlhf, trl, trl-explicit, trl-implicit, trl-unpaired, llmbar or qa_feedback"""
    validation_share: float = 0.1
    """share of the prompts whose pairs decide when to stop and where the scores lie"""
    test_share: float = 0.1
    """share of the prompts whose pairs only measure"""
    use_confidence: bool = False
    """a record weighs as much as its annotator was sure"""
    margin_per_rank: float = 0.0
    """how far apart scores should be for each place between two responses"""

    def __post_init__(self) -> None:
        if self.format not in FORMATS:
            raise UnknownNameError("format of preferences", self.format, FORMATS)
        shares = (self.validation_share, self.test_share)
        if min(shares) <= 0 or sum(shares) >= 1:
            raise InvalidValueError(
                f"validation_share ({shares[0]}) and test_share ({shares[1]}) must be positive and leave "
                "something to train on."
            )

    def read(self, seed: int) -> SplitPairs:
        """Returns the pairs of the file, split by the hash of their prompts.

        Raises:
            InvalidValueError: a file that can't be read as this format.
            EmptyProblemSetError: so few prompts that a part is empty.
        """
        records = read_preferences_as(self.format, self.data)
        if not records:
            raise EmptyProblemSetError(explain_empty(self.data, self.format, records.skipped))
        pairs = make_pairs(records, use_confidence=self.use_confidence, margin_per_rank=self.margin_per_rank)
        shares = (1 - self.validation_share - self.test_share, self.validation_share, self.test_share)
        train, validation, test = split_by_prompt(pairs, shares, seed=seed)
        if not (train and validation and test):
            raise EmptyProblemSetError(
                f"{self.data} holds {len(records)} records and {len(pairs)} pairs with a verdict, of which "
                f"{len(train)} would be trained on and {len(validation)} and {len(test)} held out; a reward "
                "model needs some of each, of different prompts. Pairs of two equal responses do not count."
            )
        return SplitPairs(train, validation, test, len(records), dict(records.skipped))


@dataclass(frozen=True, kw_only=True)
class BackboneOptions:
    """What the reward model is made of."""

    backbone: Literal["lm", "encoder"] = "lm"
    """lm: a causal language model with a scalar head; encoder: a sentence encoder with a head on top"""
    model: str | None = None
    """preset (nano, tiny, small), Hugging Face folder, .gguf file, hub id, packaged model (smollm2, minilm);
    none: nano for lm, minilm for encoder"""
    tokenizer: str | None = None
    """"char" or a folder with tokenizer.json; none: the model's own, char for presets"""
    max_tokens: int = 256
    """longest row; the beginning of a longer one is cut off"""
    train_layers: int | None = None
    """of lm: layers at the top that are trained with the head; 0: the head alone; none: everything"""
    lora_rank: int = 0
    """of lm: train adapters of this rank instead of the weights; 0: the weights"""
    hidden_size: int = 0
    """of encoder: units of the head's hidden layer; 0: a linear head"""
    fine_tune: bool = False
    """of encoder: train the encoder too, not the head alone"""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N"""
    dtype: Literal["float32", "bfloat16"] = "float32"
    """of the weights of lm"""
    threads: int | None = None
    """threads of torch on a CPU; none: torch's own choice"""

    def __post_init__(self) -> None:
        if self.max_tokens < 8:
            raise InvalidValueError(f"max_tokens is {self.max_tokens}; allowed: integers from 8.")
        if self.threads is not None and self.threads < 1:
            raise InvalidValueError(f"threads is {self.threads}; allowed: integers from 1, or none.")
        of_other = {
            "lm": {"hidden_size": self.hidden_size, "fine_tune": self.fine_tune},
            "encoder": {
                "train_layers": self.train_layers is not None,
                "lora_rank": self.lora_rank,
                "tokenizer": self.tokenizer is not None,
            },
        }[self.backbone]
        if senseless := [name for name, value in of_other.items() if value]:
            raise InvalidValueError(
                f"{', '.join(senseless)} can't be set for the backbone {self.backbone!r}."
            )

    def make(self, seed: int) -> LMRewardModel | EncoderRewardModel:
        """Returns an untrained reward model.

        Raises:
            ModelError: the backbone can't be loaded.
            MissingDependencyError: a packaged model that is not installed.
        """
        if self.threads is not None:
            torch.set_num_threads(self.threads)
        name = self.model or {"lm": "nano", "encoder": "minilm"}[self.backbone]
        source = str(packaged_model(name)) if name in PACKAGED_MODELS else name
        if self.backbone == "encoder":
            return make_encoder_reward_model(
                source, hidden_size=self.hidden_size, is_frozen=not self.fine_tune,
                max_tokens=self.max_tokens, device=self.device, seed=seed,
            )  # fmt: skip
        if source in PRESETS:
            torch.set_flush_denormal(True)
        tokenizer = make_chat_tokenizer(ModelOptions(model=source, tokenizer=self.tokenizer).make_tokenizer())
        return make_lm_reward_model(
            source, tokenizer, seed=seed, max_tokens=self.max_tokens, train_layers=self.train_layers,
            lora_rank=self.lora_rank, dtype=getattr(torch, self.dtype), device=self.device,
        )  # fmt: skip
