"""Strict reading of suites: parsed JSON in, a ``Suite`` out, or a typed error that names the field."""

from __future__ import annotations

import math
import re
from typing import cast, get_args

from lmgym.bench.fields import Fields
from lmgym.bench.suite_record import ABILITIES, Anchor, Entry, Metric, Suite, WarmStart
from lmgym.errors import InvalidValueError, UnknownNameError

_NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,63}")


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
