"""Formulas as text: what is read, what is written, and that any text whatever is refused or read."""

from __future__ import annotations

import copy
import pickle
import time

import pytest

from lmgym.logic import kernel as k
from lmgym.logic.kernel import FALSE, TRUE
from lmgym.logic.notation import (
    MAX_CHARS,
    FormulaError,
    Signature,
    parse_formula,
    parse_term,
    signature_of,
    write_formula,
    write_term,
)

P, Q, R = (k.predicate(name) for name in "pqr")
X, Y = k.variable("x"), k.variable("y")


def both(kind, left, right):
    return k.connect(kind, left, right)


READ = [
    ("p", P),
    (" p\t", P),
    ("F", FALSE), ("false", FALSE), ("⊥", FALSE), ("T", TRUE), ("true", TRUE), ("⊤", TRUE),
    ("~p", k.negation(P)), ("¬ ¬p", k.negation(k.negation(P))),
    ("p&q&r", both("and", both("and", P, Q), R)),
    ("p|q|r", both("or", both("or", P, Q), R)),
    ("p->q->r", both("implies", P, both("implies", Q, R))),
    ("p<->q<->r", both("iff", P, both("iff", Q, R))),
    ("p->q<->r", both("iff", both("implies", P, Q), R)),
    ("p|q->r", both("implies", both("or", P, Q), R)),
    ("p|q&r", both("or", P, both("and", Q, R))),
    ("~p&q", both("and", k.negation(P), Q)),
    ("~(p&q)", k.negation(both("and", P, Q))),
    ("((p))->(q)", both("implies", P, Q)),
    ("p ∧ q → ¬r ∨ ⊥", both("implies", both("and", P, Q), both("or", k.negation(R), FALSE))),
    ("p ↔ q", both("iff", P, Q)),
    ("P(x,f(y))", k.predicate("P", X, k.function("f", Y))),
    ("x=y", k.equal(X, Y)),
    ("~x=f(0,12)", k.negation(k.equal(X, k.function("f", k.function("0"), k.function("12"))))),
    ("f(x)=y&p", both("and", k.equal(k.function("f", X), Y), P)),
    ("all x. P(x)", k.quantify("forall", "x", k.predicate("P", X))),
    ("∀x P(x)", k.quantify("forall", "x", k.predicate("P", X))),
    ("∀ x.(P(x))", k.quantify("forall", "x", k.predicate("P", X))),
    ("all x ex y R(x,y)", k.quantify("forall", "x", k.quantify("exists", "y", k.predicate("R", X, Y)))),
    ("all x. p&q", k.quantify("forall", "x", both("and", P, Q))),
    ("p&all x. q->r", both("and", P, k.quantify("forall", "x", both("implies", Q, R)))),
    ("(all x. P(x))->q", both("implies", k.quantify("forall", "x", k.predicate("P", X)), Q)),
    ("~all x. p&q", k.negation(k.quantify("forall", "x", both("and", P, Q)))),
    ("all x. all x. P(x)", k.quantify("forall", "y", k.quantify("forall", "x", k.predicate("P", X)))),
    ("(all x. P(x))&P(x)", both("and", k.quantify("forall", "y", k.predicate("P", Y)), k.predicate("P", X))),
    ("Fine", k.predicate("Fine")),
    ("allow", k.predicate("allow")),
    ("exit", k.predicate("exit")),
]  # fmt: skip


@pytest.mark.parametrize(("text", "formula"), READ, ids=[text for text, _ in READ])
def test_a_text_is_read(text: str, formula: k.Formula) -> None:
    assert parse_formula(text) is formula


