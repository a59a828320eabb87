"""Forged proofs: each would prove something, if one condition were not checked. None may."""

from __future__ import annotations

import random
import time
from typing import NamedTuple

import pytest

from lmgym.logic.fitch import MAX_LINES, begin, check_text
from tests.lmgym.logic.sequents import sequent
from tests.reference.finite_models import follows


class Forgery(NamedTuple):
    sequent: str
    proof: str
    """Lines with `` / `` between them."""
    reason: str
    """Of the refusal; "" if every line is good and the goal is not reached."""
    logic: dict[str, bool] = {}  # noqa: RUF012


INTUITIONISTIC = {"classical": False}
INDUCTION = {"induction": True}
FORGERIES = [
    # one for each rule
    Forgery("|-p", "p pr", "rule"),
    Forgery("|-p", "p as", "depth"),
    Forgery("p|-q", "q R 1", "mismatch"),
    Forgery("p|-p&q", "p&q &I 1,1", "mismatch"),
    Forgery("p|-p&q", "p&q &I 1", "citation"),
    Forgery("p|q|-p", "p &E 1", "mismatch"),
    Forgery("p&q|-r", "r &E 1", "mismatch"),
    Forgery("(p&q)&r|-p", "p &E 1", "mismatch"),
    Forgery("p|-q|r", "q|r |I 1", "mismatch"),
    Forgery("p|-p&q", "p&q |I 1", "mismatch"),
    Forgery("p|q|-p", "|p as / |p R 2 / |q as / |q R 4 / p |E 1,2-3,4-5", "mismatch"),
    Forgery("p|q|-p", "|p as / |p R 2 / p |E 1,2-3,2-3", "mismatch"),
    Forgery("p&q->r; p|-r", "|p as / |q as / r |E 1,3-3,4-4", "mismatch"),
    Forgery("p|q; p->r|-r", "|p as / |r ->E 2,3 / |r as / r |E 1,3-4,5-5", "mismatch"),
    Forgery("p|-q->r", "|q as / |p R 1 / q->r ->I 2-3", "mismatch"),
    Forgery("p->q|-p", "|p as / |q ->E 1,2 / p ->I 2-3", "mismatch"),
    Forgery("p->q; q|-p", "p ->E 1,2", "mismatch"),
    Forgery("p->q; q|-q->p", "q->p ->E 1,2", "mismatch"),
    Forgery("p|q; p|-q", "q ->E 1,2", "mismatch"),
    Forgery("p->q; r|-p<->q", "|p as / |q ->E 1,3 / |q as / |r R 2 / p<->q <->I 3-4,5-6", "mismatch"),
    Forgery("p->q|-p<->q", "|p as / |q ->E 1,2 / p<->q <->I 2-3,2-3", "mismatch"),
    Forgery("p<->q; r|-p", "p <->E 1,2", "mismatch"),
    Forgery("p->q; q|-p", "p <->E 1,2", "mismatch"),
    Forgery("q|-~p", "|p as / |q R 1 / ~p ~I 2-3", "mismatch"),
    Forgery("~p|-~q", "|p as / |F ~E 1,2 / ~q ~I 2-3", "mismatch"),
    Forgery("~p; q|-F", "F ~E 1,2", "mismatch"),
    Forgery("~p|-F", "F ~E 1,1", "mismatch"),
    Forgery("p->F|-F", "F ~E 1,1", "mismatch"),
    Forgery("~F|-p", "p FE 1", "mismatch"),
    Forgery("T|-p", "p FE 1", "mismatch"),
    Forgery("|-F", "F TI", "mismatch"),
    Forgery("|-p", "p TI", "mismatch"),
    Forgery("~p|-p", "p DNE 1", "mismatch"),
    Forgery("~(p&~~q)|-q", "q DNE 1", "mismatch"),
    Forgery("|-p", "|~p as / |~p R 1 / p RAA 1-2", "mismatch"),
    Forgery("~q|-p", "|q as / |F ~E 1,2 / p RAA 2-3", "mismatch"),
    Forgery("|-p|~q", "p|~q LEM", "mismatch"),
    Forgery("|-p", "p LEM", "mismatch"),
    Forgery("|-~p|p", "~p|p LEM", "mismatch"),
    Forgery("P(x)|-all x. P(x)", "all x. P(x) allI 1", "eigenvariable"),
    Forgery("|-P(x)->all x. P(x)", "|P(x) as / |all y. P(y) allI 1", "eigenvariable"),
    Forgery("all x. R(x,x)|-all x. all y. R(x,y)", "R(z,z) allE 1 / all y. R(z,y) allI 2", "mismatch"),
    Forgery("P(0)|-all x. P(x)", "all x. P(x) allI 1", "mismatch"),
    Forgery("all x. ex y. R(x,y)|-ex y. R(y,y)", "ex y. R(y,y) allE 1", "mismatch"),
    Forgery("all x. P(x)->Q(x)|-P(a)->Q(b)", "P(a)->Q(b) allE 1", "mismatch"),
    Forgery("ex x. P(x)|-P(c)", "P(c) allE 1", "mismatch"),
    Forgery("(all x. P(x))->q|-P(a)->q", "P(a)->q allE 1", "mismatch"),
    Forgery("R(a,b)|-ex x. R(x,x)", "ex x. R(x,x) exI 1", "mismatch"),
    Forgery("all y. R(y,y)|-ex x. all y. R(x,y)", "ex x. all y. R(x,y) exI 1", "mismatch"),
    Forgery("P(a)|-all x. P(x)", "all x. P(x) exI 1", "mismatch"),
    Forgery("ex x. P(x)|-P(c)", "|P(c) as / |P(c) R 2 / P(c) exE 1,2-3", "eigenvariable"),
    Forgery("ex x. P(x); Q(c)|-ex x. P(x)&Q(x)",
            "|P(c) as / |P(c)&Q(c) &I 2,3 / |ex x. P(x)&Q(x) exI 4 / ex x. P(x)&Q(x) exE 1,3-5",
            "eigenvariable"),
    Forgery("|-ex y. y=f(y)",
            "f(c)=f(c) =I / ex x. x=f(c) exI 1 / |c=f(c) as / |ex y. y=f(y) exI 3 / ex y. y=f(y) exE 2,3-4",
            "eigenvariable"),
    Forgery("ex x. R(x,c)|-ex x. R(x,x)",
            "|R(c,c) as / |ex x. R(x,x) exI 2 / ex x. R(x,x) exE 1,2-3", "eigenvariable"),
    Forgery("ex x. P(x)|-P(f(c))", "|P(f(c)) as / P(f(c)) exE 1,2-2", "mismatch"),
    Forgery("ex x. P(x)|-P(0)", "|P(0) as / P(0) exE 1,2-2", "mismatch"),
    Forgery("ex x. P(x)|-Q(d)", "|Q(c) as / Q(d) exE 1,2-2", "mismatch"),
    Forgery("|-a=b", "a=b =I", "mismatch"),
    Forgery("|-P(a)", "P(a) =I", "mismatch"),
    Forgery("a=b; P(c)|-P(b)", "P(b) =E 1,2", "mismatch"),
    Forgery("a=b; P(a)|-P(c)", "P(c) =E 1,2", "mismatch"),
    Forgery("a=b; R(a,b)|-R(b,a)&c=a", "R(b,a)&c=a =E 1,2", "mismatch"),
    Forgery("p<->q; P(a)|-P(b)", "P(b) =E 1,2", "mismatch"),
    Forgery("x=y; all x. P(x,y)|-all x. P(x,x)", "all x. P(x,x) =E 1,2", "mismatch"),
    Forgery("x=y; ex y. R(x,y)|-ex y. R(y,y)", "ex y. R(y,y) =E 1,2", "mismatch"),
    Forgery("P(0)|-all n. P(n)", "|P(n) as / all n. P(n) IND 1,2-2", "mismatch", INDUCTION),
    Forgery("P(1); all n. P(n)->P(s(n))|-all n. P(n)",
            "|P(n) as / |P(n)->P(s(n)) allE 2 / |P(s(n)) ->E 3,4 / all n. P(n) IND 1,3-5",
            "mismatch", INDUCTION),
    Forgery("P(0); P(n)->P(s(n))|-all n. P(n)",
            "|P(n) as / |P(s(n)) ->E 2,3 / all n. P(n) IND 1,3-4", "eigenvariable", INDUCTION),
    Forgery("R(0,n)|-all x. R(x,n)", "|R(n,n) as / all x. R(x,n) IND 1,2-2", "mismatch", INDUCTION),
    Forgery("P(0); all n. P(n)->P(s(n))|-all n. P(n)",
            "|P(n) as / |P(n)->P(s(n)) allE 2 / |P(s(n)) ->E 3,4 / all n. P(n) IND 1,3-5", "logic"),
    Forgery("P(0); P(s(0))|-all n. P(n)", "|P(0) as / all n. P(n) IND 1,3-3", "mismatch", INDUCTION),
    # boxes and citations
    Forgery("|-p", "|p as / p R 1", "scope"),
    Forgery("p->q|-q", "|p as / |q ->E 1,2 / q R 3", "scope"),
    Forgery("|-p", "|p as", ""),
    Forgery("p->q|-q", "|p as / |q ->E 1,2", ""),
    Forgery("|-p", "|p as / |p R 1", ""),
    Forgery("|-p->q", "|q as / |p as / |q R 1", "scope"),
    Forgery("|-p->q", "|p as / ||q as / p->q ->I 1-2", "scope"),
    Forgery("|-p->q", "|q as / ||p as / p->q ->I 2-1", "citation"),
    Forgery("|-q->p->q&r", "|q as / ||p as / |p->q ->I 2-1", "citation"),
    Forgery("|-p->(q->r)", "|p as / |q as / |r as / q->r ->I 2-3", "citation"),
    Forgery("|-q", "|p as / ||q as / ||q R 2 / |p->q ->I 2-3", "mismatch"),
    Forgery("|-q->q->p", "|p as / ||q as / ||p R 1 / q->p ->I 2-3", "scope"),
    Forgery("p|q|-q", "|q as / |q R 2 / q |E 1,2-3,2-3", "mismatch"),
    Forgery("|-p<->q", "|F as / |q FE 1 / |F as / |p FE 3 / p<->q <->I 1-2,3-4", "mismatch"),
    Forgery("|-r->q->p", "|p as / ||q as / ||p R 1 / |r as / |q->p ->I 2-3 / r->q->p ->I 4-5", "scope"),
    Forgery("|-~p", "|p as / |~p ~I 1-1", "scope"),
    Forgery("~p|-p", "|p as / |F ~E 1,2 / ~p ~I 2-2", "citation"),
    Forgery("|-p", "p R 1", "citation"),
    Forgery("|-p", "p R 2", "citation"),
    Forgery("|-p", "p R 0", "syntax"),
    Forgery("q|-p", "p R -1", "syntax"),
    Forgery("p; q|-p&q->r", "|p&q as / |r R 5 / p&q->r ->I 3-4", "citation"),
    Forgery("p|-q", "p pr", "rule"),
    Forgery("p|-q", "q pr", "rule"),
    Forgery("p|-q", "1. q R 1", "number"),
    Forgery("p|-q", "0. q R 1", "number"),
    Forgery("p|-q", "02. q R 1", "number"),
    Forgery("p|-q", "2. q R 1 / 2. q R 2", "mismatch"),
    Forgery("|-p->q", "p->q ->I 1-1", "citation"),
    Forgery("p->q|-p->q&q->r", "r ->I 1-1", "citation"),
    Forgery("|-p->q", "|p as / p->q ->I 1", "citation"),
    Forgery("|-p->q", "|p as / p->q ->I 1-1,1-1", "citation"),
    Forgery("p&q|-r", "||r R 1", "depth"),
    Forgery("|-p", "||p as", "depth"),
    # logics
    Forgery("~~p|-p", "p DNE 1", "logic", INTUITIONISTIC),
    Forgery("|-p|~p", "p|~p LEM", "logic", INTUITIONISTIC),
    Forgery("~~p|-p", "|~p as / |F ~E 1,2 / p RAA 2-3", "logic", INTUITIONISTIC),
    Forgery("~~p|-p", "|~p as / |F ~E 1,2 / p ~I 2-3", "mismatch", INTUITIONISTIC),
    Forgery("(p->q)->p|-p", "|p->q as / |p ->E 1,2 / p ->I 2-3", "mismatch", INTUITIONISTIC),
    # text
    Forgery("p->q|-q", "р ->E 1,1", "formula"),  # a Cyrillic letter
    Forgery("p|-q", "ｐ R 1", "formula"),  # a wide letter
    Forgery("p|-q", "q\u202e R 1", "formula"),
    Forgery("p|-q", "q\u200b R 1", "formula"),
    Forgery("p|-q", "q\u2028 R 1", "formula"),
    Forgery("p|-q", "\ufeffq R 1", "formula"),
    Forgery("p|-q", "q\x00 R 1", "formula"),
    Forgery("p|-q", "q R １", "syntax"),
    Forgery("p|-q", "q R ١", "syntax"),
    Forgery("p|-q", "q R¹", "syntax"),
    Forgery("p|-q", "q\xa0R 1", "syntax"),
    Forgery("p|-q", "q R 1 # p", "syntax"),
    Forgery("p|-q", "q sorry", "syntax"),
    Forgery("p|-q", "q admit 1", "syntax"),
    Forgery("p|-q", "axiom q R 1", "formula"),
    Forgery("p|-q", "q r 1", "syntax"),
    Forgery("p|-q", "q R 1 R 1", "formula"),
    Forgery("p|-q", "goal: p / p R 1", "syntax"),
    Forgery("p|-q", "p |- p R 1", "formula"),
    Forgery("p|-q", "p R 1; q R 2", "formula"),
    Forgery("p|-q", "p R 1 / QED", "syntax"),
    Forgery("p|-q", "p R 1\r / q R 3\x0c", "syntax"),
    Forgery("p|-F", "F R 1", "mismatch"),
    Forgery("p|-q", "", ""),
    Forgery("p|-q", " / \t / ", ""),
    # the statement is not what it seems
    Forgery("p->q->r; p->q|-r", "r ->E 1,2", "mismatch"),
    Forgery("~(p&q)|-~p", "~p &E 1", "mismatch"),
    Forgery("p&q->r|-r", "q->r &E 1", "mismatch"),
    Forgery("p|-q", "p' R 1", "formula"),
    Forgery("p(x)|-p", "p R 1", "mismatch"),
    Forgery("P(x)|-P(x,x)", "P(x,x) R 1", "mismatch"),
    Forgery("P(F1)|-F", "F R 1", "mismatch"),
    Forgery("all x. P(y)|-P(x)", "P(x) allE 1", "mismatch"),
]  # fmt: skip


