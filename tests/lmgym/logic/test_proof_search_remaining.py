"""Least numbers of lines to the end of a proof: laws, and a search that knows no strategy."""

from __future__ import annotations

import random

import pytest

from lmgym.logic.fitch import ProofState, Sequent, begin, check_text, extend
from lmgym.logic.notation import parse_formula
from lmgym.logic.proof_search import find_proof, finish, is_provable, next_line, remaining_lines
from tests.lmgym.logic.propositional import play, random_sequent
from tests.reference.natural_deduction import candidates, least_lines


def state_of(premises: str, goal: str, text: str = "", *, classical: bool = True) -> ProofState:
    given = tuple(parse_formula(each) for each in premises.split(",") if each)
    check = check_text(begin(Sequent(given, parse_formula(goal)), classical=classical), text)
    assert check.refusal is None, check.refusal
    return check.state


@pytest.mark.parametrize(
    ("premises", "goal", "text", "lines"),
    [
        ("p,p->q", "q", "", 1),
        ("p,p->q", "q", "q ->E 1,2", 0),
        ("p,p->q", "q", "|p as", 1),  # the open box is simply closed
        ("p", "q->p", "|q as", 2),  # repetition and introduction
        ("p", "q->p", "|q as\n|p R 1", 1),  # closing costs nothing
        ("p", "q->p", "|q as\n|p R 1\n|q R 2", 2),  # the box would end in q, so p is repeated
        ("", "p->p", "|p as", 1),
        ("", "p->p", "|q as", 2),  # of no use
        ("r|~~F,s", "s&r", "|r as", 5),
        ("p->q,q->r", "p->r", "|p as\n||r as", 3),  # back in the outer box
        ("", "p->q->p", "|p as\n||q as", 3),
        ("", "p->q->p", "|p as\n||q as\n||p R 1\n|q->p ->I 2-3", 1),
        ("", "(p->p)&(p->p)", "|p as\np->p ->I 1-1", 1),
    ],
)
def test_by_hand(premises: str, goal: str, text: str, lines: int) -> None:
    state = state_of(premises, goal, text)
    assert remaining_lines(state) == lines
    shortest = finish(state)
    assert shortest is not None and len(shortest) == lines
    assert play(state, shortest).is_proved
    assert next_line(state) == (shortest[0] if shortest else None)


def test_what_can_not_be_finished_has_no_number() -> None:
    assert remaining_lines(state_of("p", "q")) is None
    assert remaining_lines(state_of("", "p|~p", classical=False)) is None
    assert next_line(state_of("p", "q", "|q as")) is None
    assert remaining_lines(state_of("p&q", "q&p"), max_states=0) is None


@pytest.mark.parametrize("classical", [True, False])
def test_along_proofs(classical: bool) -> None:
    """One line brings the end nearer by one line at most, and every proof gives a bound."""
    rng = random.Random(8)
    num_states = 0
    for _ in range(120):
        given = random_sequent(rng, size=6)
        for style in ("natural", "shortest"):
            proof = find_proof(given, classical=classical, style=style, max_states=100)  # type: ignore[arg-type]
            state, before = begin(given, classical=classical), None
            for place, line in enumerate(proof or ()):
                left = remaining_lines(state, max_states=100)
                assert left is None or left <= len(proof or ()) - place
                assert left is None or style == "natural" or left == len(proof or ()) - place
                assert left is None or before is None or left >= before - 1
                after = extend(state, line)
                assert isinstance(after, ProofState)
                state, before, num_states = after, left, num_states + 1
    assert num_states > 200


def check_against_reference(seed: int, count: int, max_lines: int, num_more: int) -> int:
    """Compares on states after a few random lines; returns how many numbers agreed."""
    rng = random.Random(seed)
    num_equal = 0
    while num_equal < count:
        classical = rng.random() < 0.5
        given = random_sequent(rng, size=4, atoms="pq", premises=2)
        if not is_provable(*given, classical=classical):
            continue
        formulas = candidates((*given.premises, given.goal), classical=classical)
        state = begin(given, classical=classical)
        proof = find_proof(given, classical=classical) or ()
        state = play(state, proof[: rng.randint(0, len(proof))])
        found = remaining_lines(state)
        assert found is not None
        if found > max_lines:
            continue
        wide = candidates((*given.premises, given.goal), classical=classical, is_wide=True)
        formulas += [each for each in rng.sample(wide, num_more) if each not in formulas]
        assert least_lines(state, formulas, found) == found, state
        num_equal += 1
    return num_equal


def test_against_every_line() -> None:
    assert check_against_reference(seed=1, count=60, max_lines=3, num_more=0) == 60


def test_no_other_formula_makes_a_proof_shorter() -> None:
    """What ``proof_search.rules`` leaves out: other formulas over the same atoms, drawn at random."""
    assert check_against_reference(seed=2, count=40, max_lines=2, num_more=12) == 40


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(3, 10))
def test_against_every_line_further(seed: int) -> None:
    assert check_against_reference(seed=seed, count=40, max_lines=4, num_more=0) == 40


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10, 15))
def test_no_other_formula_makes_a_longer_proof_shorter(seed: int) -> None:
    assert check_against_reference(seed=seed, count=40, max_lines=3, num_more=12) == 40
