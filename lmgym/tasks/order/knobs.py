"""What problems of comparison are made of: the knobs, their allowed values, and the levels that set them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import factorial
from typing import cast

from lmgym.errors import InvalidValueError
from lmgym.tasks.options import check_bool, check_choice, check_int
from lmgym.tasks.order.logic import CONTRADICTION, KINDS, NO, UNKNOWN, YES, Kind

EXTRA_OBJECTS = 3
"""Objects that "ood_length" adds to the chain."""
NUM_SORTED = 3
"""Objects that a "sort" question names."""


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The shape of the problems. Fields are checked by ``make_knobs``."""

    num_objects: int = 3
    """Objects of the chain, in [3, 12]."""
    num_bystanders: int = 0
    """Objects beside the chain, each compared with one that is there already; in [0, 5]."""
    num_irrelevant: int = 0
    """Premises of another relation between the same objects, in [0, 8]."""
    kinds: tuple[Kind, ...] = ("compare",)
    """Kinds of questions, each as likely as the other."""
    unknown: bool = False
    """Whether there are questions whose answer does not follow."""
    contradictions: bool = False
    """Whether there are premises that contradict one another."""
    mirrored: bool = False
    """Whether premises and questions are turned round one time in two: B<A for A>B."""

    @property
    def name(self) -> str:
        """Every field, in a text that is stable between versions of Python."""
        return ",".join(f"{field.name}={getattr(self, field.name)}" for field in dataclasses.fields(self))

    @property
    def total_objects(self) -> int:
        """Objects of a problem."""
        return self.num_objects + self.num_bystanders

    @property
    def max_premises(self) -> int:
        """Premises of a problem, at most: where contradictions occur, every problem has one more."""
        return self.total_objects - 1 + self.contradictions + self.num_irrelevant

    @property
    def keywords(self) -> tuple[str, ...]:
        """What can be said instead of a name or an order."""
        return (UNKNOWN,) * self.unknown + (CONTRADICTION,) * self.contradictions

    def classes(self, kind: Kind) -> tuple[str, ...]:
        """Returns the classes of answers to a kind of question, equally likely; "" is any name or order."""
        return (*((YES, NO) if kind == "compare" else ("",)), *self.keywords)

    def num_answers(self, kind: Kind) -> int:
        """Returns how many different answers of the right form there are."""
        names = {"compare": 2, "order": factorial(self.total_objects), "sort": factorial(NUM_SORTED)}
        return names.get(kind, self.total_objects) + len(self.keywords)


_EASY: tuple[Kind, ...] = ("compare", "largest", "smallest")

LEVELS: Mapping[int, Knobs] = {
    1: Knobs(num_objects=3),
    2: Knobs(num_objects=4, unknown=True),
    3: Knobs(num_objects=4, unknown=True, kinds=_EASY, mirrored=True),
    4: Knobs(num_objects=5, num_bystanders=1, unknown=True, kinds=_EASY, mirrored=True),
    5: Knobs(num_objects=5, num_bystanders=1, unknown=True, contradictions=True, kinds=KINDS, mirrored=True),
    6: Knobs(
        num_objects=6, num_bystanders=2, num_irrelevant=2, unknown=True, contradictions=True, kinds=KINDS,
        mirrored=True,
    ),
    7: Knobs(
        num_objects=8, num_bystanders=2, num_irrelevant=4, unknown=True, contradictions=True, kinds=KINDS,
        mirrored=True,
    ),
    8: Knobs(
        num_objects=10, num_bystanders=4, num_irrelevant=6, unknown=True, contradictions=True, kinds=KINDS,
        mirrored=True,
    ),
}  # fmt: skip
"""The knobs of each level; docs/environments/order.md shows the same table with examples."""


def make_knobs(base: Knobs, overrides: Mapping[str, object]) -> Knobs:
    """Returns ``base`` with those of ``overrides`` that are not None in its place.

    Raises:
        InvalidValueError: a value is out of its range.
        UnknownNameError: a kind of question that does not exist.
    """
    values = vars(base) | {name: value for name, value in overrides.items() if value is not None}
    return Knobs(
        num_objects=check_int("num_objects", values["num_objects"], 3, 12),
        num_bystanders=check_int("num_bystanders", values["num_bystanders"], 0, 5),
        num_irrelevant=check_int("num_irrelevant", values["num_irrelevant"], 0, 8),
        kinds=_check_kinds(values["kinds"]),
        unknown=check_bool("unknown", values["unknown"]),
        contradictions=check_bool("contradictions", values["contradictions"]),
        mirrored=check_bool("mirrored", values["mirrored"]),
    )


def knobs_of_split(knobs: Knobs, split: str) -> Knobs:
    """Returns the knobs that the problems of ``split`` are drawn with."""
    if split == "ood_length":
        return dataclasses.replace(knobs, num_objects=knobs.num_objects + EXTRA_OBJECTS)
    return knobs


def _check_kinds(given: object) -> tuple[Kind, ...]:
    kinds = (given,) if isinstance(given, str) else given
    if not isinstance(kinds, Iterable) or not (kinds := tuple(kinds)):
        raise InvalidValueError(f"kinds must name one or more of {KINDS}, got {given!r}.")
    chosen = {cast(Kind, check_choice("kinds", kind, KINDS)) for kind in kinds}
    return tuple(kind for kind in KINDS if kind in chosen)
