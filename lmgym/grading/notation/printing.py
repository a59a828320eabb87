r"""Writes expression trees, plain (``to_text``) or as LaTeX (``to_latex``).

Comes in: a tree as ``parser.parse`` makes it. Goes out: text that parses back to an equal tree. Only a
literal whose decimals repeat after more than a thousand digits, which no answer has room for, is written as
a division instead.
"""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import partial

from lmgym.grading.notation.units import CURRENCIES, KNOWN_WORDS
from lmgym.grading.notation.vocabulary import CONSTANTS, FUNCTION_NAMES, GREEK_NAMES, split_letters
from lmgym.grading.tree import Node

_STATEMENT, _RELATION, _SETS, _UNITS, _SUM, _TERM, _PRODUCT, _POWER, _ATOM = range(9)
_MAX_PERIOD = 1000

_LATEX_RELATIONS = {"!=": "\\ne", "<=": "\\le", ">=": "\\ge", "in": "\\in"}
_TEXT_RELATIONS = {"in": "∈"}
_LATEX_FUNCTIONS = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan sinh cosh tanh exp ln gcd min max arg".split()
)
_TEXT_SETS = {"N": "ℕ", "Z": "ℤ", "Q": "ℚ", "R": "ℝ", "C": "ℂ"}
_SET_SIGNS = {"union": ("∪", "\\cup"), "intersection": ("∩", "\\cap"), "difference": ("∖", "\\setminus")}
_RESERVED = frozenset(("or", "and", "mod", "in"))


def to_text(node: Node) -> str:
    """Returns ``node`` in plain notation: ``3*x^2/2``, ``sqrt(2)``, ``(1, 2] ∪ [3, 4]``."""
    return _write(node, False)[0]


def to_latex(node: Node) -> str:
    r"""Returns ``node`` in LaTeX, without delimiters: ``\frac{3 \cdot x^{2}}{2}``."""
    return _write(node, True)[0]


def _write(node: Node, latex: bool) -> tuple[str, int]:
    """Returns the text of ``node`` and how tightly it holds together."""
    return _WRITERS[node.head](node, latex)


def _at(node: Node, level: int, latex: bool) -> str:
    """Returns the text of ``node``, in parentheses if it holds together less tightly than ``level``."""
    text, own = _write(node, latex)
    return text if own >= level else _enclosed("(", text, ")", latex)


def _enclosed(opening: str, text: str, closing: str, latex: bool) -> str:
    return f"\\left{opening}{text}\\right{closing}" if latex else f"{opening}{text}{closing}"


def _listed(nodes: tuple[Node, ...], latex: bool) -> str:
    return ", ".join(_at(node, _RELATION, latex) for node in nodes)


# numbers and names


def _number(node: Node, latex: bool) -> tuple[str, int]:
    value: int | Fraction = node.value
    if value.denominator == 1:
        return str(value), _ATOM
    rest, places = value.denominator, 0
    for prime in (2, 5):
        count = 0
        while rest % prime == 0:
            rest, count = rest // prime, count + 1
        places = max(places, count)
    period, power = 0, 10 % rest
    if rest > 1:
        period = 1
        while power != 1 and period <= _MAX_PERIOD:
            period, power = period + 1, power * 10 % rest
    if period > _MAX_PERIOD or places > _MAX_PERIOD:
        return f"({value.numerator}/{value.denominator})", _ATOM
    digits = str(value.numerator * 10 ** (places + period) // value.denominator).rjust(
        places + period + 1, "0"
    )
    whole, decimals = digits[: -(places + period)], digits[-(places + period) :]
    if not period:
        return f"{whole}.{decimals}", _ATOM
    repeating = f"\\overline{{{decimals[places:]}}}" if latex else f"({decimals[places:]})"
    return f"{whole}.{decimals[:places]}{repeating}", _ATOM


def _mixed(node: Node, latex: bool) -> tuple[str, int]:
    whole, fraction = node.args
    top, bottom = fraction.args
    if latex:
        return f"{whole.value}\\frac{{{top.value}}}{{{bottom.value}}}", _PRODUCT
    return f"{whole.value} {top.value}/{bottom.value}", _PRODUCT


def _based(node: Node, latex: bool) -> tuple[str, int]:
    digits, base = node.value
    return f"{digits}_{{{base}}}", _ATOM


def _constant(node: Node, latex: bool) -> tuple[str, int]:
    if latex and len(node.value) > 1:
        return ("\\infty" if node.value == "infinity" else f"\\{node.value}"), _ATOM
    return node.value, _ATOM


