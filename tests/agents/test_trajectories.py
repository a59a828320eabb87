from __future__ import annotations

import dataclasses
import json
import os

import numpy as np
import pytest
import torch

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.maze.task import Maze
from lmgym.tokenization import CharTokenizer
from lmgym_agents.engine import Engine
from lmgym_agents.errors import TrajectoryError
from lmgym_agents.models import make_tiny_model
from lmgym_agents.offline import jsonl
from lmgym_agents.offline.jsonl import append_jsonl, read_jsonl
from lmgym_agents.offline.trajectories import (
    ScriptEngine,
    Trajectories,
    Trajectory,
    TrajectorySource,
    check_trajectory,
    from_rollout,
    make_source,
    to_rollout,
)
from lmgym_agents.rollout import collect
from lmgym_agents.sampling import SamplingParams

TOKENIZER = CharTokenizer()
PARAMS = SamplingParams(max_new_tokens=1)


def make_env(count, max_steps=4, **options):
    task = Maze(layout="umaze", max_steps=max_steps)
    return TokenVectorEnv(task, num_envs=count, autoreset_mode="DISABLED", reward="lmrl_maze", **options)


def record(turns, **options):
    """Plays one script a row in the small maze, whose problem 0 ... n-1 they are."""
    env = make_env(len(turns), **options)
    index = np.arange(len(turns))
    rollout = collect(env, ScriptEngine(turns, TOKENIZER), PARAMS, seed=0, problem_index=index)
    return env, rollout


def make_data(turns=(("u", "r", "d", "l"), ("x", "u"), ("r", "d", "d", "r"))):
    env, rollout = record(turns)
    source = make_source(env, "lmgym/Maze-v0", {"layout": "umaze", "max_steps": 4})
    episodes = from_rollout(rollout, split="train", actor="script", has_logps=False)
    return Trajectories(source=source, episodes=episodes)


def make_episode(**changes):
    plain = Trajectory(
        input_ids=np.array([5, 6, 7, 8]),
        is_action=np.array([False, True, False, True]),
        rewards=np.array([0, -1, 0, 0.25], np.float32),
        logp_behaviour=np.array([0, -0.5, 0, -0.1], np.float32),
        terminated=True, success=True, score=1.0, stopped=True, num_turns=2, split="train",
        problem_index=3, actor="hand",
    )  # fmt: skip
    return dataclasses.replace(plain, **changes)


def make_written(*episodes):
    source = TrajectorySource(
        env_id="lmgym/Some-v0", env_options={"level": 2}, task="Some(level=2)", tokenizer="abc", vocab_size=9
    )
    return Trajectories(source=source, episodes=episodes)


def test_a_script_is_played_to_the_letter_and_paid_by_the_environment():
    turns = [("d", "d"), ("l", "l", "l", "l")]
    env, rollout = record(turns)
    first = env.task.problem("train", 0).reference.start
    assert first is not None
    for row, script in enumerate(turns):
        said = TOKENIZER.decode(rollout.input_ids[row][rollout.is_action[row]].numpy())
        # A script that is over falls silent: the rest of its turns are an end token each.
        assert said == "".join(script)
    silent = int(rollout.num_turns[0]) - 2
    moved = int(rollout.num_turns[0]) - silent - int(rollout.success[0])
    if not rollout.success[0]:
        assert float(rollout.returns[0]) == -1 * moved - 4 * silent - 1


def test_rollouts_come_back_from_trajectories_row_by_row():
    _, rollout = record([("u", "r"), ("l", "l", "l", "l"), ("r", "d", "d")])
    back = to_rollout(from_rollout(rollout, split="train", actor="script"))
    for field in dataclasses.fields(rollout):
        value = getattr(rollout, field.name)
        if isinstance(value, torch.Tensor):
            assert torch.equal(getattr(back, field.name), value), field.name


def test_failed_rows_are_not_kept():
    _, rollout = record([("u",), ("d",)])
    failed = dataclasses.replace(rollout, failed=torch.tensor([True, False]))
    kept = from_rollout(failed, split="train", actor="script")
    assert [episode.problem_index for episode in kept] == [1]


