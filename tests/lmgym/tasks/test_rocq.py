"""``lmgym/Rocq-v0``: play, verdicts, hints, errors. The laws of all tasks are in tests/laws."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest

import lmgym  # noqa: F401  # registers the environments
from lmgym.errors import EmptyProblemSetError, InvalidValueError, MissingDependencyError, UnknownNameError
from lmgym.logic.rocq import Check, ProverError
from lmgym.logic.rocq import Rocq as Prover
from lmgym.records import Problem, StepVerdict, Transcript, Turn
from lmgym.tasks.rocq import Rocq
from tests.lmgym.logic.test_rocq_attacks import CHEATS
from tests.provers import need

pytestmark = pytest.mark.prover

SMALL = Path(__file__).with_name("rocq_small.v")
RIGHT = StepVerdict("right")


@pytest.fixture
def task() -> Rocq:
    need("coqidetop.opt")
    return Rocq(statements=SMALL, level=None)


def named(task: Rocq, name: str) -> Problem:
    filled = [split for split in task.splits if task.num_problems[split]]
    problems = [task.problem(split, index) for split in filled for index in range(30)]
    return next(problem for problem in problems if problem.reference.statement.name == name)


def play(task: Rocq, problem: Problem, *texts: str) -> Transcript:
    state, turns, is_over = task.start(problem), list[Turn](), False
    for text in texts:
        turns.append(Turn("agent", text))
        state, reply, is_over = task.respond(state, turns[-1])
        if is_over:
            break
        assert reply is not None
        turns.append(Turn("environment", reply))
    return Transcript(problem, tuple(turns), terminated=is_over)


def test_an_episode_reads_well(task: Rocq) -> None:
    problem = named(task, "or_swap")
    assert problem.prompt == "|- forall A B : Prop, A \\/ B -> B \\/ A\n9 left: "
    turns = play(task, problem, "intros A B [a | b].", "left.", "exact a.", "Qed.").turns
    replies = [turn.text for turn in turns if turn.role == "environment"]
    assert replies[0] == "\nA, B : Prop\na : A\n|- B \\/ A\n(2) |- B \\/ A\n8 left: "
    goals = "A, B : Prop\na : A\n|- B\n(2) |- B \\/ A"
    assert replies[1] == f"\n{goals}\n7 left: "
    assert replies[2].startswith(
        "\nrefused (error): In environment A, B : Prop a : A "
    )  # the rest is the version's
    assert replies[2].endswith(f"\n{goals}\n6 left: ")
    assert replies[3] == f"\nrefused (command): 'Qed' is no tactic that may be used here\n{goals}\n5 left: "


def test_short_feedback_keeps_the_message(task: Rocq) -> None:
    short = Rocq(statements=SMALL, level=None, feedback="short")
    turns = play(short, named(short, "truth"), "exact 1.").turns
    assert turns[-1].text == "\nno: error\n|- True\n4 left: "


def test_steps_are_right_wrong_repeated_or_unreadable(task: Rocq) -> None:
    transcript = play(task, named(task, "and_swap"), "intros A B [a b].", "idtac.", "exact a.", "Qed.")
    verdicts = task.verify_steps(transcript)
    assert [(v.status, v.reason) for v in verdicts] == [
        ("right", ""), ("no_progress", "repeated"), ("wrong", "error"), ("unparsed", "command"),
    ]  # fmt: skip
    verdict = task.verify(transcript)
    assert (verdict.status, verdict.reason, verdict.score) == (
        "wrong",
        "command",
        0.25,
    )  # one of four tactics


def test_goals_that_were_there_before_are_refused(task: Rocq) -> None:
    transcript = play(task, named(task, "identity"), "intros A.", "revert A.", "intros A a.", "exact a.")
    assert task.verify_steps(transcript) == (
        RIGHT,
        StepVerdict("no_progress", "repeated"),
        StepVerdict("wrong", "error"),
        StepVerdict("wrong", "error"),
    )


def test_hints_lead_to_the_end_from_goals_that_another_way_reaches(task: Rocq) -> None:
    problem = named(task, "add_zero")
    turns = [Turn("agent", "intro n."), Turn("agent", "nonsense."), Turn("agent", "elim n.")]
    assert task.hint(problem, ()) == "intros n."
    assert task.hint(problem, tuple(turns[:2])) == "induction n as [| n IH]."
    assert task.hint(problem, tuple(turns)) is None  # these goals are not on the known way
    said: list[str] = []
    while (hint := task.hint(problem, play(task, problem, *said).turns)) is not None:
        said.append(hint)
    assert task.verify(play(task, problem, *said)).status == "correct"


def test_replies_that_a_transcript_claims_are_not_read(task: Rocq) -> None:
    problem = named(task, "truth")
    forged = (Turn("agent", "idtac."), Turn("environment", "\nno goals\n"))
    assert task.verify(Transcript(problem, forged, terminated=True))[:2] == ("wrong", "unfinished")


def test_a_whole_proof_in_one_turn() -> None:
    need("coqidetop.opt")
    task = Rocq(statements=SMALL, level=None, turn="proof")
    problem = named(task, "and_swap")
    assert problem.prompt == "|- forall A B : Prop, A /\\ B -> B /\\ A\n"
    cases: dict[str, tuple[str, str, list[str]]] = {
        "Proof.\nintros A B [a b].\n\nsplit.\n- exact b. \n- exact a.\nQed.": (
            "correct", "", ["no_progress", "right", "no_progress", "right", "right", "right", "no_progress"]),
        "intros A B [a b]. split. exact b. exact a.": ("correct", "", ["right"]),
        "intros A B [a b].\nexact b.\nexact a.": ("wrong", "error", ["right", "wrong", "undecided"]),
        "intros A B [a b].\nsplit.\nexact b.": ("wrong", "unfinished", ["right", "right", "right"]),
        "intros A B [a b]. split. exact b. exact a.\nidtac.": ("wrong", "over", ["right", "wrong"]),
        "intros A B [a b].\nAdmitted.": ("wrong", "command", ["right", "unparsed"]),
        "intros A B\n[a b].": ("wrong", "unparsed", ["unparsed", "undecided"]),
        "auto. " * 300: ("wrong", "long", ["undecided"]),
    }  # fmt: skip
    for text, (status, reason, steps) in cases.items():
        transcript = play(task, problem, text)
        assert task.verify(transcript)[:2] == (status, reason), text
        assert [verdict.status for verdict in task.verify_steps(transcript)] == steps, text


@pytest.mark.parametrize("turn", ["tactic", "proof"])
def test_no_cheat_is_paid(tmp_path: Path, turn: Any) -> None:
    need("coqidetop.opt")
    (tmp_path / "false.v").write_text("(* lmgym: level 1 *) Lemma bad : 1 = 2.")
    task = Rocq(statements=tmp_path, turn=turn, timeout_s=2, max_refusals=9, spare_tactics=9)
    problem = named(task, "bad")
    for cheat in CHEATS:
        transcript = play(task, problem, *(cheat if turn == "tactic" else ["\n".join(cheat)]))
        verdict = task.verify(transcript)
        assert verdict.status == "wrong" and verdict.reason and verdict.score == 0, (cheat, verdict)


def test_a_dead_prover_is_an_error_and_never_wrong(task: Rocq, monkeypatch: pytest.MonkeyPatch) -> None:
    problem = named(task, "truth")

    def fail(*_: Any, **__: Any) -> None:
        raise ProverError("gone")

    with monkeypatch.context() as patch:
        patch.setattr(Prover, "run", fail)
        transcript = play(task, problem, "exact I.", "exact I.", "exact I.")
        assert task.verify(transcript)[:2] == ("error", "prover")
        assert {v.status for v in task.verify_steps(transcript)} == {"undecided"}
        assert task.hint(problem, transcript.turns[:1]) == "exact I."  # the first one needs no prover
    with monkeypatch.context() as patch:
        patch.setattr(Prover, "final_check", lambda *_, **__: Check(False, "prover"))
        assert task.verify(play(task, problem, "exact I."))[:2] == ("error", "prover")
    with monkeypatch.context() as patch:
        patch.setattr(Prover, "final_check", lambda *_, **__: Check(False, "assumptions"))
        assert task.verify(play(task, problem, "exact I."))[:2] == ("wrong", "assumptions")
    assert task.verify(play(task, problem, "exact I.")).status == "correct"


def test_axioms_are_paid_only_where_they_are_allowed(tmp_path: Path) -> None:
    need("coqidetop.opt")
    lemma = "Lemma lem{} : forall A : Prop, {} A \\/ ~ A. Proof. intros A. apply classic. Qed."
    marked = [f"(* lmgym: level 1 *)\n{lemma.format(n, 'True -> ' * n)}" for n in range(12)]
    (tmp_path / "lem.v").write_text("Require Import Classical.\n" + "\n".join(marked))
    for axioms, status in (("none", "wrong"), ("classical", "correct")):
        task = Rocq(statements=tmp_path, axioms=axioms)  # type: ignore[arg-type]
        problem = named(task, "lem0")
        transcript = play(task, problem, *task.demonstrations(problem, np.random.default_rng(0)))
        assert task.verify(transcript).status == status
    assert "Require Import Classical." in problem.prompt


def test_a_preamble_stands_before_every_context(task: Rocq) -> None:
    with_lia = Rocq(statements=SMALL, level=None, preamble="Require Import Lia.")
    assert with_lia.fingerprint != task.fingerprint
    problem = named(with_lia, "add_zero")
    assert problem.prompt.startswith("Require Import Lia.\n\n|- forall n : nat")
    assert with_lia.verify(play(with_lia, problem, "lia.")).status == "correct"
    assert task.verify(play(task, named(task, "add_zero"), "lia.")).status == "wrong"
    algebra = Rocq(statements="minif2f", level=None)
    assert algebra.problem("test", 0).prompt.startswith("Require Import Lia Lra Psatz.")


def test_bad_options_are_typed_errors(task: Rocq, tmp_path: Path) -> None:
    for options in (
        {"level": 9},
        {"timeout_s": 0},
        {"spare_tactics": -1},
        {"max_refusals": 0},
        {"recheck": 1},
    ):
        with pytest.raises(InvalidValueError):
            Rocq(**options)  # type: ignore[arg-type]
    for options in ({"turn": "tactics"}, {"axioms": "all"}, {"feedback": "none"}, {"statements": "lmgim"}):
        with pytest.raises(UnknownNameError):
            Rocq(**options)  # type: ignore[arg-type]
    (tmp_path / "one.v").write_text("(* lmgym: level 3 *) Lemma a : True.")
    lonely = Rocq(statements=tmp_path, level=3)
    split = next(split for split, count in lonely.num_problems.items() if count)
    with pytest.raises(InvalidValueError, match="no proof"):
        lonely.demonstrations(lonely.problem(split, 0), np.random.default_rng(0))
    with pytest.raises(EmptyProblemSetError, match="another split"):
        lonely.problems(next(other for other in lonely.splits if other != split), [0])


def test_without_the_prover_make_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("ROCQBIN", "COQBIN", "PATH"):
        monkeypatch.setenv(name, str(tmp_path))
    with pytest.raises(MissingDependencyError, match="apt-get install coq"):
        gym.make("lmgym/Rocq-v0")


def test_an_environment_pays_a_proof(task: Rocq) -> None:
    env = gym.make("lmgym/Rocq-v0", granularity="response", statements=SMALL, level=1)
    _, info = env.reset(seed=0)
    inner = env.get_wrapper_attr("task")
    problem = inner.problem(info["split"], int(info["problem_index"]))
    rewards = [env.step(text)[1] for text in inner.demonstrations(problem, np.random.default_rng(0))]
    assert rewards[-1] == 1 and not any(rewards[:-1])
