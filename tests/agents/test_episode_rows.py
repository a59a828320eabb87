"""Imitation of sampled episodes: their own tokens, and no end that was never sampled."""

from __future__ import annotations

import pytest

from lmgym.errors import EmptyProblemSetError
from lmgym.records import Problem, Turn
from lmgym_agents.rlhf.episodes import Episode, EpisodeRows

END_ID = 9


def make_episode(index, ids, num_prompt):
    is_complete = ids[-1] == END_ID
    is_agent = [place >= num_prompt for place in range(len(ids))]
    problem = Problem("p", None, "train", index)
    return Episode(problem, (Turn("agent", "x", is_complete),), True, not is_complete, (ids, is_agent), -1.0)


def test_what_was_cut_teaches_no_end():
    whole, cut = make_episode(0, [1, 2, 3, END_ID], 2), make_episode(1, [1, 4, 5, 6, 7], 1)
    rows = EpisodeRows([whole, cut], seed=3).rows(0, 2)
    order = rows.lengths.tolist()
    assert sorted(order) == [4, 5]
    for row, length in enumerate(order):
        ids, is_agent = (whole if length == 4 else cut).row
        assert rows.input_ids[row, :length].tolist() == ids
        assert rows.is_target[row].tolist() == [*is_agent, *[False] * (5 - length)]
    assert (rows.input_ids == END_ID).sum() == 1


def test_every_epoch_has_every_episode_once_in_an_order_of_its_own():
    episodes = [make_episode(number, [number + 10, END_ID], 1) for number in range(8)]
    data = EpisodeRows(episodes, seed=1)
    firsts = [data.rows(step, 4).input_ids[:, 0].tolist() for step in range(6)]
    epochs = [firsts[at] + firsts[at + 1] for at in (0, 2, 4)]
    assert all(sorted(epoch) == list(range(10, 18)) for epoch in epochs) and len(data) == 8
    assert len({tuple(epoch) for epoch in epochs}) == 3
    assert EpisodeRows(episodes, seed=1).rows(3, 4).input_ids[:, 0].tolist() == firsts[3]


def test_nothing_to_imitate_is_said():
    with pytest.raises(EmptyProblemSetError):
        EpisodeRows([])
