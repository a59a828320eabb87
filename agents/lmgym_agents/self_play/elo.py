"""Elo ratings: strengths of players from the results of their games, with intervals.

In: how often each player won against and drew with each other. Out: ratings on the usual scale, on which a
difference of 400 points means ten points scored for one. Left out: playing the games.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator

SCALE = 400 / math.log(10)
"""Points of a rating in one unit of log-odds."""
_MAX_STEPS = 200


class Crosstable:
    """Results of the games between N players, counted."""

    def __init__(self, names: Sequence[str]) -> None:
        self.names = tuple(names)
        self.wins: NDArray[np.int64] = np.zeros((len(names), len(names)), np.int64)
        """int64[N, N], games that the row's player won against the column's."""
        self.draws: NDArray[np.int64] = np.zeros_like(self.wins)
        """int64[N, N], symmetric: drawn games of each pair."""

    def add(self, one: int, other: int, result: int) -> None:
        """Notes a game between two different players: ``result`` is 1, 0 or -1 for ``one``."""
        if one == other or result not in (-1, 0, 1):
            raise InvalidValueError(f"no game between {one} and {other} can end with {result!r}.")
        if result == 0:
            self.draws[one, other] += 1
            self.draws[other, one] += 1
        else:
            winner, loser = (one, other) if result > 0 else (other, one)
            self.wins[winner, loser] += 1

    @property
    def points(self) -> NDArray[np.float64]:
        """float64[N, N], points of the row's player against the column's: 1 for a win, 0.5 for a draw."""
        return self.wins + 0.5 * self.draws

    @property
    def games(self) -> NDArray[np.int64]:
        """int64[N, N], symmetric: games of each pair."""
        return self.wins + self.wins.T + self.draws


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """Ratings of N players, the anchor's being fixed."""

    names: tuple[str, ...]
    elo: NDArray[np.float64]
    """float64[N]"""
    low: NDArray[np.float64]
    """float64[N], lower ends of the intervals."""
    high: NDArray[np.float64]
    """float64[N]"""


def expected_score(difference: float) -> float:
    """Returns the expected points of a player rated ``difference`` above its opponent, in (0, 1)."""
    return 1 / (1 + math.exp(-difference / SCALE))


def fit_elo(
    points: NDArray[np.float64], *, anchor: int = 0, anchor_rating: float = 0.0, prior_draws: float = 1.0
) -> NDArray[np.float64]:
    """Returns the most likely ratings under the model of Bradley and Terry.

    With R the ratings and s the logistic function of base 10 at scale 400, they maximise::

        sum over i, j of points[i, j] * log s(R_i - R_j)

    A draw counts as half a game won and half a game lost. So that a player who lost every game has a rating
    too, each pair that met is taken to have drawn ``prior_draws`` more games, which pulls ratings together.

    Args:
        points: float64[N, N], points of the row's player against the column's; the diagonal is not looked at.
        anchor: the player whose rating is fixed.
        anchor_rating: what it is fixed to.
        prior_draws: at least 0; at 0 every player needs a path of points to and from every other.

    Returns:
        float64[N]

    Raises:
        InvalidValueError: players that no chain of games (of points, at ``prior_draws=0``) connects, or
            arguments out of range.

    Source:
        Bradley and Terry 1952; Hunter 2004, "MM algorithms for generalized Bradley-Terry models", section 1
        for when a solution exists. Found by Newton's method, as the sum is concave.
    """
    points = np.array(points, np.float64)
    count = len(points)
    if points.shape != (count, count) or not 0 <= anchor < count or prior_draws < 0 or (points < 0).any():
        raise InvalidValueError(
            f"points must be [N, N] and not negative, anchor in [0, N), prior_draws >= 0; got shape "
            f"{points.shape}, anchor={anchor}, prior_draws={prior_draws}."
        )
    np.fill_diagonal(points, 0.0)
    met = (points + points.T) > 0
    points = points + 0.5 * prior_draws * met
    _check_connected(points)
    games = points + points.T
    free = np.flatnonzero(np.arange(count) != anchor)
    theta = np.zeros(count)
    for _ in range(_MAX_STEPS):
        chance = 1 / (1 + np.exp(theta[None, :] - theta[:, None]))
        gradient = (points - games * chance).sum(axis=1)[free]
        spread = games * chance * (1 - chance)
        hessian = (np.diag(spread.sum(axis=1)) - spread)[np.ix_(free, free)]
        step = np.linalg.solve(hessian + 1e-12 * np.eye(len(free)), gradient) if len(free) else gradient
        theta[free] += np.clip(step, -1.0, 1.0)  # far from the top a full step may overshoot
        if not len(free) or np.abs(step).max() < 1e-10:
            break
    elo: NDArray[np.float64] = anchor_rating + SCALE * (theta - theta[anchor])
    return elo


def rate(
    table: Crosstable,
    *,
    anchor: int = 0,
    anchor_rating: float = 0.0,
    prior_draws: float = 1.0,
    confidence: float = 0.95,
    num_resamples: int = 200,
    seed: int = 0,
) -> Ratings:
    """Returns the ratings of ``fit_elo`` with intervals from a bootstrap over the games of each pair.

    Raises:
        InvalidValueError: as ``fit_elo``; a resample can't disconnect what the games connect, as long as
            ``prior_draws`` is positive.
    """
    options = {"anchor": anchor, "anchor_rating": anchor_rating, "prior_draws": prior_draws}
    elo = fit_elo(table.points, **options)  # type: ignore[arg-type]
    rng = make_generator(seed, "elo")
    draws = np.array(
        [fit_elo(_resample(table, rng), **options) for _ in range(num_resamples)]  # type: ignore[arg-type]
    )
    tail = (1 - confidence) / 2
    low, high = np.quantile(draws, [tail, 1 - tail], axis=0) if num_resamples else (elo, elo)
    return Ratings(names=table.names, elo=elo, low=low, high=high)


def _resample(table: Crosstable, rng: np.random.Generator) -> NDArray[np.float64]:
    points = np.zeros(table.wins.shape)
    for i, j in zip(*np.triu(table.games, 1).nonzero(), strict=True):
        total = int(table.games[i, j])
        shares = np.array([table.wins[i, j], table.draws[i, j], table.wins[j, i]]) / total
        won, drawn, lost = rng.multinomial(total, shares)
        points[i, j], points[j, i] = won + 0.5 * drawn, lost + 0.5 * drawn
    return points


def _check_connected(points: NDArray[np.float64]) -> None:
    """Raises InvalidValueError unless everyone has scored, by some chain, against everyone."""
    reach = (points > 0) | np.eye(len(points), dtype=np.bool_)
    for _ in range(len(points).bit_length()):
        reach = (reach.astype(np.int64) @ reach.astype(np.int64)) > 0
    if not reach.all():
        i, j = np.argwhere(~reach)[0].tolist()
        raise InvalidValueError(
            f"player {i} has not scored against player {j}, nor by any chain of games, so their difference "
            "has no most likely value; let them play, or give prior_draws above 0."
        )
