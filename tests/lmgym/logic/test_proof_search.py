"""Decisions against truth tables and laws of intuitionistic logic; proofs against the kernel."""

from __future__ import annotations

import random
from itertools import product

import pytest

from lmgym.logic.fitch import Sequent
from lmgym.logic.kernel import Formula, connect, negation, predicate
from lmgym.logic.notation import parse_formula
from lmgym.logic.proof_search import find_proof, find_short_proof, is_provable
from lmgym.logic.proof_search.table import MAX_ATOMS
from tests.lmgym.logic.propositional import prove, random_sequent


def sequent(text: str) -> Sequent:
    premises, _, goal = text.rpartition("|-")
    return Sequent(tuple(parse_formula(each) for each in premises.split(",") if each), parse_formula(goal))


def value(formula: Formula, true: frozenset[str]) -> bool:
    if formula.kind == "predicate":
        return formula.name in true
    if formula.kind in ("true", "false"):
        return formula.kind == "true"
    parts = [value(part, true) for part in formula.parts]
    if formula.kind == "not":
        return not parts[0]
    left, right = parts
    return {
        "and": left and right,
        "or": left or right,
        "implies": not left or right,
        "iff": left == right,
    }[formula.kind]


def is_valid(given: Sequent, atoms: str) -> bool:
    rows = [
        frozenset(a for a, is_in in zip(atoms, row, strict=True) if is_in)
        for row in product((0, 1), repeat=len(atoms))
    ]
    return all(
        value(given.goal, row) for row in rows if all(value(premise, row) for premise in given.premises)
    )


CLASSICAL_ONLY = [
    "|-p|~p", "~~p|-p", "|-((p->q)->p)->p", "~q->~p|-p->q", "~(p&q)|-~p|~q", "p->q|-~p|q", "|-(p->q)|(q->p)",
    "~(p->q)|-p", "|-~p|~~p", "p->q|r|-(p->q)|(p->r)", "(p<->q)<->r|-p<->(q<->r)",
]  # fmt: skip
INTUITIONISTIC = [
    "p,p->q|-q", "p&q|-q&p", "p|q|-q|p", "p->q|-~q->~p", "|-~~(p|~p)", "~~~p|-~p", "~(p|q)|-~p&~q",
    "~p|~q|-~(p&q)", "|-~~(((p->q)->p)->p)", "F|-p", "|-T", "p<->q,q<->r|-p<->r", "p|q,~p|-q",
    "|-(p->q->r)->(p->q)->p->r", "(p->q)->r|-~~((p->r)|(p&~q))", "p->F|-~p", "~p|-p->F",
]  # fmt: skip
INVALID = ["p|-q", "|-p", "p|q|-p", "p->q|-q->p", "~(p&q)|-~p", "p->q,~p|-~q", "T|-F", "|-F", "p<->q|-p"]


@pytest.mark.parametrize("text", CLASSICAL_ONLY)
def test_classical_only(text: str) -> None:
    given = sequent(text)
    assert is_provable(*given) is True
    assert is_provable(*given, classical=False) is False
    assert find_proof(given, classical=False) is None
    for style in ("natural", "shortest"):
        proof = find_proof(given, style=style, max_states=500)  # type: ignore[arg-type]
        assert proof is not None or style == "shortest"
        assert proof is None or "classical" in prove(given, proof).uses


@pytest.mark.parametrize("text", INTUITIONISTIC)
def test_intuitionistic(text: str) -> None:
    given = sequent(text)
    for classical, style in product((True, False), ("natural", "shortest")):
        assert is_provable(*given, classical=classical) is True
        proof = find_proof(given, classical=classical, style=style, max_states=500)  # type: ignore[arg-type]
        assert proof is not None or style == "shortest"
        if proof is not None:
            prove(given, proof, classical=classical)


@pytest.mark.parametrize("text", INVALID)
def test_invalid(text: str) -> None:
    given = sequent(text)
    for classical, style in product((True, False), ("natural", "shortest")):
        assert is_provable(*given, classical=classical) is False
        assert find_proof(given, classical=classical, style=style) is None  # type: ignore[arg-type]
        assert find_short_proof(given, classical=classical) is None


