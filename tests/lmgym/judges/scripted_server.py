"""A judge whose server says what the test wrote down, in a time that passes only when somebody sleeps."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx

from lmgym.judges import EndpointJudge
from tests.lmgym.judges.obeying_judge import reply

Handler = Callable[[httpx.Request], httpx.Response]


class Clock:
    """Time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.now, self.naps = 1000.0, []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.naps.append(seconds)
        self.now += seconds


def make_judge(handler: Handler, **options: Any) -> tuple[EndpointJudge, Clock]:
    clock = Clock()
    options = {"concurrency": 1, "clock": clock, "sleep": clock.sleep, "jitter": lambda: 1.0} | options
    judge = EndpointJudge("http://judge/v1", "m", transport=httpx.MockTransport(handler), **options)
    return judge, clock


def says(*verdicts: object) -> Handler:
    """Answers with these verdicts in turn, the last one for ever."""
    todo = list(verdicts)

    def respond(request: httpx.Request) -> httpx.Response:
        verdict = todo.pop(0) if len(todo) > 1 else todo[0]
        return verdict if isinstance(verdict, httpx.Response) else reply(json.dumps({"verdict": verdict}))

    return respond
