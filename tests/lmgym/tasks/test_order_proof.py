"""Proofs of comparisons: what they accept, against forged ones and against the transitive closure."""

from __future__ import annotations

import itertools
import random
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import MAX_LINES
from lmgym.logic.kernel import FALSE, assume
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.order.answers import MAX_ANSWER_CHARS
from lmgym.tasks.order.cases import agrees, answer_in, find_cases
from lmgym.tasks.order.draw import Numbered, OrderReference, ProofReference
from lmgym.tasks.order.logic import KINDS, Facts, Kind, Question
from lmgym.tasks.order.proofs import MAX_PROOF_CHARS, check_proof, proof_value, write_proof
from lmgym.tasks.order.task import Order
from lmgym.tasks.order.text import seen_wordings
from lmgym.tasks.order.theorems import IRREFLEXIVE, TRANSITIVE, compare, compose, is_proof, prove, state
from tests.reference import order as slow

TASK = Order(level=5, style="proof")


def pose(premises: str, kind: Kind, asked: str = "") -> Problem:
    """Returns a problem of one's own; ``A#B`` is a premise of the other relation."""
    numbered = tuple(Numbered((pair[0], pair[-1]), len(pair) == 2) for pair in premises.split())
    facts = tuple(fact for fact, is_asked in numbered if is_asked)
    question = Question(kind, tuple(asked))
    order = OrderReference(Facts(facts).answer(question), facts, question)
    return Problem("", ProofReference(order.value, order, numbered), "train", 0)


def judge(problem: Problem, text: str) -> Verdict:
    return TASK.verify(Transcript(problem, (Turn("agent", text),), True))


def statuses(problem: Problem, text: str) -> str:
    verdicts = TASK.verify_steps(Transcript(problem, (Turn("agent", text),), True))
    assert verdicts is not None
    return " ".join(verdict.status if verdict.status == "right" else verdict.reason for verdict in verdicts)


CHAIN = pose("AB BC CD", "compare", "AD")
TURNED = pose("AB BC CD", "compare", "DA")
FORK = pose("AB AC CD", "compare", "BD")
ROUND = pose("AB BC CA", "compare", "AB")
MIXED = pose("AB B#C BC", "compare", "AC")


@pytest.mark.parametrize(
    ("problem", "text"),
    [
        (CHAIN, "4. A>C 1,2\n5. A>D 4,3\nyes"),
        (CHAIN, "A>C 1,2\nA>D 4,3\nyes"),  # numbers are free
        (CHAIN, "A>C 2,1\nA>D 3,4\nyes"),  # so is the order of what is cited
        (CHAIN, "B>D 2,3\nD<A 1,4\nYes."),  # and the direction
        (CHAIN, " 4 . A > C 1 , 2\r\n\n\t5.A>D 4,3\n \nyes\n\n"),
        (CHAIN, "A>B 1\nA>C 1,2\nA>C 4,2\nA>D 6,3\nyes"),  # detours do no harm
        (TURNED, "A>C 1,2\nA>D 4,3\nno"),
        (pose("AB BC", "compare", "AB"), "3. A>B 1\nyes"),
        (pose("AB BC", "compare", "BA"), "A>B 1\nno"),
        (MIXED, "4. A>C 1,3\nyes"),
        (pose("AB CA", "largest"), "C>A 2\nC>B 3,1\nC"),
        (pose("AB CA", "smallest"), "A>B 1\nC>B 2,1\nB"),
        (pose("BC AB CD", "order"), "A>B 2\nB>C 1\nC>D 3\nA, B, C, D"),
        (pose("BC AB CD", "sort", "DAC"), "C>D 3\nA>C 1,2\nA>C>D"),
        (ROUND, "A>C 1,2\nA>A 4,3\ncontradiction"),
        (ROUND, "B>A 2,3\nB>B 4,1\ncontradiction"),
        (FORK, "case A>B>C>D\ncase A>C>D>B\nunknown"),
        (FORK, "A>D 2,3\ncase A > C>D>B\ncase A>C>B>D\ncase A>B>C>D\nunknown"),
        (pose("AC BC", "largest"), "case A>B>C\ncase B>A>C\nunknown"),
        (pose("AB AC", "order"), "case A>B>C\ncase A>C>B\nunknown"),
    ],
)
def test_proofs_are_paid(problem: Problem, text: str) -> None:
    verdict = judge(problem, text)
    assert (verdict.status, verdict.reason, verdict.score) == ("correct", "", 1.0)
    assert TASK.optimal_value(problem, (), text) == 1.0
    assert set(statuses(problem, text).split()) <= {"right", "blank", "detour", "repeated"}


