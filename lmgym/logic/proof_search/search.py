"""Proofs of propositional sequents as Fitch lines, and shortest ways to finish a proof that has been begun.

In: a sequent or a proof state. Out: lines, each of which the kernel accepts after those before it. Whatever
is no connective counts as an atom, so of first-order sequents what propositional logic can do is found.
Left out: rules for quantifiers, equality and induction.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from lmgym.logic.fitch import Line, ProofState, Sequent
from lmgym.logic.proof_search.contexts import Contexts
from lmgym.logic.proof_search.decide import BudgetSpentError, follows
from lmgym.logic.proof_search.natural import natural_steps
from lmgym.logic.proof_search.rules import Rules
from lmgym.logic.proof_search.shortest import NO_LIMIT, shortest_steps
from lmgym.logic.proof_search.steps import Scopes, drop_unused, write_lines
from lmgym.logic.proof_search.table import Table, TooLargeError

MAX_STATES: Final = 2_000
"""States that a search for a shortest proof looks into, unless told otherwise."""


class ShortProof(NamedTuple):
    """A proof, and how far from the shortest it can be."""

    lines: tuple[Line, ...]
    min_lines: int
    """No proof has fewer lines; equal to the number of ``lines`` where these are a shortest proof."""


def find_proof(
    sequent: Sequent,
    *,
    classical: bool = True,
    style: Literal["natural", "shortest"] = "natural",
    max_states: int = MAX_STATES,
) -> tuple[Line, ...] | None:
    """Returns the lines of a proof after the premises; () if the goal is one of them.

    Args:
        sequent: Premises and goal.
        classical: Whether DNE, RAA and LEM may be used.
        style: "natural": as a person would write it. "shortest": as few lines as possible, in the sense of
            ``proof_search.rules``; a proof that is returned is exactly that.
        max_states: Goals ("natural") or states ("shortest") that may be looked at. It bounds the time too.

    Returns:
        None if there is no proof, none was found within ``max_states``, or the sequent has more than
        ``MAX_ATOMS`` atoms or ``MAX_FORMULAS`` formulas. ``is_provable`` tells the first from the others.
    """
    if style == "shortest":
        found = find_short_proof(sequent, classical=classical, max_states=max_states)
        return found.lines if found is not None and found.min_lines == len(found.lines) else None
    try:
        return _natural(sequent, classical, max_states)
    except TooLargeError:
        return None


def find_short_proof(
    sequent: Sequent, *, classical: bool = True, max_states: int = MAX_STATES
) -> ShortProof | None:
    """Returns a shortest proof, or a natural one where that takes more than ``max_states`` states.

    Returns:
        None if there is no proof, or none was found.
    """
    try:
        natural = _natural(sequent, classical, MAX_STATES)
        table, scopes = _begin(sequent)
        goal = table.add(sequent.goal)
        if not natural and (natural is not None or not follows(table, _known(scopes), goal)):
            return None if natural is None else ShortProof((), 0)
        below = NO_LIMIT if natural is None else len(natural)
        contexts = Contexts(table, Rules(table, classical=classical), scopes.open)
        found = shortest_steps(contexts, goal, max_states, below)
    except TooLargeError:
        return None
    if found.steps is not None:
        lines = write_lines(table.formulas, scopes, found.steps, len(sequent.premises) + 1)
        return ShortProof(lines, len(lines))
    return None if natural is None else ShortProof(natural, found.min_lines)


def remaining_lines(state: ProofState, *, max_states: int = MAX_STATES) -> int | None:
    """Returns the least number of lines that finish the proof, 0 if it is finished.

    Least among the lines of which ``proof_search.rules`` tells. Lines in boxes that are open may be used
    while the box stays open, and closing a box costs nothing.

    Returns:
        None if no lines finish it, or if that is not known after ``max_states`` states.
    """
    lines = finish(state, max_states=max_states)
    return None if lines is None else len(lines)


def next_line(state: ProofState, *, max_states: int = MAX_STATES) -> Line | None:
    """Returns the first line of a shortest way to finish the proof; None if it is finished or not known."""
    lines = finish(state, max_states=max_states)
    return lines[0] if lines else None


def finish(state: ProofState, *, max_states: int = MAX_STATES) -> tuple[Line, ...] | None:
    """Returns the fewest lines that finish the proof, () if it is finished, None as ``remaining_lines``."""
    if state.is_proved:
        return ()
    goal = state.sequent.goal
    try:
        table = Table((*(line.formula for line in state.lines), goal))
        scopes = Scopes()
        for number, line in enumerate(state.lines, 1):
            scopes.add(line.depth, table.add(line.formula), number, line.rule == "as")
        scopes.close(state.depth)
        rules = Rules(table, classical=state.is_classical)
        found = shortest_steps(Contexts(table, rules, scopes.open), table.add(goal), max_states)
    except TooLargeError:
        return None
    if found.steps is None:
        return None
    return write_lines(table.formulas, scopes, found.steps, len(state.lines) + 1)


def _begin(sequent: Sequent) -> tuple[Table, Scopes]:
    table = Table((*sequent.premises, sequent.goal))
    scopes = Scopes()
    for number, premise in enumerate(sequent.premises, 1):
        scopes.add(0, table.add(premise), number, False)
    return table, scopes


def _known(scopes: Scopes) -> int:
    return sum(1 << formula for formula in scopes.open[0].lines)


def _natural(sequent: Sequent, classical: bool, max_goals: int) -> tuple[Line, ...] | None:
    table, scopes = _begin(sequent)
    known, goal = _known(scopes), table.add(sequent.goal)
    if known >> goal & 1:
        return ()
    try:
        steps = natural_steps(table, known, goal, classical=classical, max_goals=max_goals)
    except BudgetSpentError:
        return None
    if steps is None:
        return None
    lines = write_lines(table.formulas, scopes, steps, len(sequent.premises) + 1)
    ends = (place for place, line in enumerate(lines, 1) if not line.depth and line.formula is sequent.goal)
    return drop_unused(lines[: next(ends)], len(sequent.premises))
