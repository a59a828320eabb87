"""Expression trees: what the parser makes, the printer writes and the equivalence rules read.

A tree is an immutable value. It says how an answer was *written*, so that "is it solved?" can be asked of it:
``10/4`` is ``divide(10, 4)`` and not 5/2, ``12*34`` is a product and not 408. Nothing here computes.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any, Literal, NamedTuple

Head = Literal[
    # numbers
    "number",  # value: int or Fraction (never integral): an integer, decimal, scientific, repeating literal
    "mixed",  # args: (whole, fraction), both not negative: 2\frac{1}{3}; a sign stands outside as negate
    "based",  # value: (digits, base): 110_2
    "percent",  # args: (x,)
    "degrees",  # args: (x,): 90°
    "constant",  # value: "pi", "e", "i" or "infinity"
    "variable",  # value: its name: "x", "x_1", "alpha"
    # arithmetic
    "sum",  # args: two or more; a difference is a sum with a negate
    "negate",  # args: (x,)
    "plus_minus",  # args: (a, b) for a ± b, or (b,) for ± b
    "product",  # args: two or more
    "divide",  # args: (numerator, denominator)
    "power",  # args: (base, exponent)
    "root",  # args: (radicand, index): the principal index-th root
    "factorial",  # args: (x,)
    "absolute",  # args: (x,)
    "floor",  # args: (x,)
    "ceiling",  # args: (x,)
    "function",  # value: name in FUNCTIONS; args: its arguments ("log" takes (x, base))
    # statements
    "relation",  # value: tuple of n operators of RELATIONS; args: n + 1 sides, so chains are one node
    "either",  # args: alternatives: "x = 1 or x = 2"
    # collections
    "list",  # args: two or more, separated by commas without brackets: "1, 2"
    "tuple",  # args: (a, b, ...) in round parentheses; (a, b) may mean an open interval
    "set",  # args: elements as written, repetitions kept
    "interval",  # value: brackets "[]", "[)", "(]" or "()"; args: (low, high)
    "union",  # args: two or more
    "intersection",  # args: two or more
    "difference",  # args: (a, b): a without b
    "named_set",  # value: "N", "Z", "Q", "R" or "C"
    "empty_set",
    "matrix",  # args: rows, each of head "row"; a column vector has rows of one
    "row",  # args: cells
    # words
    "text",  # value: the words, white space collapsed: \text{tea}, Evelyn
    "quantity",  # value: canonical unit such as "cm^2" or "$"; args: (x,)
]
"""What a node is."""

FUNCTIONS = frozenset(
    (
        "sin", "cos", "tan", "cot", "sec", "csc",
        "arcsin", "arccos", "arctan", "arccot", "arcsec", "arccsc",
        "sinh", "cosh", "tanh", "exp", "ln", "log",
        "gcd", "lcm", "min", "max", "binomial", "mod", "sign", "re", "im", "conjugate", "arg",
    )
)  # fmt: skip
"""Every function that an answer may use. ``log`` always has two arguments here, argument and base."""

RELATIONS = frozenset(("=", "!=", "<", "<=", ">", ">=", "in"))
"""Every operator of a relation."""


class Node(NamedTuple):
    """One node of an expression tree; equal nodes were written alike."""

    head: Head
    args: tuple[Node, ...] = ()
    value: Any = None
    """What the head's comment says, else None; hashable."""


def number(value: int | Fraction) -> Node:
    """Returns a literal; a Fraction that is integral becomes an int, a negative one a negated literal."""
    if value < 0:
        return Node("negate", (number(-value),))
    return Node("number", (), int(value) if value.denominator == 1 else value)
