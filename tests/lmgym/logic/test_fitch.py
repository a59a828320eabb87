"""Proofs line by line: every rule, why lines are refused, and that docs/proofs.md is true."""

from __future__ import annotations

import random
import re
import runpy
from pathlib import Path

import pytest

from lmgym.logic.fitch import (
    Line,
    Refusal,
    Sequent,
    begin,
    check_text,
    read_line,
    write_line,
)
from lmgym.logic.fitch_lines import RULES as NAMES
from lmgym.logic.fitch_rules import RULES
from lmgym.logic.notation import parse_formula
from tests.lmgym.logic.sequents import check, formulas, sequent
from tests.reference.finite_models import follows

RULE_FILES = ("fitch.py", "fitch_lines.py", "fitch_rules.py")
PAGE = (Path(__file__).parents[3] / "docs" / "proofs.md").read_text("utf-8")
PROOFS = {
    "R": ("p|-p&p", "p R 1 / p&p &I 1,2"),
    "&I": ("p; q|-q&p", "q&p &I 1,2"),
    "&E": ("p&q|-q&p", "p &E 1 / q &E 1 / q&p &I 3,2"),
    "|I": ("p|-q|p", "q|p |I 1"),
    "|E": ("p|q|-q|p", "|p as / |q|p |I 2 / |q as / |q|p |I 4 / q|p |E 1,2-3,4-5"),
    "->I": ("q|-p->q", "|p as / |q R 1 / p->q ->I 2-3"),
    "->E": ("p; p->q|-q", "q ->E 1,2"),
    "<->I": ("|-p&p<->p", "|p&p as / |p &E 1 / |p as / |p&p &I 3,3 / p&p<->p <->I 1-2,3-4"),
    "<->E": ("q; p<->q|-p", "p <->E 1,2"),
    "~I": ("~q; p->q|-~p", "|p as / |q ->E 2,3 / |F ~E 1,4 / ~p ~I 3-5"),
    "~E": ("p; ~p|-F", "F ~E 1,2"),
    "FE": ("F|-p", "p FE 1"),
    "TI": ("|-p->T", "|p as / |T TI / p->T ->I 1-2"),
    "DNE": ("~~p|-p", "p DNE 1"),
    "RAA": ("~~p|-p", "|~p as / |F ~E 1,2 / p RAA 2-3"),
    "LEM": ("|-p|~p", "p|~p LEM"),
    "allI": ("all x. P(x)|-all x. P(x)|q", "P(a) allE 1 / P(a)|q |I 2 / all y. P(y)|q allI 3"),
    "allE": ("all x. R(x,x)|-R(f(c),f(c))", "R(f(c),f(c)) allE 1"),
    "exI": ("R(c,c)|-ex x. R(x,c)", "ex x. R(x,c) exI 1"),
    "exE": (
        "ex x. P(x)|-ex x. P(x)|q",
        "|P(c) as / |P(c)|q |I 2 / |ex y. P(y)|q exI 3 / ex y. P(y)|q exE 1,2-4",
    ),
    "=I": ("|-all x. f(x)=f(x)", "f(a)=f(a) =I / all x. f(x)=f(x) allI 1"),
    "=E": ("f(a)=b; R(f(a),f(a))|-R(f(a),b)", "R(f(a),b) =E 1,2"),
    "IND": (
        "P(0); all n. P(n)->P(s(n))|-all n. P(n)",
        "|P(n) as / |P(n)->P(s(n)) allE 2 / |P(s(n)) ->E 3,4 / all n. P(n) IND 1,3-5",
    ),
}  # fmt: skip


@pytest.mark.parametrize("rule", PROOFS)
def test_every_rule_proves_something(rule: str) -> None:
    text, proof = PROOFS[rule]
    done = check(text, proof, induction=rule == "IND")
    assert done.refusal is None
    assert done.state.is_proved
    assert rule in {line.rule for line in done.state.lines}
    assert done.state.uses == ({RULES[rule].logic} if RULES[rule].logic else set())
    premises, goal = sequent(text)
    assert follows(list(premises), goal, random.Random(0), 200)


def test_there_is_a_proof_for_every_rule() -> None:
    assert set(PROOFS) == set(RULES) == set(NAMES) - {"as", "pr"}


