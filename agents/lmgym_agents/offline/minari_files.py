"""Trajectories as Minari data sets, for every library that reads those; needs ``pip install minari[arrow]``.

A step is one action of the agent, a token. Its observation is the environment's own: ``input_ids`` int32[L]
padded on the right and ``attention_mask`` int8[L] of everything before the token, so an episode of N actions
has N + 1 observations and takes N L numbers on disk. What Minari has no place for (which problem, who acted,
the source) stands in each episode's ``options``, log-probs in ``infos``. Reading trusts nothing: the rows
must be append-only, and the episodes must pass the same checks as those of any file.
"""

from __future__ import annotations

import dataclasses
import importlib
import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
from gymnasium import spaces

from lmgym.errors import MissingDependencyError
from lmgym_agents.errors import CheckpointError, TrajectoryError
from lmgym_agents.offline.fields import read_plain, read_source, write_plain
from lmgym_agents.offline.trajectories import Trajectories, Trajectory, check_trajectory
from lmgym_agents.runs.strict_json import to_json

KEY = "lmgym"
_LOGPS = "logp_behaviour"


def write_minari(dataset_id: str, data: Trajectories, *, pad_id: int = 0, **about: str) -> Any:
    """Writes trajectories as a new local Minari data set and returns it.

    Args:
        dataset_id: such as ``lmgym/maze-v0``; there must be none of that name.
        data: at least one episode.
        pad_id: fills observations on the right.
        **about: ``author``, ``author_email`` and ``code_permalink``, as Minari keeps them.

    Raises:
        MissingDependencyError: minari, or what it stores arrow files with, is not installed.
        TrajectoryError: no episode, or one that would not be read back.
        ValueError: Minari refuses the name.
    """
    minari = _import_minari()
    if not data.episodes:
        raise TrajectoryError("a data set needs at least one episode, got none.")
    width = max(len(episode.input_ids) for episode in data.episodes)
    buffers = []
    for number, episode in enumerate(data.episodes):
        check_trajectory(episode, data.source.vocab_size, f"episode {number}")
        buffers.append(_to_buffer(minari, episode, data, width, pad_id))
    observation_space = spaces.Dict({
        "input_ids": spaces.Box(0, data.source.vocab_size - 1, (width,), np.int32),
        "attention_mask": spaces.Box(0, 1, (width,), np.int8),
    })  # fmt: skip
    with warnings.catch_warnings():
        # Minari warns of every field about the author that was left out, of no evaluation environment ...
        warnings.simplefilter("ignore", UserWarning)
        return minari.create_dataset_from_buffers(
            dataset_id, buffers, data_format="arrow", jpeg_encoding=False,
            observation_space=observation_space, action_space=spaces.Discrete(data.source.vocab_size),
            algorithm_name=", ".join(sorted({episode.actor for episode in data.episodes})),
            description=f"Token-level episodes of {data.source.env_id}, recorded by lmgym.", **about,
        )  # fmt: skip


def read_minari(dataset_id: str) -> Trajectories:
    """Returns the trajectories of a local Minari data set that ``write_minari`` wrote.

    Raises:
        MissingDependencyError: minari, or what it reads arrow files with, is not installed.
        TrajectoryError: no such data set, it is not one of ours, or an episode is damaged.
    """
    minari = _import_minari()
    try:
        dataset = minari.load_dataset(dataset_id)
    except FileNotFoundError as error:
        raise TrajectoryError(f"there is no local Minari data set {dataset_id!r}: {error}") from None
    numbers = dataset.episode_indices
    described = dataset.storage.get_episode_metadata(numbers)
    sources, episodes = [], []
    for stored, metadata in zip(dataset.iterate_episodes(numbers), described, strict=True):
        what = f"{dataset_id}, episode {stored.id}"
        fields = (metadata.get("options") or {}).get(KEY)
        if not isinstance(fields, dict):
            raise TrajectoryError(f"{what} was not written by lmgym: it does not say what its tokens mean.")
        sources.append(read_source(fields.get("source"), what))
        episodes.append(_to_trajectory(stored, fields, what))
        check_trajectory(episodes[-1], sources[-1].vocab_size, what)
    if not sources or any(source != sources[0] for source in sources):
        raise TrajectoryError(f"{dataset_id} has no episode, or episodes of several environments.")
    return Trajectories(source=sources[0], episodes=tuple(episodes))


def _to_buffer(minari: Any, episode: Trajectory, data: Trajectories, width: int, pad_id: int) -> Any:
    places = np.flatnonzero(episode.is_action)
    ends = np.array([*places, len(episode.input_ids)])
    mask = np.arange(width) < ends[:, None]
    row = np.full(width, pad_id, np.int32)
    row[: len(episode.input_ids)] = episode.input_ids
    is_last = places == places[-1]
    fields = {"source": dataclasses.asdict(data.source), **write_plain(episode)}
    try:  # Minari writes it as JSON later
        to_json(fields, "what describes an episode")
    except (CheckpointError, ValueError, TypeError) as error:
        raise TrajectoryError(f"what describes an episode can't be written as JSON: {error}") from None
    infos = {}
    if episode.logp_behaviour is not None:
        logps = np.append(episode.logp_behaviour[places], np.float32(0))
        infos[_LOGPS] = logps[:, None]  # a plain vector is not read back by minari 0.5.4
    return minari.data_collector.EpisodeBuffer(
        observations={
            "input_ids": np.where(mask, row, np.int32(pad_id)),
            "attention_mask": mask.astype(np.int8),
        },
        actions=episode.input_ids[places],
        rewards=episode.rewards[places],
        terminations=is_last & episode.terminated,
        truncations=is_last & (not episode.terminated),
        options={KEY: fields},
        infos=infos,
    )


def _to_trajectory(stored: Any, fields: Mapping[str, Any], what: str) -> Trajectory:
    ids, mask = (np.asarray(stored.observations[name]) for name in ("input_ids", "attention_mask"))
    actions, lengths = np.asarray(stored.actions, np.int64), mask.sum(axis=1)
    row = ids[-1, : lengths[-1]].astype(np.int64)
    places = lengths[:-1]
    is_prefix = (mask == (np.arange(mask.shape[1]) < lengths[:, None])).all()
    same = ((ids == ids[-1]) | (mask == 0)).all()
    if not (is_prefix and same and (np.diff(lengths) > 0).all() and (row[places] == actions).all()):
        raise TrajectoryError(f"{what}: observations do not grow by the actions and by what follows them.")
    is_action, rewards = np.zeros(len(row), np.bool_), np.zeros(len(row), np.float32)
    is_action[places], rewards[places] = True, stored.rewards
    logps = None
    if _LOGPS in (stored.infos or {}):
        logps = np.zeros(len(row), np.float32)
        logps[places] = stored.infos[_LOGPS][:-1].reshape(-1)
    plain = read_plain(fields, what)
    if bool(stored.terminations[-1]) != plain["terminated"]:
        raise TrajectoryError(f"{what}: its last step and its description differ in how it ended.")
    return Trajectory(input_ids=row, is_action=is_action, rewards=rewards, logp_behaviour=logps, **plain)


def _import_minari() -> Any:
    try:
        importlib.import_module("pyarrow")
        importlib.import_module("minari.data_collector")
        return importlib.import_module("minari")
    except ImportError as error:
        raise MissingDependencyError(
            f"Minari data sets need Minari and pyarrow ({error}); install them with: "
            'pip install "lmgym[offline]"'
        ) from error
