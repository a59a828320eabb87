"""What is written is read back, with no bracket too many; any text whatever is read or refused."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from lmgym.logic import kernel as k
from lmgym.logic.kernel import FALSE, TRUE
from lmgym.logic.notation import (
    FormulaError,
    Signature,
    parse_formula,
    parse_term,
    signature_of,
    write_formula,
    write_term,
)

P, Q = k.predicate("p"), k.predicate("q")


def apply(make):
    return lambda name, parts: make(name, *parts)


NAMES = st.sampled_from(["x", "y", "z", "a", "b1"])
TERMS = st.recursive(
    st.builds(k.variable, NAMES) | st.builds(k.function, st.sampled_from(["0", "1", "23", "c", "d"])),
    lambda inner: st.builds(
        apply(k.function), st.sampled_from("fg"), st.lists(inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)
ATOMS = (
    st.sampled_from([TRUE, FALSE, P, Q])
    | st.builds(k.equal, TERMS, TERMS)
    | st.builds(apply(k.predicate), st.sampled_from("PR"), st.lists(TERMS, min_size=1, max_size=2))
)
FORMULAS = st.recursive(
    ATOMS,
    lambda inner: (
        st.builds(k.negation, inner)
        | st.builds(k.connect, st.sampled_from(["and", "or", "implies", "iff"]), inner, inner)
        | st.builds(k.quantify, st.sampled_from(["forall", "exists"]), NAMES, inner)
    ),
    max_leaves=12,
)
CONSTANTS = Signature({"0": 0, "1": 0, "23": 0, "c": 0, "d": 0}, {})


@given(FORMULAS, st.sampled_from(["ascii", "unicode"]))
@settings(max_examples=200, deadline=None, derandomize=True)
def test_reading_what_is_written_gives_the_formula(formula: k.Formula, style) -> None:
    text = write_formula(formula, style)
    known = {name: 0 for name in CONSTANTS.functions}
    try:
        used = signature_of(formula)
    except FormulaError:
        return  # f of one and of two arguments, which no signature has
    signature = Signature({**used.functions, **known}, used.predicates)
    assert parse_formula(text, signature) is formula
    assert write_formula(parse_formula(text, signature), style) == text
    assert text.isascii() or style == "unicode"


@given(FORMULAS)
@settings(max_examples=200, deadline=None, derandomize=True)
def test_no_pair_of_brackets_can_be_left_out(formula: k.Formula) -> None:
    text = write_formula(formula)
    signature = None if "c" not in text and "d" not in text else CONSTANTS
    if signature is not None:
        return
    for start, sign in enumerate(text):
        if sign != "(" or (start and (text[start - 1].isalnum())):
            continue
        depth, end = 0, start
        while True:
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            if not depth:
                break
            end += 1
        shorter = text[:start] + text[start + 1 : end] + text[end + 1 :]
        assert parse_formula(shorter) is not formula


@given(st.text(max_size=60) | st.text("pqxPR()~&|-><=., 01FTalexf∀∃¬∧∨→↔⊥⊤", max_size=60))
@settings(max_examples=600, deadline=None, derandomize=True)
def test_any_text_is_read_or_refused(text: str) -> None:
    for signature in (None, CONSTANTS):
        try:
            formula = parse_formula(text, signature)
        except FormulaError as error:
            assert str(error)
            continue
        try:
            again = write_formula(formula)
        except FormulaError as error:
            assert "constant and a variable" in str(error)
            continue
        assert parse_formula(again, signature) is formula


@given(TERMS)
@settings(max_examples=100, deadline=None, derandomize=True)
def test_terms_make_the_same_way_back(term: k.Term) -> None:
    for style in ("ascii", "unicode"):
        signature = Signature({**CONSTANTS.functions, "f": 1, "g": 2}, {})
        try:
            assert parse_term(write_term(term, style), signature) is term
        except FormulaError as error:
            assert "arguments" in str(error)
