"""What is done to the scores of episodes before they become rewards: pure functions, and one running scale.

All of it is off by default in the algorithms: a score that means something should reach the learner as it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from lmgym.errors import InvalidValueError

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


def penalise_missing_stop(
    scores: Float[Tensor, " B"],
    stopped: Bool[Tensor, " B"],
    *,
    penalty: float | None = None,
    replacement: float | None = None,
) -> Float[Tensor, " B"]:
    """Returns the scores with those of responses that did not end by the stop token made worse.

    Args:
        scores: one number for each row.
        stopped: True where the response ended by the stop token and not by its budget.
        penalty: subtracted where it did not (1.0 is usual).
        replacement: put in the place of the score where it did not (-1.0 is usual); not with ``penalty``.

    Raises:
        InvalidValueError: both, or neither, of ``penalty`` and ``replacement``.
    """
    if (penalty is None) == (replacement is None):
        raise InvalidValueError(f"give one of penalty and replacement, got {penalty} and {replacement}.")
    cut = scores - penalty if penalty is not None else torch.full_like(scores, replacement or 0.0)
    return torch.where(stopped, scores, cut)


def overlong_penalty(
    num_tokens: Int[Tensor, " B"], *, max_new_tokens: int, buffer_tokens: int, weight: float = 1.0
) -> Float[Tensor, " B"]:
    """Returns what is to be added to the scores of responses that near or reach their budget.

    0 up to ``max_new_tokens - buffer_tokens`` tokens, then a straight line down to ``-weight`` at the
    budget: the model is told to be brief before it is cut.

    Raises:
        InvalidValueError: ``buffer_tokens`` not in [1, max_new_tokens].

    Source: Yu et al. 2025 (DAPO), eq. 13.
    """
    if not 1 <= buffer_tokens <= max_new_tokens:
        raise InvalidValueError(f"buffer_tokens must be in [1, {max_new_tokens}], got {buffer_tokens}.")
    excess = num_tokens.float() - (max_new_tokens - buffer_tokens)
    return -weight * (excess / buffer_tokens).clamp(0, 1)


@dataclass
class RunningScale:
    """Divides scores by the standard deviation of all scores seen so far, and clips them.

    The mean is not subtracted: that would change which responses are good. The three numbers are its whole
    state; save them with a checkpoint.
    """

    clip: float = 10.0
    """Scaled scores are clipped to [-clip, clip]."""
    count: float = 0.0
    """Scores seen."""
    mean: float = 0.0
    """Of the scores seen."""
    squares: float = 0.0
    """Sum of squared distances from the mean."""

    def update(self, scores: Float[Tensor, " B"], valid_rows: Bool[Tensor, " B"]) -> None:
        """Takes in the scores of a batch; failed rows are not read."""
        seen = scores[valid_rows].double()
        if not len(seen):
            return
        # The parallel form of Welford's sums, which loses no digits when the mean is large.
        total = self.count + len(seen)
        distance = float(seen.mean()) - self.mean
        self.squares += (
            float((seen - seen.mean()).square().sum()) + distance**2 * self.count * len(seen) / total
        )
        self.mean += distance * len(seen) / total
        self.count = total

    def scale(self, scores: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Returns the scores over the standard deviation, clipped; without any spread so far only clipped."""
        std = (self.squares / (self.count - 1)) ** 0.5 if self.count > 1 else 0.0
        return (scores / (std or 1.0)).clamp(-self.clip, self.clip)
