"""One job: what every built-in agent leaves, what a kill costs, what becomes of agents that fail."""

import dataclasses
import json
import math
import shutil

import numpy as np
import pytest

from lmgym.bench.result_record import parse_result, same_numbers
from lmgym.bench.suites import WarmStart
from lmgym.errors import UnknownNameError
from lmgym.tokenization import make_tokenizer
from lmgym_agents.bench import training as training_module
from lmgym_agents.bench.agents.anchors import RandomAgent
from lmgym_agents.bench.failures import describe_error, kind_of, place_of
from lmgym_agents.bench.job import Job, discard_checkpoints, run_job
from lmgym_agents.bench.training import BenchTraining
from lmgym_agents.bench.warm_start import make_warm_start
from lmgym_agents.runs.metrics import read_metrics
from tests.agents import bench_learners
from tests.agents.test_bench_training import make_entry

HERE = "tests.agents.bench_learners:"
# As small as they go: two or three updates each.
SMALL = {
    "random": "random",
    "optimal": "optimal",
    "sft": "sft?batch_rows=4",
    "ppo": "ppo?num_envs=16&minibatches=2",
    "grpo": "grpo?num_envs=16&group_size=4&minibatches=1",
    "reinforce": "reinforce?num_envs=16",
    "q_learning": "q_learning?num_envs=16&updates=2&batch_rows=8",
    "soft_q": "soft_q?num_envs=16&updates=2&batch_rows=8",
    "ilql": "ilql?iterations=3&batch_rows=8",
    "expert_iteration": "expert_iteration?problems=8&problems_per_update=4&steps=2&steps_per_update=1"
    "&batch_rows=8&probe_problems=2&eval_problems=2",
}
LEARN = [name for name in SMALL if name not in ("random", "optimal")]


@pytest.fixture(scope="module")
def warm(tmp_path_factory):
    """A model that is right now and then, so that there is something to learn from."""
    start = WarmStart(until=0.2, iterations=150, batch_rows=32, validation_problems=16)
    return make_warm_start(make_entry(warm_start=start), 0, tmp_path_factory.mktemp("warm"))


def run(agent, folder, warm, seed=0, **fields):
    entry = make_entry(**{"budget": 100, "points": 2, **fields})
    job = Job(suite_id="lmgym-x-1", suite_hash="0" * 64, entry=entry, agent=agent, seed=seed, warm=warm)
    return run_job(job, folder)


class Kill(BaseException):
    """In the place of a kill: nothing in the job may catch it."""


def killed_after(monkeypatch, count):
    """Makes the next trainings end after ``count`` pieces of work, each of which is in a checkpoint."""
    advance, left = BenchTraining.advance, [count]

    def advance_and_die(self, *args, **keywords):
        goes_on = advance(self, *args, **keywords)
        left[0] -= 1
        if left[0] == 0:
            raise Kill
        return goes_on

    monkeypatch.setattr(training_module, "CHECKPOINT_EVERY_S", 0.0)
    monkeypatch.setattr(BenchTraining, "advance", advance_and_die)


def metrics_of(folder):
    records = read_metrics(folder / "metrics.jsonl").records
    return [{name: value for name, value in r.items() if name != "timing"} for r in records]


@pytest.mark.parametrize("name", SMALL)
def test_every_builtin_agent_does_its_job(tmp_path, warm, name):
    result = run(SMALL[name], tmp_path, warm)
    assert result.failure is None and result.is_ok
    assert parse_result(json.loads(json.dumps(result.to_dict()))) == result
    assert result.scores["test"].num_problems == 8
    spent = result.num_tokens + result.num_read_tokens
    if name not in LEARN:
        assert spent == 0 and result.scores == result.start_scores
        assert result.weights_hash is None and result.flops is None
        return
    assert 100 <= spent < 100 + 16 * 4  # the budget, and at most one rollout more
    assert result.num_gradient_steps >= 1 and result.flops > 0
    assert result.curve[0].num_tokens == 0 and result.curve[-1].num_tokens == spent
    assert (tmp_path / "model" / "config.json").is_file()
    assert {p.name for p in tmp_path.glob("*.tokens.jsonl")} == {"start.tokens.jsonl", "end.tokens.jsonl"}
    assert len(metrics_of(tmp_path)) >= 2
    assert result.config["seed"] > 0 and result.timing["train_s"] > 0
    if name == "sft":
        assert result.num_tokens == 0
    elif name == "ilql":
        assert result.num_tokens > 0 < result.num_read_tokens
    else:
        assert result.num_read_tokens == 0


