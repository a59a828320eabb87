"""One request to an OpenAI-compatible server, with everything that can go wrong on the way.

Comes in: the body of a request. Goes out: what the model said, or why there is nothing; never an exception
for what a server does. Left out: what is asked and how answers are read, caches, costs beyond counting.

    POST {base_url}/chat/completions

Time, memory and trust are bounded: each attempt and the whole call have deadlines, an answer may have 2 MiB
uncompressed, redirects are not followed (a key must not travel to another host), and the key appears in
no message, record or representation.
"""

from __future__ import annotations

import importlib
import json
import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from lmgym.errors import InvalidValueError, MissingDependencyError
from lmgym.judges.costs import Budget, Costs
from lmgym.judges.retries import (
    LONGEST_RETRY_AFTER_S,
    CircuitBreaker,
    is_retried,
    read_retry_after,
    wait_before,
)

MAX_RESPONSE_BYTES: Final = 2 << 20
_MAX_REASON_CHARS: Final = 200


class Answer(NamedTuple):
    """What came of a request."""

    content: str | None
    """What the model said; None: nothing."""
    finish: str = ""
    """Why it stopped, as the server says: "stop", "length" ..."""
    usage: object = None
    """What the server says of tokens; not checked."""
    failure: str = ""
    """Why there is no answer from the server; one word first. "" if there is one, readable or not."""
    is_transient: bool = False
    """Sending it again later may help."""


class ChatClient:
    """Sends chat requests; safe to use from several threads.

    Args:
        base_url: such as ``http://127.0.0.1:8000/v1``.
        api_key_env: name of the environment variable that holds the key; None: none is sent.
        timeout_s: for one attempt.
        max_retries: attempts after the first.
        costs: is counted up.
        budget: what may be spent.
        breaker_after: failed questions in a row after which nothing is asked for ``breaker_pause_s``.
        breaker_pause_s: seconds.
        path: what is asked: "chat/completions", or "completions" for plain text.
        transport: of httpx, instead of the network.
        clock: seconds, monotonic.
        sleep: waits for seconds; default: until ``stop`` is called at the latest.
        jitter: uniform in [0, 1].

    Raises:
        InvalidValueError: an address or a number that can't be used, or a variable that is not set.
        MissingDependencyError: httpx is not installed.
    """

    def __init__(
        self,
        base_url: str,
        *,
        api_key_env: str | None = None,
        timeout_s: float = 60.0,
        max_retries: int = 4,
        costs: Costs,
        budget: Budget,
        breaker_after: int = 8,
        breaker_pause_s: float = 60.0,
        path: str = "chat/completions",
        transport: Any = None,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], object] | None = None,
        jitter: Callable[[], float] | None = None,
    ) -> None:
        self.base_url = check_base_url(base_url)
        self._url = f"{self.base_url}/{path}"
        self._key = _read_key(api_key_env)
        self._timeout_s, self._max_retries = timeout_s, max_retries
        self._costs, self._budget = costs, budget
        self.clock = clock
        self._stopped = threading.Event()
        self._sleep = sleep or self._stopped.wait
        self._jitter = jitter or random.SystemRandom().random
        self._breaker = CircuitBreaker(breaker_after, breaker_pause_s, clock)
        self._httpx = _import_httpx()
        self._client = self._make_client(transport)

    def ask(self, body: Mapping[str, Any], deadline: float = float("inf")) -> Answer:
        """Returns the answer to ``body``.

        Args:
            body: the request, as JSON.
            deadline: on the clock; after it nothing is sent and nothing waited for.
        """
        if not self._breaker.admits():
            return Answer(None, failure="unreachable: the server has failed too often; asking pauses")
        answer = self._attempts(json.dumps(body, allow_nan=False).encode("ascii"), deadline)
        if not answer.failure:
            self._breaker.succeeded()
        elif answer.failure.partition(":")[0] in ("unreachable", "timeout", "server", "refused"):
            self._breaker.failed()
        return answer

    def stop(self) -> None:
        """Makes requests that wait give up, and others end after their attempt."""
        self._stopped.set()

    def go_on(self) -> None:
        """Allows requests again after ``stop``."""
        self._stopped.clear()

    def close(self) -> None:
        """Stops, and closes the connections."""
        self.stop()
        self._client.close()

    def _attempts(self, data: bytes, deadline: float) -> Answer:
        attempt = 0
        while True:
            if self._stopped.is_set():
                return Answer(None, failure="stopped")
            if self.clock() >= deadline:
                return Answer(None, failure="deadline: the time for all questions is over")
            if not self._costs.admit(self._budget):
                return Answer(None, failure="budget: what may be spent is spent")
            attempt += 1
            answer, wait_s = self._attempt(data, attempt, min(deadline, self.clock() + self._timeout_s))
            if not answer.is_transient or attempt > self._max_retries or self._breaker.is_open:
                return answer
            if self.clock() + wait_s >= deadline or wait_s > LONGEST_RETRY_AFTER_S:
                return answer
            self._sleep(wait_s)
            self._costs.add(retries=1)

    def _attempt(self, data: bytes, attempt: int, deadline: float) -> tuple[Answer, float]:
        """Returns what one sending gave, and the seconds to wait before another."""
        wait_s = wait_before(attempt, self._jitter())
        left_s = max(0.001, deadline - self.clock())
        try:
            with self._client.stream("POST", self._url, content=data, timeout=left_s) as response:
                asked_s = read_retry_after(response.headers.get("retry-after"), datetime.now(UTC))
                if asked_s is not None:
                    wait_s = max(wait_s, asked_s)
                return self._read(response, deadline), wait_s
        except self._httpx.TimeoutException as error:
            return _transient(f"timeout: {type(error).__name__} within {self._timeout_s:g} s"), wait_s
        except self._httpx.TransportError as error:
            return _transient(f"unreachable: {self._describe(error)}"), wait_s

    def _read(self, response: Any, deadline: float) -> Answer:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            return Answer(None, failure="unusable: a compressed answer, which was not asked for")
        data = bytearray()
        for chunk in response.iter_bytes():
            data += chunk
            if len(data) > MAX_RESPONSE_BYTES:
                return Answer(None, failure=f"unusable: an answer of more than {MAX_RESPONSE_BYTES} bytes")
            if self.clock() >= deadline:
                return _transient(f"timeout: no whole answer within {self._timeout_s:g} s")
        status = response.status_code
        if status == 200:
            answer = read_answer(bytes(data))  # a server may echo what it was sent; answers are stored
            content = None if answer.content is None else self._without_key(answer.content)
            return answer._replace(content=content, finish=self._without_key(answer.finish))
        said = self._describe(bytes(data).decode("utf-8", "replace"))
        if is_retried(status):
            return _transient(f"server: status {status}: {said}")
        if 300 <= status < 400:
            return Answer(None, failure=f"refused: status {status}, a redirect; give the final address")
        # What is wrong with this one question says nothing of the others; a refused key does.
        word = "unusable" if status in (400, 413, 422) else "refused"
        return Answer(None, failure=f"{word}: status {status}: {said}")

    def _describe(self, said: object) -> str:
        """Returns ``said`` for a reason: short, on one line, without the key."""
        text = self._without_key(str(said))  # before anything is cut: half a key is one too many
        return ascii(" ".join(text[:4096].split()))[1:-1][:_MAX_REASON_CHARS]

    def _without_key(self, text: str) -> str:
        return text.replace(self._key, "[key]") if self._key else text

    def _make_client(self, transport: Any) -> Any:
        headers = {
            "accept": "application/json",
            "accept-encoding": "identity",
            "content-type": "application/json",
        }
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        # A proxy of the environment is for the world outside, not for a server on this machine.
        outside = not _is_loopback(urlsplit(self.base_url).hostname or "")
        return self._httpx.Client(
            headers=headers,
            follow_redirects=False,
            trust_env=outside and transport is None,
            transport=transport,
        )


