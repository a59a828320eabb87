"""Worked proofs: the problem's own or a natural one, and on purpose some with a line that is refused."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Final

import numpy as np

from lmgym.logic.fitch import Line, ProofState, Refusal, Sequent, extend
from lmgym.logic.proof_search import find_proof
from lmgym.records import Problem
from lmgym.tasks.proof.play import Rules, begin_proof, reference_of
from lmgym.tasks.proof.source import Sizes, proof_fits, proof_texts

_OTHER_RULES: Final = ("&E", "->E", "|I", "&I", "~E", "R")


@lru_cache(maxsize=4096)
def _natural_proof(sequent: Sequent, classical: bool) -> tuple[Line, ...] | None:
    return find_proof(sequent, classical=classical, style="natural")


class Demonstrator:
    """Writes demonstrations as a task's options want them."""

    def __init__(self, sizes: Sizes, rules: Rules, *, is_natural: bool, quality: float) -> None:
        self._sizes = sizes
        self._rules = rules
        self._is_natural = is_natural
        self._quality = quality

    def known_proofs(self, problem: Problem) -> tuple[tuple[Line, ...], ...]:
        """Returns the problem's own proof, and the one that is demonstrated if that is another."""
        own, shown = reference_of(problem).proof, self._proof(problem)
        return (own,) if shown == own else (own, shown)

    def lines(self, problem: Problem, rng: np.random.Generator) -> list[str]:
        """Returns the lines of a demonstration; a careless one ends in, or goes on after, a refused line."""
        proof = self._proof(problem)
        if rng.random() >= self._quality:
            proof = self._spoil(problem, proof, rng)
        return proof_texts(reference_of(problem).sequent, proof, self._rules.style)

    def _proof(self, problem: Problem) -> tuple[Line, ...]:
        """Returns the proof to show: the problem's own where a natural one is not found or is too long."""
        reference = reference_of(problem)
        if not self._is_natural or not reference.is_propositional:
            return reference.proof
        natural = _natural_proof(reference.sequent, self._rules.classical)
        if natural is None or len(natural) > min(reference.num_lines, self._sizes.lines):
            return reference.proof
        fits = proof_fits(reference.sequent, natural, self._sizes, self._rules.style)
        return natural if fits else reference.proof

    def _spoil(self, problem: Problem, proof: tuple[Line, ...], rng: np.random.Generator) -> tuple[Line, ...]:
        """Returns ``proof`` with one line that does not follow from those before it."""
        states = list[ProofState]()
        state: ProofState | Refusal = begin_proof(problem, self._rules)
        for line in proof:
            assert isinstance(state, ProofState)
            states.append(state)
            state = extend(state, line)
        for at in rng.permutation(len(proof)).tolist():
            for wrong in _variants(proof[at], states[at].num_lines, rng):
                if isinstance(extend(states[at], wrong), Refusal):
                    return (*proof[:at], wrong, *proof[at + 1 :])
        return proof[:-1]


def _variants(line: Line, num_before: int, rng: np.random.Generator) -> Iterator[Line]:
    """Yields lines like ``line`` that may be wrong: another citation, another rule."""
    if line.rule == "as":
        return
    if line.lines:
        place = int(rng.integers(len(line.lines)))
        for other in (1 + rng.permutation(num_before)).tolist():
            yield line._replace(lines=(*line.lines[:place], other, *line.lines[place + 1 :]))
    for rule in _OTHER_RULES:
        if rule != line.rule:
            yield line._replace(rule=rule)
