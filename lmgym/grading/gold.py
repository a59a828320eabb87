"""Gold answers, read once: when a data set is loaded, not at step 4000.

Comes in: the text of a gold answer, or of a worked solution that ends with one. Goes out: a ``Gold``, ready
to be compared with.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from lmgym.errors import InvalidValueError
from lmgym.grading.budgets import Refusal
from lmgym.grading.exact import Number, parse_number
from lmgym.grading.extraction import clean, extract
from lmgym.grading.policies import Policy, find_policy
from lmgym.grading.tree import Node, number

_SHOWN_CHARS = 80


class Gold(NamedTuple):
    """A gold answer that has been read; make it with ``read_gold``."""

    text: str
    """The answer alone; a capital letter if ``policy`` looks for a choice."""
    policy: Policy
    """Where a response's answer stands and how both are read."""
    node: Node | None
    """What it means, None for a choice."""
    number: Number | None
    """Its value if it is a plain number and equal value is all that the rules ask for."""


def read_gold(text: str, policy: str | Policy = "final", *, is_solution: bool = False) -> Gold:
    r"""Returns the gold answer in ``text``.

    Args:
        text: the answer itself, or a worked solution.
        policy: how it is read, and where the answers to be compared with it stand.
        is_solution: ``text`` is a worked solution (``... #### 18``, ``... \boxed{18}.``); its answer stands
            where ``policy`` says.

    Raises:
        InvalidValueError: there is no answer in it, several, or one that can't be read or has no value (1/0).
        UnknownNameError: no policy has that name.
    """
    policy = find_policy(policy)
    if not isinstance(text, str):
        raise InvalidValueError(f"a gold answer must be text, got {text!r}.")
    answer = text
    if is_solution:
        found = extract(text, policy)
        if found.answer is None or found.others:
            reason = found.reason or "several_answers"
            raise InvalidValueError(
                f"no single final answer ({reason}) by policy {policy.where!r} in the solution {_show(text)}."
            )
        answer = found.answer
    return _read_choice(answer, policy) if policy.where == "choice" else _read(clean(answer), policy)


@lru_cache(maxsize=1 << 14)
def find_gold(text: str, policy: Policy) -> Gold | None:
    """Returns ``read_gold(text, policy)``, None if it raises InvalidValueError; remembers recent ones."""
    try:
        return read_gold(text, policy)
    except InvalidValueError:
        return None


def _read(answer: str, policy: Policy) -> Gold:
    rules = policy.rules
    if len(answer) <= policy.budgets.max_answer_chars:
        value = parse_number(answer).value
        if value is not None:
            is_plain = rules.decimals is None and rules.form == "any"
            return Gold(answer, policy, number(value), value if is_plain else None)
    from lmgym.grading.equality.equivalence import compare  # not needed where all golds are plain numbers
    from lmgym.grading.notation.parser import parse

    try:
        node = parse(answer, rules, policy.budgets)
        itself = compare(node, node, rules, policy.budgets)
        if itself is not None and itself.reason in ("wrong", "limit"):
            detail = "it has no value" if itself.reason == "wrong" else "it is beyond a budget"
            raise Refusal("unparsed" if itself.reason == "wrong" else "limit", detail)
        return Gold(answer, policy, node, None)
    except Refusal as refusal:
        raise InvalidValueError(
            f"the gold answer {_show(answer)} can't be read ({refusal.reason}: {refusal.detail}); change it "
            "or leave its problem out."
        ) from None


def _read_choice(answer: str, policy: Policy) -> Gold:
    found = extract(answer, policy)
    if found.answer is None or found.others:
        raise InvalidValueError(
            f"the gold answer {_show(answer)} names no single choice of {policy.choices!r}."
        )
    return Gold(found.answer, policy, None, None)


def _show(text: str) -> str:
    return repr(text if len(text) <= _SHOWN_CHARS else text[:_SHOWN_CHARS] + "...")
