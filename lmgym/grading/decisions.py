"""Decides whether an extracted answer is the gold answer: at once where possible, else in a worker process.

Comes in: a ``Gold`` and the text of an answer. Goes out: a ``Decision``. Left out: finding the answer.
"""

from __future__ import annotations

import dataclasses
import threading
from collections import OrderedDict
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple

from lmgym.grading import workers
from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.exact import parse_number
from lmgym.grading.extraction import is_hedged
from lmgym.grading.gold import Gold
from lmgym.grading.policies import Policy
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node
from lmgym.records import Status

MAX_REMEMBERED: Final = 4096
"""Slow decisions that are kept."""
MAX_QUICK_NODES: Final = 200
MAX_QUICK_DEPTH: Final = 12
"""A larger or deeper answer is compared where it can be killed, however quick that should be."""
_OF_SEVERAL: Final = frozenset(("either", "list", "set", "relation", "union", "plus_minus", "interval"))
"""Heads of golds to which an answer may say "or"."""


class Decision(NamedTuple):
    """What was decided, and by what."""

    status: Status
    reason: str
    by: Literal["numbers", "letters", "words", "reading", "rules", "worker", "memory"]
    """Exact values of plain numbers; letters of choices; a hedging word; the parser, which refused the
    answer; exact rules in this process; a worker process; an earlier decision of one."""


_RIGHT_NUMBER = Decision("correct", "", "numbers")
_WRONG_NUMBER = Decision("wrong", "wrong", "numbers")


def decide_quickly(gold: Gold, answer: str) -> Decision | None:
    """Returns whether ``answer`` is ``gold``, in milliseconds; None if only a worker can tell."""
    budgets = gold.policy.budgets
    if (
        gold.number is not None
        and len(answer) <= budgets.max_answer_chars
        and len(answer) <= budgets.max_digits
    ):
        value = parse_number(answer).value
        if value is not None:
            return _RIGHT_NUMBER if value == gold.number else _WRONG_NUMBER
    if gold.node is None:
        is_right = answer == gold.text
        return Decision("correct" if is_right else "wrong", "" if is_right else "wrong", "letters")
    if _leaves_open(gold, answer):
        return Decision("wrong", "hedged", "words")
    return _decide_by_rules(gold, answer)


def decide_slowly(gold: Gold, answer: str, timeout_s: float) -> Decision:
    """Returns what a worker process says, or remembers; at most ``timeout_s`` after it has started."""
    key = (gold.text, answer, gold.policy.rules, gold.policy.budgets, timeout_s)
    remembered = _memory.find(key)
    if remembered is not None:
        return remembered._replace(by="memory")
    outcome = workers.run(_make_request(gold, answer), timeout_s)
    if outcome.failure in ("overloaded", "worker"):
        return Decision("error", outcome.failure, "worker")
    if outcome.failure:
        decision = Decision("wrong", outcome.failure, "worker")
    elif outcome.reply.get("is_equal") is True:
        decision = Decision("correct", "", "worker")
    else:
        decision = Decision("wrong", str(outcome.reply.get("reason") or "wrong"), "worker")
    _memory.keep(key, decision)
    return decision


def are_same(answer: str, other: str, policy: Policy) -> bool:
    """Returns whether two answers of one response surely say the same, solved or not."""
    if policy.where == "choice":
        return answer == other
    value, other_value = parse_number(answer).value, parse_number(other).value
    if value is not None and other_value is not None:
        return value == other_value
    from lmgym.grading.equality.equivalence import compare
    from lmgym.grading.notation.parser import parse

    rules = _without_solving(policy.rules)
    try:
        nodes = (parse(answer, rules, policy.budgets), parse(other, rules, policy.budgets))
        if not all(map(_is_small, nodes)):
            return False
        comparison = compare(*nodes, rules, policy.budgets)
    except (Refusal, RecursionError):
        return False
    return comparison is not None and comparison.is_equal


def forget_decisions() -> None:
    """Forgets what worker processes have decided."""
    _memory.clear()


def _decide_by_rules(gold: Gold, answer: str) -> Decision | None:
    from lmgym.grading.equality.equivalence import compare
    from lmgym.grading.notation.parser import parse

    rules, budgets = gold.policy.rules, gold.policy.budgets
    assert gold.node is not None
    try:
        node = parse(answer, rules, budgets)
        if not _is_small(node):
            return None
        comparison = compare(gold.node, node, rules, budgets)
    except Refusal as refusal:
        return Decision("wrong", refusal.reason, "reading")
    except RecursionError:  # the caller's stack is nearly full; a worker's is empty
        return None
    if comparison is None:
        return None
    if comparison.is_equal:
        return Decision("correct", "", "rules")
    return Decision("wrong", comparison.reason, "rules")


def _is_small(node: Node) -> bool:
    level, num_nodes = [node], 1
    for _ in range(MAX_QUICK_DEPTH):
        level = [arg for parent in level for arg in parent.args]
        num_nodes += len(level)
        if not level or num_nodes > MAX_QUICK_NODES:
            break
    return not level and num_nodes <= MAX_QUICK_NODES


def _leaves_open(gold: Gold, answer: str) -> bool:
    if not is_hedged(answer) or is_hedged(gold.text):
        return False
    return is_hedged(answer, may_say_or=gold.node is not None and gold.node.head in _OF_SEVERAL)


@lru_cache(maxsize=64)
def _without_solving(rules: Rules) -> Rules:
    return dataclasses.replace(rules, must_be_solved=False, form="any")


def _make_request(gold: Gold, answer: str) -> dict[str, Any]:
    rules, budgets = _fields(gold.policy.rules), _fields(gold.policy.budgets)
    return {"gold": gold.text, "given": answer, "rules": rules, "budgets": budgets}


def _fields(options: Rules | Budgets) -> dict[str, Any]:
    return dataclasses.asdict(options)


class Memory:
    """The last decisions of worker processes, for any number of threads."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._decisions: OrderedDict[tuple[object, ...], Decision] = OrderedDict()

    def find(self, key: tuple[object, ...]) -> Decision | None:
        """Returns what was kept under ``key``."""
        with self._lock:
            decision = self._decisions.get(key)
            if decision is not None:
                self._decisions.move_to_end(key)
            return decision

    def keep(self, key: tuple[object, ...], decision: Decision) -> None:
        """Keeps a decision; the one that was not asked for the longest gives way."""
        with self._lock:
            self._decisions[key] = decision
            if len(self._decisions) > self._size:
                self._decisions.popitem(last=False)

    def clear(self) -> None:
        """Forgets all."""
        with self._lock:
            self._decisions.clear()


_memory = Memory(MAX_REMEMBERED)