WRITTEN = [
    ("(p&q)&r", "p&q&r", "p ∧ q ∧ r"),
    ("p&(q&r)", "p&(q&r)", "p ∧ (q ∧ r)"),
    ("p->(q->r)", "p->q->r", "p → q → r"),
    ("(p->q)->r", "(p->q)->r", "(p → q) → r"),
    ("(p|q)&~(~p)", "(p|q)&~~p", "(p ∨ q) ∧ ¬¬p"),
    ("(p&q)|r", "p&q|r", "p ∧ q ∨ r"),
    ("(p<->q)<->F", "(p<->q)<->F", "(p ↔ q) ↔ ⊥"),
    ("all z. P(z)&T", "all x. P(x)&T", "∀x P(x) ∧ ⊤"),
    ("(all z. P(z))&q", "(all x. P(x))&q", "(∀x P(x)) ∧ q"),
    ("q&(all z. P(z))", "q&all x. P(x)", "q ∧ ∀x P(x)"),
    ("(q&(all z. P(z)))|p", "q&(all x. P(x))|p", "q ∧ (∀x P(x)) ∨ p"),
    ("~(ex z. z=f(z,x))", "~ex y. y=f(y,x)", "¬∃y y = f(y, x)"),
    ("all a. ex b. all c. R(a,b,c)", "all x. ex y. all z. R(x,y,z)", "∀x ∃y ∀z R(x, y, z)"),
    ("(all a. P(a))->ex b. P(b)", "(all x. P(x))->ex x. P(x)", "(∀x P(x)) → ∃x P(x)"),
    ("all a. all b. all c. all d. all e. all f. all g. R(a,g)",
     "all x. all y. all z. all u. all v. all w. all x1. R(x,x1)",
     "∀x ∀y ∀z ∀u ∀v ∀w ∀x1 R(x, x1)"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "ascii_text", "unicode_text"), WRITTEN)
def test_a_formula_is_written_with_few_brackets(text: str, ascii_text: str, unicode_text: str) -> None:
    formula = parse_formula(text)
    assert write_formula(formula) == ascii_text
    assert write_formula(formula, "unicode") == unicode_text


REFUSED = [
    "", " ", "(", ")", "()", "p)", "(p", "p q", "p&", "&p", "p&&q", "p-q", "p>q", "p->", "~", "p~", "p=",
    "=p", "x=y=z", "p(", "P()", "P(,x)", "P(x,)", "P(x y)", "P(x)(y)", "P(p&q)", "P((x))", "(x)=y", "F(x)",
    "T=F", "P(F)", "P(all)", "all", "all x", "all x.", "all . p", "all 0. p", "all F. p", "all all. p",
    "all x, y. p", "all x.. p", "ALL x. p", "∀ p", "0", "0(x)=x", "7=07", "1p", "_p", "p'", "p.", "p,q",
    "p;q", "p!", "p\nq", "p\n", "p\r", "p\x00", "p\x0b", "p\xa0", "p\u200b", "p\u202e",
    "р", "ｐ", "é",
    "p∧", "p⇒q", "p≠q", "\ud800", "x" * 33,
    "P(" + "9" * 33 + ")", "#", "p # q", "'p'", '"p"', "{p}", "[p]", "p\\q", "$p$",
    "p := q",
]  # fmt: skip


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        parse_formula(text)


@pytest.mark.parametrize("text", ["", "p&q", "f(", "f()", "x y", "F", "0x", "f(x))", "all x. p", "(x)"])
def test_what_is_no_term_is_refused(text: str) -> None:
    with pytest.raises(FormulaError):
        parse_term(text)


@pytest.mark.parametrize("given_value", [None, 7, b"p", ["p"], P])
def test_what_is_no_text_is_refused(given_value: object) -> None:
    with pytest.raises(FormulaError, match="a text is needed"):
        parse_formula(given_value)  # type: ignore[arg-type]


class Shout(str):
    """A text with a will of its own."""

    __slots__ = ()

    def __len__(self) -> int:
        return 1

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("p")


def test_a_kind_of_text_is_read_for_its_characters() -> None:
    parse_formula("p")
    assert parse_formula(Shout("q")) is Q
    with pytest.raises(FormulaError, match="longer"):
        parse_formula(Shout("(" * (MAX_CHARS + 1)))


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10**5, "~" * 10**5, ")" * 10**5, "p&" * 10**5, "a" * 10**6, "(" * 3_999, "~" * 3_999,
        "p->" * 1_300 + "p", "f(" * 1_900, "all x. " * 570, "∀x" * 1_900, "p&(" * 1_300, "<" * 4_000,
        "P(" + "x," * 1_990, "1" * 4_000, "f(" * 130 + "x" + ")" * 130 + "=x", "~" * 121 + "p",
        "(" * 260 + "p" + ")" * 260,
    ],
)  # fmt: skip
def test_budgets_end_the_work_at_once(text: str) -> None:
    start = time.process_time()
    with pytest.raises(FormulaError):
        parse_formula(text)
    assert time.process_time() - start < 2  # a hundred times what it takes; a hang, not a speed, is meant


