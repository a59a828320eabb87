"""Sums of summands c·x^n·f(u), the functions that calculus problems are made of, and their derivatives."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from lmgym.grading.exact import Number, simplify
from lmgym.tasks.algebra.polynomials import Polynomial, derivative, in_brackets, polynomial_text, sum_text


class Summand(NamedTuple):
    """The function c·x^n·f(u), f "sin", "cos", "exp" or "ln"; c·x^n·u^m with f "power"; c·x^n with f ""."""

    c: Number
    n: int = 0
    f: str = ""
    u: Polynomial = ()
    m: int = 1

    @property
    def text(self) -> str:
        """The canonical text: ``3x^2*sin(2x)``, ``-cos(3x)/3``, ``2/(x+1)``."""
        above, under = [_power("x", self.n)] if self.n > 0 else [], list[str]()
        if self.f == "power":
            (above if self.m > 0 else under).append(_power(in_brackets(self.u), abs(self.m)))
        elif self.f:
            above.append(f"{self.f}({polynomial_text(self.u)})")
        if self.n < 0:
            under.insert(0, _power("x", -self.n))
        top, bottom = self.c.numerator, self.c.denominator
        if bottom > 1:
            under.insert(0, str(bottom))
        head = "*".join(above) if self.f != "power" else "".join(above)
        head = head if top == 1 and head else f"-{head}" if top == -1 and head else f"{top}{head}"
        if not under:
            return head
        is_single = len(under) == 1
        return f"{head}/{under[0]}" if is_single else f"{head}/({''.join(under)})"

    @property
    def kind(self) -> tuple[object, ...]:
        """What summands that can be added up have in common."""
        return self[1:]


def _power(base: str, exponent: int) -> str:
    return base if exponent == 1 else f"{base}^{exponent}"


def summands_of(part: Polynomial) -> list[Summand]:
    """Returns a polynomial as summands, highest power first."""
    return [Summand(part[power], power) for power in range(len(part) - 1, -1, -1) if part[power]]


def summands_text(summands: Iterable[Summand]) -> str:
    """Returns the sum: ``6x+2cos(2x)``."""
    return sum_text([summand.text for summand in summands])


def differentiate(summand: Summand) -> list[Summand]:
    """Returns the derivative by the product and the chain rule, nothing collected."""
    c, n, f, u, m = summand
    made = [summand._replace(c=c * n, n=n - 1)] if n else []
    if not f:
        return made
    if f == "ln" and not any(u[:-1]):  # ln(a x^k)' = k/x
        return [*made, Summand(c * (len(u) - 1), n - 1)]
    for power, value in enumerate(derivative(u)):
        if value:
            made.append(_outer_derivative(Summand(simplify(c * value), n + power, f, u, m)))
    return made


def _outer_derivative(summand: Summand) -> Summand:
    c, n, f, u, m = summand
    if f == "sin":
        return summand._replace(f="cos")
    if f == "cos":
        return summand._replace(c=-c, f="sin")
    if f == "exp":
        return summand
    if f == "ln":
        return Summand(c, n, "power", u, -1)
    return Summand(c * m, n, "power", u, m - 1) if m != 1 else Summand(c, n)


def collect(summands: Sequence[Summand]) -> list[Summand]:
    """Returns the sum with like summands added up, in the order of their first."""
    totals: dict[tuple[object, ...], Summand] = {}
    for summand in summands:
        before = totals.get(summand.kind)
        c = summand.c if before is None else before.c + summand.c
        totals[summand.kind] = summand._replace(c=simplify(c))
    return [summand for summand in totals.values() if summand.c]
