"""All mutants: each kind of silent bug at least once, where this code could have it."""

from __future__ import annotations

from tests.mutants import (
    of_chat,
    of_environments,
    of_formulas,
    of_generation,
    of_judges,
    of_label,
    of_learning,
    of_metamath,
    of_order,
    of_preferences,
    of_proof_tasks,
    of_proofs,
    of_provers,
    of_q_and_search,
    of_reward_models,
    of_rlhf,
)
from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = (
    *of_environments.MUTANTS,
    *of_generation.MUTANTS,
    *of_learning.MUTANTS,
    *of_q_and_search.MUTANTS,
    *of_proofs.MUTANTS,
    *of_formulas.MUTANTS,
    *of_proof_tasks.MUTANTS,
    *of_order.MUTANTS,
    *of_metamath.MUTANTS,
    *of_provers.MUTANTS,
    *of_chat.MUTANTS,
    *of_preferences.MUTANTS,
    *of_judges.MUTANTS,
    *of_label.MUTANTS,
    *of_reward_models.MUTANTS,
    *of_rlhf.MUTANTS,
)