MORE_PROOFS = [
    ("p|-p", ""),
    ("|-p->p", "|p as / p->p ->I 1-1"),
    ("|-p->q->p", "|p as / ||q as / ||p R 1 / |q->p ->I 2-3 / p->q->p ->I 1-4"),
    ("|-~~(p|~p)",
     "|~(p|~p) as / ||p as / ||p|~p |I 2 / ||F ~E 1,3 / |~p ~I 2-4 / "
     "|p|~p |I 5 / |F ~E 1,6 / ~~(p|~p) ~I 1-7"),
    ("a=b|-b=a", "a=a =I / b=a =E 1,2"),
    ("a=b; b=c|-a=c", "a=c =E 2,1"),
    ("a=b|-P(a)->P(b)", "|P(a) as / |P(b) =E 1,2 / P(a)->P(b) ->I 2-3"),
    ("a=b; P(b)|-P(a)", "P(a) =E 1,2"),
    ("a=b; all x. R(x,a)|-all x. R(x,b)", "all x. R(x,b) =E 1,2"),
    ("a=f(a); P(a)|-P(f(f(a)))", "P(f(a)) =E 1,2 / P(f(f(a))) =E 1,3"),
    ("p|-all x. p", "all x. p allI 1"),
    ("all x. p|-p", "p allE 1"),
    ("p|-ex x. p", "ex x. p exI 1"),
    ("ex x. p|-p", "|p as / |p R 2 / p exE 1,2-3"),
    ("all x. all y. R(x,y)|-all y. all x. R(x,y)",
     "all y. R(a,y) allE 1 / R(a,b) allE 2 / all x. R(x,b) allI 3 / all y. all x. R(x,y) allI 4"),
    ("ex x. all y. R(x,y)|-all y. ex x. R(x,y)",
     "|all y. R(a,y) as / |R(a,b) allE 2 / |ex x. R(x,b) exI 3 / "
     "ex x. R(x,b) exE 1,2-4 / all y. ex x. R(x,y) allI 5"),
    ("~ex x. P(x)|-all x. ~P(x)",
     "|P(a) as / |ex x. P(x) exI 2 / |F ~E 1,3 / ~P(a) ~I 2-4 / all x. ~P(x) allI 5"),
    ("P(x); q|-all x. q", "all x. q allI 2"),
    ("q|-P(x)->all x. q", "|P(x) as / |all x. q allI 1 / P(x)->all x. q ->I 2-3"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "proof"), MORE_PROOFS)
def test_a_proof_is_accepted(text: str, proof: str) -> None:
    done = check(text, proof)
    assert done.refusal is None
    assert done.state.is_proved
    premises, goal = sequent(text)
    assert follows(list(premises), goal, random.Random(0), 100)


@pytest.mark.parametrize(
    ("text", "proof", "reason", "message"),
    [
        ("p->q; r|-q", "q ->E 1,2", "mismatch", "->E: line 2 is not what line 1 needs"),
        ("p; q|-q", "q ->E 1,2", "mismatch", "->E: neither line 1 nor line 2 is an implication"),
        ("p|-q", "p&p &I 1", "citation", "&I: cites 2 lines and no boxes"),
        ("p|-q", "q |E 1,1-1", "citation", "|E: cites 1 line and 2 boxes"),
        ("p; q|-p&q", "q&q &I 1,2", "mismatch", "&I: that would give q&p"),
        ("|-p", "|p as / p R 1", "scope", "R: line 1 is in a closed box"),
        ("|-p", "|p as / |p->p ->I 1-1", "scope", "->I: box 1-1 is still open"),
        ("|-p", "|p as / |p R 1 / p->p ->I 1-1", "citation",
         "->I: the box from line 1 does not end at line 1"),
        ("|-p", "|p as / ||q as / p->q ->I 1-2", "scope", "->I: box 1-2 ends inside another box"),
        ("|-p", "|p as / ||q as / |q->q ->I 2-2 / p->q ->I 2-2", "scope",
         "->I: box 2-2 is in a closed box"),
        ("p|-q", "|p R 1", "depth", "R: only 0 boxes are open"),
        ("p|-q", "||p as", "depth", "as: an assumption here has 1 to 1 bars"),
        ("p|-q", "|p as 1", "citation", "as: an assumption cites nothing"),
        ("p|-q", "p R 7", "citation", "R: there is no line 7 above"),
        ("p|-q", "7. p R 1", "number", "this is line 2"),
        ("p|-q", "p pr", "rule", "pr: premises stand at the beginning only"),
        ("p|-q", "p", "syntax", "a line is a formula, a rule and what the rule cites, as in: p&q &I 1,2"),
        ("p|-q", "p R 1-", "syntax", "citations are written like 1,2 or 3-5,6-8"),
        ("p|-q", "P(x)&( R 1", "formula", "the text ends too early"),
        ("P(x)|-q", "all x. P(x) allI 1", "eigenvariable",
         "allI: x is free in a premise or assumption that line 1 depends on"),
    ],
)  # fmt: skip
def test_a_refusal_says_why(text: str, proof: str, reason: str, message: str) -> None:
    done = check(text, proof)
    assert done.refusal == Refusal(reason, message)
    assert done.line_index == proof.count(" / ")
    assert done.state.num_lines == len(sequent(text).premises) + proof.count(" / ")


