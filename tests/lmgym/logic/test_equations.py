"""Chains against models: a law or an accepted step that fails in a model would be unsound."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from lmgym.logic import kernel
from lmgym.logic.equations import chains
from lmgym.logic.equations.chains import Chain, Claim, Refusal, begin, play_line
from lmgym.logic.equations.search import find_chain, neighbours
from lmgym.logic.equations.terms import TermError
from lmgym.logic.equations.theories import ELEMENTS, THEORIES, Equation, Theory
from lmgym.logic.kernel import Term, Theorem
from lmgym.seeding import make_generator
from lmgym.tasks.equation.theorems import load_theorems
from lmgym.tasks.equation.walks import draw_term
from lmgym.tasks.stream import Words

Model = tuple[list[Any], Mapping[str, Callable[..., Any]]]


def permutations_of_three() -> Model:
    elements = [(0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)]
    return elements, {
        "*": lambda p, q: tuple(p[q[at]] for at in range(3)),
        "'": lambda p: tuple(p.index(at) for at in range(3)),
        "e": lambda: (0, 1, 2),
    }


def residues(n: int) -> Model:
    return list(range(n)), {
        "+": lambda a, b: (a + b) % n, "*": lambda a, b: a * b % n, "-": lambda a: -a % n,
        "0": lambda: 0, "1": lambda: 1 % n,
    }  # fmt: skip


def sets_of(n: int) -> Model:
    top = 2**n - 1
    return list(range(top + 1)), {
        "&": lambda a, b: a & b, "|": lambda a, b: a | b, "~": lambda a: a ^ top,
        "0": lambda: 0, "1": lambda: top,
    }  # fmt: skip


NUMBERS: Model = (
    list(range(6)),
    {"+": lambda a, b: a + b, "*": lambda a, b: a * b, "s": lambda a: a + 1, "0": lambda: 0},
)
MODELS: list[tuple[str, Model]] = [
    ("group", permutations_of_three()),
    ("group", (list(range(5)), {"*": lambda a, b: (a + b) % 5, "'": lambda a: -a % 5, "e": lambda: 0})),
    *(("ring", residues(n)) for n in (2, 6, 7)),
    *(("boolean", sets_of(n)) for n in (1, 3)),
    ("peano", NUMBERS),
]
every_model = pytest.mark.parametrize(("name", "model"), MODELS)


def value(term: Term, functions: Mapping[str, Callable[..., Any]], letters: Mapping[str, Any]) -> Any:
    if term.kind == "variable":
        return letters[term.name]
    return functions[term.name](*(value(part, functions, letters) for part in term.parts))


def assignments(model: Model, count: int = 30) -> Iterator[dict[str, Any]]:
    rng = random.Random(0)
    for _ in range(count):
        yield {letter: rng.choice(model[0]) for letter in ELEMENTS + "xyz"}


def holds(left: Term, right: Term, model: Model) -> bool:
    return all(value(left, model[1], a) == value(right, model[1], a) for a in assignments(model))


def prove(theory: Theory, goal: str, lines: str, *assumed: str) -> Chain | Refusal:
    left, right, *_ = theory.read_equation(goal)
    named = tuple((f"h{n}", theory.read_equation(text)) for n, text in enumerate(assumed, 1))
    chain = begin(Claim(theory, left, right, named))
    for line in lines.split("\n"):
        found = play_line(chain, line)
        if isinstance(found, Refusal):
            return found
        chain = found
    return chain


@every_model
def test_every_law_holds_in_every_model(name: str, model: Model) -> None:
    for left, right, *_ in THEORIES[name].equations:
        assert holds(left, right, model), THEORIES[name].write(left)


@every_model
def test_every_step_that_is_found_holds_and_is_accepted(name: str, model: Model) -> None:
    theory, words = THEORIES[name], Words(make_generator(0, "test", name))
    for _ in range(8):
        term = draw_term(theory, "ab", 3 + words.below(4), words)
        found = neighbours(term, theory.equations, theory.signs, "ab", term.size + 3)
        for new in list(found)[::5]:
            assert holds(term, new, model)
            chain = play_line(begin(Claim(theory, term, new)), f"={theory.write(new)}")
            assert new is term or (isinstance(chain, Chain) and chain.is_proved)


@every_model
def test_a_step_between_random_terms_is_only_accepted_if_it_holds(name: str, model: Model) -> None:
    theory, words, num_accepted = THEORIES[name], Words(make_generator(1, "test", name)), 0
    for _ in range(1500):
        one, other = (draw_term(theory, "a", 1 + words.below(4), words) for _ in range(2))
        found = play_line(begin(Claim(theory, one, other)), f"={theory.write(other)}")
        if isinstance(found, Chain):
            num_accepted += 1
            assert holds(one, other, model), (theory.write(one), theory.write(other))
    assert num_accepted > 0


def test_theorems_without_hypotheses_hold_in_the_models() -> None:
    bare = [theorem for theorem in load_theorems() if not theorem.hypotheses]
    assert {theorem.theory.name for theorem in bare} == set(THEORIES)
    for theorem in bare:
        for name, model in MODELS:
            assert name != theorem.theory.name or holds(theorem.left, theorem.right, model)


@pytest.mark.parametrize("name", THEORIES)
def test_terms_round_trip(name: str) -> None:
    theory, words = THEORIES[name], Words(make_generator(2, "test", name))
    for _ in range(300):
        term = draw_term(theory, "abc", 1 + words.below(14), words)
        text = theory.write(term)
        assert theory.read(text) is term
        assert theory.read(" ".join(text)) is term


@pytest.mark.parametrize(
    ("name", "text", "canonical"),
    [
        ("group", "(a*b)*c", "a*b*c"), ("group", "a*(b*c)", "a*(b*c)"), ("group", "(a)'*b'", "a'*b'"),
        ("ring", "a+-b", "a-b"), ("ring", "a-b*c", "a-b*c"), ("ring", "a+(-b)*c", "a+-b*c"),
        ("ring", "a-(b-c)", "a-(b-c)"), ("boolean", "(a&b)|c", "a&b|c"), ("boolean", "~(a|b)", "~(a|b)"),
        ("peano", "s((0))+a", "s(0)+a"),
    ],
)  # fmt: skip
def test_brackets_by_hand(name: str, text: str, canonical: str) -> None:
    theory = THEORIES[name]
    assert theory.write(theory.read(text)) == canonical


@pytest.mark.parametrize(
    "text", ["", "a+", "+a", "(a", "a)", "a b", "ab", "a**b", "2", "s", "s(", "a=b", "(" * 99 + "a",
             "a+" * 190 + "a", "-" * 99 + "a", "\x00", "\ud800", "a" * 500, "𝟎", "a′"],
)  # fmt: skip
def test_what_is_no_term_is_a_typed_error(text: str) -> None:
    with pytest.raises(TermError):
        THEORIES["ring"].read(text)


FORGED = [
    ("group", "a*b=b*a", "=b*a"), ("group", "a*b=b*a", "=b*a by assoc"), ("group", "a=e", "=e by inv"),
    ("group", "a*b=a", "=a by id"), ("group", "a*b'=e", "=e by inv"), ("group", "a=a''", "=a''"),
    ("group", "(a*b)'=a'*b'", "=a'*b'"), ("group", "a*b*c=a*c*b", "=a*c*b by assoc"),
    ("group", "e=a*b", "=a*b by inv"),
    ("group", "a*e*(b*e)=a*b", "=a*b by id"), ("group", "a*e*(b*e)=a*b", "=a*b"),
    ("group", "a*e=a", "=a by inv"), ("group", "a*e=a", "=a by IH"), ("group", "a*e=a", "=a by h1"),
    ("group", "a*e=a", "=b*e by id"), ("group", "a=e", "=e by ind a"), ("group", "a=e", "step"),
    ("ring", "a*b=a+b", "=a+b by comm"), ("ring", "a*0=0", "=0 by id"), ("ring", "a*a=a", "=a"),
    ("ring", "a-b=b-a", "=b-a by comm"),
    ("ring", "a*(b+c)=a*b+c", "=a*b+c by dist"), ("ring", "a+b*c=(a+b)*(a+c)", "=(a+b)*(a+c) by dist"),
    ("ring", "1=0", "=0"), ("ring", "a+b-b=a", "=a by inv"), ("ring", "a+0+0=a", "=a by id"),
    ("boolean", "a&a=a", "=a"), ("boolean", "a|b=a&b", "=a&b by comm"), ("boolean", "~(a|b)=~a&~b", "=~a&~b"),
    ("boolean", "0=1", "=1 by comp"), ("boolean", "a|0=0", "=0 by id"), ("boolean", "a&~b=0", "=0 by comp"),
    ("peano", "0+a=a", "=a by add"), ("peano", "a+b=b+a", "=b+a"), ("peano", "s(a)=a", "=a"),
    ("peano", "a=0", "=0 by ind a\nstep\n=0 by IH"),
    ("peano", "a=0", "=0 by ind a\nstep\n=s(0) by IH\n=0 by IH"),
    ("peano", "a+b=a", "=a by ind b\n=a by add\nstep\n=s(a+b) by add\n=a by IH"),
    ("peano", "0+a=a", "=a by ind a\nstep"), ("peano", "0+a=a", "=a by ind b"), ("peano", "0+a=a", "step"),
    ("peano", "a+b=b+a", "=b+a by ind b\n=0+a by ind a\n=0+0\nstep\n=s(a)+0 by IH"),
    ("peano", "0+a=a", "=a by ind a\n=0\nstep\n=s(0+a)\n=s(a)\n=a"),
    ("peano", "s(a)+b=s(a+b)", "=s(a+b) by ind b\n=s(a)\n=s(a+0)\nstep\n=s(a+s(b)) by IH"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "goal", "lines"), FORGED)
def test_forged_proofs_are_refused(name: str, goal: str, lines: str) -> None:
    found = prove(THEORIES[name], goal, lines)
    assert isinstance(found, Refusal) and found.reason and found.message


def test_what_an_induction_assumes_does_not_leak() -> None:
    peano = THEORIES["peano"]
    shut = prove(peano, "a+b=c", "=c by ind a\n=0 by h1\n", "a=0")
    assert isinstance(shut, Refusal)  # a hypothesis about a says nothing of every a
    zero = prove(peano, "a=0", "=0 by ind a\nstep\n=0 by h1", "s(a)=0")
    assert zero == Refusal("law", "no such law; there are add, mul, IH")
    done = prove(peano, "0+a=a", "=a by ind a\n=0\nstep\n=s(0+a)\n=s(a)")
    assert isinstance(done, Chain) and done.theorem is not None and done.theorem.uses == {"induction"}
    assert done.theorem.hypotheses == {each.formula for each in peano.laws["add"]}


def test_the_base_of_an_induction_does_without_its_hypothesis() -> None:
    peano = THEORIES["peano"]
    begun = "=a by ind a\n=0+a*0 by mul"  # the letter comes back in, so that the hypothesis would fit
    assert isinstance(prove(peano, "0+a=a", begun), Chain)
    assert prove(peano, "0+a=a", begun + "\n=0+(0+a)*0 by IH") == Refusal(
        "law", "no such law; there are add, mul"
    )
    assert prove(peano, "0+a=a", begun + "\n=0+(0+a)*0") == Refusal("wrong", "does not follow")


def test_a_chain_does_not_go_round() -> None:
    for lines in ("=a*b*e by id\n=a*b by id", "=a*b by id"):
        assert prove(THEORIES["group"], "a*b=e", lines) == Refusal("repeated", "said before")


def doubly_negated(theorem: Theorem) -> Theorem:
    """The same theorem, proved in a roundabout way that is classical."""
    absurd = kernel.not_elim(kernel.assume(kernel.negation(theorem.conclusion)), theorem)
    return kernel.double_negation(kernel.not_intro(kernel.negation(theorem.conclusion), absurd))


def test_a_step_that_goes_wrong_proves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mistakes in a step, made on purpose: the chain reaches its end, and its theorem won't do."""
    group = THEORIES["group"]
    a, law = group.read("a"), group.laws["id"][0]
    right = kernel.forall_elim(kernel.assume(law.formula), a)  # a*e=a
    monkeypatch.setattr(chains, "find_rewriting", lambda *_: True)
    cases = {
        right: True,
        kernel.assume(right.conclusion): False,
        kernel.equal_intro(a): False,
        doubly_negated(right): False,
    }
    for theorem, is_proof in cases.items():
        monkeypatch.setattr(chains, "rewrite", lambda *_, theorem=theorem: theorem)
        found = prove(group, "a*e=a", "=a by id")
        assert isinstance(found, Chain) and found.frame.is_closed and found.is_proved == is_proof


