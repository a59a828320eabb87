from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest

from lmgym.cli import main
from lmgym.errors import InvalidValueError
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.ilql_config import ILQLConfig
from lmgym_agents.commands.record import Record, run_record
from lmgym_agents.commands.train import EvaluationOptions
from lmgym_agents.commands.train_ilql import TrainILQL, train_ilql
from lmgym_agents.errors import ResumeError, TrajectoryError
from lmgym_agents.offline.jsonl import read_jsonl
from lmgym_agents.q.files import load_q_model
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.metrics import read_metrics

MAZE = EnvOptions(env="lmgym/Maze-v0", reward="lmrl_maze", option=("layout=umaze", "max_steps=4"))
NANO = ModelOptions(model="nano", device="cpu", threads=1)


def record(path, **options):
    given = {"env": MAZE, "episodes": 6, "rows": 4, "demonstration_quality": 0.5} | options
    assert run_record(Record(out=path, **given)) == 0
    return read_jsonl(path, tokenizer=CharTokenizer())


class Downwards:
    """Walks down whatever it sees."""

    granularity = "response"

    def act(self, observations):
        return ["d" for _ in observations]


def test_demonstrations_are_recorded_and_a_second_call_adds_to_them(tmp_path, capsys):
    path = tmp_path / "maze.jsonl"
    first = record(path, demonstration_quality=1.0)
    assert [episode.problem_index for episode in first.episodes] == list(range(6))
    assert all(episode.success for episode in first.episodes if episode.total > -4)
    both = record(path, demonstration_quality=0.0, first_problem=6)
    assert both.episodes[:6] == first.episodes
    assert [episode.problem_index for episode in both.episodes] == list(range(12))
    assert {episode.actor for episode in both.episodes} == {
        "demonstrations of quality 1", "demonstrations of quality 0",
    }  # fmt: skip
    assert both.source.env_options == {"reward": "lmrl_maze", "layout": "umaze", "max_steps": 4}
    assert "6 episodes" in capsys.readouterr().out


def test_good_demonstrations_earn_more_than_bad_ones(tmp_path):
    good = record(tmp_path / "good.jsonl", demonstration_quality=1.0, episodes=32)
    bad = record(tmp_path / "bad.jsonl", demonstration_quality=0.0, episodes=32)
    assert good.returns.mean() > bad.returns.mean() + 0.5


def test_an_agent_is_recorded_by_its_name(tmp_path):
    data = record(tmp_path / "agent.jsonl", demonstration_quality=None, agent=f"{__name__}:Downwards")
    said = {
        CharTokenizer().decode(episode.input_ids[episode.is_action]).replace("d", "")
        for episode in data.episodes
    }
    assert said == {""}
    assert all(episode.logp_behaviour is None for episode in data.episodes)


def test_a_model_is_recorded_with_its_log_probs_and_again_the_same(tmp_path):
    env = EnvOptions(env="lmgym/Math-v0", level=1)
    options = {"env": env, "model": NANO, "demonstration_quality": None, "temperature": 1.5}
    data = record(tmp_path / "one.jsonl", **options)
    again = record(tmp_path / "two.jsonl", **options)
    assert data == again
    assert data.episodes[0].actor == "nano at temperature 1.5"
    for episode in data.episodes:
        assert (episode.logp_behaviour[episode.is_action] < 0).all()
    other = record(tmp_path / "three.jsonl", **options, seed=1)
    assert [e.problem_index for e in other.episodes] == [e.problem_index for e in data.episodes]
    assert any(
        not np.array_equal(one.input_ids, two.input_ids)
        for one, two in zip(data.episodes, other.episodes, strict=True)
    )


@pytest.mark.parametrize(
    "options",
    [{"episodes": 0}, {"rows": 0}, {"first_problem": -1}, {"agent": "x:Y", "demonstration_quality": 1.0},
     {"agent": "x:Y", "model": NANO}],
)  # fmt: skip
def test_bad_options_are_typed_errors(options, tmp_path):
    with pytest.raises(InvalidValueError):
        Record(out=tmp_path / "x.jsonl", **options)


def test_what_does_not_belong_into_a_file_leaves_it_alone(tmp_path, capsys):
    path = tmp_path / "maze.jsonl"
    record(path)
    before = path.read_bytes()
    with pytest.raises(TrajectoryError, match="another task"):
        record(path, env=EnvOptions(env="lmgym/Maze-v0", level=2))
    assert path.read_bytes() == before
    assert main(["record", "--out", str(tmp_path / "no" / "folder.jsonl")]) == 2
    assert "does not exist" in capsys.readouterr().err


def make_config(data, out, **options):
    return TrainILQL(
        data=data, env=MAZE, model=NANO, folder=FolderOptions(out=out, checkpoint_every=2, tensorboard=False),
        evaluation=EvaluationOptions(eval_splits=("train",), eval_problems=4, num_transcripts=1),
        ilql=ILQLConfig(iterations=3, batch_rows=4, **options),
    )  # fmt: skip


@pytest.mark.parametrize("method", ["ilql", "filtered_bc"])
def test_a_run_leaves_a_model_its_numbers_and_a_picture(method, tmp_path, capsys):
    path = tmp_path / "maze.jsonl"
    record(path)
    assert train_ilql(make_config(path, tmp_path / "run", method=method)) == 0
    findings = json.loads((tmp_path / "run" / "evaluation.json").read_text())
    assert set(findings) == {"start", method}
    assert math.isfinite(findings[method]["train"]["reward"]["mean"])
    records = read_metrics(tmp_path / "run" / "metrics.jsonl").records
    assert [entry["step"] for entry in records] == [1, 2, 3]
    assert ("q_loss" in records[0]) == (method == "ilql")
    assert (tmp_path / "run" / "curves.png").stat().st_size > 1000
    assert load_q_model(tmp_path / "run" / "model").kind == "heads"
    assert "return" in capsys.readouterr().out


def test_a_run_is_refused_in_another_environment_and_with_changed_data(tmp_path):
    path = tmp_path / "maze.jsonl"
    record(path)
    config = make_config(path, tmp_path / "run")
    other = TrainILQL(data=path, env=EnvOptions(env="lmgym/Maze-v0"), model=NANO)
    with pytest.raises(TrajectoryError, match="--option layout=umaze"):
        train_ilql(other)
    assert train_ilql(config) == 0
    record(path, first_problem=6)
    folder = dataclasses.replace(config.folder, resume=True)
    resumed = dataclasses.replace(config, folder=folder)
    with pytest.raises(ResumeError, match="other trajectories"):
        train_ilql(resumed)
