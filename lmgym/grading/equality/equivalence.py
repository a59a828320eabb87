"""Whether a given answer is the gold answer: fast without sympy where possible, slowly with it otherwise.

What counts as equal is written down, with examples that are tested, in docs/equivalence.md. ``equal`` is
symmetric; ``compare`` adds what is asked of the given side alone: that it is solved, its form, its units.
"""

from __future__ import annotations

from fractions import Fraction
from math import gcd
from typing import NamedTuple

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.forms import has_form, is_solved, looks_irrational
from lmgym.grading.equality.implications import follows
from lmgym.grading.equality.numeric import variables_of
from lmgym.grading.equality.scalars import Context, Decide, UndecidedError
from lmgym.grading.equality.structures import check_shape, spread
from lmgym.grading.equality.structures import equal as equal_answers
from lmgym.grading.equality.values import UndefinedError
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node

__all__ = ["Comparison", "compare", "compare_slowly", "equal", "follows"]


class Comparison(NamedTuple):
    """The outcome of one comparison."""

    is_equal: bool
    reason: str = ""
    """"" if equal, else "wrong", "unsolved", "form", "unit" or "limit"."""


_RIGHT = Comparison(True)
_WRONG = Comparison(False, "wrong")
_DEFAULT_RULES = Rules()
_DEFAULT_BUDGETS = Budgets()


def compare(
    gold: Node, given: Node, rules: Rules = _DEFAULT_RULES, budgets: Budgets = _DEFAULT_BUDGETS
) -> Comparison | None:
    """Returns whether ``given`` is the gold answer, None if only ``compare_slowly`` can tell.

    Takes milliseconds at most and never raises for any pair of trees.

    Args:
        gold: the right answer; one without a value (0/0) equals nothing, not even itself.
        given: the answer to be judged.
        rules: what counts as the same.
        budgets: what is larger is "limit", and not tried.
    """
    if rules.decimals is None:  # nearly all answers
        if gold.head == given.head == "number":
            return _RIGHT if gold.value == given.value else _WRONG
        first = _plain_value(gold)
        second = _plain_value(given) if first is not None and rules.form == "any" else None
        if second is not None:
            return _RIGHT if first == second else _WRONG
    return judge(gold, given, rules, budgets, None)


def _plain_value(node: Node) -> int | Fraction | None:
    """Returns the value of a literal or a fraction in lowest terms, signed or not; None of others."""
    head, args, value = node
    if head == "number":
        return value  # type: ignore[no-any-return]
    if head == "negate" and args[0].head != "negate":
        inner = _plain_value(args[0])
        return None if inner is None else -inner
    if head == "divide" and args[0].head == args[1].head == "number":
        top, bottom = args[0].value, args[1].value
        if isinstance(top, int) and isinstance(bottom, int) and bottom > 1 and gcd(top, bottom) == 1:
            return Fraction(top, bottom)
    return None


def compare_slowly(
    gold: Node, given: Node, rules: Rules = _DEFAULT_RULES, budgets: Budgets = _DEFAULT_BUDGETS
) -> Comparison:
    """Returns what ``compare`` does, with sympy for what is undecided there; what stays so is "wrong".

    May be slow, or never end: for a process that can be killed.
    """
    from lmgym.grading.equality.identities import are_identical

    found = judge(gold, given, rules, budgets, lambda left, right: are_identical(left, right, budgets))
    return _WRONG if found is None else found


def judge(
    gold: Node, given: Node, rules: Rules, budgets: Budgets, decide: Decide | None
) -> Comparison | None:
    """Returns what ``compare`` does, asking ``decide`` about expressions that are otherwise undecided."""
    try:
        check_shape(gold, budgets)
        check_shape(given, budgets)
        context = Context(rules, budgets, decide)
        outcome = equal_answers(spread(gold), spread(given), context)
        if outcome is None:
            return None
        if not outcome:
            return Comparison(False, "unit") if context.has_other_unit else _WRONG
        return _check_given(gold, given, rules)
    except UndecidedError:
        return None
    except UndefinedError:
        return _WRONG
    except RecursionError:  # a budget of depth beyond what the caller's stack has left
        return Comparison(False, "limit")
    except Refusal as refusal:
        return Comparison(False, "limit") if refusal.reason == "limit" else _WRONG


def equal(
    left: Node,
    right: Node,
    rules: Rules = _DEFAULT_RULES,
    budgets: Budgets = _DEFAULT_BUDGETS,
    decide: Decide | None = None,
) -> bool | None:
    """Returns whether two answers are the same, None if undecided; the order of the two does not matter.

    Raises:
        Refusal: "limit".
    """
    check_shape(left, budgets)
    check_shape(right, budgets)
    try:
        return equal_answers(spread(left), spread(right), Context(rules, budgets, decide))
    except UndecidedError:
        return None
    except UndefinedError:
        return False


def _check_given(gold: Node, given: Node, rules: Rules) -> Comparison:
    if rules.units == "refused" and _has_unit(given):
        return Comparison(False, "unit")
    if rules.must_be_solved and not _is_settled(gold, given, rules):
        return Comparison(False, "form" if _bases(gold) and not _bases(given) else "unsolved")
    if not has_form(given, rules.form):
        return Comparison(False, "form")
    return _RIGHT


def _is_settled(gold: Node, given: Node, rules: Rules) -> bool:
    """Returns whether nothing is left to be done with ``given`` that has been done in the gold answer."""
    if gold.head == "text" or not is_solved(gold):
        return True
    if not _used_names(given) <= variables_of(gold):  # x/x, which is left to be cancelled
        return False
    if rules.decimals is None and looks_irrational(given) and not looks_irrational(gold):
        if not _used_names(gold):
            return False  # sqrt(2) * sqrt(2), pi/pi, e^(ln 2)
    return is_solved(given) and _bases(gold) == _bases(given)


def _used_names(node: Node) -> frozenset[str]:
    """Returns the variables that values are made of; the y of y = 2x is only their name."""
    if node.head == "variable":
        return frozenset((node.value,))
    parts = node.args
    if node.head == "relation":
        parts = tuple(side for side in parts if not _is_name(side))
    return frozenset().union(*map(_used_names, parts))


def _is_name(node: Node) -> bool:
    return node.head == "variable" or (node.head == "tuple" and all(map(_is_name, node.args)))


def _bases(node: Node) -> frozenset[int]:
    """Returns the bases other than ten in which numbers are written."""
    own = frozenset((node.value[1],)) if node.head == "based" and node.value[1] != 10 else frozenset()
    return own.union(*map(_bases, node.args))


def _has_unit(node: Node) -> bool:
    return node.head in ("quantity", "degrees") or any(map(_has_unit, node.args))
