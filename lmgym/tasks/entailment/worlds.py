"""What can be: models of premises, found by case distinction over one thing at a time.

Predicates have one place and there is no equality, so premises have a model if and only if each thing they
speak of, taken by itself, can have properties that obey all rules; so the search is propositional. It is
complete, so what has no model is refuted: that decides every problem.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import product

from lmgym.tasks.entailment.sentences import Literal, Part, Sentence, denial, opposite

Clause = tuple[Literal, ...]
World = dict[str, bool]
"""Of one thing: which words hold of it."""


def entails(premises: Sequence[Sentence], statement: Sentence) -> bool:
    """Returns whether ``statement``, which says one literal, is true wherever all ``premises`` are."""
    return not is_possible((*premises, denial(statement)))


def is_possible(sentences: Sequence[Sentence]) -> bool:
    """Returns whether all the sentences can be true together."""
    solver = _Solver(_rule_clauses(sentences))
    return all(solver.solve(clauses) is not None for clauses in _things(sentences))


def find_world(sentences: Sequence[Sentence], about: Sentence) -> World | None:
    """Returns what can hold of the thing that ``about``, one of the sentences, speaks of; None: nothing."""
    own = [each for each in sentences if each.kind == "fact" and each.name == about.name]
    clauses = [clause for each in own for clause in _clauses(each.said)]
    if about.kind != "fact":
        clauses = [(literal,) for part in (about.condition, about.said) for literal in part.literals]
    return _Solver(_rule_clauses(sentences)).solve(clauses) if is_possible(sentences) else None


def obeys(sentences: Sequence[Sentence], world: World, name: str) -> bool:
    """Returns whether a thing that is so, called ``name``, obeys every rule and every fact about it."""
    facts = [clause for s in sentences if s.kind == "fact" and s.name == name for clause in _clauses(s.said)]
    return all(
        any(world.get(literal.word, False) == literal.holds for literal in clause)
        for clause in (*facts, *_rule_clauses(sentences))
    )


def _clauses(part: Part) -> list[Clause]:
    return [part.literals] if part.joint == "or" else [(literal,) for literal in part.literals]


def _rule_clauses(sentences: Iterable[Sentence]) -> list[Clause]:
    found: list[Clause] = []
    for sentence in sentences:
        if sentence.kind == "rule":
            denied = tuple(opposite(literal) for literal in sentence.condition.literals)
            ways = [denied] if sentence.condition.joint == "and" else [(each,) for each in denied]
            found += [(*way, *clause) for way, clause in product(ways, _clauses(sentence.said))]
    return found


def _things(sentences: Sequence[Sentence]) -> Iterator[list[Clause]]:
    """Yields what is said of each thing: of everybody named, and of each thing that is said to exist."""
    named: dict[str, list[Clause]] = {}
    for each in sentences:
        if each.kind == "fact":
            named.setdefault(each.name, []).extend(_clauses(each.said))
        elif each.kind == "some":
            yield [*_clauses(each.condition), *_clauses(each.said)]
    yield from named.values()
    if not named:
        yield []


class _Solver:
    """Finds what a thing can be, given what all things obey: by propagation and case distinction."""

    def __init__(self, rules: Sequence[Clause]) -> None:
        self._rules = rules
        self._having: dict[Literal, list[Clause]] = {}
        for clause in rules:
            for literal in clause:
                self._having.setdefault(literal, []).append(clause)

    def solve(self, own: Sequence[Clause]) -> World | None:
        """Returns words and whether they hold, so that each clause has a literal that does; None: none do."""
        world: World = {}
        known = [clause[0] for clause in (*own, *self._rules) if len(clause) == 1]
        return self._search(world, (*own, *self._rules)) if self._extend(world, known) else None

    def _search(self, world: World, clauses: Sequence[Clause]) -> World | None:
        for clause in clauses:
            if not any(world.get(literal.word) == literal.holds for literal in clause):
                for literal in clause:
                    tried = dict(world)
                    if literal.word not in world and self._extend(tried, [literal]):
                        found = self._search(tried, clauses)
                        if found is not None:
                            return found
                return None
        return world

    def _extend(self, world: World, todo: list[Literal]) -> bool:
        """Adds literals and what rules force then to ``world``; False: a rule is broken."""
        while todo:
            literal = todo.pop()
            if world.setdefault(literal.word, literal.holds) != literal.holds:
                return False
            for clause in self._having.get(opposite(literal), ()):
                free = [each for each in clause if world.get(each.word, each.holds) == each.holds]
                if not free:
                    return False
                if len(free) == 1 and free[0].word not in world:
                    todo.append(free[0])
        return True
