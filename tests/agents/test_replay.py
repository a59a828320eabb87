"""The replay: what is kept, how often each row is drawn, the same again from a state or a checkpoint."""

import dataclasses

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator
from lmgym_agents.errors import CheckpointError
from lmgym_agents.q.replay import Replay, ReplayRows, make_replay_rows
from lmgym_agents.rollout import Rollout
from lmgym_agents.runs import checkpoint
from lmgym_agents.runs.state_tree import pack, unpack


def make_rows(count, *, born=0, width=6, first=0):
    """Rows that are told apart by their first token."""
    lengths = torch.arange(count) % (width - 2) + 2
    columns = torch.arange(width)
    ids = torch.zeros(count, width, dtype=torch.int64)
    ids[:, 0] = torch.arange(first, first + count)
    return ReplayRows(
        input_ids=ids, lengths=lengths, is_action=(columns > 0) & (columns < lengths[:, None]),
        logp_behaviour=torch.zeros(count, width), rewards=torch.zeros(count, width),
        terminated=torch.ones(count, dtype=torch.bool), truncated=torch.zeros(count, dtype=torch.bool),
        success=torch.zeros(count, dtype=torch.bool), problem_index=torch.arange(count),
        group=torch.arange(count) // 2 + (born << 32), born=torch.full((count,), born),
        extras={"kept": torch.ones(count, width)},
    )  # fmt: skip


def names(rows):
    return rows.input_ids[:, 0].tolist()


def test_the_oldest_rows_go_first():
    replay = Replay(5)
    replay.add(make_rows(3))
    replay.add(make_rows(4, born=1, first=10, width=9))
    assert names(replay.rows) == [2, 10, 11, 12, 13]
    assert replay.rows.born.tolist() == [0, 1, 1, 1, 1]
    assert replay.rows.input_ids.shape[1] == int(replay.rows.lengths.max())
    assert replay.rows.extras["kept"].shape == replay.rows.input_ids.shape


def test_a_budget_of_tokens_keeps_the_latest_rows_that_fit():
    replay = Replay(100, max_tokens=9)  # lengths 2, 3, 4, 5
    replay.add(make_rows(4))
    assert names(replay.rows) == [2, 3]
    replay = Replay(100, max_tokens=1)
    replay.add(make_rows(4))
    assert names(replay.rows) == [3]


def make_rollout(failed):
    rows = make_rows(len(failed))
    shared = {
        f.name: getattr(rows, f.name) for f in dataclasses.fields(rows) if f.name in Rollout.__annotations__
    }
    count = len(failed)
    return Rollout(
        **shared, failed=torch.tensor(failed), score=torch.zeros(count), terms={},
        is_again=torch.zeros(count, dtype=torch.bool), stopped=torch.ones(count, dtype=torch.bool),
        num_turns=torch.ones(count, dtype=torch.int64),
    )  # fmt: skip


def test_rows_whose_reward_failed_never_enter():
    kept = make_replay_rows(make_rollout([False, True, False, True]), born=3)
    assert names(kept) == [0, 2] and kept.born.tolist() == [3, 3]
    assert (
        len(
            set(kept.group.tolist()) & set(make_replay_rows(make_rollout([False] * 4), born=4).group.tolist())
        )
        == 0
    )


def test_draws_are_decided_by_the_generator_alone_and_hold_no_row_twice():
    replay = Replay(100)
    replay.add(make_rows(20))
    first = replay.sample(make_generator(0, "draw"), 8)
    again = replay.sample(make_generator(0, "draw"), 8)
    other = replay.sample(make_generator(1, "draw"), 8)
    assert torch.equal(first.places, again.places) and not torch.equal(first.places, other.places)
    assert len(set(names(first.rows))) == 8 and names(first.rows) == first.places.tolist()
    assert first.weights.tolist() == [1.0] * 8
    assert len(replay.sample(make_generator(0), 50).places) == 20


def test_draws_follow_the_errors_and_weights_make_up_for_them():
    replay = Replay(100, priority_exponent=0.5, importance_exponent=1.0, floor=1e-9)
    replay.add(make_rows(4))
    replay.update(torch.arange(4), torch.tensor([1.0, 4.0, 9.0, 16.0]))  # chances 0.1, 0.2, 0.3, 0.4
    batch = replay.sample(make_generator(0), 20000)
    share = torch.bincount(batch.places, minlength=4) / 20000
    assert share.tolist() == pytest.approx([0.1, 0.2, 0.3, 0.4], abs=0.015)  # over 4 standard deviations
    by_place = {int(p): float(w) for p, w in zip(batch.places, batch.weights, strict=True)}
    assert by_place == pytest.approx({0: 1.0, 1: 0.5, 2: 1 / 3, 3: 0.25}, rel=1e-5)
    assert torch.equal(replay.uses, torch.bincount(batch.places, minlength=4))


def test_new_rows_are_as_urgent_as_the_most_urgent_and_nan_changes_no_priority():
    replay = Replay(100, priority_exponent=1.0, floor=1e-9)
    replay.add(make_rows(2))
    replay.update(torch.tensor([0, 1]), torch.tensor([3.0, torch.nan]))
    replay.add(make_rows(1, first=9))
    batch = replay.sample(make_generator(0), 7000)
    share = torch.bincount(batch.places, minlength=3) / 7000
    assert share.tolist() == pytest.approx([3 / 7, 1 / 7, 3 / 7], abs=0.025)


def test_whole_groups_are_drawn_whole():
    replay = Replay(100)
    replay.add(make_rows(8))
    replay.add(make_rows(8, born=1, first=20))
    batch = replay.sample(make_generator(0), 6, whole_groups=True)
    groups, sizes = batch.rows.group.unique(return_counts=True)
    assert len(groups) == 3 and sizes.tolist() == [2, 2, 2]


def test_a_state_gives_the_same_replay():
    replay = Replay(6, priority_exponent=1.0)
    replay.add(make_rows(4))
    replay.sample(make_generator(0), 3)
    replay.update(torch.tensor([0, 2]), torch.tensor([0.1, 5.0]))
    other = Replay(6, priority_exponent=1.0)
    tensors, structure = pack(replay.state_dict())
    other.load_state_dict(unpack(structure, tensors))
    for each in (replay, other):
        each.add(make_rows(4, born=1, first=10))
    one, two = (each.sample(make_generator(7), 16) for each in (replay, other))
    assert torch.equal(one.places, two.places) and torch.equal(one.weights, two.weights)
    assert torch.equal(one.rows.input_ids, two.rows.input_ids)
    assert torch.equal(replay.uses, other.uses)
    empty = Replay(6)
    empty.load_state_dict(Replay(6).state_dict())
    assert len(empty) == 0


def test_a_checkpoint_whose_replay_was_cut_in_the_middle_is_refused(tmp_path):
    replay = Replay(100)
    replay.add(make_rows(50))
    checkpoint.save(tmp_path, step=1, state={"replay": replay.state_dict()})
    (file,) = tmp_path.rglob("tensors.safetensors")
    data = file.read_bytes()
    file.write_bytes(data[: len(data) // 2])
    with pytest.raises(CheckpointError):
        checkpoint.load(tmp_path)


def test_bad_numbers_are_named():
    for options in (
        {"capacity": 0},
        {"capacity": 1, "max_tokens": 0},
        {"capacity": 1, "importance_exponent": 2.0},
    ):
        with pytest.raises(InvalidValueError, match="replay"):
            Replay(**options)
    with pytest.raises(InvalidValueError, match="holds 0"):
        Replay(1).sample(np.random.default_rng(0), 1)
