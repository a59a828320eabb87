"""The kernel: every rule gives what it says, refuses what it must, and all that it gives is true."""

from __future__ import annotations

import copy
import gc
import pickle
import threading
from types import SimpleNamespace

import pytest

from lmgym.logic import kernel as k
from lmgym.logic.kernel import FALSE, TRUE, Expression, KernelError, Theorem
from lmgym.logic.notation import parse_formula as read
from lmgym.logic.notation import parse_term, write_formula

X, Y, C, D = (k.variable(name) for name in "xycd")
P, Q, R = read("p"), read("q"), read("r")
PX, PY, PC, PD = (k.predicate("P", each) for each in (X, Y, C, D))


def given(*formulas: str) -> list[Theorem]:
    return [k.assume(read(each)) for each in formulas]


def show(theorem: Theorem) -> str:
    hypotheses = ";".join(sorted(map(write_formula, theorem.hypotheses)))
    uses = "".join(f" {use}" for use in sorted(theorem.uses))
    return f"{hypotheses}|-{write_formula(theorem.conclusion)}{uses}"


def from_absurd(*hypotheses: str) -> Theorem:
    """F from hypotheses, none of which contradict each other: they are all used and nothing more."""
    proof = k.assume(FALSE)
    for each in given(*hypotheses):
        proof = k.and_elim(k.and_intro(proof, each), FALSE)
    return proof


RULES = [
    (lambda: k.assume(P), "p|-p"),
    (lambda: k.true_intro(), "|-T"),
    (lambda: k.and_intro(*given("p", "q")), "p;q|-p&q"),
    (lambda: k.and_elim(*given("p&q"), P), "p&q|-p"),
    (lambda: k.and_elim(*given("p&q"), Q), "p&q|-q"),
    (lambda: k.or_intro(read("p|q"), *given("p")), "p|-p|q"),
    (lambda: k.or_intro(read("q|p"), *given("p")), "p|-q|p"),
    (lambda: k.or_elim(*given("p|q", "r", "r")), "p|q;r|-r"),
    (lambda: k.or_elim(*given("p|p", "p", "p")), "p|p|-p"),
    (
        lambda: k.or_elim(*given("p|q"), *[k.or_intro(read("q|p"), each) for each in given("p", "q")]),
        "p|q|-q|p",
    ),
    (lambda: k.implies_intro(P, *given("p")), "|-p->p"),
    (lambda: k.implies_intro(P, *given("q")), "q|-p->q"),
    (lambda: k.implies_elim(*given("p->q", "p")), "p;p->q|-q"),
    (lambda: k.iff_intro(*given("p", "p")), "|-p<->p"),
    (lambda: k.iff_intro(*given("q", "p")), "p;q|-p<->q"),
    (lambda: k.iff_elim(*given("p<->q", "p")), "p;p<->q|-q"),
    (lambda: k.iff_elim(*given("p<->q", "q")), "p<->q;q|-p"),
    (lambda: k.not_intro(P, from_absurd("p", "q")), "F;q|-~p"),
    (lambda: k.not_intro(FALSE, *given("F")), "|-~F"),
    (lambda: k.not_elim(*given("~p", "p")), "p;~p|-F"),
    (lambda: k.false_elim(*given("F"), Q), "F|-q"),
    (lambda: k.double_negation(*given("~~p")), "~~p|-p classical"),
    (lambda: k.forall_intro("x", *given("all z. P(z)")), "all x. P(x)|-all x. all y. P(y)"),
    (lambda: k.forall_elim(*given("all x. P(x)"), parse_term("f(y)")), "all x. P(x)|-P(f(y))"),
    (lambda: k.exists_intro(read("ex x. R(x,x)"), C, *given("R(c,c)")), "R(c,c)|-ex x. R(x,x)"),
    (lambda: k.exists_intro(read("ex x. R(x,c)"), C, *given("R(c,c)")), "R(c,c)|-ex x. R(x,c)"),
    (lambda: k.exists_elim(*given("ex x. P(x)"), "c", *given("q")), "ex x. P(x);q|-q"),
    (lambda: k.equal_intro(parse_term("f(x)")), "|-f(x)=f(x)"),
    (lambda: k.equal_elim(*given("a=b"), read("all x. R(x,a)"), *given("R(a,a)")), "R(a,a);a=b|-R(b,a)"),
    (
        lambda: k.induction(
            k.equal_intro(k.function("0")), "n", k.equal_intro(parse_term("s(n)")), read("all x. x=x")
        ),
        "|-all x. x=x induction",
    ),
    (lambda: k.and_intro(k.double_negation(*given("~~p")), *given("q")), "q;~~p|-p&q classical"),
    (lambda: k.and_intro(*given("q"), k.double_negation(*given("~~p"))), "q;~~p|-q&p classical"),
    (
        lambda: k.and_intro(RULES[-4][0](), k.double_negation(*given("~~p"))),
        "~~p|-(all x. x=x)&p classical induction",
    ),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(RULES)))
