"""Rocq sessions: goals, branches, deaths, forks, threads; against the prover itself."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from lmgym.errors import MissingDependencyError
from lmgym.logic.rocq import Goal, Goals, ProverError, Refusal, Rocq, Statement, pin
from lmgym.logic.rocq.pool import Pool
from lmgym.logic.rocq.programs import find_programs
from lmgym.logic.rocq.session import Session, SessionDied
from tests.provers import need

pytestmark = pytest.mark.prover

ROOT = Path(__file__).resolve().parents[3]
ADD = Statement(name="add_zero", context="", statement="forall n : nat, n + 0 = n")
AND = Statement(name="and_swap", context="", statement="forall A B : Prop, A /\\ B -> B /\\ A")
OWN = Statement(
    name="own",
    context="Definition twice (n : nat) := n + n.\nLemma two : twice 1 = 2. Proof. reflexivity. Qed.",
    statement="twice 2 = 4",
)


@pytest.fixture(scope="module")
def prover() -> Iterator[Rocq]:
    need("coqidetop.opt")
    pool = Pool(size=2)
    yield Rocq(pool=pool)
    pool.close()


def goals(prover: Rocq, statement: Statement, *tactics: str) -> Goals:
    found = prover.run(statement, tactics)
    assert isinstance(found, Goals), found
    return found


def test_goals_are_structured_and_written(prover: Rocq) -> None:
    found = goals(prover, ADD, "induction n as [| n IH].")
    assert found.goals == (
        Goal((), "0 + 0 = 0"),
        Goal(("n : nat", "IH : n + 0 = n"), "S n + 0 = S n"),
    )
    assert found.write() == "|- 0 + 0 = 0\n(2) |- S n + 0 = S n"
    found = goals(prover, ADD, "induction n as [| n IH].", "reflexivity.")
    assert found.write() == "n : nat\nIH : n + 0 = n\n|- S n + 0 = S n"
    found = goals(prover, ADD, "induction n as [| n IH].", "- reflexivity.")
    assert (found.goals, found.num_behind, found.is_closed) == ((), 1, False)
    assert found.write() == "(1 behind the bullet or brace)"


@pytest.mark.parametrize(
    "tactics",
    [
        ("induction n as [| n IH].", "reflexivity.", "simpl; rewrite IH; reflexivity."),
        ("induction n as [| n IH].", "- reflexivity.", "- simpl.", "now rewrite IH."),
        ("induction n as [| n IH]; [reflexivity | simpl; now rewrite IH].",),
        ("{ intros n.", "now induction n.", "}"),
        ("induction n.", "2: simpl; auto.", "reflexivity."),
    ],
)
def test_proofs_are_closed_with_bullets_braces_and_selectors(prover: Rocq, tactics: tuple[str, ...]) -> None:
    assert goals(prover, ADD, *tactics).is_closed
    assert not goals(prover, ADD, *tactics[:-1]).is_closed
    assert prover.final_check(ADD, tactics).is_proved


def test_a_context_is_loaded_and_left_again(prover: Rocq) -> None:
    assert goals(prover, OWN, "reflexivity.").is_closed
    assert isinstance(prover.run(ADD, ["exact two."]), Refusal)
    assert goals(prover, OWN, "unfold twice.").write() == "|- 2 + 2 = 4"
    assert prover.final_check(OWN, ["reflexivity."]).is_proved


def test_a_process_that_held_another_statement_forgets_it() -> None:
    need("coqidetop.opt")
    pool = Pool(size=1)
    prover, shared = Rocq(pool=pool), "Definition one := 1."
    for context in ("", shared):
        good, bad = (Statement(name="x", context=context, statement=text) for text in ("1 = 1", "1 = 2"))
        assert goals(prover, good, "idtac.").write() == "|- 1 = 1"
        assert goals(prover, bad, "idtac.").write() == "|- 1 = 2"
        assert goals(prover, good, "idtac.", "reflexivity.").is_closed
        assert isinstance(prover.run(bad, ["idtac.", "reflexivity."]), Refusal)
    assert pool.statistics().starts == 1
    pool.close()


def test_refusals_name_the_tactic_and_its_place(prover: Rocq) -> None:
    found = prover.run(ADD, ["intros n.", "rewrite nowhere.", "reflexivity."])
    assert isinstance(found, Refusal) and (found.reason, found.place) == ("error", 1)
    assert "nowhere" in found.message
    assert prover.run(ADD, ["intros n.", "Qed."]) == Refusal(
        "command", "'Qed' is no tactic that may be used here", 1
    )
    guard = prover.run(Statement(name="x", context="", statement="nat -> False"), ["fix f 1.", "exact f."])
    assert isinstance(guard, Refusal) and (guard.reason, guard.place) == ("guard", 1)


def test_branches_of_a_search_do_not_disturb_each_other() -> None:
    need("coqidetop.opt")
    pool = Pool(size=1)
    paths = [("intros A B H.", tactic, *rest) for tactic in ("destruct H.", "split.", "elim H.", "pose H.")
             for rest in ((), ("intuition.",), ("try split.",))]  # fmt: skip
    alone = []
    for path in paths:
        pool.close()
        alone.append(Rocq(pool=(pool := Pool(size=1))).run(AND, path))
    together = Rocq(pool=pool)
    assert [together.run(AND, path) for path in reversed(paths)] == alone[::-1]
    assert len({str(found) for found in alone}) > 6
    pool.close()


def test_a_proof_that_ends_early_is_known_to_end(prover: Rocq) -> None:
    other = Statement(name="t", context="", statement="True /\\ True")
    found = prover.run(other, ["split.", "exact I.", "exact I.", "idtac."])
    assert isinstance(found, Refusal) and found.place == 3
    assert goals(prover, other, "split.", "exact I.", "exact I.").is_closed


def test_a_killed_process_is_replaced_and_the_question_answered() -> None:
    need("coqidetop.opt")
    pool = Pool(size=1)
    prover = Rocq(pool=pool)
    assert goals(prover, ADD, "intros n.")
    for number in range(3):
        (victim,) = pool.pids()
        os.kill(victim, signal.SIGKILL)
        assert goals(prover, ADD, f"intros m{number}.").goals
        assert pool.pids() and pool.pids() != (victim,)
    assert pool.statistics().deaths == 3
    pool.close()


def test_a_process_that_dies_again_and_again_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    need("coqidetop.opt")

    def die(self: Session, script: object) -> None:
        raise SessionDied("gone")

    pool = Pool(size=1)
    with monkeypatch.context() as patch:
        patch.setattr(Session, "run", die)
        with pytest.raises(ProverError, match="died twice"):
            Rocq(pool=pool).run(ADD, ["intros n."])
    assert goals(Rocq(pool=pool), ADD, "intros n.").goals
    pool.close()


@pytest.mark.parametrize(
    "statement",
    [
        Statement(name="x", context="", statement="nowhere = 1"),
        Statement(name="x", context="", statement="(1 = 1"),
        Statement(name="x", context="Definition f := nowhere.", statement="True"),
        Statement(name="x", context="Require Import Nowhere.\nDefinition f := 1.", statement="True"),
    ],
)
def test_a_statement_that_the_prover_refuses_is_an_error(prover: Rocq, statement: Statement) -> None:
    with pytest.raises(ProverError, match="refuses the statement"):
        prover.run(statement)
    assert prover.final_check(statement, ["exact I."]).reason == "refused"
    assert goals(prover, ADD, "intros after.").goals


def test_many_threads_share_the_pool(prover: Rocq) -> None:
    def ask(number: int) -> bool:
        name = f"x{number}"
        found = goals(prover, ADD, f"intros {name}.", f"pose (y := {number}).")
        return f"{name} : nat" in found.goals[0].hypotheses

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(ask, range(40)))
    assert len(prover.pool.pids()) <= 2


def test_a_fork_makes_processes_of_its_own() -> None:
    need("coqidetop.opt")
    code = (
        "import os\n"
        "from lmgym.logic.rocq import Rocq, Statement\n"
        "from lmgym.logic.rocq import shared\n"
        "s = Statement(name='a', context='', statement='forall n : nat, n = n')\n"
        "r = Rocq()\n"
        "r.run(s, ['intros n.'])\n"
        "mine = shared.pool().pids()\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    ok = r.run(s, ['intros m.', 'reflexivity.']).is_closed and shared.pool().pids() != mine\n"
        "    shared.stop()\n"
        "    os._exit(0 if ok else 1)\n"
        "assert os.waitpid(child, 0)[1] == 0\n"
        "assert r.run(s, ['intros k.', 'reflexivity.']).is_closed and shared.pool().pids() == mine\n"
        "print('fine')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.stdout == "fine\n", done.stderr


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
@pytest.mark.parametrize("tactic", ["intros n.", "let rec f := (idtac; f) in f."])
def test_no_prover_outlives_a_killed_process(tactic: str) -> None:
    need("coqidetop.opt")
    code = (
        "import sys, threading\n"
        "from lmgym.logic.rocq import Rocq, Statement, shared\n"
        "s = Statement(name='a', context='', statement='forall n : nat, n = n')\n"
        "r = Rocq(timeout_s=60)\n"
        "r.run(s, ['intros m.'])\n"
        "print(*shared.pool().pids(), flush=True)\n"
        f"r.run(s, [{tactic!r}])\n"
        "sys.stdin.read()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        child = os.pidfd_open(int(process.stdout.readline()))
        process.kill()
        poll = select.poll()
        poll.register(child, select.POLLIN)
        assert poll.poll(20_000), "the prover is still there"
        os.close(child)


def test_without_the_prover_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("ROCQBIN", "COQBIN", "PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(MissingDependencyError, match="apt-get install coq"):
        find_programs()
    with pytest.raises(MissingDependencyError, match="opam install"):
        Rocq()
    for name, text in (("coqidetop", "#!/bin/sh\n"), ("coqc", "#!/bin/sh\necho 8.9.1\n")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/nowhere")
    with pytest.raises(MissingDependencyError, match=r"8\.9\.1"):
        find_programs()


def test_pins_tell_statements_and_contexts_apart() -> None:
    texts = [("", "a b"), ("a", " b"), ("a b", ""), ("a", "b")]
    assert len({pin(Statement(name="x", context=c, statement=s or "True")) for c, s in texts}) == 4
