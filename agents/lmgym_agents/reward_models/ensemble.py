"""Several reward models as one, with an opinion on its own uncertainty.

Comparisons fix neither the zero of a model's scores nor, where data are few, their scale. So each member's
scores are first normalised by its own statistics, and stretched to the mean of the members' scales, so that
differences are log-odds still. The ensemble's score is their mean, less ``pessimism`` standard deviations: a
response that the members disagree on is trusted less.

Source: Coste et al. 2024, "Reward model ensembles help mitigate overoptimization", section 3; Eisenstein et
al. 2023, section 3 (members must differ in more than the order of their data).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Protocol

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym_agents.reward_models.description import MAX_MEMBERS, Description
from lmgym_agents.reward_models.scorer import Floats, ResponseScorer, ScoreStatistics


class SavedScorer(ResponseScorer, Protocol):
    """A scorer that knows how to be saved."""

    def save(self, folder: str | Path) -> None:
        """Writes a folder that ``load_reward_model`` loads."""
        ...


class RewardEnsemble:
    """The mean of several scorers, less ``pessimism`` times their standard deviation."""

    def __init__(
        self,
        members: Sequence[SavedScorer],
        *,
        pessimism: float = 0.0,
        statistics: ScoreStatistics | None = None,
    ) -> None:
        """Joins the members.

        Args:
            members: at least one; those with statistics are normalised by them.
            pessimism: standard deviations to subtract; below 0 it is optimism, fit for exploration.
            statistics: of the ensemble's scores on held-out responses.

        Raises:
            InvalidValueError: no member, too many, or a ``pessimism`` that is not finite.
        """
        if not 1 <= len(members) <= MAX_MEMBERS or not math.isfinite(pessimism):
            raise InvalidValueError(
                f"an ensemble takes 1 to {MAX_MEMBERS} members and a finite pessimism, got {len(members)} "
                f"and {pessimism!r}."
            )
        self.members = tuple(members)
        self.pessimism = pessimism
        self.statistics = statistics

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Floats:
        """See ``ResponseScorer``: the mean less ``pessimism`` standard deviations."""
        mean, std = self.score_with_std(prompts, responses)
        return mean - self.pessimism * std

    def score_with_std(self, prompts: Sequence[str], responses: Sequence[str]) -> tuple[Floats, Floats]:
        """See ``ResponseScorer``: mean and (population) standard deviation over the members."""
        table = self.member_scores(prompts, responses)
        return table.mean(axis=0), table.std(axis=0)

    def member_scores(self, prompts: Sequence[str], responses: Sequence[str]) -> Floats:
        """Returns float64[members, B]: normalised by each member's statistics, on the members' mean scale."""
        stds = [member.statistics.std for member in self.members if member.statistics is not None]
        scale = float(np.mean(stds)) if stds else 1.0
        rows = [normalise(each.score(prompts, responses), each.statistics) for each in self.members]
        return scale * np.stack(rows)

    def save(self, folder: str | Path) -> None:
        """Writes the members into member-0, member-1, ... and the description beside them."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for number, member in enumerate(self.members):
            member.save(folder / member_name(number))
        said = Description(kind="ensemble", num_members=len(self.members), pessimism=self.pessimism)
        replace(said, statistics=self.statistics).write(folder)


def normalise(scores: Floats, statistics: ScoreStatistics | None) -> Floats:
    """Returns scores as standard deviations from the mean; as they are where there are no statistics."""
    return scores if statistics is None else (scores - statistics.mean) / statistics.std


def member_name(number: int) -> str:
    """Returns the folder of a member inside that of its ensemble."""
    return f"member-{number}"
