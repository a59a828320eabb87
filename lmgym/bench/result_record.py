"""The record of one job of the benchmark: an agent, an entry, a seed, and what came of it.

In: plain values, as a line of JSON holds them, from anywhere. Out: a checked ``Result``. Left out: files
(``lmgym.bench.results``) and arithmetic over many results. ``result.schema.json`` says the same as a schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any, Literal, cast, get_args

from lmgym.bench.fields import Fields, canonical_json, check_plain, show
from lmgym.errors import InvalidValueError

SCHEMA = 1
"""Version of the record."""

FailureKind = Literal["raised", "timeout", "died", "not_finite", "bad_action", "memory"]
"""The agent raised an exception, took too long, its process died, it wrote NaN, acted outside the action
space, or the memory was not enough."""

_SUITE_ID = re.compile(r"lmgym-[a-z0-9_.-]+-[0-9]+")
_HASH = re.compile(r"[0-9a-f]{8,128}")
_MAX_CURVE = 10_000


@dataclass(frozen=True, kw_only=True)
class Score:
    """The entry's metric over the problems of one split."""

    mean: float
    low: float
    """Of the 95 % interval over problems: the noise of this evaluation, not of training."""
    high: float
    num_problems: int
    num_failed: int
    """Of them, those whose reward or verifier failed; they are in no other number."""


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """The agent in the middle of training, measured on the validation split."""

    num_tokens: int
    """Tokens acted in training so far, those of demonstrations included."""
    num_gradient_steps: int
    flops: float | None
    score: float
    """Mean of the entry's metric."""


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a job has no scores."""

    kind: FailureKind
    message: str
    where: str
    """Such as "training after 1024 tokens"."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """One job. All but the last six fields are the same in every run of the job on a CPU."""

    schema: int = SCHEMA
    suite: str
    """Id of the suite."""
    suite_hash: str
    entry: str
    env: str
    options: Mapping[str, Any]
    agent: str
    """The agent's spec, its options included."""
    config: Mapping[str, Any]
    """Of the agent, in full."""
    seed: int
    status: Literal["ok", "failed"]
    failure: Failure | None
    scores: Mapping[str, Score]
    """After training, by split; empty where the job failed."""
    start_scores: Mapping[str, Score]
    """Before training."""
    curve: tuple[CurvePoint, ...]
    num_tokens: int
    """Acted in training."""
    num_read_tokens: int
    """Of demonstrations, learned from."""
    num_gradient_steps: int
    flops: float | None
    """None where the agent didn't tell."""
    weights_hash: str | None
    """Of what was learned, in hexadecimal."""
    versions: Mapping[str, Any]
    """Of packages."""
    commit: str | None
    command: str
    """What a stranger types to run it again."""
    machine: str
    date: str
    """ISO 8601."""
    timing: Mapping[str, float]
    """Seconds and bytes: "wall_s", "train_s" ..., "peak_memory_bytes"."""

    @property
    def key(self) -> tuple[str, str, str, str, int]:
        """What makes it this job and no other; results are kept in the order of it."""
        return self.suite, self.suite_hash, self.entry, self.agent, self.seed

    @property
    def is_ok(self) -> bool:
        """Whether it has scores."""
        return self.status == "ok"

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, as a line of JSON holds them."""
        plain = asdict(self)
        plain["curve"] = list(plain["curve"])
        return cast("dict[str, Any]", check_plain(plain, "result"))


OF_THE_RUN = ("versions", "commit", "command", "machine", "date", "timing")
"""Fields that say where and when, and may differ between two runs of the same job."""


def same_numbers(one: Result, other: Result) -> bool:
    """Returns whether two results are of the same job and have the same outcome, to the last bit."""
    return _numbers(one) == _numbers(other)


def _numbers(result: Result) -> str:
    return canonical_json({name: value for name, value in result.to_dict().items() if name not in OF_THE_RUN})


def parse_result(value: object, where: str = "result") -> Result:
    """Returns the result that parsed JSON holds.

    Raises:
        InvalidValueError: a field is missing or has a value that is not allowed; the message names it.
        UnknownNameError: an unknown field, status or kind of failure.
    """
    fields = Fields(value, where)
    fields.integer("schema", SCHEMA, SCHEMA)
    result = Result(
        suite=_suite_id(fields, "suite"),
        suite_hash=_hash(fields, "suite_hash"),
        entry=fields.text("entry", max_chars=64),
        env=fields.text("env", max_chars=200),
        options=fields.plain("options"),
        agent=fields.text("agent", max_chars=2000),
        config=fields.plain("config"),
        seed=fields.integer("seed"),
        status=cast("Literal['ok', 'failed']", fields.text("status", allowed=("ok", "failed"))),
        failure=_parse_failure(fields.raw("failure"), fields.at("failure")),
        scores=_parse_scores(fields, "scores"),
        start_scores=_parse_scores(fields, "start_scores"),
        curve=_parse_curve(fields.items("curve", max_items=_MAX_CURVE), fields.at("curve")),
        num_tokens=fields.integer("num_tokens"),
        num_read_tokens=fields.integer("num_read_tokens"),
        num_gradient_steps=fields.integer("num_gradient_steps"),
        flops=fields.number("flops", 0.0) if fields.has("flops") else None,
        weights_hash=_hash(fields, "weights_hash") if fields.has("weights_hash") else None,
        versions=fields.plain("versions"),
        commit=fields.text("commit", max_chars=200) if fields.has("commit") else None,
        command=fields.text("command", max_chars=100_000),
        machine=fields.text("machine"),
        date=_date(fields, "date"),
        timing=_parse_timing(fields),
    )
    fields.finish()
    if (result.status == "failed") != (result.failure is not None):
        raise InvalidValueError(
            f"{where}.failure must be given where status is 'failed', and be null where it is 'ok'."
        )
    if result.is_ok != bool(result.scores):
        raise InvalidValueError(
            f"{where}.scores must be given where status is 'ok', and be empty where it is 'failed'."
        )
    return result


def _suite_id(fields: Fields, name: str) -> str:
    """Returns an id, which is no path: whoever shows results of others opens no file that these name."""
    text = fields.text(name, max_chars=200)
    if not _SUITE_ID.fullmatch(text):
        raise InvalidValueError(f"{fields.at(name)} must be an id such as lmgym-quick-1, got {show(text)}.")
    return text


def _hash(fields: Fields, name: str) -> str:
    text = fields.text(name, max_chars=128)
    if not _HASH.fullmatch(text):
        raise InvalidValueError(f"{fields.at(name)} must be 8 to 128 hexadecimal digits, got {text!r}.")
    return text


def _date(fields: Fields, name: str) -> str:
    text = fields.text(name, max_chars=64)
    try:
        datetime.fromisoformat(text)
    except ValueError:
        raise InvalidValueError(
            f"{fields.at(name)} must be a time such as 2026-01-31T12:00:00+00:00, got {text!r}."
        ) from None
    return text


def _parse_failure(value: object, where: str) -> Failure | None:
    if value is None:
        return None
    fields = Fields(value, where)
    failure = Failure(
        kind=cast(FailureKind, fields.text("kind", allowed=get_args(FailureKind))),
        message=fields.text("message", max_chars=100_000),
        where=fields.text("where", max_chars=10_000),
    )
    fields.finish()
    return failure


def _parse_scores(fields: Fields, name: str) -> dict[str, Score]:
    found = fields.mapping(name)
    return {
        split: _parse_score(value, f"{fields.at(name)}.{split[:40]}")
        for split, value in sorted(found.items())
    }


def _parse_score(value: object, where: str) -> Score:
    fields = Fields(value, where)
    score = Score(
        mean=fields.number("mean"),
        low=fields.number("low"),
        high=fields.number("high"),
        num_problems=fields.integer("num_problems", 1),
        num_failed=fields.integer("num_failed"),
    )
    fields.finish()
    if not score.low <= score.mean <= score.high:
        raise InvalidValueError(
            f"{where} must have low <= mean <= high, got {score.low}, {score.mean}, {score.high}."
        )
    if score.num_failed >= score.num_problems:
        raise InvalidValueError(
            f"{where}.num_failed must be below num_problems={score.num_problems}, got {score.num_failed}."
        )
    return score


def _parse_curve(items: list[Any], where: str) -> tuple[CurvePoint, ...]:
    points: list[CurvePoint] = []
    for number, item in enumerate(items):
        at = f"{where}[{number}]"
        fields = Fields(item, at)
        point = CurvePoint(
            num_tokens=fields.integer("num_tokens"),
            num_gradient_steps=fields.integer("num_gradient_steps"),
            flops=fields.number("flops", 0.0) if fields.has("flops") else None,
            score=fields.number("score"),
        )
        fields.finish()
        if points and point.num_tokens < points[-1].num_tokens:
            raise InvalidValueError(f"{at}.num_tokens is less than the one before; a curve goes forward.")
        points.append(point)
    return tuple(points)


def _parse_timing(fields: Fields) -> dict[str, float]:
    names = fields.mapping("timing", max_items=256)
    inside = Fields(names, fields.at("timing"))
    return {name: inside.number(name, 0.0) for name in names}
