"""When a request is sent again, how long to wait before, and when to stop asking a server that is down.

Pure but for the circuit breaker's count; the clock is handed in. Left out: sending, sleeping.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

RETRIED: Final = frozenset({408, 409, 429})
"""Statuses after which the same request may succeed, beside all from 500."""
FIRST_WAIT_S: Final = 0.5
LONGEST_WAIT_S: Final = 30.0
LONGEST_RETRY_AFTER_S: Final = 300.0
"""A server that wants a longer pause is taken as down."""


def is_retried(status: int) -> bool:
    """Returns whether a request that got ``status`` is sent again."""
    return status in RETRIED or 500 <= status <= 599


def wait_before(attempt: int, jitter: float) -> float:
    """Returns seconds to wait before attempt 1, 2 ...: uniform in [0, min(30, 0.5 * 2**attempt)].

    Args:
        attempt: how often the request was sent already.
        jitter: uniform in [0, 1].

    Source: M. Brooker, "Exponential backoff and jitter", 2015, there "full jitter".
    """
    return jitter * min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt, 16))


def read_retry_after(header: str | None, now: datetime) -> float | None:
    """Returns the seconds that a Retry-After header asks for (a number or a date), None if none."""
    if header is None or len(header) > 100:
        return None
    text = header.strip()
    if text.isascii() and text.isdecimal():
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


class CircuitBreaker:
    """Opens after ``threshold`` failed questions in a row: nothing is asked for ``pause_s`` seconds.

    After the pause one question is let through; if it fails too, the next pause begins. Any success closes
    the breaker.
    """

    def __init__(self, threshold: int, pause_s: float, clock: Callable[[], float]) -> None:
        self._threshold, self._pause_s, self._clock = threshold, pause_s, clock
        self._failures = 0
        self._open_until: float | None = None
        self._lock = threading.Lock()

    def admits(self) -> bool:
        """Returns whether a question may be asked now; after a pause True once."""
        with self._lock:
            if self._open_until is None:
                return True
            if self._clock() < self._open_until:
                return False
            self._open_until = self._clock() + self._pause_s
            return True

    @property
    def is_open(self) -> bool:
        """Returns whether questions that are under way should give up."""
        with self._lock:
            return self._open_until is not None and self._failures >= self._threshold

    def succeeded(self) -> None:
        """The server has answered."""
        with self._lock:
            self._failures, self._open_until = 0, None

    def failed(self) -> None:
        """A question got no answer, all retries included."""
        with self._lock:
            self._failures += 1
            if self._failures >= self._threshold:
                self._open_until = self._clock() + self._pause_s
