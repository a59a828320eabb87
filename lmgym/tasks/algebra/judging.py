"""Judging an answer to any family of algebra problems.

Comes in: a reference and any text. Goes out: a reason and a score. A text beyond the budgets is "limit", one
that the grammar does not know "unparsed", an equal one in another form than asked "form" or "unsolved"; where
equality cannot be decided exactly it is "undecided".
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lmgym.grading.budgets import Refusal
from lmgym.grading.exact import WHITESPACE
from lmgym.grading.notation.parser import parse
from lmgym.grading.tree import Node
from lmgym.tasks.algebra.expressions import (
    judge_derivative,
    judge_expand,
    judge_factor,
    judge_integral,
    judge_simplify,
)
from lmgym.tasks.algebra.intervals import NOTHING
from lmgym.tasks.algebra.solutions import (
    BUDGETS,
    RULES,
    UNPARSED,
    WRONG,
    Judgement,
    judge_inequality,
    judge_linear,
    judge_quadratic,
    judge_system,
    read_phrase,
)


class AlgebraReference(NamedTuple):
    """The private truth of a problem."""

    family: str
    question: str
    """The mathematics alone, without the words of the prompt."""
    answer: str
    """The canonical answer."""
    lines: tuple[str, ...]
    """Working; its last line is an accepted answer."""
    value: Any
    """What answers of the family are checked against."""


MAX_SCORE_OF_WRONG = 0.99


def judge_answer(reference: AlgebraReference, text: str) -> Judgement:
    """Returns why ``text`` is not an accepted answer, "" if it is, and the share that is right."""
    text = text.strip(WHITESPACE)
    if text == reference.answer:
        return "", 1.0
    if len(text) > BUDGETS.max_answer_chars:
        return "limit", 0.0
    if not text or "\n" in text:
        return UNPARSED
    try:
        reason, share = _judge(reference, text)
    except Refusal as refusal:
        return refusal.reason, 0.0
    return (reason, min(share, MAX_SCORE_OF_WRONG)) if reason else ("", 1.0)


def _judge(reference: AlgebraReference, text: str) -> Judgement:
    family, truth = reference.family, reference.value
    phrase = read_phrase(text)
    if family == "inequality":
        return judge_inequality(truth, text, None if phrase else parse(text, RULES, BUDGETS))
    if phrase is not None:
        is_right = family == "quadratic" and phrase == NOTHING and not truth.roots
        return ("", 1.0) if is_right else WRONG
    return judge_node(reference, parse(text, RULES, BUDGETS))


def judge_node(reference: AlgebraReference, node: Node) -> Judgement:
    """Returns the same for an answer that has been read and is not said in words.

    Raises:
        Refusal: "limit".
    """
    family, truth = reference.family, reference.value
    if family == "linear":
        return judge_linear(truth, node)
    if family == "quadratic":
        return judge_quadratic(truth, node)
    if family == "system":
        return judge_system(truth, node)
    if family == "inequality":
        return judge_inequality(truth, "", node)
    if family == "simplify":
        return judge_simplify(truth, node)
    if family == "expand":
        return judge_expand(truth, node)
    if family == "factor":
        return judge_factor(truth, node)
    if family == "derivative":
        return judge_derivative(reference.answer, node)
    return judge_integral(reference.question, reference.answer, node)