def test_random_sequents() -> None:
    rng = random.Random(3)
    num_proved = 0
    for _ in range(1500):
        given = random_sequent(rng)
        expected = is_valid(given, "pqrs")
        assert is_provable(*given) is expected
        assert is_provable(*given, classical=False) in ((True, False) if expected else (False,))
        for classical in (True, False):
            proof = find_proof(given, classical=classical)
            assert (proof is not None) is is_provable(*given, classical=classical)
            if proof is not None:
                prove(given, proof, classical=classical)
                num_proved += 1
    assert num_proved > 800


def test_shorter_than_natural() -> None:
    rng = random.Random(4)
    for _ in range(300):
        given = random_sequent(rng, size=6, atoms="pqr", premises=3)
        for classical in (True, False):
            natural = find_proof(given, classical=classical)
            found = find_short_proof(given, classical=classical, max_states=150)
            assert (found is None) is (natural is None)
            if natural is None or found is None:
                continue
            prove(given, found.lines, classical=classical)
            assert found.min_lines <= len(found.lines) <= len(natural)
            exact = find_proof(given, classical=classical, style="shortest", max_states=150)
            assert exact == (found.lines if found.min_lines == len(found.lines) else None)
            hasty = find_short_proof(given, classical=classical, max_states=1)
            assert hasty is not None and hasty.min_lines <= len(found.lines)


def test_glivenko() -> None:
    """A goal follows classically exactly if its double negation does intuitionistically (Glivenko 1929)."""
    rng = random.Random(5)
    for _ in range(400):
        premises, goal = random_sequent(rng)
        twice = negation(negation(goal))
        assert is_provable(premises, twice, classical=False) is is_provable(premises, goal)


def test_disjunction_property() -> None:
    """Without premises a disjunction holds intuitionistically only if one side does."""
    rng = random.Random(6)
    for _ in range(400):
        left, right = random_sequent(rng, atoms="pq").goal, random_sequent(rng, atoms="pq").goal
        either = is_provable((), connect("or", left, right), classical=False)
        assert either is (is_provable((), left, classical=False) or is_provable((), right, classical=False))


@pytest.mark.parametrize("text", ["u|r,u->q&p,~~(r->r)->~~u|-q&p", "p|r,(q->~q->u)->~~r,r->q&u,t&u|-q&u"])
def test_a_natural_proof_ends_where_the_goal_stands_first(text: str) -> None:
    given = sequent(text)
    proof = find_proof(given)
    assert proof is not None and prove(given, proof)


def test_a_goal_among_the_premises_needs_no_line() -> None:
    for style in ("natural", "shortest"):
        assert find_proof(sequent("q,p|-p"), style=style) == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "lines"),
    [("p,p->q|-q", 1), ("p&q|-q&p", 3), ("p->q,q->r|-p->r", 4), ("p|q|-q|p", 5), ("|-p|~p", 1), ("~~p|-p", 1),
     ("|-((p->q)->p)->p", 10), ("~q->~p|-p->q", 6), ("p|-q->p", 3), ("|-p->p", 2), ("p&p->q,p|-q", 2)],
)  # fmt: skip
def test_lines_of_shortest_proofs(text: str, lines: int) -> None:
    proof = find_proof(sequent(text), style="shortest")
    assert proof is not None
    assert len(proof) == lines


def test_budgets_are_kept() -> None:
    atoms = [predicate(f"p{number}") for number in range(MAX_ATOMS + 1)]
    many = Sequent(tuple(atoms), connect("and", atoms[0], atoms[1]))
    assert is_provable(*many) is None
    assert find_proof(many) is None and find_short_proof(many) is None
    deep = predicate("p")
    for _ in range(100):
        deep = negation(deep)
    assert find_proof(Sequent((deep,), predicate("p")), style="shortest", max_states=1) is None
    goals = sequent("|-~~(((p->q)->p)->p)")  # provable, but not by looking at five goals
    assert find_proof(goals, classical=False, max_states=8) is not None
    assert find_proof(goals, classical=False, max_states=5) is None


def test_whatever_is_no_connective_is_an_atom() -> None:
    given = sequent("all x. P(x),(all x. P(x))->a=b|-a=b")
    proof = find_proof(given)
    assert proof is not None
    prove(given, proof)
