"""How an answer is written: solved, expanded, factored, simplified. Looks at the tree, hardly computes.

**Solved** means that no operation between numbers is left to be carried out:

- solved: ``5/2``, ``2.5``, ``2 1/2``, ``50%``, ``1.2 * 10^5``, ``pi/4``, ``3 sqrt(2)``, ``1 + sqrt(2)``,
  ``e^2``, ``1/sqrt(2)``, ``sqrt(12)``, ``ln(2)``, ``3 - 2i``, ``x = 5``, ``5 = x``, ``3 + 4 = 7``
- not solved: ``12 * 34``, ``10/4``, ``4/1``, ``2 * 3/5``, ``0.5/2``, ``sqrt(16)``, ``2^10``, ``5!``,
  ``|-3|``, ``i^2``, ``sin(0)``, ``ln(1)``, ``1 + 2 + sqrt(2)``, ``sqrt(2) + sqrt(2)``, ``sqrt(2) * sqrt(3)``,
  ``2 pi/4``, ``pi^2/pi``, ``e^(ln 2)``, ``2x = 10``

A sum keeps at most one rational term and no terms that can be collected, not even in other writing
(``sqrt(8) - sqrt(2)``); a product at most one rational factor and at
most one root; a fraction of numbers is in lowest terms. A power of two numbers is solved only if it is
irrational (``2^(1/2)``). A radical need not be reduced, a denominator not be rational. A collection is solved
if its members are; an equation in one variable if it gives that variable's value. Expressions in variables
are always solved: what is asked of them is a matter of ``Rules.form``.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from math import gcd, prod

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.algebraic_forms import is_expanded, is_factored, is_simplified
from lmgym.grading.equality.canonical import canonical
from lmgym.grading.equality.numeric import variables_of
from lmgym.grading.equality.polynomials import Work, atoms_of, raise_ratio, rational_value
from lmgym.grading.equality.values import UndefinedError, exact_value
from lmgym.grading.rules import Form
from lmgym.grading.tree import Node

__all__ = ["has_form", "is_expanded", "is_factored", "is_simplified", "is_solved", "looks_irrational"]

_BUDGETS = Budgets()
_ATOMS = frozenset(("number", "based", "constant", "variable", "named_set", "empty_set", "text"))
_WRAPPERS = frozenset(("percent", "degrees", "quantity", "list", "tuple", "set", "interval", "union",
                       "difference", "matrix", "row", "either", "plus_minus"))  # fmt: skip
_IRREDUCIBLE = frozenset(("sin", "cos", "tan", "cot", "sec", "csc", "arcsin", "arccos", "arctan", "arccot",
                          "arcsec", "arccsc", "sinh", "cosh", "tanh", "exp", "ln", "log"))  # fmt: skip


_SINES = tuple(Fraction(k, 4) for k in range(5))
_TANGENTS = (0, Fraction(1, 3), 1, 3)
_SECANTS = (1, Fraction(4, 3), 2, 4)
_SPECIAL_SQUARES: dict[str, tuple[int | Fraction, ...]] = {
    "arcsin": _SINES,
    "arccos": _SINES,
    "arctan": _TANGENTS,
    "arccot": _TANGENTS,
    "arcsec": _SECANTS,
    "arccsc": _SECANTS,
}


def is_solved(node: Node) -> bool:
    """Returns whether nothing is left to be worked out, in the sense of the module's docstring."""
    head, args = node.head, node.args
    if head in _ATOMS:
        return True
    if head in _WRAPPERS:
        return all(map(is_solved, args)) and not (head == "plus_minus" and _has_zero(node))
    if head == "relation":
        return _is_solved_relation(node)
    if head == "intersection":
        return False
    if variables_of(node):
        return True
    check = _CHECKS.get(head)
    return check is not None and check(node)


def looks_irrational(node: Node) -> bool:
    """Returns whether roots, functions, constants or powers of fractions stand in ``node``.

    A relation is judged by its last side: ``sqrt(49) = 7`` ends with a plain number.
    """
    head, args = node.head, node.args
    if head == "constant":
        return bool(node.value != "infinity")
    if head == "relation":
        args = args[-1:]
    is_power = head == "power" and not isinstance(_without_sign(args[1]).value, int)
    return head in ("root", "function") or is_power or any(map(looks_irrational, args))