def read_answer(data: bytes) -> Answer:
    """Returns what the bytes of a successful response hold, the answer to a chat or to a plain text.

    Anything unexpected is an unusable answer.
    """
    try:
        body = json.loads(data)
        choice = body["choices"][0]
        message = choice["message"] if "message" in choice else {"content": choice["text"]}
        content, finish, usage = message.get("content"), choice.get("finish_reason"), body.get("usage")
        refusal = message.get("refusal")
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError):
        return Answer(None, failure="unusable: the answer is no completion in JSON")
    if not isinstance(content, str | None):
        return Answer(None, failure="unusable: the content of the answer is no text")
    if isinstance(refusal, str) and refusal and not content:
        finish = "refusal"
    return Answer(content, finish if isinstance(finish, str) else "", usage)


def check_base_url(base_url: str) -> str:
    """Returns the address without a slash at its end.

    Raises:
        InvalidValueError: not http or https, no host, or an address that holds a password or a query.
    """
    advice = "give one such as 'http://127.0.0.1:8000/v1'"
    try:
        parts = urlsplit(base_url)
        _ = parts.port
    except ValueError as error:
        raise InvalidValueError(f"base_url can't be read ({error}); {advice}.") from error
    if parts.username is not None or parts.password is not None:
        raise InvalidValueError("base_url holds a name or password; name a variable in api_key_env instead.")
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise InvalidValueError(f"base_url is {base_url!r}; {advice}.")
    return base_url.rstrip("/")


def _read_key(variable: str | None) -> str | None:
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InvalidValueError(
            f"the environment variable {variable!r}, which should hold the key, is not set."
        )
    if not (key.isascii() and key.isprintable()):
        raise InvalidValueError(f"the environment variable {variable!r} holds characters that no key has.")
    return key


def _import_httpx() -> Any:
    try:
        return importlib.import_module("httpx")
    except ImportError as error:
        raise MissingDependencyError("asking a server needs httpx: pip install 'lmgym[judge]'.") from error


def _transient(failure: str) -> Answer:
    return Answer(None, failure=failure, is_transient=True)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False
