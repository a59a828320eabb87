"""Sums and products, and the units behind them.

Comes in: tokens. Goes out: a tree. Factors are in ``factors``, lists and sets in ``statements``.
"""

from __future__ import annotations

from fractions import Fraction

from lmgym.grading.budgets import Refusal
from lmgym.grading.notation.cursor import arithmetic, joined, negated
from lmgym.grading.notation.factors import Factors
from lmgym.grading.notation.units import SCALES, read_unit
from lmgym.grading.tree import Node

_FACTORS = frozenset(
    ("letter", "constant", "function", "frac", "choose", "(", "[", "|<", "floor(", "ceiling(", "begin", "{",
     "style", "<,")
)  # fmt: skip
_SETS = frozenset(("set", "named_set", "interval", "union", "intersection"))
_BRACKETS = frozenset(("(", "[", "{"))


class Expressions(Factors):
    """Reads arithmetic."""

    def sum(self) -> Node:
        """Reads terms between + - ±, then the unit of the whole."""
        terms: list[Node] = []
        operator = self.kind if self.kind == "±" else ""
        if operator:
            self.advance()
        while True:
            term = self._term()
            if operator == "±":
                terms = [Node("plus_minus", (*joined("sum", terms), arithmetic(term)))]
            elif operator == "-" and len(terms) == 1 and {terms[0].head, term.head} <= _SETS:
                terms = [Node("difference", (terms[0], term))]  # R - {0}
            else:
                terms.append(Node("negate", (arithmetic(term),)) if operator == "-" else term)
            if self.kind not in ("+", "-", "±"):
                break
            operator = self.kind
            self.advance()
        (total,) = joined("sum", terms)
        return self._with_units(total) if self.kind in ("word", "words", "/") else total

    def _term(self) -> Node:
        """Reads signs, a sign of currency and a product."""
        num_minus = self.signs()
        if self.kind != "currency":
            is_bracket = self.kind in _BRACKETS
            node = self._product()
            if node.head == "quantity" and not is_bracket:  # -5°C is minus five degrees
                return Node("quantity", (negated(node.args[0], num_minus),), node.value)
            return negated(arithmetic(node), num_minus) if num_minus else node
        currency = self.value
        self.advance()
        num_minus += self.signs()
        return Node("quantity", (negated(arithmetic(self._product()), num_minus),), currency)

    def _product(self) -> Node:
        """Reads factors between * / : mod, or beside one another."""
        factors = [self.factor()]
        num_ratios = 0
        while True:
            kind = self.kind
            if kind == "*":
                self.advance()
                factors.append(self.factor())
            elif kind == "/" and self.ahead(1).kind in ("word", "words"):
                break  # a unit: dollars/hour
            elif kind in ("/", ":", "mod"):
                if kind == ":":
                    num_ratios += 1
                    if num_ratios > 1 or not self.allows_ratios:
                        raise Refusal("unparsed", "a colon that is no single ratio")
                self.advance()
                (left,) = joined("product", factors)
                pair = (arithmetic(left), arithmetic(self.factor()))
                factors = [Node("function", pair, "mod") if kind == "mod" else Node("divide", pair)]
            elif kind in _FACTORS or (kind == "|" and not self.num_bars):
                if self.is_letter_between_brackets("U"):
                    break
                if factors[-1].head == "tuple" and kind == "(":
                    raise Refusal("unparsed", "tuples beside one another")
                factors.append(self.factor())
            else:
                break
        (product,) = joined("product", factors)
        return product

    def _with_units(self, node: Node) -> Node:
        """Reads the units after a value."""
        while self.kind in ("word", "words") or (self.kind == "/" and node.head == "quantity"):
            arithmetic(node)
            words = self._unit_words()
            plain = words.lower()
            if not plain:
                raise self.unexpected()
            if plain in ("percent", "per cent", "pct"):
                node = Node("percent", (node,))
            elif plain in ("degree", "degrees", "deg"):
                node = Node("degrees", (node,))
            elif node.head == "degrees" and read_unit(words) in ("°C", "°F", "C", "F"):
                node = Node("quantity", node.args, "°" + str(read_unit(words))[-1])
            elif plain in SCALES:
                node = self._scaled(node, SCALES[plain])
            elif node.head != "quantity":
                node = Node("quantity", (node,), _unit(words))
            elif plain.startswith(("per ", "/")):
                node = Node(
                    "quantity", node.args, f"{node.value}/{_unit(words.lstrip('/').removeprefix('per'))}"
                )
            else:
                raise Refusal("unparsed", "two units")
        return node

    def _unit_words(self) -> str:
        """Returns the words of one unit: all plain words up to a number or sign, with their power."""
        parts: list[str] = []
        while self.kind in ("word", "words", "^", "/"):
            if self.kind in ("word", "words"):
                if parts and str(parts[0]).lower() in SCALES:
                    break
                parts.append(str(self.value))
                self.advance()
            elif self.kind == "/" and self.ahead(1).kind in ("word", "words", "letter"):
                parts.append("/")
                self.advance()
                if self.kind == "letter":
                    parts.append(str(self.value))
                    self.advance()
            elif self.kind == "^":
                self.advance()
                power = self._braced_integer()
                parts[-1] += f"^{power}"
            else:
                raise self.unexpected()
        return " ".join(parts)

    def _braced_integer(self) -> str:
        is_braced = self.kind == "{"
        if is_braced:
            self.advance()
        sign = ""
        if self.kind == "-":
            sign = "-"
            self.advance()
        if self.kind != "number":
            raise self.unexpected()
        raw = self.tokens[self.at].raw
        self.advance()
        if is_braced:
            self.expect("}")
        return sign + raw

    def _scaled(self, node: Node, scale: int) -> Node:
        """Returns a literal times ``scale``: 3.2 million is one number."""
        if node.head in ("negate", "quantity"):
            return Node(node.head, (self._scaled(node.args[0], scale),), node.value)
        if node.head != "number":
            raise Refusal("unparsed", "a number word after something that is no number")
        value = Fraction(node.value * scale)
        return Node("number", (), value.numerator if value.denominator == 1 else value)


def _unit(words: str) -> str:
    name = read_unit(words)
    if name is None:
        raise Refusal("unparsed", f"the unit {words!r}")
    return name
