"""Checking Metamath proofs: the packaged databases, every reason for a refusal, compressed proofs, limits."""

from __future__ import annotations

import random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.logic.metamath import (
    Database,
    Goal,
    Limits,
    Refusal,
    check_compressed,
    is_compressed,
    parse_database,
    read_database,
    verify_database,
    verify_theorem,
    written_out,
)
from lmgym.logic.metamath.compressed import MARK, MISSING, read_numbers
from lmgym.tasks.metamath.collection import PRESETS
from tests.reference.metamath_bad import HEAD

SYSTEM = (
    HEAD
    + """
$v r x $. wr $f wff r $.
wi $a wff ( p -> q ) $.
ax-1 $a |- ( p -> ( q -> p ) ) $.
${ min $e |- p $. maj $e |- ( p -> q ) $. mp $a |- q $. $}
${ $d p q $. apart $a |- ( p -> q ) $. $}
${ a1i.1 $e |- p $. a1i $p |- ( q -> p ) $= wp wq wp wi a1i.1 wp wq ax-1 mp $. $}
${ one.1 $e |- p $. two $p |- p $= one.1 $. $}
last $p |- ( p -> ( p -> p ) ) $= ? $.
${ $d p q $. dd $p |- ( p -> q ) $= wp wq apart $. $}
below $p |- ( p -> ( p -> p ) ) $= ( ax-1 ) AAB $.
"""
)
DATABASE = parse_database(SYSTEM)


def goal(label: str, database: Database = DATABASE, **limits: Any) -> Goal:
    return Goal(database, database.theorem(label), **limits)


@pytest.mark.parametrize("preset", PRESETS)
def test_every_packaged_theorem_is_verified(preset: str) -> None:
    database = read_database(PRESETS[preset])
    counts = {"set.mm propositional": 1415, "ql": 1138, "hol": 138, "demo0": 1, "miu": 1}
    assert len(database.theorems) == counts[preset]
    assert verify_database(database) == {}


@pytest.mark.parametrize(
    ("label", "proof", "reason"),
    [
        ("last", "wp wp ax-1", None),
        ("a1i", "wp wq wp wi a1i.1 wp wq ax-1 mp", None),
        ("last", "wp\twp\n\r\f ax-1 ", None),
        ("last", "", "unfinished"),
        ("last", "wp", "other"),
        ("last", "wp wp", "unfinished"),
        ("last", "wp wp ax-1 wp", "unfinished"),
        ("last", "wp wp wp ax-1", "unfinished"),
        ("last", "wp wq ax-1", "other"),
        ("last", "wp ax-1", "underflow"),
        ("last", "wp wp nothing", "unknown"),
        ("last", "wp wp AX-1", "unknown"),
        ("last", "wp wp last", "itself"),
        ("last", "last", "itself"),
        ("last", "below", "later"),
        ("last", "wp wp a1i.1", "inactive"),
        ("last", "wp wp min", "inactive"),
        ("last", "wp wp ?", "incomplete"),
        ("last", "( ax-1 ) AAB", "unknown"),
        ("a1i", "wp wq wp wi wp wp wq ax-1 mp", "typecode"),
        ("a1i", "wq wp a1i.1 wp wq ax-1 mp", "mismatch"),
        ("a1i", "wp a1i.1 mp", "underflow"),
        ("a1i", "a1i.1 a1i.1 ax-1", "typecode"),
        ("a1i", "wq a1i.1 ax-1", "typecode"),
        ("a1i", "wp wq a1i.1 wp wq ax-1 mp", "mismatch"),
        ("last", "wp wp apart", "distinct"),
        ("last", "wp wq apart", "distinct"),
        ("last", "wp wp wp wi apart", "distinct"),
        ("dd", "wp wq apart", None),
        ("dd", "wq wp apart", "other"),
        ("dd", "wp wr apart", "distinct"),
        ("last", "wp\x00", "unknown"),
        ("last", "$p", "unknown"),
    ],
)
def test_proofs_are_refused_for_the_right_reason(label: str, proof: str, reason: str | None) -> None:
    check = goal(label).check_text(proof)
    assert (check.refusal and check.refusal.reason) == reason
    assert check.num_labels <= len(proof.split()) and (check.refusal is None or check.refusal.message)


def test_the_stack_so_far_is_told() -> None:
    check = goal("last").check_text("wp wp wi wq zz wp")
    assert check.num_labels == 4 and check.stack == (("wff", "(", "p", "->", "p", ")"), ("wff", "q"))


def test_a_step_is_the_same_as_in_a_whole_proof() -> None:
    database = read_database(PRESETS["hol"])
    for theorem in database.theorems[:60]:
        one = Goal(database, theorem)
        labels = written_out(one, theorem.proof or (), 10**4)
        assert labels is not None
        stack: Any = ()
        for label in labels:
            stack = one.extend(stack, label)
            assert not isinstance(stack, Refusal)
        assert one.is_proved_by(stack) and one.check(labels) == (stack, len(labels), None)


