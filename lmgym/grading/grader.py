"""The entry points: ``grade`` for one response, ``grade_batch`` for many.

Comes in: gold answers and responses, which are hostile. Goes out: verdicts, always. Plain numbers are
compared here and now; see ``decisions`` for the rest.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from lmgym.errors import InvalidValueError
from lmgym.grading import workers
from lmgym.grading.decisions import Decision, are_same, decide_quickly, decide_slowly
from lmgym.grading.extraction import extract
from lmgym.grading.gold import Gold, find_gold
from lmgym.grading.policies import Policy, find_policy
from lmgym.records import Verdict

MAX_TIMEOUT_S: Final = 600.0
_BROKEN_GOLD = Verdict("error", "gold")


def grade(
    gold: str | Gold,
    response: str,
    *,
    policy: str | Policy | None = None,
    prompt: str | None = None,
    timeout_s: float = 2.0,
) -> Verdict:
    r"""Returns the verdict on a response. Whatever the texts are, it never raises.

    Args:
        gold: the gold answer; a ``Gold`` made by ``read_gold`` is faster than text and known to be whole.
        response: all that the agent wrote.
        policy: where the answer stands and how it is read; None: the gold's own, for text "final".
        prompt: what the agent read; an answer inside a copy of it does not count.
        timeout_s: longest wall-clock time, in (0, 600]. A comparison may use half of it as CPU time. The
            start of worker processes, when they are first needed, is not counted.

    Returns:
        status "correct", "wrong" or "error" (of ours or of the gold: drop the row). Reasons of "wrong":
        "no_answer", "several_answers", "hedged", "echo", "unparsed", "unsolved", "form", "unit", "limit",
        "timeout", "wrong"; of "error": "gold", "worker", "overloaded".

    Raises:
        InvalidValueError: an argument of another type; ``timeout_s`` out of range; a ``policy`` other than
            the gold's own.
        UnknownNameError: no policy has that name.

    >>> grade("5/2", r"Half of five is \boxed{2.5}.").status
    'correct'
    >>> grade("7", r"It is \boxed{7} or \boxed{8}.").reason
    'several_answers'
    """
    check_timeout(timeout_s)
    found = _find(gold, response, policy, prompt)
    if isinstance(found, Verdict):
        return found
    ready, answer = found
    return make_verdict(decide_slowly(ready, answer, timeout_s), answer)


def grade_batch(
    golds: Sequence[str | Gold],
    responses: Sequence[str],
    *,
    policy: str | Policy | None = None,
    prompts: Sequence[str] | None = None,
    timeout_s: float = 2.0,
) -> list[Verdict]:
    """Returns ``grade`` of each pair; what needs a worker process is spread over all of them.

    ``timeout_s`` is counted for each response from when a worker has time for it.

    Raises:
        InvalidValueError: the sequences differ in length, and as ``grade``.
        UnknownNameError: no policy has that name.
    """
    check_timeout(timeout_s)
    if len(golds) != len(responses) or (prompts is not None and len(prompts) != len(golds)):
        sizes = f"{len(golds)} golds, {len(responses)} responses"
        raise InvalidValueError(
            f"one gold, one response and one prompt a row are needed, got {sizes}"
            f"{'' if prompts is None else f', {len(prompts)} prompts'}."
        )
    chosen = None if policy is None else find_policy(policy)
    verdicts: list[Verdict | None] = []
    open_rows: dict[tuple[Gold, str], list[int]] = {}
    for row, (gold, response) in enumerate(zip(golds, responses, strict=True)):
        found = _find(gold, response, chosen, prompts[row] if prompts is not None else None)
        verdicts.append(found if isinstance(found, Verdict) else None)
        if not isinstance(found, Verdict):
            open_rows.setdefault(found, []).append(row)
    for (_, answer), rows, decision in zip(
        open_rows, open_rows.values(), _decide_all(list(open_rows), timeout_s), strict=True
    ):
        for row in rows:
            verdicts[row] = make_verdict(decision, answer)
    return [verdict for verdict in verdicts if verdict is not None]


def find_answer(response: str, policy: Policy, prompt: str | None = None) -> tuple[str | None, str]:
    """Returns the one final answer of ``response``, None if there is none, and a reason against it or ""."""
    answer, others, reason = extract(response, policy, prompt)
    if others and not all(are_same(answer or "", other, policy) for other in others):
        return answer, "several_answers"
    return answer, reason


def make_verdict(decision: Decision, answer: str) -> Verdict:
    """Returns the verdict that a decision on ``answer`` amounts to."""
    return Verdict(decision.status, decision.reason, answer, 1.0 if decision.status == "correct" else 0.0)


def check_timeout(timeout_s: float) -> None:
    """Raises InvalidValueError unless ``timeout_s`` is a number in (0, MAX_TIMEOUT_S]."""
    if isinstance(timeout_s, bool) or not isinstance(timeout_s, int | float) or not _is_time(timeout_s):
        raise InvalidValueError(f"timeout_s must be a number in (0, {MAX_TIMEOUT_S:g}], got {timeout_s!r}.")


def _find(
    gold: str | Gold, response: str, policy: str | Policy | None, prompt: str | None
) -> Verdict | tuple[Gold, str]:
    """Returns the verdict, or the gold and the answer that a worker has to compare."""
    if not isinstance(response, str):
        raise InvalidValueError(f"a response must be text, got {response!r}.")
    if prompt is not None and not isinstance(prompt, str):
        raise InvalidValueError(f"a prompt must be text or None, got {prompt!r}.")
    ready = _make_ready(gold, policy)
    if ready is None:
        return _BROKEN_GOLD
    answer, reason = find_answer(response, ready.policy, prompt)
    if answer is None or reason:
        return Verdict("wrong", reason, answer)
    decision = decide_quickly(ready, answer)
    if decision is None:
        return ready, answer
    return make_verdict(decision, answer)


def _make_ready(gold: str | Gold, policy: str | Policy | None) -> Gold | None:
    if isinstance(gold, Gold):
        if policy is not None and find_policy(policy) != gold.policy:
            raise InvalidValueError(
                f"the gold was read by the policy {gold.policy.where!r} with its rules, and another one is "
                "asked for; read it again: read_gold(text, policy)."
            )
        return gold
    if not isinstance(gold, str):
        raise InvalidValueError(f"a gold answer must be text or made by read_gold, got {gold!r}.")
    return find_gold(gold, find_policy("final" if policy is None else policy))


def _decide_all(pairs: list[tuple[Gold, str]], timeout_s: float) -> list[Decision]:
    num_threads = min(workers.num_workers(), len(pairs))
    if num_threads < 2:
        return [decide_slowly(gold, answer, timeout_s) for gold, answer in pairs]
    golds, answers = zip(*pairs, strict=True)
    with ThreadPoolExecutor(num_threads, "lmgym-grading") as threads:
        return list(threads.map(decide_slowly, golds, answers, [timeout_s] * len(pairs)))


def _is_time(timeout_s: float) -> bool:
    return math.isfinite(timeout_s) and 0 < timeout_s <= MAX_TIMEOUT_S
