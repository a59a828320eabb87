"""Is a loop that learns from its own solutions still getting anywhere? Numbers of a round, and alarms.

In: for each round what the policy does on the same probe problems with the same seeds, and what its search
has found. Out: records and alarms. Left out: what is done about them (``algorithms.expert_iteration``).

Two things go wrong. Stagnation: the policy becomes sure of what it can do, its samples bring nothing that it
would not have said anyway (pass@k - pass@1 shrinks), and no problem is newly solved. Collapse: it loses what
it could do (pass@k falls).
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError

AlarmKind = Literal["stagnation", "collapse"]


@dataclass(frozen=True, kw_only=True)
class ProbeNumbers:
    """How a policy does on n problems with k samples of each; judged samples alone."""

    pass_1: float
    """Mean over the problems of the share of right samples."""
    pass_k: float
    """Share of the problems with a right sample."""
    pass_k_error: float
    """Standard error of ``pass_k``."""
    k: int
    distinct: float
    """Different right responses of a problem that has any, mean."""


@dataclass(frozen=True, kw_only=True)
class RoundRecord:
    """One round; rates in [0, 1]."""

    round: int
    """0: before the first."""
    level: int
    """At which problems were posed."""
    temperature: float
    pass_1: float
    pass_k: float
    pass_k_error: float
    k: int
    distinct: float
    """See ``ProbeNumbers``."""
    entropy: float
    """Of a token of the probe's samples, nats."""
    held_out: float
    """Greedy success on held-out problems."""
    ood: tuple[tuple[str, float], ...] = ()
    """Greedy success on each out-of-distribution split."""
    newly_solved: float | None = None
    """Share of the round's problems that were solved for the first time; None: none was posed."""
    search_success: float | None = None
    """Share of the round's problems that its search has solved."""
    pool_solutions: int = 0
    auc: float | None = None
    """How well the policy's own log-prob tells right samples of the probe from wrong ones; 0.5 is chance."""
    alarms: tuple[AlarmKind, ...] = ()
    """Those that rang."""
    remedy: str = ""
    """What was done about them."""

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values."""
        return asdict(self) | {"ood": dict(self.ood), "alarms": list(self.alarms)}

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any]) -> RoundRecord:
        """Returns the record that ``to_dict`` was called on."""
        tuples = {"ood": tuple(plain["ood"].items()), "alarms": tuple(plain["alarms"])}
        return cls(**{**plain, **tuples})


@dataclass(frozen=True, kw_only=True)
class AlarmRule:
    """When alarms ring."""

    min_newly_solved: float = 0.01
    """stagnation: fewer newly solved problems, as a share of those posed, while pass@k - pass@1 shrinks"""
    patience: int = 2
    """stagnation: rounds in succession"""
    collapse_errors: float = 2.0
    """collapse: pass@k lies this many standard errors below its best"""
    solved_at: float = 0.99
    """no stagnation where pass@1 is at least this: there is nothing left to learn at this level"""

    def __post_init__(self) -> None:
        if self.patience < 1 or not self.collapse_errors > 0 or not 0 <= self.min_newly_solved <= 1:
            raise InvalidValueError(
                "AlarmRule needs patience >= 1, collapse_errors > 0 and min_newly_solved in [0, 1], got "
                f"{self.patience!r}, {self.collapse_errors!r} and {self.min_newly_solved!r}."
            )


def measure_probe(
    is_right: NDArray[np.bool_], is_valid: NDArray[np.bool_], names: NDArray[Any] | None = None
) -> ProbeNumbers:
    """Returns the numbers of a probe.

    Args:
        is_right: bool[n, k], of each sample of each problem.
        is_valid: bool[n, k], False where the verifier failed; a problem without a valid sample is left out.
        names: [n, k], names the canonical form of each response; None: all are different.

    Raises:
        InvalidValueError: no valid sample at all.
    """
    kept = is_valid.any(axis=1)
    if not kept.any():
        raise InvalidValueError("a probe without a single valid sample says nothing; is the verifier up?")
    right = (is_right & is_valid)[kept]
    any_right = right.any(axis=1)
    pass_k = float(any_right.mean())
    if names is None:
        names = np.arange(is_right.size).reshape(is_right.shape)
    different = [len(set(row[hits].tolist())) for row, hits in zip(names[kept], right, strict=True)]
    solved = [number for number in different if number]
    return ProbeNumbers(
        pass_1=float((right.sum(axis=1) / is_valid[kept].sum(axis=1)).mean()),
        pass_k=pass_k,
        pass_k_error=math.sqrt(pass_k * (1 - pass_k) / int(kept.sum())),
        k=is_right.shape[1],
        distinct=float(np.mean(solved)) if solved else 0.0,
    )


def find_alarms(history: Sequence[RoundRecord], rule: AlarmRule | None = None) -> tuple[AlarmKind, ...]:
    """Returns the alarms that the last round of a run rings, none if all is well, the graver first.

    What was measured with another k is not compared; a remedy begins the count of stagnating rounds anew.
    """
    rule = rule or AlarmRule()
    found: tuple[AlarmKind, ...] = ()
    if _collapsed(history, rule):
        found += ("collapse",)
    if _stagnates(history, rule):
        found += ("stagnation",)
    return found


def _collapsed(history: Sequence[RoundRecord], rule: AlarmRule) -> bool:
    best = max(
        (record for record in history[:-1] if record.k == history[-1].k),
        key=lambda record: record.pass_k,
        default=None,
    )
    if best is None:
        return False
    last = history[-1]
    error = math.hypot(best.pass_k_error, last.pass_k_error)
    return best.pass_k - last.pass_k > rule.collapse_errors * error


def _stagnates(history: Sequence[RoundRecord], rule: AlarmRule) -> bool:
    if len(history) < rule.patience + 1 or history[-1].pass_1 >= rule.solved_at:
        return False
    window = history[-rule.patience - 1 :]
    if any(record.remedy for record in window[1:-1]) or len({record.k for record in window}) > 1:
        return False
    for before, after in itertools.pairwise(window):
        if after.newly_solved is None or after.newly_solved >= rule.min_newly_solved:
            return False
        if after.pass_k - after.pass_1 > before.pass_k - before.pass_1:
            return False
    return True


def describe_alarm(history: Sequence[RoundRecord], kind: AlarmKind) -> str:
    """Returns a warning in words: what was seen, and what may help."""
    last = history[-1]
    if kind == "collapse":
        best = max((r for r in history[:-1] if r.k == last.k), key=lambda record: record.pass_k)
        return (
            f"Round {last.round} has collapsed: pass@{last.k} fell from {best.pass_k:.1%} (round "
            f"{best.round}) to {last.pass_k:.1%}. Go back to the base (remedy=reset) or mix in "
            "demonstrations (remedy=mixing)."
        )  # fmt: skip
    return (
        f"Round {last.round} stagnates: {last.newly_solved or 0:.1%} of its problems were newly solved, and "
        f"pass@{last.k} is only {last.pass_k - last.pass_1:.1%} above pass@1 ({last.pass_1:.1%}). Raise the "
        "temperature (remedy=temperature), pose new problems (remedy=fresh_levels), or mix in demonstrations "
        "(remedy=mixing)."
    )
