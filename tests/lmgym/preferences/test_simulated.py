"""Simulated raters: every knob against its formula, by counting verdicts at fixed seeds."""

from __future__ import annotations

import itertools
import math
import subprocess
import sys

import pytest

from lmgym.errors import InvalidValueError
from lmgym.preferences import Annotator, Comparison, SimulatedAnnotator, make_preferences
from lmgym.records import Transcript, Turn, Verdict
from lmgym.tasks.probes import Echo

NUM = 1000
TIME = "2026-01-31T12:00:00Z"


def by_number(transcript):
    """The true utility of a response is the number that it begins with."""
    return float(transcript.response.split()[0])


def judge(responses, *, num=NUM, repetition=0, **knobs):
    annotator = SimulatedAnnotator(by_number, **knobs)
    questions = [Comparison(f"q{number}", responses, repetition=repetition) for number in range(num)]
    return [judgement.ranks for judgement in annotator.annotate(questions)]


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def check_rate(verdicts, wanted, probability):
    """The count lies within 4 standard deviations of a binomial one: 1 wrong alarm in 16,000 seeds."""
    count = sum(verdict == wanted for verdict in verdicts)
    spread = math.sqrt(len(verdicts) * probability * (1 - probability))
    assert abs(count - len(verdicts) * probability) <= 4 * spread + 1e-9, (count, probability)


FIRST, SECOND, TIE = (0, 1), (1, 0), (0, 0)


def test_without_knobs_the_truth_is_said():
    assert set(judge(("1", "2"))) == {SECOND}
    assert set(judge(("1", "1 b"))) == {TIE}
    assert set(judge(("3", "1", "2"))) == {(0, 2, 1)}


@pytest.mark.parametrize("noise", [0.1, 0.4, 1.0])
def test_noise_turns_verdicts_round_with_its_probability(noise):
    check_rate(judge(("1", "2"), noise=noise), FIRST, noise)
    check_rate(judge(("3", "1", "2"), noise=noise), (2, 0, 1), noise)
    assert set(judge(("1", "1 b"), noise=noise)) == {TIE}


@pytest.mark.parametrize("temperature", [0.5, 2.0])
def test_temperature_is_that_of_bradley_and_terry(temperature):
    check_rate(judge(("1", "2"), temperature=temperature), SECOND, sigmoid(1 / temperature))
    check_rate(judge(("1", "1 b"), temperature=temperature), SECOND, 0.5)


def test_more_responses_are_ranked_as_plackett_and_luce_do():
    verdicts = judge(("0", "1", "2"), temperature=1.0, num=2 * NUM)
    weights = [math.exp(number) for number in range(3)]
    for order in itertools.permutations(range(3)):
        probability, left = 1.0, sum(weights)
        for response in order:
            probability *= weights[response] / left
            left -= weights[response]
        check_rate(verdicts, tuple(order.index(response) for response in range(3)), probability)


def test_length_bias_is_paid_by_the_hundred_characters():
    long = "1" + " " * 299
    assert set(judge((long, "2.9"), length_bias=0.63)) == {SECOND}  # 2.89 against 2.9189
    assert set(judge((long, "2.9"), length_bias=0.65)) == {FIRST}  # 2.95 against 2.9195
    verdicts = judge((long, "2.9"), length_bias=0.5, temperature=1.0)
    check_rate(verdicts, FIRST, sigmoid(1 - 2.9 + 0.5 * (3 - 0.03)))


def test_position_bias_is_paid_to_the_first_place():
    assert set(judge(("1", "2"), position_bias=1.1)) == {FIRST}
    assert set(judge(("1", "2"), position_bias=0.9)) == {SECOND}
    assert set(judge(("1", "1.45", "1.9"), position_bias=1.0)) == {(0, 1, 2)}  # seen as 2, 1.95, 1.9
    check_rate(judge(("1", "2"), position_bias=0.5, temperature=1.0), FIRST, sigmoid(-0.5))


