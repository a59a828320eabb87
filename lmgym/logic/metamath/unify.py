"""Unification of trees within budgets (Robinson 1965, "A machine-oriented logic based on resolution")."""

from __future__ import annotations

from lmgym.logic.metamath.grammar import MAX_DEPTH, Grammar, Term, is_unknown

Bindings = dict[Term, Term]
MAX_STEPS = 10_000


class TooLargeError(Exception):
    """A budget is used up; never leaves this package."""


class Unifier:
    """Bindings of unknown parts, which grow with every pair of trees that is made equal."""

    def __init__(self, grammar: Grammar, bindings: Bindings) -> None:
        self._grammar = grammar
        self.bindings = bindings
        self._steps = 0

    def _count(self) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise TooLargeError

    def unify(self, left: Term, right: Term) -> bool:
        """Binds what makes the two equal; returns False where nothing does.

        Raises:
            TooLargeError: after ``MAX_STEPS`` steps.
        """
        todo = [(left, right)]
        while todo:
            self._count()
            one, other = (self._walk(term) for term in todo.pop())
            if one is other:
                continue
            if is_unknown(other):
                one, other = other, one
            if is_unknown(one):
                if one == other:
                    continue
                if self._grammar.type_of(one) != self._grammar.type_of(other) or self._occurs(one, other):
                    return False
                self.bindings[one] = other
            elif isinstance(one, str) or isinstance(other, str):
                if one != other:
                    return False
            elif one[0] != other[0] or len(one) != len(other):
                return False
            else:
                todo += zip(one[1:], other[1:], strict=True)
        return True

    def _walk(self, term: Term) -> Term:
        while is_unknown(term) and term in self.bindings:
            term = self.bindings[term]
        return term

    def _occurs(self, unknown: Term, term: Term) -> bool:
        todo = [term]
        while todo:
            self._count()
            part = self._walk(todo.pop())
            if part == unknown:
                return True
            if type(part) is tuple and part[0] != "?":
                todo += part[1:]
        return False

    def resolve(self, term: Term, max_nodes: int) -> Term:
        """Returns ``term`` with everything put in that is known.

        Raises:
            TooLargeError: more than ``max_nodes`` nodes, or ``MAX_DEPTH`` levels.
        """
        left = [max_nodes]

        def put(part: Term, depth: int) -> Term:
            left[0] -= 1
            if left[0] < 0 or depth > MAX_DEPTH:
                raise TooLargeError
            part = self._walk(part)
            if isinstance(part, str) or part[0] == "?":
                return part
            return (part[0], *[put(inner, depth + 1) for inner in part[1:]])

        return put(term, 0)
