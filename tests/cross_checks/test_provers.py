"""z3 and E, which nobody here wrote, find every generated problem provable, and every line of its proof.

A line follows if its formula is entailed by the premises and the assumptions that are open where it stands.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from lmgym.logic.fitch import Line, Sequent
from lmgym.logic.kernel import Formula, equal
from lmgym.logic.notation import parse_formula
from lmgym.tasks.entailment import Entailment
from lmgym.tasks.entailment.draw import reference_of
from lmgym.tasks.entailment.sentences import denial, formula_of
from lmgym.tasks.equation.draw import draw_claim
from lmgym.tasks.equation.knobs import LEVELS as EQUATION_LEVELS
from lmgym.tasks.proof.source import MAX_LEVEL, NUM_PROPOSITIONAL, make_source
from lmgym.tasks.stream import Words
from tests.cross_checks.external import Z3, Eprover
from tests.provers import need, need_module

pytestmark = pytest.mark.prover
SPLITS = ("train", "test", "ood_length")


@pytest.fixture(scope="module")
def z3() -> Z3:
    return Z3(need_module("z3"))


@pytest.fixture
def eprover(tmp_path: Path) -> Eprover:
    return Eprover(need("eprover"), tmp_path)


def claims(sequent: Sequent, proof: Sequence[Line]) -> Iterator[tuple[tuple[Formula, ...], Formula]]:
    """Yields the goal and every line, each with what it has to follow from."""
    yield sequent.premises, sequent.goal
    assumed: list[Formula] = []
    for line in proof:
        if line.rule == "as":
            assumed = [*assumed[: line.depth - 1], line.formula]
        else:
            assumed = assumed[: line.depth]
            yield (*sequent.premises, *assumed), line.formula


def check_level(level: int, split: str, count: int, z3: Z3) -> int:
    """Asks z3 about every line of ``count`` problems; returns how many questions that were."""
    source, num_asked = make_source(level, None, {}), 0
    for case in source.draw(split, count, Words(np.random.default_rng((level, len(split))))):
        for given, formula in claims(case.sequent, case.proof):
            assert z3.entails(given, formula) is True, (case.sequent, formula)
            num_asked += 1
    return num_asked


@pytest.mark.parametrize("level", range(1, NUM_PROPOSITIONAL - 1))
def test_z3_finds_every_line_of_propositional_proofs_valid(level: int, z3: Z3) -> None:
    assert sum(check_level(level, split, 10, z3) for split in SPLITS[:2]) >= 40


@pytest.mark.slow
@pytest.mark.parametrize("level", range(1, NUM_PROPOSITIONAL + 1))
def test_z3_finds_thousands_of_lines_of_propositional_proofs_valid(level: int, z3: Z3) -> None:
    assert sum(check_level(level, split, 64, z3) for split in SPLITS) >= 400


@pytest.mark.parametrize("level", range(NUM_PROPOSITIONAL + 1, MAX_LEVEL + 1))
def test_z3_and_e_find_first_order_problems_valid(level: int, z3: Z3, eprover: Eprover) -> None:
    assert sum(check_level(level, split, 8, z3) for split in SPLITS) >= 60
    source = make_source(level, None, {})
    for case in source.draw("train", 8, Words(np.random.default_rng(level))):
        assert eprover.entails(case.sequent.premises, case.sequent.goal) is True, case.sequent


@pytest.mark.parametrize("level", [1, 3, 4, 5, 8])
def test_e_proves_equations_from_the_laws_of_their_theory(level: int, eprover: Eprover) -> None:
    words, claims_seen = Words(np.random.default_rng(level)), 0
    while claims_seen < 40:
        drawn = draw_claim(EQUATION_LEVELS[level], "train", words)
        if drawn is not None:
            claim = drawn.claim
            given = [each.formula for law in claim.laws.values() for each in law]
            assert eprover.entails(given, equal(claim.left, claim.right)) is True, claim
            claims_seen += 1


@pytest.mark.parametrize("level", [2, 4, 6, 7, 8])
def test_z3_finds_every_answer_of_entailment_problems_right(level: int, z3: Z3) -> None:
    for split in ("train", "ood_names"):
        for problem in Entailment(level=level).problems(split, range(32)):
            value, premises, statement = reference_of(problem)
            given = [formula_of(premise) for premise in premises]
            follows = z3.entails(given, formula_of(statement))
            is_refuted = z3.entails(given, formula_of(denial(statement)))
            assert (follows, is_refuted) == (value == "true", value == "false"), problem.prompt


@pytest.mark.parametrize("level", [3, 5, 8])
def test_e_finds_every_answer_of_entailment_problems_right(level: int, eprover: Eprover) -> None:
    for problem in Entailment(level=level, ontology="false").problems("train", range(15)):
        value, premises, statement = reference_of(problem)
        given = [formula_of(premise) for premise in premises]
        assert eprover.entails(given, formula_of(statement)) is (value == "true"), problem.prompt
        if value != "true":
            assert eprover.entails(given, formula_of(denial(statement))) is (value == "false")


@pytest.mark.parametrize(
    ("premises", "goal", "truth"),
    [
        ("p->q; p", "q", True),
        ("p->q; q", "p", False),
        ("all x. ex y. R(x,y)", "ex y. all x. R(x,y)", False),
        ("ex y. all x. R(x,y)", "all x. ex y. R(x,y)", True),
        ("f(a)=b; P(b)", "P(f(a))", True),
        ("all x. f(f(x))=x", "f(a)=a", False),
        ("p<->F; T", "~p", True),
        ("all x. P(x)", "ex x. P(x)", True),
    ],
)
def test_the_translations_by_hand(premises: str, goal: str, truth: bool, z3: Z3, eprover: Eprover) -> None:
    given = [parse_formula(text) for text in premises.split("; ")]
    assert z3.entails(given, parse_formula(goal)) is truth
    assert eprover.entails(given, parse_formula(goal)) is truth
