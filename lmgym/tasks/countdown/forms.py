"""All solutions of a Countdown problem, each once.

Comes in: numbers, a target, the rules. Goes out: expressions. Two expressions are the same solution if they
are the same function of the numbers: they differ in order, grouping and signs carried through
(``a-(b-c)`` and ``c+a-b``, ``(a-b)*(c-d)`` and ``(b-a)*(d-c)``); equal numbers are not told apart.
``a*b`` and ``a/b`` are two solutions even where b is 1.

A form is a flat sum of things that are no sums, or a flat product of things that are no products, signs
carried outwards until no value is negative.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import NamedTuple

from lmgym.tasks.countdown.solver import Numbers, splits_of

Number = int | Fraction
"""A value; ``int`` and ``Fraction`` of equal value are equal and hash alike."""


class Form(NamedTuple):
    """A class of equal expressions: a number, a sum or a product, of pieces that are sorted texts."""

    kind: str
    """"number", "sum" or "product"."""
    value: Number
    ups: tuple[str, ...]
    """What is added or multiplied; of a number, its text."""
    downs: tuple[str, ...] = ()
    """What is subtracted or divided by."""
    zeros: tuple[str, ...] = ()
    """Pieces of a sum whose sign means nothing, since it flips when equal numbers change places."""
    is_odd: bool = False
    """True: negating it is the same as exchanging equal numbers, as in ``(a-a)*b``."""

    @property
    def text(self) -> str:
        if self.kind == "product":
            return "/".join(("*".join(self.ups), *self.downs))
        return "-".join(("+".join((*self.ups, *self.zeros)), *self.downs))

    @property
    def factor_text(self) -> str:
        """The text as a piece of a product."""
        return f"({self.text})" if self.kind == "sum" else self.text


Index = Mapping[Number, list[Form]]
"""Forms by value."""


class Forms:
    """Every form of every part of some numbers, memoised."""

    def __init__(self, fractions: bool) -> None:
        """Begins with nothing computed; ``fractions=False`` admits only integers on the way."""
        self._fractions = fractions
        self._sums: dict[Numbers, Index] = {}
        self._products: dict[Numbers, Index] = {}

    def solutions(self, numbers: Numbers, target: int, use_all: bool) -> tuple[str, ...]:
        """Returns all expressions of ``numbers`` (ascending) worth ``target`` > 0, shortest first."""
        found = []
        for part, rest in splits_of(numbers):
            if part and not (use_all and rest):
                found += [form.text for form in self._worth(part, target)]
        return tuple(sorted(found, key=lambda text: (len(text), text)))

    def _worth(self, numbers: Numbers, target: int) -> Iterable[Form]:
        if len(numbers) == 1:
            return [_number(numbers[0])] if numbers[0] == target else []
        return {*self._make_sums(numbers, target), *self._make_products(numbers, target)}

    def _sum_index(self, numbers: Numbers) -> Index:
        if numbers not in self._sums:
            self._sums[numbers] = _index(self._make_sums(numbers, None))
        return self._sums[numbers]

    def _product_index(self, numbers: Numbers) -> Index:
        if numbers not in self._products:
            self._products[numbers] = _index(self._make_products(numbers, None))
        return self._products[numbers]

    def _make_sums(self, numbers: Numbers, target: int | None) -> set[Form]:
        """Returns the sums of ``numbers``, of value ``target`` alone if there is one."""
        found: set[Form] = set()
        for part, rest in _cuts(numbers):
            rest_indices = (_bare(rest), self._product_index(rest), self._sum_index(rest))
            for index in (_bare(part), self._product_index(part)):
                for value, firsts in index.items():
                    if not self._may_stand(value):
                        continue
                    wanted = None if target is None else (target - value, value - target, target + value)
                    others = [form for index in rest_indices for form in _pick(index, wanted)]
                    others = [form for form in others if self._may_stand(form.value)]
                    for first in firsts:
                        for other in others:
                            found.add(_add(first, other, 1))
                            found.add(_add(first, other, -1))
        return found if target is None else {form for form in found if form.value == target}

    def _make_products(self, numbers: Numbers, target: int | None) -> set[Form]:
        """Returns the products of ``numbers``, of value ``target`` alone if there is one.

        Parts of a product may be no integers though the whole is one: ``a*b/c`` holds ``b/c``.
        """
        found: set[Form] = set()
        for part, rest in _cuts(numbers):
            rest_indices = (_bare(rest), self._product_index(rest), self._sum_index(rest))
            for index in (_bare(part), self._sum_index(part)):
                for value, firsts in index.items():
                    wanted = None if target is None else _partners(value, target)
                    for other in (form for index in rest_indices for form in _pick(index, wanted)):
                        for first in firsts:
                            found.update(_multiply(first, other))
        return found if target is None else {form for form in found if form.value == target}

    def _may_stand(self, value: Number) -> bool:
        return self._fractions or value.denominator == 1


def _number(number: int) -> Form:
    return Form("number", number, (str(number),))


def _bare(numbers: Numbers) -> Index:
    return {numbers[0]: [_number(numbers[0])]} if len(numbers) == 1 else {}


def _index(forms: Iterable[Form]) -> Index:
    index: dict[Number, list[Form]] = defaultdict(list)
    for form in sorted(forms, key=lambda form: form.text):
        index[form.value].append(form)
    return dict(index)


def _cuts(numbers: Numbers) -> Iterator[tuple[Numbers, Numbers]]:
    """Yields every (part, rest), neither empty, whose part holds the least number."""
    for part, rest in splits_of(numbers):
        if part and rest and part[0] == numbers[0]:
            yield part, rest


def _pick(index: Index, wanted: tuple[Number, ...] | None) -> Iterator[Form]:
    if wanted is None:
        for forms in index.values():
            yield from forms
    else:
        for value in dict.fromkeys(wanted):
            yield from index.get(value, ())


def _partners(value: Number, target: int) -> tuple[Number, ...]:
    """Returns what ``value`` makes ``target`` with, multiplied, dividing or divided; nothing if it is 0."""
    return (Fraction(target) / value, Fraction(value) / target, value * target) if value else ()


def _add(first: Form, other: Form, sign: int) -> Form:
    """Returns ``first + sign * other``, or its negative where that is what is not negative."""
    value = first.value + sign * other.value
    ups: list[str] = []
    downs: list[str] = []
    zeros: list[str] = []
    (zeros if first.is_odd else ups).append(first.text)
    if other.kind == "sum":
        gains, losses = (other.ups, other.downs) if sign > 0 else (other.downs, other.ups)
        ups += gains
        downs += losses
        zeros += other.zeros
    else:
        (zeros if other.is_odd else ups if sign > 0 else downs).append(other.text)
    sides = tuple(sorted(ups)), tuple(sorted(downs))
    if value < 0 or (value == 0 and sides[0] < sides[1]):
        value, sides = -value, sides[::-1]
    return Form("sum", value, *sides, tuple(sorted(zeros)), sides[0] == sides[1])


def _multiply(first: Form, other: Form) -> Iterator[Form]:
    """Yields ``first * other``, ``first / other`` and ``other / first`` where they exist."""
    firsts = (first.factor_text,), ()
    others = (other.ups, other.downs) if other.kind == "product" else ((other.factor_text,), ())
    is_odd = first.is_odd or other.is_odd
    yield _product(first.value * other.value, firsts[0] + others[0], others[1], is_odd)
    if other.value:
        yield _product(Fraction(first.value) / other.value, firsts[0] + others[1], others[0], is_odd)
    if first.value:
        yield _product(Fraction(other.value) / first.value, others[0], others[1] + firsts[0], is_odd)


def _product(value: Number, ups: tuple[str, ...], downs: tuple[str, ...], is_odd: bool) -> Form:
    return Form("product", value, tuple(sorted(ups)), tuple(sorted(downs)), (), is_odd)
