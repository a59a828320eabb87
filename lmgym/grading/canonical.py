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

from lmgym.grading.budgets import Refusal
from lmgym.grading.polynomials import (
    IMAGINARY,
    UNIT,
    Atom,
    Monomial,
    Polynomial,
    Ratio,
    Work,
    add_ratios,
    atom_ratio,
    atoms_of,
    invert_ratio,
    make_monomial,
    multiply_ratios,
    raise_monomial,
    raise_ratio,
    ratio,
    rational_value,
    scale_ratio,
)
from lmgym.grading.tree import Node
from lmgym.grading.trigonometry import angle_of, sine
from lmgym.grading.values import (
    NotRationalError,
    Number,
    UndefinedError,
    based_value,
    check_size,
    evaluate,
    factorize,
    num_bits,
    power,
    reduce,
)

DEGREE: Atom = ("v", "\N{DEGREE SIGN}")
_PI: Atom = ("c", "pi")
_E: Atom = ("c", "e")
_ALWAYS_DEFINED = frozenset(("sin", "cos", "arctan", "sinh", "cosh", "tanh"))
_NEVER_ZERO = frozenset(("sin", "cos", "tan", "cot", "sec", "csc", "ln", "root", "absolute", "factorial"))
_DEFINED_ON_REALS = frozenset(("absolute", "floor", "ceiling", "min", "max", "sign"))
_FOLDED = frozenset(("binomial", "gcd", "lcm", "min", "max", "mod", "sign"))


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
            return multiply_ratios(inner, scale_ratio(atom_ratio(_PI), Fraction(1, 180)), work)
        return multiply_ratios(inner, atom_ratio(DEGREE), work)
    if head == "quantity":
        return multiply_ratios(canonical(args[0], work), atom_ratio(("v", f"unit {value}")), work)
    if head == "function":
        return _function(value, args, work)
    operation = _OPERATIONS.get(head)
    if operation is None:
        raise UndefinedError
    return operation([canonical(arg, work, is_angle=is_angle) for arg in args], work)


def is_decided(*values: Ratio) -> bool:
    """Returns whether different forms of these values mean different values.

    They do for variables, radicals, i and one transcendental constant; nothing is known of others.
    """
    atoms = set().union(*(atoms_of(value.top, value.bottom) for value in values))
    transcendental = sum(1 for atom in atoms if atom in (_PI, _E) or atom[0] == "l")
    return transcendental < 2 and not any(kind in "fx" for kind, _ in atoms)


def has_variable(value: Ratio) -> bool:
    """Returns whether a variable occurs; one within an opaque atom counts too."""
    atoms = atoms_of(value.top, value.bottom)
    return any(kind == "v" or (kind in "fx" and str(key).endswith("*")) for kind, key in atoms)


def _invert(value: Ratio, work: Work) -> Ratio:
    if any(kind == "f" for kind, _ in atoms_of(value.top)) and not _is_surely_not_zero(value.top):
        work.is_suspect = True  # it may be zero in disguise
    return invert_ratio(value, work)


def _is_surely_not_zero(poly: Polynomial) -> bool:
    """Returns whether this is one term of functions of variables, zero at single points at most."""
    if len(poly) != 1:
        return False
    keys = [str(key) for kind, key in atoms_of(poly) if kind == "f"]
    return all(key.split()[0] in _NEVER_ZERO and key.endswith("*") and "'f'" not in key for key in keys)


def _raise(base: Ratio, exponent: Ratio, work: Work) -> Ratio:
    fixed = rational_value(exponent)
    if fixed is None:
        return _exponential(base, exponent, work)
    if isinstance(fixed, int):
        return raise_ratio(_invert(base, work), -fixed, work) if fixed < 0 else raise_ratio(base, fixed, work)
    if fixed < 0:
        return _raise(_invert(base, work), ratio(-fixed), work)
    return _root(base, fixed, work)


def _root(base: Ratio, exponent: Fraction, work: Work) -> Ratio:
    """Returns a positive fractional power."""
    if not base.top:
        return base
    value = rational_value(base)
    if value is not None:
        found = _surd(value, exponent, work)
        if found is not None:
            return found
    elif len(base.top) == 1 and base.bottom == {UNIT: 1}:
        ((monomial, number),) = base.top.items()
        outside = _surd(number, exponent, work) if number > 0 else None
        if outside is not None and _is_bare(monomial):
            raised, factor = raise_monomial(monomial, exponent)
            return multiply_ratios(outside, Ratio({raised: factor}, {UNIT: 1}), work)
    inner = _opaque(f"root {exponent.denominator}", (base,))
    return raise_ratio(inner, exponent.numerator, work)


