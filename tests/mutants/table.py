"""All mutants: each kind of silent bug at least once, where this code could have it."""

from __future__ import annotations

from tests.mutants import of_environments, of_generation, of_learning, of_q_and_search
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *of_environments.MUTANTS,
    *of_generation.MUTANTS,
    *of_learning.MUTANTS,
    *of_q_and_search.MUTANTS,
)
