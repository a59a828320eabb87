"""The local judge: its log-probs against plain forwards, both orders, hopeless questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch

from lmgym.errors import InvalidValueError, ModelError
from lmgym.judges import EndpointJudge, Judge, parse_constitution
from lmgym.preferences import Comparison
from lmgym.rewards import Judged, make_reward
from lmgym.tokenization import CharTokenizer
from lmgym_agents.judging import LocalJudge, make_judge
from lmgym_agents.judging.options import option_logps, spellings
from lmgym_agents.models import load_model
from lmgym_agents.policy import Policy

TOKENIZER = CharTokenizer()
SHORT = parse_constitution("1. Be true.")


@pytest.fixture(scope="module")
def policy() -> Policy:
    model = load_model("nano", tokenizer=TOKENIZER, context=2048, seed=3)
    with torch.no_grad():  # a fresh model is nearly uniform; this one has opinions
        model.get_output_embeddings().weight.mul_(5.0)
    return Policy(model)


def make_local(policy: Policy, **options: Any) -> LocalJudge:
    return LocalJudge(policy, TOKENIZER, **{"constitution": SHORT, "min_mass": 0.0} | options)


def test_spellings_are_all_single_tokens_that_say_the_option():
    assert spellings(TOKENIZER, ("A", "7")) == [TOKENIZER.encode("A"), TOKENIZER.encode("7")]
    with pytest.raises(InvalidValueError, match=r"no token of 'char' spells \['pass'\]"):
        spellings(TOKENIZER, ("A", "pass"))


@pytest.mark.parametrize("max_batch_tokens", [1, 40, 10_000])
def test_option_logps_are_those_of_a_plain_forward(policy, max_batch_tokens):
    rows = [TOKENIZER.encode(text) for text in ("a", "Which?", 'long and "verdict": ', "x" * 30)]
    options = [[5, 9], [7], [11, 12, 13]]
    told: list[int] = []
    found = option_logps(policy, rows, options, max_batch_tokens=max_batch_tokens, on_rows=told.append)
    for row, logps in zip(rows, found, strict=True):
        with torch.no_grad():
            logits = policy.model(input_ids=torch.tensor([row])).logits[0, -1].double()
        probabilities = (logits - logits.max()).exp()
        probabilities = probabilities / probabilities.sum()
        expected = [math.log(float(probabilities[tokens].sum())) for tokens in options]
        assert logps.tolist() == pytest.approx(expected, abs=1e-5)
    assert told[-1] == 4
    assert option_logps(policy, [], options).shape == (0, 3)


def test_it_is_a_judge_and_its_verdict_follows_the_answers_and_not_their_places(policy):
    judge = make_local(policy)
    assert isinstance(judge, Judge) and judge.name == "judge:local"
    pairs = [("yes", "no"), ("one two three", "4"), ("a", "b"), ("", "x"), ("same", "same")]
    forward = judge.annotate([Comparison("Well?", pair) for pair in pairs])
    backward = judge.annotate([Comparison("Well?", pair[::-1]) for pair in pairs])
    for one, other in zip(forward, backward, strict=True):
        assert one.ranks is not None and one.ranks == other.ranks[::-1]
        assert one.confidence == pytest.approx(other.confidence, abs=1e-6)
    for one, other in zip(forward[:3], backward[:3], strict=True):
        assert one.extra["chance"] == pytest.approx(1 - other.extra["chance"], abs=1e-6)
        assert one.confidence == pytest.approx(abs(2 * one.extra["chance"] - 1))
        assert one.extra["position_bias"] == pytest.approx(other.extra["position_bias"], abs=1e-5)
    assert len({judgement.extra["chance"] for judgement in forward[:3]}) == 3, "it has opinions"
    assert forward[3].ranks == (1, 0) and forward[4].ranks == (0, 0)


def test_the_batch_does_not_matter(policy):
    comparisons = [Comparison("Well?", ("x" * n, "y")) for n in (1, 90, 7, 300)]
    together = make_local(policy).annotate(comparisons)
    alone = [make_local(policy, max_batch_tokens=1).annotate([one])[0] for one in comparisons]
    for one, other in zip(together, alone, strict=True):
        assert one.extra["chance"] == pytest.approx(other.extra["chance"], abs=1e-6)


class Odds:
    """Stands for the model: log-odds of A over B as a function of what it reads."""

    def __init__(self, judge: LocalJudge, monkeypatch: pytest.MonkeyPatch, log_odds: Any) -> None:
        self.rows = 0

        def logps(policy: Policy, rows: Sequence[Sequence[int]], options: Any, **_: Any) -> np.ndarray:
            self.rows += len(rows)
            texts = [judge.tokenizer.decode(row) for row in rows]
            odds = np.array([log_odds(text) for text in texts], np.float64)
            return np.stack([-np.log1p(np.exp(-odds)), -np.log1p(np.exp(odds))], 1)

        monkeypatch.setattr("lmgym_agents.judging.local.option_logps", logps)


def answers_of(text: str) -> tuple[str, str]:
    a, b = (text.split(f"[begin answer {name} ")[1].split("\n")[1] for name in "AB")
    return a, b


def test_log_odds_of_both_orders_are_averaged_and_the_bias_is_reported(policy, monkeypatch):
    judge = make_local(policy)

    def odds(text: str) -> float:  # 0.5 for each character that A is longer, and 2 for standing first
        a, b = answers_of(text)
        return 0.5 * (len(a) - len(b)) + 2.0

    Odds(judge, monkeypatch, odds)
    first, second = judge.annotate([Comparison("q", ("xxx", "y")), Comparison("q", ("x", "yyyyyyyyy"))])
    assert first.extra["chance"] == pytest.approx(1 / (1 + math.exp(-1.0)))
    assert first.extra["position_bias"] == pytest.approx(2.0) and judge.position_bias == pytest.approx(2.0)
    assert first.ranks == (0, 1) and first.extra["swap_disagrees"] is True, "A was preferred in both orders"
    assert second.ranks == (1, 0) and second.extra["swap_disagrees"] is False
    wins = judge.win_rates(["q"] * 2, ["xxx", "x"], ["y", "yyyyyyyyy"])
    assert wins.values.tolist() == pytest.approx([1 / (1 + math.exp(-1)), 1 / (1 + math.exp(4))])


def test_calibration_subtracts_what_is_said_of_nothing(policy, monkeypatch):
    judge = make_local(policy, calibrate=True)
    Odds(judge, monkeypatch, lambda text: 0.5 * (len(answers_of(text)[0]) - len(answers_of(text)[1])) + 2.0)
    [judgement] = judge.annotate([Comparison("q", ("xxx", "y"))])
    assert judgement.extra["position_bias"] == pytest.approx(0.0)
    assert judgement.extra["swap_disagrees"] is False
    assert judgement.extra["chance"] == pytest.approx(1 / (1 + math.exp(-1.0)))


def test_a_small_lead_is_a_tie_if_the_caller_says_so(policy, monkeypatch):
    judge = make_local(policy, tie_margin=0.25)
    Odds(judge, monkeypatch, lambda text: float(len(answers_of(text)[0]) - len(answers_of(text)[1])))
    found = judge.annotate([Comparison("q", ("xx", "y")), Comparison("q", ("xxxx", "y"))])
    assert [judgement.ranks for judgement in found] == [(0, 0), (0, 1)]


def test_a_mark_is_the_expected_digit(policy, monkeypatch):
    judge = make_local(policy, scale=(1, 5))
    chances = np.array([0.1, 0.2, 0.3, 0.25, 0.15])
    monkeypatch.setattr(
        "lmgym_agents.judging.local.option_logps", lambda *_, **__: np.log(np.array([chances, 0.5 * chances]))
    )
    scores = judge.score(["q"] * 4, ["x", ":", "y", ""])
    expected = (chances * [0, 0.25, 0.5, 0.75, 1]).sum()
    assert scores.values.tolist() == pytest.approx([expected, 0, expected, 0]) and not scores.failed.any()
    assert scores.reasons == ("", "empty", "", "empty")


def test_options_that_the_model_does_not_want_to_say_are_no_verdict(policy, monkeypatch):
    judge = make_local(policy, min_mass=0.1)
    monkeypatch.setattr(
        "lmgym_agents.judging.local.option_logps", lambda _, rows, *__, **___: np.full((len(rows), 2), -5.0)
    )
    [judgement] = judge.annotate([Comparison("q", ("x", "y"))])
    assert judgement.ranks is None and judgement.reason == "unparsed: the options have a probability of 0.013"
    assert judge.win_rates(["q"], ["x"], ["y"]).failed.tolist() == [True]


@pytest.mark.parametrize("value", [np.nan, -np.inf])
def test_numbers_gone_wrong_are_no_verdict(value, policy, monkeypatch):
    judge = make_local(policy)
    monkeypatch.setattr(
        "lmgym_agents.judging.local.option_logps",
        lambda _, rows, options, **__: np.array([[value, *[0.0] * (len(options) - 1)]] * len(rows)),
    )
    assert judge.annotate([Comparison("q", ("x", "y"))])[0].ranks is None
    assert judge.score(["q"], ["x"]).failed.tolist() == [True]


def test_a_question_that_does_not_fit_is_no_verdict_and_the_others_are_judged():
    small = Policy(load_model("nano", tokenizer=TOKENIZER, context=700, seed=0))
    judge = make_local(small)
    found = judge.annotate([Comparison("q", ("x", "y")), Comparison("q" * 400, ("x", "y"))])
    assert found[0].ranks is not None
    assert found[1].ranks is None and found[1].reason.startswith("overlong")
    assert judge.score(["q", "q" * 700], ["x", "y"]).failed.tolist() == [False, True]


def test_progress_is_told(policy):
    told: list[tuple[int, int]] = []
    judge = make_local(policy, max_batch_tokens=1, on_progress=lambda done, total: told.append((done, total)))
    judge.annotate([Comparison("q", ("x", "y")), Comparison("q", ("x", "z"))])
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]


@pytest.mark.parametrize(
    ("option", "value"),
    [("mode", "rank"), ("scale", (1, 10)), ("scale", (3, 3)), ("tie_margin", 0.5), ("tie_margin", -1),
     ("min_mass", 2)],
)  # fmt: skip
def test_what_can_not_be_used_is_named(option, value, policy):
    with pytest.raises(InvalidValueError, match=option):
        make_local(policy, **{option: value})


@pytest.mark.parametrize(
    "spec",
    ["", "local", "local:", "smollm2", "http://127.0.0.1:1/v1", "http://host/v1#", "ftp://x#y", "#m"],
)
def test_a_name_of_another_form_is_refused(spec):
    with pytest.raises(InvalidValueError, match="local:FOLDER"):
        make_judge(spec)


def test_judges_by_name(tmp_path):
    load_model("nano", tokenizer=TOKENIZER, context=1024).save_pretrained(tmp_path / "mine")
    TOKENIZER.save(tmp_path / "mine")
    judge = make_judge(f"local:{tmp_path / 'mine'}", constitution=SHORT, min_mass=0.0)
    assert judge.name == "judge:mine" and judge.annotate([Comparison("q", ("x", "y"))])[0].ranks is not None
    far = make_judge("http://127.0.0.1:1/v1#org/model#1", cache=tmp_path / "judge.sqlite", timeout_s=3.0)
    assert isinstance(far, EndpointJudge) and far.model == "org/model#1"
    assert far.config["base_url"] == "http://127.0.0.1:1/v1"
    far.close()
    reward = make_reward(f"judge:local:{tmp_path / 'mine'}")
    assert isinstance(reward, Judged) and isinstance(reward.judge, LocalJudge)
    with pytest.raises(InvalidValueError, match="local:FOLDER"):
        make_reward("judge:")
    with pytest.raises(ModelError):
        make_judge("local:no-such-folder-anywhere/at/all")
