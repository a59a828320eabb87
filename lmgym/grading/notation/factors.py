"""Values with what is behind them: powers, factorials, percent signs, degrees.

Comes in: tokens. Goes out: a tree. Functions are in ``applications``, brackets in ``statements``.
"""

from __future__ import annotations

from lmgym.grading.budgets import Refusal
from lmgym.grading.notation.applications import Applications
from lmgym.grading.notation.cursor import arithmetic, letter, negated
from lmgym.grading.tree import Node

_PAIRED = {"floor(": (")floor", "floor"), "ceiling(": (")ceiling", "ceiling"), "|<": (">|", "absolute")}


class Factors(Applications):
    """Reads one factor of a product."""

    def factor(self) -> Node:
        """Reads signs, a value, what is behind it (! % °), and its powers."""
        self.enter()
        num_minus = self.signs()
        node = self._behind(self.read_value())
        self.leave()
        return negated(arithmetic(node), num_minus) if num_minus else node

    def _behind(self, node: Node) -> Node:
        """Reads ! % ° and powers behind ``node``."""
        has_power = has_factorial = False
        while True:
            if self.kind == "!":
                if has_power or has_factorial:
                    raise Refusal("unparsed", "a factorial behind a power or a factorial")
                has_factorial = True
                node = Node("factorial", (arithmetic(node),))
                self.advance()
            elif self.kind == "%":
                node = Node("percent", (arithmetic(node),))
                self.advance()
            elif self.kind == "degree":
                self.advance()
                node = self._degrees(node)
            elif self.kind == "^":
                self.advance()
                if self._circle():
                    node = self._degrees(node)
                    continue
                has_power = True
                node = Node("power", (arithmetic(node), arithmetic(self.exponent())))
            else:
                return node

    def _circle(self) -> bool:
        r"""Reads the rest of ``^\circ`` or ``^{\circ}``."""
        if self.kind == "circle":
            self.advance()
            return True
        if self.kind == "{" and self.ahead(1).kind == "circle" and self.ahead(2).kind == "}":
            for _ in range(3):
                self.advance()
            return True
        return False

    def _degrees(self, node: Node) -> Node:
        if self.kind == "letter" and self.value in ("C", "F"):
            unit = f"°{self.value}"
            self.advance()
            return Node("quantity", (arithmetic(node),), unit)
        return Node("degrees", (arithmetic(node),))

    def exponent(self) -> Node:
        """Reads what stands after ^: a group, or one value with signs; powers of powers to the right."""
        self.enter()
        num_minus = self.signs()
        node = self.read_value()
        if self.kind == "^":
            self.advance()
            node = Node("power", (arithmetic(node), arithmetic(self.exponent())))
        self.leave()
        return negated(arithmetic(node), num_minus) if num_minus else node

    def read_value(self) -> Node:
        """Reads one value without signs before it and anything behind it."""
        kind, value = self.kind, self.value
        if kind == "number":
            return self._number()
        if kind == "letter":
            self.advance()
            return letter(value)
        if kind in ("(", "["):
            return self.bracket()
        if kind == "frac":
            return self._fraction("divide", None)
        if kind == "choose":
            return self._fraction("function", "binomial")
        if kind == "function":
            return self.function()
        if kind in ("{", "set{"):
            return self.braces()
        if kind in ("|", "|<", "floor(", "ceiling("):
            return self._paired()
        return self._other_value()

    def _other_value(self) -> Node:
        kind, value = self.kind, self.value
        if kind == "begin":
            return self.environment()
        if kind == "<,":
            return self.angles()
        if kind in ("word", "words"):
            return self._words()
        if kind not in ("constant", "based", "named_set", "empty", "style"):
            raise self.unexpected()
        self.advance()
        if kind == "style":
            return self.braces() if self.kind == "{" else self.read_value()
        return Node("empty_set") if kind == "empty" else Node(kind, (), value)  # type: ignore[arg-type]

    def _number(self) -> Node:
        r"""Reads a number and, behind an integer, the fraction of a mixed number: 2\frac{1}{3}, 2 1/3."""
        whole: Node = self.value
        is_integer = self.tokens[self.at].raw.isdigit()
        self.advance()
        if not is_integer:
            return whole
        if self.kind == "frac" and self._is_fraction_of_integers():
            return _mixed(whole, self._fraction("divide", None))
        if self.kind == "number" and self.ahead(1).kind == "/" and self.ahead(2).kind == "number":
            top, bottom = self.ahead(0), self.ahead(2)
            if (
                top.is_spaced
                and top.raw.isdigit()
                and bottom.raw.isdigit()
                and self.ahead(3).kind not in ("^", "!")
            ):
                for _ in range(3):
                    self.advance()
                return _mixed(whole, Node("divide", (top.value, bottom.value)))
        return whole

    def _is_fraction_of_integers(self) -> bool:
        r"""Returns whether integers alone are the arguments of the \frac that comes next."""
        count = 1
        raw = self.ahead(1).raw
        if len(raw) == 2 and raw.isdigit():
            return True
        for _ in range(2):
            if self.ahead(count).kind == "{" and self.ahead(count + 2).kind == "}":
                raw, count = self.ahead(count + 1).raw, count + 3
            else:
                raw, count = self.ahead(count).raw, count + 1
            if not raw.isdigit():
                return False
        return True

    def _words(self) -> Node:
        parts = []
        while self.kind in ("word", "words"):
            parts.append(str(self.value))
            self.advance()
        words = " ".join(parts)
        bare = words[1:-1] if words.startswith("(") and words.endswith(")") else words
        if len(bare) == 1 and bare.isascii() and bare.isalpha():
            return letter(bare)
        return Node("text", (), words)

    def _paired(self) -> Node:
        """Reads |x|, floors and ceilings."""
        opening = self.kind
        closing, head = _PAIRED.get(opening, ("|", "absolute"))
        self.advance()
        bars = self.num_bars
        self.num_bars = bars + 1 if opening == "|" else 0
        node = self.sum()
        self.num_bars = bars
        self.expect(closing)
        return Node(head, (arithmetic(node),))  # type: ignore[arg-type]

    def _fraction(self, head: str, value: str | None) -> Node:
        r"""Reads \frac or \binom with both arguments; without braces each is one digit or letter."""
        self.advance()
        token = self.tokens[self.at]
        if token.kind == "number" and len(token.raw) == 2 and token.raw.isdigit():
            top, bottom = (Node("number", (), int(digit)) for digit in token.raw)
            self.advance()
        else:
            top = self.argument()
            bottom = self.argument()
        return Node(head, (arithmetic(top), arithmetic(bottom)), value)  # type: ignore[arg-type]

    def argument(self) -> Node:
        """Reads one argument of a command."""
        token = self.tokens[self.at]
        if token.kind == "{":
            self.advance()
            bars, self.num_bars = self.num_bars, 0
            node = self.sum()
            self.num_bars = bars
            self.expect("}")
            return node
        if token.kind not in ("constant", "letter") and not (token.kind == "number" and len(token.raw) == 1):
            raise Refusal("unparsed", "an argument of several signs without braces")
        return self.read_value()


def _mixed(whole: Node, fraction: Node) -> Node:
    top, bottom = fraction.args
    if not 0 < top.value < bottom.value:
        raise Refusal("unparsed", "an integer beside an improper fraction")
    return Node("mixed", (whole, fraction))
