"""Demonstrations that are wrong on purpose."""

from __future__ import annotations

import numpy as np

from lmgym.logic.equations.chains import Chain, Refusal, begin, play_line
from lmgym.tasks.equation.play import EquationReference


def spoil(reference: EquationReference, lines: list[str], rng: np.random.Generator) -> list[str]:
    """Returns the proof with one symbol of its last term changed, so that the line is refused."""
    chain = begin(reference.claim)
    for line in lines[:-1]:
        found = play_line(chain, line)
        chain = found if isinstance(found, Chain) else chain
    last = lines[-1]
    term, by, law = last.partition(" by ")
    signs = [*reference.claim.letters, *reference.claim.theory.signs.constants]
    places = [(at, new) for at, old in enumerate(term) if old in signs for new in signs if new != old]
    for place in rng.permutation(len(places)):
        at, new = places[int(place)]
        text = f"{term[:at]}{new}{term[at + 1 :]}{by}{law}"
        if isinstance(play_line(chain, text), Refusal):
            return [*lines[:-1], text]
    return [*lines[:-1], f"{last}x"]