@pytest.mark.parametrize(
    ("problem", "text", "reason"),
    [
        (CHAIN, "yes", "unproved"),
        (CHAIN, "\n\nyes", "unproved"),
        (CHAIN, "A>C 1,2\nyes", "unproved"),  # half a proof
        (CHAIN, "A>D 1,3\nyes", "unproved"),  # a gap
        (CHAIN, "A>D 1,2,3\nyes", "unproved"),  # two steps in one
        (CHAIN, "A>D 4\nyes", "unproved"),  # cites itself
        (CHAIN, "A>D 4,4\nyes", "unproved"),
        (CHAIN, "A>D 5\nA>D 4\nyes", "unproved"),  # in a circle
        (CHAIN, "A>D 5,3\nA>C 1,2\nyes", "unproved"),  # cites a later line
        (CHAIN, "5. A>C 1,2\nA>D 4,3\nyes", "unproved"),  # a wrong number
        (CHAIN, "1. A>D 1\nyes", "unproved"),  # a premise overwritten
        (CHAIN, "A>C 1,2\nA>D 4,3", "unparsed"),  # no answer
        (CHAIN, "A>C 1,2\nA>D 4,3\nno", "wrong"),
        (CHAIN, "A>C 1,2\nA>D 4,3\nunknown", "wrong"),
        (CHAIN, "A>C 1,2\nA>D 4,3\nyes no", "unparsed"),
        (CHAIN, "A>C 1,2\nA>D 4,3\nno\nyes", "unproved"),  # two answers
        (CHAIN, "A>C 1,2\nA>D 4,3\nyes\nno", "wrong"),
        (CHAIN, "A>C 1,2\nA>D 4,3\nyes\nyes", "unproved"),
        (CHAIN, "yes\nA>C 1,2\nA>D 4,3\nyes", "unproved"),  # the answer before its proof
        (CHAIN, "A>C 1,2\nA>D 4,3\nyes\nA>D 4,3", "unparsed"),
        (CHAIN, "A>C 1,2\nhence\nA>D 4,3\nyes", "unproved"),  # a line that says nothing
        (CHAIN, "A>C 1,2\nD>A 1\nA>D 4,3\nyes", "unproved"),  # one wrong line beside a whole proof
        (CHAIN, "D>A 3,1\nno", "wrong"),
        (CHAIN, "A>X 1,2\nA>D 4,3\nyes", "unproved"),
        (CHAIN, "A>C 01,2\nA>D 4,3\nyes", "unproved"),
        (CHAIN, "A>C 1 2\nA>D 4,3\nyes", "unproved"),
        (CHAIN, "A>C １,2\nA>D 4,3\nyes", "unproved"),
        (CHAIN, "A>C 0,2\nA>D 4,3\nyes", "unproved"),  # the last line from behind
        (CHAIN, "A>C -1,2\nA>D 4,3\nyes", "unproved"),
        (CHAIN, "A=C 1,2\nA>D 4,3\nyes", "unproved"),
        (CHAIN, "A>C>D 1,2\nA>D 4,3\nyes", "unproved"),
        (CHAIN, "А>C 1,2\nA>D 4,3\nyes", "unproved"),  # a Cyrillic A
        (CHAIN, "case A>B>C>D\nyes", "unproved"),  # one order is no proof
        (CHAIN, "case A>B>C>D\ncase A>B>C>D\nyes", "unproved"),
        (CHAIN, "A>D\nyes", "unproved"),  # nothing cited
        (CHAIN, "A>B, B>C: A>C\nA>C, C>D: A>D\nyes", "unproved"),  # the style "worked"
        (TURNED, "D>A 3,1\nno", "unproved"),
        (TURNED, "yes", "wrong"),
        (TURNED, "A>C 1,2\nno", "unproved"),
        (MIXED, "A>C 1,2\nyes", "unproved"),  # a premise of the other relation
        (MIXED, "B>C 2\nA>C 1,4\nyes", "unproved"),  # said again as if it were of this one
        (pose("AB B#A BC", "compare", "AC"), "A>A 1,2\ncontradiction", "wrong"),
        (pose("AB CA", "largest"), "C", "unproved"),
        (pose("AB CA", "largest"), "C>B 2,1\nC", "unproved"),  # greater than one of two
        (pose("AB CA", "largest"), "C>A 2\nA>B 1\nC", "unproved"),  # the other follows, and is not said
        (pose("AB CA", "largest"), "A>B 1\nA", "wrong"),
        (pose("BC AB CD", "order"), "A>B>C>D", "unproved"),
        (pose("BC AB CD", "order"), "A>B 2\nC>D 3\nA>B>C>D", "unproved"),
        (pose("BC AB CD", "sort", "DAC"), "A>B 2\nC>D 3\nA>C>D", "unproved"),
        (ROUND, "contradiction", "unproved"),
        (ROUND, "A>C 1,2\ncontradiction", "unproved"),  # C>A is there too, but the loop is not said
        (ROUND, "A>B 1\nyes", "wrong"),  # from a contradiction all follows, yet it is to be named
        (ROUND, "case A>B>C\ncase C>A>B\nunknown", "wrong"),
        (ROUND, "A>A 1,1\ncontradiction", "unproved"),
        (FORK, "unknown", "unproved"),
        (FORK, "case A>B>C>D\nunknown", "unproved"),
        (FORK, "case A>B>C>D\ncase A>B>C>D\nunknown", "unproved"),
        (FORK, "case A>B>C>D\ncase A>C>B>D\nunknown", "unproved"),  # both say yes
        (FORK, "case A>B>C>D\ncase A>D>C>B\nunknown", "unproved"),  # against a premise
        (FORK, "case A>B>C>D\ncase A>C>D\nunknown", "unproved"),  # somebody is missing
        (FORK, "case A>B>C>D\ncase A>C>D>B>A\nunknown", "unproved"),  # or there twice
        (FORK, "case A>B>C>D\ncase A>C>D>X\nunknown", "unproved"),
        (FORK, "case A>B>C>D\ncaseA>C>D>B\nunknown", "unproved"),
        (FORK, "case A>B>C>D\ncase D>B\nunknown", "unproved"),
        (FORK, "case A>B>C>D\ncase A>C>D>B\nyes", "wrong"),
        (FORK, "B>D 1,3\nyes", "wrong"),
    ],
)  # fmt: skip
def test_forged_proofs_are_not_paid(problem: Problem, text: str, reason: str) -> None:
    verdict = judge(problem, text)
    assert (verdict.status, verdict.reason) == ("wrong", reason) and verdict.score < 1
    if text.count("\n") == 0:
        assert verdict.score == 0


