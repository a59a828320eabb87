"""Finding the term or the pattern that a rule needs, when only its result is given.

Nothing here is trusted: what is found goes to the kernel, which makes sure that it fits.
"""

from __future__ import annotations

from lmgym.logic import kernel
from lmgym.logic.kernel import Expression, Formula, Term

HOLE = kernel.variable("?")
"""A variable that no text can write."""


def find_term(quantified: Formula, formula: Formula) -> Term | None:
    """Returns a term of which ``formula`` may be the instance; ``HOLE`` where any term would do."""
    found = HOLE
    pairs = [(quantified.parts[0], formula, 0)]
    while pairs:
        body, part, level = pairs.pop()
        if body.loose <= level:
            if body is not part:
                return None
        elif body.kind == "bound":
            if part.loose or part.kind not in ("variable", "function") or found not in (HOLE, part):
                return None
            found = part
        elif body.kind != part.kind or body.name != part.name or len(body.parts) != len(part.parts):
            return None
        else:
            inner = level + (body.kind in ("forall", "exists"))
            pairs += [(a, b, inner) for a, b in zip(body.parts, part.parts, strict=True)]
    return found


def find_pattern(before: Formula, after: Formula, old: Term, new: Term) -> Formula | None:
    """Returns ∀x A such that ``before`` is A[old] and ``after`` is A[new]."""
    marked = _mark(before, after, old, new)
    return None if marked is None else kernel.quantify("forall", HOLE.name, marked)


def _mark(before: Expression, after: Expression, old: Term, new: Term) -> Expression | None:
    if before is after:
        return before
    if before is old and after is new:
        return HOLE
    if before.kind != after.kind or before.name != after.name or len(before.parts) != len(after.parts):
        return None
    parts = [_mark(a, b, old, new) for a, b in zip(before.parts, after.parts, strict=True)]
    return None if None in parts else kernel.make(before.kind, before.name, *parts)  # type: ignore[arg-type]