def test_the_best_are_those_of_the_highest_returns_in_their_order():
    episodes = [
        make_episode(rewards=np.array([0, r, 0, 0], np.float32), problem_index=i)
        for i, r in enumerate([3.0, 1.0, 5.0, 3.0, 4.0])
    ]
    data = make_written(*episodes)
    assert data.returns.tolist() == [3, 1, 5, 3, 4]
    assert [e.problem_index for e in data.best(0.6).episodes] == [0, 2, 4]
    assert [e.problem_index for e in data.best(0.01).episodes] == [2]
    with pytest.raises(InvalidValueError, match=r"\(0, 1\]"):
        data.best(0)


def test_sampled_episodes_come_back_from_a_file_bit_for_bit(tmp_path):
    env = TokenVectorEnv(Math(level=1), num_envs=8, autoreset_mode="DISABLED")
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=env.context_length, seed=0
    )
    rollout = collect(env, Engine(model, max_rows=8), PARAMS, seed=1, env_seed=2)
    source = make_source(env, "lmgym/Math-v0", {"level": 1})
    data = Trajectories(source=source, episodes=from_rollout(rollout, split="train", actor="tiny"))
    path = tmp_path / "math.jsonl"
    append_jsonl(path, Trajectories(source=source, episodes=data.episodes[:3]))
    append_jsonl(path, Trajectories(source=source, episodes=data.episodes[3:]))
    back = read_jsonl(path, tokenizer=TOKENIZER)
    assert back == data
    assert any(episode.logp_behaviour.any() for episode in back.episodes)
    again = to_rollout(back.episodes)
    assert torch.equal(again.input_ids, rollout.input_ids)
    assert torch.equal(again.logp_behaviour, rollout.logp_behaviour)


def test_a_line_is_worked_by_hand(tmp_path):
    path = tmp_path / "one.jsonl"
    append_jsonl(path, make_written(make_episode(), make_episode(logp_behaviour=None, terminated=False)))
    header, first, second = (json.loads(line) for line in path.read_text().splitlines())
    assert header == {
        "format": "lmgym-trajectories", "version": 1, "env_id": "lmgym/Some-v0", "env_options": {"level": 2},
        "task": "Some(level=2)", "tokenizer": "abc", "vocab_size": 9,
    }  # fmt: skip
    assert first == {
        "ids": [5, 6, 7, 8], "actions": [[1, 2], [3, 4]], "rewards": [[1, -1.0], [3, 0.25]],
        "logps": [-0.5, float(np.float32(-0.1))], "terminated": True, "success": True, "score": 1.0,
        "stopped": True, "num_turns": 2, "split": "train", "problem_index": 3, "actor": "hand",
    }  # fmt: skip
    assert second["logps"] is None and second["terminated"] is False


def test_a_torn_last_line_is_cut_and_named_and_swallows_nothing(tmp_path):
    path, data = tmp_path / "torn.jsonl", make_data()
    append_jsonl(path, data)
    whole = path.read_bytes()
    for cut in (1, 40, len(whole.splitlines(keepends=True)[-1]) - 1):
        path.write_bytes(whole[:-cut])
        said = []
        assert read_jsonl(path, on_message=said.append).episodes == data.episodes[:-1]
        assert "line 4 was cut off" in said[0]
        append_jsonl(path, data, on_message=said.append)
        assert "removed" in said[1]
        assert read_jsonl(path).episodes == data.episodes[:-1] + data.episodes


def test_a_crash_in_the_middle_of_the_header_is_a_typed_error(tmp_path):
    path = tmp_path / "torn.jsonl"
    path.write_bytes(b'{"format": "lmgym-traj')
    with pytest.raises(TrajectoryError, match="header"):
        read_jsonl(path)
    with pytest.raises(TrajectoryError, match="header"):
        append_jsonl(path, make_data())


def test_another_tokenizer_environment_or_reward_is_refused(tmp_path):
    path = tmp_path / "data.jsonl"
    data = make_written(make_episode())
    append_jsonl(path, data)
    with pytest.raises(TrajectoryError, match="recorded with the tokenizer abc of 9 tokens"):
        read_jsonl(path, tokenizer=TOKENIZER)
    for changes in ({"tokenizer": "other"}, {"task": "Some(level=3)"}, {"env_options": {"reward": "x"}}):
        other = Trajectories(source=dataclasses.replace(data.source, **changes), episodes=data.episodes)
        with pytest.raises(TrajectoryError, match=f"another {next(iter(changes))}"):
            append_jsonl(path, other)
        with pytest.raises(TrajectoryError, match="another"):
            data + other
    assert len(read_jsonl(path).episodes) == 1


