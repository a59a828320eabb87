"""Whether a half-written answer to a Countdown problem can still become a right one: exact, by search.

Comes in: the beginning of an answer. Goes out: yes or no, for the whole grammar of ``countdown_reading``:
redundant parentheses, negative and fractional results on the way, any order. The search goes over values,
not texts: what comes next can only matter by its value and by the numbers that it uses.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction

from lmgym.tasks.countdown.reading import (
    WHITESPACE,
    Frame,
    Number,
    Refused,
    put_piece,
    read_answer,
    read_prefix,
    split_claim,
    tokenize,
)
from lmgym.tasks.countdown.solver import Numbers, Solver, reduced, solver_of, splits_of


def can_complete(partial: str, numbers: Numbers, target: int, use_all: bool, fractions: bool) -> bool:
    """Returns whether some right answer begins with ``partial``; whitespace around answers is free.

    The limit on the length of answers is left out, except that what is beyond it already is lost.
    """
    text = partial.lstrip(WHITESPACE)
    body = text.rstrip(WHITESPACE)
    is_closed = not set(text[len(body) :]) <= {" ", "\t"}
    expression, claim = split_claim(text if not is_closed else body)
    try:
        if body and (is_closed or claim is not None):
            return _can_be_claimed(expression, claim, is_closed, (numbers, target, use_all, fractions))
        tokens = tokenize(expression)
        if not tokens or not expression[-1].isdigit():
            return _Search(target, use_all, fractions, numbers).succeeds(expression)
    except Refused:
        return False
    typed = tokens[-1]
    stem = expression[: len(expression) - len(typed)]
    search = _Search(target, use_all, fractions, numbers)
    candidates = sorted({str(number) for number in numbers if str(number).startswith(typed)})
    return any(search.succeeds_quietly(stem + candidate) for candidate in candidates)


def _can_be_claimed(
    expression: str, claim: str | None, is_closed: bool, problem: tuple[Numbers, int, bool, bool]
) -> bool:
    """Returns whether a finished expression with the beginning of a claim can be a right answer."""
    (numbers, target, use_all, fractions) = problem
    value = read_answer(expression, numbers, target, use_all, fractions)
    said = (claim or "").lstrip(" \t")
    digits = said.rstrip(" \t")
    if claim is None or digits == str(target):
        return value == target
    return value == target and not is_closed and said == digits and str(target).startswith(digits)


class _Search:
    """The search for one problem, over (value, unused numbers) of the open sums from inside out."""

    def __init__(self, target: int, use_all: bool, fractions: bool, numbers: Numbers) -> None:
        self._target = target
        self._use_all = use_all
        self._fractions = fractions
        self._numbers = numbers
        self._solver: Solver = solver_of(numbers, fractions)

    def succeeds_quietly(self, expression: str) -> bool:
        """Returns ``succeeds``, False where the expression breaks a rule."""
        try:
            return self.succeeds(expression)
        except Refused:
            return False

    def succeeds(self, expression: str) -> bool:
        """Returns whether ``expression`` can be completed.

        Raises:
            Refused: it breaks a rule.
        """
        frames, unused, needs_piece = read_prefix(expression, self._numbers, self._fractions)
        inner = [frame for frame in frames]
        while len(inner) > 1 and inner[-1] == Frame():
            inner.pop()  # "(" alone asks for a piece, as what stands before it did
        is_fresh = inner == [Frame()] and needs_piece
        if is_fresh:
            return self._solver.can_make(unused, self._target, self._use_all)
        return self._from(tuple(inner), unused, needs_piece)

    def _from(self, frames: tuple[Frame, ...], unused: Numbers, needs_piece: bool) -> bool:
        states = self._after_product(frames[-1], unused, needs_piece)
        if len(frames) == 1:
            return any(self._can_end(value, left) for value, left in _once(states))
        outer = frames[-2]
        for value, left in _once(self._sums(states)):
            try:
                frame = put_piece(outer, value, self._fractions)
            except Refused:
                continue
            if self._from((*frames[:-2], frame), left, False):
                return True
        return False

    def _after_product(
        self, frame: Frame, unused: Numbers, needs_piece: bool
    ) -> Iterator[tuple[Number, Numbers]]:
        """Yields (value of the sum, unused numbers) for every way to end the product in hand."""
        if not needs_piece:
            yield from self._longer(frame, unused)
            return
        for value, left in self._pieces(unused):
            try:
                yield from self._longer(put_piece(frame, value, self._fractions), left)
            except Refused:
                continue

    def _longer(self, frame: Frame, unused: Numbers) -> Iterator[tuple[Number, Numbers]]:
        """Yields the same for every further ``*`` and ``/``; multiplying all first loses nothing."""
        assert frame.product is not None, frame
        yield frame.value, unused
        products = [(frame.product, unused)]
        for value, left in self._pieces(unused):
            products.append((frame.product * value, left))
            yield frame.base + frame.sign * frame.product * value, left
        for product, rest in products:
            for value, left in self._pieces(rest):
                if value:
                    quotient = Fraction(product) / value
                    if self._fractions or quotient.denominator == 1:
                        yield frame.base + frame.sign * quotient, left

    def _sums(self, states: Iterator[tuple[Number, Numbers]]) -> Iterator[tuple[Number, Numbers]]:
        """Yields the states and every sum that goes on from them."""
        for value, unused in states:
            yield value, unused
            for part, left in splits_of(unused):
                if part:
                    for top, bottom in self._solver.values(part):
                        size = Fraction(top, bottom)
                        yield value + size, left
                        yield value - size, left

    def _can_end(self, value: Number, unused: Numbers) -> bool:
        """Returns whether the outermost sum, worth ``value`` after a product, can end as the target."""
        distance = abs(Fraction(self._target) - value)
        if distance == 0 and not (self._use_all and unused):
            return True
        size = reduced(distance.numerator, distance.denominator)
        return any(
            part and not (self._use_all and left) and size in self._solver.values(part)
            for part, left in splits_of(unused)
        )

    def _pieces(self, unused: Numbers) -> Iterator[tuple[Number, Numbers]]:
        """Yields (value, unused numbers) of every piece, negative ones too."""
        for part, left in splits_of(unused):
            if part:
                for (top, bottom), way in self._solver.values(part).items():
                    size: Number = top if bottom == 1 else Fraction(top, bottom)
                    yield size, left
                    if way.can_negate and top:
                        yield -size, left


def _once(states: Iterator[tuple[Number, Numbers]]) -> Iterator[tuple[Number, Numbers]]:
    seen = set()
    for state in states:
        if state not in seen:
            seen.add(state)
            yield state
