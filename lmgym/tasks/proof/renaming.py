"""A text for a sequent that is the same for every way of naming its symbols and ordering its premises.

The names of predicates, functions and free variables are told apart by where they stand, in rounds
(Weisfeiler and Leman 1968): a symbol's colour becomes the colours of all its surroundings. Sequents that
differ in names or in the order of premises only get the same text; two that really differ get the same one
only where no round tells them apart, which puts both into one split and does no harm.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict

from lmgym.logic.fitch import Sequent
from lmgym.logic.kernel import Expression

_NUM_ROUNDS = 4
_NAMED = ("variable", "function", "predicate")


def key_of(sequent: Sequent) -> str:
    """Returns the canonical text of ``sequent``."""
    colours: dict[str, str] = {}
    formulas = (*sequent.premises, sequent.goal)
    for _ in range(_NUM_ROUNDS):
        seen = defaultdict[str, list[str]](list)
        for place, formula in enumerate(formulas):
            marks = list[str]()
            text = _write(formula, colours, marks)
            role = "|-" if place == len(sequent.premises) else ""
            for at, symbol in enumerate(marks):
                seen[symbol].append(f"{role}{at} {text}")
        colours = {symbol: _short("\n".join(sorted(where))) for symbol, where in seen.items()}
    ranks = {colour: str(rank) for rank, colour in enumerate(sorted(set(colours.values())))}
    names = {symbol: ranks[colour] for symbol, colour in colours.items()}
    premises = sorted(_write(premise, names, []) for premise in sequent.premises)
    return f"{', '.join(premises)} |- {_write(sequent.goal, names, [])}"


def _write(part: Expression, colours: dict[str, str], marks: list[str]) -> str:
    """Returns ``part`` with colours for names, and appends the symbols to ``marks`` as they come."""
    head = part.kind[:2] if part.kind != "bound" else part.name
    if part.kind in _NAMED:
        symbol = f"{part.kind} {part.name}"
        marks.append(symbol)
        head += colours.get(symbol, "")
    if not part.parts:
        return head
    return f"{head}({' '.join([_write(each, colours, marks) for each in part.parts])})"


def _short(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()
