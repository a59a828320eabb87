"""Whatever chain of rules is played, what the kernel calls a theorem is true in every model tried."""

from __future__ import annotations

import random

import pytest

from lmgym.logic import kernel as k
from lmgym.logic.kernel import FALSE, TRUE, Formula, KernelError, Term, Theorem
from tests.reference.finite_models import follows, kripke_follows

NAMES = ("x", "y", "c")


class Walk:
    """Theorems made by random rules from random formulas; rules that do not apply are passed over."""

    def __init__(self, seed: int, *, first_order: bool, classical: bool) -> None:
        self.rng = random.Random(seed)
        self.first_order = first_order
        self.classical = classical
        self.theorems = [k.assume(self.formula(2)) for _ in range(6)]

    def term(self, depth: int = 1) -> Term:
        rng = self.rng
        if depth and rng.random() < 0.3:
            return k.function(rng.choice(("f", "s")), self.term(depth - 1))
        return k.function("0") if rng.random() < 0.2 else k.variable(rng.choice(NAMES))

    def formula(self, depth: int) -> Formula:
        rng = self.rng
        if not depth or rng.random() < 0.2:
            if not self.first_order:
                return rng.choice((k.predicate("p"), k.predicate("q"), k.predicate("r"), FALSE, TRUE))
            if rng.random() < 0.3:
                return k.equal(self.term(), self.term())
            return k.predicate("P", self.term()) if rng.random() < 0.6 else k.predicate("q")
        kinds = [
            "not",
            "and",
            "or",
            "implies",
            "iff",
            *(["forall", "exists"] * 2 if self.first_order else []),
        ]
        kind = rng.choice(kinds)
        if kind == "not":
            return k.negation(self.formula(depth - 1))
        if kind in ("forall", "exists"):
            return k.quantify(kind, rng.choice(NAMES), self.formula(depth - 1))
        return k.connect(kind, self.formula(depth - 1), self.formula(depth - 1))

    def any(self, *kinds: str) -> Theorem:
        """Returns a theorem of the kind, an assumption if there is none yet."""
        known = [each for each in self.theorems if not kinds or each.conclusion.kind in kinds]
        if known and self.rng.random() < 0.8:
            return self.rng.choice(known)
        for _ in range(50):
            formula = self.formula(2)
            if not kinds or formula.kind in kinds:
                return k.assume(formula)
        raise KernelError("no formula of the kind was drawn")

    def of(self, formula: Formula) -> Theorem:
        known = [each for each in self.theorems if each.conclusion is formula]
        return self.rng.choice(known) if known else k.assume(formula)

    def some_hypothesis(self, theorem: Theorem) -> Formula:
        hypotheses = sorted(theorem.hypotheses, key=repr)
        return self.rng.choice(hypotheses) if hypotheses else self.formula(1)

    def step(self) -> Theorem:
        moves = [getattr(self, name) for name in dir(self) if name.startswith("play_")]
        if not self.first_order:
            moves = [move for move in moves if not move.__name__.startswith("play_fo_")]
        if not self.classical:
            moves = [move for move in moves if move.__name__ != "play_classical"]
        return self.rng.choice(moves)()

    def play_and(self) -> Theorem:
        return k.and_intro(self.any(), self.any())

    def play_and_elim(self) -> Theorem:
        given = self.any("and")
        return k.and_elim(given, self.rng.choice(given.conclusion.parts))

    def play_or(self) -> Theorem:
        given, other = self.any(), self.formula(1)
        pair = [given.conclusion, other]
        self.rng.shuffle(pair)
        return k.or_intro(k.connect("or", *pair), given)

    def play_or_elim(self) -> Theorem:
        left, right = self.any(), self.any()
        sides = [self.some_hypothesis(left), self.some_hypothesis(right)]
        result = k.connect("or", left.conclusion, right.conclusion)
        either = self.of(k.connect("or", *sides))
        return k.or_elim(either, k.or_intro(result, left), k.or_intro(result, right))

    def play_implies(self) -> Theorem:
        given = self.any()
        return k.implies_intro(self.some_hypothesis(given), given)

    def play_implies_elim(self) -> Theorem:
        given = self.any("implies")
        return k.implies_elim(given, self.of(given.conclusion.parts[0]))

    def play_iff(self) -> Theorem:
        first = self.any()
        return k.iff_intro(first, self.of(self.some_hypothesis(first)))

    def play_iff_elim(self) -> Theorem:
        given = self.any("iff")
        return k.iff_elim(given, self.of(self.rng.choice(given.conclusion.parts)))

    def play_not(self) -> Theorem:
        given = self.any("false")
        return k.not_intro(self.some_hypothesis(given), given)

    def play_not_elim(self) -> Theorem:
        given = self.any("not")
        return k.not_elim(given, self.of(given.conclusion.parts[0]))

    def play_false(self) -> Theorem:
        return k.false_elim(self.any("false"), self.formula(2))

    def play_classical(self) -> Theorem:
        given = self.any()
        return k.double_negation(self.of(k.negation(k.negation(given.conclusion))))

    def play_fo_forall(self) -> Theorem:
        return k.forall_intro(self.rng.choice(NAMES), self.any())

    def play_fo_forall_elim(self) -> Theorem:
        return k.forall_elim(self.any("forall"), self.term())

    def play_fo_exists(self) -> Theorem:
        name = self.rng.choice(NAMES)
        formula = k.quantify("exists", name, self.any().conclusion)
        term = self.term()
        return k.exists_intro(formula, term, self.of(k.instance(formula, term)))

    def play_fo_exists_elim(self) -> Theorem:
        name = self.rng.choice(NAMES)
        given = self.any()
        witness = self.some_hypothesis(given)
        return k.exists_elim(self.of(k.quantify("exists", name, witness)), name, given)

    def play_fo_equal(self) -> Theorem:
        return k.equal_intro(self.term())

    def play_fo_equal_elim(self) -> Theorem:
        equation = self.any("equal")
        pattern = k.quantify("forall", self.rng.choice(NAMES), self.formula(1))
        return k.equal_elim(equation, pattern, self.of(k.instance(pattern, equation.conclusion.parts[0])))

    def play_fo_induction(self) -> Theorem:
        name, inside = self.rng.choice(NAMES), self.formula(1)
        formula = k.quantify("forall", name, inside)
        case = k.instance(formula, k.variable(name))
        after = k.instance(formula, k.function("s", k.variable(name)))
        always = self.of(k.connect("implies", case, after))
        base = self.of(k.instance(formula, k.function("0")))
        return k.induction(base, name, k.implies_elim(always, self.of(case)), formula)