BAD = {
    "no_json": "{",
    "a_list": "[]",
    "nan": {"rewards": "[[1, NaN]]"},
    "infinite": {"rewards": "[[1, 1e999]]"},
    "huge_reward": {"rewards": "[[1, 1e29]]"},
    "text_for_number": {"rewards": '[[1, "1"]]'},
    "reward_beyond_the_end": {"rewards": "[[4, 1]]"},
    "reward_before_the_start": {"rewards": "[[-1, 1]]"},
    "reward_of_nobody": {"rewards": "[[2, 1]]"},
    "id_too_large": {"ids": "[5, 6, 7, 9]"},
    "id_negative": {"ids": "[5, 6, 7, -1]"},
    "id_huge": {"ids": f"[5, 6, 7, {10**30}]"},
    "id_enormous": {"ids": f"[5, 6, 7, {'9' * 5000}]"},
    "id_float": {"ids": "[5, 6, 7, 1.0]"},
    "id_boolean": {"ids": "[5, 6, 7, true]"},
    "no_ids": {"ids": "[]", "actions": "[]", "rewards": "[]", "logps": "null"},
    "no_action": {"actions": "[]", "rewards": "[]", "logps": "[]"},
    "first_is_action": {"actions": "[[0, 2], [3, 4]]", "logps": "[0, 0, 0]"},
    "overlapping": {"actions": "[[1, 3], [2, 4]]"},
    "backwards": {"actions": "[[2, 1]]"},
    "empty_span": {"actions": "[[1, 1]]"},
    "span_beyond": {"actions": "[[1, 5]]"},
    "span_of_text": {"actions": '["12"]'},
    "logps_short": {"logps": "[-0.5]"},
    "logps_nan": {"logps": "[-0.5, NaN]"},
    "score_above": {"score": "1.5"},
    "score_text": {"score": '"1"'},
    "turns_none": {"num_turns": "0"},
    "index_negative": {"problem_index": "-1"},
    "index_huge": {"problem_index": str(10**40)},
    "terminated_number": {"terminated": "1"},
    "twice": {"score": "1.0, \"score\": 0.0"},
    "missing": {"actor": None},
    "deep": {"rewards": "[" * 100_000},
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_lines_are_typed_errors_that_name_the_line(kind, tmp_path):
    path = tmp_path / "bad.jsonl"
    append_jsonl(path, make_written(make_episode(), make_episode()))
    header, first, second = path.read_text().splitlines()
    bad = BAD[kind]
    if isinstance(bad, dict):
        fields = {name: json.dumps(value) for name, value in json.loads(second).items()} | bad
        bad = "{" + ", ".join(f'"{k}": {v}' for k, v in fields.items() if v is not None) + "}"
    path.write_text("\n".join([header, first, bad, first]) + "\n")
    with pytest.raises(TrajectoryError, match="line 3"):
        read_jsonl(path)


def test_what_would_not_be_read_back_is_not_written(tmp_path):
    path = tmp_path / "never.jsonl"
    rewards = np.array([0, np.nan, 0, 0], np.float32)
    for changes in ({"rewards": rewards}, {"input_ids": np.array([1, 2, 3, 9])}, {"score": float("nan")}):
        with pytest.raises(TrajectoryError, match="episode 1"):
            append_jsonl(path, make_written(make_episode(), make_episode(**changes)))
        assert not path.exists()


def test_folders_pipes_and_missing_files_are_typed_errors(tmp_path):
    for path in (tmp_path, tmp_path / "missing.jsonl"):
        with pytest.raises(TrajectoryError):
            read_jsonl(path)


def test_shapes_that_differ_are_refused():
    with pytest.raises(TrajectoryError, match="differ"):
        check_trajectory(make_episode(rewards=np.zeros(3, np.float32)), 9, "it")


def test_a_file_is_read_by_its_header(tmp_path):
    path = tmp_path / "bad.jsonl"
    append_jsonl(path, make_written(make_episode()))
    header, episode = path.read_text().splitlines()
    for changes in ({"vocab_size": 0}, {"vocab_size": 10**30}, {"env_options": []}, {"task": None}):
        path.write_text(json.dumps(json.loads(header) | changes) + "\n" + episode + "\n")
        with pytest.raises(TrajectoryError, match="line 1"):
            read_jsonl(path)
    path.write_text(json.dumps(json.loads(header) | {"version": 2}) + "\n")
    with pytest.raises(TrajectoryError, match="version 1"):
        read_jsonl(path)


def test_a_script_whose_turn_was_cut_did_not_stop():
    found = ScriptEngine([("abc",), ("a",)], TOKENIZER).generate(
        [[1], [1]], PARAMS, seed=0, max_new_tokens=[2, 2], request_ids=[0, 1]
    )
    assert found.lengths.tolist() == [2, 2] and found.stopped.tolist() == [False, True]


@pytest.mark.parametrize(
    ("name", "value"),
    [("env_id", "other"), ("env_options", {}), ("task", "other"), ("tokenizer", "other"), ("vocab_size", 10)],
)
def test_sources_differ_in_anything_that_they_say(name, value, tmp_path):
    data = make_written(make_episode())
    other = dataclasses.replace(data, source=dataclasses.replace(data.source, **{name: value}))
    with pytest.raises(TrajectoryError, match=f"another {name}"):
        data + other
    append_jsonl(tmp_path / "data.jsonl", data)
    with pytest.raises(TrajectoryError, match=f"another {name}"):
        append_jsonl(tmp_path / "data.jsonl", other)


def test_sums_keep_their_order():
    one, two = (make_written(make_episode(problem_index=index)) for index in (4, 2))
    assert [episode.problem_index for episode in (one + two).episodes] == [4, 2]


def test_log_probs_of_nobody_are_refused():
    logps = np.array([0, -0.5, -1, -0.1], np.float32)
    with pytest.raises(TrajectoryError, match="log-probs"):
        check_trajectory(make_episode(logp_behaviour=logps), 9, "it")


def test_a_pipe_blocks_nobody(tmp_path):
    mkfifo = getattr(os, "mkfifo", None)
    if mkfifo is None:
        pytest.skip("this system has no named pipes")
    mkfifo(tmp_path / "pipe")
    # Somebody has it open, so that a mistake would show as another error and not as a test without end.
    end = os.open(tmp_path / "pipe", os.O_RDWR)
    try:
        os.set_blocking(end, False)
        os.write(end, b"[]\n")
        for use in (read_jsonl, lambda path: append_jsonl(path, make_data())):
            with pytest.raises(TrajectoryError, match="not a plain file"):
                use(tmp_path / "pipe")
    finally:
        os.close(end)


def test_a_line_takes_bounded_memory(tmp_path, monkeypatch):
    path = tmp_path / "long.jsonl"
    append_jsonl(path, make_written(make_episode()))
    monkeypatch.setattr(jsonl, "MAX_JSON_BYTES", 400)
    assert len(read_jsonl(path).episodes) == 1
    with open(path, "ab") as file:
        file.write(b" " * 401 + b"\n")
    with pytest.raises(TrajectoryError, match="line 3 is longer than 400 bytes"):
        read_jsonl(path)


@pytest.mark.parametrize("torn", [1, 200_000])
def test_a_torn_line_of_a_long_file_is_cut_where_it_began(torn, tmp_path):
    path, data = tmp_path / "torn.jsonl", make_written(*[make_episode()] * 1000)
    append_jsonl(path, data)
    with open(path, "ab") as file:
        file.write(b"[" * torn)
    append_jsonl(path, make_written(make_episode(problem_index=5)))
    assert [e.problem_index for e in read_jsonl(path).episodes] == [3] * 1000 + [5]


def test_what_another_recording_adds_while_this_one_waits_is_kept(tmp_path, monkeypatch):
    fcntl = pytest.importorskip("fcntl")
    path = tmp_path / "both.jsonl"
    first, ours, theirs = (make_written(make_episode(problem_index=index)) for index in range(3))
    append_jsonl(path, first)

    def take_turns(file, operation):
        assert operation == fcntl.LOCK_EX
        monkeypatch.undo()
        append_jsonl(path, theirs)

    monkeypatch.setattr(fcntl, "flock", take_turns)
    append_jsonl(path, ours)
    assert [episode.problem_index for episode in read_jsonl(path).episodes] == [0, 2, 1]
