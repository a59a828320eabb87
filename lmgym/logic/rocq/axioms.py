"""Axioms that a proof may rest on, by set; and what ``Print Assumptions`` says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

CLOSED: Final = "Closed under the global context"

AXIOM_SETS: Final[dict[str, tuple[str, ...]]] = {
    "none": (),
    "classical": ("Coq.Logic.Classical_Prop.classic",),
    "standard": (
        "Coq.Logic.Classical_Prop.classic",
        "Coq.Logic.FunctionalExtensionality.functional_extensionality_dep",
        "Coq.Logic.PropExtensionality.propositional_extensionality",
        "Coq.Logic.ProofIrrelevance.proof_irrelevance",
        "Coq.Logic.Eqdep.Eq_rect_eq.eq_rect_eq",
        "Coq.Logic.JMeq.JMeq_eq",
        "Coq.Logic.Epsilon.epsilon_statement",
        "Coq.Logic.IndefiniteDescription.constructive_indefinite_description",
        "Coq.Logic.Description.constructive_definite_description",
        "Coq.Logic.ClassicalUniqueChoice.dependent_unique_choice",
        "Coq.Reals.ClassicalDedekindReals.sig_forall_dec",
        "Coq.Reals.ClassicalDedekindReals.sig_not_dec",
    ),
}
"""Names of the standard library's own axioms, fully qualified. "standard" is what its real analysis needs."""

_AXIOM = re.compile(r"([A-Za-z_][\w.']*)\s*(?::.*)?", re.ASCII)


def unallowed(printed: str, allowed: Iterable[str]) -> list[str]:
    """Returns what ``printed`` (the answer to ``Print Assumptions``) names beyond ``allowed``.

    Whatever is not understood counts as not allowed.
    """
    text = printed.strip()
    if text == CLOSED:
        return []
    lines = text.split("\n")
    if lines[0] != "Axioms:" or len(lines) < 2:
        return [lines[0]]
    return [line for line in lines[1:] if not line.startswith(" ") and not _is_allowed(line, allowed)]


def _is_allowed(line: str, allowed: Iterable[str]) -> bool:
    """Whether a line names an allowed axiom; the prover may leave out the first parts of the name."""
    found = _AXIOM.fullmatch(line)
    if found is None:
        return False
    return any(name == found[1] or name.endswith("." + found[1]) for name in allowed)
