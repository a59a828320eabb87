"""The lower half of the grammar: sums, products, powers, functions and units.

Comes in: tokens. Goes out: a tree. Each level of nesting costs seven frames of the interpreter's stack and
one of ``Budgets.max_depth``. The upper half, lists and sets, is in ``statements``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.lexer import Token
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Head, Node
from lmgym.grading.units import SCALES, read_unit
from lmgym.grading.vocabulary import INVERSES

_NOT_ARITHMETIC = frozenset(
    ("text", "relation", "either", "list", "set", "interval", "union", "intersection", "difference",
     "named_set", "empty_set")
)  # fmt: skip
_FACTORS = frozenset(
    ("letter", "constant", "function", "frac", "choose", "(", "[", "|<", "floor(", "ceiling(", "begin", "{",
     "style", "<,")
)  # fmt: skip
_WITHOUT_PARENTHESES = frozenset(("letter", "constant", "frac", "{"))
_SETS = frozenset(("set", "named_set", "interval", "union", "intersection"))
_PAIRED = {"floor(": (")floor", "floor"), "ceiling(": (")ceiling", "ceiling"), "|<": (">|", "absolute")}
_AS_NODES = {"sqrt": "root", "cbrt": "root", "abs": "absolute", "floor": "floor", "ceil": "ceiling"}
_BRACKETS = frozenset(("(", "[", "{"))
_OPENING, _CLOSING = frozenset(("(", "[", "set{")), frozenset((")", "]", "}set"))
_TWO_OR_MORE = frozenset(("gcd", "lcm", "min", "max"))
_TWO = frozenset(("binomial", "mod", "log"))
_TEN, _E, _TWO_NODE, _THREE = (
    Node("number", (), 10),
    Node("constant", (), "e"),
    Node("number", (), 2),
    Node("number", (), 3),
)


class Expressions(ABC):
    """Reads arithmetic from a list of tokens; ``kind`` and ``value`` are those of the next token."""

    def __init__(self, tokens: list[Token], rules: Rules, budgets: Budgets) -> None:
        """Stands at the first of ``tokens``, whose last is of kind "end"."""
        self._tokens = tokens
        self._rules = rules
        self._max_depth = budgets.max_depth
        self._max_digits = budgets.max_digits
        self._at = 0
        self._depth = 0
        self.num_bars = 0  # open ``|`` since the last bracket
        self.allows_ratios = True  # a colon is a ratio, but for sets, where it may mean "such that"
        self.kind: str = tokens[0].kind
        self.value: Any = tokens[0].value

    @abstractmethod
    def relation(self) -> Node: ...

    @abstractmethod
    def items(self) -> list[Node]: ...

    @abstractmethod
    def bracket(self) -> Node: ...

    @abstractmethod
    def braces(self) -> Node: ...

    @abstractmethod
    def angles(self) -> Node: ...

    @abstractmethod
    def environment(self) -> Node: ...

    # tokens

    def advance(self) -> None:
        self._at += 1
        token = self._tokens[self._at]
        self.kind, self.value = token.kind, token.value

    def expect(self, kind: str) -> None:
        if self.kind != kind:
            raise self.unexpected()
        self.advance()

    def unexpected(self) -> Refusal:
        return Refusal(
            "unparsed", "an unfinished answer" if self.kind == "end" else f"an unexpected {self.kind!r}"
        )

    def _ahead(self, count: int) -> Token:
        return self._tokens[min(self._at + count, len(self._tokens) - 1)]

    def is_letter_between_brackets(self, letter: str) -> bool:
        return (
            self.kind == "letter"
            and self.value == letter
            and self._at > 0
            and self._tokens[self._at - 1].kind in _CLOSING
            and self._ahead(1).kind in _OPENING
        )

    # sums

    def sum(self) -> Node:
        """Reads terms between + - ±, then the unit of the whole."""
        terms: list[Node] = []
        operator = self.kind if self.kind == "±" else ""
        if operator:
            self.advance()
        while True:
            term = self._term()
            if operator == "±":
                terms = [Node("plus_minus", (*_joined("sum", terms), arithmetic(term)))]
            elif operator == "-" and len(terms) == 1 and {terms[0].head, term.head} <= _SETS:
                terms = [Node("difference", (terms[0], term))]  # R - {0}
            else:
                terms.append(Node("negate", (arithmetic(term),)) if operator == "-" else term)
            if self.kind not in ("+", "-", "±"):
                break
            operator = self.kind
            self.advance()
        (total,) = _joined("sum", terms)
        return self._with_units(total) if self.kind in ("word", "words", "/") else total

    def _term(self) -> Node:
        """Reads signs, a sign of currency and a product."""
        num_minus = self._signs()
        if self.kind != "currency":
            is_bracket = self.kind in _BRACKETS
            node = self._product()
            if node.head == "quantity" and not is_bracket:  # -5°C is minus five degrees
                return Node("quantity", (_negated(node.args[0], num_minus),), node.value)
            return _negated(arithmetic(node), num_minus) if num_minus else node
        currency = self.value
        self.advance()
        num_minus += self._signs()
        return Node("quantity", (_negated(arithmetic(self._product()), num_minus),), currency)

    def _signs(self) -> int:
        """Reads + and -; returns the number of the latter."""
        num_minus = 0
        while self.kind in ("+", "-"):
            num_minus += self.kind == "-"
            self.advance()
        return num_minus

    def _with_units(self, node: Node) -> Node:
        """Reads the units after a value."""
        while self.kind in ("word", "words") or (self.kind == "/" and node.head == "quantity"):
            if node.head in _NOT_ARITHMETIC:
                raise Refusal("unparsed", f"a unit after a {node.head}")
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
        parts = []
        while self.kind in ("word", "words", "^", "/"):
            if self.kind in ("word", "words"):
                if parts and str(parts[0]).lower() in SCALES:
                    break
                parts.append(str(self.value))
                self.advance()
            elif self.kind == "/" and self._ahead(1).kind in ("word", "words", "letter"):
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
        raw = self._tokens[self._at].raw
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

    # products

    def _product(self) -> Node:
        """Reads factors between * / : mod, or beside one another."""
        factors = [self._factor()]
        num_ratios = 0
        while True:
            kind = self.kind
            if kind == "*":
                self.advance()
                factors.append(self._factor())
            elif kind == "/" and self._ahead(1).kind in ("word", "words"):
                break  # a unit: dollars/hour
            elif kind in ("/", ":", "mod"):
                if kind == ":":
                    num_ratios += 1
                    if num_ratios > 1 or not self.allows_ratios:
                        raise Refusal("unparsed", "a colon that is no single ratio")
                self.advance()
                (left,) = _joined("product", factors)
                pair = (arithmetic(left), arithmetic(self._factor()))
                factors = [Node("function", pair, "mod") if kind == "mod" else Node("divide", pair)]
            elif kind in _FACTORS or (kind == "|" and not self.num_bars):
                if self.is_letter_between_brackets("U"):
                    break
                if factors[-1].head == "tuple" and kind == "(":
                    raise Refusal("unparsed", "tuples beside one another")
                factors.append(self._factor())
            else:
                break
        (product,) = _joined("product", factors)
        return product

    def _factor(self) -> Node:
        """Reads signs, a value, what is behind it (! % °), and its powers."""
        self._depth += 1
        if self._depth > self._max_depth:
            raise Refusal("limit", f"nested more than {self._max_depth} deep")
        num_minus = self._signs()
        node = self._behind(self._value())
        self._depth -= 1
        return _negated(arithmetic(node), num_minus) if num_minus else node

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
                node = Node("power", (arithmetic(node), arithmetic(self._exponent())))
            else:
                return node

    def _circle(self) -> bool:
        r"""Reads the rest of ``^\circ`` or ``^{\circ}``."""
        if self.kind == "circle":
            self.advance()
            return True
        if self.kind == "{" and self._ahead(1).kind == "circle" and self._ahead(2).kind == "}":
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

    def _exponent(self) -> Node:
        """Reads what stands after ^: a group, or one value with signs; powers of powers to the right."""
        self._depth += 1
        if self._depth > self._max_depth:
            raise Refusal("limit", f"nested more than {self._max_depth} deep")
        num_minus = self._signs()
        node = self._value()
        if self.kind == "^":
            self.advance()
            node = Node("power", (arithmetic(node), arithmetic(self._exponent())))
        self._depth -= 1
        return _negated(arithmetic(node), num_minus) if num_minus else node

    # values

    def _value(self) -> Node:
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
            return self._function()
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
            return self.braces() if self.kind == "{" else self._value()
        return Node("empty_set") if kind == "empty" else Node(kind, (), value)  # type: ignore[arg-type]

    def _number(self) -> Node:
        r"""Reads a number and, behind an integer, the fraction of a mixed number: 2\frac{1}{3}, 2 1/3."""
        whole = self.value
        is_integer = self._tokens[self._at].raw.isdigit()
        self.advance()
        if not is_integer:
            return whole
        if self.kind == "frac" and self._is_fraction_of_integers():
            return _mixed(whole, self._fraction("divide", None))
        if self.kind == "number" and self._ahead(1).kind == "/" and self._ahead(2).kind == "number":
            top, bottom = self._ahead(0), self._ahead(2)
            if (
                top.is_spaced
                and top.raw.isdigit()
                and bottom.raw.isdigit()
                and self._ahead(3).kind not in ("^", "!")
            ):
                for _ in range(3):
                    self.advance()
                return _mixed(whole, Node("divide", (top.value, bottom.value)))
        return whole

    def _is_fraction_of_integers(self) -> bool:
        r"""Returns whether integers alone are the arguments of the \frac that comes next."""
        count = 1
        raw = self._ahead(1).raw
        if len(raw) == 2 and raw.isdigit():
            return True
        for _ in range(2):
            if self._ahead(count).kind == "{" and self._ahead(count + 2).kind == "}":
                raw, count = self._ahead(count + 1).raw, count + 3
            else:
                raw, count = self._ahead(count).raw, count + 1
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
        token = self._tokens[self._at]
        if token.kind == "number" and len(token.raw) == 2 and token.raw.isdigit():
            top, bottom = (Node("number", (), int(digit)) for digit in token.raw)
            self.advance()
        else:
            top = self._argument()
            bottom = self._argument()
        return Node(head, (arithmetic(top), arithmetic(bottom)), value)  # type: ignore[arg-type]

    def _argument(self) -> Node:
        """Reads one argument of a command."""
        token = self._tokens[self._at]
        if token.kind == "{":
            self.advance()
            bars, self.num_bars = self.num_bars, 0
            node = self.sum()
            self.num_bars = bars
            self.expect("}")
            return node
        if token.kind not in ("constant", "letter") and not (token.kind == "number" and len(token.raw) == 1):
            raise Refusal("unparsed", "an argument of several signs without braces")
        return self._value()

    # functions

    def _function(self) -> Node:
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
                exponent = self._exponent()
            else:
                raise Refusal("unparsed", f"a script of {name}")
        if exponent == Node("negate", (Node("number", (), 1),)):
            name, exponent = INVERSES.get(name, ""), None
            if not name:
                raise Refusal("unparsed", "the inverse of a function that is not trigonometric")
        elif exponent is not None and exponent.head == "negate":
            raise Refusal("unparsed", "a negative power of a function")
        node = self._applied(name, base)
        return node if exponent is None else Node("power", (node, exponent))

    def _script(self) -> Node:
        return self._argument() if self.kind == "{" else self._nested_value()

    def _applied(self, name: str, base: Node | None) -> Node:
        arguments = [arithmetic(argument) for argument in self._arguments()]
        if name in ("log", "lg") and len(arguments) == 1:
            default = _TEN if name == "lg" or self._rules.log_base == "10" else _E
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
        factors = [self._factor()]
        while self.kind in _WITHOUT_PARENTHESES:
            factors.append(self._factor())
        return _joined("product", factors)

    def _named_node(self, name: str) -> Node:
        """Reads what is a node of its own: roots, abs(x), floor(x), ceil(x)."""
        index = _THREE if name == "cbrt" else _TWO_NODE
        if name == "sqrt" and self.kind == "[":
            self.advance()
            index = self.sum()
            self.expect("]")
        token = self._tokens[self._at]
        if self.kind == "number":
            self.advance()
            radicand = token.value
        else:
            radicand = self._argument() if self.kind == "{" else self._nested_value()
        arguments = (arithmetic(radicand), index) if _AS_NODES[name] == "root" else (arithmetic(radicand),)
        return Node(_AS_NODES[name], arguments)  # type: ignore[arg-type]

    def _nested_value(self) -> Node:
        self._depth += 1
        if self._depth > self._max_depth:
            raise Refusal("limit", f"nested more than {self._max_depth} deep")
        node = self._value()
        self._depth -= 1
        return node


def letter(name: str) -> Node:
    """Returns the constant or variable of one letter."""
    return Node("constant", (), name) if name in ("e", "i") else Node("variable", (), name)


def arithmetic(node: Node) -> Node:
    """Returns ``node`` if arithmetic can be done with it.

    Raises:
        Refusal: "unparsed" for words, statements and sets.
    """
    if node.head in _NOT_ARITHMETIC:
        raise Refusal("unparsed", f"arithmetic with a {node.head}")
    return node


def _joined(head: Head, parts: list[Node]) -> list[Node]:
    """Returns [head(parts)], or ``parts`` where they are fewer than two."""
    if len(parts) < 2:
        return parts
    return [Node(head, tuple(arithmetic(part) for part in parts))]


def _negated(node: Node, times: int) -> Node:
    for _ in range(times):
        node = Node("negate", (node,))
    return node


def _mixed(whole: Node, fraction: Node) -> Node:
    top, bottom = fraction.args
    if not 0 < top.value < bottom.value:
        raise Refusal("unparsed", "an integer beside an improper fraction")
    return Node("mixed", (whole, fraction))


def _unit(words: str) -> str:
    name = read_unit(words)
    if name is None:
        raise Refusal("unparsed", f"the unit {words!r}")
    return name
