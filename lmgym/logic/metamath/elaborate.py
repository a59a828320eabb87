"""Proofs of logical steps only: syntax and substitutions are filled in by unification.

Comes in: labels of logical hypotheses and assertions. Goes out: the normal proof, which has yet to be
checked; so nothing here has to be right. Steps are taken most generally: what a step leaves open ("?1")
later steps and, in the end, the theorem decide (condensed detachment, generalised).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, NamedTuple

from lmgym.logic.metamath.database import Assertion, Database, Expression, Hypothesis
from lmgym.logic.metamath.goal import Goal
from lmgym.logic.metamath.grammar import MAX_DEPTH, Grammar, Term, is_unknown
from lmgym.logic.metamath.rule import Refusal
from lmgym.logic.metamath.unify import TooLargeError, Unifier

_TOO_LARGE = Refusal("limit", "the expressions become too large")


class Entry(NamedTuple):
    """What a part of the proof proves, and how."""

    term: Term
    step: tuple[Any, ...]
    """``(label, ((variable, term), ...), parts)``."""


class Partial(NamedTuple):
    """A proof so far."""

    stack: tuple[Entry, ...]
    num_unknown: int
    bindings: tuple[tuple[Term, Term], ...]


class Pattern(NamedTuple):
    """An assertion as trees."""

    variables: tuple[str, ...]
    hypotheses: tuple[Term, ...]
    conclusion: Term


class Elaborator:
    """Fills in proofs over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._grammar = Grammar(database)
        self._pattern = lru_cache(maxsize=100_000)(self._make_pattern)

    def is_logical(self, expression: Expression) -> bool:
        """Returns whether a statement is more than syntax."""
        return expression[0] not in self._grammar.typecodes

    def essential_labels(self, theorem: Assertion, labels: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the labels of a normal proof that are logical steps."""
        known, own = self._database.assertions, theorem.active
        return tuple(x for x in labels if self.is_logical((own[x] if x in own else known[x]).expression))

    def begin(self) -> Partial:
        """Returns the empty proof."""
        return Partial((), 0, ())

    def extend(
        self, theorem: Assertion, state: Partial, label: str, *, max_symbols: int, max_stack: int
    ) -> Partial | Refusal:
        """Returns the proof with one more step, or why that was refused."""
        found = Goal(self._database, theorem).find(label)
        if isinstance(found, Refusal):
            return found
        if not self.is_logical(found.expression):
            return Refusal("syntax", f"{label} is syntax, which is filled in")
        if len(state.stack) >= max_stack:
            return Refusal("limit", f"more than {max_stack:,} expressions on the stack")
        if isinstance(found, Hypothesis):
            term = self._grammar.parse(found.expression)
            if term is None:
                return Refusal("unreadable", f"{label} has no syntax tree")
            return state._replace(stack=(*state.stack, Entry(term, (label, (), ()))))
        try:
            return self._use(found, state, max_symbols)
        except TooLargeError:
            return _TOO_LARGE

    def _use(self, assertion: Assertion, state: Partial, max_symbols: int) -> Partial | Refusal:
        pattern = self._pattern(assertion)
        if pattern is None:
            return Refusal("unreadable", f"{assertion.label} has no syntax tree")
        count = len(pattern.hypotheses)
        if count > len(state.stack):
            return Refusal("underflow", f"{assertion.label} needs {count}, there are {len(state.stack)}")
        split = len(state.stack) - count
        names = {
            variable: ("?", state.num_unknown + place, self._grammar.types[variable])
            for place, variable in enumerate(pattern.variables)
        }
        unifier = Unifier(self._grammar, {})  # what is on the stack is resolved, and shares no unknowns
        for place, (wanted, given) in enumerate(zip(pattern.hypotheses, state.stack[split:], strict=True)):
            if not unifier.unify(_instance(wanted, names), given.term):
                return self._mismatch(assertion, place, given.term)
        term = unifier.resolve(_instance(pattern.conclusion, names), max_symbols)
        parts = tuple(entry.step for entry in state.stack[split:])
        step = (assertion.label, tuple(names.items()), parts)
        return Partial(
            (*state.stack[:split], Entry(term, step)),
            state.num_unknown + len(names),
            (*state.bindings, *unifier.bindings.items()),
        )

    def _mismatch(self, assertion: Assertion, place: int, given: Term) -> Refusal:
        hypothesis = assertion.logical[place]
        wanted, found = " ".join(hypothesis.expression), self.write((given,))[0]
        message = f"{assertion.label} needs {wanted} for {hypothesis.label}, the stack has {found}"
        return Refusal("mismatch", message if len(message) <= 300 else message[:297] + "...")

    def _make_pattern(self, assertion: Assertion) -> Pattern | None:
        terms = [self._grammar.parse(hypothesis.expression) for hypothesis in assertion.logical]
        conclusion = self._grammar.parse(assertion.expression)
        if conclusion is None or None in terms:
            return None
        variables = tuple(h.expression[1] for h in assertion.hypotheses if h.is_floating)
        return Pattern(variables, tuple(terms), conclusion)

    def write(self, terms: tuple[Term, ...]) -> tuple[str, ...]:
        """Returns trees as texts; unknown parts are numbered as they come."""
        names: dict[Term, str] = {}
        for term in terms:
            for unknown in _unknowns(term):
                names.setdefault(unknown, f"?{len(names) + 1}")
        return tuple(" ".join(self._grammar.write(term, names)) for term in terms)

    def show(self, state: Partial) -> tuple[str, ...]:
        """Returns what is on the stack as texts."""
        return self.write(tuple(entry.term for entry in state.stack))

    def normal_proof(
        self, theorem: Assertion, state: Partial, *, max_labels: int
    ) -> tuple[str, ...] | Refusal:
        """Returns the normal proof of ``theorem`` that ``state`` stands for, or why it stands for none."""
        if len(state.stack) != 1:
            return Refusal("unfinished", f"{len(state.stack)} on the stack at the end, it must be one")
        goal = self._grammar.parse(theorem.expression)
        entry = state.stack[0]
        unifier = Unifier(self._grammar, dict(state.bindings))
        writer = _Writer(self._database, self._grammar, theorem, unifier, max_labels)
        try:
            if goal is None or not unifier.unify(entry.term, goal):
                return Refusal("other", "what was proved is not the theorem")
            writer.write_step(entry.step, 0)
        except TooLargeError:
            return _TOO_LARGE
        return tuple(writer.labels)


class _Writer:
    """Writes a proof out in labels."""

    def __init__(
        self, database: Database, grammar: Grammar, theorem: Assertion, unifier: Unifier, max_labels: int
    ) -> None:
        self._assertions = database.assertions
        self._grammar = grammar
        self._unifier = unifier
        self._max_labels = max_labels
        self._floating = {h.expression[1]: h.label for h in theorem.active.values() if h.is_floating}
        self._first = {grammar.types[variable]: variable for variable in reversed(self._floating)}
        self.labels: list[str] = []

    def _put(self, label: str) -> None:
        if len(self.labels) >= self._max_labels:
            raise TooLargeError
        self.labels.append(label)

    def write_step(self, step: tuple[Any, ...], depth: int) -> None:
        """Appends the labels of a step with all that it rests on."""
        if depth > MAX_DEPTH:
            raise TooLargeError
        label, terms, parts = step
        assertion = self._assertions.get(label)
        if assertion is not None:
            given, rest = dict(terms), iter(parts)
            for hypothesis in assertion.hypotheses:
                if hypothesis.is_floating:
                    term = self._unifier.resolve(given[hypothesis.expression[1]], self._max_labels)
                    self._write_term(term)
                else:
                    self.write_step(next(rest), depth + 1)
        self._put(label)

    def _write_term(self, term: Term) -> None:
        if is_unknown(term):  # nothing depends on it, so any variable will do
            term = self._first.get(term[2])
        if term is None or isinstance(term, str):
            self._put(self._floating.get(term or "", "?"))
            return
        rule = self._grammar.rules[term[0]]
        parts = dict(zip(rule.variables, term[1:], strict=True))
        for hypothesis in rule.axiom.hypotheses:
            self._write_term(parts[hypothesis.expression[1]])
        self._put(term[0])


def _instance(term: Term, names: dict[str, Term]) -> Term:
    """Returns ``term`` with its variables replaced."""
    if isinstance(term, str):
        return names.get(term, term)
    return (term[0], *[_instance(part, names) for part in term[1:]])


def _unknowns(term: Term) -> list[Term]:
    """Returns the unknown parts, from left to right as in the rules."""
    found, todo = list[Term](), [term]
    while todo:
        part = todo.pop()
        if is_unknown(part):
            found.append(part)
        elif not isinstance(part, str):
            todo += reversed(part[1:])
    return found