def has_form(node: Node, form: Form) -> bool:
    """Returns whether ``node`` is written in the form that ``Rules.form`` names."""
    return form == "any" or _FORMS[form](node)


def _is_solved_relation(node: Node) -> bool:
    names = variables_of(node)
    if len(names) > 1:
        return True
    sides = [arg for arg in node.args if arg.head != "variable"]
    if names and (len(sides) == len(node.args) or any(variables_of(side) for side in sides)):
        return False
    return is_solved(sides[-1]) if set(node.value) == {"="} and sides else all(map(is_solved, sides))


def _is_solved_negation(node: Node) -> bool:
    return node.args[0].head != "negate" and is_solved(node.args[0])


def _is_solved_fraction(node: Node) -> bool:
    top, bottom = (_without_sign(arg) for arg in node.args)
    if not is_solved(top) or not is_solved(bottom):
        return False
    if _factors(top) & _factors(bottom):  # pi/pi
        return False
    first, second = _rational_factor(top), _rational_factor(bottom)
    if first is None or second is None:
        return True
    if not isinstance(first, int) or not isinstance(second, int):
        return False
    return gcd(first, second) == 1 and (second != 1 or bottom.head != "number")


def _factors(node: Node) -> frozenset[Node]:
    """Returns the irrational factors of a value, without their powers."""
    node = _without_sign(node)
    if node.head == "product":
        return frozenset().union(*map(_factors, node.args))
    if node.head == "power":
        return _factors(node.args[0])
    return frozenset() if _is_rational(node) else frozenset((node,))


def _rational_factor(node: Node) -> int | Fraction | None:
    """Returns the rational number that stands as a factor in a solved value, None in a sum or decimal."""
    if node.head == "number":
        return int(node.value) if node.value == int(node.value) else Fraction(node.value)
    if node.head == "product":
        found = [_rational_factor(_without_sign(arg)) for arg in node.args if _is_rational(arg)]
        return found[0] if found else 1
    return Fraction(1, 2) if _is_rational(node) else 1  # a fraction within a fraction is never solved


def _without_sign(node: Node) -> Node:
    return node.args[0] if node.head == "negate" else node


def _is_rational(node: Node) -> bool:
    """Returns whether a solved ``node`` is written as a rational number."""
    if node.head in ("number", "based", "mixed", "percent"):
        return True
    return node.head in ("negate", "divide") and all(map(_is_rational, node.args))


def _is_solved_mixed(node: Node) -> bool:
    whole, fraction = node.args
    if whole.head != "number" or not is_solved(fraction):
        return False
    value = exact_value(fraction, _BUDGETS)
    return value is not None and 0 < value < 1


def _is_solved_sum(node: Node) -> bool:
    kinds = []
    for arg in node.args:
        if not is_solved(arg):
            return False
        kinds.append(_irrational_part(_without_sign(arg)))
    if len(set(kinds)) < len(kinds):
        return False
    is_plain = sum(map(bool, kinds)) < 2 and not _has_sum(node) and not _has_zero(node)
    return is_plain or _is_collected(node)


def _has_sum(node: Node) -> bool:
    return any(_without_sign(arg).head == "sum" for arg in node.args)


def _has_zero(node: Node) -> bool:
    return any(arg == Node("number", (), 0) or _has_zero(arg) for arg in node.args)


def _is_collected(node: Node) -> bool:
    """Returns whether a sum has no more terms than its canonical form: no 5 + sqrt(12) - 2 sqrt(3)."""
    try:
        form = canonical(node, Work(_BUDGETS))
    except (Refusal, UndefinedError):
        return False
    return len(form.bottom) > 1 or _num_terms(node) <= len(form.top)


def _num_terms(node: Node) -> int:
    inner = _without_sign(node)
    if inner.head == "product":
        return prod(map(_num_terms, inner.args))
    return sum(map(_num_terms, inner.args)) if inner.head == "sum" else 1


