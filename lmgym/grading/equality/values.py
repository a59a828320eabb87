"""The exact rational value of a tree, if it has one.

Comes in: a tree (``lmgym.grading.tree``). Goes out: an int or a Fraction, never a float. Every size is
estimated before the arithmetic is done; what would exceed a budget is refused as "limit". Left out:
irrational numbers (see ``canonical``), infinity, and anything with a variable.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.tree import Node

Number = int | Fraction

_LOG2_10 = 3.3219280948873626
_MAX_TRIAL = 10_000


class UndefinedError(Exception):
    """0/0, 0^0, ln 0 and the like: no value at all, so never equal to anything. Stays inside the grader."""


class NotRationalError(Exception):
    """The tree has no rational value that is found by arithmetic alone. Stays inside the grader."""


def exact_value(node: Node, budgets: Budgets) -> Number | None:
    """Returns the value of numbers under + - * / powers, roots of perfect powers, n! and the like.

    A Fraction that is returned is never integral. None: no rational value is found by arithmetic alone
    (``sqrt(2)``, ``x``, ``sin(0)``), or there is no finite value (``1/0``, ``0^0``, infinity).

    Raises:
        Refusal: "limit" if a number on the way would have more than ``budgets.max_digits`` digits.
    """
    try:
        return evaluate(node, budgets)
    except (NotRationalError, UndefinedError):
        return None


def evaluate(node: Node, budgets: Budgets) -> Number:
    """Returns what ``exact_value`` returns, but says why there is none.

    Raises:
        NotRationalError: no rational value is found.
        UndefinedError: there is no value.
        Refusal: "limit".
    """
    head, args, value = node
    if head == "number":
        return check_size(value, budgets)
    if head == "negate":
        return -evaluate(args[0], budgets)
    if head == "based":
        return based_value(value, budgets)
    operation = _OPERATIONS.get(head)
    if operation is not None:
        return operation([evaluate(arg, budgets) for arg in args], budgets)
    if head == "function" and value in _FUNCTIONS:
        return _FUNCTIONS[value]([evaluate(arg, budgets) for arg in args], budgets)
    raise NotRationalError


def reduce(value: Number) -> Number:
    """Returns ``value`` as an int if it is integral."""
    return value.numerator if value.denominator == 1 else value


def check_size(value: Number, budgets: Budgets) -> Number:
    """Returns ``value``; raises Refusal("limit") if it has too many digits."""
    if num_bits(value) > budgets.max_digits * _LOG2_10 + 1:
        raise Refusal("limit", f"a number of more than {budgets.max_digits} digits")
    return value


def num_bits(value: Number) -> int:
    """Returns the bits of the larger of numerator and denominator."""
    if isinstance(value, int):
        return value.bit_length()
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def based_value(value: tuple[str, int], budgets: Budgets) -> int:
    """Returns the value of digits in a base."""
    digits, base = value
    if len(digits) > budgets.max_digits:
        raise Refusal("limit", f"a number of more than {budgets.max_digits} digits")
    try:
        return int(digits, base)
    except ValueError:  # a digit that the base does not have
        raise UndefinedError from None


def divide(top: Number, bottom: Number) -> Number:
    """Returns the exact quotient; raises UndefinedError for a zero divisor."""
    if bottom == 0:
        raise UndefinedError
    if isinstance(top, int) and isinstance(bottom, int):
        return top // bottom if top % bottom == 0 else Fraction(top, bottom)
    return reduce(Fraction(top) / bottom)


def power(base: Number, exponent: Number, budgets: Budgets) -> Number:
    """Returns base to the exponent; a root must come out even, else NotRationalError."""
    if isinstance(exponent, Fraction):
        if num_bits(exponent.denominator) > 32:
            raise Refusal("limit", "a root of an index beyond 32 bits")
        return power(root(base, exponent.denominator), exponent.numerator, budgets)
    if base == 0:
        if exponent <= 0:
            raise UndefinedError
        return 0
    if base in (1, -1):
        return base if exponent % 2 else 1
    size = abs(exponent)
    if size > budgets.max_exponent or (num_bits(base) - 1) * size > budgets.max_digits * _LOG2_10 + 1:
        raise Refusal("limit", f"a power of more than {budgets.max_digits} digits")
    if exponent < 0:
        base = Fraction(1) / base
    return check_size(reduce(base**size), budgets)


def root(value: Number, index: int) -> Number:
    """Returns the real ``index``-th root if it is rational; NotRationalError otherwise."""
    if index == 0:
        raise UndefinedError
    if index < 0:
        return divide(1, root(value, -index))
    if index == 1 or value in (0, 1):
        return value
    if value < 0:
        if index % 2 == 0:
            raise NotRationalError
        return -root(-value, index)
    top = _integer_root(value.numerator, index)
    bottom = 1 if isinstance(value, int) else _integer_root(value.denominator, index)
    return divide(top, bottom)


def _integer_root(value: int, index: int) -> int:
    """Returns the exact root of a positive integer."""
    if value == 1:
        return 1
    if index >= value.bit_length():
        raise NotRationalError
    if index == 2:
        found = math.isqrt(value)
    else:
        found = 1 << -(-value.bit_length() // index)  # not below the root: Newton's steps only go down
        while (lower := ((index - 1) * found + value // found ** (index - 1)) // index) < found:
            found = lower
    if found**index != value:
        raise NotRationalError
    return found


@lru_cache(maxsize=4096)
def factorize(value: int) -> tuple[tuple[int, int], ...] | None:
    """Returns the (prime, exponent) pairs of a positive integer, None if trial division fails."""
    found = []
    for prime in _primes():
        if prime * prime > value:
            break
        count = 0
        while value % prime == 0:
            value //= prime
            count += 1
        if count:
            found.append((prime, count))
    if value > _MAX_TRIAL**2:
        return None
    if value > 1:
        found.append((value, 1))
    return tuple(found)


@lru_cache(maxsize=1)
def _primes() -> tuple[int, ...]:
    sieve = bytearray([1]) * (_MAX_TRIAL + 1)
    for k in range(2, math.isqrt(_MAX_TRIAL) + 1):
        if sieve[k]:
            sieve[k * k :: k] = bytes(len(sieve[k * k :: k]))
    return tuple(k for k in range(2, _MAX_TRIAL + 1) if sieve[k])


def factorial(value: Number, budgets: Budgets) -> Number:
    """Returns n!; UndefinedError unless n is an integer that is not negative."""
    if not isinstance(value, int) or value < 0:
        raise UndefinedError
    if value > 10**6 or math.lgamma(value + 1) / math.log(10) > budgets.max_digits:
        raise Refusal("limit", f"a factorial of more than {budgets.max_digits} digits")
    return math.factorial(value)


def binomial(top: Number, bottom: Number, budgets: Budgets) -> Number:
    """Returns "top choose bottom" for integers that are not negative; UndefinedError for others."""
    if not isinstance(top, int) or not isinstance(bottom, int) or top < 0 or bottom < 0:
        raise UndefinedError
    if bottom > top:
        return 0
    few = min(bottom, top - bottom)
    # C(n, k) >= (n/k)^k, and an honest one within the budget has few factors or a small top
    if few and few * (top.bit_length() - few.bit_length() - 1) > budgets.max_digits * _LOG2_10 + 1:
        raise Refusal("limit", f"a binomial of more than {budgets.max_digits} digits")
    if few > 4 * budgets.max_digits:  # C(2k, k) >= 2^k
        raise Refusal("limit", f"a binomial of more than {budgets.max_digits} digits")
    return check_size(math.comb(top, few), budgets)


def _sum(values: list[Number], budgets: Budgets) -> Number:
    total: Number = 0
    for value in values:
        total = check_size(total + value, budgets)
    return reduce(total)


def _product(values: list[Number], budgets: Budgets) -> Number:
    total: Number = 1
    for value in values:
        total = check_size(total * value, budgets)
    return reduce(total)


def _root(values: list[Number], budgets: Budgets) -> Number:
    if not isinstance(values[1], int):
        return power(values[0], divide(1, values[1]), budgets)
    return root(values[0], values[1]) if abs(values[1]) < 1 << 32 else _refuse_root()


def _refuse_root() -> Number:
    raise Refusal("limit", "a root of an index beyond 32 bits")


def _integers(values: list[Number]) -> list[int]:
    if not all(isinstance(value, int) for value in values):
        raise UndefinedError
    return [int(value) for value in values]


def _lcm(values: list[Number], budgets: Budgets) -> Number:
    found: Number = 1
    for value in _integers(values):
        found = check_size(math.lcm(int(found), value), budgets)
    return found


def _mod(values: list[Number], budgets: Budgets) -> Number:
    if values[1] == 0:
        raise UndefinedError
    return reduce(values[0] % values[1])


def _extreme(values: list[Number], sign: int) -> Number:
    return sorted(values, key=lambda value: sign * value)[0]


_Operation = Callable[[list[Number], Budgets], Number]

_OPERATIONS: dict[str, _Operation] = {
    "sum": _sum,
    "product": _product,
    "divide": lambda v, b: check_size(divide(v[0], v[1]), b),
    "power": lambda v, b: power(v[0], v[1], b),
    "root": _root,
    "mixed": lambda v, b: reduce(v[0] + v[1]),
    "percent": lambda v, b: divide(v[0], 100),
    "factorial": lambda v, b: factorial(v[0], b),
    "absolute": lambda v, b: -v[0] if v[0] < 0 else v[0],
    "floor": lambda v, b: math.floor(v[0]),
    "ceiling": lambda v, b: math.ceil(v[0]),
}

_FUNCTIONS: dict[str, _Operation] = {
    "binomial": lambda v, b: binomial(v[0], v[1], b),
    "gcd": lambda v, b: math.gcd(*_integers(v)),
    "lcm": _lcm,
    "min": lambda v, b: _extreme(v, 1),
    "max": lambda v, b: _extreme(v, -1),
    "mod": _mod,
    "sign": lambda v, b: (v[0] > 0) - (v[0] < 0),
    "re": lambda v, b: v[0],
    "im": lambda v, b: 0,
    "conjugate": lambda v, b: v[0],
}
