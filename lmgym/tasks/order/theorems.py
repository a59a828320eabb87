"""Comparisons as theorems of the kernel: premises and the laws of a strict order are the hypotheses.

Comes in: premises and derived comparisons, as theorems. Goes out: the theorems that follow by one use of a
law, and that of an answer. Names are constants; the other relation is a predicate of its own, of which no law
says anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from itertools import pairwise

from lmgym.logic.kernel import (
    FALSE,
    Formula,
    Theorem,
    and_intro,
    assume,
    connect,
    forall_elim,
    function,
    implies_elim,
    negation,
    not_elim,
    not_intro,
    predicate,
    quantify,
    variable,
)
from lmgym.tasks.order.logic import CONTRADICTION, NO, UNKNOWN, Fact, Question

_ASKED, _OTHER = "greater", "other"


def compare(fact: Fact, *, is_asked: bool = True) -> Formula:
    """Returns the formula of a comparison, of the relation that is asked about or of the other."""
    return predicate(_ASKED if is_asked else _OTHER, *map(function, fact))


def _for_all(names: str, formula: Formula) -> Formula:
    for name in reversed(names):
        formula = quantify("forall", name, formula)
    return formula


def _laws() -> tuple[Formula, Formula]:
    x, y, z = map(variable, "xyz")
    xy, yz, xz, xx = (predicate(_ASKED, *pair) for pair in ((x, y), (y, z), (x, z), (x, x)))
    follows = connect("implies", connect("and", xy, yz), xz)
    return _for_all("xyz", follows), _for_all("x", negation(xx))


TRANSITIVE, IRREFLEXIVE = _laws()
"""The laws of a strict order: x > y and y > z give x > z; nothing is greater than itself."""


def compose(first: Theorem, second: Theorem) -> Theorem | None:
    """Returns ``a > c`` from ``a > b`` and ``b > c``, None unless the two are that."""
    one, other = first.conclusion, second.conclusion
    if one.name != _ASKED or other.name != _ASKED or one.parts[1] is not other.parts[0]:
        return None
    law = assume(TRANSITIVE)
    for term in (*one.parts, other.parts[1]):
        law = forall_elim(law, term)
    return implies_elim(law, and_intro(first, second))


def _refute(looped: Theorem) -> Theorem:
    """Returns falsum from ``a > a``."""
    return not_elim(forall_elim(assume(IRREFLEXIVE), looped.conclusion.parts[0]), looped)


def _deny(theorem: Theorem) -> Theorem:
    """Returns ``not a > b`` from ``b > a``: an order is asymmetric."""
    turned = predicate(_ASKED, *reversed(theorem.conclusion.parts))
    looped = compose(theorem, assume(turned))
    assert looped is not None, theorem
    return not_intro(turned, _refute(looped))


def grounds(answer: str, question: Question, names: Sequence[str]) -> tuple[Fact, ...]:
    """Returns the comparisons that an answer rests on; none for unknown and contradiction."""
    kind, asked = question
    if answer in (UNKNOWN, CONTRADICTION):
        return ()
    if kind == "compare":
        return ((asked[1], asked[0]) if answer == NO else (asked[0], asked[1]),)
    if kind == "largest":
        return tuple((answer, name) for name in names if name != answer)
    if kind == "smallest":
        return tuple((name, answer) for name in names if name != answer)
    return tuple(pairwise(answer.split(">")))


def state(answer: str, question: Question, names: Sequence[str]) -> Formula:
    """Returns what ``answer`` says; unknown is no formula."""
    assert answer != UNKNOWN, answer
    if answer == CONTRADICTION:
        return FALSE
    if answer == NO:
        return negation(compare((question.names[0], question.names[1])))
    return reduce(
        lambda left, right: connect("and", left, right), map(compare, grounds(answer, question, names))
    )


def prove(
    answer: str, question: Question, names: Sequence[str], said: Mapping[Fact, Theorem]
) -> Theorem | None:
    """Returns the theorem of an answer, None if what it rests on was not ``said``."""
    if answer == CONTRADICTION:
        looped = (theorem for (greater, lesser), theorem in said.items() if greater == lesser)
        found = next(looped, None)
        return None if found is None else _refute(found)
    needed = [said.get(fact) for fact in grounds(answer, question, names)]
    known = [theorem for theorem in needed if theorem is not None]
    if not known or len(known) < len(needed):
        return None
    return _deny(known[0]) if answer == NO else reduce(and_intro, known)


def is_proof(theorem: Theorem | None, formula: Formula, premises: Sequence[Fact]) -> bool:
    """Returns whether ``theorem`` proves ``formula`` from ``premises`` and the laws alone."""
    if theorem is None:
        return False
    allowed = {TRANSITIVE, IRREFLEXIVE, *map(compare, premises)}
    return theorem.conclusion is formula and theorem.hypotheses <= allowed and not theorem.uses
