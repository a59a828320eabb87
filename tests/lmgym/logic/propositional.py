"""Random propositional sequents, and proofs played on the kernel, for the tests of proof search."""

from __future__ import annotations

import random
from collections.abc import Iterable

from lmgym.logic.fitch import Line, ProofState, Sequent, begin, extend
from lmgym.logic.kernel import FALSE, TRUE, Formula, connect, negation, predicate


def random_formula(rng: random.Random, size: int, atoms: str) -> Formula:
    """Returns a formula of ``size`` nodes."""
    if size <= 1:
        leaf = rng.random()
        return FALSE if leaf < 0.06 else TRUE if leaf < 0.09 else predicate(rng.choice(atoms))
    kind = rng.choice(("not", "and", "or", "implies", "implies", "iff"))
    if kind == "not" or size == 2:
        return negation(random_formula(rng, size - 1, atoms))
    left = rng.randint(1, size - 2)
    parts = random_formula(rng, left, atoms), random_formula(rng, size - 1 - left, atoms)
    return connect(kind, *parts)  # type: ignore[arg-type]


def random_sequent(rng: random.Random, size: int = 7, atoms: str = "pqrs", premises: int = 4) -> Sequent:
    """Returns a sequent, provable or not, of formulas of up to ``size`` nodes."""
    count = rng.randint(0, premises)
    given = tuple(random_formula(rng, rng.randint(1, size), atoms) for _ in range(count))
    return Sequent(given, random_formula(rng, rng.randint(1, size), atoms))


def play(state: ProofState, lines: Iterable[Line]) -> ProofState:
    """Returns the state after the lines, all of which the kernel must accept."""
    for line in lines:
        after = extend(state, line)
        assert isinstance(after, ProofState), (state, line, after)
        state = after
    return state


def prove(sequent: Sequent, lines: Iterable[Line], *, classical: bool = True) -> ProofState:
    """Returns the state after a whole proof; the kernel must accept each line, and need it."""
    state = begin(sequent, classical=classical)
    for line in lines:
        assert not state.is_proved, (state, line)
        state = play(state, [line])
    assert state.is_proved, state
    return state