def test_a_rule_gives_what_it_says(number: int) -> None:
    make, expected = RULES[number]
    assert show(make()) == expected


def test_an_existence_is_used_up_by_its_witness() -> None:
    witness = k.assume(PC)
    other = k.exists_intro(read("ex x. P(x)|Q(x)"), C, k.or_intro(read("P(c)|Q(c)"), witness))
    assert show(k.exists_elim(*given("ex x. P(x)"), "c", other)) == "ex x. P(x)|-ex x. P(x)|Q(x)"


def test_induction_needs_base_and_step_only() -> None:
    proved = k.induction(*given("P(0)"), "n", successor_step(), read("all x. P(x)"))
    assert show(proved) == "P(0);all x. P(x)->P(s(x))|-all x. P(x) induction"


def test_induction_uses_up_its_assumption() -> None:
    step = k.equal_elim(
        k.assume(read("f(n)=n")), read("all y. f(s(n))=s(y)"), k.assume(read("f(s(n))=s(f(n))"))
    )  # f(s(n))=s(f(n)) |- f(s(n))=s(n), n in a hypothesis that stays
    with pytest.raises(KernelError, match="n is free"):
        k.induction(k.assume(read("f(0)=0")), "n", step, read("all x. f(x)=x"))
    law = k.forall_elim(k.assume(read("all x. f(s(x))=s(f(x))")), k.variable("n"))
    step = k.equal_elim(k.assume(read("f(n)=n")), read("all y. f(s(n))=s(y)"), law)
    proved = k.induction(k.assume(read("f(0)=0")), "n", step, read("all x. f(x)=x"))
    assert show(proved) == "all x. f(s(x))=s(f(x));f(0)=0|-all x. f(x)=x induction"


def successor_step() -> Theorem:
    """Returns P(n), and every P(x) gives P(s(x)), so P(s(n))."""
    law = k.forall_elim(k.assume(read("all x. P(x)->P(s(x))")), k.variable("n"))
    return k.implies_elim(law, k.assume(read("P(n)")))


def thing_beside(name: str) -> Theorem:
    """Returns that something is f of ``name``, which holds of itself."""
    value = k.function("f", k.variable(name))
    return k.exists_intro(read(f"ex x. x=f({name})"), value, k.equal_intro(value))


