"""The pipeline of RLHF: every source and optimiser runs, what is interrupted goes on, the parts by hand."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest
import torch

from lmgym.errors import EmptyProblemSetError, InvalidValueError, LmgymError
from lmgym.preferences import Judgement, PreferenceLog, read_preferences
from lmgym.preferences.annotators import Comparison, make_record
from lmgym.records import Scores
from lmgym.rewards import Correct, Utility
from lmgym.tasks.arithmetic.task import Math
from lmgym.tasks.probes import Delayed, Echo
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.dpo_config import DPOConfig
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.reward_model_config import RewardModelConfig
from lmgym_agents.algorithms.sft import SFTConfig
from lmgym_agents.engine import Engine
from lmgym_agents.errors import ResumeError
from lmgym_agents.models import load_policy, make_tiny_model
from lmgym_agents.policy import Policy
from lmgym_agents.report.rlhf_picture import draw_rlhf
from lmgym_agents.reward_models.loading import load_reward_model
from lmgym_agents.rlhf import RLHFConfig, run_rlhf
from lmgym_agents.rlhf.config import (
    BestOfNOptions,
    CollectOptions,
    FeedbackOptions,
    MeasureOptions,
    ProxyOptions,
)
from lmgym_agents.rlhf.episodes import read_episodes, sample_episodes
from lmgym_agents.rlhf.feedback import LOG, make_comparisons
from lmgym_agents.rlhf.measuring import describe, gold_of, logps_of, proxy_of, variety, wins
from lmgym_agents.rlhf.pipeline import WAITING
from lmgym_agents.rlhf.watched import Watched
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.search.states import Transitions

TOKENIZER = CharTokenizer()


def make_config(out, *, resume=False, feedback=None, proxy=None, **options):
    sft = SFTConfig(iterations=3, batch_rows=8)
    defaults = {
        "env": EnvOptions(env="lmgym/Math-v0", level=1),
        "model": ModelOptions(model="nano", tokenizer="char", device="cpu", threads=1),
        "folder": FolderOptions(out=out, resume=resume, tensorboard=False, checkpoint_every=2),
        # At this temperature no verdict is a tie, though an untrained model is nearly always wrong.
        "feedback": FeedbackOptions(**(feedback or {"temperature": 0.5})),
        "proxy": ProxyOptions(**{"held_out_share": 0.25, **(proxy or {})}),
        "collect": CollectOptions(num_prompts=16, num_responses=2, chunk_prompts=6),
        "measure": MeasureOptions(eval_prompts=6, num_transcripts=1),
        "num_envs": 8,
        "sft": sft,
        "reward_model": RewardModelConfig(iterations=3, batch_pairs=4, evaluate_every=2),
        "ppo": PPOConfig(iterations=3, value_warmup_iterations=1, kl_coefficient=0.05, minibatches=2),
        "dpo": DPOConfig(iterations=3, batch_pairs=4, ties="half"),
        "best_of_n": BestOfNOptions(n=3, num_prompts=8, imitation=sft),
    }
    return RLHFConfig(**{**defaults, **options})


def describe_run(folder):
    """All that two equal runs have equal."""
    records = read_metrics(folder / "metrics.jsonl").records
    for record in records:
        record.pop("timing")
    weights = load_policy(folder / "model").state_dict()
    verdicts = [
        dataclasses.replace(record, time="2000-01-01T00:00:00Z")
        for record in (read_preferences(folder / "preferences.jsonl"))
    ]
    return {
        "metrics": [json.dumps(record, sort_keys=True) for record in records],
        "weights": {name: tensor.tolist() for name, tensor in weights.items()},
        "verdicts": verdicts,
        "numbers": (folder / "rlhf.json").read_text(),
    }


class CrashingDisplay(TrainingDisplay):
    """Ends the process, as it were, when the n-th update is shown."""

    def __init__(self, after):
        super().__init__()
        self.left = after

    def advance(self, metrics, timing):
        super().advance(metrics, timing)
        self.left -= 1
        if self.left == 0:
            raise SystemError("killed")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rlhf") / "run"
    result = run_rlhf(make_config(folder))
    assert result.exit_code == 0
    return folder, result


def test_a_run_leaves_its_products_and_its_numbers(unbroken):
    folder, result = unbroken
    for name in ("model", "reward_model", "sft"):
        assert (folder / name / "config.json").is_file()
    assert (folder / "rlhf.png").stat().st_size > 10_000 and (folder / "curves.png").stat().st_size > 1000
    assert set(result.measured) == {"sft", "round-1"}
    sampled = result.measured["round-1"]["sampled"]
    assert set(sampled) >= {"gold", "proxy", "proxy_of_sft", "kl", "win_rate", "distinct_2", "num_tokens"}
    assert result.measured["sft"]["sampled"]["kl"]["mean"] == 0.0
    assert json.loads((folder / "rlhf.json").read_text())["measured"] == result.measured
    assert {record.annotator for record in read_preferences(folder / "preferences.jsonl")} == {"simulated"}
    assert len((folder / "transcripts.jsonl").read_text().splitlines()) == 2
    told = json.loads((folder / "config.json").read_text())
    assert told["identity"]["task"].startswith("Math(")


def test_every_iteration_of_ppo_logs_gold_proxy_and_distance(unbroken):
    _, result = unbroken
    records = [record for record in result.records if record["stage"] == "ppo 1"]
    assert len(records) == 3
    for record in records:
        # The utility of this task is its score, which a rollout knows by itself.
        assert record["gold"] == pytest.approx(record["score"]) and record["gold_unknown"] == 0
        assert record["proxy"] == record["reward"] == pytest.approx(record["reward/reward_model"], rel=1e-5)
        assert isinstance(record["kl_episode"], float)


@pytest.mark.parametrize("after", [2, 7, 10, 13, 16, 19])
def test_a_run_that_was_killed_ends_as_an_unbroken_one(unbroken, tmp_path, after):
    folder = tmp_path / "run"
    with pytest.raises(SystemError):
        run_rlhf(make_config(folder), display=CrashingDisplay(after))
    assert run_rlhf(make_config(folder, resume=True)).exit_code == 0
    assert describe_run(folder) == describe_run(unbroken[0])


def test_a_killed_annotation_asks_nothing_twice(tmp_path, monkeypatch):
    folder, asked = tmp_path / "run", []

    class Counting:
        name = "counting"

        def annotate(self, comparisons):
            asked.extend(comparison.responses for comparison in comparisons)
            return [Judgement(tuple(range(len(one.responses)))) for one in comparisons]

    monkeypatch.setattr("lmgym_agents.rlhf.feedback.make_annotator", lambda run: Counting())
    with pytest.raises(SystemError):
        run_rlhf(make_config(folder), display=CrashingDisplay(3 + 2 + 3 + 1))  # after the first chunk
    num_before = len(asked)
    assert 0 < num_before < len(read_preferences(folder / "preferences.jsonl")) + 1
    run_rlhf(make_config(folder, resume=True))
    assert len(asked) == len(read_preferences(folder / "preferences.jsonl")) > num_before


@pytest.mark.parametrize(
    ("annotator", "optimise"),
    [
        ("simulated", "dpo"), ("simulated", "best-of-n"), ("ground-truth", "ppo"), ("ground-truth", "dpo"),
        ("ground-truth", "best-of-n"),
    ],
)  # fmt: skip
def test_sources_and_optimisers_plug_into_the_same_place(tmp_path, annotator, optimise):
    noise = {"temperature": 0.5} if annotator == "simulated" else {}  # else all verdicts would be ties
    config = make_config(tmp_path / "run", feedback={"annotator": annotator, **noise}, optimise=optimise)
    result = run_rlhf(config)
    extra = {"round-1-best-of-3"} if optimise == "best-of-n" else set()
    assert result.exit_code == 0 and set(result.measured) == {"sft", "round-1"} | extra
    for name in extra:
        # No policy has changed yet: the choice alone is paid for by KL, and can't lower the proxy.
        found = result.measured[name]["sampled"]
        assert found["kl"]["mean"] == pytest.approx(math.log(3) - 2 / 3, abs=1e-6)
        assert found["proxy"]["mean"] >= found["proxy_of_sft"]
    is_learned = annotator == "simulated" and optimise != "dpo"
    assert (tmp_path / "run" / "reward_model").exists() == is_learned
    has_proxy = (annotator, optimise) != ("simulated", "dpo")
    assert ("proxy" in result.measured["round-1"]["sampled"]) == has_proxy
    if annotator == "ground-truth":  # the proxy is the gold itself
        sampled = result.measured["round-1"]["sampled"]
        assert sampled["proxy"] == sampled["gold"]
        assert (tmp_path / "run" / "preferences.jsonl").exists() == (optimise == "dpo")


def test_a_judge_stands_where_simulated_raters_do(tmp_path, monkeypatch):
    given, sizes = {}, []

    class Alphabet:
        name = "alphabet"

        def annotate(self, comparisons):
            sizes.append(len(comparisons))
            is_first_better = [one.responses[0] < one.responses[1] for one in comparisons]
            return [Judgement((0, 1)) if better else Judgement(None) for better in is_first_better]

    def make_judge(spec, **options):
        given.update(spec=spec, **options)
        return Alphabet()

    monkeypatch.setattr("lmgym_agents.rlhf.feedback.make_judge", make_judge)
    judge, principles = f"local:{tmp_path}", tmp_path / "principles.txt"
    principles.write_text("1. The answer is short.\n")
    feedback = {"annotator": "judge", "judge": judge, "constitution": principles}
    collect = CollectOptions(num_prompts=16, num_responses=2, chunk_prompts=16, judged_prompts=3)
    result = run_rlhf(make_config(tmp_path / "run", feedback=feedback, collect=collect, optimise="dpo"))
    records = read_preferences(tmp_path / "run" / "preferences.jsonl")
    assert {record.annotator for record in records} == {"alphabet"}
    assert max(sizes) == 3 and sum(sizes) == len(records)
    asked = sum(record.get("comparisons", 0) for record in result.records)
    unjudged = sum(record.get("no_verdict", 0) for record in result.records)
    assert asked == len(records) and unjudged == sum(record.ranks is None for record in records)
    assert given["spec"] == judge and given["constitution"] == principles


def test_rounds_ensembles_and_a_bonus(tmp_path):
    config = make_config(
        tmp_path / "run", rounds=2,
        proxy={"reward_members": 2, "pessimism": 1.0, "bonus": ("length=-0.5",), "reward_backbone": "nano"},
    )  # fmt: skip
    result = run_rlhf(config)
    assert list(result.measured) == ["sft", "round-1", "round-2"]
    lines = [(tmp_path / "run" / f"round-{n}-responses.jsonl").read_text().splitlines() for n in (1, 2)]
    prompts = [{json.loads(line)["index"] for line in part} for part in lines]
    assert not prompts[0] & prompts[1]
    assert (tmp_path / "run" / "reward_model" / "member-1").is_dir()
    assert result.reward_models.keys() == {"reward model 1.2", "reward model 2.2"}
    ppo = [record for record in result.records if record["stage"] == "ppo 2"]
    assert all({"reward/reward_model", "reward/length"} <= set(record) for record in ppo)


def test_people_are_waited_for_and_then_the_run_goes_on(tmp_path):
    folder = tmp_path / "run"
    options = {"feedback": {"annotator": "human", "min_verdicts": 4}}
    waiting = run_rlhf(make_config(folder, **options))
    assert waiting.exit_code == WAITING
    assert (
        f"lmgym label {folder / 'round-1-questions.jsonl'} --out {folder / 'preferences.jsonl'}"
        in waiting.message
    )
    assert "--resume" in waiting.message
    assert run_rlhf(make_config(folder, resume=True, **options)).exit_code == WAITING
    questions = [json.loads(line) for line in (folder / "round-1-questions.jsonl").read_text().splitlines()]
    with PreferenceLog(folder / "preferences.jsonl") as log:
        for question in questions[:5]:
            shown = Comparison(question["prompt"], tuple(reversed(question["responses"])))
            log.append(make_record("anna", shown, Judgement((0, 1)), now="2026-01-31T12:00:00Z"))
    done = run_rlhf(make_config(folder, resume=True, **options))
    assert done.exit_code == 0 and "round-1" in done.measured


def test_verdicts_from_a_file_need_nobody_to_judge(tmp_path, unbroken):
    log = unbroken[0] / "preferences.jsonl"
    feedback = {"annotator": "file", "preferences": log}
    result = run_rlhf(make_config(tmp_path / "run", feedback=feedback, optimise="dpo"))
    assert result.exit_code == 0
    assert not any(record["stage"].startswith(("collect", "annotate")) for record in result.records)


def test_a_trained_model_needs_no_warm_start(tmp_path, unbroken):
    model = ModelOptions(model=str(unbroken[0] / "sft"), device="cpu", threads=1)
    result = run_rlhf(make_config(tmp_path / "run", model=model, optimise="dpo"))
    before, after = (load_policy(path / "sft").state_dict() for path in (unbroken[0], tmp_path / "run"))
    assert result.exit_code == 0 and all(torch.equal(before[name], after[name]) for name in before)
    assert not any(record["stage"] == "sft" for record in result.records)


def test_ppo_ends_at_its_budget_of_kl(tmp_path):
    ppo = PPOConfig(iterations=6, value_warmup_iterations=0, learning_rate=0.03, warmup_iterations=0)
    result = run_rlhf(make_config(tmp_path / "run", ppo=ppo, max_kl=0.05))
    distances = [record["kl_episode"] for record in result.records if record["stage"] == "ppo 1"]
    assert len(distances) < 6 and distances[-1] > 0.05 and max(distances[:-1]) <= 0.05


def test_a_tokenizer_of_its_own(tmp_path):
    model = ModelOptions(model="nano", tokenizer="bpe:300", device="cpu", threads=1)
    assert run_rlhf(make_config(tmp_path / "run", model=model, optimise="dpo")).exit_code == 0
    assert (tmp_path / "run" / "tokenizer" / "tokenizer.json").is_file()
    with pytest.raises(InvalidValueError, match="bpe:SIZE"):
        run_rlhf(make_config(tmp_path / "other", model=dataclasses.replace(model, tokenizer="bpe:many")))


# The parts ------------------------------------------------------------------------------------------------


def make_engine(seed=0, context=64):
    model = make_tiny_model(
        TOKENIZER.vocab_size, hidden_size=16, layers=1, heads=2, context=context, seed=seed
    )
    return Engine(model, max_rows=64, pad_id=TOKENIZER.pad_id), Policy(model)


@pytest.mark.parametrize("task", [Echo(), Delayed(num_turns=3, act_on="last")])
def test_episodes_hold_what_was_sampled_and_come_back_from_their_lines(task):
    engine, policy = make_engine()
    transitions = Transitions(task, TOKENIZER)
    problems = task.problems("train", range(5))
    groups = sample_episodes(engine, transitions, problems, count=2, temperature=1.0, seed=3)
    alone = sample_episodes(engine, transitions, problems[3:4], count=2, temperature=1.0, seed=3)
    for one, other in zip(alone[0], groups[3], strict=True):  # neither the batch nor the others matter
        assert one._replace(logp=0.0) == other._replace(logp=0.0)
    episodes = [episode for group in groups for episode in group]
    # The log-probs of the sampler are those of the model: so the marks on the agent's tokens are right.
    np.testing.assert_allclose(logps_of(policy, episodes), [e.logp for e in episodes], rtol=1e-4)
    for episode in episodes:
        ids = [i for i, is_said in zip(*episode.row, strict=True) if is_said]
        said = "".join(turn.text for turn in episode.turns if turn.role == "agent")
        assert TOKENIZER.decode(ids) == said
    assert read_episodes([episode.to_json() for episode in episodes], task) == episodes


def test_equal_responses_are_not_compared():
    engine, _ = make_engine()
    task = Echo()
    transitions = Transitions(task, TOKENIZER)
    problems = task.problems("train", range(3))
    greedy = sample_episodes(engine, transitions, problems, count=2, temperature=0.0, seed=0)
    assert make_comparisons([e for group in greedy for e in group], 2) == []
    drawn = sample_episodes(engine, transitions, problems, count=2, temperature=1.0, seed=0)
    found = make_comparisons([e for group in drawn for e in group], 2)
    assert [one.prompt for one in found] == [problem.prompt for problem in problems]
    assert [t.response for t in found[0].transcripts] == list(found[0].responses)


def test_gold_and_proxy_are_those_of_task_and_reward():
    task = Math(level=1)
    transitions = Transitions(task, TOKENIZER)
    episodes = [e for (e,) in sample_episodes(
        make_engine()[0], transitions, task.problems("train", range(4)), count=1, temperature=1.0, seed=0
    )]  # fmt: skip
    right = episodes[0]._replace(
        turns=(episodes[0].turns[0]._replace(text=str(episodes[0].problem.reference), is_complete=True),),
        terminated=True, truncated=False,
    )  # fmt: skip
    truth = task.demonstrations(right.problem, np.random.default_rng(0))[0]
    right = right._replace(turns=(right.turns[0]._replace(text=truth),))
    assert gold_of(task, [right])[0] == 1.0
    np.testing.assert_array_equal(
        proxy_of(Utility(), task, [*episodes, right]), gold_of(task, [*episodes, right])
    )
    assert proxy_of(2 * Correct(), task, [right])[0] == 2.0


def test_numbers_by_hand():
    assert variety(["a b a b", "a b c"]) == {
        "distinct_2": pytest.approx(3 / 5), "repetition": pytest.approx((1 / 3 + 0) / 2),
    }  # fmt: skip
    assert variety(["", "one"]) == {"distinct_2": 0.0, "repetition": 0.0}
    won = wins(np.array([1.0, 0.5, 0.0, math.nan]), np.array([0.5, 0.5, 0.5, 0.0]))
    assert won[:3].tolist() == [1.0, 0.5, 0.0] and math.isnan(won[3])
    task = Echo()
    episodes = [e for (e,) in sample_episodes(
        make_engine()[0], Transitions(task, TOKENIZER), task.problems("train", range(2)), count=1,
        temperature=1.0, seed=0,
    )]  # fmt: skip
    found = describe(episodes, np.array([0.0, 1.0]), kl=np.array([1.0, 3.0]), rival=np.array([1.0, 0.0]))
    assert found["gold"]["mean"] == 0.5 and found["kl"]["mean"] == 2.0 and found["win_rate"]["mean"] == 0.5
    assert describe(episodes, np.full(2, math.nan))["gold"] is None


def test_the_watched_reward_pays_the_same_and_notes_finished_episodes_alone():
    task = Math(level=1)
    watched = Watched(Correct()).bound_to(task)
    problem = task.problem("train", 0)
    episode = sample_episodes(
        make_engine()[0], Transitions(task, TOKENIZER), [problem], count=1, temperature=1.0, seed=0
    )[0][0]  # fmt: skip
    transcript = episode.transcript._replace(verdict=task.verify(episode.transcript), terminated=True)
    scores: Scores = watched([transcript, transcript._replace(terminated=False)])
    assert scores.values.tolist() == Correct()([transcript, transcript]).values.tolist()
    assert watched.take() == [task.utility(transcript)] and watched.take() == []
    assert watched.paid("turn").pay == "turn"


def test_the_picture_is_drawn_whatever_was_optimised(unbroken):
    _, result = unbroken
    assert draw_rlhf(result.records, result.measured)[:4] == b"\x89PNG"
    assert draw_rlhf([{"stage": "dpo 1", "accuracy": 0.5, "loss": 0.7}], result.measured)[:4] == b"\x89PNG"
    assert draw_rlhf([], result.measured, title="t")[:4] == b"\x89PNG"


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"rounds": 0}, "rounds"), ({"max_kl": 0.0}, "max_kl"), ({"num_envs": 0}, "num_envs"),
        ({"collect": CollectOptions(num_responses=1)}, "num_responses"),
        ({"measure": MeasureOptions(eval_prompts=0)}, "eval_prompts"),
    ],
)  # fmt: skip
def test_options_out_of_range_are_named(tmp_path, options, name):
    with pytest.raises(InvalidValueError, match=name):
        make_config(tmp_path, **options)


def test_annotators_that_lack_what_they_need_are_refused(tmp_path):
    for options in ({"annotator": "file"}, {"annotator": "judge"}, {"judge": "local:x"}):
        with pytest.raises(InvalidValueError, match="belong together"):
            FeedbackOptions(**options)
    with pytest.raises(InvalidValueError, match=r"rounds.*second round"):
        make_config(tmp_path, feedback={"annotator": "file", "preferences": tmp_path}, rounds=2)
    with pytest.raises(InvalidValueError, match=r"length=-0\.01"):
        run_rlhf(
            make_config(
                tmp_path / "run", proxy={"bonus": ("length",)}, feedback={"annotator": "ground-truth"}
            )
        )


@pytest.mark.parametrize(
    ("options", "feedback", "proxy", "message"),
    [
        ({}, {"noise": 3.0}, {}, "noise"),
        ({}, {"tie_margin": -1.0}, {}, "tie_margin"),
        ({}, {"annotator": "judge", "judge": "foo"}, {}, "judge must be local:FOLDER"),
        ({}, {"annotator": "judge", "judge": "local:none"}, {}, "no model at 'none'"),
        ({}, {"annotator": "judge", "judge": "http://h/v1#m", "constitution": Path("none")}, {}, "none"),
        ({}, {"annotator": "file", "preferences": Path("none.jsonl")}, {}, "none.jsonl"),
        ({}, {}, {"bonus": ("lenght=-0.01",)}, "Did you mean 'length'"),
        ({}, {}, {"bonus": ("length",)}, "REWARD=WEIGHT"),
        ({}, {}, {"reward_backbone": "nanno"}, "reward-backbone is 'nanno'"),
        ({"measure": MeasureOptions(eval_split="tset")}, {}, {}, "Did you mean 'test'"),
        ({"model": ModelOptions(model="nano", tokenizer="bpe:5")}, {}, {}, "size from 258"),
        ({"env": EnvOptions(env="lmgym/Guess-v0"), "optimise": "best-of-n"}, {}, {}, "several turns"),
    ],
)
def test_a_mistake_is_found_before_anything_is_made(options, feedback, proxy, message, tmp_path):
    config = make_config(tmp_path / "run", feedback=feedback, proxy=proxy, **options)
    with pytest.raises(LmgymError, match=message):
        run_rlhf(config)
    assert not (tmp_path / "run").exists()


def test_ties_alone_teach_no_reward(tmp_path):
    with pytest.raises(EmptyProblemSetError, match="no verdict says which response is better"):
        run_rlhf(make_config(tmp_path / "run", feedback={"tie_margin": 10.0}))


def test_people_must_judge_something():
    with pytest.raises(InvalidValueError, match="min-verdicts is -3"):
        FeedbackOptions(annotator="human", min_verdicts=-3)


def test_a_reward_model_reads_with_the_tokenizer_of_its_own_backbone(tmp_path):
    first = run_rlhf(make_config(tmp_path / "first", optimise="dpo"))
    proxy = {"reward_backbone": str(first.path / "model")}
    model = ModelOptions(model="nano", tokenizer="bpe:300", device="cpu", threads=1)
    done = run_rlhf(make_config(tmp_path / "run", proxy=proxy, model=model))
    scorer = load_reward_model(done.path / "reward_model")
    assert scorer.tokenizer.vocab_size == load_policy(first.path / "model").model.config.vocab_size


def test_other_preferences_are_refused_on_resume(tmp_path):
    done = run_rlhf(make_config(tmp_path / "first", optimise="dpo"))
    said = done.path / LOG
    feedback = {"annotator": "file", "preferences": said}
    run_rlhf(make_config(tmp_path / "run", feedback=feedback, optimise="dpo"))
    said.write_text("".join(reversed(said.read_text().splitlines(keepends=True))))
    with pytest.raises(ResumeError, match="preferences"):
        run_rlhf(make_config(tmp_path / "run", feedback=feedback, optimise="dpo", resume=True))
