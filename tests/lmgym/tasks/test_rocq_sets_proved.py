"""Rocq itself accepts every statement of the packaged sets, and every proof of our own."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

from lmgym.logic.rocq import Goals, Rocq, Statement
from lmgym.tasks.rocq.sets import load_set
from tests.provers import need

pytestmark = pytest.mark.prover


def module(statement: Statement, number: int) -> str:
    """The statement in its context with its proof, apart from the others; without a proof only stated."""
    ending = [*statement.proof, "Qed."] if statement.proof else ["Abort."]
    lines = [f"Module Number{number}.", statement.context]
    lines += [f"Lemma {statement.name} : {statement.statement}.", "Proof.", *ending, f"End Number{number}."]
    return "\n".join(lines) + "\n"


def check(statements: Sequence[Statement], folder: Path) -> None:
    compiler = need("coqc")
    file = folder / "batch.v"
    file.write_text("".join(module(statement, number) for number, statement in enumerate(statements)))
    done = subprocess.run(
        [compiler, "-q", "-w", "none", file.name], cwd=folder, capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_some_lemmas_are_proved_by_their_own_context_alone(tmp_path: Path) -> None:
    check(load_set("lmgym")[::8], tmp_path)


def test_some_statements_of_minif2f_elaborate(tmp_path: Path) -> None:
    check(load_set("minif2f")[::50], tmp_path)


def test_a_broken_proof_is_noticed(tmp_path: Path) -> None:
    first, second = load_set("lmgym")[:2]
    wrong = Statement(name="wrong", context="", statement="1 = 2", proof=("reflexivity.",))
    with pytest.raises(AssertionError, match="Unable to unify"):
        check([first, wrong, second], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_every_lemma_is_proved_by_its_own_context_alone(part: int, tmp_path: Path) -> None:
    check(load_set("lmgym")[part::4], tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_every_proof_closes_its_goals_tactic_by_tactic(part: int) -> None:
    need("coqidetop.opt")
    prover = Rocq(timeout_s=30)
    for statement in load_set("lmgym")[part::4]:
        found = prover.run(statement, statement.proof)
        assert isinstance(found, Goals) and found.is_closed, (statement.name, found)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(6))
def test_every_statement_of_minif2f_elaborates(part: int, tmp_path: Path) -> None:
    check(load_set("minif2f")[part::6], tmp_path)


def _probe(folder: Path) -> Path:
    (folder / "probe.v").write_text("Require Coquelicot.Coquelicot.\n")
    return folder


@pytest.mark.slow
def test_every_statement_with_coquelicot_elaborates(tmp_path: Path) -> None:
    probe = subprocess.run(
        [need("coqc"), "-q", "-w", "none", "probe.v"], cwd=_probe(tmp_path), capture_output=True, timeout=60
    )
    if probe.returncode:
        pytest.skip("Coquelicot is not installed; on Debian and Ubuntu: apt-get install libcoq-coquelicot")
    plain = set(load_set("minif2f"))
    check([statement for statement in load_set("minif2f_coquelicot") if statement not in plain], tmp_path)
