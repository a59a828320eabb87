"""Checking the answers that are expressions: equal to what was asked, and in the form that was asked."""

from __future__ import annotations

from math import gcd

from lmgym.grading.equality.canonical import canonical
from lmgym.grading.equality.equivalence import compare
from lmgym.grading.equality.polynomials import UNIT, Work, difference
from lmgym.grading.equality.polynomials import Ratio as GradedRatio
from lmgym.grading.equality.values import UndefinedError
from lmgym.grading.exact import Number
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node
from lmgym.tasks.algebra.differentiation import differentiate
from lmgym.tasks.algebra.forms import Factored, Ratio
from lmgym.tasks.algebra.polynomials import Polynomial, content, polynomial
from lmgym.tasks.algebra.solutions import BUDGETS, WRONG, Judgement, read_own
from lmgym.tasks.algebra.written import is_collected, is_worked_out

FORM: Judgement = ("form", 0.0)
_EQUAL_IS_ENOUGH = Rules(thousands="none", must_be_solved=False)
_CONSTANTS = ("C", "c")


def read_polynomial(node: Node) -> Polynomial | None:
    """Returns the polynomial in x that ``node`` is, None if it is none over the rationals.

    Raises:
        Refusal: "limit".
    """
    try:
        value = canonical(node, Work(BUDGETS))
    except UndefinedError:
        return None
    if set(value.bottom) != {UNIT}:
        return None
    coefficients: dict[int, Number] = {}
    for monomial, coefficient in value.top.items():
        (atom, power), *more = monomial or ((("v", "x"), 0),)
        if more or atom != ("v", "x") or not isinstance(power, int) or power < 0:
            return None
        coefficients[power] = coefficient
    bottom = value.bottom[UNIT]
    if bottom != 1:  # the canonical form keeps numbers above the line
        return None
    return polynomial(coefficients.get(power, 0) for power in range(max(coefficients, default=-1) + 1))


def judge_expand(truth: Polynomial, node: Node) -> Judgement:
    """Judges an expansion: equal, and a sum of different powers of x."""
    given = read_polynomial(node)
    if given != truth:
        return "wrong", share_of_terms(truth, given)
    return ("", 1.0) if is_collected(node) else FORM


def share_of_terms(truth: Polynomial, given: Polynomial | None) -> float:
    """Returns the share of coefficients that are right, of all that are not 0 on one side; below 1."""
    if not given or given == truth:
        return 0.0
    places = range(max(len(truth), len(given)))
    pairs = [(dict(enumerate(truth)).get(at, 0), dict(enumerate(given)).get(at, 0)) for at in places]
    counted = [one == other for one, other in pairs if one or other]
    return sum(counted) / len(counted)


def judge_factor(truth: Factored, node: Node) -> Judgement:
    """Judges a factorisation: a number times irreducible factors with coprime integer coefficients."""
    given = read_polynomial(node)
    if given != truth.whole:
        return "wrong", share_of_terms(truth.whole, given)
    parts = list[tuple[Polynomial, int]]()
    factor = _split_product(node, 1, parts)
    if factor is None:
        return FORM
    powers: dict[Polynomial, int] = {}
    for part, power in parts:
        if part[-1] < 0:
            part, factor = tuple(-value for value in part), factor * (-1) ** power
        powers[part] = powers.get(part, 0) + power
    return ("", 1.0) if factor == truth.factor and powers == dict(truth.factors) else FORM


def _split_product(node: Node, power: int, parts: list[tuple[Polynomial, int]]) -> Number | None:
    """Collects the factors of ``node`` in ``parts``; returns their number, None if it is no product."""
    if node.head == "negate":
        inner = _split_product(node.args[0], power, parts)
        return None if inner is None else inner * (-1) ** power
    if node.head == "product":
        total: Number = 1
        for arg in node.args:
            inner = _split_product(arg, power, parts)
            if inner is None:
                return None
            total *= inner
        return total
    if node.head == "power" and node.args[1].head == "number":
        exponent = node.args[1].value
        if not isinstance(exponent, int) or not 0 < exponent <= BUDGETS.max_degree:
            return None
        return _split_product(node.args[0], power * exponent, parts)
    if node.head == "number":
        value: Number = node.value
        return value**power if isinstance(value, int) and power <= BUDGETS.max_degree else None
    part = read_polynomial(node)
    if part is None or len(part) < 2 or content(part) != 1 or not is_collected(node):
        return None
    parts.append((part, power))
    return 1