def _is_bare(monomial: Monomial) -> bool:
    """Returns whether (monomial)^q is the monomial of exponents times q."""
    if all(kind == "p" or (kind == "c" and key != "i") for (kind, key), _ in monomial):
        return True
    return len(monomial) == 1 and monomial[0][0][0] == "v" and monomial[0][1] == 1


def _surd(value: Number, exponent: Fraction, work: Work) -> Ratio | None:
    """Returns a rational to a fractional power, None if it is not in reach."""
    try:
        return ratio(power(value, exponent, work.budgets))
    except NotRationalError:
        pass
    if value < 0:
        if exponent.denominator % 2 == 0 and exponent.denominator != 2:
            return None
        inner = _surd(-value, exponent, work)
        turn = ratio((-1) ** exponent.numerator)
        if exponent.denominator == 2:
            turn = raise_ratio(atom_ratio(IMAGINARY), exponent.numerator, work)
        return None if inner is None else multiply_ratios(inner, turn, work)
    if num_bits(value) * exponent > 4 * work.budgets.max_digits:
        raise Refusal("limit", "a large power of a root")
    exponents: dict[Atom, Number] = {}
    for number, sign in ((value.numerator, 1), (value.denominator, -1)):
        primes = factorize(number)
        if primes is None:
            return None
        exponents.update({("p", prime): sign * count * exponent for prime, count in primes})
    monomial, factor = make_monomial(exponents)
    return Ratio({monomial: factor}, {UNIT: 1})


def _exponential(base: Ratio, exponent: Ratio, work: Work) -> Ratio:
    """Returns a power whose exponent is no rational."""
    number = rational_value(base)
    if base == atom_ratio(_E):
        bases: tuple[tuple[Atom, int], ...] | None = ((_E, 1),)
    elif number is None or number <= 0:
        bases = None
    else:
        top, bottom = factorize(number.numerator), factorize(number.denominator)
        bases = None
        if top is not None and bottom is not None:
            bases = (*((("p", p), n) for p, n in top), *((("p", p), -n) for p, n in bottom))
    if bases is None or exponent.bottom != {UNIT: 1}:
        if not number and not has_variable(base):
            work.is_suspect = True
        return _opaque("power", (base, exponent))
    total = ratio(1)
    for atom, count in bases:
        for monomial, factor in exponent.top.items():
            total = multiply_ratios(total, _power_of_atom(atom, monomial, factor * count, work), work)
    return total


def _power_of_atom(atom: Atom, monomial: Monomial, factor: Number, work: Work) -> Ratio:
    """Returns atom^(factor * monomial) of a prime or e."""
    if monomial == UNIT:
        if atom == _E:
            return atom_ratio(atom, reduce(factor))
        base = atom[1]
        assert isinstance(base, int)
        if factor.denominator == 1:
            return ratio(power(base, reduce(factor), work.budgets))
        found = _surd(base, Fraction(factor), work)
        assert found is not None, base  # a prime
        return found
    if atom == _E and monomial == ((IMAGINARY, 1), (_PI, 1)):
        real, imaginary = sine(factor + Fraction(1, 2)), sine(factor)
        if real is not None and imaginary is not None:
            return add_ratios(real, multiply_ratios(imaginary, atom_ratio(IMAGINARY), work), work)
    mark = "*" if has_variable(Ratio({monomial: 1}, {UNIT: 1})) else ""
    return atom_ratio(("x", f"{atom} 1/{factor.denominator} {monomial}{mark}"), factor.numerator)


def _opaque(name: str, args: tuple[Ratio, ...]) -> Ratio:
    """Returns an atom whose key is the same for equal arguments that are brought to the same form."""
    mark = "*" if any(has_variable(arg) for arg in args) else ""
    return atom_ratio(("f", f"{name} {[_key(arg) for arg in args]}{mark}"))


