"""A judge behind an OpenAI-compatible endpoint, local or far away.

    judge = EndpointJudge("http://127.0.0.1:8000/v1", "my-model", cache="runs/judge.sqlite")
    judgements = judge.annotate([Comparison("What is 2 + 2?", ("4", "5"))])

Comes in: comparisons, or prompts with responses. Goes out: judgements, or marks; whatever fails on the way is
"no verdict" with a reason, never a zero and never an exception. Each answer is stored before it is used, so
what was interrupted goes on without asking twice.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from lmgym.errors import InvalidValueError
from lmgym.judges.asking import Asking, Progress, Question
from lmgym.judges.cache import JudgeCache
from lmgym.judges.chat_client import ChatClient
from lmgym.judges.comparing import (
    Pair,
    PairVerdict,
    combine_orders,
    judge_comparisons,
    make_scores,
    win_rates,
)
from lmgym.judges.constitution import Constitution, as_constitution
from lmgym.judges.costs import Budget, Costs, Prices
from lmgym.judges.prompts import (
    Mode,
    Scale,
    check_scale,
    comparison_messages,
    prompt_fingerprint,
    score_messages,
)
from lmgym.judges.quoting import MAX_CHARS
from lmgym.judges.verdicts import read_comparison, read_pass, read_score
from lmgym.preferences.annotators import Comparison, Judgement
from lmgym.records import Scores
from lmgym.rewards.empty_answers import is_empty_answer
from lmgym.seeding import make_key

_RESERVED: Final = frozenset({"model", "messages", "temperature", "max_tokens", "seed", "stream", "n"})


class EndpointJudge:
    """Asks a chat model over HTTP; an ``Annotator`` that can give marks as well.

    Args:
        base_url: of the server, such as ``http://127.0.0.1:8000/v1``.
        model: its name there.
        constitution: principles, the path of a file that holds them, or None for those that ship.
        api_key_env: name of the environment variable that holds the key; None: no key is sent.
        concurrency: questions under way at once.
        timeout_s: for one attempt.
        deadline_s: for one call of ``annotate``, ``score`` or ``win_rates``; None: none. What is not answered
            by then has no verdict.
        max_retries: of a request that failed for a reason that may pass.
        cache: path of a file that keeps answers; None: none is kept.
        max_tokens: that the judge may write, thinking included.
        temperature: of its sampling.
        seed: sent along; servers may ignore it.
        mode: how ``score`` asks: a mark on ``scale``, or "pass" or "fail".
        scale: lowest and highest mark.
        prices: of tokens, for ``costs.money``.
        budget: what may be spent since the judge was made; what is beyond has no verdict.
        refuse_empty: answers that say nothing lose, and are marked 0, without being asked about.
        max_chars: of the question and of each answer that are shown.
        secret: goes into the code of the delimiters, see ``lmgym.judges.quoting``.
        extra_body: more fields of the request, such as ``response_format``.
        on_progress: called after each question.
        client_options: of ``ChatClient``: breaker_after, breaker_pause_s, transport, clock, sleep, jitter.

    Raises:
        InvalidValueError: an argument that can't be used.
        MissingDependencyError: httpx is not installed.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        constitution: Constitution | str | Path | None = None,
        api_key_env: str | None = None,
        concurrency: int = 4,
        timeout_s: float = 60.0,
        deadline_s: float | None = None,
        max_retries: int = 4,
        cache: str | Path | None = None,
        max_tokens: int = 512,
        temperature: float = 0.0,
        seed: int = 0,
        mode: Mode = "score",
        scale: Scale = (1, 10),
        prices: Prices | None = None,
        budget: Budget | None = None,
        refuse_empty: bool = True,
        max_chars: int = MAX_CHARS,
        secret: str = "",
        extra_body: Mapping[str, Any] | None = None,
        on_progress: Progress | None = None,
        **client_options: Any,
    ) -> None:
        _check_numbers(concurrency, timeout_s, deadline_s, max_retries, max_tokens, max_chars, temperature)
        if mode not in ("score", "pass"):
            raise InvalidValueError(f"mode must be 'score' or 'pass', got {mode!r}.")
        _check_extra_body(extra_body or {})
        self.constitution = as_constitution(constitution)
        self.model, self.mode, self.scale = model, mode, check_scale(scale)
        self.refuse_empty, self.max_chars, self.seed = refuse_empty, max_chars, seed
        self.costs = Costs(prices or Prices())
        self._secret = secret
        self._sampling = {**(extra_body or {}), "temperature": temperature, "max_tokens": max_tokens}
        self._client = ChatClient(
            base_url, api_key_env=api_key_env, timeout_s=timeout_s, max_retries=max_retries,
            costs=self.costs, budget=budget or Budget(), **client_options,
        )  # fmt: skip
        self.cache = None if cache is None else JudgeCache(cache)
        self._asking = Asking(
            self._client, self.cache, self.costs, {**self._sampling, "model": model},
            concurrency=concurrency, deadline_s=deadline_s, on_progress=on_progress,
        )  # fmt: skip

    @property
    def name(self) -> str:
        """Returns "judge:MODEL"."""
        return f"judge:{self.model}"

    @property
    def config(self) -> dict[str, Any]:
        """Returns what determines the judge's answers, for records; no key, no secret."""
        return {
            "base_url": self._client.base_url, "model": self.model, "sampling": self._sampling,
            "seed": self.seed, "mode": self.mode, "scale": list(self.scale), "max_chars": self.max_chars,
            "refuse_empty": self.refuse_empty, "principles": list(self.constitution.principles),
            "prompt": prompt_fingerprint(self.constitution),
        }  # fmt: skip

    def annotate(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        """Returns one judgement for each comparison; each pair of answers is asked in both orders.

        Two verdicts that contradict each other make a tie with confidence 0, and
        ``extra["swap_disagrees"]`` is True; without one of the two there is no verdict.
        """
        return judge_comparisons(comparisons, self._ask_pairs, refuse_empty=self.refuse_empty)

    def win_rates(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[str]
    ) -> Scores:
        """Returns how far each response wins against its reference: 1, 0.5 for a tie, 0; both orders."""
        return win_rates(self._ask_pairs, prompts, responses, references, refuse_empty=self.refuse_empty)

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Scores:
        """Returns marks in [0, 1] (of pass and fail: 1 and 0); rows without a verdict are failed.

        A response that says nothing is marked 0, its reason is "empty", and the judge is not asked.
        """
        empty = [self.refuse_empty and is_empty_answer(response) for response in responses]
        rows = [i for i, is_empty in enumerate(empty) if not is_empty]
        read = read_pass if self.mode == "pass" else lambda reply: read_score(reply, self.scale)
        questions = [
            Question(
                score_messages(
                    self.constitution, prompts[i], responses[i], mode=self.mode, scale=self.scale,
                    secret=self._secret, max_chars=self.max_chars,
                ),
                read, self.seed,
            )
            for i in rows
        ]  # fmt: skip
        found = dict(zip(rows, self._asking.ask_all(questions), strict=True))
        return make_scores(
            [
                PairVerdict(found[i].value, found[i].reason) if i in found else PairVerdict(0.0, "empty")
                for i in range(len(responses))
            ]
        )

    def close(self) -> None:
        """Closes the connections and the cache."""
        self._client.close()
        if self.cache is not None:
            self.cache.close()

    def __repr__(self) -> str:
        return f"EndpointJudge({self._client.base_url!r}, {self.model!r})"

    def _ask_pairs(self, pairs: Sequence[Pair]) -> list[PairVerdict]:
        questions = []
        for pair in pairs:
            seed = self.seed
            if pair.repetition:
                seed = make_key(self.seed, "repetition", pair.repetition) & 0x7FFFFFFF
            for first, second in ((pair.first, pair.second), (pair.second, pair.first)):
                messages = comparison_messages(
                    self.constitution,
                    pair.prompt,
                    first,
                    second,
                    secret=self._secret,
                    max_chars=self.max_chars,
                )
                questions.append(Question(messages, read_comparison, seed))
        readings = self._asking.ask_all(questions)
        return [
            combine_orders(
                forward.value,
                None if backward.value is None else 1.0 - backward.value,
                (forward.reason, backward.reason),
            )
            for forward, backward in zip(readings[::2], readings[1::2], strict=True)
        ]


def _check_numbers(
    concurrency: int,
    timeout_s: float,
    deadline_s: float | None,
    max_retries: int,
    max_tokens: int,
    max_chars: int,
    temperature: float,
) -> None:
    if not math.isfinite(temperature):
        raise InvalidValueError(f"temperature must be finite, got {temperature!r}.")
    for name, value, low in (
        ("concurrency", concurrency, 1),
        ("max_retries", max_retries, 0),
        ("max_tokens", max_tokens, 1),
        ("max_chars", max_chars, 1),
        ("temperature", temperature, 0),
    ):
        if not value >= low:
            raise InvalidValueError(f"{name} must be at least {low}, got {value!r}.")
    for name, seconds in (("timeout_s", timeout_s), ("deadline_s", deadline_s)):
        if seconds is not None and not seconds > 0:
            raise InvalidValueError(f"{name} must be positive seconds, got {seconds!r}.")


def _check_extra_body(extra_body: Mapping[str, Any]) -> None:
    if taken := sorted(_RESERVED & set(extra_body)):
        raise InvalidValueError(f"extra_body can't set {', '.join(taken)}: the judge does.")
    try:
        json.dumps(dict(extra_body), allow_nan=False)
    except (TypeError, ValueError) as error:
        raise InvalidValueError(f"extra_body must be JSON ({error}), got {extra_body!r:.200}.") from error
