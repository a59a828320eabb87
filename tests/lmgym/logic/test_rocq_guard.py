"""The guard of Rocq steps: what may reach the prover, by hand."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.logic.rocq.axioms import AXIOM_SETS, unallowed
from lmgym.logic.rocq.goals import Refusal
from lmgym.logic.rocq.guard import MAX_CHARS, Step, read_script, read_step
from lmgym.logic.rocq.vfiles import read_sentences

GOOD = {
    "intros n.": ("intros n.",),
    " \tauto.  ": ("auto.",),
    "- simpl.": ("-", "simpl."),
    "{ + split; [auto | reflexivity].": ("{", "+", "split; [auto | reflexivity]."),
    "}": ("}",),
    "-- exact I.": ("--", "exact I."),
    "2: lia.": ("2: lia.",),
    "1, 3-4: easy.": ("1, 3-4: easy.",),
    "all: try (intros; assumption).": ("all: try (intros; assumption).",),
    "(split; auto).": ("(split; auto).",),
    "unfold \"+\".": ('unfold "+".',),
    'idtac "Qed. Axiom bad : False.".': ('idtac "Qed. Axiom bad : False.".',),
    "apply Nat.add_comm.": ("apply Nat.add_comm.",),
    "exists 1.": ("exists 1.",),
    "replace x with 1.5.": ("replace x with 1.5.",),
    "intros A (P : Set) H.": ("intros A (P : Set) H.",),
    "set (x := 2 * 3) in *.": ("set (x := 2 * 3) in *.",),
    "match goal with |- ?a = ?b => change (b = b) end.": (
        "match goal with |- ?a = ?b => change (b = b) end.",
    ),
    "let rec f := (idtac; f) in f.": ("let rec f := (idtac; f) in f.",),
}  # fmt: skip

BAD = {
    "": "empty",
    "   \n ": "empty",
    "x" * (MAX_CHARS + 1): "long",
    "exact " + "(" * 200 + "I" + ")" * 200 + ".": "long",
    "exists " + "9" * 21 + ".": "long",
    "- " * 20 + "auto.": "long",
    "auto": "unparsed",
    "auto. auto.": "unparsed",
    "auto. Qed. Axiom bad : False.": "unparsed",
    "auto...": "unparsed",
    "auto.\tQed.": "unparsed",
    "exact (I.": "unparsed",
    "exact I).": "unparsed",
    "exact [I).": "unparsed",
    'idtac "a.': "unparsed",
    'idtac "a" b".': "unparsed",
    "exact 1.(f).": "unparsed",
    "auto (* hidden .": "comment",
    "auto (* Qed. *).": "comment",
    "(* *) auto.": "comment",
    "exact (*) I.": "comment",
    "auto.\nauto.": "characters",
    "auto.\rQed.": "characters",
    "auto\x00.": "characters",
    "auto\x0bQed.": "characters",
    "auto\u00a0.": "characters",
    "\u202eauto.": "characters",
    "ａdmit.": "characters",
    "exact \ud800.": "characters",
    "Qed.": "command",
    "Admitted.": "command",
    "Axiom bad : False.": "command",
    "Parameter bad : False.": "command",
    "Redirect \"out\" Print nat.": "command",
    "Time auto.": "command",
    "Fail auto.": "command",
    "Timeout 9 auto.": "command",
    "all: Admitted.": "command",
    "1: Print nat.": "command",
    "par: auto.": "command",
    "#[local] Axiom bad : False.": "unparsed",
    "#[bypass_check(guard)] Fixpoint f (n : nat) : False := f n.": "unparsed",
    "`auto.": "unparsed",
    "admit.": "command",
    "give_up.": "command",
    "intros; admit.": "forbidden",
    "intros; give_up.": "forbidden",
    "now (intros; admit).": "forbidden",
    "first [fail | admit].": "forbidden",
    "exact ltac:(admit).": "forbidden",
    "exact ltac : (auto).": "forbidden",
    "refine (ltac:(give_up)).": "forbidden",
    "idtac; exact_no_check I.": "forbidden",
    "exact_no_check I.": "command",
    "intros; vm_cast_no_check I.": "forbidden",
    "intros; native_cast_no_check I.": "forbidden",
    "change_no_check False.": "command",
    "intros; change_no_check True.": "forbidden",
    "intros; convert_concl_no_check True.": "forbidden",
    "eval native_compute in I.": "command",
    "pose (eval native_compute in 1).": "forbidden",
    "exact (I <: True).": "forbidden",
    "exact (I <<: True).": "forbidden",
    "assert (x : nat) by abstract auto.": "forbidden",
    "intros; transparent_abstract auto.": "forbidden",
    "do 2 timeout 9999 auto.": "forbidden",
    "idtac; Coq.Init.Tactics.admit.": "forbidden",
    "idtac; psatz R 5.": "forbidden",
    "unshelve (shelve).": "forbidden",
}  # fmt: skip


@pytest.mark.parametrize("text", GOOD)
def test_tactics_pass(text: str) -> None:
    assert read_step(text) == Step(GOOD[text])


@pytest.mark.parametrize("text", BAD, ids=lambda text: ascii(text)[:40])
def test_everything_else_is_refused(text: str) -> None:
    found = read_step(text)
    assert isinstance(found, Refusal) and found.reason == BAD[text], found
    assert found.message


@given(st.text(max_size=60) | st.text(alphabet='-+*{}().;:"#$@Qed admit\\', max_size=60))
@settings(max_examples=500, deadline=None, derandomize=True)
def test_any_text_is_read(text: str) -> None:
    found = read_step(text)
    if isinstance(found, Step):
        *bullets, last = found.sentences
        for sentence in found.sentences:
            assert "\n" not in sentence and "(*" not in sentence.replace('"', ' " ') and sentence.isascii()
        assert all(set(bullet) <= set("-+*{}") for bullet in bullets)
        assert last.endswith(".") or set(last) <= set("-+*{}")
        assert ". " not in last or '"' in last  # no second sentence


def test_whatever_passes_is_read_in_a_file_as_it_was_said() -> None:
    """Texts made of dangerous pieces: an independent reader of files finds the same sentences, no more."""
    words, signs = (
        "auto exact intros Qed Axiom admit I x a.b ltac:",
        '<: := | { } [ ] ( ) (* *) #[ .( 1. . all: "',
    )
    pieces = (*words.split(), *signs.split())
    rng, num_sentences = random.Random(0), 0
    for _ in range(30_000):
        text = rng.choice(("auto", "exact ", "- ", "2: intros ", "")) + "".join(
            rng.choice((*pieces, " ", "; ", ". ", "- ", "\n")) for _ in range(rng.randint(0, 6))
        )
        found = read_step(text + rng.choice(("", ".", ".", ".")))
        if isinstance(found, Step):
            num_sentences += found.sentences[-1].endswith(".")
            file = read_sentences("\n".join(("Proof.", *found.sentences, "Qed.")))
            assert [each.text for each in file[1:-1]] == [" ".join(each.split()) for each in found.sentences]
            assert not any(each.comments or each.inner_comments for each in file)
    assert num_sentences > 1_000


def test_scripts_are_cut_at_dots_and_lines() -> None:
    text = 'intros n. - auto.\n\n  exact Nat.add_comm.\nidtac "a. b".'
    assert read_script(text) == [
        (0, "intros n."), (0, " - auto."), (2, "  exact Nat.add_comm."), (3, 'idtac "a. b".'),
    ]  # fmt: skip


def test_assumptions_are_read_strictly() -> None:
    classic = AXIOM_SETS["classical"]
    assert unallowed("Closed under the global context", ()) == []
    printed = "Axioms:\nclassic : forall P : Prop, P \\/ ~ P"
    assert unallowed(printed, classic) == [] and unallowed(printed, ()) != []
    assert unallowed("Axioms:\nClassical_Prop.classic\n  : forall P : Prop,\n    P \\/ ~ P", classic) == []
    for bad in (
        "", "Axioms:", "Axioms:\nbad : False", "Axioms:\nclassic : False\nbad : False",
        "f is assumed to be guarded.", "Axioms:\nf is assumed to be guarded.",
        "Section Variables:\nx : False", "Axioms:\nnonclassic : False",
        "Closed under the global context\nbad : False",
    ):  # fmt: skip
        assert unallowed(bad, classic), bad
