"""What ``judges.py`` measures of verdicts and labels: agreement, calibration, and the rules it compares with.

In: labelled pairs and chances. Out: numbers. Left out: asking the judge.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from transformers import AutoModel, AutoTokenizer

from lmgym.preferences import Preference
from lmgym_agents.intervals import wilson_interval
from lmgym_agents.packaged_models import packaged_model

NUM_BINS = 5


@dataclasses.dataclass(frozen=True)
class Verdicts:
    """What the judge said of pairs; NaN where it had no verdict."""

    chance: np.ndarray
    """float64[N], probability that the first answer is better, both orders averaged"""
    bias: np.ndarray
    """float64[N], mean log-odds for the answer that stands first"""

    @property
    def forward(self) -> np.ndarray:
        """Returns the log-odds for the first answer when it stands first."""
        return np.log(self.chance / (1 - self.chance)) + self.bias

    @property
    def disagrees(self) -> np.ndarray:
        """Returns bool[N]: the verdict is turned by the order."""
        return np.abs(self.bias) > np.abs(self.forward - self.bias)


def agreement(is_right: np.ndarray) -> dict[str, float]:
    """Returns the share of right verdicts with Wilson's interval."""
    low_high = wilson_interval(int(is_right.sum()), len(is_right))
    return {"agreement": low_high.mean, "low": low_high.low, "high": low_high.high}


@functools.cache
def load_encoder() -> tuple[Any, Any]:
    """Returns MiniLM's tokenizer and model."""
    folder = packaged_model("minilm")
    return AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()


def encode(texts: Sequence[str]) -> np.ndarray:
    """Returns MiniLM's embeddings, float64[N, D] of length 1."""
    tokenizer, model = load_encoder()
    found = []
    for start in range(0, len(texts), 32):
        batch = tokenizer(
            list(texts[start : start + 32]),
            padding=True,
            truncation=True,
            max_length=256,
            return_tensors="pt",
        )
        with torch.no_grad():
            hidden = model(**batch).last_hidden_state
        weights = batch["attention_mask"][..., None].float()
        mean = (hidden * weights).sum(1) / weights.sum(1)
        found.append(torch.nn.functional.normalize(mean, dim=-1).double().numpy())
    return np.concatenate(found)


def nearer_wins(pairs: Sequence[Preference]) -> np.ndarray:
    """Returns bool[N]: the answer whose embedding is nearer to the question's is the better one."""
    questions = encode([pair.prompt for pair in pairs])
    cosines = [(questions * encode([pair.responses[i] for pair in pairs])).sum(1) for i in (0, 1)]
    return (cosines[0] > cosines[1]) == first_is_better(pairs)


def first_is_better(pairs: Sequence[Preference]) -> np.ndarray:
    """Returns bool[N], the labels."""
    return np.array([pair.winner == 0 for pair in pairs])


def longer_wins(pairs: Sequence[Preference]) -> np.ndarray:
    """Returns bool[N]: the longer answer (in characters) is the better one; never where they are equal."""
    lengths = np.array([[len(text) for text in pair.responses] for pair in pairs])
    better = np.where(first_is_better(pairs), lengths[:, 0], lengths[:, 1])
    return better > lengths.sum(1) - better


def calibration(chance: np.ndarray, is_first: np.ndarray) -> tuple[list[dict[str, float]], float, float]:
    """Returns the bins of the preferred answer's chance, their expected error, and the Brier score."""
    sure = np.maximum(chance, 1 - chance)
    is_right = (chance > 0.5) == is_first
    places = np.minimum(((sure - 0.5) * 2 * NUM_BINS).astype(int), NUM_BINS - 1)
    bins, error = [], 0.0
    for place in range(NUM_BINS):
        inside = places == place
        if inside.any():
            gap = abs(float(sure[inside].mean()) - float(is_right[inside].mean()))
            error += gap * float(inside.mean())
            bins.append({"count": int(inside.sum()), "confidence": float(sure[inside].mean()),
                         **agreement(is_right[inside])})  # fmt: skip
    return bins, error, float(((chance - is_first) ** 2).mean())