def _key(value: Ratio) -> tuple[list[tuple[Monomial, str]], list[tuple[Monomial, str]]]:
    first = value.bottom[min(value.bottom)]
    return _sorted(value.top, first), _sorted(value.bottom, first)


def _sorted(poly: Polynomial, divisor: Number) -> list[tuple[Monomial, str]]:
    return sorted((monomial, str(Fraction(value) / divisor)) for monomial, value in poly.items())


def _function(name: str, args: tuple[Node, ...], work: Work) -> Ratio:
    if name in ("sin", "cos", "tan", "cot", "sec", "csc"):
        return _trigonometric(name, canonical(args[0], work, is_angle=True), work)
    values = [canonical(arg, work) for arg in args]
    if name == "exp":
        return _raise(atom_ratio(_E), values[0], work)
    if name == "ln":
        return _logarithm(values[0], work)
    if name == "log":
        return multiply_ratios(_logarithm(values[0], work), _invert(_logarithm(values[1], work), work), work)
    if name in _FOLDED:
        return _fold(Node("function", (), name), values, work)
    if name not in _ALWAYS_DEFINED and not any(map(has_variable, values)):
        work.is_suspect = True
    return _opaque(name, tuple(values))


def _trigonometric(name: str, argument: Ratio, work: Work) -> Ratio:
    angle = angle_of(argument)
    if angle is not None:
        sin, cos = sine(angle), sine(angle + Fraction(1, 2))
        if sin is not None and cos is not None:
            parts = {"sin": (sin, None), "cos": (cos, None), "tan": (sin, cos), "cot": (cos, sin)}
            top, bottom = (parts | {"sec": (ratio(1), cos), "csc": (ratio(1), sin)})[name]
            return top if bottom is None else multiply_ratios(top, invert_ratio(bottom, work), work)
    if name not in _ALWAYS_DEFINED and not has_variable(argument):
        work.is_suspect = True
    return _opaque(name, (argument,))


def _logarithm(argument: Ratio, work: Work) -> Ratio:
    if not argument.top:
        raise UndefinedError
    value = rational_value(argument)
    if value is not None and value > 0:
        top, bottom = factorize(value.numerator), factorize(value.denominator)
        if top is not None and bottom is not None:
            total = ratio(0)
            for prime, count in (*top, *((prime, -count) for prime, count in bottom)):
                total = add_ratios(total, scale_ratio(atom_ratio(("l", prime)), count), work)
            return total
    for part, sign in ((argument, 1), (Ratio(argument.bottom, argument.top), -1)):
        if part.bottom == {UNIT: 1} and len(part.top) == 1 and UNIT not in part.top:
            ((monomial, number),) = part.top.items()
            if number == 1 and len(monomial) == 1 and monomial[0][0] == _E:
                return ratio(reduce(sign * monomial[0][1]))
    if not has_variable(argument):
        work.is_suspect = True
    return _opaque("ln", (argument,))


def _fold(node: Node, values: list[Ratio], work: Work) -> Ratio:
    """Returns an operation on integers or rationals: computed if they are, opaque otherwise."""
    numbers = [rational_value(value) for value in values]
    if all(number is not None for number in numbers):
        leaves = tuple(Node("number", (), number) for number in numbers)
        return ratio(evaluate(Node(node.head, leaves, node.value), work.budgets))
    name = str(node.value or node.head)
    if name == "mod" and numbers[1] == 0:
        raise UndefinedError
    if name not in _DEFINED_ON_REALS and not any(map(has_variable, values)):
        work.is_suspect = True
    return _opaque(name, tuple(values))


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
    return lambda values, work: _fold(Node(head), values, work)  # type: ignore[arg-type]


_OPERATIONS: dict[str, Callable[[list[Ratio], Work], Ratio]] = {
    "sum": _sum,
    "mixed": _sum,
    "negate": lambda values, work: scale_ratio(values[0], -1),
    "product": _product,
    "divide": lambda values, work: multiply_ratios(values[0], _invert(values[1], work), work),
    "percent": lambda values, work: scale_ratio(values[0], Fraction(1, 100)),
    "power": lambda values, work: _raise(values[0], values[1], work),
    "root": lambda values, work: _raise(values[0], _invert(values[1], work), work),
    "factorial": _folded("factorial"),
    "absolute": _folded("absolute"),
    "floor": _folded("floor"),
    "ceiling": _folded("ceiling"),
}
