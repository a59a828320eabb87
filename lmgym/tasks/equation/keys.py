"""The canonical text of a claim: the same for claims that differ in the names of letters only.

The order of hypotheses and the direction of the goal are left out, too.
"""

from __future__ import annotations

import re

from lmgym.logic.equations.theories import ELEMENTS
from lmgym.tasks.equation.theorems import Proved

_LETTER = re.compile(f"[{ELEMENTS}]")


def key_of(proved: Proved) -> str:
    """Returns the canonical text, ``group a*b=c |- c*b'=a`` with letters in the order in which they occur."""
    theory = proved.theory
    sides = theory.write(proved.left), theory.write(proved.right)
    assumed = [theory.write_equation(each) for each in proved.hypotheses]
    keys = ["=".join(each) for each in (sides, sides[::-1])]
    return f"{theory.name} " + min(_rename(key, assumed) for key in keys)


def _rename(goal: str, assumed: list[str]) -> str:
    """Returns goal and hypotheses with letters renamed; hypotheses by shape, then by what is known."""
    names: dict[str, str] = {}
    found = _put(goal, names)
    left = sorted(assumed, key=lambda text: (_shape(text), text))
    while left:
        best = min(left, key=lambda text: (_put(text, dict(names)), text))
        left.remove(best)
        found += f"; {_put(best, names)}"
    return found


def _shape(text: str) -> str:
    return _LETTER.sub("?", text)


def _put(text: str, names: dict[str, str]) -> str:
    """Returns ``text`` with names for its letters, new ones added to ``names``."""
    for letter in _LETTER.findall(text):
        if letter not in names:
            names[letter] = ELEMENTS[len(names)]
    return _LETTER.sub(lambda found: names[found[0]], text)