def _irrational_part(node: Node) -> tuple[Node, ...]:
    """Returns what is left of a solved term without its rational factor; terms of equal parts are alike."""
    if _is_rational(node):
        return ()
    if node.head == "product":
        return tuple(sorted((part for arg in node.args for part in _irrational_part(arg)), key=repr))
    if node.head == "divide":
        top, bottom = map(_irrational_part, node.args)
        return (*top, Node("divide", bottom)) if bottom else top
    return (node,)


def _is_solved_product(node: Node) -> bool:
    if _is_scientific(node):
        return True
    if not all(map(is_solved, node.args)):
        return False
    num_sums = sum(1 for arg in node.args if _without_sign(arg).head == "sum")
    if num_sums > 1 and not _is_collected(node):  # (1 + sqrt(2)) (2 - sqrt(2))
        return False
    num_rational = sum(1 for arg in node.args if _is_rational(arg) or _has_rational_factor(arg))
    num_roots = sum(1 for arg in node.args if arg.head == "root" or _is_numeric_power(arg))
    num_imaginary = sum(1 for arg in node.args if arg == Node("constant", (), "i"))
    return num_rational <= 1 and num_roots <= 1 and num_imaginary <= 1


def _is_numeric_power(node: Node) -> bool:
    return node.head == "power" and all(_is_rational(_without_sign(arg)) for arg in node.args)


def _has_rational_factor(node: Node) -> bool:
    return node.head == "product" and any(_is_rational(arg) or _has_rational_factor(arg) for arg in node.args)


def _is_scientific(node: Node) -> bool:
    if len(node.args) != 2:
        return False
    first, last = _without_sign(node.args[0]), node.args[1]
    if first.head != "number" or not 1 <= first.value < 10 or last.head != "power":
        return False
    base, exponent = last.args[0], _without_sign(last.args[1])
    return base == Node("number", (), 10) and exponent.head == "number" and isinstance(exponent.value, int)


def _is_solved_power(node: Node) -> bool:
    """A power of two numbers is solved if it is irrational and its parts are solved."""
    base, exponent = node.args
    if not is_solved(base) or not is_solved(exponent):
        return False
    if base == Node("constant", (), "i") or exponent == Node("number", (), 1):
        return False
    if any(factor.head == "function" and factor.value in ("ln", "log") for factor in _factors(exponent)):
        return False  # e^(ln 2)
    if _is_rational(_without_sign(base)) and _is_rational(_without_sign(exponent)):
        return _is_irrational(node)
    return not (base.head == "root" and _is_rational(exponent)) and exponent != Node("number", (), 0)


def _is_irrational(node: Node) -> bool:
    try:
        return exact_value(node, _BUDGETS) is None
    except Refusal:
        return False


def _is_solved_root(node: Node) -> bool:
    return is_solved(node.args[0]) and _is_irrational(node) and _without_sign(node.args[0]) == node.args[0]


def _is_solved_function(node: Node) -> bool:
    """A function of constants is solved if no exact value of it is known."""
    if node.value not in _IRREDUCIBLE or not all(map(is_solved, node.args)):
        return False
    if node.value.startswith("arc"):
        return not _is_special(node.value, node.args[0])
    try:
        form = canonical(node, Work(_BUDGETS))
    except (Refusal, UndefinedError):
        return False
    if node.value == "log":
        return rational_value(form) is None
    return any(kind in "flx" or (kind, key) == ("c", "e") for kind, key in atoms_of(form.top, form.bottom))


def _is_special(name: str, argument: Node) -> bool:
    """Returns whether an inverse function has a known multiple of pi as its value."""
    work = Work(_BUDGETS)
    try:
        square = rational_value(raise_ratio(canonical(argument, work), 2, work))
    except (Refusal, UndefinedError):
        return True
    return square in _SPECIAL_SQUARES[name]


_CHECKS: dict[str, Callable[[Node], bool]] = {
    "negate": _is_solved_negation,
    "divide": _is_solved_fraction,
    "mixed": _is_solved_mixed,
    "sum": _is_solved_sum,
    "product": _is_solved_product,
    "power": _is_solved_power,
    "root": _is_solved_root,
    "function": _is_solved_function,
}


_FORMS: dict[str, Callable[[Node], bool]] = {
    "expanded": is_expanded,
    "factored": is_factored,
    "simplified": is_simplified,
}
