r"""Reads answers: text, plain or LaTeX, to expression trees. The grammar is described in docs/grammar.md.

Comes in: any str. Goes out: a ``tree.Node``, or a ``Refusal``; nothing is computed but literals, and
nothing is ever evaluated. Time is linear in the text, recursion is bounded by ``Budgets.max_depth``.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.notation.characters import normalise
from lmgym.grading.notation.lexer import Lexer
from lmgym.grading.notation.statements import Statements
from lmgym.grading.notation.vocabulary import CONSTANTS, FUNCTION_NAMES, GREEK_NAMES, split_letters
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node, number

_DEFAULT_RULES = Rules()
_DEFAULT_BUDGETS = Budgets()
_PLAIN = re.compile(
    r"\s*([-+]?)(?:(0|[1-9][0-9]{0,14})(?:\.([0-9]{0,15})|/(0|[1-9][0-9]{0,14}))?"
    r"|\\[dt]?frac\{(0|[1-9][0-9]{0,14})\}\{(0|[1-9][0-9]{0,14})\})\s*",
    re.ASCII,
)
_SPACES = " \t\r\n"
_MAX_WRAPPERS = 8
_GROUP = re.compile(r"\\(boxed|fbox|text|mbox|textbf|textrm|textit|mathrm)\s*\{")
_LETTERS = re.compile(r"[^\W\d_]+")
_DEFINITION = re.compile(
    r"(?:(?P<of>[fghpqyFGHP])\s*(?P<prime>'?)\s*(?:\\left\s*)?\(\s*[a-zA-Z]\s*(?:\\right\s*)?\)"
    r"|(?P<derived>[a-zA-Z])'|\\[dt]?frac\s*\{\s*d(?P<top>[a-zA-Z])\s*\}\s*\{\s*d[a-zA-Z]\s*\}"
    r"|(?:m\s*)?\\angle\s*(?P<angle>[A-Z]{1,3})"
    r"|\\(?:text|mathrm)\s*\{(?P<words>[A-Za-z ]{2,40})\}(?:\s*\([A-Za-z]\))?"
    r"|\|?(?:\\overline\s*\{)?(?P<segment>[A-Z]{2})\}?\|?)\s*=(?!=)"
)
_FREE_LETTER = re.compile(r"(?<![\\A-Za-z])[A-Za-z]")
_SPEED = re.compile(r"(?<=[0-9}])[ ~]+m/s(\^(?:2|\{2\}))?\Z")  # the one unit of letters that needs no \text
_DOLLAR = re.compile(r"(?<!\\)\$")
_PAIRS = (("\\(", "\\)"), ("\\[", "\\]"), ("$$", "$$"), ("$", "$"), ('"', '"'))


def parse(text: str, rules: Rules = _DEFAULT_RULES, budgets: Budgets = _DEFAULT_BUDGETS) -> Node:
    r"""Returns the tree of ``text``.

    >>> parse(r"x \le 5").value
    ('<=',)

    Raises:
        Refusal: "unparsed" if the text is not of the grammar, "limit" if it is beyond a budget.
    """
    if len(text) > budgets.max_answer_chars:
        raise Refusal("limit", f"{len(text)} characters, at most {budgets.max_answer_chars} are read")
    if budgets.max_digits >= 30 and budgets.max_tokens >= 8:
        match = _PLAIN.fullmatch(text)
        if match is not None:
            return _plain(match)
    try:
        return _read(text, rules, budgets)
    except RecursionError:  # a budget of depth beyond what the interpreter's stack has left
        raise Refusal("limit", "nested too deeply") from None


def _plain(match: re.Match[str]) -> Node:
    """Returns the tree of an integer, decimal or fraction of integers, as the grammar would."""
    sign, whole, decimals, bottom, latex_top, latex_bottom = match.groups()
    node: Node
    if latex_top is not None or bottom is not None:
        top = Node("number", (), int(latex_top or whole))
        node = Node("divide", (top, Node("number", (), int(latex_bottom or bottom))))
    elif decimals:
        node = number(Fraction(int(whole + decimals), 10 ** len(decimals)))
    else:
        node = Node("number", (), int(whole))
    return Node("negate", (node,)) if sign == "-" else node


def _read(text: str, rules: Rules, budgets: Budgets) -> Node:
    body, is_words = _unwrapped(normalise(text))
    if not body:
        raise Refusal("unparsed", "no answer")
    body = _SPEED.sub(r" \\text{ m/s}\1", _with_plain_name(body))
    try:
        tokens = Lexer(body, rules, budgets).tokens
        node = Statements(tokens, rules, budgets).read()
    except Refusal as refusal:
        words = _as_words(body, is_words) if refusal.reason == "unparsed" else None
        if words is None:
            raise
        return Node("text", (), words)
    if is_words and node.head == "product" and body.isalpha():  # \text{ba} is a word, whatever ba alone is
        return Node("text", (), body)
    if len(tokens) * 2 > budgets.max_depth:
        _check_depth(node, budgets.max_depth)
    return node


def _with_plain_name(text: str) -> str:
    r"""Returns ``f = ...`` for ``f(x) = ...``, and the like for other names; see docs/grammar.md."""
    match = _DEFINITION.match(text)
    if match is None:
        return text
    rest = text[match.end() :]
    if match["segment"] and _FREE_LETTER.search(rest):  # PV = nRT
        return text
    derived = match["derived"] or match["top"] or (match["of"] if match["prime"] else None)
    if derived:
        return f"{derived}_{{prime}}={rest}"
    if match["of"]:
        return f"{match['of']}={rest}"
    long = match["angle"] or match["segment"] or match["words"].replace(" ", "")
    return f"{'A' if match['angle'] else 'L'}_{{{long}}}={rest}"


def _check_depth(root: Node, max_depth: int) -> None:
    level, depth = [root], 0
    while level:
        depth += 1
        level = [child for node in level for child in node.args]
    if depth > max_depth:
        raise Refusal("limit", f"nested more than {max_depth} deep")


def _unwrapped(text: str) -> tuple[str, bool]:
    """Returns what is inside of delimiters, boxes and quotes around the whole; whether it stood as words."""
    is_words = False
    for _ in range(_MAX_WRAPPERS):
        before = text
        text = text.strip(_SPACES)
        if text.endswith(".") and not text.endswith(".."):
            text = text[:-1].rstrip(_SPACES)
        for opening, closing in _PAIRS:
            inner = text[len(opening) : len(text) - len(closing)]
            is_around = len(text) >= len(opening) + len(closing) and text.startswith(opening)
            if (
                is_around
                and text.endswith(closing)
                and not text.endswith("\\" + closing)
                and opening not in inner
            ):
                text = inner
                break
        group = _GROUP.match(text)
        if group is not None and text.endswith("}") and _closes_at_end(text, group.end()):
            is_words = is_words or group[1] not in ("boxed", "fbox")
            text = text[group.end() : -1]
        if text == before:
            break
    return _without_dollars(text), is_words


def _closes_at_end(text: str, start: int) -> bool:
    """Returns whether the brace that opens before ``start`` closes with the last character."""
    depth = 1
    for brace in re.finditer(r"\\.|[{}]", text[start:]):
        depth += {"{": 1, "}": -1}.get(brace[0], 0)
        if depth == 0:
            return start + brace.end() == len(text)
    return False


def _without_dollars(text: str) -> str:
    """Returns ``$5$ cm`` without its delimiters; amounts of dollars stay."""
    if not text.startswith("$"):
        return text
    signs = list(_DOLLAR.finditer(text))
    after = text[signs[-1].end() :]
    if len(signs) % 2 or any(character.isdigit() for character in after):
        return text
    return _DOLLAR.sub(" ", text)


def _as_words(text: str, is_words: bool) -> str | None:
    r"""Returns the words that ``text`` is, None if it is something else that could not be read.

    Inside ``\text`` anything without LaTeX is words. Outside, it must begin with a letter, have a word and
    hold only letters, digits, spaces and ``' - . , & ! ?``.
    """
    collapsed = " ".join(text.split())
    if is_words:
        has_letter = any(map(str.isalpha, collapsed))
        return collapsed if has_letter and not set("\\{}$^_") & set(collapsed) else None
    if not collapsed[:1].isalpha() or not any(map(_is_word, _LETTERS.findall(collapsed))):
        return None
    for character in set(collapsed):
        is_letter = unicodedata.category(character)[0] in "LM"
        if not is_letter and not character.isdigit() and character not in " '-.,&!?":
            return None
    return collapsed


def _is_word(letters: str) -> bool:
    is_name = letters in FUNCTION_NAMES or letters in CONSTANTS or letters in GREEK_NAMES
    return len(letters) > 1 and not is_name and split_letters(letters) is None
