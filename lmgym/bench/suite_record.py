"""What a suite is: entries with their budgets, starts and anchors, seeds, and a hash of all that.

In: checked values (``lmgym.bench.suite_parsing``). Left out: files (``lmgym.bench.suites``).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

from lmgym.bench.digest import digest_problems
from lmgym.bench.fields import canonical_json
from lmgym.errors import UnknownNameError

Metric = Literal["success", "score", "reward"]
"""What an entry measures: the rate of success, the verdict's partial credit, or the sum of the rewards."""

ABILITIES = (
    "arithmetic", "proof", "logic", "search", "chat", "multi_turn", "basics", "credit", "exploration",
    "memory", "noise", "generalisation", "shortcuts",
)  # fmt: skip
"""What entries may be about."""


class Anchor(NamedTuple):
    """Two numbers of an entry's metric on a split, between which scores are normalised to 0 and 1."""

    random: float
    """Of an agent that draws every token uniformly from those that the task can need."""
    optimal: float
    """The greatest possible."""

    def normalise(self, value: float) -> float:
        """Returns ``(value - random) / (optimal - random)``; below 0 is worse than random."""
        return (value - self.random) / (self.optimal - self.random)


@dataclass(frozen=True, kw_only=True)
class WarmStart:
    """Supervised fine-tuning on demonstrations, from which every agent of an entry and seed starts."""

    until: float
    """It ends as soon as the greedy rate of success on the validation split is at least this, in (0, 1]."""
    iterations: int
    """Most updates."""
    batch_rows: int = 64
    """Demonstrations in an update."""
    optimizer: str = "muon"
    """"adamw" or "muon"."""
    learning_rate: float = 5e-3
    """After warm-up."""
    warmup_iterations: int = 10
    """Updates in which the learning rate rises."""
    evaluate_every: int = 5
    """Updates between two measurements of the rate of success."""
    validation_problems: int = 256
    """Different problems in each of them."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of a suite: an environment, what may be spent on it, and how it is measured."""

    name: str
    """Unique in the suite."""
    env: str
    """Id of the environment."""
    options: Mapping[str, Any]
    """Of the environment, without its split and tokenizer."""
    metric: Metric
    eval_splits: tuple[str, ...]
    """Splits that are measured at the end; the first is the headline, which the suite's numbers are of."""
    num_problems: int
    """Different problems of each, fewer where a split has no more."""
    budget: int
    """Tokens that an agent may act in training."""
    curve_points: int
    """Measurements on the validation split while training, evenly over the budget."""
    curve_problems: int
    """Different problems of each of them."""
    model: str
    """What language models start from: a preset or a folder."""
    warm_start: WarmStart | None
    """None: from the preset's random weights, or the folder's."""
    abilities: tuple[str, ...]
    """What the entry is about; see ``ABILITIES``."""
    anchors: Mapping[str, Anchor]
    """For every split of ``eval_splits`` and for "validation"."""
    anchors_source: str
    """How they are known."""

    @property
    def headline(self) -> str:
        """The split that the suite's numbers are of."""
        return self.eval_splits[0]

    def normalise(self, split: str, value: float) -> float:
        """Returns the normalised score of a metric's value; 0 is random, 1 is optimal.

        Raises:
            UnknownNameError: the entry has no anchors for ``split``.
        """
        if split not in self.anchors:
            raise UnknownNameError(f"split with anchors of {self.name}", split, self.anchors)
        return self.anchors[split].normalise(value)


@dataclass(frozen=True, kw_only=True)
class Suite:
    """Entries and seeds, under a name and a version."""

    name: str
    version: int
    summary: str
    """What it is for, in a line."""
    seeds: tuple[int, ...]
    entries: tuple[Entry, ...]

    @property
    def id(self) -> str:
        """Name and version, such as ``lmgym-quick-1``."""
        return f"lmgym-{self.name}-{self.version}"

    @cached_property
    def hash(self) -> str:
        """SHA-256, in hexadecimal, of the data and of the first problems of every entry and split.

        It is another where an environment has changed its version, its options or silently its problems.
        """
        problems = {
            entry.name: digest_problems(entry.env, entry.options, _splits(entry)) for entry in self.entries
        }
        return hashlib.sha256(
            canonical_json({"suite": self.to_dict(), "problems": problems}).encode()
        ).hexdigest()

    def entry(self, name: str) -> Entry:
        """Returns an entry by its name; raises UnknownNameError if there is none."""
        for entry in self.entries:
            if entry.name == name:
                return entry
        raise UnknownNameError(f"entry of {self.id}", name, [entry.name for entry in self.entries])

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, as the suite's file holds them."""
        plain = asdict(self)
        plain["seeds"] = list(self.seeds)
        plain["entries"] = [_entry_to_dict(entry) for entry in self.entries]
        return plain


def _entry_to_dict(entry: Entry) -> dict[str, Any]:
    plain = asdict(entry)
    plain["eval_splits"], plain["abilities"] = list(entry.eval_splits), list(entry.abilities)
    plain["anchors"] = {split: anchor._asdict() for split, anchor in entry.anchors.items()}
    return plain


def _splits(entry: Entry) -> tuple[str, ...]:
    return tuple(dict.fromkeys(("train", "validation", *entry.eval_splits)))
