"""Proofs of propositional sequents as Fitch lines, and shortest ways to finish a proof that has been begun.

In: a sequent or a proof state. Out: lines, each of which the kernel accepts after those before it. Whatever
is no connective counts as an atom, so of first-order sequents what propositional logic can do is found.
Left out: rules for quantifiers, equality and induction.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, NamedTuple

from lmgym.logic.fitch import Line, ProofState, Sequent
from lmgym.logic.proof_search.contexts import Contexts
from lmgym.logic.proof_search.decide import BudgetSpentError, Intuitionistic, follows
from lmgym.logic.proof_search.natural import natural_steps
from lmgym.logic.proof_search.rules import Rules
from lmgym.logic.proof_search.shortest import NO_LIMIT, shortest_steps
from lmgym.logic.proof_search.steps import Scopes, Step, drop_unused, write_lines
from lmgym.logic.proof_search.table import Table, TooLargeError

MAX_STATES: Final = 500
"""States that a search for a shortest proof looks into, unless told otherwise."""
MAX_GOALS: Final = 2_000
"""Goals that a search for a natural proof looks at."""


class ShortProof(NamedTuple):
    """A proof, and how far from the shortest it can be."""

    lines: tuple[Line, ...]
    min_lines: int
    """No proof has fewer lines; equal to the number of ``lines`` where these are a shortest proof."""


class Search:
    """The searches for one sequent, which share a table of its formulas.

    Raises:
        TooLargeError: it has too many atoms or formulas; the methods raise it too.
    """

    def __init__(self, sequent: Sequent, *, classical: bool = True) -> None:
        self._table = Table((*sequent.premises, sequent.goal))
        self._num_given = len(self._table)
        self._classical = classical
        self._premises = [self._table.add(premise) for premise in sequent.premises]
        self._goal = self._table.add(sequent.goal)
        self._known = sum({1 << premise for premise in self._premises})

    @property
    def is_true(self) -> bool:
        """Whether the sequent holds in all models."""
        return follows(self._table, self._known, self._goal)

    def is_intuitionistic(self) -> bool | None:
        """Returns whether the sequent holds without classical rules; None if deciding takes too long."""
        try:
            return Intuitionistic(self._table).proves(self._known, self._goal)
        except BudgetSpentError:
            return None

    def natural(self, max_goals: int = MAX_GOALS) -> tuple[Line, ...] | None:
        """Returns a proof as a person would write it, None if none was found."""
        if self._known >> self._goal & 1:
            return ()
        try:
            steps = natural_steps(
                self._table, self._known, self._goal, classical=self._classical, max_goals=max_goals
            )
        except BudgetSpentError:
            return None
        if steps is None:
            return None
        lines, goal = self._write(steps), self._table.formula(self._goal)
        ends = (place for place, line in enumerate(lines, 1) if not line.depth and line.formula is goal)
        return drop_unused(lines[: next(ends)], len(self._premises))

    def shorten(self, natural: tuple[Line, ...] | None, max_states: int) -> ShortProof | None:
        """Returns a shortest proof, or the natural one where that takes more than ``max_states`` states.

        Returns:
            None if none was found and no natural one is given.
        """
        if natural == ():
            return ShortProof((), 0)
        found = self.shortest(max_states, NO_LIMIT if natural is None else len(natural))
        if isinstance(found, ShortProof):
            return found
        return None if natural is None else ShortProof(natural, found)

    def shortest(self, max_states: int, below: int) -> ShortProof | int:
        """Returns a shortest proof if it has fewer lines than ``below``, else lines that all proofs have."""
        rules = Rules(self._table, classical=self._classical, num_given=self._num_given)
        contexts = Contexts(self._table, rules, self._scopes().open)
        found = shortest_steps(contexts, self._goal, max_states, below)
        if found.steps is None:
            return found.min_lines
        lines = self._write(found.steps)
        return ShortProof(lines, len(lines))

    def _scopes(self) -> Scopes:
        scopes = Scopes()
        for number, premise in enumerate(self._premises, 1):
            scopes.add(0, premise, number, False)
        return scopes

    def _write(self, steps: Iterable[Step]) -> tuple[Line, ...]:
        return write_lines(self._table.formula, self._scopes(), steps, len(self._premises) + 1)


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
        return Search(sequent, classical=classical).natural(max_states)
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
        search = Search(sequent, classical=classical)
        natural = search.natural()
        return search.shorten(natural, max_states) if natural is not None or search.is_true else None
    except TooLargeError:
        return None


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
    return write_lines(table.formula, scopes, found.steps, len(state.lines) + 1)
