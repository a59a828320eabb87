"""How answers to the tasks of reasoning-gym are checked: by rules of our own, or by its scorer behind a gate.

Comes in: an answer and the item that the package made. Goes out: right or wrong. Left out: partial credit.

The package's own scorers are not used as they are: some evaluate the answer as code, some pay answers that
only contain the right one, some take anything that is not empty. Here an answer is right if

- it is the item's answer, white space aside, or the same number by exact value; or
- the task has a rule in ``RULES``; or
- the task has many right answers and stands in ``GATES``: the answer has the form that the gate demands, to
  the last character, and the package's scorer gives it full marks.
"""

from __future__ import annotations

import copy
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any, Protocol

from lmgym.grading.budgets import Budgets, Refusal
from lmgym.grading.equality.equivalence import compare
from lmgym.grading.equality.values import exact_value
from lmgym.grading.exact import parse_number
from lmgym.grading.notation.parser import parse
from lmgym.grading.rules import Rules
from lmgym.grading.tree import Node

Item = Mapping[str, Any]

MAX_ANSWER_CHARS = 20_000
MAX_JSON_DEPTH = 20

REFUSED: Mapping[str, str] = {
    "boxnet": "no answer to its problems is known, so none can be verified",
    "codeio": "making its items runs programs that write files where they stand, and print addresses",
    "composite": "it is a mixture of the others; make an environment for each of them",
    "propositional_logic": "any consequence counts as right, a premise repeated too",
}
"""Tasks of the package that are not offered, and why."""

NO_DEMONSTRATIONS = frozenset(("rush_hour",))
"""Tasks without a known answer, whose answers can be verified all the same."""


class Scorer(Protocol):
    """A data set of the package."""

    def score_answer(self, answer: str, entry: dict[str, Any]) -> float: ...


def oracle(name: str, item: Item) -> str | None:
    """Returns a right answer to ``item``, None where the package knows none."""
    if item["answer"] is not None:
        return str(item["answer"])
    metadata = item["metadata"]
    if name == "graph_color":
        return json.dumps({str(vertex): colour for vertex, colour in metadata["possible_answer"].items()})
    return str(metadata["example_correct_answer"]) if name == "rubiks_cube" else None


def is_right(name: str, answer: str, item: Item, scorer: Scorer) -> bool:
    """Returns whether ``answer`` is right. Never raises on any text; bounded time."""
    if len(answer) > MAX_ANSWER_CHARS or not answer.strip():
        return False
    truth = oracle(name, item)
    if truth is not None:
        if _collapse(answer) == _collapse(truth):
            return True
        if name in RULES:
            return RULES[name](answer, truth, item)
    if name in GATES:
        return GATES[name].fullmatch(answer.strip()) is not None and _has_full_marks(answer, item, scorer)
    return truth is not None and _is_same_number(answer, truth)


def _collapse(text: str) -> str:
    """Returns the text without blank lines, every run of white space in a line a single space."""
    lines = (" ".join(line.split()) for line in text.split("\n"))
    return "\n".join(line for line in lines if line)


def _has_full_marks(answer: str, item: Item, scorer: Scorer) -> bool:
    try:
        score = scorer.score_answer(answer.strip(), copy.deepcopy(dict(item)))
    except Exception:  # foreign code, met by a text that its author did not think of: no full marks
        return False
    return isinstance(score, int | float) and score >= 1.0


def _read(text: str) -> Node | None:
    try:
        return parse(text)
    except Refusal:
        return None


def _value(text: str) -> int | Fraction | None:
    tree = _read(text)
    try:
        return None if tree is None else exact_value(tree, Budgets())
    except Refusal:
        return None


def _is_same_number(answer: str, truth: str) -> bool:
    gold, given = _read(truth.strip()), _read(answer.strip())
    if gold is None or given is None or _value(truth.strip()) is None or _value(answer.strip()) is None:
        return False
    found = compare(gold, given, Rules(units="refused", assignments=False))
    return found is not None and found.is_equal


