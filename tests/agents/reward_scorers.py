"""Small scorers for tests: tiny language models and a tiny encoder, and one whose scores are known."""

from __future__ import annotations

import numpy as np
import tokenizers
import torch
from transformers import BertConfig, BertModel

from lmgym.tokenization import CharTokenizer
from lmgym_agents.models import make_tiny_model
from lmgym_agents.reward_models.encoder import EncoderRewardModel
from lmgym_agents.reward_models.lm import make_lm_reward_model
from lmgym_agents.reward_models.scorer import ScoreStatistics

TOKENIZER = CharTokenizer()


class WrittenScorer:
    """The score of a response is the number that it says."""

    statistics: ScoreStatistics | None = None

    def __init__(self, std=0.0, statistics=None):
        self._std, self.statistics = std, statistics

    def score(self, prompts, responses):
        return np.array([float(text) for text in responses], np.float64)

    def score_with_std(self, prompts, responses):
        scores = self.score(prompts, responses)
        return scores, np.full_like(scores, self._std)


def save_tiny(folder, architecture="llama", *, context=96, seed=0):
    """Saves a causal language model of half a second."""
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=2, heads=2, context=context, seed=seed,
        architecture=architecture, pad_id=TOKENIZER.pad_id, end_id=TOKENIZER.end_id,
    )  # fmt: skip
    model.save_pretrained(folder)
    TOKENIZER.save(folder)
    return folder


def make_lm(tmp_path, architecture="llama", **options):
    return make_lm_reward_model(save_tiny(tmp_path / "causal", architecture), TOKENIZER, **options)


def make_encoder(**options):
    """A BERT of two layers that knows a few letters."""
    vocabulary = {"[PAD]": 0, "[CLS]": 1, "[SEP]": 2, "[UNK]": 3, "[MASK]": 4}
    for letter in "abcdefghijklmnopqrstuvwxyz0123456789.:":
        for piece in (letter, f"##{letter}"):
            vocabulary[piece] = len(vocabulary)
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordPiece(vocab=vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = tokenizers.normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    tokenizer.add_special_tokens(["[PAD]", "[CLS]", "[SEP]", "[UNK]", "[MASK]"])
    tokenizer.post_processor = tokenizers.processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B [SEP]", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    config = BertConfig(
        vocab_size=len(vocabulary), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        encoder = BertModel(config)
    with torch.no_grad():  # fresh weights are so small that all texts look alike
        for parameter in encoder.parameters():
            parameter.mul_(5)
    return EncoderRewardModel(encoder, tokenizer, **{"max_tokens": 32, **options})