@pytest.mark.parametrize(
    ("problem", "text", "expected"),
    [
        (CHAIN, "A>C 1,2\nA>D 4,3\nyes", "right right right"),
        (CHAIN, "A>C 1,2\nA>C 1,2\n\nA>D 4,3\nyes\nyes", "right repeated blank right right done"),
        (CHAIN, "A>B 1\nA>C 1,2\nA>C 4,2\nB>D 2,3\nA>D 6,3\nyes", "detour right repeated detour right right"),
        (CHAIN, "A>C 1,3\nA>C 1,2", "wrong unread"),
        (CHAIN, "A>C 1,9\nyes", "cited unread"),
        (CHAIN, "9. A>C 1,2\nyes", "number unread"),
        (CHAIN, "hm\nA>C 1,2", "unparsed unread"),
        (CHAIN, "yes", "unproved"),
        (CHAIN, "case A>B>C>D", "detour"),
        (FORK, "case A>B>C>D\ncase A>C>B>D\ncase A>C>D>B\nunknown", "right detour right right"),
        (ROUND, "A>C 1,2\nB>A 2,3\nA>A 4,3\ncontradiction", "right detour right right"),
    ],
)
def test_lines_are_judged(problem: Problem, text: str, expected: str) -> None:
    assert statuses(problem, text) == expected


