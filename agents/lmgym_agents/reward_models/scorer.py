"""What every scorer of responses offers, and how a trained one scores texts: in canonical order, in batches.

In: prompts and responses as text. Out: one number a response, higher is better. Left out: what a scorer is
made of (``reward_models.lm``, ``encoder``, ``ensemble``), rewards of environments (``reward_models.reward``).

A score is a pure function of its prompt and response: rows are sorted by their content and repeated ones are
scored once, so the same set of rows is computed in the same batches whatever order it came in.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from lmgym.errors import InvalidValueError
from lmgym_agents.accumulate import micro_batches

Floats = NDArray[np.float64]


class ScoreStatistics(NamedTuple):
    """Where a scorer's numbers lie on held-out responses; what scores are normalised by."""

    mean: float
    std: float
    """Above 0."""


@runtime_checkable
class ResponseScorer(Protocol):
    """Anything that says how good responses are: a reward model, an ensemble, a function of one's own."""

    statistics: ScoreStatistics | None
    """Of the scores on held-out responses; None: never measured."""

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Floats:
        """Returns float64[B], higher is better; NaN or an infinity where a row has no score."""
        ...

    def score_with_std(self, prompts: Sequence[str], responses: Sequence[str]) -> tuple[Floats, Floats]:
        """Returns the scores and how far they are uncertain (0: nothing is known of it), float64[B] each."""
        ...


class TrainableScorer(ResponseScorer, Protocol):
    """A scorer that ``RewardModelTraining`` can train."""

    @property
    def device(self) -> torch.device:
        """Where the weights are."""
        ...

    def remember(self, prompts: Sequence[str], responses: Sequence[str]) -> None:
        """Computes once what training does not change (features of a frozen backbone) for later rows."""
        ...

    def make_rows(self, prompts: Sequence[str], responses: Sequence[str]) -> Any:
        """Returns B rows ready for ``rewards``, with ``lengths``: int64[B], tokens that each one costs."""
        ...

    def rewards(self, rows: Any, picked: Tensor) -> Tensor:
        """Returns float32[n] with gradients, the scores of the rows int64[n] of ``make_rows``."""
        ...

    def trained_parameters(self) -> Mapping[str, nn.Parameter]:
        """Returns what training changes, by name; those of the head begin with "head."."""
        ...

    def save(self, folder: str | Path) -> None:
        """Writes a folder that ``load_reward_model`` loads."""
        ...


@torch.no_grad()
def score_texts(
    model: TrainableScorer, prompts: Sequence[str], responses: Sequence[str], *, max_tokens: int
) -> Floats:
    """Returns float64[B], the scores of responses, in batches of at most ``max_tokens`` padded tokens.

    Raises:
        InvalidValueError: not as many responses as prompts.
    """
    check_lengths(prompts, responses)
    distinct = sorted(set(zip(prompts, responses, strict=True)))
    found: dict[tuple[str, str], float] = {}
    for chunk in _chunks(distinct, 1024):
        rows = model.make_rows([prompt for prompt, _ in chunk], [response for _, response in chunk])
        for picked in micro_batches(rows.lengths, max_tokens):
            values = model.rewards(rows, picked).double().cpu().tolist()
            found.update((chunk[place], value) for place, value in zip(picked.tolist(), values, strict=True))
    return np.array([found[pair] for pair in zip(prompts, responses, strict=True)], np.float64)


def check_lengths(prompts: Sequence[str], responses: Sequence[str]) -> None:
    """Raises InvalidValueError unless there is one response for each prompt."""
    if isinstance(prompts, str) or isinstance(responses, str) or len(prompts) != len(responses):
        raise InvalidValueError(
            f"a scorer takes lists of as many prompts as responses, got {len(prompts)} and {len(responses)}."
        )


def measure_statistics(scores: Floats) -> ScoreStatistics:
    """Returns mean and standard deviation of finite scores; a std of 0 becomes 1.

    Raises:
        InvalidValueError: no score is finite.
    """
    finite = scores[np.isfinite(scores)]
    if not len(finite):
        raise InvalidValueError("no score is finite, so they have no mean; the model is broken.")
    return ScoreStatistics(float(finite.mean()), float(finite.std()) or 1.0)


def _chunks(items: list[tuple[str, str]], size: int) -> Iterable[list[tuple[str, str]]]:
    return (items[start : start + size] for start in range(0, len(items), size))
