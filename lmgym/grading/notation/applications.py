"""Functions, roots and what else has arguments: the part of the grammar behind a name.

Comes in: tokens. Goes out: a tree.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmgym.grading.budgets import Refusal
from lmgym.grading.notation.cursor import Cursor, arithmetic, joined
from lmgym.grading.notation.vocabulary import INVERSES
from lmgym.grading.tree import Node

_WITHOUT_PARENTHESES = frozenset(("letter", "constant", "frac", "{"))
_AS_NODES = {"sqrt": "root", "cbrt": "root", "abs": "absolute", "floor": "floor", "ceil": "ceiling"}
_TWO_OR_MORE = frozenset(("gcd", "lcm", "min", "max"))
_TWO = frozenset(("binomial", "mod", "log"))
_ONE, _SQUARE, _CUBE, _TEN = (Node("number", (), value) for value in (1, 2, 3, 10))
_E = Node("constant", (), "e")


class Applications(Cursor):
    """Reads functions with their arguments."""

    def function(self) -> Node:
        """Reads a function with its base, power and arguments."""
        name: str = self.value
        self.advance()
        if name in _AS_NODES:
            return self._named_node(name)
        base = exponent = None
        while self.kind in ("_", "^"):
            kind = self.kind
            self.advance()
            if kind == "_" and name == "log" and base is None:
                base = self._script()
            elif kind == "^" and exponent is None:
                exponent = self.exponent()
            else:
                raise Refusal("unparsed", f"a script of {name}")
        if exponent == Node("negate", (_ONE,)):
            name, exponent = INVERSES.get(name, ""), None
            if not name:
                raise Refusal("unparsed", "the inverse of a function that is not trigonometric")
        elif exponent is not None and exponent.head == "negate":
            raise Refusal("unparsed", "a negative power of a function")
        node = self._applied(name, base)
        return node if exponent is None else Node("power", (node, exponent))

    def _script(self) -> Node:
        return self.argument() if self.kind == "{" else self.nested_value()

    def _applied(self, name: str, base: Node | None) -> Node:
        arguments = [arithmetic(argument) for argument in self._arguments()]
        if name in ("log", "lg") and len(arguments) == 1:
            default = _TEN if name == "lg" or self.rules.log_base == "10" else _E
            name, arguments = "log", [*arguments, base or default]
        elif base is not None:
            raise Refusal("unparsed", "a base and two arguments")
        count = len(arguments)
        if count < 2 if name in _TWO_OR_MORE else count != (2 if name in _TWO else 1):
            raise Refusal("unparsed", f"{count} arguments of {name}")
        return Node("function", tuple(arguments), name)

    def _arguments(self) -> Sequence[Node]:
        r"""Reads arguments in brackets, or the product beside a function: \sin 2x."""
        closing = {"(": ")", "[": "]", "set{": "}set"}.get(self.kind)
        if closing is not None:
            self.advance()
            bars, self.num_bars = self.num_bars, 0
            found = self.items()
            self.num_bars = bars
            self.expect(closing)
            return found
        factors = [self.factor()]
        while self.kind in _WITHOUT_PARENTHESES:
            factors.append(self.factor())
        return joined("product", factors)

    def _named_node(self, name: str) -> Node:
        """Reads what is a node of its own: roots, abs(x), floor(x), ceil(x)."""
        index = _CUBE if name == "cbrt" else _SQUARE
        if name == "sqrt" and self.kind == "[":
            self.advance()
            index = self.sum()
            self.expect("]")
        token = self.tokens[self.at]
        if self.kind == "number":
            self.advance()
            radicand = token.value
        else:
            radicand = self.argument() if self.kind == "{" else self.nested_value()
        arguments = (arithmetic(radicand), index) if _AS_NODES[name] == "root" else (arithmetic(radicand),)
        return Node(_AS_NODES[name], arguments)  # type: ignore[arg-type]

    def nested_value(self) -> Node:
        self.enter()
        node = self.read_value()
        self.leave()
        return node
