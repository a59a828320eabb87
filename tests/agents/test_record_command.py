from __future__ import annotations

import dataclasses
import json
import math

import numpy as np
import pytest
import torch

from lmgym.cli import main
from lmgym.errors import InvalidValueError
from lmgym.tasks.maze.task import Maze
from lmgym.tokenization import CharTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.ilql_config import ILQLConfig
from lmgym_agents.commands import record as record_command
from lmgym_agents.commands import train_ilql as train_ilql_command
from lmgym_agents.commands.record import Record, run_record
from lmgym_agents.commands.train import EvaluationOptions
from lmgym_agents.commands.train_ilql import TrainILQL, make_acting, train_ilql
from lmgym_agents.errors import ResumeError, TrajectoryError
from lmgym_agents.evaluation import evaluate
from lmgym_agents.offline.jsonl import read_jsonl
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.engine import ActingRule, Support
from lmgym_agents.q.files import load_q_model
from lmgym_agents.q.model import QModel
from lmgym_agents.rollout import collect
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


def test_no_two_batches_draw_the_same(tmp_path, monkeypatch):
    seen = []

    def spying(name):
        real = getattr(record_command, name)

        def spy(*path):
            seen.append((name, path))
            return real(*path)

        return spy

    for name in ("make_key", "make_generator"):
        monkeypatch.setattr(record_command, name, spying(name))
    data = record(tmp_path / "maze.jsonl", rows=2)
    assert len(seen) == len(set(seen)) == 6
    assert all(episode.logp_behaviour is None for episode in data.episodes)


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_only_without_temperature_do_rows_not_matter(temperature, tmp_path):
    options = {"env": EnvOptions(env="lmgym/Math-v0", level=1), "model": NANO, "temperature": temperature}
    found = [
        record(tmp_path / f"{rows}.jsonl", **options, demonstration_quality=None, rows=rows, episodes=4)
        for rows in (2, 4)
    ]
    texts = [[episode.input_ids.tolist() for episode in data.episodes] for data in found]
    assert (texts[0] == texts[1]) == (temperature == 0)


def test_problems_and_demonstrations_are_those_of_the_split(tmp_path):
    env = EnvOptions(env="lmgym/Maze-v0", level=1)
    data = record(tmp_path / "maze.jsonl", env=env, split="test", demonstration_quality=1.0)
    tokenizer = CharTokenizer()
    problems = Maze(level=1).problems("test", range(6))
    for episode, problem in zip(data.episodes, problems, strict=True):
        assert episode.split == "test" and episode.success
        start = [*tokenizer.prefix_ids, *tokenizer.encode(problem.prompt)]
        assert episode.input_ids[: len(start)].tolist() == start


def test_episodes_whose_reward_failed_are_left_out_and_counted(tmp_path, monkeypatch, capsys):
    def fail_first(*arguments, max_failed, **options):
        rollout = collect(*arguments, **options)
        failed = torch.arange(len(rollout.lengths)) == 0
        assert max_failed == 1  # nothing is lost but the row
        return dataclasses.replace(rollout, failed=failed)

    monkeypatch.setattr(record_command, "collect", fail_first)
    data = record(tmp_path / "maze.jsonl")
    assert [episode.problem_index for episode in data.episodes] == [1, 2, 3, 5]
    said = " ".join(capsys.readouterr().out.split())
    assert "4 episodes" in said and "2 left out" in said


class OtherTokenizer(CharTokenizer):
    """Says that it is not the one that models have by default."""

    def __init__(self):
        super().__init__()
        self.fingerprint = "other"


class Spelling(Downwards):
    """Has a tokenizer."""

    tokenizer = OtherTokenizer()


def test_an_agent_is_recorded_with_its_own_tokenizer(tmp_path):
    path = tmp_path / "agent.jsonl"
    assert run_record(Record(out=path, env=MAZE, episodes=1, agent=f"{__name__}:Spelling")) == 0
    assert read_jsonl(path).source.tokenizer == "other"


@pytest.mark.parametrize("method", ["ilql", "mc", "bc", "filtered_bc"])
def test_each_method_acts_in_its_own_way(method, tmp_path):
    config = make_config(tmp_path / "x", tmp_path / "y", method=method)
    config = dataclasses.replace(config, acting_temperature=0.3, prior_top_p=0.8)
    tokenizer = CharTokenizer()
    model = QModel(NANO.make_policy(tokenizer, context=64, seed=0))
    agent = make_acting(config, model, tokenizer)
    if method in ("bc", "filtered_bc"):
        assert isinstance(agent, LMAgent) and agent.params.temperature == 1
    else:
        rule = ActingRule(acting="prior", temperature=0.3, support=Support(top_p=0.8))
        assert isinstance(agent, QAgent) and agent.rule == rule


def test_heads_begin_with_the_mean_return_and_the_recorded_environment_is_measured(
    tmp_path, monkeypatch, capsys
):
    path, measured = tmp_path / "maze.jsonl", []
    env = EnvOptions(env="lmgym/Maze-v0", level=1, reward="lmrl_maze", option=("max_steps=4",))
    data = record(path, env=env)
    with open(path, "ab") as file:
        file.write(b"[" * 9)

    def spy(agent, env_id, **options):
        measured.append((env_id, options["split"], options["num_problems"], options["env_options"]))
        return evaluate(agent, env_id, **options)

    monkeypatch.setattr(train_ilql_command, "evaluate", spy)
    config = make_config(path, tmp_path / "run", method="bc")  # leaves the heads alone
    evaluation = dataclasses.replace(config.evaluation, eval_splits=("train", "test"))
    assert train_ilql(dataclasses.replace(config, env=env, evaluation=evaluation)) == 0
    heads = load_q_model(tmp_path / "run" / "model").heads
    assert float(heads.value_head[-1].bias.detach()) == pytest.approx(data.returns.mean(), rel=1e-6)
    options = {"level": 1, "reward": "lmrl_maze", "max_steps": 4}
    assert measured == [("lmgym/Maze-v0", split, 4, options) for split in ("train", "test")] * 2
    assert "was cut off" in " ".join(capsys.readouterr().out.split())


@pytest.mark.parametrize("change", [{"env_id": "lmgym/Other-v0"}, {"tokenizer": "other"}])
def test_a_run_is_refused_with_trajectories_of_another_kind(change, tmp_path):
    path = tmp_path / "maze.jsonl"
    record(path)
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(header) | change), *lines]) + "\n")
    with pytest.raises(TrajectoryError, match="was recorded"):
        train_ilql(make_config(path, tmp_path / "run"))
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "options", [{"acting_temperature": 0.0}, {"acting_temperature": math.inf}, {"prior_top_p": 1.1}]
)
def test_bad_options_of_acting_are_typed_errors(options, tmp_path):
    with pytest.raises(InvalidValueError, match="acting_temperature"):
        TrainILQL(data=tmp_path, **options)
