"""Lines of a proof: the values, and their text. docs/proofs.md has the language."""

from __future__ import annotations

import re
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple

from lmgym.logic.kernel import Formula
from lmgym.logic.notation import (
    MAX_CHARS,
    FormulaError,
    Signature,
    Style,
    parse_formula,
    write_formula,
)

MAX_LINE_CHARS: Final = MAX_CHARS + 200
RULES: Final = (
    "as", "R", "&I", "&E", "|I", "|E", "->I", "->E", "<->I", "<->E", "~I", "~E", "FE", "TI", "DNE", "RAA",
    "LEM", "allI", "allE", "exI", "exE", "=I", "=E", "IND", "pr",
)  # fmt: skip
"""Names of all rules; ``pr`` marks the premises and can't be played."""
_UNICODE: Final = {
    "&I": "∧I", "&E": "∧E", "|I": "∨I", "|E": "∨E", "->I": "→I", "->E": "→E", "<->I": "↔I", "<->E": "↔E",
    "~I": "¬I", "~E": "¬E", "FE": "⊥E", "TI": "⊤I", "allI": "∀I", "allE": "∀E", "exI": "∃I", "exE": "∃E",
}  # fmt: skip
_BY_TEXT: Final = {rule: rule for rule in RULES} | {sign: rule for rule, sign in _UNICODE.items()}
_USUAL: Final = re.compile(
    r"(?:([0-9]+)\. ?)?+(\|*+)(?![0-9]+[ \t]*\.)([^ \t|│](?:.*[^ \t])?) ([^ 0-9][^ ]*)(?: ([0-9][0-9,\-]*))?"
)
"""Lines as they are written; the others are read more slowly."""
_HEAD: Final = re.compile(r"[ \t]*(?:([0-9]+)[ \t]*\.)?[ \t]*((?:[|│][ \t]*)*)")
_CITATIONS: Final = re.compile(r"[0-9][0-9,\-]*")
_CITATION: Final = re.compile(r"([1-9][0-9]{0,5})(?:-([1-9][0-9]{0,5}))?")


class Sequent(NamedTuple):
    """What is to be proved: ``goal`` from ``premises``."""

    premises: tuple[Formula, ...]
    goal: Formula


class Line(NamedTuple):
    """One line of a proof, without its number."""

    depth: int
    """Boxes (assumptions) it stands in; a line that opens one stands in it."""
    formula: Formula
    rule: str
    lines: tuple[int, ...] = ()
    """Numbers of the cited lines, from 1."""
    boxes: tuple[tuple[int, int], ...] = ()
    """First and last line of the cited boxes."""


class Refusal(NamedTuple):
    """Why a line is not accepted."""

    reason: str
    """One of the words of docs/proofs.md: "syntax", "scope", "mismatch" ..."""
    message: str
    """For a person."""


def parse_line(text: str, number: int, signature: Signature | None = None) -> Line | Refusal:
    """Returns the line that ``text`` writes, or why it is none; ``number`` is the one it must have if any."""
    if len(text) > MAX_LINE_CHARS:
        return Refusal("budget", f"longer than {MAX_LINE_CHARS} characters")
    usual = _USUAL.fullmatch(text)
    if usual is not None and (rule := _BY_TEXT.get(usual[4])) is not None:
        given, bars, formula_text, _, citations = usual.groups()
        depth = len(bars)
    else:
        head = _HEAD.match(text)
        assert head is not None
        given, bars = head.groups()
        found = _split(text[head.end() :])
        if found is None:
            return Refusal("syntax", "a line is a formula, a rule and what the rule cites, as in: p&q &I 1,2")
        formula_text, rule, citations = found
        depth = bars.count("|") + bars.count("│")
    if given is not None and given != str(number):
        return Refusal("number", f"this is line {number}")
    cited = _cited_briefly(citations or "") if len(citations or "") < 40 else _cited(citations)
    if cited is None:
        return Refusal("syntax", "citations are written like 1,2 or 3-5,6-8")
    try:
        return Line(depth, parse_formula(formula_text, signature), rule, *cited)
    except FormulaError as error:
        return Refusal("formula", str(error))


def _split(text: str) -> tuple[str, str, str] | None:
    """Returns the texts of formula and citations, and the rule between them."""
    rest, _, last = text.rpartition(" ")
    rule = _BY_TEXT.get(last)
    if rule is not None:
        return rest, rule, ""
    formula, _, name = rest.rpartition(" ")
    rule = _BY_TEXT.get(name)
    if rule is not None and _CITATIONS.fullmatch(last):
        return formula, rule, last
    words = text.replace("\t", " ").split(" ")
    tail = [word for word in words if word]
    cited = 0
    while cited < len(tail) and tail[-1 - cited] not in _BY_TEXT and tail[-1 - cited][0] in "0123456789,-":
        cited += 1
    if cited == len(tail) or (rule := _BY_TEXT.get(tail[-1 - cited])) is None:
        return None
    place = len(tail) - 1 - cited
    if any(not a.endswith(",") and not b.startswith(",") for a, b in pairwise(tail[place + 1 :])):
        return None
    return " ".join(tail[:place]), rule, "".join(tail[place + 1 :])


def _cited(text: str) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...]] | None:
    lines: list[int] = []
    boxes: list[tuple[int, int]] = []
    for each in text.split(",") if text else ():
        found = _CITATION.fullmatch(each)
        if found is None:
            return None
        first, last = found.groups()
        if last is None:
            lines.append(int(first))
        else:
            boxes.append((int(first), int(last)))
    return tuple(lines), tuple(boxes)


_cited_briefly = lru_cache(maxsize=8192)(_cited)


def write_line(line: Line, number: int, style: Style = "ascii") -> str:
    """Returns the text of ``line`` as line ``number`` of a proof: ``3. |q ->E 1,2``."""
    cited = ",".join([*map(str, line.lines), *(f"{first}-{last}" for first, last in line.boxes)])
    formula = write_formula(line.formula, style)
    if style == "ascii":
        start, rule = f"{number}. {'|' * line.depth}{formula} ", line.rule
    else:
        start, rule = f"{number}. {'| ' * line.depth}{formula}  ", _UNICODE.get(line.rule, line.rule)
    return f"{start}{rule} {cited}" if cited else start + rule
