"""Trajectories as JSON lines: a header, then an episode a line.

    {"format": "lmgym-trajectories", "version": 1, "env_id": "lmgym/Maze-v0", "tokenizer": "23e5ea20", ...}
    {"ids": [57, 13, ...], "actions": [[16, 18], [34, 36]], "rewards": [[17, -1.0], [35, 0.0]], ...}

``actions`` are the spans of the agent's tokens, [first, end); ``rewards`` stand beside the tokens that earned
them. Files may come from anywhere: reading takes bounded memory a line, and whatever is not ours is a typed
error with its line. A file grows by whole lines; one that was cut off in writing is left out and named.
"""

from __future__ import annotations

import dataclasses
import os
import stat
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from lmgym.tokenization import TextTokenizer
from lmgym_agents.errors import CheckpointError, TrajectoryError
from lmgym_agents.offline.fields import MAX_INT, read_plain, read_source, shorten, take, write_plain
from lmgym_agents.offline.trajectories import (
    Trajectories,
    Trajectory,
    TrajectorySource,
    check_same_source,
    check_tokenizer,
    check_trajectory,
)
from lmgym_agents.runs.durable_files import write_atomically
from lmgym_agents.runs.strict_json import MAX_JSON_BYTES, from_json, to_json

FORMAT: Final = "lmgym-trajectories"
VERSION: Final = 1


def append_jsonl(path: Path, new: Trajectories, *, on_message: Callable[[str], None] | None = None) -> None:
    """Adds episodes to a file, which is made if there is none; a torn last line is cut off first.

    After a crash the file holds whole lines of a part of the new episodes, and at most one torn line.

    Args:
        path: of the file; its folder must exist.
        new: checked before anything is written.
        on_message: told in words of a line that was cut.

    Raises:
        TrajectoryError: an episode that would not be read back, or the file is of another environment,
            tokenizer or format.
        OSError: the disk fails.
    """
    for number, episode in enumerate(new.episodes):
        check_trajectory(episode, new.source.vocab_size, f"episode {number}")
    lines = b"".join(_episode_line(episode) for episode in new.episodes)
    if not path.exists():
        write_atomically(path.absolute(), _header(new.source) + lines)
        return
    _check_file(path)
    with open(path, "r+b") as file:
        _lock(file)
        header = _read_header(_read_line(file, path, 1), path)
        check_same_source(header, new.source, "what is to be added")
        end = _whole_lines(file)
        if end < file.seek(0, os.SEEK_END):
            _say(on_message, f"The last line of {path} was cut off in writing; it is removed.")
            file.truncate(end)
        file.seek(end)
        file.write(lines)
        file.flush()
        os.fsync(file.fileno())


def read_jsonl(
    path: Path,
    *,
    tokenizer: TextTokenizer | None = None,
    on_message: Callable[[str], None] | None = None,
) -> Trajectories:
    """Returns the episodes of a file.

    Args:
        path: of the file.
        tokenizer: whose ids they must be; None: anyone's.
        on_message: told in words of a last line that was cut off in writing, which is left out.

    Raises:
        TrajectoryError: no such file, or it is not a file of trajectories, of another tokenizer, or a line
            holds something else than an episode; the message names the line.
    """
    _check_file(path)
    with open(path, "rb") as file:
        lines = _lines(file, path, on_message)
        source = _read_header(next(lines, b""), path)
        if tokenizer is not None:
            check_tokenizer(source, tokenizer, str(path))
        episodes = tuple(
            _read_episode(line, source.vocab_size, f"{path}, line {number}")
            for number, line in enumerate(lines, start=2)
        )
    return Trajectories(source=source, episodes=episodes)


def _lock(file: BinaryIO) -> None:
    """Lets two recordings into one file take turns, where the system can."""
    if sys.platform != "win32":
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX)


def _header(source: TrajectorySource) -> bytes:
    fields = {"format": FORMAT, "version": VERSION, **dataclasses.asdict(source)}
    return _to_line(fields, "the header")


def _episode_line(episode: Trajectory) -> bytes:
    edges = np.flatnonzero(np.diff(np.concatenate([[False], episode.is_action, [False]]).astype(np.int8)))
    places = np.flatnonzero(episode.rewards).tolist()
    logps = episode.logp_behaviour
    fields = {
        "ids": episode.input_ids.tolist(),
        "actions": edges.reshape(-1, 2).tolist(),
        "rewards": [[place, float(episode.rewards[place])] for place in places],
        "logps": None if logps is None else logps[episode.is_action].tolist(),
    } | write_plain(episode)
    return _to_line(fields, "an episode")


def _to_line(value: Any, what: str) -> bytes:
    try:
        data: bytes = to_json(value, what)
    except (CheckpointError, ValueError, TypeError) as error:
        raise TrajectoryError(f"{what} can't be written as JSON: {error}") from None
    return data + b"\n"