def judge_simplify(truth: Ratio, node: Node) -> Judgement:
    """Judges a simplification: equal, like terms collected, nothing left to cancel."""
    if truth.bottom == (1,):
        return judge_expand(truth.top, node)
    if not _is_equal(_own_ratio(truth), node):
        return WRONG
    sign = node
    while sign.head == "negate":
        sign = sign.args[0]
    if sign.head != "divide":
        return FORM
    top, bottom = map(read_polynomial, sign.args)
    if top is None or bottom is None or len(top) != len(truth.top) or len(bottom) != len(truth.bottom):
        return FORM
    is_coprime = gcd(*(int(content(part)) for part in (top, bottom) if content(part).denominator == 1)) == 1
    is_whole = content(top).denominator == content(bottom).denominator == 1
    return ("", 1.0) if is_whole and is_coprime and all(map(_is_tidy, sign.args)) else FORM


def _own_ratio(truth: Ratio) -> GradedRatio:
    top, bottom = (
        {((("v", "x"), power),) if power else UNIT: value for power, value in enumerate(part) if value}
        for part in truth
    )
    return GradedRatio(top, bottom)


def _is_equal(truth: GradedRatio, node: Node) -> bool:
    work = Work(BUDGETS)
    try:
        return not difference(truth, canonical(node, work), work)
    except UndefinedError:
        return False


def _is_tidy(node: Node) -> bool:
    """Whether a polynomial is written as a sum of different powers, or as a product of such sums."""
    if node.head in ("negate", "product"):
        return all(map(_is_tidy, node.args))
    if node.head == "power" and node.args[1].head == "number":
        return _is_tidy(node.args[0])
    return is_collected(node)


def judge_derivative(answer: str, node: Node) -> Judgement:
    """Judges a derivative: equal to it, with no arithmetic on numbers left undone."""
    return judge_equal(read_own(answer), node)


def judge_integral(question: str, answer: str, node: Node) -> Judgement:
    """Judges an antiderivative by differentiating it; a constant C (or c) may be added."""
    bare = _without_constant(node)
    if bare is None:
        return WRONG
    slope = differentiate(bare)
    if slope is None:
        return "undecided", 0.0
    found = compare(read_own(question), slope, _EQUAL_IS_ENOUGH, BUDGETS)
    if found is None:
        return "undecided", 0.0
    if found.is_equal:
        return ("", 1.0) if is_worked_out(bare) else ("unsolved", 0.0)
    own = _without_constant(read_own(answer))
    assert own is not None, answer
    truth, given = read_polynomial(own), read_polynomial(bare)
    return "wrong", share_of_terms(truth, given) if truth is not None else 0.0


def judge_equal(own: Node, node: Node) -> Judgement:
    """Judges an expression that has to be equal to ``own``, with no arithmetic on numbers left undone."""
    found = compare(own, node, _EQUAL_IS_ENOUGH, BUDGETS)
    if found is None:
        return "undecided", 0.0
    if found.is_equal:
        return ("", 1.0) if is_worked_out(node) else ("unsolved", 0.0)
    truth, given = read_polynomial(own), read_polynomial(node)
    return found.reason, share_of_terms(truth, given) if truth is not None else 0.0


def _without_constant(node: Node) -> Node | None:
    """Returns the sum without its ``C``; None if another variable than x is left."""
    if node.head == "sum":
        names = [arg.value if arg.head == "variable" else None for arg in node.args]
        for name in _CONSTANTS:
            if name in names:
                at = names.index(name)
                rest = (*node.args[:at], *node.args[at + 1 :])
                node = rest[0] if len(rest) == 1 else Node("sum", rest)
                break
    return node if _variables(node) <= {"x"} else None


def _variables(node: Node) -> set[str]:
    if node.head == "variable":
        return {node.value}
    return set().union(*map(_variables, node.args)) if node.args else set()
