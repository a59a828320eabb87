"""The bridge to Lean, against a program that answers as the documentation shows; Lean is not here."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgym.errors import EmptyProblemSetError, InvalidValueError, MissingDependencyError
from lmgym.logic.lean import (
    Goals,
    Lean,
    LeanError,
    LeanFileError,
    LeanStatement,
    Refusal,
    read_lean_statements,
    read_tactic,
)
from lmgym.logic.lean.answers import read_answer
from lmgym.logic.lean.repl import VARIABLE, InteractRepl, LeanTimeout, ProcessRepl, find_command

PROGRAM = Path(__file__).with_name("lean_repl.py")
SWAP = LeanStatement(
    name="swap", statement="∀ P Q : Prop, P ∧ Q → Q ∧ P", proof=("intro P Q h", "exact ⟨h.2, h.1⟩")
)
ROWS: list[dict[str, Any]] = [
    {"statement": SWAP.statement, "proof": list(SWAP.proof)},
    {"statement": "middle", "proof": ["exact em"], "axioms": ["propext", "Classical.choice", "Quot.sound"]},
    {"statement": "bad", "proof": ["exact bad"], "axioms": ["propext", "badAxiom"]},
    {"statement": "holes", "proof": ["exact holes"], "hole": True},
    {"statement": "lies", "proof": ["exact lies"], "says": "'other' does not depend on any axioms"},
    {"statement": "chats", "proof": ["exact chats"], "says": "'NAME' depends on axioms: [propext] and more"},
    {"statement": "silent", "proof": ["exact silent"], "says": ""},
    {"statement": "twice", "proof": ["intro x", "exact x"], "accepted": ["never"]},
]


def statement(name: str) -> LeanStatement:
    row = next(row for row in ROWS if row["statement"] == name)
    return LeanStatement(name=name, statement=name, proof=tuple(row["proof"]))


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    file = tmp_path / "proofs.json"
    file.write_text(json.dumps(ROWS))
    return [sys.executable, "-I", "-S", str(PROGRAM), str(file)]


@pytest.fixture
def lean(command: list[str]) -> Iterator[Lean]:
    prover = Lean(command, timeout_s=30)
    yield prover
    prover.close()


def test_a_proof_goes_tactic_by_tactic(lean: Lean) -> None:
    start = lean.run(SWAP)
    assert start == Goals(("⊢ ∀ P Q : Prop, P ∧ Q → Q ∧ P",)) and not start.is_closed
    assert lean.run(SWAP, SWAP.proof[:1]) == Goals(("h : 1 steps\n⊢ ∀ P Q : Prop, P ∧ Q → Q ∧ P",))
    end = lean.run(SWAP, SWAP.proof)
    assert isinstance(end, Goals) and end.is_closed and end.write() == "no goals"


def test_a_wrong_tactic_is_refused_and_the_state_lives_on(lean: Lean) -> None:
    for wrong in ("exact nothing", "exact message", "exact hole"):
        found = lean.run(SWAP, (SWAP.proof[0], wrong))
        assert isinstance(found, Refusal) and (found.reason, found.place) == ("error", 1)
    found = lean.run(SWAP, (*SWAP.proof, "rfl"))
    assert found == Refusal("error", "no goals are left", 2)
    found = lean.run(SWAP, ("sorry",))
    assert isinstance(found, Refusal) and (found.reason, found.place) == ("command", 0)
    assert isinstance(lean.run(SWAP, SWAP.proof), Goals)


def test_what_was_asked_is_remembered(lean: Lean) -> None:
    lean.run(SWAP, SWAP.proof)
    before = lean._num_requests
    lean.run(SWAP, SWAP.proof)
    lean.run(SWAP, SWAP.proof[:1])
    assert lean._num_requests == before == 4


@pytest.mark.parametrize("word", ["crash", "garbage", "flood", "wrong_types"])
def test_a_process_that_fails_is_an_error_and_is_replaced(lean: Lean, word: str) -> None:
    assert isinstance(lean.run(SWAP, SWAP.proof[:1]), Goals)
    with pytest.raises(LeanError):
        lean.run(SWAP, (SWAP.proof[0], f"exact {word}"))
    found = lean.run(SWAP, SWAP.proof)
    assert isinstance(found, Goals) and found.is_closed


def test_after_a_fork_the_process_is_left_to_the_parent(lean: Lean, monkeypatch: pytest.MonkeyPatch) -> None:
    lean.run(SWAP, SWAP.proof[:1])
    parents = lean._repl
    assert isinstance(parents, ProcessRepl)
    with monkeypatch.context() as patch:
        patch.setattr("os.getpid", lambda: -1)
        lean.close()
        assert parents._process.poll() is None
        assert isinstance(lean.run(SWAP, SWAP.proof), Goals) and lean._repl is not parents
        lean.close()
    parents.close()


def test_a_tactic_without_end_is_refused_and_its_process_ended(command: list[str]) -> None:
    lean = Lean(command, timeout_s=1.0)
    first = lean._open()
    found = lean.run(SWAP, (SWAP.proof[0], "exact slow"))
    assert isinstance(found, Refusal) and (found.reason, found.place) == ("timeout", 1)
    assert isinstance(first, ProcessRepl) and first._process.returncode is not None
    assert lean.run(SWAP, (SWAP.proof[0], "exact slow")) == found and lean._repl is not None
    assert isinstance(lean.run(SWAP, SWAP.proof[:1]), Goals)
    lean.close()


def test_the_final_check_accepts_the_proof_alone(lean: Lean) -> None:
    assert lean.final_check(SWAP, SWAP.proof) == (True, "", "")
    assert lean.final_check(statement("middle"), ["exact em"]).is_proved
    assert lean.final_check(statement("middle"), ["exact em"], axioms=()).reason == "assumptions"


def test_what_a_check_could_not_find_out_is_asked_again(lean: Lean, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise LeanError("no more processes")

    with monkeypatch.context() as patch:
        patch.setattr("lmgym.logic.lean.prover.start", fail)
        assert lean.final_check(SWAP, SWAP.proof).reason == "prover"
    assert lean.final_check(SWAP, SWAP.proof).is_proved
    with monkeypatch.context() as patch:
        patch.setattr("lmgym.logic.lean.prover.start", fail)
        assert lean.final_check(SWAP, SWAP.proof).is_proved  # that it is proved is remembered


@pytest.mark.parametrize(
    ("name", "tactics", "reason", "message"),
    [
        ("bad", ["exact bad"], "assumptions", "rests on badAxiom"),
        ("holes", ["exact holes"], "refused", "declaration uses 'sorry'"),
        ("lies", ["exact lies"], "refused", "did not list"),
        ("chats", ["exact chats"], "refused", "did not list"),
        ("silent", ["exact silent"], "refused", "did not list"),
        ("twice", ["intro x", "exact x"], "refused", "unsolved goals"),
        ("bad", ["exact sorry"], "forbidden", "'sorry'"),
        ("bad", [], "refused", "no tactic"),
        (SWAP.statement, ["exact cheat"], "refused", "unsolved goals"),
    ],
)
def test_the_final_check_refuses(
    lean: Lean, name: str, tactics: list[str], reason: str, message: str
) -> None:
    check = lean.final_check(LeanStatement(name="x", statement=name), tactics)
    assert not check.is_proved and check.reason == reason and message in check.message


def test_a_goal_list_that_is_empty_proves_nothing(lean: Lean) -> None:
    found = lean.run(SWAP, ["exact cheat"])
    assert isinstance(found, Goals) and found.is_closed
    assert not lean.final_check(SWAP, ["exact cheat"]).is_proved


def test_a_context_that_lean_refuses_is_an_error(lean: Lean) -> None:
    broken = LeanStatement(name="a", statement=SWAP.statement, context="broken context")
    with pytest.raises(LeanError, match="refuses the context"):
        lean.run(broken)
    assert lean.final_check(broken, SWAP.proof).reason == "prover"


def test_a_program_that_does_not_start_is_an_error() -> None:
    lean = Lean(["/nowhere/repl"])
    with pytest.raises(LeanError, match="does not start"):
        lean.run(SWAP)
    assert lean.final_check(SWAP, SWAP.proof).reason == "prover"


@pytest.mark.parametrize(
    "request_",
    [
        {"pickleTo": "/file", "env": 0},
        {"unpickleEnvFrom": "/file"},
        {"path": "/file"},
        {"cmd": "x", "env": 0, "gc": 1},
        {},
    ],
)
def test_no_other_request_can_be_sent(command: list[str], request_: dict[str, Any]) -> None:
    repl = ProcessRepl(command)
    with pytest.raises(InvalidValueError, match="a request has the keys"):
        repl.ask(request_, 1.0)
    repl.close()
    repl.close()


def test_the_command_is_given_or_found_or_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "lake env '/a b/repl'")
    assert find_command() == ("lake", "env", "/a b/repl")
    assert find_command("repl") == ("repl",) and find_command(["a", "b"]) == ("a", "b")
    monkeypatch.delenv(VARIABLE)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(
        MissingDependencyError, match=r"install elan.*LMGYM_LEAN_REPL.*pip install lean-interact"
    ):
        find_command()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    assert find_command() == ("lean-interact",)


class Server:
    """Stands for the server of lean-interact."""

    def __init__(self, config: object) -> None:
        self.is_killed = False

    def run_dict(self, request: dict[str, Any], timeout: float) -> Any:
        if request.get("cmd") == "slow":
            raise TimeoutError
        if request.get("cmd") == "dead":
            raise ConnectionAbortedError
        return {"env": 0} if request.get("cmd") == "good" else None

    def kill(self) -> None:
        self.is_killed = True


def test_lean_interact_is_asked_in_the_same_way(monkeypatch: pytest.MonkeyPatch) -> None:
    package = types.ModuleType("lean_interact")
    package.LeanServer, package.LeanREPLConfig = Server, object  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lean_interact", package)
    repl = InteractRepl()
    assert repl.ask({"cmd": "good"}, 1.0) == {"env": 0}
    with pytest.raises(LeanError, match="answered 'None'"):
        repl.ask({"cmd": "other"}, 1.0)
    with pytest.raises(LeanTimeout):
        repl.ask({"cmd": "slow"}, 1.0)
    assert repl._server.is_killed
    with pytest.raises(LeanError, match="failed"):
        repl.ask({"cmd": "dead"}, 1.0)
    with pytest.raises(InvalidValueError):
        repl.ask({"pickleTo": "x"}, 1.0)


def test_the_answers_of_the_documentation_are_read() -> None:
    answer = read_answer(
        {
            "sorries": [{"proofState": 0, "pos": {"line": 1, "column": 18}, "goal": "⊢ Nat"}],
            "messages": [{"severity": "error", "pos": {"line": 1, "column": 23}, "data": "type mismatch"}],
            "env": 6,
        }
    )
    assert (answer.env, answer.holes, answer.errors) == (6, ((0, "⊢ Nat"),), ("type mismatch",))
    answer = read_answer({"proofState": 1, "goals": ["x : Unit\n⊢ Int"]})
    assert (answer.proof_state, answer.goals) == (1, ("x : Unit\n⊢ Int",))
    assert read_answer({"message": "Unknown proof state."}).errors == ("Unknown proof state.",)
    for wrong in ({"env": "1"}, {"env": True}, {"goals": "x"}, {"goals": [1]}, {"messages": [1]},
                  {"message": 1}, {"sorries": {}}, {"proofStatus": 1}, {"messages": [{}]}):  # fmt: skip
        with pytest.raises(LeanError):
            read_answer(wrong)


GOOD = (
    "intro h",
    "exact ⟨h.2, h.1⟩",
    "rcases h with p | ⟨q, r⟩",
    "· simp [Nat.add_comm] at *",
    "omega",
    "induction n with | zero => rfl | succ n ih => rw [← Nat.add_assoc, ih]",
    "refine ⟨?_, ?_⟩",
    "rw [h] at h'",
    "exact ⟨n / 2, by omega⟩",
    "have h : n % 2 = 0 := by omega",
    "exact @Eq.symm _ _ _ h",
    "simp <;> omega",
    "(intro x; exact x)",
    "exact fun x => (h x).1",
    "decide",
    "exact l.getElem? 0",
    "have k : p /\\ q \\/ r := h",
)
CHEATS = {
    "empty": ("", "  \n "),
    "characters": (
        "intro h\nexact h",
        "exact\x00",
        "exact \ud800",
        "exact\u202eh",
        "exact «sorry»",
        "exact h\rtheorem a",
        "ex\u0430ct h",
    ),
    "long": ("exact " + "a" * 1000, "(" * 10**5),
    "command": (
        "sorry",
        "admit",
        "axiom bad : False",
        "theorem x : False := by trivial",
        "macro \u2200",
        "native_decide",
        "set_option maxRecDepth 1 in exact h",
        "open Nat in exact h",
        "run_tac x",
        "unsafe x",
        "42",
        ")",
        "bv_decide",
        "by exact h",
        "end",
        "instance : x",
        "stop",
        "exit",
    ),
    "forbidden": (
        "exact sorry",
        "exact (by sorry)",
        "exact (by sorry!)",
        "have := by admit",
        "exact sorryAx _",
        "exact h.sorryAx",
        "first | native_decide",
        "exact Lean.ofReduceBool a b c",
        "exact Lean.trustCompiler",
        "simp; axiom x : False",
        "exact h -- sorry",
        "exact /- -/ h",
        "#print axioms x",
        "exact #x",
        'exact "a"',
        "exact `x",
        "simp (config := {})",
        "decide +kernel",
        "decide + native",
        "simp (decide := true)",
        "exact?",
        "apply?",
        "simp? at h",
        "rw? ",
        "first | simp?",
        "exact h where x := 1",
        "let rec x := unsafeCast y",
        "exact (open Nat in h)",
        "exact (set_option a b in h)",
        "skip; run_tac x",
        "all_goals run_cmd x",
        "exact by_elab x",
        "exact a \\ b",
        "exact lcProof",
        "exact h.elim $ x",
        "have : x := @[simp] y",
        "simp!; admit",
        "exact 'a'",
        "repeat sorry",
        "case x => stop",
        "exact implemented_by",
        "exact macro_rules x",
        "exact h unif_hint x",
        "exact h theorem x : True := h",
        "show_term exact h; notation x",
        "try opaque x",
    ),
    "unparsed": ("exact (h", "exact h)", "exact ⟨h)", "simp [h"),
    "limit": ("exact " + "(" * 200 + ")" * 200, "exact " + "9" * 30),
}


@pytest.mark.parametrize("text", GOOD)
def test_honest_tactics_pass(text: str) -> None:
    assert read_tactic(f" {text}\n") == text


@pytest.mark.parametrize(
    ("reason", "text"), [(reason, text) for reason, texts in CHEATS.items() for text in texts]
)
def test_cheats_are_refused_before_they_reach_lean(reason: str, text: str) -> None:
    found = read_tactic(text)
    assert isinstance(found, Refusal), text[:80]
    assert found.reason == reason or (reason == "forbidden" and found.reason == "command"), found


@given(st.text(max_size=80) | st.text(alphabet="exact h()[]⟨⟩by;:=|'?.-sorry", max_size=80))
def test_any_text_is_a_tactic_or_refused(text: str) -> None:
    found = read_tactic(text)
    if isinstance(found, str):
        assert found == text.strip() and "\n" not in found and "sorry" not in found.split()
        assert read_tactic(found) == found


def test_marked_theorems_are_read(tmp_path: Path) -> None:
    file = tmp_path / "a.lean"
    file.write_text(
        "-- about\nimport Mathlib\n\nopen Nat\n-- lmgym: level 2; topics nat, order\n"
        "theorem a' : ∀ n : Nat, n = n := by\n  intro n\n  rfl\n\n-- lmgym: level 1\ntheorem b : True := by\n"
    )
    first, second = read_lean_statements(file)
    assert first == LeanStatement(
        name="a'", statement="∀ n : Nat, n = n", context="import Mathlib\nopen Nat", proof=("intro n", "rfl"),
        level=2, topics=("nat", "order"),
    )  # fmt: skip
    assert (second.proof, second.context, second.level) == ((), "import Mathlib\nopen Nat", 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("-- lmgym: level 9\ntheorem a : True := by", "a.lean:1: write '-- lmgym"),
        ("\n-- lmgym: level 1\ndef a := 1", "a.lean:3: a mark needs 'theorem"),
        ("-- lmgym: level 1", "a.lean:2: a mark needs"),
    ],
)
def test_a_wrong_mark_is_named_with_its_line(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "a.lean"
    file.write_text(text)
    with pytest.raises(LeanFileError) as caught:
        read_lean_statements(file)
    assert str(caught.value).startswith(message)


def test_other_mistakes_in_files_and_statements(tmp_path: Path) -> None:
    file = tmp_path / "a.lean"
    file.write_text("theorem a : True := by\n  trivial\n")
    with pytest.raises(EmptyProblemSetError, match="no theorem is marked"):
        read_lean_statements(file)
    with pytest.raises(LeanFileError, match="cannot be read"):
        read_lean_statements(tmp_path / "missing.lean")
    with pytest.raises(InvalidValueError, match="one line"):
        LeanStatement(name="a", statement="x\ny")
    with pytest.raises(InvalidValueError, match="tactic a line"):
        LeanStatement(name="a", statement="x", proof=("a\nb",))
