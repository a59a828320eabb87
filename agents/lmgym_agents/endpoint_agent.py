"""A served model as an agent: whatever answers at an OpenAI-compatible address can be measured.

    agent = EndpointAgent("http://127.0.0.1:8000/v1", "my-model", system="Answer with the number alone.")
    evaluate(agent, "lmgym/Math-v0")

and ``lmgym eval --agent "http://127.0.0.1:8000/v1#my-model?max_tokens=64"``. Comes in: texts, or
conversations with their marks. Goes out: what the server's model says. A request that fails for good ends the
evaluation with an error that names it: it is never an answer, so that no outage is scored as a wrong model.
What came before is in the cache, if there is one, and is not asked again. Left out: learning.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final, Literal

from lmgym.conversation import Message, read_conversation, readable
from lmgym.errors import InvalidValueError
from lmgym.judges.cache import JudgeCache, cache_key
from lmgym.judges.chat_client import Answer, ChatClient
from lmgym.judges.costs import Budget, Costs
from lmgym.seeding import make_key
from lmgym.tokenization import make_tokenizer
from lmgym_agents.errors import EndpointError

_RESERVED: Final = frozenset(
    {"model", "messages", "prompt", "temperature", "top_p", "max_tokens", "stop", "seed", "stream", "n"}
)
_REFUSALS: Final = ("refusal", "content_filter")


class EndpointAgent:
    """Asks one model over HTTP, a request for each observation.

    Args:
        base_url: of the server, such as ``http://127.0.0.1:8000/v1``.
        model: its name there.
        mode: "chat": an observation is a message of the user's, or the conversation that it is;
            "completion": a text to be continued.
        system: a system message, before that of the conversation if it has one.
        temperature: of the sampling; 0 is greedy.
        max_tokens: of each answer, thinking included. The environment has a budget of its own besides, which
            cuts what is longer.
        top_p: sample from the most likely tokens of this mass; None: the server's default.
        stop: a text or several at which the server ends the answer.
        seed: sent along, another for each sample of the same observation; servers may ignore it.
        concurrency: requests under way at once.
        timeout_s: for one attempt.
        max_retries: of a request that failed for a reason that may pass.
        api_key_env: name of the environment variable that holds the key; None: no key is sent.
        cache: path of a file that keeps answers; None: none is kept.
        tokenizer: that environments are made with, "char" or a folder; None: their own.
        extra_body: more fields of the request.
        sleep: waits for seconds between attempts; None: really.

    Raises:
        InvalidValueError: an argument that can't be used.
        MissingDependencyError: httpx is not installed.
    """

    granularity: Literal["token", "response"] = "response"
    reads_marks = True

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        mode: Literal["chat", "completion"] = "chat",
        system: str | None = None,
        temperature: float = 0.0,
        max_tokens: int = 512,
        top_p: float | None = None,
        stop: str | Sequence[str] | None = None,
        seed: int = 0,
        concurrency: int = 8,
        timeout_s: float = 120.0,
        max_retries: int = 4,
        api_key_env: str | None = None,
        cache: str | Path | None = None,
        tokenizer: str | None = None,
        extra_body: Mapping[str, Any] | None = None,
        sleep: Callable[[float], object] | None = None,
    ) -> None:
        if mode not in ("chat", "completion"):
            raise InvalidValueError(f"mode must be 'chat' or 'completion', got {mode!r}.")
        if mode == "completion" and system is not None:
            raise InvalidValueError("a system message was given for plain completions; use mode='chat'.")
        _check_numbers(temperature=temperature, top_p=1.0 if top_p is None else top_p, timeout_s=timeout_s)
        _check_counts(max_tokens=(max_tokens, 1), concurrency=(concurrency, 1), max_retries=(max_retries, 0))
        _check_extra_body(extra_body or {})
        if tokenizer is not None:
            self.tokenizer = make_tokenizer(tokenizer)
        self.model, self.mode, self.system, self.seed = model, mode, system, seed
        self.costs = Costs()
        sampling = {"temperature": temperature, "max_tokens": max_tokens, "top_p": top_p, "stop": stop}
        given = {name: value for name, value in sampling.items() if value is not None}
        self._settings: dict[str, Any] = {**(extra_body or {}), "model": model, **given}
        self._is_greedy, self._concurrency = temperature == 0, concurrency
        self._client = ChatClient(
            base_url, api_key_env=api_key_env, timeout_s=timeout_s, max_retries=max_retries,
            costs=self.costs, budget=Budget(), breaker_after=concurrency + 1,
            path="chat/completions" if mode == "chat" else "completions", sleep=sleep,
        )  # fmt: skip
        self._cache = None if cache is None else JudgeCache(cache)
        self._times: Counter[str] = Counter()

    def act(self, observations: Sequence[str]) -> list[str]:
        """Returns an answer to each of B texts.

        Raises:
            EndpointError: a request failed for good; the others are given up.
        """
        bodies = [self._make_body(text) for text in observations]
        keys = [cache_key({"base_url": self._client.base_url, "body": body}) for body in bodies]
        different = dict(zip(keys, bodies, strict=True))  # a greedy model is asked once
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="endpoint")
        try:
            futures = {key: pool.submit(self._ask, key, body) for key, body in different.items()}
            _raise_first(list(futures.values()))
            return [futures[key].result() for key in keys]
        except BaseException:
            self._client.stop()  # nobody waits for another attempt
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            self._client.go_on()

    def close(self) -> None:
        """Closes the connections and the cache."""
        self._client.close()
        if self._cache is not None:
            self._cache.close()

    def __repr__(self) -> str:
        return f"EndpointAgent({self._client.base_url!r}, {self.model!r})"

    def _make_body(self, text: str) -> dict[str, Any]:
        if self.mode == "completion":
            said: dict[str, Any] = {"prompt": _sendable(readable(text))}
        else:
            messages = _with_system(read_conversation(text), self.system)
            said = {"messages": [{"role": role, "content": _sendable(said)} for role, said in messages]}
        digest = hashlib.sha256(json.dumps(said).encode("ascii")).hexdigest()
        sample = 0 if self._is_greedy else self._times[digest]
        self._times[digest] += 1
        return {**self._settings, **said, "seed": make_key(self.seed, digest, sample) & 0x7FFFFFFF}

    def _ask(self, key: str, body: Mapping[str, Any]) -> str:
        self.costs.add(asked=1)
        stored = None if self._cache is None else self._cache.get(key)
        if stored is not None and isinstance(content := stored.get("content"), str):
            self.costs.add(cached=1)
            return content
        answer = self._client.ask(body)
        if answer.failure or (answer.content is None and answer.finish not in _REFUSALS):
            self.costs.add(failures=1)
            raise EndpointError(self._explain(answer, body))
        self.costs.add_usage(answer.usage)
        content = answer.content or ""  # a model that declines has said nothing
        if self._cache is not None:
            self._cache.put(key, {"content": content, "finish": answer.finish})
        return content

    def _explain(self, answer: Answer, body: Mapping[str, Any]) -> str:
        asked = body["prompt"] if self.mode == "completion" else body["messages"][-1]["content"]
        why = answer.failure or f"unusable: an answer without text (finish_reason {answer.finish[:40]!r})"
        if answer.finish == "length":
            why += f" within max_tokens={self._settings['max_tokens']}; raise it"
        kept = "" if self._cache is None else " Answers so far are kept in the cache."
        return (
            f"{self._client.base_url} did not answer for model {self.model!r}: {why}. It was asked "
            f"{asked[:80]!r}. Nothing was scored; see whether the server is up and knows the model.{kept}"
        )


def _raise_first(futures: Sequence[Future[str]]) -> None:
    """Waits for all, or for the first failure, which it raises."""
    for future in wait(futures, return_when=FIRST_EXCEPTION).done:
        future.result()


def _with_system(messages: Sequence[Message], system: str | None) -> list[Message]:
    if system is None:
        return list(messages)
    if messages and messages[0].role == "system":
        return [Message("system", f"{system}\n\n{messages[0].content}"), *messages[1:]]
    return [Message("system", system), *messages]


def _sendable(text: str) -> str:
    """Returns ``text`` without lone surrogates, which no server can read as UTF-8."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _check_numbers(**values: float) -> None:
    for name, value in values.items():
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        if not is_number or not math.isfinite(value) or value < 0 or (value == 0 and name == "timeout_s"):
            least = "above 0" if name == "timeout_s" else "from 0"
            raise InvalidValueError(f"{name} must be a number {least}, got {value!r}.")


def _check_counts(**values: tuple[int, int]) -> None:
    for name, (value, low) in values.items():
        if type(value) is not int or value < low:
            raise InvalidValueError(f"{name} must be an integer from {low}, got {value!r}.")


def _check_extra_body(extra_body: Mapping[str, Any]) -> None:
    if not isinstance(extra_body, Mapping):
        raise InvalidValueError(f"extra_body must be a mapping, got {extra_body!r:.200}.")
    if taken := sorted(_RESERVED & set(extra_body)):
        raise InvalidValueError(f"extra_body can't set {', '.join(taken)}: the agent does.")
    try:
        json.dumps(dict(extra_body), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"extra_body must be JSON ({error}), got {extra_body!r:.200}.") from error
