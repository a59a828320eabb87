"""The families of algebra problems, how they are drawn, and how they are put to the agent."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from lmgym.errors import InvalidValueError
from lmgym.tasks.algebra.calculus import draw_derivative, draw_integral
from lmgym.tasks.algebra.exercises import Exercise, Shape, largest_number
from lmgym.tasks.algebra.forms import draw_expand, draw_factor, draw_simplify
from lmgym.tasks.algebra.inequality import draw_inequality
from lmgym.tasks.algebra.limits import LIMITS, SIZES
from lmgym.tasks.algebra.linear import draw_linear
from lmgym.tasks.algebra.quadratic import draw_quadratic
from lmgym.tasks.algebra.systems import UNKNOWNS, draw_system
from lmgym.tasks.options import check_choice
from lmgym.tasks.stream import Words

DRAWS: Mapping[str, Callable[[Shape, Words], Exercise | None]] = {
    "linear": draw_linear,
    "quadratic": draw_quadratic,
    "system": draw_system,
    "simplify": draw_simplify,
    "expand": draw_expand,
    "factor": draw_factor,
    "derivative": draw_derivative,
    "integral": draw_integral,
    "inequality": draw_inequality,
}
FAMILIES = tuple(DRAWS)
MIXED = "mixed"
LARGER = 4
"""How many times larger the numbers of "ood_coefficients" are drawn."""

_FIRST_LEVEL = {"factor": 2, "integral": 2, "quadratic": 3, "inequality": 3, "system": 4}
"""The level from which on a family is part of the mixture; 1 for the others."""

_PLAIN = {
    "linear": "solve {q}: x=",
    "quadratic": "solve {q}: x=",
    "system": "solve {q}: ({v})=",
    "simplify": "simplify {q}: ",
    "expand": "expand {q}: ",
    "factor": "factor {q}: ",
    "derivative": "d/dx({q})=",
    "integral": "integrate {q}: ",
    "inequality": "solve {q}: ",
}
_INSTRUCT = {
    "linear": "Solve {q} for x. End with the value of x alone.\n",
    "quadratic": "Find every real solution of {q}. End with the values of x alone, or with none.\n",
    "system": "Solve {q}. End with ({v}) alone.\n",
    "simplify": "Simplify {q}. End with the result alone.\n",
    "expand": "Expand {q} and collect like terms. End with the result alone.\n",
    "factor": "Factor {q} completely. End with the result alone.\n",
    "derivative": "Differentiate {q} with respect to x. End with the result alone.\n",
    "integral": "Find an antiderivative of {q}. End with the result alone.\n",
    "inequality": "Solve {q} over the real numbers. End with the condition on x alone.\n",
}
PROMPTS: Mapping[str, Mapping[str, str]] = {"plain": _PLAIN, "instruct": _INSTRUCT}

_POLYNOMIAL = "0123456789-+/x^()"
_LETTERS = {
    "linear": ("0123456789-/", "x=+()"),
    "quadratic": ("0123456789-/, ()+sqrtnoe", "x=^"),
    "system": ("0123456789-/(),", "xyzw+= "),
    "simplify": (_POLYNOMIAL, ""),
    "expand": (_POLYNOMIAL, ""),
    "factor": (_POLYNOMIAL, ""),
    "derivative": (_POLYNOMIAL, "*"),
    "integral": (_POLYNOMIAL + "C", ""),
    "inequality": ("0123456789-/<>≤≥x", "+()"),
}
"""For each family what answers are written with, and what working needs besides."""
_MORE_LETTERS = {"derivative": "*sincoexpl", "integral": "*sincoexpl", "inequality": "= orneal^"}
"""The same for the levels from 6 on, answers and working."""


class Drawn(NamedTuple):
    """What a problem is made from: an exercise and the key of the whole problem."""

    exercise: Exercise
    key: str


def check_families(given: object) -> tuple[str, ...]:
    """Returns the families that an option names; () stands for the mixture.

    Raises:
        UnknownNameError: a name that is no family.
        InvalidValueError: something that is neither a text nor a sequence of texts.
    """
    if isinstance(given, str):
        given = [part.strip() for part in given.split(",")]
    if not isinstance(given, Sequence) or not given:
        raise InvalidValueError(
            f"family must be {MIXED!r}, a family's name or several of {', '.join(FAMILIES)}, got {given!r}."
        )
    if list(given) == [MIXED]:
        return ()
    names = {check_choice("family", name, (*FAMILIES, MIXED)) for name in given}
    if MIXED in names:
        raise InvalidValueError(f"family {MIXED!r} stands alone, got {list(given)!r}.")
    return tuple(name for name in FAMILIES if name in names)


def families_at(families: tuple[str, ...], level: int) -> tuple[str, ...]:
    """Returns the families that are posed at ``level``: those chosen, or the level's mixture."""
    return families or tuple(name for name in FAMILIES if _FIRST_LEVEL.get(name, 1) <= level)


def draw_exercise(families: tuple[str, ...], level: int, split: str, words: Words) -> Drawn | None:
    """Returns an exercise for ``split``, None if what was drawn does not belong there.

    The numbers of every question are at most the level's largest, except in "ood_coefficients", where one
    is larger; "ood_length" draws questions with one term, factor, degree or unknown more than the level has.
    """
    family = families[words.below(len(families))] if len(families) > 1 else families[0]
    limits = LIMITS[family][level - 1]
    is_larger = split == "ood_coefficients"
    size = SIZES[level - 1] * (LARGER if is_larger else 1)
    exercise = DRAWS[family](Shape(level, size, int(split == "ood_length")), words)
    if exercise is None or not exercise.lines:  # what is solved already is no problem
        return None
    question, answer = exercise.question, exercise.answer
    if (largest_number(question) > limits.number) != is_larger and split != "ood_length":
        return None
    if len(question) > limits.question or len(answer) > limits.answer:
        return None
    if sum(map(len, exercise.lines)) + len(exercise.lines) > limits.worked:
        return None
    return Drawn(exercise, f"{family}: {exercise.key}")


def prompt_of(exercise: Exercise, style: str) -> str:
    """Returns the prompt of an exercise."""
    template = PROMPTS[style][exercise.family]
    if exercise.family != "system":
        return template.replace("{q}", exercise.question)
    unknowns = ",".join(UNKNOWNS[: len(exercise.truth)])
    return template.replace("{q}", exercise.question).replace("{v}", unknowns)


def letters_of(families: Sequence[str], level: int, is_worked: bool) -> str:
    """Returns every character of demonstrations."""
    letters = "\n" if is_worked else ""
    for family in families:
        answer, more = _LETTERS[family]
        letters += answer + (more if is_worked else "")
        if level > 5:
            letters += _MORE_LETTERS.get(family, "")
    return "".join(dict.fromkeys(letters))


def max_prompt_chars(families: Sequence[str], level: int, style: str) -> int:
    """Returns a bound on the characters of a prompt."""
    room = len(",".join(UNKNOWNS))
    return max(len(PROMPTS[style][name]) + LIMITS[name][level - 1].question + room for name in families)


def max_answer_chars(families: Sequence[str], level: int, is_worked: bool) -> int:
    """Returns a bound on the characters of a demonstration."""
    limits = [LIMITS[name][level - 1] for name in families]
    return max(1 + one.worked if is_worked else one.answer for one in limits)