def test_ties_by_margin():
    assert set(judge(("1", "1.5"), tie_margin=0.5)) == {TIE}
    assert set(judge(("1", "1.5"), tie_margin=0.49)) == {SECOND}
    assert set(judge(("0", "1", "2"), tie_margin=1.0)) == {(1, 0, 0)}  # measured from the best of a place
    verdicts = judge(("1", "2"), tie_margin=0.7, temperature=1.0)
    better, worse = sigmoid(1 - 0.7), sigmoid(-1 - 0.7)
    check_rate(verdicts, SECOND, better)
    check_rate(verdicts, FIRST, worse)
    check_rate(verdicts, TIE, 1 - better - worse)


@pytest.mark.parametrize("inconsistency", [0.0, 0.3, 1.0])
def test_inconsistency_draws_anew(inconsistency):
    knobs = {"temperature": 1.0, "inconsistency": inconsistency}
    first = judge(("1", "1 b"), **knobs)
    again = judge(("1", "1 b"), repetition=1, **knobs)
    changed = [one != two for one, two in zip(first, again, strict=True)]
    check_rate(changed, True, inconsistency / 2)  # a new draw is the other one half of the times
    assert again == judge(("1", "1 b"), repetition=1, **knobs)


def test_knobs_do_not_disturb_each_other():
    """Turning one knob leaves the draws of the others alone."""
    plain = judge(("1", "2"), temperature=1.0, num=200)
    assert judge(("1", "2"), temperature=1.0, num=200, noise=1.0) == [(1 - a, 1 - b) for a, b in plain]
    assert judge(("1", "2"), temperature=1.0, num=200, inconsistency=0.5) == plain
    assert judge(("1", "2"), temperature=1.0, num=200, length_bias=1e-12, position_bias=1e-12) == plain


def test_the_order_shown_matters_only_through_position_bias():
    responses = ("0.3", "0.1 long", "0.2", "0.25")
    knobs = {"temperature": 0.5, "noise": 0.3, "length_bias": 0.2, "tie_margin": 0.05}
    verdicts = judge(responses, num=50, **knobs)
    for order in itertools.permutations(range(4)):
        shown = tuple(responses[place] for place in order)
        moved = judge(shown, num=50, **knobs)
        assert moved == [tuple(ranks[place] for place in order) for ranks in verdicts]
    swapped = judge(responses[::-1], num=200, position_bias=0.3, **knobs)
    assert swapped != [ranks[::-1] for ranks in judge(responses, num=200, position_bias=0.3, **knobs)]


def test_raters_of_a_panel_are_independent():
    panel = SimulatedAnnotator(by_number, temperature=1.0, num_raters=3)
    questions = [Comparison(f"q{number}", ("1", "1 b")) for number in range(NUM)]
    verdicts = [rater.annotate(questions) for rater in panel.raters]
    for one, two in itertools.combinations(verdicts, 2):
        check_rate([a.ranks == b.ranks for a, b in zip(one, two, strict=True)], True, 0.5)
    mixed = panel.annotate(questions)
    for rater, judgements in enumerate(verdicts):
        mine = [m for m in mixed if m.extra["rater"] == f"simulated-{rater}"]
        assert abs(len(mine) - NUM / 3) < 4 * math.sqrt(NUM * 2 / 9)
        assert all(m in judgements[number : number + 1] for number, m in enumerate(mixed) if m in mine[:20])


def test_a_verdict_depends_on_seed_question_and_key():
    def ask(*, seed=0, prompt="q", key=""):
        annotator = SimulatedAnnotator(by_number, temperature=1.0, seed=seed)
        questions = [Comparison(f"{prompt}{number}", ("1", "1 b"), key=key) for number in range(64)]
        return [judgement.ranks for judgement in annotator.annotate(questions)]

    verdicts = [ask(), ask(seed=1), ask(prompt="p"), ask(key="k")]
    assert all(one != two for one, two in itertools.combinations(verdicts, 2))
    assert ask() == verdicts[0]


CODE = """
from lmgym.preferences import Comparison, SimulatedAnnotator
annotator = SimulatedAnnotator(lambda t: len(t.response), temperature=1.0, noise=0.2, num_raters=2, seed=5)
print([j.ranks for j in annotator.annotate([Comparison(f"q{n}", ("a", "b", "c")) for n in range(20)])])
"""


