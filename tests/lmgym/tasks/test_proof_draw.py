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
from lmgym.tasks.proof.draw import Drawn, draw_sequents
from lmgym.tasks.proof.knobs import LEVELS, knobs_of_split
from lmgym.tasks.proof.measure import rename
from lmgym.tasks.proof.polish import formula_of, has_idle_part, parts_of, text_of, truth_of
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
        (1, "ood_depth"),
        (4, "ood_depth"),
        (8, "ood_depth"),
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
        names: dict[str, str] = {}
        assert not any(has_idle_part(text_of(part, names)) for part in (*sequent.premises, sequent.goal))
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
            premises = [rename(premise, dict(naming)) for premise in sequent.premises]
            rng.shuffle(premises)
            assert canonical_text(premises, rename(sequent.goal, dict(naming))) == key


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


def test_one_key_has_one_proof() -> None:
    """Two problems of one key differ in names and order alone, and so do their proofs."""
    shapes: dict[str, tuple[tuple[int, str], ...]] = {}
    num_again = 0
    for key, _, proof, _ in drawn(1, "train", 200):
        shape = tuple((line.depth, line.rule) for line in proof)
        num_again += key in shapes
        assert shapes.setdefault(key, shape) == shape
    assert num_again > 5


@pytest.mark.parametrize(
    ("polish", "text", "rows"),
    [
        ("a", "a", 0b10),
        (">ab", "a->b", 0b1101),
        ("|&ab~c", "a&b|~c", 0b1000_1111),
        ("=a~a", "a<->~a", 0),
        (">Fa", "F->a", 0b11),
        ("&T~F", "T&~F", 0b1),
    ],
)
def test_polish_texts_are_formulas(polish: str, text: str, rows: int) -> None:
    """Truth tables by hand, of the atoms that occur; the others repeat them."""
    formula = parse_formula(text)
    assert formula_of(polish) is formula
    assert text_of(formula, {}) == polish
    assert [formula_of(part) for part in parts_of(polish)] == list(formula.parts)
    width = 1 << len({letter for letter in polish if letter.islower()})
    assert truth_of(polish) & ((1 << width) - 1) == rows


@pytest.mark.parametrize(
    ("polish", "is_idle"),
    [("&aa", True), (">b=cc", True), ("~||ab|ab", True), (">a>ab", False), ("&ab", False), ("a", False)],
)
def test_idle_parts(polish: str, is_idle: bool) -> None:
    assert has_idle_part(polish) is is_idle
