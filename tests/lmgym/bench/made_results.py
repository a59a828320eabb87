"""Results made up for tests: a suite of as many entries as wanted, and a result for each number given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from lmgym.bench.result_record import CurvePoint, Failure, Result, Score
from lmgym.bench.suites import Anchor, Entry, Suite

HASH = "ab" * 32


def make_entry(name: str, **changes) -> Entry:
    plain = dict(
        name=name, env="lmgym/Echo-v0", options={}, metric="success", eval_splits=("test",), num_problems=10,
        budget=1000, curve_points=4, curve_problems=10, model="nano", warm_start=None, abilities=("basics",),
        anchors={"test": Anchor(0.0, 1.0), "validation": Anchor(0.0, 1.0)}, anchors_source="by construction",
    )  # fmt: skip
    return Entry(**{**plain, **changes})


def make_suite(*entries: Entry | str, seeds: int = 3) -> Suite:
    made = [make_entry(each) if isinstance(each, str) else each for each in entries]
    return Suite(name="made", version=1, summary="For tests.", seeds=tuple(range(seeds)), entries=tuple(made))


def make_result(agent: str, entry: str, seed: int, score: float = 0.5, **changes) -> Result:
    plain = dict(
        suite="lmgym-made-1", suite_hash=HASH, entry=entry, env="lmgym/Echo-v0", options={"length": 2},
        agent=agent, config={"learning_rate": 0.1}, seed=seed, status="ok", failure=None,
        scores={"test": Score(mean=score, low=score, high=score, num_problems=10, num_failed=0)},
        start_scores={}, curve=(), num_tokens=1000, num_read_tokens=0, num_gradient_steps=7, flops=1e9,
        weights_hash="0123456789abcdef", versions={"lmgym": "0.1.0"}, commit="c0ffee", command="lmgym bench",
        machine="a computer", date="2026-01-31T12:00:00+00:00", timing={"wall_s": 2.0},
    )  # fmt: skip
    return Result(**{**plain, **changes})


def make_failure(agent: str, entry: str, seed: int, message: str = "no", **changes) -> Result:
    failure = Failure(kind="raised", message=message, where="training")
    return make_result(agent, entry, seed, status="failed", failure=failure, scores={}, **changes)


def make_results(scores: Mapping[str, Mapping[str, Sequence[float]]]) -> list[Result]:
    """One result for each score: by agent, entry and seed."""
    return [
        make_result(agent, entry, seed, score)
        for agent, entries in scores.items()
        for entry, found in entries.items()
        for seed, score in enumerate(found)
    ]


def make_curve(*points: tuple[int, float]) -> tuple[CurvePoint, ...]:
    return tuple(
        CurvePoint(num_tokens=tokens, num_gradient_steps=tokens // 10, flops=tokens * 10.0, score=score)
        for tokens, score in points
    )
