"""Many questions to one server side by side: the cache first, equal questions once, answers in order.

Comes in: questions. Goes out: what was read of the answers. Left out: what is asked
(``lmgym.judges.endpoint``), and one request with its troubles (``lmgym.judges.chat_client``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from lmgym.conversation import Message
from lmgym.judges.cache import JudgeCache, cache_key
from lmgym.judges.chat_client import Answer, ChatClient
from lmgym.judges.costs import Costs
from lmgym.judges.verdicts import Reading

Progress = Callable[[int, int, Costs], object]
"""Called with questions done, questions in all, and the costs so far; in the caller's thread."""


class Question(NamedTuple):
    """One request and how its reply is read."""

    messages: tuple[Message, ...]
    read: Callable[[object], Reading]
    seed: int


class Asking:
    """Asks one model.

    Args:
        client: sends.
        cache: keeps answers; None: nothing is kept.
        costs: is counted up.
        settings: of every request: the model, sampling.
        concurrency: questions under way at once.
        deadline_s: for one call of ``ask_all``; None: none.
        on_progress: called after each question.
    """

    def __init__(
        self,
        client: ChatClient,
        cache: JudgeCache | None,
        costs: Costs,
        settings: Mapping[str, Any],
        *,
        concurrency: int,
        deadline_s: float | None,
        on_progress: Progress | None,
    ) -> None:
        self._client, self._cache, self._costs, self._settings = client, cache, costs, settings
        self._concurrency, self._deadline_s, self._on_progress = concurrency, deadline_s, on_progress

    def ask_all(self, questions: Sequence[Question]) -> list[Reading]:
        """Returns the readings in order; equal questions are asked once."""
        deadline = float("inf") if self._deadline_s is None else self._client.clock() + self._deadline_s
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="judge")
        try:
            different = dict.fromkeys(questions)
            futures = {question: pool.submit(self._ask, question, deadline) for question in different}
            self._watch(list(futures.values()))
            return [futures[question].result() for question in questions]
        except BaseException:
            self._client.stop()  # after an interrupt nobody waits for another attempt
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            self._client.go_on()

    def _watch(self, futures: Sequence[Future[Reading]]) -> None:
        waiting: set[Future[Reading]] = set(futures)
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for number, _ in enumerate(done, len(futures) - len(waiting) - len(done) + 1):
                if self._on_progress is not None:
                    self._on_progress(number, len(futures), self._costs)

    def _ask(self, question: Question, deadline: float) -> Reading:
        messages = [message._asdict() for message in question.messages]
        answer = self._answer({**self._settings, "messages": messages, "seed": question.seed}, deadline)
        self._costs.add(asked=1)
        if answer.failure:
            self._costs.add(failures=1)
            return Reading(None, answer.failure)
        reading = read_whole(answer, question.read)
        if reading.value is None:
            self._costs.add(unreadable=1)
        return reading

    def _answer(self, body: dict[str, Any], deadline: float) -> Answer:
        key = cache_key({"base_url": self._client.base_url, "body": body})
        stored = None if self._cache is None else self._cache.get(key)
        if stored is not None and (answer := _from_stored(stored)) is not None:
            self._costs.add(cached=1)
            return answer
        answer = self._client.ask(body, deadline)
        if not answer.failure:
            self._costs.add_usage(answer.usage)
            if self._cache is not None:
                self._cache.put(key, {"content": answer.content, "finish": answer.finish})
        return answer


def read_whole(answer: Answer, read: Callable[[object], Reading]) -> Reading:
    """Returns what ``read`` finds in an answer, unless that was cut or declined."""
    if answer.finish == "length":
        return Reading(None, "unparsed: the reply was cut by max_tokens")
    if answer.finish in ("refusal", "content_filter"):
        return Reading(None, "refusal: the judge does not answer")
    return read(answer.content)


def _from_stored(stored: Mapping[str, Any]) -> Answer | None:
    content, finish = stored.get("content"), stored.get("finish")
    if isinstance(content, str | None) and isinstance(finish, str):
        return Answer(content, finish)
    return None
