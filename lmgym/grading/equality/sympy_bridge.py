"""Trees as sympy objects by a fixed table of constructors; the only text that reaches sympy is names.

Comes in: a tree whose size ``equivalence`` has already held to the budgets. Goes out: an expression in real
symbols. Whatever has a rational value is computed by ``values`` first, so that powers, factorials and
binomials are within their budgets. Odd roots of negative reals are real, as in ``canonical``.
"""

from __future__ import annotations

from typing import Any

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.values import NotRationalError, Number, UndefinedError, evaluate
from lmgym.grading.tree import Node

_CIRCULAR = frozenset(("sin", "cos", "tan", "cot", "sec", "csc"))
_RENAMED = {
    "arcsin": "asin",
    "arccos": "acos",
    "arctan": "atan",
    "arccot": "acot",
    "arcsec": "asec",
    "arccsc": "acsc",
    "ln": "log",
    "min": "Min",
    "max": "Max",
    "mod": "Mod",
}
_SAME = frozenset(
    ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh", "exp", "sign", "re", "im", "conjugate",
     "arg", "binomial")
)  # fmt: skip


def to_sympy(node: Node, budgets: Budgets, *, is_angle: bool = False) -> Any:
    """Returns the sympy expression; variables are real symbols.

    Raises:
        UndefinedError: the value is not finite or not defined, or ``node`` is no expression.
        Refusal: "limit".
    """
    import sympy

    try:
        built = _rational(evaluate(node, budgets))
    except NotRationalError:
        built = _build(node, budgets, is_angle)
    if built.has(sympy.nan, sympy.zoo, sympy.oo, -sympy.oo):
        raise UndefinedError
    return built


def _rational(value: Number) -> Any:
    import sympy

    return sympy.Rational(value.numerator, value.denominator)


def _build(node: Node, budgets: Budgets, is_angle: bool) -> Any:
    import sympy

    head, args, value = node
    if head in ("variable", "constant"):
        return _leaf(head, value)
    if head == "function":
        inner = [to_sympy(arg, budgets, is_angle=value in _CIRCULAR) for arg in args]
        return _apply(value, inner)
    parts = [to_sympy(arg, budgets, is_angle=is_angle) for arg in args]
    if head in ("sum", "mixed", "product"):
        return sympy.Mul(*parts) if head == "product" else sympy.Add(*parts)
    if head in ("negate", "percent"):
        return -parts[0] if head == "negate" else parts[0] / 100
    if head == "divide":
        return parts[0] / _non_zero(parts[1])
    if head in ("power", "root"):
        exponent = parts[1] if head == "power" else 1 / _non_zero(parts[1])
        return _power(parts[0], exponent, budgets)
    if head in ("degrees", "quantity"):
        unit = "\N{DEGREE SIGN}" if head == "degrees" else f"unit {value}"
        return parts[0] * (sympy.pi / 180 if is_angle else sympy.Symbol(unit, real=True))
    if head in ("factorial", "absolute", "floor", "ceiling"):
        return getattr(sympy, {"absolute": "Abs"}.get(head, head))(parts[0])
    raise UndefinedError


def _leaf(head: str, value: str) -> Any:
    import sympy

    if head == "variable":
        return sympy.Symbol(value, real=True)
    if value == "infinity":
        raise UndefinedError
    return {"pi": sympy.pi, "e": sympy.E, "i": sympy.I}[value]


def _non_zero(value: Any) -> Any:
    if value.is_zero or value.equals(0):
        raise UndefinedError
    return value


def _apply(name: str, args: list[Any]) -> Any:
    import sympy

    if name == "log":
        return sympy.log(args[0]) / _non_zero(sympy.log(args[1]))
    if name in _SAME or name in _RENAMED:
        return getattr(sympy, _RENAMED.get(name, name))(*args)
    raise UndefinedError


def _power(base: Any, exponent: Any, budgets: Budgets) -> Any:
    import sympy

    if exponent.is_Integer and abs(exponent) > budgets.max_exponent:
        raise Refusal("limit", f"a power beyond {budgets.max_exponent}")
    if base.is_zero and not exponent.is_positive:
        raise UndefinedError
    is_odd_root = exponent.is_Rational and exponent.q % 2 and exponent.q > 1
    if not is_odd_root or base.is_nonnegative or not base.is_extended_real:
        return sympy.Pow(base, exponent)
    return sympy.sign(base) ** exponent.p * sympy.Abs(base) ** exponent
