"""One line of a proof, checked by the kernel: does a formula follow from the theorems that are cited?

What a line may do: put things for "everything", join and split "and", say "or", use rules forward or
backward, tell two cases apart, chain rules, and name or keep a witness of "some". Every way ends in a
``Theorem`` that only the kernel can make, so what is accepted follows; what is not found is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lmgym.logic import kernel
from lmgym.logic.kernel import Formula, Term, Theorem

MAX_CITED = 3
MAX_ROUNDS = 6

Known = dict[Formula, Theorem]


def justify(goal: Formula, cited: Sequence[Theorem], things: Sequence[Term]) -> Theorem | None:
    """Returns the theorem that ``goal`` follows from ``cited``, None where no way is found.

    Args:
        goal: what the line says.
        cited: at most ``MAX_CITED`` theorems.
        things: the constants that may have to be put for "everything".
    """
    if len(cited) > MAX_CITED:
        return None
    fresh = kernel.variable("it")
    if goal.kind == "forall":
        return _generalise(goal, cited, fresh)
    if goal.kind == "exists":
        return _find_witness(goal, cited, things, fresh)
    return next((found for thing in things if (found := _derive(goal, _at(cited, thing)))), None)


def _generalise(goal: Formula, cited: Sequence[Theorem], fresh: Term) -> Theorem | None:
    inside = kernel.instance(goal, fresh)
    if inside.kind != "implies":
        return None
    condition, said = inside.parts
    found = _derive(said, _at((*cited, kernel.assume(condition)), fresh))
    return found and kernel.forall_intro(fresh.name, kernel.implies_intro(condition, found))


def _find_witness(
    goal: Formula, cited: Sequence[Theorem], things: Sequence[Term], fresh: Term
) -> Theorem | None:
    for thing in things:
        found = _derive(kernel.instance(goal, thing), _at(cited, thing))
        if found:
            return kernel.exists_intro(goal, thing, found)
    for existence in cited:
        if existence.conclusion.kind == "exists":
            witness = kernel.assume(kernel.instance(existence.conclusion, fresh))
            found = _derive(kernel.instance(goal, fresh), _at((*cited, witness), fresh))
            if found:
                named = kernel.exists_intro(goal, fresh, found)
                return kernel.exists_elim(existence, fresh.name, named)
    return None


def _at(cited: Sequence[Theorem], thing: Term) -> list[Theorem]:
    """Returns what ``cited`` says of one thing."""
    return [kernel.forall_elim(t, thing) if t.conclusion.kind == "forall" else t for t in cited]


def _derive(goal: Formula, theorems: Sequence[Theorem], depth: int = 0) -> Theorem | None:
    """Returns ``goal`` as a theorem if rounds of simple steps lead to it."""
    known: Known = {}
    for theorem in theorems:
        _add(known, theorem)
    for _ in range(MAX_ROUNDS):
        built = _build(goal, known) or _from_contradiction(goal, known)
        if built:
            return built
        before = len(known)
        for theorem in [t for t in known.values() if t.conclusion.kind == "implies"]:
            _use_rule(theorem, known)
        if len(known) == before:
            break
    return _by_cases(goal, known, depth)


def _add(known: Known, theorem: Theorem) -> None:
    if theorem.conclusion in known:
        return
    known[theorem.conclusion] = theorem
    if theorem.conclusion.kind == "and":
        _add(known, kernel.and_elim(theorem, theorem.conclusion.parts[0]))
        _add(known, kernel.and_elim(theorem, theorem.conclusion.parts[1]))
    elif theorem.conclusion.kind == "not" and theorem.conclusion.parts[0].kind == "not":
        _add(known, kernel.double_negation(theorem))


def _build(goal: Formula, known: Mapping[Formula, Theorem]) -> Theorem | None:
    """Returns ``goal`` if it is known, or joined of what is."""
    if goal in known:
        return known[goal]
    if goal.kind == "and":
        left, right = (_build(part, known) for part in goal.parts)
        return left and right and kernel.and_intro(left, right)
    if goal.kind == "or":
        left, right = (_build(part, known) for part in goal.parts)
        if left:
            return kernel.or_intro(goal, left)
        return right and kernel.or_intro(goal, right)
    return None


def _use_rule(implication: Theorem, known: Known) -> None:
    """Adds what a rule says of what is known, and what can't be since the rule would say something false."""
    condition, _ = implication.conclusion.parts
    built = _build(condition, known)
    if built:
        _add(known, kernel.implies_elim(implication, built))
        return
    for literal in _literals(condition):
        supposed = dict(known)
        _add(supposed, kernel.assume(literal))
        built = _build(condition, supposed)
        if built:
            _add(supposed, kernel.implies_elim(implication, built))
            absurd = _from_contradiction(kernel.FALSE, supposed)
            if absurd:
                _add(known, kernel.not_intro(literal, absurd))


def _literals(formula: Formula) -> list[Formula]:
    if formula.kind in ("and", "or"):
        return [literal for part in formula.parts for literal in _literals(part)]
    return [formula]


def _from_contradiction(goal: Formula, known: Mapping[Formula, Theorem]) -> Theorem | None:
    for formula, theorem in known.items():
        if formula.kind == "not" and formula.parts[0] in known:
            return kernel.false_elim(kernel.not_elim(theorem, known[formula.parts[0]]), goal)
    return None


def _by_cases(goal: Formula, known: Known, depth: int) -> Theorem | None:
    for formula, either in known.items() if depth < 2 else ():
        if formula.kind == "or":
            rest = [theorem for other, theorem in known.items() if other is not formula]
            left, right = (_derive(goal, [*rest, kernel.assume(p)], depth + 1) for p in formula.parts)
            if left and right:
                return kernel.or_elim(either, left, right)
    return None
