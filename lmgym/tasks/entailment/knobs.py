"""What problems of entailment are made of: the knobs, their allowed values, and the levels that set them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from lmgym.tasks.options import check_bool, check_choice, check_int

ONTOLOGIES = ("fictional", "false", "true")
EXTRA_HOPS = 2
"""Rules that "ood_length" adds to every chain."""
MAX_TRUE_HOPS = 5
"""Rules in the longest chain of the true ontology."""


@dataclass(frozen=True, kw_only=True)
class Knobs:
    """The shape of the problems. Fields are checked by ``make_knobs``."""

    num_hops: int = 1
    """Rules in each chain, in [1, 6]."""
    num_distractors: int = 0
    """Rules beside each chain, in [0, 4]."""
    num_bystanders: int = 0
    """Other people of whom something is said, in [0, 3]."""
    unknown: bool = False
    """Whether there are statements that neither follow nor are refuted."""
    negations: bool = False
    """Whether chains go over what things are not."""
    conjunctions: bool = False
    """Whether rules say or need two things joined by "and"."""
    disjunctions: bool = False
    """Whether facts and conditions have two things joined by "or"."""
    contrapositives: bool = False
    """Whether rules have to be used backward."""
    quantified: bool = False
    """Whether half of the statements say "every" or "some"."""
    ontology: str = "fictional"
    """"fictional": made-up kinds; "false": real kinds in a made-up order; "true": as in the world."""

    @property
    def name(self) -> str:
        """Every field, in a text that is stable between versions of Python."""
        return ",".join(f"{field.name}={getattr(self, field.name)}" for field in dataclasses.fields(self))

    @property
    def answers(self) -> tuple[str, ...]:
        """The answers that occur, equally likely."""
        return ("true", "false", "unknown") if self.unknown else ("true", "false")

    @property
    def num_chains(self) -> int:
        """One that leads to what is asked, one to the opposite, and one beside both if that can be asked."""
        return 3 if self.unknown or self.quantified else 2

    @property
    def max_premises(self) -> int:
        """Premises of a problem, at most."""
        rules = self.num_hops * (1 + self.conjunctions) + self.disjunctions + self.num_distractors
        return self.num_chains * rules + 1 + self.num_bystanders

    @property
    def max_lines(self) -> int:
        """Lines of a demonstrated proof, at most."""
        return self.num_hops * (1 + self.conjunctions) + 3


_FULL: dict[str, Any] = dict(
    unknown=True, negations=True, conjunctions=True, disjunctions=True, contrapositives=True
)

LEVELS: Mapping[int, Knobs] = {
    1: Knobs(num_hops=1),
    2: Knobs(num_hops=2),
    3: Knobs(num_hops=2, num_bystanders=1, unknown=True),
    4: Knobs(num_hops=3, num_distractors=1, num_bystanders=1, unknown=True, negations=True),
    5: Knobs(
        num_hops=3, num_distractors=1, num_bystanders=1, unknown=True, negations=True, conjunctions=True
    ),
    6: Knobs(num_hops=3, num_distractors=2, num_bystanders=2, **_FULL | {"contrapositives": False}),
    7: Knobs(num_hops=4, num_distractors=2, num_bystanders=2, **_FULL),
    8: Knobs(num_hops=5, num_distractors=3, num_bystanders=3, quantified=True, **_FULL),
}
"""The knobs of each level; docs/environments/entailment.md shows the same table with examples."""

_RANGES = {"num_hops": (1, 6), "num_distractors": (0, 4), "num_bystanders": (0, 3)}


def make_knobs(base: Knobs, overrides: Mapping[str, object]) -> Knobs:
    """Returns ``base`` with those of ``overrides`` that are not None in its place.

    The true ontology has only rules that say that one kind is another, so it takes the place of the level's
    connectives, and has at most ``MAX_TRUE_HOPS`` hops.

    Raises:
        InvalidValueError: a value is out of its range.
        UnknownNameError: an ontology that does not exist.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    ontology = check_choice("ontology", given.get("ontology", base.ontology), ONTOLOGIES)
    values: dict[str, Any] = vars(base) | (_plain(base) if ontology == "true" else {}) | given
    checked: dict[str, Any] = {"ontology": ontology}
    for name, (low, high) in _RANGES.items():
        is_hops = ontology == "true" and name == "num_hops"
        checked[name] = check_int(name, values[name], low, MAX_TRUE_HOPS - EXTRA_HOPS if is_hops else high)
    for name in _SWITCHES:
        checked[name] = check_bool(name, values[name])
        if ontology == "true" and name != "unknown":
            check_choice(f"{name}, with ontology='true',", str(checked[name]), ("False",))
    return Knobs(**checked)


_SWITCHES = ("unknown", "negations", "conjunctions", "disjunctions", "contrapositives", "quantified")


def _plain(base: Knobs) -> dict[str, Any]:
    switches = {name: False for name in _SWITCHES if name != "unknown"}
    return {"num_hops": min(base.num_hops, MAX_TRUE_HOPS - EXTRA_HOPS), **switches}


def knobs_of_split(knobs: Knobs, split: str) -> Knobs:
    """Returns the knobs that the problems of ``split`` are drawn with."""
    if split == "ood_length":
        return dataclasses.replace(knobs, num_hops=knobs.num_hops + EXTRA_HOPS)
    return knobs
