"""The one rule of Metamath (book, section 4.1.4): use an assertion on what lies on top of the stack.

This file and ``reader.py`` are what has to be right for a proof to be one.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import NamedTuple

from lmgym.logic.metamath.database import Assertion, Expression, Pair

Stack = tuple[Expression, ...]
"""The expressions that have been proved and not yet used; the last one is the top."""


class Refusal(NamedTuple):
    """Why a label, or a proof, was refused."""

    reason: str
    """One word."""
    message: str
    """For whoever wrote the proof."""


class Setting(NamedTuple):
    """What the rule has to know beside the assertion and the stack."""

    variables: frozenset[str]
    distinct: frozenset[Pair]
    """Pairs that are distinct in the theorem which is being proved."""
    max_symbols: int


def use(assertion: Assertion, stack: list[Expression], setting: Setting) -> Expression | Refusal:
    """Returns what ``assertion`` gives from the top of ``stack``, which it leaves as it is."""
    count = len(assertion.hypotheses)
    if count > len(stack):
        message = f"{assertion.label} needs {count} on the stack, there are {len(stack)}"
        return Refusal("underflow", message)
    given = stack[len(stack) - count :]
    substitution: dict[str, Expression] = {}
    for hypothesis, found in zip(assertion.hypotheses, given, strict=True):
        wanted = hypothesis.expression
        if hypothesis.is_floating:
            if found[0] != wanted[0]:
                return _mismatch(assertion, hypothesis.label, wanted, found)
            substitution[wanted[1]] = found[1:]
        else:
            made = substitute(wanted, substitution, len(found))
            if made != found:
                return _mismatch(assertion, hypothesis.label, made or wanted, found)
    if assertion.distinct:
        refusal = _check_distinct(assertion, substitution, setting)
        if refusal is not None:
            return refusal
    made = substitute(assertion.expression, substitution, setting.max_symbols)
    if made is None:
        return Refusal("limit", f"an expression of more than {setting.max_symbols:,} symbols")
    return made


def substitute(
    expression: Expression, substitution: Mapping[str, Expression], max_symbols: int
) -> Expression | None:
    """Returns ``expression`` with its variables replaced, all at once; None if it would be too long."""
    made: list[str] = []
    for symbol in expression:
        replacement = substitution.get(symbol)
        if replacement is None:
            made.append(symbol)
        else:
            made += replacement
        if len(made) > max_symbols:
            return None
    return tuple(made)


def _mismatch(assertion: Assertion, label: str, wanted: Expression, found: Expression) -> Refusal:
    reason = "typecode" if wanted[0] != found[0] else "mismatch"
    message = f"{assertion.label} needs {_short(wanted)} for {label}, the stack has {_short(found)}"
    return Refusal(reason, message)


def _short(expression: Expression) -> str:
    text = " ".join(expression[:40])
    return text if len(text) <= 80 else text[:77] + "..."


def _check_distinct(
    assertion: Assertion, substitution: Mapping[str, Expression], setting: Setting
) -> Refusal | None:
    """Returns why the assertion's distinct variables are not, None if they are."""
    inside = {
        variable: sorted(setting.variables.intersection(expression))
        for variable, expression in substitution.items()
    }
    for first, second in sorted(assertion.distinct):
        for one, other in product(inside[first], inside[second]):
            pair = (one, other) if one < other else (other, one)  # of two equal ones none is declared
            if pair not in setting.distinct:
                message = f"{assertion.label} needs distinct {first} and {second}; {one} and {other} are not"
                return Refusal("distinct", message)
    return None
