"""Suites: which problems agents are compared on, with how much training, frozen by name and version.

A suite is data, a JSON file in ``lmgym/bench/data`` or one of your own, and it has a hash: of the data and of
the first problems of every entry and split. Other problems, for whatever reason, are another hash, and
results of different hashes are not compared.

    suite = load_suite("quick")
    suite.id, suite.hash, [entry.name for entry in suite.entries]

Left out: running anything (``lmgym_agents.bench``) and what came out of it (``lmgym.bench.results``).
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal, NamedTuple, cast, get_args

from lmgym.bench.digest import digest_problems
from lmgym.bench.fields import Fields, canonical_json, read_json
from lmgym.errors import InvalidValueError, UnknownNameError

Metric = Literal["success", "score", "reward"]
"""What an entry measures: the rate of success, the verdict's partial credit, or the sum of the rewards."""

ABILITIES = (
    "arithmetic", "proof", "logic", "search", "chat", "multi_turn", "basics", "credit", "exploration",
    "memory", "noise", "generalisation", "shortcuts",
)  # fmt: skip
"""What entries may be about."""

_MAX_FILE_BYTES = 1_000_000
_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")
_ID = re.compile(r"lmgym-(?P<name>[a-z0-9_]+)-(?P<version>[0-9]+)")


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


def suite_ids() -> tuple[str, ...]:
    """Returns the ids of the suites that come with lmgym, in order."""
    files = resources.files("lmgym.bench").joinpath("data").iterdir()
    return tuple(sorted(file.name.removesuffix(".json") for file in files if _ID.match(file.name)))


def recorded_hash(id_: str) -> str | None:
    """Returns the hash that a packaged suite had when it was frozen; None for a suite of one's own.

    If ``load_suite(id_).hash`` is another, this installation poses other problems.
    """
    text = resources.files("lmgym.bench").joinpath("data", "hashes.json").read_text("utf-8")
    hashes: dict[str, str] = read_json(text, "hashes.json")
    return hashes.get(id_)


def load_suite(name: str | Path) -> Suite:
    """Returns a suite by its id, by its name (its newest version), or from a JSON file of your own.

    Raises:
        UnknownNameError: no such suite.
        InvalidValueError: a file that is no suite; the message names the field.
    """
    if isinstance(name, Path) or name.endswith(".json"):
        return _load_file(Path(name))
    ids = suite_ids()
    versions = [
        (int(found["version"]), id_) for id_ in ids if (found := _ID.fullmatch(id_)) and found["name"] == name
    ]
    id_ = max(versions)[1] if versions else name
    if id_ not in ids:
        raise UnknownNameError("suite", name, [*ids, *sorted({_ID.sub(r"\g<name>", known) for known in ids})])
    text = resources.files("lmgym.bench").joinpath("data", f"{id_}.json").read_text("utf-8")
    return parse_suite(read_json(text, id_), id_)


def _load_file(path: Path) -> Suite:
    try:
        with path.open("rb") as file:
            data = file.read(_MAX_FILE_BYTES + 1)
        if len(data) > _MAX_FILE_BYTES:
            raise InvalidValueError(f"{path} is larger than {_MAX_FILE_BYTES} bytes; no suite is.")
        return parse_suite(read_json(data.decode("utf-8"), str(path)), str(path))
    except OSError as error:
        raise InvalidValueError(f"{path} can't be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise InvalidValueError(f"{path} is no text in UTF-8.") from None


def parse_suite(value: object, where: str = "suite") -> Suite:
    """Returns the suite that parsed JSON holds.

    Raises:
        InvalidValueError: a field is missing or has a value that is not allowed; the message names it.
        UnknownNameError: an unknown field, metric or ability.
    """
    fields = Fields(value, where)
    entries = [
        _parse_entry(each, f"{where}.entries[{k}]")
        for k, each in enumerate(fields.items("entries", max_items=256))
    ]
    seeds = fields.items("seeds", max_items=256)
    if (
        not seeds
        or not all(type(seed) is int and 0 <= seed < 2**63 for seed in seeds)
        or len(set(seeds)) < len(seeds)
    ):
        raise InvalidValueError(f"{where}.seeds must be different integers from 0.")
    suite = Suite(
        name=_parse_name(fields), version=fields.integer("version", 1, 10_000),
        summary=fields.text("summary"), seeds=tuple(seeds), entries=tuple(entries),
    )  # fmt: skip
    fields.finish()
    names = [entry.name for entry in entries]
    if not names or len(set(names)) < len(names):
        raise InvalidValueError(f"{where}.entries must have at least one entry, and different names.")
    return suite


def _parse_name(fields: Fields) -> str:
    name = fields.text("name", max_chars=64)
    if not _NAME.fullmatch(name):
        raise InvalidValueError(
            f"{fields.at('name')} is {name!r}; allowed: small letters, digits and _ . - in names."
        )
    return name


def _parse_entry(value: object, where: str) -> Entry:
    fields = Fields(value, where)
    name = _parse_name(fields)
    splits, abilities = fields.texts("eval_splits"), fields.texts("abilities")
    if not splits:
        raise InvalidValueError(f"{where}.eval_splits is empty; the first one is the headline.")
    for ability in abilities:
        if ability not in ABILITIES:
            raise UnknownNameError(f"ability in {where}.abilities", ability, ABILITIES)
    entry = Entry(
        name=name,
        env=fields.text("env", max_chars=200),
        options=fields.plain("options"),
        metric=cast(Metric, fields.text("metric", allowed=get_args(Metric))),
        eval_splits=splits,
        num_problems=fields.integer("num_problems", 1, 1_000_000),
        budget=fields.integer("budget", 1, 10**15),
        curve_points=fields.integer("curve_points", 0, 1000),
        curve_problems=fields.integer("curve_problems", 1, 1_000_000),
        model=fields.text("model"),
        warm_start=_parse_warm_start(fields.raw("warm_start"), f"{where}.warm_start"),
        abilities=abilities,
        anchors={
            split: _parse_anchor(anchor, f"{where}.anchors.{split[:40]}")
            for split, anchor in fields.mapping("anchors").items()
        },
        anchors_source=fields.text("anchors_source"),
    )
    fields.finish()
    for split in (*splits, "validation"):
        if split not in entry.anchors:
            raise InvalidValueError(f"{where}.anchors lacks the split {split!r}, which is measured.")
    return entry


def _parse_anchor(value: object, where: str) -> Anchor:
    fields = Fields(value, where)
    anchor = Anchor(fields.number("random"), fields.number("optimal"))
    fields.finish()
    if not anchor.random < anchor.optimal or not math.isfinite(anchor.optimal - anchor.random):
        raise InvalidValueError(f"{where} must have random below optimal, got {tuple(anchor)}.")
    return anchor


def _parse_warm_start(value: object, where: str) -> WarmStart | None:
    if value is None:
        return None
    fields = Fields(value, where)
    warm = WarmStart(
        until=fields.number("until", 1e-6, 1.0),
        iterations=fields.integer("iterations", 1, 10**9),
        batch_rows=fields.integer("batch_rows", 1, 10**6),
        optimizer=fields.text("optimizer", allowed=("adamw", "muon")),
        learning_rate=fields.number("learning_rate", 0.0, 10.0),
        warmup_iterations=fields.integer("warmup_iterations", 0, 10**9),
        evaluate_every=fields.integer("evaluate_every", 1, 10**9),
        validation_problems=fields.integer("validation_problems", 1, 10**6),
    )
    fields.finish()
    return warm
