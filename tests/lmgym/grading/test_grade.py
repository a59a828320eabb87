"""The entry points: every text has a verdict, every mistake of the caller's its error."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import pytest

import lmgym.grading
from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.grading import Budgets, Gold, Policy, Rules, decisions, grade, grade_batch, read_gold, workers
from lmgym.grading.decisions import Memory, decide_quickly
from lmgym.grading.workers import Outcome
from lmgym.records import Verdict

SLOW = ("\\sin 2x", "2\\sin x\\cos x")  # a gold and an answer that only a worker can compare


@pytest.fixture
def pool(monkeypatch):
    """Puts a pool in place that says what it is told; returns it."""

    class Told:
        size = 4
        outcome = Outcome("", {"is_equal": True, "reason": ""})

        def __init__(self):
            self.requests = []

        def run(self, request, timeout_s):
            self.requests.append((request["gold"], request["given"], timeout_s))
            return self.outcome

    told = Told()
    monkeypatch.setattr(workers, "_pool", told)
    decisions.forget_decisions()
    yield told
    decisions.forget_decisions()


@pytest.fixture
def undecided(monkeypatch):
    """Lets no comparison be decided in this process."""
    monkeypatch.setattr("lmgym.grading.equality.equivalence.compare", lambda *_: None)


@pytest.mark.parametrize(
    ("gold", "response", "verdict"),
    [
        ("7", r"\boxed{7}", Verdict("correct", "", "7", 1.0)),
        ("7", "7", Verdict("correct", "", "7", 1.0)),
        ("7", "x\n#### 7", Verdict("correct", "", "7", 1.0)),
        ("5/2", "2.5", Verdict("correct", "", "2.5", 1.0)),
        ("-3", "\u22123", Verdict("correct", "", "\u22123", 1.0)),
        ("7", "8", Verdict("wrong", "wrong", "8")),
        ("1/3", "0.3333333333", Verdict("wrong", "wrong", "0.3333333333")),
        ("7", "", Verdict("wrong", "no_answer")),
        ("7", r"\boxed{7}\boxed{8}", Verdict("wrong", "several_answers", "8")),
        ("7", r"\boxed{8}\boxed{7}", Verdict("wrong", "several_answers", "7")),
        ("7", r"\boxed{7}\boxed{7.0}\boxed{14/2}", Verdict("wrong", "unsolved", "14/2")),
        ("7", r"\boxed{14/2}\boxed{7}", Verdict("correct", "", "7", 1.0)),
        ("7", "7 or 8", Verdict("wrong", "hedged", "7 or 8")),
        ("7", "The answer is not 7", Verdict("wrong", "hedged", "not 7")),
        ("7", r"It is not \boxed{7}", Verdict("wrong", "hedged")),
        ("408", "12*34", Verdict("wrong", "unsolved", "12*34")),
        ("7", "7 ((", Verdict("wrong", "unparsed", "7 ((")),
        ("7", "7\x00", Verdict("wrong", "unparsed", "7\x00")),
        ("7", "7\ud800", Verdict("wrong", "unparsed", "7\ud800")),
        ("7", "9" * 2_001, Verdict("wrong", "limit", "9" * 2_001)),
        ("7^", "7", Verdict("error", "gold")),
        ("", "7", Verdict("error", "gold")),
        ("\ud800", "7", Verdict("error", "gold")),
    ],
)
def test_verdicts(gold, response, verdict):
    assert grade(gold, response) == verdict


@pytest.mark.parametrize(
    ("gold", "answer", "status"),
    [
        (r"\frac{1}{2}", "0.5", "correct"),
        (r"x^2+2x+1", "(x+1)^2", "correct"),
        (r"x^2+2x+1", "(x+2)^2", "wrong"),
        ("x = 1 or x = 2", "x = 2 or x = 1", "correct"),
        ("x = 1 or x = 2", "maybe x = 1 or x = 2", "wrong"),
        ("1, 2", "2, 1", "correct"),
        (r"\text{not valid}", r"\text{not valid}", "correct"),
        (r"\{1, 2\}", r"\{2, 1\}", "correct"),
        ("7", r"\{7\}", "wrong"),
        ("7", "6=7", "wrong"),
    ],
)
def test_what_is_no_plain_number(gold, answer, status):
    assert grade(gold, f"\\boxed{{{answer}}}").status == status
    assert grade(read_gold(gold), f"\\boxed{{{answer}}}").status == status


def test_rules_and_budgets_are_part_of_the_policy():
    assert grade("408", "12*34", policy=Policy(rules=Rules(must_be_solved=False))).status == "correct"
    assert grade("0.33", "1/3", policy=Policy(rules=Rules(decimals=2))).status == "correct"
    assert grade("1/3", "0.33", policy=Policy(rules=Rules(decimals=2))).status == "correct"
    assert grade("7", "7" * 20, policy=Policy(budgets=Budgets(max_answer_chars=10))).reason == "limit"


def test_a_copy_of_the_prompt_is_an_echo():
    prompt = "3+4=? Write it like \\boxed{7}."
    assert grade("7", "Write it like \\boxed{7}.", prompt=prompt) == Verdict("wrong", "echo")
    prompt = "What is 3+4?\nWrite it like \\boxed{7}."
    assert grade("7", f"{prompt}\n", prompt=prompt) == Verdict("wrong", "echo")
    assert grade("7", f"{prompt}\n\\boxed{{7}}", prompt=prompt).status == "correct"


def test_choices_are_compared_by_letter():
    assert grade("B", "The answer is (b).", policy="choice") == Verdict("correct", "", "B", 1.0)
    assert grade("(B)", "A", policy="choice") == Verdict("wrong", "wrong", "A")
    assert grade("B", r"\boxed{A} \boxed{B}", policy="choice").reason == "several_answers"
    assert grade("B or C", "B", policy="choice") == Verdict("error", "gold")


def test_a_gold_is_read_once():
    gold = read_gold(" $5/2$. ")
    assert (gold.text, gold.number, gold.policy) == ("5/2", Fraction(5, 2), Policy())
    assert read_gold("5/2", Policy(rules=Rules(decimals=2))).number is None
    assert grade(gold, "2.5").status == "correct"
    with pytest.raises(InvalidValueError, match="read it again"):
        grade(gold, "2.5", policy="boxed")
    assert grade(gold, "2.5", policy="final").status == "correct"


def test_a_gold_may_stand_at_the_end_of_a_solution():
    assert read_gold("9*2=18\n#### 18", "marker", is_solution=True).text == "18"
    assert read_gold(r"Hence $\boxed{\frac{1}{2}}$.", "boxed", is_solution=True).text == r"\frac{1}{2}"
    assert read_gold("#### 1,234", is_solution=True).text == "1,234"
    for broken in ("no marker", "#### 1\n#### 2", "#### "):
        with pytest.raises(InvalidValueError, match=r"no single final answer \(\w+\) by policy 'marker'"):
            read_gold(broken, "marker", is_solution=True)


@pytest.mark.parametrize("broken", ["", " ", "7^", "((", "\x00", "9" * 3_000, "1/0", "6=7", "7^{7^{7^7}}"])
def test_a_broken_gold_is_an_error_when_it_is_read(broken):
    with pytest.raises(InvalidValueError, match="can't be read"):
        read_gold(broken)
    with pytest.raises(InvalidValueError, match="must be text"):
        read_gold(7)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((7, "7"), {}, "a gold answer must be text or made by read_gold, got 7"),
        (("7", 7), {}, "a response must be text, got 7"),
        (("7", b"7"), {}, "a response must be text, got b'7'"),
        (("7", "7"), {"prompt": 3}, "a prompt must be text or None, got 3"),
        (("7", "7"), {"policy": 3}, "policy must be a name or a Policy, got 3"),
        (("7", "7"), {"timeout_s": 0}, r"timeout_s must be a number in \(0, 600\], got 0"),
        (("7", "7"), {"timeout_s": float("nan")}, "got nan"),
        (("7", "7"), {"timeout_s": "2"}, "got '2'"),
        (("7", "7"), {"timeout_s": True}, "got True"),
    ],
)
def test_mistakes_of_the_caller_s(arguments, options, message):
    with pytest.raises(InvalidValueError, match=message):
        grade(*arguments, **options)
    with pytest.raises(InvalidValueError, match=message):
        rows = {"prompts": [options["prompt"]]} if "prompt" in options else options
        grade_batch([arguments[0]], [arguments[1]], **rows)


def test_an_unknown_policy_has_a_nearest_name():
    with pytest.raises(UnknownNameError, match="Did you mean 'marker'"):
        grade("7", "7", policy="markr")


def test_a_batch_gives_what_single_calls_give():
    golds = ["7", read_gold("8"), "7^", "x+1", "7"]
    responses = ["7", "9", "7", "1+x", ""]
    assert grade_batch(golds, responses) == [grade(*row) for row in zip(golds, responses, strict=True)]
    prompts = ["What is 3+4?"] * 5
    assert grade_batch(golds, responses, prompts=prompts) == grade_batch(golds, responses)
    assert grade_batch([], []) == []
    with pytest.raises(InvalidValueError, match="2 golds, 1 responses"):
        grade_batch(["1", "2"], ["1"])
    with pytest.raises(InvalidValueError, match="1 golds, 1 responses, 0 prompts"):
        grade_batch(["1"], ["1"], prompts=[])


@pytest.mark.parametrize(
    ("outcome", "verdict"),
    [
        (Outcome("", {"is_equal": True, "reason": ""}), Verdict("correct", "", SLOW[1], 1.0)),
        (Outcome("", {"is_equal": False, "reason": "wrong"}), Verdict("wrong", "wrong", SLOW[1])),
        (Outcome("", {"is_equal": False, "reason": "limit"}), Verdict("wrong", "limit", SLOW[1])),
        (Outcome("", {"is_equal": "yes"}), Verdict("wrong", "wrong", SLOW[1])),
        (Outcome("timeout", {}), Verdict("wrong", "timeout", SLOW[1])),
        (Outcome("limit", {}), Verdict("wrong", "limit", SLOW[1])),
        (Outcome("overloaded", {}), Verdict("error", "overloaded", SLOW[1])),
        (Outcome("worker", {}), Verdict("error", "worker", SLOW[1])),
    ],
)
@pytest.mark.usefixtures("undecided")
def test_what_a_worker_says_and_how_it_fails(pool, outcome, verdict):
    pool.outcome = outcome
    assert grade(*SLOW, timeout_s=1.5) == verdict
    assert pool.requests == [(*SLOW, 1.5)]
    assert grade(*SLOW, timeout_s=1.5) == verdict
    assert len(pool.requests) == (2 if verdict.status == "error" else 1)  # what is ours is tried again


@pytest.mark.usefixtures("undecided")
def test_a_batch_asks_once_for_equal_rows(pool):
    other = "2\\cos x\\sin x"
    responses = [SLOW[1], other] * 20 + [""]
    verdicts = grade_batch([SLOW[0]] * 41, responses)
    assert [verdict.status for verdict in verdicts] == ["correct"] * 40 + ["wrong"]
    assert sorted(pool.requests) == sorted([(*SLOW, 2.0), (SLOW[0], other, 2.0)])


def test_only_the_newest_decisions_are_kept():
    memory = Memory(2)
    kept = decide_quickly(read_gold("7"), "7")
    for key in ("a", "b"):
        memory.keep((key,), kept)
    assert memory.find(("a",)) == kept
    memory.keep(("c",), kept)
    assert [memory.find((key,)) is None for key in "abc"] == [False, True, False]


def test_plain_numbers_never_leave_the_process(pool):
    for answer in ("7", "8", "7.0", "14/2", "1/3", "-7", "\\boxed{7}", "#### 7", "seven", "7 apples"):
        grade("7", answer)
    assert pool.requests == []


def test_what_is_deep_or_large_is_compared_where_it_can_be_killed(pool):
    deep = "\\sqrt{x+" * 20 + "1" + "}" * 20
    large = "+".join(f"x^{{{power}}}" for power in range(2, 100))
    for answer in (deep, large):
        assert grade("x", f"\\boxed{{{answer}}}").status == "correct"  # as the pool says
    assert len(pool.requests) == 2


def test_a_full_stack_is_no_answer_s_fault(pool, monkeypatch):
    def overflow(*_):
        raise RecursionError

    monkeypatch.setattr("lmgym.grading.equality.equivalence.compare", overflow)
    assert grade("x", "x").status == "correct"  # as the pool says
    assert grade("x", r"\boxed{x+1}\boxed{x}").reason == "several_answers"


@pytest.mark.usefixtures("undecided")
def test_a_worker_really_compares():
    decisions.forget_decisions()
    assert grade(*SLOW, timeout_s=60.0) == Verdict("correct", "", SLOW[1], 1.0)
    assert workers.statistics().jobs >= 1
    with ThreadPoolExecutor(4) as threads:
        answers = [f"2\\sin x\\cos x+{number}" for number in range(4)]
        found = list(threads.map(lambda answer: grade(SLOW[0], answer, timeout_s=60.0), answers))

    async def main():
        return await asyncio.to_thread(grade, SLOW[0], "\\cos x\\sin x", timeout_s=60.0)

    found.append(asyncio.run(main()))
    assert [verdict.reason for verdict in found] == ["", "wrong", "wrong", "wrong", "wrong"]


def test_importing_and_grading_numbers_loads_nothing_heavy():
    program = (
        "import sys, lmgym.grading as g\n"
        "assert 'lmgym.grading.grader' not in sys.modules\n"
        "assert g.grade('7', '7').status == 'correct'\n"
        "heavy = {'sympy', 'mpmath', 'lmgym.grading.notation.parser', 'lmgym.grading.equality.equivalence'}\n"
        "assert not heavy & set(sys.modules)\n"
        "assert g.grade('x+1', '1+x').status == 'correct'\n"
        "assert 'sympy' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program], check=True)


def test_the_package_names_what_it_exports():
    for name in lmgym.grading.__all__:
        assert getattr(lmgym.grading, name) is not None
    assert isinstance(read_gold("7"), Gold)
    with pytest.raises(AttributeError, match="no attribute 'grad'"):
        _ = lmgym.grading.grad