def _load_json(text: str) -> Any:
    """Returns the value of a JSON or Python list of plain values; raises ValueError for anything else."""
    depth = deepest = 0
    for character in text:
        depth += (character in "[{") - (character in "]}")
        deepest = max(deepest, depth)
    if deepest > MAX_JSON_DEPTH:
        raise ValueError("nested too deeply")
    return json.loads(text.replace("'", '"'), parse_constant=_refuse_constant)


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _same_json(answer: str, truth: str, item: Item) -> bool:
    try:
        return bool(json.dumps(_load_json(answer)) == json.dumps(_load_json(truth)))
    except ValueError:
        return False


def _same_groups(answer: str, truth: str, item: Item) -> bool:
    """Lists of lists of words, both in any order."""
    return _groups(answer, sorted) == _groups(truth, sorted)


def _same_partitions(answer: str, truth: str, item: Item) -> bool:
    """Lists of lists of words; only the outer order is free."""
    return _groups(answer, list) == _groups(truth, list)


def _groups(text: str, order: Callable[[list[str]], list[str]]) -> list[list[str]] | None:
    try:
        value = _load_json(text)
    except ValueError:
        return None
    if not isinstance(value, list) or not all(
        isinstance(group, list) and all(isinstance(word, str) for word in group) for group in value
    ):
        return None
    return sorted(order(group) for group in value)


def _same_factors(answer: str, truth: str, item: Item) -> bool:
    pieces = [[piece.strip() for piece in re.split("[×*]", text)] for text in (answer, truth)]
    return Counter(pieces[0]) == Counter(pieces[1])


def _is_near(answer: str, truth: str, item: Item, tolerance: Fraction = Fraction(1, 100)) -> bool:
    given, wanted = parse_number(answer.strip().replace(",", "")).value, _value(truth)
    return given is not None and wanted is not None and abs(Fraction(given) - Fraction(wanted)) < tolerance


def _same_roots(answer: str, truth: str, item: Item) -> bool:
    """Decimals in any order, each within 0.0001 (the task's rounding rule can be read in two ways)."""
    given = sorted(
        Fraction(value) for part in answer.split(",") if (value := parse_number(part).value) is not None
    )
    wanted = sorted(
        Fraction(value) for part in truth.split(",") if (value := parse_number(part).value) is not None
    )
    return len(given) == answer.count(",") + 1 == len(wanted) and all(
        abs(one - other) <= Fraction(1, 10_000) for one, other in zip(given, wanted, strict=True)
    )


def _same_matrix(answer: str, truth: str, item: Item) -> bool:
    """Rows of numbers, each within 0.01."""
    given, wanted = ([line.split() for line in _collapse(text).split("\n")] for text in (answer, truth))
    return [len(row) for row in given] == [len(row) for row in wanted] and all(
        _is_near(one, other, item)
        for row, other_row in zip(given, wanted, strict=True)
        for one, other in zip(row, other_row, strict=True)
    )


_DECIMAL = re.compile(r"[+-]?[0-9]{1,40}(\.[0-9]{0,40})?([eE][+-]?[0-9]{1,3})?")


def _same_three_digits(answer: str, truth: str, item: Item) -> bool:
    """Equal after rounding to three significant digits."""
    texts = answer.strip(), truth.strip()
    if not all(_DECIMAL.fullmatch(text) for text in texts):
        return False
    one, other = (f"{Decimal(text):.2e}" for text in texts)
    return one == other


def _same_polynomial(answer: str, truth: str, item: Item) -> bool:
    return _same_expression(answer, truth, Rules(form="expanded", assignments=False))


def _same_antiderivative(answer: str, truth: str, item: Item) -> bool:
    """Equal once the constant of integration is dropped."""
    given, gold = _read(answer), _read(truth)
    if given is None or gold is None:
        return False
    found = compare(_drop_constant(gold), _drop_constant(given), Rules(must_be_solved=False))
    return found is not None and found.is_equal


def _drop_constant(tree: Node) -> Node:
    if tree.head != "sum":
        return tree
    kept = tuple(part for part in tree.args if part != Node("variable", (), "C"))
    return kept[0] if len(kept) == 1 else tree._replace(args=kept) if kept else tree


