"""What follows from comparisons: the transitive closure, and the answers to questions about it.

Comes in: facts as data, (greater, lesser) pairs of names, and a question. Goes out: the answer, and the
deductions behind it. Left out: every wording.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Literal, NamedTuple, get_args

Kind = Literal["compare", "largest", "smallest", "order", "sort"]
KINDS: tuple[Kind, ...] = get_args(Kind)
YES, NO, UNKNOWN, CONTRADICTION = "yes", "no", "unknown", "contradiction"
KEYWORDS = (YES, NO, UNKNOWN, CONTRADICTION)

Fact = tuple[str, str]
"""(greater, lesser)."""


class Question(NamedTuple):
    """What is asked."""

    kind: Kind
    names: tuple[str, ...] = ()
    """Of "compare": is the first greater than the second? Of "sort": what is to be sorted. Else empty."""


class Deduction(NamedTuple):
    """A line of working: a premise said again (``reasons`` is empty), or what follows from two facts."""

    fact: Fact
    reasons: tuple[Fact, ...] = ()


class Facts:
    """Premises with all that follows from them."""

    def __init__(self, premises: Iterable[Fact]) -> None:
        """Reads the premises; they may contradict one another."""
        self._lesser: dict[str, list[str]] = {}
        for greater, lesser in premises:
            self._lesser.setdefault(greater, []).append(lesser)
            self._lesser.setdefault(lesser, [])
        self.names = tuple(self._lesser)
        """Every name, in the order of the premises."""
        self._place = {name: at for at, name in enumerate(self.names)}
        self._below_bits = _closure([[self._place[b] for b in lesser] for lesser in self._lesser.values()])
        self._ways: dict[str, dict[str, str]] = {}

    @property
    def is_contradictory(self) -> bool:
        """Whether something would be greater than itself."""
        return any(bits >> at & 1 for at, bits in enumerate(self._below_bits))

    def holds(self, greater: str, lesser: str) -> bool:
        """Returns whether ``greater > lesser`` follows."""
        return bool(self._below_bits[self._place[greater]] >> self._place[lesser] & 1)

    def is_settled(self, one: str, other: str) -> bool:
        """Returns whether it follows which of the two is greater."""
        return self.holds(one, other) or self.holds(other, one)

    def path(self, greater: str, lesser: str) -> list[str]:
        """Returns a shortest chain of premises from ``greater`` down to ``lesser``, both included."""
        before = self._way(greater)
        found = [lesser]
        while len(found) == 1 or found[-1] != greater:
            found.append(before[found[-1]])
        return found[::-1]

    def _way(self, name: str) -> dict[str, str]:
        if name not in self._ways:
            self._ways[name] = _reach(name, self._lesser)
        return self._ways[name]

    def sorted(self, names: Sequence[str]) -> list[str] | None:
        """Returns ``names``, the greatest first; None if it does not follow."""
        ranked = sorted(names, key=lambda name: -sum(self.holds(name, other) for other in names))
        is_known = all(self.holds(*pair) for pair in pairwise(ranked))
        return ranked if is_known else None

    def answer(self, question: Question) -> str:
        """Returns the answer: a keyword, a name, or names with ">" between."""
        if self.is_contradictory:
            return CONTRADICTION
        kind, names = question
        if kind == "compare":
            one, other = names
            return YES if self.holds(one, other) else NO if self.holds(other, one) else UNKNOWN
        if kind in ("largest", "smallest"):
            return self._extreme(kind == "largest") or UNKNOWN
        ranked = self.sorted(names if kind == "sort" else self.names)
        return UNKNOWN if ranked is None else ">".join(ranked)

    def _extreme(self, is_largest: bool) -> str | None:
        for name in self.names:
            others = (other for other in self.names if other != name)
            if all(self.holds(name, other) if is_largest else self.holds(other, name) for other in others):
                return name
        return None

    def working(self, question: Question) -> list[Deduction]:
        """Returns deductions that lead to the answer, none twice.

        What does not follow can't be deduced: there, everything is that is known below the two in question,
        or of whom somebody is known to be greater (or lesser).
        """
        lines = self._working(*question)
        return list(dict.fromkeys(lines))

    def _working(self, kind: Kind, names: tuple[str, ...]) -> list[Deduction]:
        if self.is_contradictory:
            circles = [self.path(name, name) for name in self.names if self.holds(name, name)]
            return _along(min(circles, key=len))
        if kind in ("largest", "smallest"):
            return self._to_extreme(kind == "largest")
        asked = names or self.names
        ranked = self.sorted(asked)
        if ranked is None:
            pairs = ((a, b) for a in asked for b in asked if a != b and not self.is_settled(a, b))
            return [line for name in next(pairs) for line in self._below(name)]
        return [line for a, b in pairwise(ranked) for line in _along(self.path(a, b))]

    def _to_extreme(self, is_largest: bool) -> list[Deduction]:
        name = self._extreme(is_largest)
        if name is not None and is_largest:
            return self._below(name)
        if name is not None:
            return self._above(name)
        premises = [(a, b) for a, lesser in self._lesser.items() for b in lesser]
        side = 1 if is_largest else 0  # one premise for each that is beaten
        return [Deduction(fact) for fact in {fact[side]: fact for fact in premises}.values()]

    def _above(self, name: str) -> list[Deduction]:
        paths = [self.path(other, name) for other in self.names if other != name]
        return [
            Deduction((path[0], name), ((path[0], path[1]), (path[1], name)) if len(path) > 2 else ())
            for path in sorted(paths, key=len)
        ]

    def _below(self, name: str) -> list[Deduction]:
        return [line for lesser in self._way(name) for line in _along(self.path(name, lesser))]


def _closure(lesser: Sequence[Sequence[int]]) -> list[int]:
    """Returns for each place the set of places below it, as bits (Warshall's algorithm)."""
    bits = [sum(1 << at for at in set(below)) for below in lesser]
    for middle in range(len(bits)):
        through = bits[middle]
        for at, old in enumerate(bits):
            if old >> middle & 1:
                bits[at] = old | through
    return bits


def _reach(start: str, lesser: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Returns all that lies below ``start``, nearest first, each with the one before it on the way."""
    before: dict[str, str] = {}
    queue = deque([start])
    while queue:
        name = queue.popleft()
        for below in lesser[name]:
            if below not in before:
                before[below] = name
                queue.append(below)
    return before


def _along(path: Sequence[str]) -> list[Deduction]:
    """Returns the deductions along a chain of premises."""
    first = path[0]
    if len(path) == 2:
        return [Deduction((first, path[1]))]
    return [
        Deduction((first, path[at + 1]), ((first, path[at]), (path[at], path[at + 1])))
        for at in range(1, len(path) - 1)
    ]
