"""Short ways to write sequents and formulas in tests."""

from __future__ import annotations

from lmgym.logic.fitch import Check, Sequent, begin, check_text
from lmgym.logic.kernel import Formula
from lmgym.logic.notation import parse_formula


def formulas(text: str) -> list[Formula]:
    return [parse_formula(each) for each in text.split(";") if each.strip()]


def sequent(text: str) -> Sequent:
    """Reads ``p->q; p |- q``."""
    premises, _, goal = text.rpartition("|-")
    return Sequent(tuple(formulas(premises)), parse_formula(goal))


def check(text: str, proof: str, **logic: bool) -> Check:
    """Checks lines written with ``/`` for the ends of lines."""
    return check_text(begin(sequent(text), **logic), proof.replace(" / ", "\n"))