@pytest.mark.parametrize("preset", ["hol", "ql"])
def test_a_compressed_proof_is_the_same_written_out(preset: str) -> None:
    database = read_database(PRESETS[preset])
    for theorem in database.theorems:
        proof = theorem.proof or ()
        assert is_compressed(proof)
        labels = written_out(Goal(database, theorem), proof, 400)
        if labels is not None:
            assert Goal(database, theorem).check(labels).refusal is None


def test_numbers_are_read_as_the_book_says() -> None:
    for letters, number in (("A", 1), ("T", 20), ("UA", 21), ("UT", 40), ("VA", 41), ("YT", 120),
                            ("UUA", 121), ("YYT", 620), ("UUUA", 621)):  # fmt: skip
        assert read_numbers(letters, 10**6) == [number - 1]
    assert read_numbers("ABZ?C", 100) == [0, 1, MARK, MISSING, 2]
    for letters in ("U", "Z", "AUZ", "a", "A1", "U?", "?Z", "A\x00", "Y" * 10**5 + "A"):
        assert isinstance(read_numbers(letters, 1000), Refusal), letters


@pytest.mark.parametrize(
    ("proof", "reason"),
    [
        ("( ax-1 ) AAB", None),
        ("( ax-1 wi ) A A B", None),
        ("( wp ax-1 ) AAC", "compressed"),
        ("( ax-1 ) AAC", "compressed"),
        ("( ax-1 ) AZCB", "compressed"),
        ("( ax-1 ) AABZ", None),
        ("( ax-1 ) AABZZ", None),
        ("( ax-1 ) AABZC", "unfinished"),
        ("( ax-1 ) AABZD", "compressed"),
        ("( ax-1 AAB", "compressed"),
        ("(", "compressed"),
        ("( )", "unfinished"),
        ("( ax-1 ) AA?", "incomplete"),
        ("( below ) B", "later"),
        ("( last ) B", "itself"),
        ("( wq ax-1 ) ABC", "other"),
    ],
)
def test_compressed_proofs_are_refused_for_the_right_reason(proof: str, reason: str | None) -> None:
    check = check_compressed(goal("last"), proof.split())
    assert (check.refusal and check.refusal.reason) == reason


def test_incomplete_proofs_and_axioms_are_no_proofs() -> None:
    assert {label: refusal.reason for label, refusal in verify_database(DATABASE).items()} == {
        "last": "incomplete"
    }
    refusal = verify_theorem(DATABASE, DATABASE.assertions["ax-1"]).refusal
    assert refusal is not None and refusal.reason == "axiom"


def test_substitution_is_simultaneous() -> None:
    text = HEAD + "wi $a wff ( p -> q ) $. ax $a |- ( p -> q ) $. t $p |- ( q -> p ) $= wq wp ax $."
    assert verify_database(parse_database(text)) == {}


def test_limits_stop_proofs() -> None:
    doubling = "wp " + "wp wp wi " * 50
    cases = [
        (goal("last", max_labels=5), "wp " * 6, "limit"),
        (goal("last", max_stack=3), "wp " * 4, "limit"),
        (goal("last", max_symbols=20), "wp wp wi wp wi wp wi wp wi wp wi wp wi", "limit"),
        (goal("last", max_labels=1000), "wp " * 10**6, "limit"),
        (goal("last", max_labels=1000, max_stack=20), doubling * 100, "limit"),
    ]
    for one, text, reason in cases:
        check = one.check_text(text)
        assert check.refusal is not None and check.refusal.reason == reason


def test_an_expression_that_doubles_stops_at_the_limit() -> None:
    text = HEAD + "dup $a wff ( p p ) $. t $p |- p $= ( dup ) AB" + "B" * 100 + " $."
    database = parse_database(text, Limits(symbols=10**4))
    check = goal("t", database).check_text("wp " + "dup " * 100)
    assert check.refusal is not None and check.refusal.reason == "limit" and 10 < check.num_labels < 15
    assert verify_database(database)["t"].reason == "limit"


@given(st.lists(st.sampled_from(["wp", "wq", "wr", "wi", "ax-1", "mp", "apart", "a1i", "two", "?", "last"])))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_labels_are_checked(labels: list[str]) -> None:
    check = goal("last").check(labels)
    if check.refusal is None:
        assert check.stack == (("|-", "(", "p", "->", "(", "p", "->", "p", ")", ")"),)


@given(st.text())
@settings(max_examples=200, deadline=None, derandomize=True)
def test_any_text_is_checked(text: str) -> None:
    assert goal("last").check_text(text).refusal is not None
    assert goal("last").check_text("wp wp ax-1 " + text).refusal is not None or not text.strip()
    words = text.split() or ["("]
    check_compressed(goal("last"), words)
    check_compressed(goal("last"), ["(", "ax-1", ")", *words])


def test_mutated_proofs_are_mostly_refused() -> None:
    database = read_database(PRESETS["set.mm propositional"])
    rng, num_refused = random.Random(0), 0
    for theorem in database.theorems[2:400]:
        proof = list(theorem.proof or ())
        proof[rng.randrange(len(proof))] = rng.choice(["wph", "ax-1", "ax-mp", "syl", "a1i"])
        num_refused += Goal(database, theorem).check(proof).refusal is not None
    assert num_refused > 330