REFUSED = [
    lambda: k.assume(X),
    lambda: k.assume(k.make("bound", "0")),
    lambda: k.assume(k.predicate("P", k.make("bound", "0"))),
    lambda: k.assume("p"),
    lambda: k.and_elim(*given("p&q"), R),
    lambda: k.and_elim(*given("p|q"), P),
    lambda: k.or_intro(read("q|r"), *given("p")),
    lambda: k.or_intro(read("p&q"), *given("p")),
    lambda: k.or_elim(*given("p|q", "r", "p")),
    lambda: k.or_elim(*given("p&q", "r", "r")),
    lambda: k.implies_intro(X, *given("p")),
    lambda: k.implies_elim(*given("p->q", "q")),
    lambda: k.implies_elim(*given("p<->q", "p")),
    lambda: k.iff_elim(*given("p<->q", "r")),
    lambda: k.iff_elim(*given("p->q", "p")),
    lambda: k.not_intro(P, *given("q")),
    lambda: k.not_elim(*given("~p", "q")),
    lambda: k.not_elim(*given("p->F", "p")),
    lambda: k.false_elim(*given("~T"), P),
    lambda: k.false_elim(*given("F"), X),
    lambda: k.double_negation(*given("~p")),
    lambda: k.double_negation(*given("p")),
    lambda: k.forall_intro("x", *given("P(x)")),
    lambda: k.forall_intro("", *given("P(x)")),
    lambda: k.forall_elim(*given("ex x. P(x)"), C),
    lambda: k.forall_elim(*given("all x. P(x)"), P),
    lambda: k.forall_elim(*given("all x. p"), P),
    lambda: k.forall_elim(*given("all x. P(x)"), k.make("bound", "0")),
    lambda: k.forall_elim(*given("all x. ex y. R(x,y)"), k.make("bound", "0")),  # it would be caught inside
    lambda: k.exists_intro(read("ex x. all y. R(x,y)"), k.make("bound", "0"), *given("all y. R(y,y)")),
    lambda: k.exists_intro(read("ex x. P(x)"), D, *given("P(c)")),
    lambda: k.exists_intro(read("all x. P(x)"), C, *given("P(c)")),
    lambda: k.exists_elim(*given("all x. P(x)"), "c", *given("q")),
    lambda: k.exists_elim(*given("ex x. P(x)"), "c", *given("P(c)")),
    lambda: k.exists_elim(*given("ex x. R(x,c)"), "c", *given("q")),
    lambda: k.exists_elim(*given("ex x. P(x)"), "c", k.and_elim(k.and_intro(*given("q", "Q(c)")), Q)),
    lambda: k.equal_intro(P),
    lambda: k.equal_intro(k.make("bound", "0")),
    lambda: k.equal_elim(*given("a=b"), read("all x. P(x)"), *given("P(b)")),
    lambda: k.equal_elim(*given("a=b"), P, *given("p")),
    lambda: k.equal_elim(*given("P(a)"), read("all x. P(x)"), *given("P(a)")),
    lambda: k.exists_elim(thing_beside("c"), "c", k.exists_intro(read("ex y. y=f(y)"), C, *given("c=f(c)"))),
    lambda: k.induction(*given("P(1)"), "n", successor_step(), read("all x. P(x)")),
    lambda: k.induction(*given("P(0)"), "m", successor_step(), read("all x. P(x)")),
    lambda: k.induction(*given("P(0)"), "n", successor_step(), read("all x. P(x)|q")),
    lambda: k.induction(*given("P(0)"), "n", *given("q"), read("all x. P(x)")),
    lambda: k.induction(*given("P(0)"), "n", *given("P(n)"), read("all x. P(x)")),
    lambda: k.induction(*given("P(0)"), "n", *given("P(s(n))"), read("all x. P(x)")),
    lambda: k.induction(*given("R(0,n)"), "n", *given("R(s(n),n)"), read("all x. R(x,n)")),
    lambda: k.induction(*given("P(0)"), "n", *given("P(s(n))"), read("ex x. P(x)")),
]


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_a_rule_refuses_what_does_not_fit(number: int) -> None:
    with pytest.raises(KernelError):
        REFUSED[number]()


def test_the_variable_of_a_universal_is_free_in_no_hypothesis() -> None:
    """From P(x), x = y ⊢ P(y), only what is free of x can be generalised over x."""
    with pytest.raises(KernelError, match="x is free"):
        k.forall_intro("x", k.equal_elim(*given("x=y"), read("all z. P(z)"), *given("P(x)")))


# Expressions


def test_equal_expressions_are_one_object_whatever_their_bound_variables_are_called() -> None:
    assert k.connect("and", P, Q) is k.connect("and", read("p"), read("q"))
    assert read("all x. ex y. R(x,y)") is read("all u. ex v. R(u,v)")
    assert read("all x. ex y. R(x,y)") is not read("all x. ex y. R(y,x)")