def _check_file(path: Path) -> None:
    try:
        status = os.stat(path)
    except OSError as error:
        raise TrajectoryError(f"there are no trajectories to read at {path}: {error.strerror}.") from None
    if not stat.S_ISREG(status.st_mode):  # a pipe would block whoever opens it
        raise TrajectoryError(f"{path} is not a plain file.")


def _read_line(file: BinaryIO, path: Path, number: int) -> bytes:
    """Returns the next line with its newline; without one it is the torn end of the file, or empty."""
    line = file.readline(MAX_JSON_BYTES + 1)
    if len(line) > MAX_JSON_BYTES:
        raise TrajectoryError(f"{path}, line {number} is longer than {MAX_JSON_BYTES} bytes.")
    return line


def _lines(file: BinaryIO, path: Path, on_message: Callable[[str], None] | None) -> Iterator[bytes]:
    number = 0
    while line := _read_line(file, path, number + 1):
        number += 1
        if not line.endswith(b"\n"):
            _say(on_message, f"{path}, line {number} was cut off in writing; it is left out.")
            return
        yield line


def _whole_lines(file: BinaryIO) -> int:
    """Returns where the last whole line ends."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - 65536)
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _read_header(line: bytes, path: Path) -> TrajectorySource:
    fields = _read_object(line, f"{path}, line 1") if line.endswith(b"\n") else {}
    if fields.get("format") != FORMAT or fields.get("version") != VERSION:
        raise TrajectoryError(
            f"{path} does not begin with the header of {FORMAT}, version {VERSION}; record trajectories with "
            "lmgym record."
        )
    return read_source(fields, f"{path}, line 1")


def _read_object(line: bytes, what: str) -> dict[str, Any]:
    try:
        value = from_json(line, what)
    except CheckpointError as error:
        raise TrajectoryError(str(error)) from None
    if not isinstance(value, dict):
        raise TrajectoryError(f"{what} must be an object, got {type(value).__name__}.")
    return value


def _read_episode(line: bytes, vocab_size: int, what: str) -> Trajectory:
    fields = _read_object(line, what)
    ids = _integers(fields, "ids", what)
    is_action = np.zeros(len(ids), np.bool_)
    previous = 0
    for pair in take(fields, "actions", list, what):
        if not _is_pair(pair, len(ids), previous) or pair[0] >= pair[1]:
            raise TrajectoryError(
                f"{what}: actions must be ascending spans [first, end), got {str(pair)[:40]}"
            )
        is_action[pair[0] : pair[1]] = True
        previous = pair[1]
    rewards = np.zeros(len(ids), np.float32)
    for pair in take(fields, "rewards", list, what):
        if not (isinstance(pair, list) and len(pair) == 2 and _is_place(pair[0], len(ids) - 1)):
            raise TrajectoryError(f"{what}: rewards must be [token, number], got {str(pair)[:40]}.")
        rewards[pair[0]] = _number(pair[1], what)
    episode = Trajectory(
        input_ids=ids, is_action=is_action, rewards=rewards,
        logp_behaviour=_read_logps(fields.get("logps"), is_action, what),
        **read_plain(fields, what),
    )  # fmt: skip
    check_trajectory(episode, vocab_size, what)
    return episode


def _integers(fields: dict[str, Any], name: str, what: str) -> NDArray[np.int64]:
    values = take(fields, name, list, what)
    if not all(type(value) is int and abs(value) <= MAX_INT for value in values):
        raise TrajectoryError(f"{what}: {name} must be a list of integers.")
    return np.array(values, np.int64)


def _is_place(value: object, last: int) -> bool:
    return type(value) is int and 0 <= value <= last


def _is_pair(pair: object, last: int, previous: int) -> bool:
    if not (isinstance(pair, list) and len(pair) == 2):
        return False
    return all(_is_place(end, last) for end in pair) and pair[0] >= previous


def _number(value: object, what: str) -> float:
    # Bounded before it becomes a float32, which would overflow; NaN fails the comparison.
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 1e30:
        raise TrajectoryError(f"{what}: expected a finite number, got {shorten(value)}.")
    return float(value)


def _read_logps(values: object, is_action: NDArray[np.bool_], what: str) -> NDArray[np.float32] | None:
    if values is None:
        return None
    if not isinstance(values, list) or len(values) != int(is_action.sum()):
        raise TrajectoryError(f"{what}: logps must be null or a number for each action.")
    logps = np.zeros(len(is_action), np.float32)
    logps[is_action] = [_number(value, what) for value in values]
    return logps


def _say(on_message: Callable[[str], None] | None, message: str) -> None:
    if on_message is not None:
        on_message(message)
