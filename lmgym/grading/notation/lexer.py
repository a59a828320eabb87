r"""Splits the text of an answer into tokens: numbers with their exact value, names, signs, words.

Comes in: text in ASCII notation (``characters.normalise``), plain or LaTeX. Goes out: a list of tokens, the
last of kind "end". One pass over the text; digits and exponents are counted before any number is made.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, NamedTuple

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.notation import vocabulary as words
from lmgym.grading.notation.units import CURRENCIES
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node


class Token(NamedTuple):
    """One piece of an answer."""

    kind: str
    """"number", "based", "letter", "constant", "function", "word", "words", "currency", or a sign"""
    value: Any = None
    """what the kind needs: the Node of a number, a name, the words"""
    raw: str = ""
    """a number as written"""
    is_spaced: bool = False
    """whether white space stands before it"""


_SPACE = re.compile(r"(?:[ \t\r\n~]|\\(?:[,:;! >]|q?quad(?![A-Za-z])))+")
_TYPESET = r"[0-9]{1,3}(?:(?:,\\!\s*|\\!,|\{,\}|\\,)[0-9]{3}(?![0-9]))+"
_DIGITS = re.compile(_TYPESET + "|[0-9]+(?:,[0-9]+)+|[0-9]+")
_DIGITS_AFTER_COMMA = re.compile(_TYPESET + "|[0-9]+")
_GROUPED = re.compile(r"[1-9][0-9]{0,2}(?:,[0-9]{3})+")
_AFTER_POINT = re.compile(r"\.([0-9]*)(?:\\(?:overline|bar)\s*\{\s*([0-9]+)\s*\}|\(([0-9]+)\))?")
_EXPONENT = re.compile(
    r"[eE]([+-]?[0-9]+)(?![0-9A-Za-z.])|\s*(?:\\times|\\cdot|\*)\s*10\s*(?:\^|\*\*)\s*(?:\{\s*([+-]?[0-9]+)\s*\}|([+-]?[0-9]+)(?![.0-9]))"
)
_BASED = re.compile(
    r"([0-9][0-9A-F]*)\s*_\s*(?:([0-9]+)|\{\s*(?:([0-9]+)|(?:\\(?:text|mathrm)\s*\{)?\s*([a-z]+)\s*\}?)\s*\})"
)
_WORD = re.compile(r"[^\W\d_]+")
_SUBSCRIPT = re.compile(
    r"_(?:([0-9]+|[A-Za-z])|\{\s*([0-9A-Za-z]+)\s*\}|\{\s*\\(?:text|mathrm)\s*\{\s*([0-9A-Za-z]+)\s*\}\s*\})"
)
_COMMAND = re.compile(r"\\([A-Za-z]+|[^\w\s]| )", re.ASCII)
_ENVIRONMENT = re.compile(r"\s*\{([a-zA-Z]+)\}(?:\s*\{[clr| ]*\})?")
_SET_OF_NUMBERS = re.compile(r"\s*(?:\{\s*([NZQRC])\s*\}|([NZQRC]))")
_OPENS = re.compile(r"\s*(?:\\left\s*)?\(")
_SIGN = re.compile(r"\*\*|!=|<=|>=|==|\+/-|[-+*/^_=<>()\[\]{}|,;:!%&±]")
_SIGN_KINDS = {"**": "^", "==": "=", "+/-": "±"}
_OPENING, _CLOSING = frozenset(("(", "[", "set{", "<,", "{")), frozenset((")", "]", "}set", ",>", "}"))
_ARGUMENT_AFTER = frozenset(("^", "_", "}", "]", "frac", "choose", "function"))


class Lexer:
    """Reads one text; ``tokens`` is the result."""

    def __init__(self, text: str, rules: Rules, budgets: Budgets) -> None:
        """Reads ``text`` at once.

        Raises:
            Refusal: "unparsed" for a sign that is not of the grammar, "limit" beyond tokens or digits.
        """
        self._text = text
        self._rules = rules
        self._budgets = budgets
        self._position = 0
        self._is_spaced = False
        self._brackets: list[bool] = []  # of each open bracket, whether commas in it separate
        self._is_directed = ""
        self.tokens: list[Token] = []
        self._read()

    def _read(self) -> None:
        text, size = self._text, len(self._text)
        while self._position < size:
            if (space := _SPACE.match(text, self._position)) is not None:
                self._position, self._is_spaced = space.end(), True
                continue
            if len(self.tokens) >= self._budgets.max_tokens:
                raise Refusal("limit", f"more than {self._budgets.max_tokens} tokens")
            first = text[self._position]
            if "0" <= first <= "9" or (
                first == "." and "0" <= text[self._position + 1 : self._position + 2] <= "9"
            ):
                self._number()
            elif first == "\\":
                self._command()
            elif (word := _WORD.match(text, self._position)) is not None:
                self._position = word.end()
                self._name(word[0])
            elif (sign := _SIGN.match(text, self._position)) is not None:
                self._position = sign.end()
                self._sign(sign[0])
            elif first in CURRENCIES:
                self._position += 1
                self._add("currency", first)
            else:
                raise Refusal("unparsed", f"the sign {first!r}")
        self._add("end")

    def _add(self, kind: str, value: Any = None, raw: str = "") -> None:
        if kind in _OPENING:
            previous = self.tokens[-1].kind if self.tokens else ""
            self._brackets.append(kind != "{" or previous not in _ARGUMENT_AFTER)
        elif kind in _CLOSING and self._brackets:
            self._brackets.pop()
        self.tokens.append(Token(kind, value, raw, self._is_spaced))
        self._is_spaced = False

    def _sign(self, sign: str) -> None:
        if sign == "|" and self._is_directed:
            sign = "|<" if self._is_directed == "left" else ">|"
        self._is_directed = ""
        self._add(_SIGN_KINDS.get(sign, sign))

    # numbers

    def _number(self) -> None:
        text, start = self._text, self._position
        if text[start] != "." and self._based():
            return
        whole = self._whole()
        decimals, repeating = "", ""
        has_point = (point := _AFTER_POINT.match(text, self._position)) is not None
        if point is not None:
            decimals, repeating = point[1], point[2] or point[3] or ""
            self._position = point.end()
        exponent = ""
        match = _EXPONENT.match(text, self._position)
        if match is not None and not repeating and (match[1] or has_point):
            exponent = match[1] or match[2] or match[3]
            self._position = match.end()
        if len(whole) > 1 and whole[0] == "0":
            raise Refusal("unparsed", "a leading zero")
        node = Node("number", (), self._value(whole, decimals, repeating, exponent))
        self._add("number", node, text[start : self._position])

    def _whole(self) -> str:
        """Returns the digits before the point, without separators of thousands."""
        start = self._position
        follows_comma = start > 0 and self._text[start - 1] == ","
        match = (_DIGITS_AFTER_COMMA if follows_comma else _DIGITS).match(self._text, start)
        if match is None:
            return ""
        self._position = match.end()
        run = match[0]
        if run.isdigit():
            return run
        if "," in run and "\\" not in run and "{" not in run:
            separates = self._rules.thousands == "none" or (self._brackets and self._brackets[-1])
            if separates or _GROUPED.fullmatch(run) is None:
                self._position = start + run.index(",")
                return run[: run.index(",")]
        return "".join(filter(str.isdigit, run))

    def _value(self, whole: str, decimals: str, repeating: str, exponent: str) -> int | Fraction:
        limit = self._budgets.max_digits
        if (
            len(exponent) > 10
            or len(whole) + len(decimals) + len(repeating) + abs(int(exponent or 0)) > limit
        ):
            raise Refusal("limit", f"a number of more than {limit} digits")
        try:
            value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
            if repeating:
                value += Fraction(int(repeating), (10 ** len(repeating) - 1) * 10 ** len(decimals))
            if exponent:
                value *= Fraction(10) ** int(exponent)
        except ValueError:  # the interpreter's own limit on digits is lower than the budget
            raise Refusal("limit", "a number of too many digits") from None
        return value.numerator if value.denominator == 1 else value

    def _based(self) -> bool:
        """Reads digits with their base: 110_2, 110_{2}, 1A_{16}, 110_{two}."""
        match = _BASED.match(self._text, self._position)
        if match is None:
            return False
        digits, base_text = match[1], match[2] or match[3] or ""
        base = (
            words.SMALL_NUMBERS.get(match[4], 0) if match[4] else int(base_text) if len(base_text) < 3 else 0
        )
        if not digits.isdigit() and base < 11:
            return False  # 2A_1 is a product
        if not 2 <= base <= 36 or any(int(digit, 16) >= base for digit in digits):
            raise Refusal("unparsed", f"no number to base {base_text or match[4]}")
        if len(digits) > self._budgets.max_digits:
            raise Refusal("limit", "a number of too many digits")
        self._position = match.end()
        self._add("based", (digits, base))
        return True

    # names

    def _name(self, name: str) -> None:
        following = self._text[self._position : self._position + 2].lstrip()[:1]
        if name in words.FUNCTION_NAMES and (name not in words.NEED_PARENTHESES or following in ("(", "^")):
            self._add("function", words.FUNCTION_NAMES[name])
        elif name in ("or", "and", "mod"):
            self._add(name)
        elif name == "in" and self.tokens and self.tokens[-1].kind == "letter":
            self._add("in")
        elif len(name) > 1 and name in words.CONSTANTS:
            self._add("constant", words.CONSTANTS[name])
        elif name in words.GREEK_NAMES:
            self._letters((name,))
        elif len(name) < 8 and name[-1:] == "x" and name[:-1] in ("sin", "cos", "tan", "cot", "ln", "log"):
            self._add("function", name[:-1])
            self._letters(("x",))
        else:
            after_digit = bool(self.tokens) and self.tokens[-1].kind == "number" and not self._is_spaced
            letters = words.split_letters(name, after_digit or following == "^")  # as in xe^x
            if letters is None:
                self._add("word", name)
            else:
                self._letters(letters)

    def _letters(self, letters: tuple[str, ...]) -> None:
        match = _SUBSCRIPT.match(self._text, self._position)
        if match is not None:
            self._position = match.end()
            letters = (*letters[:-1], f"{letters[-1]}_{match[1] or match[2] or match[3]}")
        for name in letters:
            self._add("letter", name)

    # commands

    def _command(self) -> None:
        match = _COMMAND.match(self._text, self._position)
        if match is None:
            raise Refusal("unparsed", "a backslash")
        self._position = match.end()
        name = match[1]
        if name in words.SPACES:
            self._is_spaced = True
        elif name in words.SIZES:
            self._is_directed = name if name in ("left", "right") else ""
        elif name in words.WORDS_IN:
            self._words(self._group())
        elif name in words.LETTERS_IN:
            self._add("style")
        elif name in ("begin", "end"):
            self._environment("begin" if name == "begin" else "finish")
        elif name == "mathbb":
            self._set_of_numbers()
        elif name not in words.COMMANDS:
            raise Refusal("unparsed", f"the command \\{name}")
        else:
            kind, value = words.COMMANDS[name]
            if kind == "letter":
                self._letters((str(value),))
            elif kind == "|":
                self._sign("|")
            else:
                self._is_directed = ""
                self._add(kind, value)

    def _group(self) -> str:
        """Returns what stands between the braces that open here."""
        text, start = self._text, self._position
        while start < len(text) and text[start] == " ":
            start += 1
        if start == len(text) or text[start] != "{":
            raise Refusal("unparsed", "words without braces")
        depth = 0
        for position in range(start, len(text)):
            if text[position] == "{":
                depth += 1
            elif text[position] == "}":
                depth -= 1
                if depth == 0:
                    self._position = position + 1
                    return text[start + 1 : position]
        raise Refusal("unparsed", "an open brace")

    def _words(self, content: str) -> None:
        collapsed = " ".join(content.replace("~", " ").replace("\\$", "$").split())
        if collapsed.lower() in ("or", "and"):
            self._add(collapsed.lower())
        elif collapsed in words.FUNCTION_NAMES and _OPENS.match(self._text, self._position):
            self._add("function", words.FUNCTION_NAMES[collapsed])
        elif collapsed:
            self._is_spaced = True
            self._add("words", collapsed)
        else:
            self._is_spaced = True

    def _environment(self, kind: str) -> None:
        match = _ENVIRONMENT.match(self._text, self._position)
        if match is None:
            raise Refusal("unparsed", "an environment without a name")
        self._position = match.end()
        self._add(kind, match[1])

    def _set_of_numbers(self) -> None:
        match = _SET_OF_NUMBERS.match(self._text, self._position)
        if match is None:
            raise Refusal("unparsed", "\\mathbb without one of N, Z, Q, R, C")
        self._position = match.end()
        self._add("named_set", match[1] or match[2])
