"""What a judge has cost so far, and the limit at which it stops asking.

Comes in: the ``usage`` that servers report, which is not trusted. Goes out: counts, tokens, money. Safe to
use from several threads.
"""

from __future__ import annotations

import math
import threading
from dataclasses import asdict, dataclass, field
from typing import Any

from lmgym.errors import InvalidValueError


@dataclass(frozen=True, kw_only=True)
class Budget:
    """What may be spent; None: no limit. A limit is looked at before each request is sent.

    Requests that are under way when it is reached still finish, so it may be passed by what ``concurrency``
    requests cost.
    """

    requests: int | None = None
    """requests, retries included"""
    tokens: int | None = None
    """prompt and completion tokens together, as the server counts them"""
    money: float | None = None
    """in the unit of the prices; needs them"""

    def __post_init__(self) -> None:
        for name, limit in asdict(self).items():
            if limit is not None and not (math.isfinite(limit) and limit >= 0):
                raise InvalidValueError(f"Budget.{name} must be a number from 0, or None, got {limit!r}.")


@dataclass(frozen=True, kw_only=True)
class Prices:
    """Money for a million tokens, in any unit."""

    prompt: float = 0.0
    """for a million tokens of prompts"""
    completion: float = 0.0
    """for a million tokens that the judge writes, thinking included"""

    def __post_init__(self) -> None:
        for name, price in asdict(self).items():
            if not (math.isfinite(price) and price >= 0):
                raise InvalidValueError(f"Prices.{name} must be a number from 0, got {price!r}.")


@dataclass
class Costs:
    """Counts since the judge was made."""

    prices: Prices = field(default_factory=Prices)
    asked: int = 0
    """questions, answered from the cache or not"""
    cached: int = 0
    """of them answered from the cache"""
    requests: int = 0
    """sent over the network, retries included"""
    retries: int = 0
    failures: int = 0
    """questions that got no answer from the server"""
    unreadable: int = 0
    """answers without a verdict that could be read"""
    prompt_tokens: int = 0
    completion_tokens: int = 0
    uncounted: int = 0
    """answers for which the server reported no tokens"""
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False, compare=False)

    def add(self, **counts: int) -> None:
        """Adds to the counts of these names."""
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def add_usage(self, usage: object) -> None:
        """Adds the tokens of one answer, as the server reports them; nonsense counts as not reported."""
        values = usage if isinstance(usage, dict) else {}
        counts = {name: values.get(name) for name in ("prompt_tokens", "completion_tokens")}
        known = {name: n for name, n in counts.items() if type(n) is int and 0 <= n < 1 << 40}
        if len(known) == len(counts):
            self.add(**known)
        else:
            self.add(uncounted=1)

    @property
    def money(self) -> float:
        """Returns what the tokens cost, in the unit of the prices."""
        spent = self.prompt_tokens * self.prices.prompt + self.completion_tokens * self.prices.completion
        return spent / 1e6

    def admit(self, budget: Budget) -> bool:
        """Counts a request and returns True, or False where ``budget`` is spent."""
        with self._lock:
            tokens = self.prompt_tokens + self.completion_tokens
            spent = ((budget.requests, self.requests), (budget.tokens, tokens), (budget.money, self.money))
            if any(limit is not None and value >= limit for limit, value in spent):
                return False
            self.requests += 1
            return True

    def as_dict(self) -> dict[str, Any]:
        """Returns all counts and the money, for records."""
        names = (
            "asked", "cached", "requests", "retries", "failures", "unreadable", "prompt_tokens",
            "completion_tokens", "uncounted",
        )  # fmt: skip
        with self._lock:
            return {**{name: getattr(self, name) for name in names}, "money": self.money}
