"""The sets of statements for Rocq, and how marked lemmas are read; Rocq itself is not needed."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lmgym.errors import EmptyProblemSetError, InvalidValueError, UnknownNameError
from lmgym.logic.rocq.binders import close_proposition
from lmgym.logic.rocq.statements import (
    Statement,
    goal_of_text,
    outline,
    read_statements,
    statements_of_text,
)
from lmgym.logic.rocq.vfiles import VFileError, read_sentences
from lmgym.tasks.rocq.sets import PRESETS, load_set, read_minif2f

FILE = """Require Import Lia. (* a (* nested *) comment with "*)" a string. *)
Definition two := 2. (** kept *)
(* lmgym: level 2; topics nat, induction *)
Lemma add_swap {A : Type} (n m : nat) : (* inside. *) n + m =
  m + n.
Proof. intros; simpl. - lia. + { rewrite H.a in H. auto... } Qed.

Lemma helper : True. Proof. exact I. Qed.
(* lmgym: uses add_swap *)
Theorem named "1. " : two = 2.
Proof.
  reflexivity.
Defined.
(* lmgym *)
#[local] Remark open_one : forall n, n = n. Admitted.
""".replace(' "1. "', "")


def texts(text: str) -> list[str]:
    return [sentence.text for sentence in read_sentences(text)]


def test_marked_lemmas_are_read_with_their_context() -> None:
    swap, named, open_one = statements_of_text(FILE)
    assert swap == Statement(
        name="add_swap",
        context="Require Import Lia.\nDefinition two := 2.",
        statement="forall (A : Type) (n m : nat), n + m = m + n",
        proof=("intros; simpl.", "lia.", "rewrite H.a in H.", "auto..."),
        level=2,
        topics=("nat", "induction"),
    )
    assert (named.name, named.statement, named.proof, named.level) == (
        "named",
        "two = 2",
        ("reflexivity.",),
        1,
    )
    assert "Lemma add_swap" in named.context and "exact I.\nQed." in named.context
    assert "add_swap" not in open_one.context and open_one.proof == ()
    assert open_one.statement == "forall n, n = n"


def test_used_lemmas_come_with_those_that_they_use() -> None:
    lemmas = "".join(
        f"(* lmgym: uses {', '.join(uses)} *) Lemma {name} : True. Proof. exact I. Qed.\n".replace(
            "uses  ", ""
        )
        for name, uses in (("a", ()), ("b", ("a",)), ("c", ()), ("d", ("b",)))
    )
    contexts = {s.name: re.findall(r"Lemma (\w)", s.context) for s in statements_of_text(lemmas)}
    assert contexts == {"a": [], "b": ["a"], "c": [], "d": ["a", "b"]}


def test_the_outline_of_a_context_shows_no_proof() -> None:
    context = statements_of_text(FILE)[1].context
    assert outline(context).splitlines() == [
        "Require Import Lia.",
        "Definition two := 2.",
        "Lemma add_swap {A : Type} (n m : nat) : n + m = m + n.",
        "Lemma helper : True.",
    ]
    tactics = re.compile(r"^(Proof|Qed|intros|reflexivity|simpl|induction)\b", re.M)
    for statement in load_set("lmgym"):
        assert not tactics.search(outline(statement.context))
        assert len(outline(statement.context)) <= 2_000


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("a.b c. d.", ["a.b c.", "d."]),
        ("x .. y. z.", ["x .. y.", "z."]),
        ("auto... b.", ["auto...", "b."]),
        ("n = 1.5. m.", ["n = 1.5.", "m."]),
        ('say "a. ""b"". c". d.', ['say "a. ""b"". c".', "d."]),
        ("- a. -- b. * c. { d. } + e.", ["-", "a.", "--", "b.", "*", "c.", "{", "d.", "}", "+", "e."]),
        ("2: { a. } [x]:{ b. }", ["2: {", "a.", "}", "[x]:{", "b.", "}"]),
        ("a (* . *) b.\n\tc.", ["a b.", "c."]),
        ("(* (* . *) *) a.(* x *)", None),
        ("f.(g) x.", ["f.(g) x."]),
        ("", []),
        ("(* only *)", []),
    ],
)
def test_sentences_end_at_the_right_dots(text: str, sentences: list[str] | None) -> None:
    if sentences is None:
        with pytest.raises(VFileError, match="no dot ends"):
            texts(text)
    else:
        assert texts(text) == sentences


@pytest.mark.parametrize(
    ("text", "line", "part"),
    [
        ("a.\n(* b", 2, "comment is not closed"),
        ('a.\n(* "b *)', 2, "string in a comment"),
        ('a.\n\n x "y.', 3, "string is not closed"),
        ("a.\nb\nc", 2, "no dot ends"),
        ("(* lmgym: level 9 *) Lemma a : True. Qed.", 1, "level must be 1 to 8"),
        ("(* lmgym: lever 1 *) Lemma a : True. Qed.", 1, "'lever'"),
        ("(* lmgym: level 1; level 2 *) Lemma a : True. Qed.", 1, "doubled"),
        ("(* lmgym *)\nDefinition a := 1.", 2, "stands before no lemma"),
        ("Section S.\n(* lmgym *)\nLemma a : True. Qed.", 3, "in a section"),
        ("(* lmgym *) (* lmgym *) Lemma a : True. Qed.", 1, "two marks"),
        ("Lemma a :\n(* lmgym *) True. Qed.", 2, "before the lemma"),
        ("(* lmgym *) Lemma a : True. Qed.\n(* lmgym *) Lemma a : True. Qed.", 2, "twice"),
        ("(* lmgym: uses b *) Lemma a : True. Qed.", 1, "no lemma marked above"),
        ("Lemma b : False. Admitted. (* lmgym *) Lemma a : True. Qed.", 1, "without a finished proof"),
        ("(* lmgym *) Lemma a (x : nat : True. Qed.", 1, "binders of a"),
        ("(* lmgym *) Lemma a : True.\nProof I. Qed.", 2, "write 'Proof.' alone"),
        ("(* lmgym *) Lemma a : True.\nProof. - all: auto. Qed.", 2, "chooses its goals"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_line(text: str, line: int, part: str) -> None:
    with pytest.raises(VFileError, match=re.escape(part)) as caught:
        statements_of_text(text, "file.v")
    assert str(caught.value).startswith(f"file.v:{line}: ") and caught.value.line == line


@given(st.text(alphabet="ab.:(){}[]*-+\" \n'`0Lemma lmgym;", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        statements_of_text(text)
    except VFileError as error:
        assert error.line >= 1


def test_long_texts_are_read_in_linear_time() -> None:
    for text in ("(*" * 50_000, '"' * 100_001, "." * 100_000, "a " * 50_000, "{" * 100_000, "a.b" * 30_000):
        try:
            read_sentences(text)
        except VFileError:
            pass
    assert len(read_sentences("exact I.\n" * 20_000)) == 20_000


@pytest.mark.parametrize(
    ("text", "closed"),
    [
        (": P", "P"),
        ("n m : n = m", "forall n m, n = m"),
        ("{A} [B : Type] (x : A) : P", "forall A (B : Type) (x : A), P"),
        ("`{Eq A} (p : A * (A -> A)) : P p", "forall `{Eq A} (p : A * (A -> A)), P p"),
        ("(x : A := a) : P", "forall (x : A := a), P"),
        (":= 1", None),
        ("(x : A", None),
        ("", None),
        (":", None),
    ],
)
def test_binders_become_a_forall(text: str, closed: str | None) -> None:
    assert close_proposition(text) == closed


def weight(proof: tuple[str, ...]) -> int:
    """Tactics, with two more for an induction and one more for what has to be thought of."""
    text = " ".join(proof)
    count = sum(1 + sentence.count(";") for sentence in proof)
    count += 2 * len(re.findall(r"\binduction\b", text))
    return count + len(re.findall(r"\b(?:assert|exists|change|inversion)\b", text))


def test_our_levels_follow_the_length_of_the_proof() -> None:
    for statement in load_set("lmgym"):
        level = 1 + sum(weight(statement.proof) > bound for bound in (3, 5, 7, 9, 12, 16, 22))
        assert level == statement.level, statement.name


def normal(statement: str) -> str:
    """The statement with short names numbered as they come."""
    names: dict[str, str] = {}
    return re.sub(
        r"(?<![\w'])[A-Za-z]'*(?![\w'])",
        lambda found: found[0] if found[0] in "SO" else names.setdefault(found[0], f"v{len(names)}"),
        statement,
    )


def test_our_lemmas_are_many_and_different() -> None:
    statements = load_set("lmgym")
    assert len(statements) == 713
    assert Counter(s.level for s in statements) == dict(
        zip(range(1, 9), (105, 165, 90, 139, 105, 44, 37, 28), strict=True)
    )
    assert len({s.name for s in statements}) == len({normal(s.statement) for s in statements}) == 713
    assert all(s.proof and s.topics for s in statements)


def test_our_proofs_use_plain_tactics_only() -> None:
    allowed = {
        "intros", "exact", "apply", "split", "left", "right", "destruct", "exists", "reflexivity", "rewrite",
        "induction", "simpl", "discriminate", "injection", "assert", "unfold", "symmetry", "transitivity",
        "lia", "nia", "inversion", "change", "specialize", "auto", "clear", "revert", "try", "f_equal",
    }  # fmt: skip
    used = {re.match(r"\w+", s)[0] for statement in load_set("lmgym") for s in statement.proof}  # type: ignore[index]
    assert used <= allowed, used - allowed


def test_the_presets() -> None:
    sizes = {name: len(load_set(name)) for name in PRESETS}
    assert sizes == {"lmgym": 713, "minif2f": 445, "minif2f_coquelicot": 473}
    assert set(load_set("minif2f")) < set(load_set("minif2f_coquelicot"))
    for statement in load_set("minif2f"):
        assert statement.proof == () and statement.topics[1] in ("test", "valid")
        assert not re.search(r"\b(Axiom|Admitted|Parameter)\b", statement.context)


def test_folders_and_files(tmp_path: Path) -> None:
    (tmp_path / "b.v").write_text("(* lmgym *) Lemma b : True. Proof. exact I. Qed.")
    (tmp_path / "a.v").write_text("(* lmgym: level 3 *) Lemma a : True. Proof. exact I. Qed.")
    assert [(s.name, s.level) for s in load_set(str(tmp_path))] == [("a", 3), ("b", 1)]
    assert load_set(tmp_path / "b.v")[0].name == "b"
    (tmp_path / "c.v").write_text("(* lmgym *) Lemma a : True. Proof. exact I. Qed.")
    with pytest.raises(VFileError, match=r"'a' is in a\.v, too"):
        read_statements(tmp_path)
    (tmp_path / "c.v").write_bytes(b"\xff")
    with pytest.raises(VFileError, match="UTF-8"):
        read_statements(tmp_path)
    (tmp_path / "c.v").write_text("Lemma a : True. Qed.")
    with pytest.raises(EmptyProblemSetError, match="no lemma is marked"):
        read_statements(tmp_path / "c.v")
    with pytest.raises(UnknownNameError, match="Did you mean 'minif2f'"):
        load_set("minif2")


def test_files_in_the_form_of_minif2f(tmp_path: Path) -> None:
    row = dict(
        name="p", split="test", needs="coq", elaborates_coq_8_16=True, text="Theorem p : 1 = 1.\nProof."
    )
    other = row | {"name": "q", "elaborates_coq_8_16": False}
    file = tmp_path / "set.jsonl"
    file.write_text(f"{json.dumps(row)}\n{json.dumps(other)}\n")
    assert [s.statement for s in load_set(str(file))] == ["1 = 1"]
    for line in ("{", "[]", "{}", json.dumps(row | {"name": 1}), "[" * 100_000):
        file.write_text(line + "\n")
        with pytest.raises(InvalidValueError, match=r"set\.jsonl:1"):
            read_minif2f(file)
    file.write_text(json.dumps(other))
    with pytest.raises(EmptyProblemSetError):
        read_minif2f(file)


def test_a_goal_is_found_by_name_or_is_the_last() -> None:
    text = "Lemma a : True. Proof. exact I. Qed. Lemma b : False. Proof. Admitted."
    assert goal_of_text(text).name == "b" and goal_of_text(text).proof == ()
    assert goal_of_text(text, name="a").proof == ("exact I.",)
    with pytest.raises(VFileError, match="no lemma 'c'"):
        goal_of_text(text, name="c")


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "a b"},
        {"statement": " "},
        {"level": 0},
        {"level": 9},
        {"proof": ("auto",)},
        {"proof": ("a\nb.",)},
    ],
)
def test_a_statement_checks_its_fields(wrong: dict[str, object]) -> None:
    with pytest.raises(InvalidValueError, match=r"Statement\."):
        Statement(**({"name": "a", "context": "", "statement": "True"} | wrong))  # type: ignore[arg-type]
