"""The canonical text of a propositional sequent: the same for all namings of atoms and orders of premises.

Out of all orders of the premises, with atoms numbered as they first occur (in the goal first), it is the
one whose text is the smallest, premise by premise. Only premises that tie are tried in every order, so the
price is small where few premises look alike. Left out: equivalences such as that of ``p & q`` and ``q &
p``.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmgym.logic.kernel import Formula
from lmgym.tasks.proof.polish import BINARY, text_of

_NO_ATOMS = frozenset(BINARY + "~TF")
_Naming = dict[int, str]
"""From a letter's code to the letter that it becomes, for ``str.translate``."""


def canonical_text(premises: Sequence[Formula], goal: Formula) -> str:
    """Returns a text that two sequents share if and only if they differ in names and order alone."""
    names: dict[str, str] = {}
    return canonical_polish([text_of(premise, names) for premise in premises], text_of(goal, names))


def canonical_polish(premises: Sequence[str], goal: str) -> str:
    """Returns the canonical text of a sequent whose formulas are Polish texts."""
    naming: _Naming = {}
    goal_text = _write(goal, naming)
    return ",".join(_smallest(list(premises), naming)) + "|-" + goal_text


def parts_of_key(key: str) -> tuple[list[str], str]:
    """Returns the premises and the goal of a canonical text, as Polish texts."""
    premises, _, goal = key.partition("|-")
    return premises.split(",") if premises else [], goal


def _write(text: str, naming: _Naming) -> str:
    """Returns the formula with the letters of ``naming``; new atoms get the next letters in it."""
    for letter in text:
        if letter not in _NO_ATOMS and ord(letter) not in naming:
            naming[ord(letter)] = chr(97 + len(naming))
    return text.translate(naming)


def _smallest(rest: list[str], naming: _Naming) -> list[str]:
    if not rest:
        return []
    texts = [_write(text, dict(naming)) for text in rest]
    first = min(texts)
    found: list[str] | None = None
    tried: set[str] = set()
    for place, text in enumerate(texts):
        if text != first or rest[place] in tried:
            continue
        tried.add(rest[place])
        after = dict(naming)
        _write(rest[place], after)
        tail = _smallest(rest[:place] + rest[place + 1 :], after)
        if found is None or tail < found:
            found = tail
        if after == naming:  # no atom was new, so every choice leads to the same
            break
    assert found is not None
    return [first, *found]