def test_substitution_does_not_capture() -> None:
    outer = read("all x. ex y. R(x,y)")
    assert k.instance(outer, Y) is read("ex z. R(y,z)")
    assert k.instance(outer, parse_term("f(y)")) is read("ex z. R(f(y),z)")
    assert k.instance(read("all x. all x. P(x)"), C) is read("all x. P(x)")
    assert k.quantify("forall", "x", read("ex x. R(x,y)&P(x)")) is read("all z. ex x. R(x,y)&P(x)")


@pytest.mark.parametrize(
    "build",
    [
        lambda: k.make("variable", ""),
        lambda: k.make("variable", "x", X),
        lambda: k.make("bound", "00"),
        lambda: k.make("bound", "-1"),
        lambda: k.make("bound", "x"),
        lambda: k.make("bound", "٣"),
        lambda: k.make("bound", "9" * 5000),
        lambda: k.make("function", ""),
        lambda: k.make("function", "f", P),
        lambda: k.make("predicate", "P", Q),
        lambda: k.make("not", "p", P),
        lambda: k.make("not", "", P, Q),
        lambda: k.make("not", "", X),
        lambda: k.make("and", "", P),
        lambda: k.make("equal", "", P, Q),
        lambda: k.make("true", "", P),
        lambda: k.make("forall", "x", PX),
        lambda: k.make("nand", "", P, Q),
        lambda: k.make("true", "x"),
        lambda: k.make("predicate", "P", "x"),
        lambda: k.make("predicate", 7),
        lambda: k.make(7, "p"),
        lambda: k.connect("forall", P, Q),
        lambda: k.connect("equal", P, Q),
        lambda: k.quantify("forall", "x", X),
        lambda: k.quantify("forall", "x", k.predicate("P", k.make("bound", "0"))),
        lambda: k.instance(P, X),
        lambda: k.instance(SimpleNamespace(kind="forall", parts=(PX,)), X),
        lambda: k.instance(read("all x. P(x)"), SimpleNamespace(kind="function", loose=0)),
    ],
)
def test_what_is_no_expression_is_refused(build) -> None:
    with pytest.raises(KernelError):
        build()


def test_depth_and_size_are_limited() -> None:
    deep = P
    for _ in range(k.MAX_DEPTH - 1):
        deep = k.negation(deep)
    with pytest.raises(KernelError, match="levels"):
        k.negation(deep)
    wide = X
    while wide.size * 2 < k.MAX_SIZE:
        wide = k.function("f", wide, wide)
    with pytest.raises(KernelError, match="parts"):
        k.function("f", wide, wide)
    nested = PX
    for _ in range(60):
        nested = k.quantify("forall", "y", nested)
    with pytest.raises(KernelError, match="levels"):  # an instance is no way round the limit
        term = X
        for _ in range(80):
            term = k.function("f", term)
        k.forall_elim(k.assume(k.quantify("forall", "x", nested)), term)


def test_threads_make_the_same_objects() -> None:
    made: list[list[Expression]] = []

    def work() -> None:
        own = [k.predicate(f"P{n}", k.function(f"f{n}", X)) for n in range(300)]
        made.append([k.connect("iff", each, k.negation(each)) for each in own])

    workers = [threading.Thread(target=work) for _ in range(8)]
    for each in workers:
        each.start()
    for each in workers:
        each.join()
    assert len(made) == 8
    assert all(a is b for other in made[1:] for a, b in zip(made[0], other, strict=True))


def test_expressions_that_nobody_keeps_are_forgotten() -> None:
    before = len(k._known)
    kept = [k.predicate(f"gone_{n}", k.variable(f"gone_{n}")) for n in range(1000)]
    assert len(k._known) >= before + 2000
    del kept
    gc.collect()
    assert len(k._known) <= before + 10


def test_expressions_survive_copies_and_files() -> None:
    formula = read("all x. P(x)->ex y. x=f(y)&~q")
    assert copy.copy(formula) is formula
    assert copy.deepcopy(formula) is formula
    assert pickle.loads(pickle.dumps(formula)) is formula


# Forgeries


class Liar(str):
    """A name that is what it is said to be, unless it matters."""

    def __eq__(self, other: object) -> bool:
        return False

    def __hash__(self) -> int:
        return hash("x")