def test_equal_in_every_process():
    outputs = {
        subprocess.run(
            [sys.executable, "-c", CODE],
            capture_output=True,
            text=True,
            check=True,
            env={"PYTHONHASHSEED": s},
        ).stdout
        for s in ("0", "1")
    }
    assert len(outputs) == 1


def test_a_task_judges_by_its_utility():
    task = Echo()
    problem = task.problem("train", 0)
    right = task.demonstrations(problem, None)[0]
    texts = ("nonsense", right)
    transcripts = tuple(Transcript(problem, (Turn("agent", text),), terminated=True) for text in texts)
    annotator = SimulatedAnnotator(task)
    question = Comparison(problem.prompt, texts, transcripts)
    judgement = annotator.annotate([question])[0]
    assert judgement.ranks == SECOND and judgement.extra["utilities"][1] == 1.0
    failed = tuple(item._replace(verdict=Verdict("error", "timeout")) for item in transcripts)
    assert annotator.annotate([question._replace(transcripts=failed)])[0].ranks is None
    with pytest.raises(InvalidValueError, match="transcripts"):
        annotator.annotate([question._replace(transcripts=None)])
    with pytest.raises(InvalidValueError, match="one for each"):
        annotator.annotate([question._replace(transcripts=transcripts[:1])])
    with pytest.raises(InvalidValueError, match="two responses"):
        annotator.annotate([Comparison("q", ("1",))])


def test_no_verdict_where_the_verifier_has_failed():
    ended = Transcript(Echo().problem("train", 0), (Turn("agent", "1"),), terminated=True)
    both = (ended, ended._replace(verdict=Verdict("error", "timeout")))
    judgement = SimulatedAnnotator(by_number).annotate([Comparison("q", ("1", "2"), both)])[0]
    assert judgement.ranks is None and judgement.reason == "no utility"


@pytest.mark.parametrize("utility", [None, math.nan, math.inf])
def test_no_verdict_without_a_utility(utility):
    annotator = SimulatedAnnotator(lambda transcript: utility if transcript.response == "b" else 1.0)
    judgement = annotator.annotate([Comparison("q", ("a", "b"))])[0]
    assert judgement.ranks is None and judgement.reason == "no utility"


@pytest.mark.parametrize(
    "knobs",
    [
        {"noise": -0.1},
        {"noise": 1.1},
        {"noise": math.nan},
        {"temperature": -1},
        {"temperature": math.inf},
        {"tie_margin": -1},
        {"length_bias": math.nan},
        {"position_bias": math.inf},
        {"inconsistency": 2},
        {"num_raters": 0},
        {"rater": 1},
        {"seed": -1},
    ],
)
def test_what_a_knob_refuses(knobs):
    with pytest.raises(InvalidValueError, match=next(iter(knobs))):
        SimulatedAnnotator(by_number, **knobs)


def test_records_of_a_panel():
    panel = SimulatedAnnotator(by_number, num_raters=2, name="sim")
    assert isinstance(panel, Annotator)
    questions = [Comparison("q", ("1", "2"), key="k", repetition=1), Comparison("p", ("2", "1"))]
    records = make_preferences(panel, questions, now=TIME)
    assert [record.ranks for record in records] == [SECOND, FIRST]
    assert {record.annotator for record in records} <= {"sim-0", "sim-1"}
    assert records[0].extra == {"key": "k", "repetition": 1, "utilities": [1.0, 2.0]}
    assert records[1].extra == {"utilities": [2.0, 1.0]} and records[1].time == TIME


def test_an_annotator_that_forgets_a_question():
    class Forgetful:
        name = "forgetful"

        def annotate(self, comparisons):
            return []

    with pytest.raises(InvalidValueError, match="0 judgements of 1"):
        make_preferences(Forgetful(), [Comparison("q", ("1", "2"))], now=TIME)


def test_an_annotator_that_gives_numbers():
    class Counting:
        name = "counting"

        def annotate(self, comparisons):
            return [0 for _ in comparisons]

    with pytest.raises(InvalidValueError, match="'counting' must give Judgements, gave 0"):
        make_preferences(Counting(), [Comparison("q", ("1", "2"))], now=TIME)
