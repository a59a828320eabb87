"""Ratings: hand-worked differences, laws, and known strengths found again."""

from __future__ import annotations

import math

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym_agents.self_play.elo import Crosstable, expected_score, fit_elo, rate


def simulate(strengths, games, seed=0, draw_share=0.0):
    """Returns the table of ``games`` games of each pair, decided by the strengths."""
    table, rng = Crosstable([str(s) for s in strengths]), np.random.default_rng(seed)
    for i in range(len(strengths)):
        for j in range(i):
            for _ in range(games):
                if rng.random() < draw_share:
                    table.add(i, j, 0)
                else:
                    table.add(i, j, 1 if rng.random() < expected_score(strengths[i] - strengths[j]) else -1)
    return table


def test_three_points_of_four_are_191_elo():
    elo = fit_elo(np.array([[0.0, 25.0], [75.0, 0.0]]), prior_draws=0.0)
    assert elo == pytest.approx([0.0, 400 * math.log10(3)])


def test_draws_are_half_points():
    table = Crosstable(["a", "b"])
    for result in (1, 1, 0, 0, -1, 0, 1, 0):
        table.add(1, 0, result)
    assert table.games[0, 1] == 8 and table.points[1, 0] == 5.0 and table.points[0, 1] == 3.0
    assert fit_elo(table.points, prior_draws=0.0)[1] == pytest.approx(400 * math.log10(5 / 3))


def test_the_gradient_vanishes_at_the_solution():
    """Everybody's expected points are the real ones: what the maximum of the likelihood means."""
    points = np.random.default_rng(1).integers(1, 30, (6, 6)).astype(float)
    np.fill_diagonal(points, 0)
    elo, games = fit_elo(points, prior_draws=0.0), points + points.T
    expected = [sum(games[i, j] * expected_score(elo[i] - elo[j]) for j in range(6)) for i in range(6)]
    np.testing.assert_allclose(expected, points.sum(axis=1))


def test_known_strengths_are_found_again():
    strengths = [0.0, -120.0, 310.0, 90.0, 500.0]
    ratings = rate(simulate(strengths, 4000), num_resamples=60)
    np.testing.assert_allclose(ratings.elo, strengths, atol=20)
    assert (ratings.low <= ratings.elo).all() and (ratings.elo <= ratings.high).all()
    assert ratings.low[0] == ratings.high[0] == 0.0


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    strengths = [0.0, 150.0, -80.0]
    covered = []
    for seed in range(20):
        ratings = rate(simulate(strengths, 100, seed), prior_draws=0.0, num_resamples=60, seed=seed)
        covered += [ratings.low[i] <= strengths[i] <= ratings.high[i] for i in (1, 2)]
    assert 0.85 <= np.mean(covered) <= 1.0


def test_order_and_anchor_change_nothing_but_the_origin():
    points = simulate([0.0, 200.0, -50.0, 75.0], 50, draw_share=0.2).points
    elo = fit_elo(points)
    order = np.array([2, 0, 3, 1])
    np.testing.assert_allclose(fit_elo(points[np.ix_(order, order)], anchor=1), elo[order], atol=1e-6)
    moved = fit_elo(points, anchor=3, anchor_rating=1500.0)
    np.testing.assert_allclose(moved - moved[0], elo - elo[0], atol=1e-6)
    assert moved[3] == 1500.0
    np.testing.assert_allclose(fit_elo(points * 7, prior_draws=7.0), elo, atol=1e-6)


def test_who_lost_every_game_has_a_rating_by_the_prior_alone():
    points = np.array([[0.0, 0.0], [10.0, 0.0]])
    assert fit_elo(points, prior_draws=1.0)[1] == pytest.approx(400 * math.log10(10.5 / 0.5))
    with pytest.raises(InvalidValueError, match="0 has not scored against player 1"):
        fit_elo(points, prior_draws=0.0)


def test_players_who_never_met_are_refused():
    points = np.zeros((4, 4))
    points[0, 1] = points[1, 0] = points[2, 3] = points[3, 2] = 5
    with pytest.raises(InvalidValueError, match="chain of games"):
        fit_elo(points)


def test_bad_arguments_are_typed_errors():
    for points, options in ((np.zeros((2, 3)), {}), (np.ones((2, 2)), {"anchor": 2}), (-np.ones((2, 2)), {})):
        with pytest.raises(InvalidValueError, match=r"points must be \[N, N\]"):
            fit_elo(points, **options)
    table = Crosstable(["a", "b"])
    for one, other, result in ((0, 0, 1), (0, 1, 2)):
        with pytest.raises(InvalidValueError, match="no game between"):
            table.add(one, other, result)


def test_a_single_player_has_the_anchors_rating():
    assert fit_elo(np.zeros((1, 1)), anchor_rating=7.0) == pytest.approx([7.0])
