"""Powers, roots and the atoms that are not taken apart."""

from __future__ import annotations

from fractions import Fraction
from hashlib import blake2b

from lmgym.grading.budgets import Refusal
from lmgym.grading.equality.polynomials import (
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
)
from lmgym.grading.equality.trigonometry import sine
from lmgym.grading.equality.values import NotRationalError, Number, factorize, num_bits, power, reduce

PI: Atom = ("c", "pi")
E: Atom = ("c", "e")
_NEVER_ZERO = frozenset(("sin", "cos", "tan", "cot", "sec", "csc", "ln", "root", "absolute", "factorial"))


def has_variable(value: Ratio) -> bool:
    """Returns whether a variable occurs; one within an opaque atom counts too."""
    atoms = atoms_of(value.top, value.bottom)
    return any(kind == "v" or (kind in "fx" and str(key).endswith("*")) for kind, key in atoms)


def invert(value: Ratio, work: Work) -> Ratio:
    """Returns 1/value; UndefinedError if it is zero, and a doubt in ``work`` if it may be in disguise."""
    if any(kind == "f" for kind, _ in atoms_of(value.top)) and not _is_surely_not_zero(value.top):
        work.is_suspect = True
    return invert_ratio(value, work)


def _is_surely_not_zero(poly: Polynomial) -> bool:
    """Returns whether this is one term of functions of variables, zero at single points at most."""
    if len(poly) != 1:
        return False
    keys = [str(key) for kind, key in atoms_of(poly) if kind == "f"]
    return all(key.split()[0] in _NEVER_ZERO and key.endswith("*") and not key.endswith("+*") for key in keys)


def raise_power(base: Ratio, exponent: Ratio, work: Work) -> Ratio:
    """Returns base to the exponent; UndefinedError for 0 to a power that is not positive."""
    fixed = rational_value(exponent)
    if fixed is None:
        return _exponential(base, exponent, work)
    if isinstance(fixed, int):
        return raise_ratio(invert(base, work), -fixed, work) if fixed < 0 else raise_ratio(base, fixed, work)
    if fixed < 0:
        return invert(_root(base, -fixed, work), work)
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
    inner = opaque(f"root {exponent.denominator}", (base,))
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
    if base == atom_ratio(E):
        bases: tuple[tuple[Atom, int], ...] | None = ((E, 1),)
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
        return opaque("power", (base, exponent))
    total = ratio(1)
    for atom, count in bases:
        for monomial, factor in exponent.top.items():
            total = multiply_ratios(total, _power_of_atom(atom, monomial, factor * count, work), work)
    return total


def _power_of_atom(atom: Atom, monomial: Monomial, factor: Number, work: Work) -> Ratio:
    """Returns atom^(factor * monomial) of a prime or e."""
    if monomial == UNIT:
        if atom == E:
            return atom_ratio(atom, reduce(factor))
        base = atom[1]
        assert isinstance(base, int)
        if factor.denominator == 1:
            return ratio(power(base, reduce(factor), work.budgets))
        found = _surd(base, Fraction(factor), work)
        assert found is not None, base  # a prime
        return found
    if atom == E and monomial == ((IMAGINARY, 1), (PI, 1)):
        real, imaginary = sine(factor + Fraction(1, 2)), sine(factor)
        if real is not None and imaginary is not None:
            return add_ratios(real, multiply_ratios(imaginary, atom_ratio(IMAGINARY), work), work)
    mark = "*" if has_variable(Ratio({monomial: 1}, {UNIT: 1})) else ""
    key = f"{atom} 1/{factor.denominator} {_digest(str(monomial))}{mark}"
    return atom_ratio(("x", key), factor.numerator)


def opaque(name: str, args: tuple[Ratio, ...]) -> Ratio:
    """Returns an atom whose key is the same for equal arguments that are brought to the same form.

    The key is a digest of one length, so that nested atoms stay small. A "*" at its end means a variable.
    """
    nested = "+" if any(kind == "f" for arg in args for kind, _ in atoms_of(*arg)) else ""
    mark = "*" if any(has_variable(arg) for arg in args) else ""
    return atom_ratio(("f", f"{name} {_digest(str([_key(arg) for arg in args]))}{nested}{mark}"))


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=20).hexdigest()


def _key(value: Ratio) -> tuple[list[tuple[Monomial, str]], list[tuple[Monomial, str]]]:
    first = value.bottom[min(value.bottom)]
    return _sorted(value.top, first), _sorted(value.bottom, first)


def _sorted(poly: Polynomial, divisor: Number) -> list[tuple[Monomial, str]]:
    return sorted((monomial, str(Fraction(value) / divisor)) for monomial, value in poly.items())
