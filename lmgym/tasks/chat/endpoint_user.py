"""A user played by a language model behind an OpenAI-compatible endpoint.

Comes in: a conversation and a goal. Goes out: the model's next message as the user. A service that fails is
an error, never a message. Left out: cleaning and remembering replies (``lmgym.tasks.chat.users``).
"""

from __future__ import annotations

import importlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from typing import Any, Self

from lmgym.conversation import Message
from lmgym.errors import InvalidValueError, MissingDependencyError
from lmgym.tasks.chat.goals import Goal
from lmgym.tasks.chat.users import UserFailedError, is_leaving, turned_round
from lmgym.tasks.options import check_int

RETRIED = frozenset((408, 409, 425, 429, 500, 502, 503, 504))
"""HTTP statuses after which a request is sent again."""
MAX_BODY_BYTES = 1 << 20


class EndpointUser:
    """Plays the user by asking ``{base_url}/chat/completions``; equal conversations, equal requests.

    The endpoint is asked greedily (temperature 0) with a fixed seed; what it is told, says
    ``lmgym.tasks.chat.users.turned_round``.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        api_key: str | None = None,
        timeout_s: float = 30.0,
        max_retries: int = 3,
        max_tokens: int = 64,
        seed: int = 0,
    ) -> None:
        """Prepares the client; nothing is sent yet.

        Args:
            base_url: ``http://127.0.0.1:8000/v1``, for instance.
            model: the model's name at the endpoint.
            api_key: sent as a bearer token; None: nothing is sent.
            timeout_s: seconds for one request.
            max_retries: further requests after one that failed, with pauses of 0.5, 1, 2 ... 8 seconds.
            max_tokens: longest message, in the endpoint's tokens.
            seed: what the endpoint draws from, where it draws at all.

        Raises:
            InvalidValueError: a value out of its range.
            MissingDependencyError: httpx is not installed.
        """
        if not base_url.startswith(("http://", "https://")):
            raise InvalidValueError(f"base_url must begin with http:// or https://, got {base_url!r}.")
        if not (math.isfinite(timeout_s) and timeout_s > 0):
            raise InvalidValueError(f"timeout_s must be positive seconds, got {timeout_s!r}.")
        self._max_retries = check_int("max_retries", max_retries, 0, 20)
        self._options = {
            "model": model,
            "temperature": 0,
            "seed": check_int("seed", seed, 0, 2**31 - 1),
            "max_tokens": check_int("max_tokens", max_tokens, 1, 4096),
        }
        try:
            httpx = importlib.import_module("httpx")
        except ImportError as error:
            raise MissingDependencyError(
                'a user behind an endpoint needs httpx: pip install "lmgym[judge]".'
            ) from error
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._failure: type[Exception] = httpx.HTTPError
        self._client = httpx.Client(base_url=base_url.rstrip("/"), headers=headers, timeout=timeout_s)

    @property
    def name(self) -> str:
        """Name in the task's fingerprint."""
        return f"endpoint:{self._options['model']}:{self._options['seed']}:{self._options['max_tokens']}"

    def close(self) -> None:
        """Closes the connections."""
        self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def reply(self, messages: Sequence[Message], goal: Goal) -> str | None:
        """Returns the model's next message as the user, None if it leaves.

        Raises:
            UserFailedError: no answer after all retries, or one that can't be read or is empty.
        """
        body = {**self._options, "messages": [message._asdict() for message in turned_round(messages, goal)]}
        for attempt in range(self._max_retries + 1):
            if attempt:
                time.sleep(min(8.0, 0.5 * 2 ** (attempt - 1)))
            found = self._send(body)
            if found is not None:
                break
        else:
            raise UserFailedError(f"no answer after {self._max_retries + 1} requests.")
        if not found.strip():
            raise UserFailedError("the endpoint gave an empty message.")
        return None if is_leaving(found) else found

    def _send(self, body: Mapping[str, Any]) -> str | None:
        """Returns the message, None if another request is worth while."""
        try:
            with self._client.stream("POST", "/chat/completions", json=body) as response:
                if response.status_code in RETRIED:
                    return None
                if response.status_code != 200:
                    raise UserFailedError(f"the endpoint answered with status {response.status_code}.")
                return _read_message(_read_body(response))
        except self._failure:
            return None


def _read_body(response: Any) -> bytes:
    content = b""
    for chunk in response.iter_bytes():
        content += chunk
        if len(content) > MAX_BODY_BYTES:
            raise UserFailedError(f"the endpoint's answer has more than {MAX_BODY_BYTES} bytes.")
    return content


def _read_message(content: bytes) -> str:
    try:
        found = json.loads(content)["choices"][0]["message"]["content"]
    except (ValueError, KeyError, IndexError, TypeError, RecursionError) as error:
        raise UserFailedError("the endpoint's answer has no choices[0].message.content.") from error
    if not isinstance(found, str):
        raise UserFailedError(f"the endpoint's message is no text but {type(found).__name__}.")
    return found
