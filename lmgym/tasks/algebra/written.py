"""How an expression in x is written: as a sum of different powers, and without arithmetic left to do."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

from lmgym.grading.equality.forms import is_solved
from lmgym.grading.exact import Number, simplify
from lmgym.grading.tree import Node

_X = Node("variable", (), "x")
_Term = tuple[Number, int]


def is_collected(node: Node) -> bool:
    """Returns whether ``node`` is a sum of terms c·x^n with different n and c worked out: ``x^2-3x/2+1``."""
    terms = [_read_term(part) for part in (node.args if node.head == "sum" else (node,))]
    powers = {term[1] for term in terms if term is not None and (term[0] or len(terms) == 1)}
    return None not in terms and len(powers) == len(terms)


def _read_term(node: Node) -> _Term | None:
    if node.head == "negate" and node.args[0].head != "negate":
        inner = _read_term(node.args[0])
        return None if inner is None else (-inner[0], inner[1])
    if node.head == "divide" and node.args[1].head == "number":
        return _read_quotient(node)
    if node.head == "product":
        return _read_product(node)
    return _read_factor(node)


def _read_factor(node: Node) -> _Term | None:
    if node.head == "number":
        return node.value, 0
    if node == _X:
        return 1, 1
    if node.head == "power" and node.args[0] == _X and node.args[1].head == "number":
        exponent = node.args[1].value
        return (1, exponent) if isinstance(exponent, int) and exponent > 1 else None
    return None


def _read_quotient(node: Node) -> _Term | None:
    """Reads ``3x^2/2``: the numbers must be integers in lowest terms."""
    top, bottom = _read_term(node.args[0]), node.args[1].value
    if top is None or not isinstance(top[0], int) or not isinstance(bottom, int) or bottom < 2:
        return None
    return (simplify(Fraction(top[0], bottom)), top[1]) if gcd(top[0], bottom) == 1 else None


def _read_product(node: Node) -> _Term | None:
    """Reads ``3x^2`` and ``(3/2)x^2``: one number and one power of x."""
    if len(node.args) != 2:
        return None
    first, last = node.args
    number, power = _read_term(first), _read_factor(last)
    if number is None or power is None or number[1] or not power[1]:
        return None
    return number[0], power[1]


def is_worked_out(node: Node) -> bool:
    """Returns whether no arithmetic on numbers is left: not ``3*2x``, ``x+1+2``, ``6x/2``, ``x+0``."""
    if not _has_variable(node):
        return is_solved(node)
    if node.head in ("sum", "product"):
        numbers = [part for part in _parts(node, node.head) if not _has_variable(part)]
        if len(numbers) > 1 or any(part.head == "number" and not part.value for part in numbers):
            return False
    if node.head == "divide" and gcd(*map(_whole_factor, node.args)) != 1:
        return False
    return all(map(is_worked_out, node.args))


def _parts(node: Node, head: str) -> list[Node]:
    """Returns the terms of a sum or the factors of a product, without signs, those of inner ones included."""
    while node.head == "negate":
        node = node.args[0]
    return [part for arg in node.args for part in _parts(arg, head)] if node.head == head else [node]


def _has_variable(node: Node) -> bool:
    return node.head == "variable" or any(map(_has_variable, node.args))


def _whole_factor(node: Node) -> int:
    """Returns the integer that stands as a factor before ``node``, 1 if there is none."""
    if node.head == "negate":
        return _whole_factor(node.args[0])
    if node.head == "number":
        return node.value if isinstance(node.value, int) else 1
    return _whole_factor(node.args[0]) if node.head == "product" else 1
