"""Search for proofs in propositional logic: natural and shortest ones, and what is left of one begun."""

from lmgym.logic.proof_search.decide import is_provable
from lmgym.logic.proof_search.search import (
    MAX_STATES,
    Search,
    ShortProof,
    find_proof,
    find_short_proof,
    finish,
    next_line,
    remaining_lines,
)

__all__ = [
    "MAX_STATES", "Search", "ShortProof", "find_proof", "find_short_proof", "finish", "is_provable",
    "next_line", "remaining_lines",
]  # fmt: skip
