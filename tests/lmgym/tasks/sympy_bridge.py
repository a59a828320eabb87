"""Texts of algebra as sympy objects, for tests that take sympy as an independent oracle."""

from __future__ import annotations

from typing import Any

import sympy

from lmgym.grading.notation.parser import parse
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node

_FUNCTIONS = {"sin": sympy.sin, "cos": sympy.cos, "exp": sympy.exp, "ln": sympy.log}
_RELATIONS = {"=": sympy.Eq, "<": sympy.Lt, ">": sympy.Gt, "<=": sympy.Le, ">=": sympy.Ge}


def to_sympy(text: str) -> Any:
    """Returns the sympy object of a text."""
    return build(parse(text, Rules(thousands="none")))


def build(node: Node) -> Any:
    """Returns the sympy object of a tree."""
    args = [build(arg) for arg in node.args]
    if node.head == "number":
        return sympy.Rational(node.value.numerator, node.value.denominator)
    if node.head == "variable":
        return sympy.Symbol(node.value, real=True)
    if node.head == "sum":
        return sympy.Add(*args)
    if node.head == "product":
        return sympy.Mul(*args)
    if node.head == "negate":
        return -args[0]
    if node.head == "divide":
        return args[0] / args[1]
    if node.head == "power":
        return args[0] ** args[1]
    if node.head == "root":
        return sympy.root(args[0], args[1])
    if node.head == "function":
        return _FUNCTIONS[node.value](*args)
    if node.head == "either":
        return sympy.Or(*args)
    assert node.head == "relation", node
    pairs = zip(node.value, args, args[1:], strict=False)
    return sympy.And(*(_RELATIONS[sign](one, other) for sign, one, other in pairs))
