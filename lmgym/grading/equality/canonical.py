"""Expressions as rational functions of variables, radicals, constants and opaque atoms.

Comes in: a tree of arithmetic. Goes out: a ``Ratio``. Equal ratios mean equal expressions (as functions:
x/x is 1), unless ``work.is_suspect``. Different ratios mean different expressions if ``is_decided`` says so.

Kinds of atoms besides those of ``polynomials``: ``("l", p)`` is ln of a prime p; ``("x", text)`` a power of a
positive constant with a variable exponent (never zero); ``("f", text)`` a function or root that is not taken
apart. Real roots are preferred: an odd root of a negative number is negative, ``x^(1/3)`` is the cube root.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction

from lmgym.grading.equality.functions import CIRCULAR, apply_function, fold
from lmgym.grading.equality.polynomials import (
    Atom,
    Ratio,
    Work,
    add_ratios,
    atom_ratio,
    atoms_of,
    multiply_ratios,
    ratio,
    scale_ratio,
)
from lmgym.grading.equality.powers import PI, E, invert, raise_power
from lmgym.grading.equality.values import UndefinedError, based_value, check_size
from lmgym.grading.tree import Node

DEGREE: Atom = ("v", "\N{DEGREE SIGN}")


def canonical(node: Node, work: Work, *, is_angle: bool = False) -> Ratio:
    """Returns the canonical form.

    Args:
        node: arithmetic, functions, constants and variables.
        work: budgets, and the place where doubts are noted.
        is_angle: 90° is pi/2, as inside sin; otherwise ° stays a unit.

    Raises:
        UndefinedError: there is no value, or ``node`` holds what is no expression (words, infinity, a set).
        Refusal: "limit".
    """
    head, args, value = node
    if head == "number":
        return ratio(check_size(value, work.budgets))
    if head == "variable":
        return atom_ratio(("v", value))
    if head == "constant":
        if value == "infinity":
            raise UndefinedError
        return atom_ratio(("c", value))
    if head == "based":
        return ratio(based_value(value, work.budgets))
    if head == "degrees":
        inner = canonical(args[0], work, is_angle=is_angle)
        if is_angle:
            return multiply_ratios(inner, scale_ratio(atom_ratio(PI), Fraction(1, 180)), work)
        return multiply_ratios(inner, atom_ratio(DEGREE), work)
    if head == "quantity":
        return multiply_ratios(canonical(args[0], work), atom_ratio(("v", f"unit {value}")), work)
    if head == "function":
        return apply_function(value, [canonical(arg, work, is_angle=value in CIRCULAR) for arg in args], work)
    operation = _OPERATIONS.get(head)
    if operation is None:
        raise UndefinedError
    return operation([canonical(arg, work, is_angle=is_angle) for arg in args], work)


def is_decided(*values: Ratio) -> bool:
    """Returns whether different forms of these values mean different values.

    They do for variables, radicals, i and one transcendental constant; nothing is known of others.
    """
    atoms = set().union(*(atoms_of(value.top, value.bottom) for value in values))
    transcendental = sum(1 for atom in atoms if atom in (PI, E) or atom[0] == "l")
    return transcendental < 2 and not any(kind in "fx" for kind, _ in atoms)


def _sum(values: list[Ratio], work: Work) -> Ratio:
    total = values[0]
    for value in values[1:]:
        total = add_ratios(total, value, work)
    return total


def _product(values: list[Ratio], work: Work) -> Ratio:
    total = values[0]
    for value in values[1:]:
        total = multiply_ratios(total, value, work)
    return total


def _folded(head: str) -> Callable[[list[Ratio], Work], Ratio]:
    return lambda values, work: fold(Node(head), values, work)  # type: ignore[arg-type]


_OPERATIONS: dict[str, Callable[[list[Ratio], Work], Ratio]] = {
    "sum": _sum,
    "mixed": _sum,
    "negate": lambda values, work: scale_ratio(values[0], -1),
    "product": _product,
    "divide": lambda values, work: multiply_ratios(values[0], invert(values[1], work), work),
    "percent": lambda values, work: scale_ratio(values[0], Fraction(1, 100)),
    "power": lambda values, work: raise_power(values[0], values[1], work),
    "root": lambda values, work: raise_power(values[0], invert(values[1], work), work),
    "factorial": _folded("factorial"),
    "absolute": _folded("absolute"),
    "floor": _folded("floor"),
    "ceiling": _folded("ceiling"),
}