def _variable(node: Node, latex: bool) -> tuple[str, int]:
    name, _, subscript = node.value.partition("_")
    if len(name) > 1 and (latex or name in CONSTANTS):
        name = f"\\{name}"
    if not subscript:
        return name, _ATOM
    is_short = not latex and (subscript.isdigit() or len(subscript) == 1)
    return f"{name}_{subscript}" if is_short else f"{name}_{{{subscript}}}", _ATOM


def _text(node: Node, latex: bool) -> tuple[str, int]:
    if not latex and all(map(_is_plain_word, node.value.split())):
        return node.value, _ATOM
    return f"\\text{{{node.value}}}", _ATOM


def _is_plain_word(word: str) -> bool:
    """Returns whether ``word`` is read as a word wherever it stands."""
    is_name = word in FUNCTION_NAMES or word in CONSTANTS or word in GREEK_NAMES or word in _RESERVED
    return (
        word.isalpha()
        and word.isascii()
        and len(word) > 1
        and not is_name
        and split_letters(word, True) is None
    )


# arithmetic


def _sum(node: Node, latex: bool) -> tuple[str, int]:
    parts = []
    for index, term in enumerate(node.args):
        if term.head == "negate":
            parts.append(("-" if index == 0 else " - ") + _at(term.args[0], _PRODUCT, latex))
        else:
            parts.append(("" if index == 0 else " + ") + _at(term, _PRODUCT, latex))
    return "".join(parts), _SUM


def _negate(node: Node, latex: bool) -> tuple[str, int]:
    return "-" + _at(node.args[0], _PRODUCT, latex), _TERM


def _plus_minus(node: Node, latex: bool) -> tuple[str, int]:
    sign = "\\pm" if latex else "±"
    last = _at(node.args[-1], _PRODUCT, latex)
    if len(node.args) == 1:
        return f"{sign} {last}", _SUM
    return f"{_at(node.args[0], _SUM, latex)} {sign} {last}", _SUM


def _product(node: Node, latex: bool) -> tuple[str, int]:
    parts = []
    for index, factor in enumerate(node.args):
        is_leading_division = index == 0 and factor.head in ("divide", "mixed")
        text = _at(factor, _PRODUCT if is_leading_division else _POWER, latex)
        is_power_of_ten = factor.head == "power" and factor.args[0] == Node("number", (), 10)
        if index and is_power_of_ten:  # or "1.2 * 10^5" would be one literal
            text = _enclosed("(", text, ")", latex)
        parts.append(text)
    return (" \\cdot " if latex else "*").join(parts), _PRODUCT


def _divide(node: Node, latex: bool) -> tuple[str, int]:
    top, bottom = node.args
    if latex:
        return f"\\frac{{{_at(top, _SUM, True)}}}{{{_at(bottom, _SUM, True)}}}", _POWER
    return f"{_at(top, _PRODUCT, False)}/{_at(bottom, _POWER, False)}", _PRODUCT


def _power(node: Node, latex: bool) -> tuple[str, int]:
    base, exponent = node.args
    base_text = _at(base, _ATOM, latex)
    if latex:
        return f"{base_text}^{{{_at(exponent, _SUM, True)}}}", _POWER
    is_short = exponent.head in ("variable", "constant") or (
        exponent.head == "number" and exponent.value.denominator == 1
    )
    text = _write(exponent, False)[0]
    return f"{base_text}^{text if is_short else f'({text})'}", _POWER


def _root(node: Node, latex: bool) -> tuple[str, int]:
    radicand, index = node.args
    is_square = index == Node("number", (), 2)
    if latex:
        degree = "" if is_square else f"[{_at(index, _SUM, True)}]"
        return f"\\sqrt{degree}{{{_at(radicand, _SUM, True)}}}", _ATOM
    name = "sqrt" if is_square else "cbrt" if index == Node("number", (), 3) else ""
    name = name or f"sqrt[{_at(index, _SUM, False)}]"
    return f"{name}({_at(radicand, _SUM, False)})", _ATOM


def _behind(text_sign: str, latex_sign: str, node: Node, latex: bool) -> tuple[str, int]:
    return _at(node.args[0], _ATOM, latex) + (latex_sign if latex else text_sign), _POWER


def _between(name: str, left: str, right: str, node: Node, latex: bool) -> tuple[str, int]:
    inner = _at(node.args[0], _SUM, latex)
    return f"\\left{left}{inner}\\right{right}" if latex else f"{name}({inner})", _ATOM


