"""Attacks on Rocq proofs: none closes a false goal, writes a file, hangs, or leaves the pool broken."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from lmgym.logic.rocq import AXIOM_SETS, Goals, Refusal, Rocq, Statement
from lmgym.logic.rocq.final import compile_proof
from lmgym.logic.rocq.pool import Pool
from tests.provers import need

pytestmark = pytest.mark.prover

FALSE = Statement(name="bad", context="", statement="1 = 2")
LOOP = Statement(name="loop", context="", statement="forall n : nat, n = S n")
NUMBERS = itertools.count()
EASY = Statement(name="easy", context="", statement="forall n : nat, n = n")
AXIOM = Statement(name="axiom", context="Axiom bad : False.", statement="1 = 2")
CLASSIC = Statement(
    name="classic", context="Require Import Classical.", statement="forall A : Prop, A \\/ ~ A"
)

CHEATS = [
    line.split(" ;; ")
    for line in r'''
# commands, refused before they reach the prover
Admitted.
admit.
give_up.
Axiom bad : 1 = 2. ;; exact bad.
Abort.
Parameter bad : 1 = 2. ;; apply bad.
Hypothesis bad : 1 = 2. ;; apply bad.
Variable bad : 1 = 2. ;; apply bad.
Context (bad : 1 = 2). ;; apply bad.
Unset Guard Checking. ;; fix f 0.
Set Typing Flags. ;; auto.
#[bypass_check(guard)] auto.
Load cheat.
Declare ML Module "cheat".
Redirect "stolen" Print nat.
Cd "/".
Notation "1" := 2. ;; reflexivity.
Infix "=" := (fun _ _ => True). ;; exact I.
Open Scope bool_scope. ;; reflexivity.
Local Open Scope bool_scope. ;; reflexivity.
Ltac reflexivity := admit. ;; reflexivity.
Tactic Notation "auto" := admit. ;; auto.
Hint Extern 0 => admit : core. ;; auto.
Instance cheat : 1 = 2 := _. ;; auto.
Canonical Structure x := I. ;; auto.
Coercion f : nat >-> Sortclass. ;; auto.
Arguments S _ : clear implicits. ;; auto.
Require Import Classical. ;; auto.
Module M. ;; auto.
Section S. ;; auto.
End S.
Goal True. ;; exact I.
Theorem x : True. ;; exact I.
Qed.
Defined.
Save x.
Proof using All.
Eval native_compute in 1.
Compute 1.
Print nat.
Search nat.
Extraction nat.
Time admit.
Timeout 99 admit.
Fail fail.
Succeed exact I.
Restart. ;; admit.
Undo.
Unshelve.
Optimize Heap.
Quit.
Drop.
Reset Initial.
BackTo 1.
Register I as x.
Primitive x := #int63_type.
Extract Constant S => "x".
Show Proof.
Grab Existential Variables.
Existential 1 := I.
Obligation Tactic := admit.
Next Obligation.
# more than one sentence, comments, strings
auto. Admitted.
auto.Admitted.
auto.	Admitted.
auto (* . *). Admitted.
idtac ". Admitted.
idtac """. Admitted. idtac """.
auto... ;; Admitted.
{ Admitted. }
- Admitted.
# tactics that close nothing, or not for good
exact ltac:(admit).
refine ltac:(give_up).
exact_no_check I.
intros; exact_no_check I.
change_no_check (1 = 1). ;; reflexivity.
intros; change_no_check (1 = 1). ;; reflexivity.
intros; vm_cast_no_check (eq_refl 1).
exact (eq_refl 1 <: 1 = 2).
exact (eq_refl 1 <<: 1 = 2).
abstract auto.
shelve.
intros; shelve.
unshelve refine _. ;; shelve.
fix f 1. ;; exact f.
cofix f. ;; exact f.
exact ((fix f (n : nat) : 1 = 2 := f n) 0).
exact ((fix f (n : nat) : 1 = 2 := f (S n)) 0).
refine _.
exact _.
eexact _.
evar (e : 1 = 2). ;; exact e.
refine (let x := _ : 1 = 2 in x).
eapply proj1. ;; eapply proj1.
assert (H : 1 = 2). ;; 2: exact H.
cut (1 = 2); [auto | idtac].
enough (H : 1 = 2) by exact H.
exact lmgym_goal.
apply lmgym_goal.
exact lmgym_theorem.
cycle 1.
revgoals.
clear.
change (1 = 1). ;; reflexivity.
replace 2 with 1. ;; reflexivity.
rewrite (_ : 2 = 1). ;; reflexivity.
pose (S := fun n : nat => n). ;; reflexivity.
set (two := 2). ;; clearbody two. ;; reflexivity.
generalize 2. ;; reflexivity.
exact (eq_refl : 1 = 2).
discriminate.
congruence.
exfalso. ;; auto.
refine (False_rect _ _). ;; auto.
exact (match _ : False with end).
idtac "Closed under the global context".
instantiate (1 := I).
solve [auto].
try (exact I).
simpl; unfold eq.
f_equal. ;; reflexivity.
exists 1.
}
- ;; - ;; +
{ ;; }
{ { ;; } ;; }
'''.strip().split("\n")
    if not line.startswith("# ")
]
"""A cheat a line; its tactics are separated by two semicolons."""

DEAR = [
    "do 1000000000 idtac.", "let rec f := f in f.", "let rec f := (idtac; f) in f.",
    "repeat (assert True by exact I).", "repeat pose proof I.", "let rec f := (try fail; f) in f.",
    "let rec f n := (idtac n; f (S n)) in f 0.", "do 3000000 idtac \"xxxxxxxxxxxxxxxxxxxxxxxxx\".",
    "let x := eval cbv in (Nat.pow 10 9) in idtac.", "assert (Nat.pow 9 9 = 0) by reflexivity.",
    "let x := eval cbv in ((fix a (m : nat) := match m with 0 => S | S k => fix b (n : nat) := "
    "match n with 0 => a k 1 | S l => a k (b l) end end) 4 4) in idtac.",
    "let rec d n t := match n with 0 => pose t | S ?m => d m constr:((t, t)) end in d 30 0.",
    "assert (x := 4000000).", "firstorder (repeat idtac).",
]  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("work")


@pytest.fixture(scope="module")
def prover(folder: Path) -> Iterator[Rocq]:
    need("coqidetop.opt")
    before, tempfile.tempdir = tempfile.tempdir, str(folder)
    pool = Pool(size=1)
    yield Rocq(timeout_s=1, pool=pool)
    pool.close()
    tempfile.tempdir = before
    assert not list(folder.iterdir())


def closes(prover: Rocq, statement: Statement, tactics: list[str]) -> bool:
    answer = prover.run(statement, tactics)
    assert isinstance(answer, Goals | Refusal)
    return isinstance(answer, Goals) and answer.is_closed


def works(prover: Rocq) -> bool:
    """Whether a new question is answered rightly; old ones are answered from memory."""
    return closes(prover, EASY, [f"intros n{next(NUMBERS)}.", "reflexivity."])


@pytest.mark.parametrize("tactics", CHEATS, ids=lambda tactics: " ".join(tactics)[:50])
def test_no_cheat_closes_a_false_goal(prover: Rocq, folder: Path, tactics: list[str]) -> None:
    here = sorted(os.listdir())
    for statement in (FALSE, LOOP):
        for end in range(1, len(tactics) + 1):
            assert not closes(prover, statement, tactics[:end])
            assert not closes(prover, statement, ["intros.", *tactics[:end]])
    assert not (folder / "stolen.out").exists() and sorted(os.listdir()) == here
    assert works(prover)


@pytest.mark.parametrize("text", DEAR, ids=lambda text: text[:40])
def test_dear_tactics_end_in_time_and_the_pool_is_whole_again(prover: Rocq, text: str) -> None:
    answer = prover.run(FALSE, [text])
    assert not (isinstance(answer, Goals) and answer.is_closed)
    if isinstance(answer, Goals):
        assert len(answer.write()) < 10**6
    assert works(prover) and len(prover.pool.pids()) == 1


def test_most_dear_tactics_are_refused(prover: Rocq) -> None:
    reasons = [getattr(prover.run(FALSE, [text]), "reason", "") for text in DEAR]
    assert {"timeout", "limit"} <= set(reasons) and reasons.count("") <= 4, reasons


@pytest.mark.parametrize(
    "sentences",
    [
        ("admit.",), ("give_up.",), ("Admitted.", "Theorem x : True.", "exact I."),
        ("Abort.", "Axiom bad : False.", "Theorem x : 1 = 2.", "destruct bad."),
        ("Abort.", "Definition lmgym_theorem := I.", "Theorem x : True.", "exact I."),
        ("Abort.", "Axiom bad : 1 = 2.", "Goal True.", "exact I."),
        ("Abort.", "Notation \"1\" := 2.", "Theorem x : 1 = 2.", "reflexivity."),
        ("exact I.", "Qed. (*"), ("idtac \"Closed under the global context\".", "admit."),
    ],
)  # fmt: skip
def test_the_final_check_does_not_rely_on_the_guard(prover: Rocq, sentences: tuple[str, ...]) -> None:
    check = compile_proof(FALSE, sentences, axioms=(), timeout_s=60.0, recheck=False)
    assert not check.is_proved and check.reason in ("refused", "assumptions"), check


def test_another_theorem_under_the_name_of_the_statement_is_none(
    prover: Rocq, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody can know the name. If somebody did, the statement after the proof would still be ours."""
    monkeypatch.setattr("lmgym.logic.rocq.final.secrets.token_hex", lambda size: "0" * 2 * size)
    for sentences, reason in (
        (("reflexivity.",), ""),
        (("Abort.", "Theorem {} : True.", "exact I."), "refused"),
    ):
        said = [sentence.format("lmgym_theorem_" + "0" * 8) for sentence in sentences]
        statement = FALSE if reason else Statement(name="good", context="", statement="1 = 1")
        assert compile_proof(statement, said, axioms=(), timeout_s=60.0, recheck=False).reason == reason


