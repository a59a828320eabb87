"""Silent bugs between the engine and the rollout; see ``mutant.py``."""

from __future__ import annotations

from tests.mutants.mutant import Mutant

MUTANTS: tuple[Mutant, ...] = ()