def _function(node: Node, latex: bool) -> tuple[str, int]:
    name, arguments = node.value, node.args
    if not latex:
        return f"{name}({_listed(arguments, False)})", _ATOM
    if name == "binomial":
        return "\\binom" + "".join(f"{{{_at(argument, _SUM, True)}}}" for argument in arguments), _ATOM
    if name == "log":
        command, arguments = f"\\log_{{{_at(arguments[1], _SUM, True)}}}", arguments[:1]
    else:
        command = f"\\{name}" if name in _LATEX_FUNCTIONS else f"\\operatorname{{{name}}}"
    return command + _enclosed("(", _listed(arguments, True), ")", True), _ATOM


def _quantity(node: Node, latex: bool) -> tuple[str, int]:
    unit: str = node.value
    (value,) = node.args
    if unit in CURRENCIES:
        return ("\\$" if unit == "$" else unit) + _at(value, _PRODUCT, latex), _UNITS
    if unit in ("°C", "°F"):
        return _at(value, _ATOM, latex) + ("^{\\circ} " if latex else "°") + unit[1], _UNITS
    word = unit.split("^")[0]
    is_plain = (
        not latex and "/" not in unit and (word in KNOWN_WORDS or (len(word) > 2 and _is_plain_word(word)))
    )
    name = unit if is_plain else f"\\text{{{unit}}}"
    return f"{_at(value, _SUM, latex)} {name}", _UNITS


# statements and collections


def _relation(node: Node, latex: bool) -> tuple[str, int]:
    signs = _LATEX_RELATIONS if latex else _TEXT_RELATIONS
    text = _at(node.args[0], _SETS, latex)
    for operator, side in zip(node.value, node.args[1:], strict=True):
        text += f" {signs.get(operator, operator)} {_at(side, _SETS, latex)}"
    return text, _RELATION


def _either(node: Node, latex: bool) -> tuple[str, int]:
    return (" \\text{ or } " if latex else " or ").join(
        _write(part, latex)[0] for part in node.args
    ), _STATEMENT


def _list(node: Node, latex: bool) -> tuple[str, int]:
    return _listed(node.args, latex), _STATEMENT


def _tuple(node: Node, latex: bool) -> tuple[str, int]:
    return _enclosed("(", _listed(node.args, latex), ")", latex), _ATOM


def _interval(node: Node, latex: bool) -> tuple[str, int]:
    return _enclosed(node.value[0], _listed(node.args, latex), node.value[1], latex), _ATOM


def _set(node: Node, latex: bool) -> tuple[str, int]:
    inner = _listed(node.args, latex)
    if latex:
        return f"\\left\\{{{inner}\\right\\}}", _ATOM
    return f"{{{inner}}}" if len(node.args) > 1 else f"\\{{{inner}\\}}", _ATOM


def _set_operation(node: Node, latex: bool) -> tuple[str, int]:
    sign = _SET_SIGNS[node.head][latex]
    return f" {sign} ".join(_at(part, _ATOM, latex) for part in node.args), _SETS


def _named_set(node: Node, latex: bool) -> tuple[str, int]:
    return f"\\mathbb{{{node.value}}}" if latex else _TEXT_SETS[node.value], _ATOM


def _empty_set(node: Node, latex: bool) -> tuple[str, int]:
    return "\\emptyset" if latex else "{}", _ATOM


def _matrix(node: Node, latex: bool) -> tuple[str, int]:
    rows = [[_at(cell, _SUM, latex) for cell in row.args] for row in node.args]
    if not latex and len(rows) > 1 and len(rows[0]) > 1:
        return "[" + ", ".join(f"[{', '.join(row)}]" for row in rows) + "]", _ATOM
    inner = " \\\\ ".join(" & ".join(row) for row in rows)
    return f"\\begin{{pmatrix}} {inner} \\end{{pmatrix}}", _ATOM


_WRITERS: dict[str, Callable[[Node, bool], tuple[str, int]]] = {
    "number": _number, "mixed": _mixed, "based": _based, "constant": _constant, "variable": _variable,
    "text": _text, "quantity": _quantity, "sum": _sum, "negate": _negate, "plus_minus": _plus_minus,
    "product": _product, "divide": _divide, "power": _power, "root": _root, "function": _function,
    "percent": partial(_behind, "%", "\\%"), "degrees": partial(_behind, "°", "^{\\circ}"),
    "factorial": partial(_behind, "!", "!"), "absolute": partial(_between, "abs", "|", "|"),
    "floor": partial(_between, "floor", "\\lfloor ", "\\rfloor "),
    "ceiling": partial(_between, "ceil", "\\lceil ", "\\rceil "), "relation": _relation, "either": _either,
    "list": _list, "tuple": _tuple, "set": _set, "interval": _interval, "union": _set_operation,
    "intersection": _set_operation, "difference": _set_operation, "named_set": _named_set,
    "empty_set": _empty_set, "matrix": _matrix,
}  # fmt: skip
