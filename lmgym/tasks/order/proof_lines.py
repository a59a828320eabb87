"""Lines of proofs of comparisons, read and written: ``4. A>C 1,2``, ``5. A>B 1`` and ``case A>B>C``.

Comes in: any text of one line. Goes out: what it says. Blanks between numbers, names and signs are free, the
line's own number may be left out, ``C<A`` is ``A>C``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

from lmgym.tasks.order.answers import MAX_ANSWER_CHARS
from lmgym.tasks.order.logic import Fact

CASE: Final = "case"
BLANKS: Final = " \t\r"
_NUMBER, _NAME, _BLANKS = "[1-9][0-9]{0,2}", "[A-Za-z]{1,20}", f"[{BLANKS}]*"
_DERIVED = re.compile(
    f"(?:({_NUMBER}){_BLANKS}\\.{_BLANKS})?({_NAME}){_BLANKS}([<>]){_BLANKS}({_NAME}){_BLANKS}"
    f"({_NUMBER})(?:{_BLANKS},{_BLANKS}({_NUMBER}))?"
)
_CASE = re.compile(f"{CASE}[{BLANKS}]+({_NAME}(?:{_BLANKS}>{_BLANKS}{_NAME})+)")
_BLANK = re.compile(f"[{BLANKS}]")
_DOUBLED = re.compile(f"(?<=[A-Za-z])[{BLANKS}]+(?=[A-Za-z])|(?<=[0-9])[{BLANKS}]+(?=[0-9])")


class Derived(NamedTuple):
    """A comparison and the numbers of the one or two lines that it follows from."""

    fact: Fact
    cited: tuple[int, ...]
    number: int | None = None
    """Of the line itself, where it is written."""


class Case(NamedTuple):
    """An order of all objects that is possible, the greatest first."""

    order: tuple[str, ...]


def read_line(text: str) -> Derived | Case | None:
    """Returns what a line says, None if it is neither. Takes any text without whitespace around it."""
    if len(text) > MAX_ANSWER_CHARS:
        return None
    if (found := _DERIVED.fullmatch(text)) is not None:
        number, one, sign, other, first, second = found.groups()
        fact = (one, other) if sign == ">" else (other, one)
        cited = (int(first), int(second)) if second else (int(first),)
        return Derived(fact, cited, int(number) if number else None)
    if (found := _CASE.fullmatch(text)) is not None:
        return Case(tuple(piece.strip(BLANKS) for piece in found[1].split(">")))
    return None


def write_line(line: Derived | Case) -> str:
    """Returns the canonical text of a line."""
    if isinstance(line, Case):
        return f"{CASE} {'>'.join(line.order)}"
    number = "" if line.number is None else f"{line.number}. "
    return f"{number}{'>'.join(line.fact)} {','.join(map(str, line.cited))}"


def begins_any(partial: str, lines: Iterable[Derived]) -> bool:
    """Returns whether some writing of one of ``lines`` begins with ``partial``. Exact.

    Args:
        partial: without whitespace before it.
        lines: with their numbers, which may be left out.
    """
    said = _DOUBLED.sub("_", partial)  # no line has two names or numbers side by side
    is_ended = said[-1:].isspace()
    said = _BLANK.sub("", said)
    return any(
        whole.startswith(said) and not (is_ended and _goes_on(said, whole))
        for line in lines
        for whole in _writings(line)
    )


def _writings(line: Derived) -> Iterator[str]:
    (greater, lesser), cited = line.fact, ",".join(map(str, line.cited))
    for text in (f"{greater}>{lesser}{cited}", f"{lesser}<{greater}{cited}"):
        yield text
        yield f"{line.number}.{text}"


def _goes_on(said: str, whole: str) -> bool:
    """Returns whether the last name or number of ``said`` is not at its end."""
    pair = whole[len(said) - 1 : len(said) + 1]
    return len(pair) == 2 and (pair.isalpha() or pair.isdigit())


def read_case_so_far(partial: str) -> tuple[tuple[str, ...], str, bool] | None:
    """Returns the whole names, the last piece, and whether that can't grow, of what begins a case.

    None: nothing that begins so is a case. The text must not have whitespace before it.
    """
    word = partial[: len(CASE)]
    if not CASE.startswith(word):
        return None
    rest = partial[len(CASE) :]
    if not rest.strip(BLANKS):
        return (), "", False
    if rest[0] not in BLANKS:
        return None
    *before, last = rest.split(">")
    name = last.strip(BLANKS)
    return tuple(piece.strip(BLANKS) for piece in before), name, bool(name) and last[-1] in BLANKS
