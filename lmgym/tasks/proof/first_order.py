"""Drawing first-order sequents with a proof: a shape, a chain of steps, and premises that nothing needs."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, replace
from typing import NamedTuple

from lmgym.logic.fitch import Line, Sequent
from lmgym.logic.kernel import Formula, Term, connect, variable
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.proof.renaming import key_of
from lmgym.tasks.proof.shapes import CLASSICAL_SHAPES, SHAPES
from lmgym.tasks.proof.steps import STEPS, Fact, Pen, Property
from lmgym.tasks.stream import Words

EXTRA_STEPS = 2
"""Steps that "ood_length" has beyond the level's most."""


@dataclass(frozen=True, kw_only=True)
class FirstOrder:
    """What the problems of a level are made of."""

    shapes: tuple[str, ...]
    steps: tuple[str, ...]
    min_steps: int = 1
    max_steps: int = 2
    max_distractors: int = 1
    """Premises that nothing needs."""
    max_premises: int = 5
    """Premises in all; every problem of "ood_length" has more."""
    logic: str = "intuitionistic"
    """"intuitionistic": no problem needs a classical rule; "classical": all do; "any": some do."""
    sizes: tuple[int, int, int, int]
    """Lines of a proof, characters of a line, of a proof and of a prompt, at most, over all splits."""

    @property
    def name(self) -> str:
        """Every field, in a text that is stable between versions of Python."""
        return ",".join(f"{field.name}={getattr(self, field.name)}" for field in dataclasses.fields(self))


_ONE = ("of_one", "some_of_one", "one_of_all")
_BOXED = ("all_of_all", "all_from_to", "some_of_some", "both_of_some")
_MIXED = ("of_equal", "exchange")
_NEGATED = ("none", "not_some", "not_all", *CLASSICAL_SHAPES)
_FLAT_STEPS = ("imply", "split", "join", "curried", "equivalent")
_BOXED_STEPS = ("cases", "exclude", "refute")
_TERM_STEPS = ("image", "fixed", "through", "witness")

_ALL_STEPS = (*_FLAT_STEPS, *_BOXED_STEPS, *_TERM_STEPS)

LEVELS: tuple[FirstOrder, ...] = (
    FirstOrder(shapes=_ONE, steps=_FLAT_STEPS, sizes=(18, 32, 400, 224)),
    FirstOrder(
        shapes=(*_ONE, *_BOXED), steps=(*_FLAT_STEPS, *_BOXED_STEPS), max_distractors=2, max_premises=7,
        sizes=(38, 40, 960, 336),
    ),
    FirstOrder(
        shapes=(*_ONE, *_BOXED, *_MIXED), steps=_ALL_STEPS, max_distractors=2, max_premises=8,
        sizes=(40, 56, 1000, 336),
    ),
    FirstOrder(
        shapes=(*_BOXED, *_MIXED, *_NEGATED), steps=_ALL_STEPS, min_steps=0, max_steps=4, max_distractors=3,
        max_premises=10, logic="any", sizes=(56, 56, 1400, 480),
    ),
)  # fmt: skip
"""The first-order levels, easiest first."""


class DrawnSequent(NamedTuple):
    """A sequent, the canonical text that decides its split, and a proof in natural form."""

    key: str
    sequent: Sequent
    proof: tuple[Line, ...]


def with_logic(knobs: FirstOrder, logic: str) -> FirstOrder:
    """Returns ``knobs`` with those shapes only that ``logic`` admits."""
    if logic == "classical":
        return replace(knobs, shapes=CLASSICAL_SHAPES, logic=logic)
    shapes = knobs.shapes
    if logic == "intuitionistic":
        shapes = tuple(name for name in shapes if name not in CLASSICAL_SHAPES)
    return replace(knobs, shapes=shapes, logic=logic)


def draw_first_order(knobs: FirstOrder, split: str, words: Words) -> DrawnSequent | None:
    """Returns a provable sequent for ``split``, None if what was drawn does not belong there.

    "ood_length" has more steps, and more premises than any problem of the other splits.

    Args:
        knobs: the level's.
        split: where it is to belong.
        words: the source of randomness.
    """
    is_longer = split == "ood_length"
    num_steps = _draw_num_steps(knobs, is_longer, words)
    pen, facts = Pen(words), list[Property]()

    def chain(fact: Fact, term: Term) -> Fact:
        facts.append(fact.has)
        for _ in range(num_steps):
            fact = STEPS[knobs.steps[words.below(len(knobs.steps))]](pen, fact, term)
            facts.append(fact.has)
        return fact

    goal = SHAPES[knobs.shapes[words.below(len(knobs.shapes))]](pen, chain)
    num_distractors = knobs.max_distractors if is_longer else words.below(knobs.max_distractors + 1)
    for _ in range(num_distractors):
        _distract(pen, facts)
    premises = pen.sketch.premises
    if goal in premises or (len(premises) > knobs.max_premises) != is_longer:
        return None
    key = key_of(Sequent(tuple(premises), goal))
    if split in HASHED_SPLITS and split_of(key) != split:
        return None
    sequent, proof = pen.sketch.finish(goal, _shuffled(len(premises), words))
    return DrawnSequent(key, sequent, proof)


def _draw_num_steps(knobs: FirstOrder, is_longer: bool, words: Words) -> int:
    if is_longer:
        return knobs.max_steps + EXTRA_STEPS
    return knobs.min_steps + words.below(knobs.max_steps - knobs.min_steps + 1)


def _distract(pen: Pen, facts: list[Property]) -> None:
    """Adds a law from a property to a new one, from a new one, or back from a property to an earlier one."""
    at = pen.words.below(len(facts))
    some, x = facts[at], variable("x")
    kind = pen.words.below(3)
    if kind == 0:
        law: Formula = connect("implies", some(x), pen.new_property()(x))
    elif kind == 1 or not at:
        law = connect("implies", pen.new_property()(x), some(x))
    else:
        law = connect("implies", some(x), facts[pen.words.below(at)](x))
    pen.law(law)


def _shuffled(count: int, words: Words) -> list[int]:
    left = list(range(count))
    return [left.pop(words.below(len(left))) for _ in range(count)]