def test_hypotheses_in_x_hold_for_all_and_those_in_a_for_one() -> None:
    group = THEORIES["group"]
    assert isinstance(prove(group, "b*b=e", "=e by h1", "x*x=e"), Chain)
    assert isinstance(prove(group, "b*b=e", "=e by h1", "a*a=e"), Refusal)


def slow_distance(theory: Theory, start: Term, goal: Term, max_size: int) -> int:
    """Breadth-first from one end."""
    seen, level, steps = {start}, [start], 0
    while goal not in seen:
        level = [
            new for term in level
            for new in neighbours(term, theory.equations, theory.signs, "a", max_size) if new not in seen
        ]  # fmt: skip
        seen.update(level)
        steps += 1
    return steps


@pytest.mark.parametrize(
    ("name", "goal", "size"),
    [("group", "e'=e", 5), ("group", "a*(a'*e)=e", 6), ("boolean", "~0=1", 5), ("ring", "a+0=0+a", 5),
     ("peano", "s(0)+s(0)=s(s(0))", 5), ("ring", "-0=0", 5)],
)  # fmt: skip
def test_shortest_chains_are_as_short_as_a_slow_search_finds(name: str, goal: str, size: int) -> None:
    theory = THEORIES[name]
    left, right, *_ = theory.read_equation(goal)
    way = find_chain(left, right, theory.equations, theory.signs, "a", max_size=size, max_states=10**5)
    assert way is not None and len(way) - 1 == slow_distance(theory, left, right, size)


def test_equations_of_a_law_have_their_letters() -> None:
    law: Equation = THEORIES["group"].laws["inv"][0]
    assert law.letters == ("x",) and not law.formula.free