@pytest.mark.parametrize("name", LEARN)
def test_a_killed_job_ends_as_an_unbroken_one(tmp_path, warm, monkeypatch, name):
    whole = run(SMALL[name], tmp_path / "whole", warm, budget=220)
    assert whole.is_ok
    for count in (1, 2):
        with monkeypatch.context() as patched:
            killed_after(patched, count)
            with pytest.raises(Kill):
                run(SMALL[name], tmp_path / "broken", warm, budget=220)
    assert (tmp_path / "broken" / "checkpoints").is_dir()
    again = run(SMALL[name], tmp_path / "broken", warm, budget=220)
    assert same_numbers(again, whole)
    assert metrics_of(tmp_path / "broken") == metrics_of(tmp_path / "whole")
    for file in ("start.tokens.jsonl", "end.tokens.jsonl"):
        assert (tmp_path / "broken" / file).read_bytes() == (tmp_path / "whole" / file).read_bytes()
    discard_checkpoints(tmp_path / "broken")
    assert not (tmp_path / "broken" / "checkpoints").exists()


@pytest.mark.parametrize("agent", [HERE + "Drawer", HERE + "Parrot"])
@pytest.mark.parametrize("count", [1, 3, 12])
def test_foreign_agents_go_on_after_a_kill_as_well(tmp_path, warm, monkeypatch, agent, count):
    whole = run(agent, tmp_path / "whole", warm)
    assert whole.is_ok and whole.num_tokens >= 100
    with monkeypatch.context() as patched:
        killed_after(patched, count)
        with pytest.raises(Kill):
            run(agent, tmp_path / "broken", warm)
    again = run(agent, tmp_path / "broken", warm)
    assert same_numbers(again, whole)
    assert metrics_of(tmp_path / "broken") == metrics_of(tmp_path / "whole")


def test_what_a_seed_decides(tmp_path, warm):
    first, again, other = (
        run(HERE + "Drawer", tmp_path / name, warm, seed=seed)
        for name, seed in (("a", 4), ("b", 4), ("c", 5))
    )
    assert same_numbers(first, again) and first.weights_hash != other.weights_hash


@pytest.mark.parametrize(
    ("env", "options", "turns"),
    [
        ("lmgym/Delayed-v0", {"num_turns": 3, "length": 2}, 3),
        ("lmgym/Guess-v0", {"high": 40, "num_guesses": 6}, None),
        ("lmgym/Maze-v0", {"level": 2}, None),
        ("lmgym/Rewrite-v0", {"level": 1}, None),
        ("lmgym/Wordle-v0", {"level": 1}, None),
        ("lmgym/Math-v0", {"level": 2}, 1),
        ("lmgym/Chat-v0", {}, None),
    ],
)
def test_the_optimal_agent_reaches_the_optimum(tmp_path, env, options, turns):
    warm = make_warm_start(make_entry(env, options), 0, tmp_path / "warm")
    result = run("optimal", tmp_path, warm, env=env, options=options, num_problems=24)
    assert result.failure is None and result.scores["test"].mean == 1.0


def test_the_random_agent_draws_evenly_from_what_may_be_needed(tmp_path, warm):
    training = BenchTraining(
        make_entry(), seed=0, model=warm, tokenizer=make_tokenizer(str(warm)), folder=tmp_path / "job",
        measure=lambda: 0.0,
    )  # fmt: skip
    agent = RandomAgent(seed=1)
    agent.begin(training)
    drawn = agent.act({"input_ids": np.zeros((27_000, 3), np.int32)})
    tokens, counts = np.unique(drawn, return_counts=True)
    assert training.tokenizer.end_id in tokens
    texts = {training.tokenizer.decode(np.array([t])) for t in tokens if t != training.tokenizer.end_id}
    assert texts == set(training.make_env(1).task.alphabet)
    expected = 27_000 / len(tokens)
    assert np.abs(counts - expected).max() < 5 * math.sqrt(expected)


@pytest.mark.parametrize(
    ("name", "kind", "message", "where"),
    [
        ("Raises", "raised", "KeyError: 'what was I asked?'", "measuring before training, bench_learners.py"),
        ("FewTexts", "bad_action", "8 texts, one for each observation, got list of 1", "measuring"),
        ("OneText", "bad_action", "must return 8 texts, one for each observation, got str.", "measuring"),
        ("Numbers", "bad_action", "got list of 8, of which one is of type int", "measuring"),
        ("Floats", "bad_action", "integers of shape [8], one token a row, got float64[8]", "measuring"),
        ("WrongShape", "bad_action", "one token a row, got int64[8, 1]", "measuring"),
        ("OutsideVocabulary", "bad_action", "1000000", "measuring"),
        ("HugeTokens", "bad_action", "1000000000000", "measuring"),
        ("EarlyLearner", "raised", "begin has spent 10 tokens and made 2 gradient", "loading the start"),
        ("Hungry", "memory", "no room", "measuring"),
        ("RaisesInLearn", "raised", "a bug\nin my code", "training after 10 tokens, bench_learners.py"),
        ("NotFiniteMetric", "not_finite", "metric loss of update 1 is nan", "training after 10 tokens"),
        ("NotFiniteWeights", "not_finite", "the weight bias holds NaN", "training after 10 tokens"),
        ("Nobody", "raised", "Nobody", "making the agent"),
        ("Speaker?loudness=3", "raised", "loudness", "making the agent"),
    ],
)  # fmt: skip
def test_agents_that_fail_are_told_of(tmp_path, warm, name, kind, message, where):
    result = run(HERE + name, tmp_path, warm)
    assert result.status == "failed" and result.failure.kind == kind
    assert message in result.failure.message and where in result.failure.where
    assert "agent_turns.py" not in result.failure.where  # a line of ours is not the reader's mistake
    assert result.scores == {} and result.agent == HERE + name
    parse_result(json.loads(json.dumps(result.to_dict())))
    assert same_numbers(result, run(HERE + name, tmp_path / "again", warm))