@pytest.mark.parametrize("forgery", FORGERIES, ids=lambda each: f"{each.sequent}__{each.proof[:30]}")
def test_a_forged_proof_is_refused(forgery: Forgery) -> None:
    check = check_text(begin(sequent(forgery.sequent), **forgery.logic), forgery.proof.replace(" / ", "\n"))
    assert not check.state.is_proved
    assert (check.refusal.reason if check.refusal else "") == forgery.reason, check.refusal


def test_there_are_enough_forgeries_and_most_would_prove_what_is_false() -> None:
    """Most sequents above have a counter-model, so that no proof of another kind could exist either."""
    rng = random.Random(0)
    refuted = 0
    for forgery in FORGERIES:
        premises, goal = sequent(forgery.sequent)
        refuted += not follows(list(premises), goal, rng, 60)
    assert len(FORGERIES) >= 120
    assert refuted >= 90


HUGE = [
    "(" * 10**5,
    "~" * 10**5 + "p R 1",
    "((" * 10**5 + "p" + "))" * 10**5 + " R 1",
    "p&" * 10**5 + "p R 1",
    "p->" * 1_300 + "p R 1",
    "all x. " * 500 + "p R 1",
    "f(" * 1_000 + "x" + ")" * 1_000 + "=x =I",
    "P(" + ",".join(["x"] * 1_500) + ") R 1",
    "x" * 10**6,
    " " * 10**6,
    "\t" * 3_000 + "q",
    "| " * 2_000 + "q as",
    "|" * 4_000 + "q as",
    "p R " + "1," * 2_000 + "1",
    "p R " + "1" * 4_000,
    "9" * 4_000 + ". p R 1",
    "p R 1-" + "9" * 3_000,
    "p R" + " " * 4_000 + "x",
    "1 " * 2_000,
    "R " * 2_000,
    "- - " * 1_000 + "R 1",
    "\n" * 10**6,
    "\n".join(["p R 1"] * 10**5),
    "\n".join(["p R 1"] * 20_000),
    "\n".join("|" * n + "p as" for n in range(1, 400)),
    "\n".join(["|p as"] * 2_000),
    "\n".join(f"{'~' * n}p LEM" for n in range(300)),
    "p&q &I " * 500,
    "\U0001d429 R 1\n" * 1_000,
    "\ud800 R 1",
    "\x1b[2Jp R 1",
]


@pytest.mark.parametrize("number", range(len(HUGE)))
def test_a_huge_text_is_refused_in_no_time(number: int) -> None:
    start = time.process_time()
    check = check_text(begin(sequent("p|-q")), HUGE[number])
    assert time.process_time() - start < 5  # a hundred times what it takes; a hang, not a speed, is meant
    assert not check.state.is_proved
    assert check.state.num_lines <= MAX_LINES
