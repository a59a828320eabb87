"""The canonical text of a propositional sequent: the same for all namings of atoms and orders of premises.

Out of all orders of the premises, with atoms numbered as they first occur (in the goal first), it is the
one whose text is the smallest, premise by premise. Only premises that tie are tried in every order, so the
price is small where few premises look alike. Left out: equivalences such as that of ``p & q`` and ``q &
p``.
"""

from __future__ import annotations

from collections.abc import Sequence

from lmgym.logic.kernel import Formula

_SIGNS = {"and": "&", "or": "|", "implies": ">", "iff": "=", "not": "~", "true": "T", "false": "F"}
_Shape = tuple[str, tuple[str, ...]]
"""A formula in Polish notation without the names of its atoms, and these names in order."""


def canonical_text(premises: Sequence[Formula], goal: Formula) -> str:
    """Returns a text that two sequents share if and only if they differ in names and order alone."""
    naming: dict[str, int] = {}
    goal_text = _write(_shape(goal), naming)
    return "|-".join((",".join(_smallest([_shape(premise) for premise in premises], naming)), goal_text))


def _shape(formula: Formula) -> _Shape:
    signs: list[str] = []
    names: list[str] = []

    def walk(part: Formula) -> None:
        if part.kind == "predicate":
            signs.append(".")
            names.append(part.name)
            return
        signs.append(_SIGNS[part.kind])
        for inner in part.parts:
            walk(inner)

    walk(formula)
    return "".join(signs), tuple(names)


def _write(shape: _Shape, naming: dict[str, int]) -> str:
    """Returns the formula with numbers for atoms; new atoms get the next numbers in ``naming``."""
    signs, names = shape
    numbers = iter([naming.setdefault(name, len(naming)) for name in names])
    return "".join([chr(97 + next(numbers)) if sign == "." else sign for sign in signs])


def _smallest(rest: list[_Shape], naming: dict[str, int]) -> list[str]:
    if not rest:
        return []
    texts = [_write(shape, dict(naming)) for shape in rest]
    first = min(texts)
    found: list[str] | None = None
    tried: set[_Shape] = set()
    for place, text in enumerate(texts):
        if text != first or rest[place] in tried:
            continue
        tried.add(rest[place])
        after = dict(naming)
        _write(rest[place], after)
        tail = _smallest(rest[:place] + rest[place + 1 :], after)
        if found is None or tail < found:
            found = tail
        if after == naming:  # no atom was new, so every choice leads to the same
            break
    assert found is not None
    return [first, *found]
