"""FOLIO's labels against its own formulas, by the prover E; the data is not part of the repository."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from lmgym.records import Problem
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
    task = Entailment(preset="folio", path=real_file("folio/folio-validation.jsonl"))
    num_read, num_confirmed = count_labels(task.problems("test", range(24)), tmp_path)
    assert num_read >= 20 and num_confirmed >= 0.75 * num_read


@pytest.mark.prover
@pytest.mark.slow
def test_nearly_all_labels_of_folio_follow_from_its_formulas(tmp_path: Path) -> None:
    """Measured with E 2.6: 199 of 204 rows are read, 191 labels are what follows from the formulas."""
    task = Entailment(preset="folio", path=real_file("folio/folio-validation.jsonl"))
    problems = {p.key: p for split in task.splits for p in task.problems(split, range(300))}
    num_read, num_confirmed = count_labels(list(problems.values()), tmp_path)
    assert num_read >= 190 and num_confirmed >= 180


def count_labels(problems: Sequence[Problem], folder: Path) -> tuple[int, int]:
    """Returns how many problems have formulas that can be read, and how many labels of these are right.

    Not all are: some formulas have a bracket too many, some do not say what the sentences say.
    """
    program = need("eprover")
    num_read, num_confirmed = 0, 0
    for problem in problems:
        reference: FolioReference = problem.reference
        try:
            given = [to_tptp(text) for text in reference.premise_formulas]
            asked = to_tptp(reference.conclusion_formula)
        except Unreadable:
            continue
        num_read += 1
        follows = ask_eprover(program, given, asked, folder / "p.p")
        is_refuted = ask_eprover(program, given, f"(~ {asked})", folder / "p.p")
        found = "true" if follows else "false" if is_refuted else "unknown"
        num_confirmed += found == reference.value
    return num_read, num_confirmed
