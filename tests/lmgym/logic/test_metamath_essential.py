"""Proofs of logical steps only: reading expressions, unification, and the normal proofs that are made."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.logic.metamath import Database, Goal, Refusal, parse_database, read_database, written_out
from lmgym.logic.metamath.elaborate import Elaborator, Partial
from lmgym.logic.metamath.grammar import Grammar
from lmgym.logic.metamath.unify import TooLargeError, Unifier
from lmgym.tasks.metamath.collection import PRESETS
from tests.reference.metamath_bad import HEAD

PROPOSITIONAL = read_database(PRESETS["set.mm propositional"])
ELABORATOR = Elaborator(PROPOSITIONAL)


def play(
    elaborator: Elaborator, database: Database, label: str, labels: tuple[str, ...]
) -> Partial | Refusal:
    state: Partial | Refusal = elaborator.begin()
    for one in labels:
        assert isinstance(state, Partial)
        state = elaborator.extend(database.theorem(label), state, one, max_symbols=2000, max_stack=100)
        if isinstance(state, Refusal):
            break
    return state


def prove(label: str, text: str) -> tuple[str, ...] | Refusal:
    theorem = PROPOSITIONAL.theorem(label)
    state = play(ELABORATOR, PROPOSITIONAL, label, tuple(text.split()))
    if isinstance(state, Refusal):
        return state
    return ELABORATOR.normal_proof(theorem, state, max_labels=4000)


@pytest.mark.parametrize("preset", ["set.mm propositional", "ql", "hol", "demo0"])
def test_every_expression_is_read_and_written_back(preset: str) -> None:
    database = read_database(PRESETS[preset])
    grammar, num_read = Grammar(database), 0
    for assertion in database.assertions.values():
        if assertion.expression[0] not in grammar.typecodes and len(assertion.expression) <= 200:
            term = grammar.parse(assertion.expression)
            assert term is not None and tuple(grammar.write(term, {})) == assertion.expression
            num_read += 1
    assert num_read >= 3


def test_a_grammar_that_recurs_on_the_left_is_read() -> None:
    text = HEAD + "neg $a wff p ' $. or $a wff p v q $. h $a |- p ' ' $."
    grammar = Grammar(parse_database(text.replace("|- $.", "|- ' v $.")))
    assert grammar.parse(("|-", "p", "'", "'")) == ("$|-", ("neg", ("neg", "p")))
    assert grammar.parse(("|-", "p", "v", "q", "'")) is not None
    assert grammar.parse(("|-", "'", "p")) is None and grammar.parse(("|-",)) is None
    assert grammar.parse(("|-", *["p", "'"] * 300)) is None


@pytest.mark.parametrize("preset", ["set.mm propositional", "hol"])
def test_known_proofs_shorten_and_come_back(preset: str) -> None:
    database = read_database(PRESETS[preset])
    elaborator, num_done = Elaborator(database), 0
    for theorem in database.theorems[::7]:
        goal = Goal(database, theorem)
        labels = written_out(goal, theorem.proof or (), 1000)
        if labels is None:
            continue
        short = elaborator.essential_labels(theorem, labels)
        state = play(elaborator, database, theorem.label, short)
        assert isinstance(state, Partial), (theorem.label, state)
        normal = elaborator.normal_proof(theorem, state, max_labels=4000)
        assert not isinstance(normal, Refusal)
        num_done += goal.check(normal).refusal is None
    assert num_done >= (200 if preset != "hol" else 8)


@pytest.mark.parametrize(
    ("label", "text", "reason"),
    [
        ("id", "wph ax-1", "syntax"),
        ("id", "wi", "syntax"),
        ("id", "ax-1", "other"),
        ("id", "ax-1 ax-1", "unfinished"),
        ("id", "", "unfinished"),
        ("id", "ax-mp", "underflow"),
        ("id", "ax-1 ax-1 ax-1 ax-mp", "unfinished"),
        ("id", "id", "itself"),
        ("id", "biid", "later"),
        ("id", "mpd.1", "inactive"),
        ("id", "nothing", "unknown"),
        ("mp2b", "mp2b.1 mp2b.3 ax-mp", "mismatch"),
        ("mp2b", "mp2b.1 mp2b.2 ax-mp mp2b.3 ax-mp", None),
        ("id", "ax-1 ax-1 ax-2 ax-mp ax-mp", None),
    ],
)
def test_steps_are_refused_for_the_right_reason(label: str, text: str, reason: str | None) -> None:
    found = prove(label, text)
    if reason is None:
        assert not isinstance(found, Refusal)
        assert Goal(PROPOSITIONAL, PROPOSITIONAL.theorem(label)).check(found).refusal is None
    else:
        assert isinstance(found, Refusal) and found.reason == reason


def test_condensed_detachment_of_two_axioms_leaves_open_what_is_not_decided() -> None:
    state = play(ELABORATOR, PROPOSITIONAL, "id", ("ax-1", "ax-2", "ax-mp"))
    assert isinstance(state, Partial)
    assert ELABORATOR.show(state) == ("|- ( ( ?1 -> ?2 ) -> ( ?1 -> ?1 ) )",)


def test_what_unifies_with_a_part_of_itself_is_refused() -> None:
    grammar = Grammar(PROPOSITIONAL)
    one, two = ("?", 0, "wff"), ("?", 1, "wff")
    assert not Unifier(grammar, {}).unify(one, ("wn", one))
    assert not Unifier(grammar, {}).unify(("wi", one, two), ("wi", two, ("wn", one)))
    assert not Unifier(grammar, {}).unify(one, ("?", 2, "class")) and Unifier(grammar, {}).unify(one, one)


def test_trees_that_double_stop_at_the_budget() -> None:
    unknown = [("?", number, "wff") for number in range(60)]
    doubled = {large: ("wi", small, small) for small, large in pairwise(unknown)}
    unifier = Unifier(Grammar(PROPOSITIONAL), doubled)
    with pytest.raises(TooLargeError):
        unifier.resolve(unknown[-1], 10_000)
    with pytest.raises(TooLargeError):
        unifier.unify(("?", 98, "wff"), unknown[-1])
    deep = ("?", 99, "wff")
    for _ in range(500):
        deep = ("wn", deep)
    with pytest.raises(TooLargeError):
        unifier.resolve(deep, 10_000)


@given(st.lists(st.sampled_from(["ax-1", "ax-2", "ax-3", "ax-mp", "mp2b", "a1i", "idi", "id", "wi", "?"])))
@settings(max_examples=150, deadline=None, derandomize=True)
def test_any_steps_end_within_bounds(labels: list[str]) -> None:
    found = prove("peirce", " ".join(labels))
    if not isinstance(found, Refusal):
        check = Goal(PROPOSITIONAL, PROPOSITIONAL.theorem("peirce")).check(found)
        assert check.refusal is None or check.refusal.reason == "limit"


def test_whatever_unification_accepts_the_verifier_does_too() -> None:
    rng, num_accepted = random.Random(0), 0
    for theorem in PROPOSITIONAL.theorems[2:600]:
        labels = list(ELABORATOR.essential_labels(theorem, theorem.proof or ()))
        labels[rng.randrange(len(labels))] = rng.choice([*labels, "syl", "a1i", "id", "ax-mp"])
        found = prove(theorem.label, " ".join(labels))
        if not isinstance(found, Refusal):
            num_accepted += 1
            assert Goal(PROPOSITIONAL, theorem).check(found).refusal is None
    assert num_accepted > 50
