"""Two checkers that share no code agree on mutated proofs, and nothing that does not follow is accepted.

``benchmarks/proof_mutations.py`` does the same 100,000 times.
"""

from __future__ import annotations

from collections import Counter

import pytest

from lmgym.tasks.proof.source import MAX_LEVEL
from tests.cross_checks.mutations import (
    BY_HAND,
    KINDS,
    Given,
    begin_slow,
    compare,
    draw_given,
    is_line_sound,
    mutations,
)
from tests.cross_checks.truth_tables import follows
from tests.reference.line_checker import Proof, check_text, parse

QUICK_LEVELS = (1, 2, 3, 4, 5, 6, 7, *range(11, MAX_LEVEL + 1))
"""Those of which problems are cheap to draw."""


@pytest.fixture(scope="module")
def problems() -> list[Given]:
    return draw_given(6, 3, QUICK_LEVELS)


def test_both_checkers_accept_every_right_proof(problems: list[Given]) -> None:
    assert len(problems) >= 6 * len(QUICK_LEVELS) + len(BY_HAND)
    for given in problems:
        outcome = compare(given, "\n".join(given.lines))
        assert outcome[:4] == (True, True, True, True), (given, outcome.note)


def test_truth_tables_tell_of_every_line_without_quantifiers(problems: list[Given]) -> None:
    propositional = [given for given in problems if given.level in {f"level {n}" for n in range(1, 8)}]
    assert len(propositional) == 6 * 7
    for given in propositional:
        proof = begin_slow(given)
        check_text(proof, "\n".join(given.lines))
        assert len(proof.lines) == len(given.sequent.premises) + len(given.lines)
        assert all(is_line_sound(proof, line) is True for line in proof.lines)


def test_both_checkers_agree_on_mutated_proofs_and_accept_only_what_follows(problems: list[Given]) -> None:
    proved, kinds = Counter[bool](), Counter[str]()
    for given, kind, text in mutations(problems, 3000, 11, KINDS[:-1]):
        outcome = compare(given, text)
        assert outcome.agrees and outcome.is_sound, (given, text, outcome.note)
        proved[outcome.is_proved] += 1
        kinds[kind] += 1
    assert set(kinds) == set(KINDS[:-1]) and min(kinds.values()) >= 100
    assert proved[True] >= 100 and proved[False] >= 1000  # some changes do no harm


def test_both_checkers_read_spaces_alike(problems: list[Given]) -> None:
    for given, _, text in mutations(problems, 1000, 12, ("space",)):
        outcome = compare(given, text)
        assert outcome.is_sound and outcome.agrees, (given, text, outcome.note)


@pytest.mark.parametrize(
    ("premises", "goal", "text"),
    [
        (["p->q"], "q", "|p as\nq ->E 1,2"),  # cites into a closed box
        (["ex x. P(x)"], "P(c)", "|P(c) as\nP(c) exE 1,2-2"),
        (["P(c)"], "all x. P(x)", "all x. P(x) allI 1"),
        (["all x. ex y. R(x,y)"], "ex y. R(y,y)", "ex y. R(y,y) allE 1"),  # capture
        (["a=b", "all a. R(a,b)"], "all a. R(a,a)", "all a. R(a,a) =E 1,2"),  # capture
        ([], "p|~p", "|p as\np|~p |I 1"),
        (["p"], "q", "|~q as\n|F ~E 2,1\nq RAA 2-3"),
        (["P(0)"], "all x. P(x)", "|P(n) as\nall x. P(x) IND 1,2-2"),
        (["p|q"], "p", "|p as\n|q as\np |E 1,2-2,3-3"),
        (["p"], "~p", "|p as\n~p ~I 2-2"),
    ],
)
def test_the_independent_checker_refuses_what_does_not_follow(
    premises: list[str], goal: str, text: str
) -> None:
    result = check_text(Proof(premises, goal, induction=True), text)
    assert not result.is_proved and result.is_refused


def test_the_independent_checker_knows_which_logic_is_allowed() -> None:
    assert check_text(Proof([], "p|~p"), "p|~p LEM").is_proved
    assert check_text(Proof([], "p|~p", classical=False), "p|~p LEM").is_refused
    assert check_text(Proof(["~~p"], "p", classical=False), "p DNE 1").is_refused


def test_truth_tables_by_hand() -> None:
    def holds(*texts: str) -> bool | None:
        *given, formula = (parse(text) for text in texts)
        assert formula is not None
        return follows([each for each in given if each is not None], formula)

    assert holds("p->q", "p", "q") and holds("p<->q", "~q", "~p") and holds("F", "p") and holds("T")
    assert holds("p|q", "p") is False and holds("p->q", "q->p") is False
    assert holds("P(x)", "P(x)") is None