def test_an_option_that_an_algorithm_lacks_is_refused(tmp_path, warm):
    result = run("ppo?learning_rat=1", tmp_path, warm)
    assert "learning_rate" in result.failure.message and UnknownNameError.__name__ in result.failure.message


def test_who_acts_on_after_the_budget_is_stopped_and_measured(tmp_path, warm):
    result = run(HERE + "Overspender", tmp_path, warm)
    assert result.is_ok and 100 <= result.num_tokens < 104


def test_a_learner_that_cannot_act_before_it_learned_has_no_start(tmp_path, warm):
    result = run(HERE + "LateStarter", tmp_path, warm)
    assert result.is_ok and result.start_scores == {} and result.scores["test"].num_problems == 8
    assert [point.num_tokens for point in result.curve] == [100]


def test_observers_are_told_what_they_did_and_earned(tmp_path, warm):
    bench_learners.SEEN.clear()
    options = {"length": 2, "alphabet": "abcdefgh"}
    result = run(HERE + "Parrot", tmp_path, warm, options=options, budget=400, env="lmgym/Echo-v0")
    seen = [value for name, value in bench_learners.SEEN if name == "experience"]
    assert result.failure is None and seen
    first = seen[0]
    for row, (prompt, said) in enumerate(zip(first.prompts, first.responses, strict=True)):
        assert len(said) == 1 and said[0] in bench_learners.WORDS
        assert first.transcripts[row].problem.prompt == prompt and first.transcripts[row].response == said[0]
        assert first.is_action[row].sum() == 3 and first.terminated[row]
        assert first.token_rewards[row].sum() == first.rewards[row] == float(first.success[row])
        assert first.success[row] == (said[0] == first.transcripts[row].problem.reference)
    explored = [value for name, value in bench_learners.SEEN if name == "explores"]
    assert explored[0] is False and True in explored and explored[-1] is False
    assert result.scores["test"].mean >= result.start_scores["test"].mean


def test_observers_of_several_turns_see_each_of_them(tmp_path, warm):
    bench_learners.SEEN.clear()
    options = {"num_turns": 2, "length": 2}
    result = run(HERE + "Parrot", tmp_path, warm, env="lmgym/Delayed-v0", options=options, budget=200)
    assert result.failure is None
    first = next(value for name, value in bench_learners.SEEN if name == "experience")
    for said, transcript in zip(first.responses, first.transcripts, strict=True):
        assert len(said) == 2 and [turn.role for turn in transcript.turns] == [
            "agent",
            "environment",
            "agent",
        ]
        assert said[0] in bench_learners.WORDS


def test_who_changes_the_common_start_is_told_of_and_so_are_the_next(tmp_path, warm):
    folder = tmp_path / "warm"
    shutil.copytree(warm.parent, folder)
    for name, where in (("Learner", None), ("Spoiler", "measuring after training"), ("Learner", "loading")):
        result = run(HERE + name, tmp_path / f"{name}-{where}", folder / "model")
        if where is None:
            assert result.status == "ok"
        else:
            assert "training.folder" in result.failure.message and where in result.failure.where


def test_the_start_is_the_same_in_every_run_and_another_under_another_seed(tmp_path):
    entry = dataclasses.replace(
        make_entry(),
        warm_start=WarmStart(until=1.0, iterations=3, batch_rows=8, evaluate_every=3, validation_problems=4),
    )
    found = []
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        folder = make_warm_start(entry, seed, tmp_path / name)
        found.append((folder / "model.safetensors").read_bytes())
        assert folder == tmp_path / name / "model" and (folder / "tokenizer.json").is_file()
    assert found[0] == found[1] != found[2]
    (tmp_path / "a" / "done").unlink()  # as a kill leaves it
    (tmp_path / "a" / "model" / "model.safetensors").write_bytes(b"half")
    again = make_warm_start(entry, 0, tmp_path / "a")
    assert (again / "model.safetensors").read_bytes() == found[1]


def test_failures_in_words():
    class Rude(Exception):
        def __str__(self):
            raise ValueError("no")

    assert kind_of(Rude()) == "raised" and kind_of(MemoryError()) == "memory"
    assert "can't be shown" in describe_error(Rude())
    assert len(describe_error(ValueError("x" * 10**6))) == 2000
    assert describe_error(ValueError("\ud800")) == "ValueError: ?"
    assert place_of(ValueError()) == ""