class Turncoat(str):
    """A name that equals every other."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash("x")


class Chameleon:
    """Equals every expression that has its hash, and has a formula's attributes."""

    def __init__(self, like: Expression) -> None:
        self.like = like
        self.kind, self.name, self.parts, self.loose = like.kind, like.name, like.parts, 0
        self.free, self.depth, self.size = frozenset(), 1, 1

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return hash(self.like)


class Impostor(type):
    """A class that says it is every other class."""

    def __eq__(cls, other: object) -> bool:
        return True

    def __hash__(cls) -> int:
        return hash(Expression)


class Fake(metaclass=Impostor):
    kind, name, parts, free, loose, depth, size = "predicate", "p", (), frozenset(), 0, 1, 1


def lie(conclusion: Expression = FALSE) -> SimpleNamespace:
    return SimpleNamespace(hypotheses=frozenset(), conclusion=conclusion, uses=frozenset())


FORGERIES = [
    lambda: Theorem(),
    lambda: Theorem(frozenset(), FALSE, frozenset()),
    lambda: Expression(),
    lambda: setattr(k.true_intro(), "conclusion", FALSE),
    lambda: setattr(k.assume(FALSE), "hypotheses", frozenset()),
    lambda: delattr(k.assume(FALSE), "hypotheses"),
    lambda: setattr(k.true_intro(), "new", 1),
    lambda: setattr(k.true_intro(), "__class__", Expression),
    lambda: setattr(TRUE, "kind", "false"),
    lambda: setattr(P, "free", frozenset()),
    lambda: delattr(P, "free"),
    lambda: k.assume(FALSE).hypotheses.clear(),
    lambda: k.assume(FALSE).__dict__,
    lambda: pickle.loads(pickle.dumps(k.true_intro())),
    lambda: copy.copy(k.true_intro()),
    lambda: copy.deepcopy(k.true_intro()),
    lambda: type("Mine", (Theorem,), {})(),
    lambda: k.false_elim(lie(), P),
    lambda: k.and_intro(lie(), k.true_intro()),
    lambda: k.or_elim(lie(read("p|q")), *given("r", "r")),
    lambda: k.implies_elim(lie(read("T->F")), k.true_intro()),
    lambda: k.implies_intro(P, lie()),
    lambda: k.false_elim(object.__new__(type("Mine", (Theorem,), vars(lie()))), P),
    lambda: k.forall_intro(Liar("x"), k.assume(PX)),
    lambda: k.exists_elim(*given("ex x. P(x)"), Liar("x"), k.assume(PX)),
    lambda: k.induction(*given("P(0)"), Liar("x"), *given("P(s(x))"), read("all y. P(y)")),
    lambda: k.false_elim(k.assume(FALSE), Chameleon(P)),
    lambda: k.implies_intro(Chameleon(P), k.assume(P)),
    lambda: k.not_intro(Chameleon(FALSE), k.assume(FALSE)),
    lambda: k.or_intro(Chameleon(read("p|q")), k.assume(P)),
    lambda: k.assume(Chameleon(P)),
    lambda: k.exists_intro(Chameleon(read("ex x. P(x)")), C, k.assume(PC)),
    lambda: k.equal_elim(*given("a=b"), Chameleon(read("all x. P(x)")), *given("P(a)")),
    lambda: k.forall_elim(*given("all x. P(x)"), Chameleon(C)),
    lambda: k.negation(Fake()),
    lambda: k.assume(Fake()),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(FORGERIES)))
def test_no_theorem_is_forged(number: int) -> None:
    with pytest.raises((TypeError, AttributeError, KernelError)):
        FORGERIES[number]()


def test_a_name_that_lies_binds_nothing_else() -> None:
    """A name that equals all others is taken for the true name of some variable, and for no more."""
    theorem = k.forall_intro(Turncoat("x"), k.equal_intro(X))
    assert write_formula(theorem.conclusion) == "all x. x=x"
    with pytest.raises(KernelError):
        k.forall_intro(Turncoat("x"), k.assume(PX))
    assert type(k.variable(Turncoat("x")).name) is str
