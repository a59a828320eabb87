"""FOLIO's labels against its own formulas, by the prover E; the data is not part of the repository."""

from __future__ import annotations

from pathlib import Path

import pytest

from lmgym.tasks.entailment import Entailment
from lmgym.tasks.entailment.folio import FolioReference
from tests.cross_checks.external import ask_eprover
from tests.cross_checks.folio_formulas import Unreadable, to_tptp
from tests.provers import need
from tests.real_data import real_file


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("∀x (P(x) → Q(x))", "(![X78]: (p_P(X78) => p_Q(X78)))"),
        ("P(a) ⊕ ¬Q(a)", "(p_P(c_a) <~> (~ p_Q(c_a)))"),
        ("∃x ∃y (x ≠ y ∧ R(x, y))", "(?[X78]: (?[X79]: ((X78 != X79) & p_R(X78,X79))))"),
        ("P(a) ∧ Q(a) → R(a, x)", "((p_P(c_a) & p_Q(c_a)) => p_R(c_a,c_x))"),
        ("P(5-star)", "p_P(c_5_2d_star)"),
    ],
)
def test_formulas_are_read_by_hand(text: str, written: str) -> None:
    assert to_tptp(text) == written


@pytest.mark.parametrize("text", ["", "P(a", "∀x", "P(a))", "∧", "P(a) Q(a)"])
def test_what_is_no_formula_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        to_tptp(text)


@pytest.mark.prover
def test_most_labels_of_folio_follow_from_its_formulas(tmp_path: Path) -> None:
    """Not all: some formulas can't be read, and some do not say what the sentences say."""
    program = need("eprover")
    task = Entailment(preset="folio", path=real_file("folio/folio-validation.jsonl"))
    num_read, num_confirmed = 0, 0
    for problem in task.problems("test", range(24)):
        reference: FolioReference = problem.reference
        try:
            given = [to_tptp(text) for text in reference.premise_formulas]
            asked = to_tptp(reference.conclusion_formula)
        except Unreadable:
            continue
        num_read += 1
        follows = ask_eprover(program, given, asked, tmp_path / "p.p")
        is_refuted = ask_eprover(program, given, f"(~ {asked})", tmp_path / "p.p")
        found = "true" if follows else "false" if is_refuted else "unknown"
        num_confirmed += found == reference.value
    assert num_read >= 20 and num_confirmed >= 0.75 * num_read