def test_the_longest_and_deepest_are_read() -> None:
    assert parse_formula("(" * 240 + "p" + ")" * 240) is P
    deep = parse_formula("~" * 119 + "p")
    assert write_formula(deep) == "~" * 119 + "p"
    long = "P(" + ",".join(["x"] * 1_998) + ")"
    assert write_formula(parse_formula(long)) == long


# Signatures

GROUP = Signature({"e": 0, "i": 1, "m": 2, "0": 0}, {"P": 1, "q": 0})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("m(x)=x", "m takes 2 arguments, not 1"),
        ("e(x)=x", "e takes 0 arguments, not 1"),
        ("n(x)=x", "unknown function n"),
        ("P(x,y)", "P takes 1 arguments, not 2"),
        ("R(x)", "unknown predicate R"),
        ("p", "unknown predicate p"),
        ("P(C)", "unknown function C"),
        ("P(q)", "q is a predicate"),
        ("P(1)", "unknown function 1"),
        ("i=x", "i takes 1 arguments, not 0"),
    ],
)
def test_a_signature_says_what_there_is(text: str, reason: str) -> None:
    with pytest.raises(FormulaError, match=reason):
        parse_formula(text, GROUP)


def test_names_without_arguments_are_constants_where_the_signature_has_them() -> None:
    constant = k.function("e")
    assert parse_formula("m(e,x)=0", GROUP) is k.equal(k.function("m", constant, X), k.function("0"))
    assert parse_formula("m(e,x)=0") is k.equal(k.function("m", k.variable("e"), X), k.function("0"))
    inside = parse_formula("all e. P(e)", GROUP)
    assert inside is k.quantify("forall", "x", k.predicate("P", X))
    outside = parse_formula("(all e. P(e))->P(e)", GROUP)
    assert outside.parts[1] is k.predicate("P", constant)


def test_a_bound_variable_is_not_called_like_a_constant() -> None:
    formula = k.quantify("forall", "y", k.equal(Y, k.function("x")))
    assert write_formula(formula) == "all y. y=x"
    with pytest.raises(FormulaError, match="x is a constant and a variable"):
        write_formula(k.equal(X, k.function("x")))


@pytest.mark.parametrize(
    "tables",
    [
        ({"F": 0}, {}), ({"f": -1}, {}), ({"f": 1}, {"f": 1}), ({"0": 1}, {}), ({}, {"0": 0}), ({"": 0}, {}),
        ({"all": 1}, {}), ({"f g": 1}, {}), ({"é": 0}, {}), ({}, {"p'": 0}),
    ],
)  # fmt: skip
def test_a_bad_signature_is_refused(tables) -> None:
    with pytest.raises(FormulaError, match="Signature"):
        Signature(*tables)


def test_a_signature_is_a_value() -> None:
    functions = {"e": 0, "i": 1, "m": 2, "0": 0}
    same = Signature(functions, {"q": 0, "P": 1})
    functions["new"] = 3
    assert same == GROUP
    assert hash(same) == hash(GROUP)
    assert same != Signature({"e": 0}, {"P": 1})
    assert pickle.loads(pickle.dumps(GROUP)) == copy.deepcopy(GROUP) == GROUP
    with pytest.raises(TypeError):
        same.functions["new"] = 3  # type: ignore[index]


def test_the_signature_of_formulas_has_all_their_symbols() -> None:
    formulas = [parse_formula("all x. P(f(x),0)"), parse_formula("q->g(x,y)=x")]
    assert signature_of(*formulas) == Signature({"f": 1, "0": 0, "g": 2}, {"P": 2, "q": 0})
    with pytest.raises(FormulaError, match="different numbers"):
        signature_of(parse_formula("P(x)&P(x,y)"))


@pytest.mark.parametrize(
    "expression",
    [
        X, k.make("bound", "0"), k.predicate("P", k.make("bound", "0")), k.predicate("p q"), k.predicate("F"),
        k.predicate("p", k.variable("0")), k.predicate("0"), k.predicate("é"), k.predicate("p" * 40),
        k.predicate("P", k.variable("?")), k.predicate("P", k.function("0", X)), "p", None,
    ],
)  # fmt: skip
def test_what_could_not_be_read_is_not_written(expression) -> None:
    with pytest.raises(FormulaError):
        write_formula(expression)
    with pytest.raises(FormulaError):
        write_term(P)