def test_partial_credit_is_for_lines_that_lead_on() -> None:
    scores = [judge(CHAIN, text).score for text in ("", "A>C 1,2", "A>C 1,2\nA>D 4,3", "A>B 1\nA>B 1\nyes")]
    assert scores == pytest.approx([0, 1 / 3, 2 / 3, 0])


def saturate(premises: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Returns all that follows by transitivity, by trying until nothing is new."""
    known, size = set(premises), 0
    while size < len(known):
        size = len(known)
        known |= {(a, d) for a, b in known for c, d in known if b == c}
    return known


def random_text(reference: ProofReference, rng: random.Random) -> str:
    """Returns lines that cite what is there, mostly rightly, and an answer that is often right."""
    names = sorted({name for fact, _ in reference.premises for name in fact})
    facts = [fact for fact, _ in reference.premises]
    lines = []
    for _ in range(rng.randrange(6)):
        i, j = rng.randrange(len(facts)), rng.randrange(len(facts))
        fact = (facts[i][0], facts[j][1]) if rng.random() < 0.95 else tuple(rng.sample(names, 2))
        lines.append(f"{fact[0]}>{fact[1]} {i + 1}" + (f",{j + 1}" if i != j else ""))
        facts.append((fact[0], fact[1]))
    return "\n".join([*lines, reference.value if rng.random() < 0.8 else "yes"])


def test_what_is_accepted_follows_by_saturation() -> None:
    """Truth comes from saturation and from all orders of the objects; they share no code with the checker."""
    rng, num_right, num_refused = random.Random(0), 0, 0
    for _ in range(4000):
        names = "ABCDE"[: rng.randint(3, 5)]
        ranked = rng.random() < 0.7
        facts = [tuple(rng.sample(names, 2)) for _ in range(rng.randint(2, 5))]
        premises = " ".join(
            f"{a}{'#' if rng.random() < 0.2 else ''}{b}"
            for a, b in ([*map(sorted, facts)] if ranked else facts)
        )
        if not any(len(pair) == 2 for pair in premises.split()):
            continue
        asked = [(pair[0], pair[1]) for pair in premises.split() if len(pair) == 2]
        present = sorted({name for fact in asked for name in fact})
        kind = rng.choice(KINDS)
        wanted = {"compare": 2, "sort": min(3, len(present))}.get(kind, 0)
        problem = pose(premises, kind, "".join(rng.sample(present, wanted)))
        known = saturate(asked)
        text = random_text(problem.reference, rng)
        lines, fine = text.split("\n"), True
        verdicts = check_proof(problem.reference, lines).steps
        for line, verdict in zip(lines[:-1], verdicts[:-1], strict=True):
            fine = fine and verdict.reason in ("", "detour", "repeated")
            if fine:
                assert (line[0], line[2]) in known, (premises, text)
            num_refused += verdict.status == "wrong"
        judged = judge(problem, text)
        if judged.status == "correct":
            num_right += 1
            assert slow.answer(asked, kind, problem.reference.order.question.names) == judged.answer
    assert num_right > 50 and num_refused > 500


def fewest_lines(problem: Problem) -> int:
    """Returns how many lines a proof needs, by breadth-first search over what has been said."""
    premises = problem.reference.order.premises
    kind, asked = problem.reference.order.question
    value, names = problem.reference.value, Facts(premises).names
    if value == "contradiction":
        wanted = [{(name, name)} for name in names]
    elif kind == "compare":
        wanted = [{(asked[0], asked[1]) if value == "yes" else (asked[1], asked[0])}]
    elif kind in ("largest", "smallest"):
        pairs = {(value, name) for name in names if name != value}
        wanted = [pairs if kind == "largest" else {(b, a) for a, b in pairs}]
    else:
        wanted = [set(itertools.pairwise(value.split(">")))]
    start: frozenset[tuple[str, str]] = frozenset()
    queue, seen = deque([(start, 0)]), {start}
    while queue:
        said, length = queue.popleft()
        if any(goal <= said for goal in wanted):
            return length
        known = {*premises, *said}
        follows = {(a, d) for a, b in known for c, d in known if b == c} | known
        for fact in follows - said:
            if (new := said | {fact}) not in seen:
                seen.add(new)
                queue.append((new, length + 1))
    raise AssertionError("no proof")


def test_demonstrations_are_as_short_as_a_search_finds() -> None:
    rng, lengths = random.Random(1), set()
    for kind in KINDS:
        for names, round_ in (("ABCD", False), ("ABCD", False), ("ABC", True)):
            premises = [*map("".join, itertools.pairwise(names)), names[-1] + names[0] if round_ else ""]
            rng.shuffle(premises)
            asked = (
                {"compare": "AC", "sort": "DBA"}.get(kind, "")
                if not round_
                else {"compare": "AC"}.get(kind, "")
            )
            problem = pose(" ".join(filter(None, premises)), kind, asked)
            missing = fewest_lines(problem)
            assert len(write_proof(problem.reference)) == missing + 1
            lengths.add(missing)
    assert lengths == {1, 2, 3}


def test_every_demonstration_is_a_shortest_proof_in_every_wording() -> None:
    rng = np.random.default_rng(0)
    for options in ({"level": 8}, {"level": 5, "wording": seen_wordings()}):
        task = Order(style="proof", **options)
        for split in task.splits:
            for problem in task.problems(split, range(12)):
                (text,) = task.demonstrations(problem, rng)
                verdicts = task.verify_steps(Transcript(problem, (Turn("agent", text),), True))
                assert verdicts and {verdict.status for verdict in verdicts} == {"right"}
                assert task.hint(problem, ()) == text
                for number, (fact, is_asked) in enumerate(problem.reference.premises, 1):
                    line = problem.prompt.split("\n")[number - 1]
                    assert line.startswith(f"{number}. ") and all(name in line for name in fact)
                    if "wording" not in options:
                        assert is_asked == (not {"#", "~"} & set(line))


def test_the_problems_are_those_of_the_other_styles() -> None:
    for options in ({"level": 1}, {"level": 3, "num_irrelevant": 2, "wording": "left"}):
        plain, proof = Order(**options), Order(style="proof", **options)
        for split in plain.splits:
            for one, other in zip(
                plain.problems(split, range(20)), proof.problems(split, range(20)), strict=True
            ):
                assert one.key == other.key and one.reference == other.reference.order
        assert plain.fingerprint != proof.fingerprint


def test_cases_differ_in_the_answer() -> None:
    count = 0
    for problem in Order(level=6).problems("train", range(400)):
        if problem.reference.value == "unknown":
            one, other = find_cases(problem.reference)
            assert agrees(one, problem.reference.premises) and agrees(other, problem.reference.premises)
            question = problem.reference.question
            assert answer_in(one, question) != answer_in(other, question)
            count += 1
    assert count > 80


def test_theorems_rest_on_premises_and_laws_alone() -> None:
    ab, bc = assume(compare(("A", "B"))), assume(compare(("B", "C")))
    ac = compose(ab, bc)
    assert ac is not None and ac.conclusion is compare(("A", "C"))
    assert ac.hypotheses == {ab.conclusion, bc.conclusion, TRANSITIVE}
    assert compose(bc, ab) is None and compose(ab, assume(compare(("B", "C"), is_asked=False))) is None
    question, names, premises = Question("compare", ("C", "A")), "ABC", [("A", "B"), ("B", "C")]
    no = prove("no", question, names, {("A", "C"): ac})
    assert no is not None and no.conclusion is state("no", question, names)
    assert no.hypotheses == {*ac.hypotheses, IRREFLEXIVE}
    assert is_proof(no, state("no", question, names), premises)
    assert not is_proof(no, state("no", question, names), premises[:1])
    assert not is_proof(assume(FALSE), FALSE, premises) and not is_proof(None, FALSE, premises)


def test_optimal_values_are_those_of_trying_everything() -> None:
    for problem, whole, alphabet in (
        (pose("AB", "largest"), "A>B 1\nA", "AB>2. 1\n"),
        (pose("AC BC", "largest"), "case A>B>C\ncase B>A>C\nunknown", "case AB>"),
    ):
        assert judge(problem, whole).status == "correct"
        rng, lines = random.Random(0), possible_lines(problem)
        starts = [whole[: rng.randrange(len(whole))] for _ in range(250)]
        texts = {start + "".join(rng.choices(alphabet, k=rng.randrange(8))) for start in starts}
        values = {text: proof_value(problem.reference, text) for text in sorted(texts)}
        assert {0.0, 1.0} == set(values.values())
        for text, value in values.items():
            assert can_win(problem, text, lines) == (value == 1.0), text


@pytest.mark.parametrize(
    ("partial", "value"),
    [
        ("", 1.0), ("A", 1.0), ("Ad", 1.0), ("Ad ", 0.0), ("Ada ", 1.0), ("Ada>Cora 2,", 1.0),
        ("Ben", 1.0), ("Ben>A", 0.0), ("Cora<", 1.0), ("Cora<B", 1.0), ("Cora <\r Ben 2", 1.0), ("Be n", 0.0),
        ("3", 1.0), ("3 .", 1.0), ("3.A", 1.0), ("4", 0.0), ("Ada>Cora 1 2", 0.0), ("Ada>Cora 1,2,", 0.0),
        ("case A", 1.0), ("case Ad a", 0.0), ("case Ad ", 0.0), ("case Ada >Be", 1.0), ("case Ada>C", 0.0),
        ("case Ada>Ben>Cora", 1.0), ("case Ada>Ben>Cora>", 0.0), ("cas", 1.0), ("case Ada>Ben>Cora\n", 1.0),
        ("y", 0.0), ("Ada>Cora 1,2\ny", 1.0), ("Ada>Cora 1,2\nyes\n \n", 1.0), ("Ada>Cora 1,2\nn", 0.0),
        ("Ada>Cora 1,2\nyes\ny", 0.0), ("Ada>Cora 1\n", 0.0), ("Ada>Cora 1,2\nAda", 1.0), ("A" * 500, None),
    ],
)  # fmt: skip
def test_optimal_values_by_hand(partial: str, value: float | None) -> None:
    facts = (("Ada", "Ben"), ("Ben", "Cora"))
    order = OrderReference("yes", facts, Question("compare", ("Ada", "Cora")))
    reference = ProofReference("yes", order, tuple(Numbered(fact, True) for fact in facts))
    assert proof_value(reference, partial) == value


def possible_lines(problem: Problem) -> dict[str, str]:
    """Returns every line that may be written in a small problem, by its writing without blanks."""
    names = Facts(problem.reference.order.premises).names
    cites = [f"{i},{j}" if j else f"{i}" for i in range(1, 5) for j in range(5)]
    facts = [f"{a}{sign}{b}" for a in names for b in names for sign in "<>"]
    lines = [f"{number}{fact} {cite}" for fact in facts for cite in cites for number in ("", "2. ", "3. ")]
    lines += ["case " + ">".join(order) for order in itertools.permutations(names)]
    lines += [problem.reference.value, f"{problem.reference.value}.", ""]
    return {"".join(line.split()): line for line in lines}


def can_win(problem: Problem, text: str, lines: dict[str, str]) -> bool:
    """Returns whether the last line can be completed to one that is accepted, or to the answer.

    As long as no line is refused and the answer is not said, a whole proof can follow.
    """
    last = text.rpartition("\n")[2]
    squeezed = "".join(last.split())
    for bare, line in lines.items():
        if bare.startswith(squeezed):
            whole = text + fill(last, line)
            steps = check_proof(problem.reference, whole.split("\n")).steps
            is_accepted = all(step.status in ("right", "no_progress") for step in steps)
            if judge(problem, whole).status == "correct":
                return True
            if is_accepted and not is_answered(problem, whole):
                return True
    return False


def is_answered(problem: Problem, text: str) -> bool:
    return any(line.strip(" .") == problem.reference.value for line in text.split("\n"))


def fill(last: str, end: str) -> str:
    """Returns what of ``end`` is not yet in ``last``, blanks aside."""
    num_said = len("".join(last.split()))
    at = 0
    while num_said:
        num_said -= not end[at].isspace()
        at += 1
    rest = end[at:]
    return rest.lstrip() if last[-1:].isspace() else rest


def test_budgets() -> None:
    lines = ["A>B 1"] * (MAX_LINES - 3)
    whole = "\n".join([*lines, "A>C 1,2", f"A>D {len(lines) + 4},3", "yes"])
    assert judge(CHAIN, whole).status == "correct" and TASK.optimal_value(CHAIN, (), whole) == 1.0
    assert (
        judge(CHAIN, "\n" + whole).reason == "unproved" and TASK.optimal_value(CHAIN, (), "\n" + whole) == 0.0
    )
    start = "\n".join(lines) + "\n"
    assert TASK.optimal_value(CHAIN, (), start) == 1.0
    assert TASK.optimal_value(CHAIN, (), start + "A>") is None  # a line more than there is room for, or none
    assert TASK.optimal_value(CHAIN, (), start + "A>B 1\n") == 0.0
    assert TASK.optimal_value(CHAIN, (), start + "B>A") == 0.0
    assert TASK.optimal_value(CHAIN, (), whole[:-1]) == 1.0
    assert judge(CHAIN, "A>C 1,2" + " " * MAX_PROOF_CHARS + "\nA>D 4,3\nyes").reason == "overlong"
    assert TASK.optimal_value(CHAIN, (), " " * MAX_PROOF_CHARS) is None
    assert TASK.optimal_value(CHAIN, (), " " * MAX_ANSWER_CHARS + "A") is None
    assert statuses(CHAIN, "A>B 1\n" * 300).split()[MAX_LINES:] == ["limit"] * 100


def test_hostile_texts_are_bounded() -> None:
    for text in (
        "A>B 1\n" * 10**4,
        "case A" + ">A" * 10**5,
        "1. " * 10**4,
        "9" * 10**5 + ". A>B 1",
        "A>" * 50 + "\n",
    ):
        assert judge(CHAIN, text).status == "wrong"
        verdicts = TASK.verify_steps(Transcript(CHAIN, (Turn("agent", text),), True))
        assert verdicts is not None and sum(verdict.status == "right" for verdict in verdicts) <= 1
        assert TASK.optimal_value(CHAIN, (), text[:2000]) in (0.0, 1.0, None)


def test_options() -> None:
    with pytest.raises(InvalidValueError, match="last line"):
        Order(style="proof", answer_on="response")
    assert Order(style="proof", answer_on="last_line").fingerprint == Order(style="proof").fingerprint
    assert (TASK.random_return, TASK.constant_return) == (0.0, 0.0)
    careless = Order(level=5, style="proof", demonstration_quality=0.0)
    for problem in careless.problems("train", range(60)):
        (text,) = careless.demonstrations(problem, np.random.default_rng(problem.index))
        assert careless.verify(Transcript(problem, (Turn("agent", text),), True)).reason == "wrong"


def test_the_page_is_true() -> None:
    page = (Path(__file__).parents[3] / "docs" / "environments" / "order.md").read_text()
    small: dict[str, Any] = dict(level=6, num_objects=4, num_bystanders=0, num_irrelevant=1, kinds="compare")
    shown = [({"level": 3, "kinds": "largest"}, 3), (small, 3), (small, 9), (small, 6)]
    answers = []
    for options, index in shown:
        task = Order(style="proof", **options)
        problem = task.problem("train", index)
        (text,) = task.demonstrations(problem, np.random.default_rng(0))
        assert f"```\n{problem.prompt}{text}\n```" in page
        answers.append(problem.reference.value)
    assert answers[1:] == ["no", "unknown", "contradiction"]