def test_the_final_check_guards_too_and_pins_the_statement(prover: Rocq) -> None:
    proof = ["intros n.", "reflexivity."]
    assert prover.final_check(EASY, proof).is_proved
    assert prover.final_check(EASY, proof, recheck=True).is_proved
    assert prover.final_check(FALSE, proof).reason == "refused"
    assert prover.final_check(FALSE, ["Admitted."]).reason == "command"
    assert prover.final_check(EASY, ["intros n.", "reflexivity. Axiom bad : False."]).reason == "unparsed"
    assert prover.final_check(EASY, []).reason == "refused"


@pytest.mark.slow
def test_no_cheat_passes_the_final_check(prover: Rocq) -> None:
    for tactics in CHEATS:
        assert not prover.final_check(FALSE, tactics, axioms=AXIOM_SETS["standard"]).is_proved, tactics


def test_axioms_beyond_the_list_are_refused(prover: Rocq) -> None:
    assert closes(prover, AXIOM, ["destruct bad."])
    check = prover.final_check(AXIOM, ["destruct bad."], axioms=AXIOM_SETS["standard"])
    assert check.reason == "assumptions" and "bad" in check.message
    proof = ["intros A.", "apply classic."]
    assert prover.final_check(CLASSIC, proof).reason == "assumptions"
    assert prover.final_check(CLASSIC, proof, axioms=AXIOM_SETS["classical"]).is_proved


def test_a_late_compiler_is_an_error_and_not_a_refusal(prover: Rocq) -> None:
    check = prover.final_check(EASY, ["intros.", "reflexivity."], timeout_s=0.0)
    assert check.reason == "prover" and not check.is_proved
    assert prover.final_check(
        EASY, ["intros.", "reflexivity."]
    ).is_proved  # what is not known isn't remembered
