"""Expanded, factored, simplified: the forms that an algebraic answer may be asked for."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.canonical import canonical
from lmgym.grading.equality.numeric import variables_of
from lmgym.grading.equality.polynomials import UNIT, Monomial, Polynomial, Ratio, Work
from lmgym.grading.equality.univariate import coefficients_of, greatest_common_divisor, is_irreducible
from lmgym.grading.equality.values import UndefinedError
from lmgym.grading.tree import Node

_BUDGETS = Budgets()
_STATEMENTS = frozenset(("relation", "list", "tuple", "set", "either", "quantity"))
_SUBSTITUTES = (3, 5, 7, 11, 2)


def is_expanded(node: Node) -> bool:
    """Returns whether no product or power of sums with variables is left and like terms are collected.

    ``(x + 1)/2`` counts as expanded, ``2(x + 1)``, ``(x + 1)^2`` and ``x + x`` do not.
    """
    if node.head in _STATEMENTS:
        return all(map(is_expanded, node.args))
    return not any(_is_unexpanded(part) for part in _parts(node)) and _is_collected(node)


def is_factored(node: Node) -> bool:
    """Returns whether ``node`` is a product of a constant and polynomials that have no factors over Q.

    ``2(x + 1)(x - 1)`` and ``x^2 + 1`` are factored, ``(2x + 2)(x - 1)`` and ``x^2 - 1`` are not. Factors in
    several variables are judged with all but one replaced by small numbers.
    """
    if node.head in _STATEMENTS:
        return all(map(is_factored, node.args))
    return all(map(_is_irreducible_factor, _factors(node)))


def is_simplified(node: Node) -> bool:
    """Returns whether like terms are collected, fractions reduced and factors of one base joined."""
    if node.head in _STATEMENTS:
        return all(map(is_simplified, node.args))
    for part in _parts(node):
        if part.head == "sum" and not _is_collected(part):
            return False
        if part.head == "product" and not _is_joined(part):
            return False
        if part.head == "divide" and not _is_reduced(part):
            return False
        if part.head in ("power", "root", "factorial", "absolute") and not variables_of(part):
            if _form(part) is not None and part.head != "root" and _is_number(part):
                return False
    return True


def _parts(node: Node) -> Iterator[Node]:
    """Yields ``node`` and all within it."""
    yield node
    for arg in node.args:
        yield from _parts(arg)


def _is_sum(node: Node) -> bool:
    return node.head == "sum" and bool(variables_of(node))


def _is_unexpanded(node: Node) -> bool:
    if node.head in ("product", "negate"):
        return any(map(_is_sum, node.args))
    if node.head != "power":
        return False
    exponent = node.args[1]
    return _is_sum(node.args[0]) and exponent.head == "number" and isinstance(exponent.value, int)


def _form(node: Node) -> Ratio | None:
    try:
        return canonical(node, Work(_BUDGETS))
    except (UndefinedError, Refusal):
        return None


def _is_number(node: Node) -> bool:
    form = _form(node)
    return form is not None and set(form.top) <= {UNIT} and form.bottom == {UNIT: 1}


def _is_collected(node: Node) -> bool:
    """Returns whether no two terms of a sum are alike and none is zero."""
    if node.head != "sum":
        return True
    seen: set[tuple[Monomial, str]] = set()
    for term in node.args:
        form = _form(term)
        if form is None:
            return False
        if len(form.top) != 1:
            if not form.top:
                return False
            continue
        key = (next(iter(form.top)), str(sorted(form.bottom.items())))
        if key in seen:
            return False
        seen.add(key)
    return True


def _flat(node: Node) -> Iterator[Node]:
    """Yields the factors of nested products, signs dropped."""
    if node.head in ("product", "negate"):
        for arg in node.args:
            yield from _flat(arg)
    else:
        yield node


def _is_joined(node: Node) -> bool:
    """Returns whether at most one factor is a number other than a radical and no base occurs twice."""
    bases = []
    num_numbers = 0
    for factor in _flat(node):
        if _is_number(factor):
            num_numbers += 1
            if factor == Node("number", (), 1):
                return False
        else:
            bases.append(factor.args[0] if factor.head == "power" else factor)
    return num_numbers <= 1 and len(set(bases)) == len(bases)


def _is_reduced(node: Node) -> bool:
    """Returns whether numerator and denominator have no common factor that is found."""
    top, bottom = (_form(arg) for arg in node.args)
    if top is None or bottom is None:
        return False
    if any(form.bottom != {UNIT: 1} or not form.top for form in (top, bottom)):
        return False
    first, second = top.top, bottom.top
    if second == {UNIT: 1} or math.gcd(_content(first), _content(second)) != 1:
        return False
    if _common_monomial(first).keys() & _common_monomial(second).keys():
        return False
    names = sorted(variables_of(node))
    if len(names) != 1:
        return first != second
    left, right = (coefficients_of(poly, names[0]) for poly in (first, second))
    return not left or not right or len(greatest_common_divisor(left, right)) == 1


def _content(poly: Polynomial) -> int:
    """Returns the common factor of integer coefficients; 0 if one is no integer: that is not reduced."""
    if any(isinstance(value, Fraction) for value in poly.values()):
        return 0
    return math.gcd(*(int(value) for value in poly.values()))


def _common_monomial(poly: Polynomial) -> dict[tuple[str, str | int], None]:
    """Returns the atoms that divide every term."""
    common = set.intersection(*({atom for atom, _ in monomial} for monomial in poly)) if poly else set()
    return dict.fromkeys(common)


def _factors(node: Node) -> Iterator[Node]:
    for factor in _flat(node):
        if factor.head == "power" and factor.args[1].head == "number":
            yield from _factors(factor.args[0])
        elif factor.head == "divide" and not variables_of(factor.args[1]):
            yield from _factors(factor.args[0])
        else:
            yield factor


def _is_irreducible_factor(node: Node) -> bool:
    names = sorted(variables_of(node))
    if not names or node.head != "sum":
        return True
    form = _form(node)
    if form is None or form.bottom != {UNIT: 1} or len(form.top) < 2:
        return False
    if _content(form.top) > 1 or _common_monomial(form.top):
        return False
    return any(_stays_irreducible(form.top, names, k) for k in range(len(_SUBSTITUTES)))


def _stays_irreducible(poly: Polynomial, names: list[str], shift: int) -> bool:
    """Returns whether the polynomial has no factors when all but its first variable are numbers.

    If the degree stays, a polynomial with factors keeps them, so one irreducible case proves it.
    """
    kept: dict[int, Fraction] = {}
    for monomial, value in poly.items():
        total, degree = Fraction(value), 0
        for (kind, key), power in monomial:
            if kind != "v" or key not in names or not isinstance(power, int):
                return True  # not a polynomial over Q: nothing is known of its factors
            if key == names[0]:
                degree = power
            else:
                total *= _SUBSTITUTES[(names.index(str(key)) + shift) % len(_SUBSTITUTES)] ** power
        kept[degree] = kept.get(degree, Fraction(0)) + total
    degree = max(kept)
    if degree == 0 or kept[degree] == 0:
        return False
    return is_irreducible([kept.get(k, Fraction(0)) for k in range(degree + 1)]) is not False