def _same_expression(answer: str, truth: str, rules: Rules) -> bool:
    given, gold = _read(answer), _read(truth)
    if given is None or gold is None:
        return False
    found = compare(gold, given, rules)
    return found is not None and found.is_equal


def _reaches(answer: str, target: int, numbers: list[int]) -> bool:
    """Whether ``answer`` is made of + - * / and exactly ``numbers``, and is ``target``."""
    tree = _read(answer)
    if tree is None or _value(answer) != target:
        return False
    leaves = _leaves(tree)
    return leaves is not None and Counter(leaves) == Counter(numbers)


def _leaves(tree: Node) -> list[int] | None:
    """Returns the whole numbers of a tree of + - * /, None if there is anything else in it."""
    if tree.head == "number":
        return [tree.value] if isinstance(tree.value, int) else None
    if tree.head not in ("sum", "negate", "product", "divide"):
        return None
    parts = [_leaves(part) for part in tree.args]
    return None if None in parts else [leaf for part in parts if part is not None for leaf in part]


RULES: Mapping[str, Callable[[str, str, Item], bool]] = {
    "countdown": lambda answer, truth, item: _reaches(
        answer, item["metadata"]["target"], item["metadata"]["numbers"]
    ),
    "game_of_life": _same_json,
    "group_anagrams": _same_groups,
    "intermediate_integration": _same_antiderivative,
    "list_functions": _same_json,
    "n_queens": lambda answer, truth, item: (
        _collapse(answer) in {_collapse(board) for board in item["metadata"]["valid_answers"]}
    ),
    "number_filtering": _same_json,
    "number_format": _is_near,
    "number_sorting": _same_json,
    "palindrome_partitioning": _same_partitions,
    "polynomial_equations": _same_roots,
    "polynomial_multiplication": _same_polynomial,
    "pool_matrix": _same_matrix,
    "power_function": _same_three_digits,
    "prime_factorization": _same_factors,
    "puzzle24": lambda answer, truth, item: _reaches(answer, 24, item["metadata"]["numbers"]),
    "simple_integration": _same_antiderivative,
}
"""Rules of our own, by task: (answer, a right answer, item) -> is it right?"""


def _row_of(piece: str, separator: str, most: int) -> str:
    """Returns a pattern of 1 to ``most`` pieces."""
    return f"(?:{piece})(?:{separator}(?:{piece})){{0,{most - 1}}}"


GATES: Mapping[str, re.Pattern[str]] = {
    name: re.compile(pattern)
    for name, pattern in {
        "cryptarithm": _row_of("[A-Z]=[0-9]", ", ?", 10),
        "graph_color": r"\{" + _row_of('"[0-9]{1,4}": ?[0-9]{1,4}', ", ?", 1000) + r"\}",
        "jugs": r"\[" + _row_of('"(?:fill|empty) [A-Z]"|"pour [A-Z]->[A-Z]"', ", ?", 500) + r"\]",
        "kakurasu": _row_of(_row_of("[01]", " ", 100), r"\n", 100),
        "knight_swap": r"\[" + _row_of('"[wB],[A-Z][0-9]{1,2},[A-Z][0-9]{1,2}"', ", ?", 500) + r"\]",
        "palindrome_generation": "[a-z]{1,500}",
        "quantum_lock": _row_of("[ABC]", " → ", 100),
        "rubiks_cube": _row_of("[FBRLUDMESxyz]'?", " ", 500),
        "rush_hour": _row_of("[A-Z][+-][0-9]{1,2}", " ", 200),
        "shortest_path": _row_of("up|down|left|right", " ", 1000),
        "sokoban": "[LRUD]{1,1000}",
        "tower_of_hanoi": _row_of("Move disk [0-9]{1,2} from Peg [0-9]{1,2} to Peg [0-9]{1,2}", r"\n", 5000),
        "word_ladder": _row_of("[A-Z]{2,12}", ",", 100),
    }.items()
}
"""Tasks with many right answers: what an answer must look like before the package's scorer sees it."""
