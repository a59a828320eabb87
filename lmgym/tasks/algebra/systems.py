"""Systems of linear equations with one solution, worked by elimination."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import gcd

from lmgym.grading.exact import Number, number_text, simplify
from lmgym.tasks.algebra.exercises import Exercise, Shape, below, distinct
from lmgym.tasks.algebra.polynomials import sum_text, term_text
from lmgym.tasks.stream import Words

UNKNOWNS = "xyzw"
Row = tuple[Number, ...]  # the coefficients of the unknowns, then the right side

_COEFFICIENTS = {1: 1, 2: 2, 3: 5, 4: 9, 5: 9, 6: 2, 7: 3, 8: 5}


def draw_system(shape: Shape, words: Words) -> Exercise | None:
    """Returns two equations (three from level 6; one more for longer problems) with one solution."""
    count = (2 if shape.level < 6 else 3) + shape.extra
    if count > len(UNKNOWNS):
        return None
    bound = _COEFFICIENTS[shape.level]
    rows = [[below(words, -bound, bound) for _ in range(count)] for _ in range(count)]
    if shape.level == 1:
        rows[0] = [1] * count
    values = [below(words, 0 if shape.level == 1 else -shape.size, shape.size) for _ in range(count)]
    right = [sum(one * other for one, other in zip(row, values, strict=True)) for row in rows]
    if shape.level == 5:
        right = [below(words, -shape.size, shape.size) for _ in range(count)]
    system = [tuple(map(simplify, (*row, last))) for row, last in zip(rows, right, strict=True)]
    solved = _eliminate(system)
    if solved is None or not all(any(row[:-1]) for row in system):
        return None
    lines, solution = solved
    if any(value.denominator > 30 for value in solution):
        return None
    question = system_text(system)
    answer = f"({','.join(map(number_text, solution))})"
    key = ", ".join(sorted(map(equation_text, system)))
    return Exercise("system", question, answer, distinct((question, *lines))[1:], solution, key)


def equation_text(row: Sequence[Number]) -> str:
    """Returns one equation: ``x-2y=5``."""
    terms = [term_text(value, 1, name) for value, name in zip(row[:-1], UNKNOWNS, strict=False) if value]
    return f"{sum_text(terms)}={number_text(row[-1])}"


def system_text(rows: Sequence[Row]) -> str:
    """Returns the equations, separated by commas."""
    return ", ".join(map(equation_text, rows))


def _eliminate(rows: Sequence[Row]) -> tuple[list[str], Row] | None:
    """Returns the working and the solution, None if there is not exactly one."""
    system, count, lines = list(rows), len(rows), list[str]()
    for column in range(count):
        pivot = next((row for row in range(column, count) if system[row][column]), None)
        if pivot is None:
            return None
        system[column], system[pivot] = system[pivot], system[column]
        system[column + 1 :] = [_clear(row, system[column], column) for row in system[column + 1 :]]
        lines.append(system_text(system))
    for column in range(count - 1, -1, -1):
        system[column] = _solve_for(system[column], column)
        lines.append(system_text(system))
        system[:column] = [_clear(row, system[column], column) for row in system[:column]]
        lines.append(system_text(system))
    return lines, tuple(row[-1] for row in system)


def _clear(row: Row, pivot: Row, column: int) -> Row:
    """Returns ``row`` without the unknown of ``column``, with coprime integers."""
    if not row[column]:
        return row
    mixed = [pivot[column] * one - row[column] * other for one, other in zip(row, pivot, strict=True)]
    bottom = 1
    for value in mixed:
        bottom = bottom * value.denominator // gcd(bottom, value.denominator)
    whole = [int(value * bottom) for value in mixed]
    common = gcd(*whole) or 1
    return tuple(value // common for value in whole)


def _solve_for(row: Row, column: int) -> Row:
    lead = row[column]
    return tuple(simplify(Fraction(value) / lead) for value in row)
