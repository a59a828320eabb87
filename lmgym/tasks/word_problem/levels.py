"""What the levels of word problems allow."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from lmgym.tasks.word_problem.graph import KINDS, GraphRules, Unit


class Level(NamedTuple):
    """The shape of a level's problems."""

    num_steps: int
    """Operations that the answer needs."""
    num_asides: int
    """Sentences that it does not need."""
    max_number: int
    """Greatest number that is given, added or taken away."""
    max_value: int
    """Greatest result on the way."""
    new_kinds: tuple[str, ...]
    """Kinds of steps that this level adds to those of the levels below."""
    units: tuple[Unit, ...]
    """What a problem may begin with."""


LEVELS: Mapping[int, Level] = MappingProxyType(
    {
        1: Level(1, 0, 50, 100, ("more", "fewer", "gain", "lose", "total", "difference"), ("item",)),
        2: Level(2, 0, 50, 100, ("times", "sum"), ("item", "money")),
        3: Level(3, 1, 50, 150, ("part", "pack", "hold"), ("item", "container", "money")),
        4: Level(4, 1, 60, 200, ("sell", "buy", "lose_part"), ("item", "container", "money")),
        5: Level(5, 1, 60, 400, ("fraction", "produce", "earn"), ("item", "container", "money", "time")),
        6: Level(6, 2, 100, 1000, ("percent_more", "percent_fewer", "lose_percent"),
                 ("item", "container", "money", "time")),
        7: Level(7, 2, 100, 1000, (), ("item", "container", "money", "time")),
        8: Level(8, 3, 100, 2000, (), ("item", "container", "money", "time")),
    }
)  # fmt: skip
HELD_OUT_UNITS: tuple[Unit, ...] = ("distance",)
"""What the problems of "ood_scenario" are about."""


def kinds_of(level: int) -> frozenset[str]:
    """Returns the kinds of steps that ``level`` allows."""
    kinds = frozenset(kind for number in range(1, level + 1) for kind in LEVELS[number].new_kinds)
    assert kinds <= set(KINDS), kinds
    return kinds


def make_rules(level: int, max_number: int, max_value: int) -> GraphRules:
    """Returns what may be drawn on ``level``."""
    return GraphRules(
        kinds=kinds_of(level), units=LEVELS[level].units, max_number=max_number, max_value=max_value
    )