def test_an_eigenvariable_rests_on_what_is_used_only() -> None:
    """P(x) is open but unused for q, so q may be generalised over x; what uses it may not."""
    good = check("q|-P(x)->all x. q", "|P(x) as / |all x. q allI 1")
    assert good.refusal is None
    used = check("q|-P(x)->all x. q", "|P(x) as / |q&P(x) &I 1,2 / |q &E 3 / |all x. q allI 4")
    assert used.refusal is None  # x is not free in q: any new variable will do
    bad = check("q|-F", "|P(x) as / |q&P(x) &I 1,2 / |all x. q&P(x) allI 3")
    assert bad.refusal is not None
    assert bad.refusal.reason == "eigenvariable"


def test_a_goal_stays_proved() -> None:
    state = begin(sequent("p|-p|q"))
    assert not state.is_proved
    done = check_text(state, "p|q |I 1\n|r as\n|r R 3").state
    assert done.is_proved
    assert begin(sequent("p|-p")).is_proved
    inside = check("|-p->p", "|q as / ||p as / |p->p ->I 2-2").state
    assert not inside.is_proved


def test_what_a_proof_uses_is_counted() -> None:
    assert check("~~p; q|-q", "p DNE 1 / q R 2").state.uses == {"classical"}
    assert check("p|-p&p", "p&p &I 1,1").state.uses == set()


def test_the_page_on_proofs_is_true(tmp_path: Path) -> None:
    example = PAGE[PAGE.index("```python") + 9 :]
    (tmp_path / "example.py").write_text(example[: example.index("```")], "utf-8")
    runpy.run_path(str(tmp_path / "example.py"))
    language = re.findall(r"^(\d\. .*)$", PAGE[: PAGE.index("```python")], re.MULTILINE)
    done = check_text(begin(sequent("p->q; q->r|-p->r")), "\n".join(language[2:]))
    assert done.state.is_proved
    rows = re.findall(
        r"^\| `(\S+)` \|", PAGE[PAGE.index("## Rules") : PAGE.index("## Budgets")], re.MULTILINE
    )
    assert {row.replace("\\|", "|") for row in rows} == set(NAMES)
    reasons = re.findall(r"^\| `(\w+)` \|", PAGE[PAGE.index("## Refusals") :], re.MULTILINE)
    source = Path(__file__).parents[3].joinpath("lmgym", "logic")
    code = "".join((source / name).read_text("utf-8") for name in RULE_FILES)
    assert all(f'"{reason}"' in code for reason in reasons)
    assert set(re.findall(r'Refusal\(\s*"(\w+)"', code)) <= set(reasons)


def test_the_examples_of_the_page_are_lines() -> None:
    table = PAGE[PAGE.index("## Rules") : PAGE.index("A proof is complete")]
    examples = [each.replace("\\|", "|") for each in re.findall(r"`(\d\. [^`]*)` \|$", table, re.MULTILINE)]
    assert len(examples) == len(NAMES) - 1
    for text in examples:
        number = int(text[0])
        premises = tuple(formulas("; ".join(["T"] * (number - 1))))
        line = read_line(text, begin(Sequent(premises, parse_formula("p"))))
        assert isinstance(line, Line), (text, line)
        assert write_line(line, number) == text


@pytest.mark.parametrize(
    "text",
    [
        "3. | p as",
        "3.  │ p  as",
        "3. q ->E 1,2 ",
        "3. q ->E 1, 2",
        "3 . q ->E 1 ,2",
        "q ->E  1,2",
        "3.q\t->E 1,2\t",
    ],
)
def test_spaces_stand_where_they_like(text: str) -> None:
    start = begin(Sequent((parse_formula("p->q"), parse_formula("p")), parse_formula("q")))
    assert check_text(start, text).refusal is None


@pytest.mark.parametrize("text", ["12. p R 1 0", "12. p R 1. 0", "1 2. p R 10", "12. 12. p R 10"])
def test_spaces_do_not_stand_inside_a_number(text: str) -> None:
    start = begin(Sequent((parse_formula("p"),) * 11, parse_formula("q")))
    assert check_text(start, text).refusal is not None
