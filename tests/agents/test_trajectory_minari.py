from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from lmgym_agents.errors import TrajectoryError
from lmgym_agents.offline.minari_files import read_minari, write_minari
from lmgym_agents.offline.trajectories import (
    Trajectories,
    Trajectory,
    TrajectorySource,
    from_rollout,
    to_rollout,
)

minari = pytest.importorskip("minari")
pytest.importorskip("pyarrow")

SOURCE = TrajectorySource(
    env_id="lmgym/Some-v0", env_options={"level": 2}, task="Some(level=2)", tokenizer="abc", vocab_size=9
)


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path))


def make_episodes():
    two_turns = Trajectory(
        input_ids=np.array([5, 6, 7, 8, 1]),
        is_action=np.array([False, True, True, False, True]),
        rewards=np.array([0, 0, -1, 0, 0.1], np.float32),
        logp_behaviour=np.array([0, -0.5, -0.25, 0, -0.1], np.float32),
        terminated=True, success=True, score=1.0, stopped=True, num_turns=2, split="train",
        problem_index=2**62 + 1, actor="hand",
    )  # fmt: skip
    cut = dataclasses.replace(
        two_turns, input_ids=np.array([1, 0, 3]), is_action=np.array([False, True, False]),
        rewards=np.array([0, 2, 0], np.float32), logp_behaviour=np.array([0, -2, 0], np.float32),
        terminated=False, success=False, score=0.25, stopped=False, num_turns=1, actor="chance",
    )  # fmt: skip
    return two_turns, cut


def test_trajectories_come_back_as_they_were():
    data = Trajectories(source=SOURCE, episodes=make_episodes())
    write_minari("lmgym/some-v0", data)
    back = read_minari("lmgym/some-v0")
    assert back == data
    rollout = to_rollout(back.episodes)
    assert from_rollout(rollout, split="train", actor="hand")[0] == data.episodes[0]


def test_episodes_without_log_probs_come_back_without():
    episodes = tuple(dataclasses.replace(episode, logp_behaviour=None) for episode in make_episodes())
    write_minari("lmgym/some-v0", Trajectories(source=SOURCE, episodes=episodes))
    assert read_minari("lmgym/some-v0").episodes == episodes


def test_others_see_tokens_as_actions_and_prefixes_as_observations():
    write_minari("lmgym/some-v0", Trajectories(source=SOURCE, episodes=make_episodes()), pad_id=4)
    dataset = minari.load_dataset("lmgym/some-v0")
    first, second = dataset.iterate_episodes()
    assert first.actions.tolist() == [6, 7, 1]
    assert first.rewards.tolist() == pytest.approx([0, -1, 0.1])
    assert first.terminations.tolist() == [False, False, True]
    assert first.truncations.tolist() == [False, False, False]
    assert first.observations["input_ids"].tolist() == [
        [5, 4, 4, 4, 4], [5, 6, 4, 4, 4], [5, 6, 7, 8, 4], [5, 6, 7, 8, 1],
    ]  # fmt: skip
    assert first.observations["attention_mask"].sum(axis=1).tolist() == [1, 2, 4, 5]
    assert second.truncations.tolist() == [True]
    assert dataset.action_space.n == 9
    for row in first.observations["input_ids"]:
        assert dataset.observation_space["input_ids"].contains(row)


def test_mistakes_are_typed_errors():
    with pytest.raises(TrajectoryError, match="no local Minari"):
        read_minari("lmgym/missing-v0")
    with pytest.raises(TrajectoryError, match="at least one"):
        write_minari("lmgym/some-v0", Trajectories(source=SOURCE, episodes=()))
    bad = dataclasses.replace(make_episodes()[0], score=2.0)
    with pytest.raises(TrajectoryError, match="score"):
        write_minari("lmgym/some-v0", Trajectories(source=SOURCE, episodes=(bad,)))


@pytest.mark.parametrize("change", ["token", "grows", "foreign"])
def test_damaged_data_sets_are_refused(change, monkeypatch):
    write_minari("lmgym/some-v0", Trajectories(source=SOURCE, episodes=make_episodes()[:1]))
    dataset = minari.load_dataset("lmgym/some-v0")
    if change == "foreign":
        dataset.storage.update_episode_metadata([{"options": {}}], [0])
        with pytest.raises(TrajectoryError, match="not written by lmgym"):
            read_minari("lmgym/some-v0")
        return
    (episode,) = dataset.iterate_episodes()
    observations = {name: value.copy() for name, value in episode.observations.items()}
    if change == "token":
        observations["input_ids"][1, 0] = 3
    else:
        observations["attention_mask"][1, 3] = 1
    damaged = dataclasses.replace(episode, observations=observations)
    monkeypatch.setattr(type(dataset), "iterate_episodes", lambda self, _: iter([damaged]))
    with pytest.raises(TrajectoryError, match="do not grow"):
        read_minari("lmgym/some-v0")