def walk(seed: int, steps: int, **options: bool) -> list[Theorem]:
    game = Walk(seed, **options)
    made = []
    for _ in range(steps):
        try:
            theorem = game.step()
        except KernelError:
            continue
        if theorem.conclusion.size <= 25 and len(theorem.hypotheses) <= 5:
            made.append(theorem)
            game.theorems = [*game.theorems[-60:], theorem]
    return made


@pytest.mark.parametrize("seed", range(3))
def test_first_order_theorems_hold_in_finite_models(seed: int) -> None:
    made = walk(seed, 2_500, first_order=True, classical=True)
    assert len(made) > 800
    rng = random.Random(seed)
    for theorem in made:
        assert follows(sorted(theorem.hypotheses, key=repr), theorem.conclusion, rng, 15), theorem
    bare = [theorem for theorem in made if not theorem.hypotheses]
    assert len(bare) > 20  # laws of logic among them, where nothing can be false for want of a model


@pytest.mark.parametrize("seed", range(3))
def test_intuitionistic_theorems_hold_in_kripke_models(seed: int) -> None:
    made = walk(seed, 1_200, first_order=False, classical=False)
    assert len(made) > 400
    for theorem in made[::2]:
        assert not theorem.uses
        assert kripke_follows(sorted(theorem.hypotheses, key=repr), theorem.conclusion), theorem


def test_the_models_refute_what_does_not_follow() -> None:
    """Classical laws fail in the Kripke models, wrong quantifier steps in the finite ones."""
    p, x = k.predicate("p"), k.variable("x")
    assert not kripke_follows([], k.connect("or", p, k.negation(p)))
    assert not kripke_follows([k.negation(k.negation(p))], p)
    assert kripke_follows([], k.negation(k.negation(k.connect("or", p, k.negation(p)))))
    holds = k.predicate("P", x)
    assert not follows([holds], k.quantify("forall", "x", holds), random.Random(0), 50)
    assert follows([k.quantify("forall", "x", holds)], holds, random.Random(0), 50)
