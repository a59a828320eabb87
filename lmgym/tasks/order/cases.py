"""What does not follow: two orders of all objects that agree with the premises and differ in the answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from lmgym.tasks.order.draw import OrderReference
from lmgym.tasks.order.logic import Fact, Facts, Question


def agrees(order: Sequence[str], premises: Iterable[Fact]) -> bool:
    """Returns whether every premise is true in ``order``, the greatest first, of all their objects."""
    place = {name: at for at, name in enumerate(order)}
    return all(place[greater] < place[lesser] for greater, lesser in premises)


def answer_in(order: Sequence[str], question: Question) -> str:
    """Returns what the answer is where ``order`` is the whole truth."""
    return Facts(pairwise(order)).answer(question)


def find_cases(reference: OrderReference) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns two orders that differ in the answer to a question whose answer is unknown."""
    one, other = _opposed(reference)
    return _extend(reference.premises, one), _extend(reference.premises, other)


def _opposed(reference: OrderReference) -> tuple[list[Fact], list[Fact]]:
    """Returns what may hold as well as not: comparisons that either order adds to the premises."""
    facts, (kind, asked) = Facts(reference.premises), reference.question
    names = facts.names
    if kind in ("largest", "smallest"):
        side = 1 if kind == "largest" else 0
        beaten = {fact[side] for fact in reference.premises}
        one, other = [name for name in names if name not in beaten][:2]
        return _put_first(one, names, side), _put_first(other, names, side)
    among = asked or names
    a, b = next((a, b) for a in among for b in among if a != b and not facts.is_settled(a, b))
    return [(a, b)], [(b, a)]


def _put_first(name: str, names: Iterable[str], side: int) -> list[Fact]:
    others = [each for each in names if each != name]
    return [(name, each) if side else (each, name) for each in others]


def _extend(premises: Sequence[Fact], added: Sequence[Fact]) -> tuple[str, ...]:
    facts = Facts((*premises, *added))  # who is greater is greater than more objects than the other is
    num_lesser = {name: sum(facts.holds(name, other) for other in facts.names) for name in facts.names}
    return tuple(sorted(facts.names, key=lambda name: -num_lesser[name]))
