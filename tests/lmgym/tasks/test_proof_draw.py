"""Propositional problems: provable, of the lengths asked for, and known by one text under any naming."""

from __future__ import annotations

import random

import pytest

from lmgym.logic.fitch import ProofState, begin, extend
from lmgym.logic.kernel import Formula, predicate
from lmgym.logic.notation import parse_formula
from lmgym.logic.proof_search import is_provable
from lmgym.seeding import make_generator
from lmgym.tasks.base import split_of
from lmgym.tasks.proof.canonical import canonical_text
from lmgym.tasks.proof.construct import rename
from lmgym.tasks.proof.draw import Drawn, draw_sequents
from lmgym.tasks.proof.knobs import LEVELS, knobs_of_split
from lmgym.tasks.stream import Words


def drawn(level: int, split: str, count: int, seed: int = 0) -> list[Drawn]:
    return draw_sequents(LEVELS[level], split, count, Words(make_generator(seed, "draw", level, split)))


@pytest.mark.parametrize(
    ("level", "split"),
    [
        *((level, "train") for level in LEVELS),
        (1, "test"),
        (4, "validation"),
        (2, "ood_length"),
        (4, "ood_depth"),
    ],
)
def test_problems_keep_what_the_knobs_say(level: int, split: str) -> None:
    knobs = knobs_of_split(LEVELS[level], split)
    for key, sequent, proof, min_lines in drawn(level, split, 6 if level < 8 else 2):
        state = begin(sequent, classical=knobs.logic != "intuitionistic")
        for line in proof:
            after = extend(state, line)
            assert isinstance(after, ProofState), after
            state = after
        assert state.is_proved
        assert min_lines <= len(proof)
        assert knobs.min_lines <= len(proof) <= knobs.max_lines
        assert knobs.min_depth <= max(line.depth for line in proof) <= knobs.max_depth
        assert sequent.goal not in sequent.premises
        assert is_provable(sequent.premises, parse_formula("F")) is False
        assert is_provable((), sequent.goal) is False or split == "ood_depth"
        if knobs.logic == "classical":
            assert is_provable(*sequent, classical=False) is False
        assert key == canonical_text(*sequent)
        assert split.startswith("ood") or split_of(key) == split


def test_problems_are_a_function_of_the_words() -> None:
    assert drawn(3, "train", 5) == drawn(3, "train", 5)
    assert drawn(3, "train", 5) != drawn(3, "train", 5, seed=1)


def test_lengths_are_balanced() -> None:
    lengths = [len(each.proof) for each in drawn(4, "train", 90)]
    assert all(20 <= lengths.count(length) <= 40 for length in (3, 4, 5))


def test_key_under_renaming_and_reordering() -> None:
    rng = random.Random(1)
    names = "pqrstu"
    for level in (2, 3, 6):
        for key, sequent, _, _ in drawn(level, "train", 12):
            other = rng.sample(names, len(names))
            naming: dict[Formula, Formula] = {
                predicate(old): predicate(new) for old, new in zip(names, other, strict=True)
            }
            premises = [rename(premise, naming) for premise in sequent.premises]
            rng.shuffle(premises)
            assert canonical_text(premises, rename(sequent.goal, naming)) == key


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("p,p->q|-q", "p,q->p|-q"),
        ("p&q|-p", "p&q|-q"),
        ("p->q,r->s|-p|r", "p->q,r->s|-p|s"),
        ("p->q,q->r,r->p|-p", "p->q,q->p,r->r|-p"),
    ],
)
def test_different_sequents_have_different_keys(left: str, right: str) -> None:
    keys = []
    for text in (left, right):
        premises, _, goal = text.partition("|-")
        keys.append(
            canonical_text([parse_formula(each) for each in premises.split(",")], parse_formula(goal))
        )
    assert keys[0] != keys[1]
