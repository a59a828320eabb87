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


def read_changed(monkeypatch, change, episodes=None):
    """Reads a data set of which ``change`` makes something else of each episode as Minari gives it."""
    write_minari("lmgym/some-v0", Trajectories(source=SOURCE, episodes=episodes or make_episodes()[:1]))
    dataset = minari.load_dataset("lmgym/some-v0")
    kept = [change(episode) for episode in dataset.iterate_episodes()]
    monkeypatch.setattr(type(dataset), "iterate_episodes", lambda self, _: iter(kept))
    return read_minari("lmgym/some-v0")


def test_actions_that_are_not_what_was_observed_are_refused(monkeypatch):
    with pytest.raises(TrajectoryError, match="do not grow"):
        read_changed(monkeypatch, lambda episode: dataclasses.replace(episode, actions=episode.actions[::-1]))


def test_observations_that_stay_as_they_are_are_refused(monkeypatch):
    def repeat_first(episode):
        observations = {name: value[[0, 0, 2, 3]] for name, value in episode.observations.items()}
        actions = np.array([episode.actions[0], *episode.actions[:1], *episode.actions[2:]])
        return dataclasses.replace(episode, observations=observations, actions=actions)

    with pytest.raises(TrajectoryError, match="do not grow"):
        read_changed(monkeypatch, repeat_first)


def test_an_end_that_contradicts_the_description_is_refused(monkeypatch):
    with pytest.raises(TrajectoryError, match="how it ended"):
        read_changed(
            monkeypatch,
            lambda episode: dataclasses.replace(episode, terminations=np.zeros_like(episode.terminations)),
        )


def test_rewards_that_are_no_numbers_are_refused(monkeypatch):
    with pytest.raises(TrajectoryError, match="rewards"):
        read_changed(
            monkeypatch, lambda episode: dataclasses.replace(episode, rewards=episode.rewards * np.nan)
        )


def test_episodes_of_several_environments_are_refused():
    write_minari("lmgym/some-v0", Trajectories(source=SOURCE, episodes=make_episodes()))
    storage = minari.load_dataset("lmgym/some-v0").storage
    (second,) = storage.get_episode_metadata([1])
    fields = {**second["options"]["lmgym"], "source": {**dataclasses.asdict(SOURCE), "task": "other"}}
    storage.update_episode_metadata([{"options": {"lmgym": fields}}], [1])
    with pytest.raises(TrajectoryError, match="several environments"):
        read_minari("lmgym/some-v0")


def test_options_that_are_not_plain_are_refused_before_anything_is_written(tmp_path):
    source = dataclasses.replace(SOURCE, env_options={"level": object()})
    with pytest.raises(TrajectoryError, match="JSON"):
        write_minari("lmgym/some-v0", Trajectories(source=source, episodes=make_episodes()))
    assert not list(tmp_path.rglob("*.json"))
