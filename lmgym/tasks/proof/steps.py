"""The steps that first-order problems are made of: from one property of a thing to the next.

A step adds what it needs to the premises, mostly a law ∀x (A(x) → B(x)) with a new predicate B, and writes
the lines that lead from A(t) to B(t). Steps are put one after the other, whatever the thing t is: a constant,
or a variable that stands for anything.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from lmgym.logic.kernel import (
    FALSE,
    Formula,
    Term,
    connect,
    equal,
    function,
    instance,
    negation,
    predicate,
    quantify,
    variable,
)
from lmgym.tasks.proof.sketch import Place, Sketch
from lmgym.tasks.stream import Words

Property = Callable[[Term], Formula]

PREDICATES = "PQRSGHKLMNABCDEIJOUVWXYZ"
FUNCTIONS = "fghijk"
CONSTANTS = "abc"
"""Free variables, which no rule may bind, as they are in premises or the goal."""
EIGENVARIABLES = "uvwztsr"
_X, _Y = variable("x"), variable("y")


class Fact(NamedTuple):
    """A property that a thing is known to have."""

    has: Property
    place: Place
    """Of the line that says so."""


class Pen:
    """A sketch and the names that are not yet in use."""

    def __init__(self, words: Words) -> None:
        self.sketch = Sketch()
        self.words = words
        self._predicates = list(PREDICATES)
        self._functions = list(FUNCTIONS)
        self._eigenvariables = list(EIGENVARIABLES)

    def pick(self, names: list[str], first: int) -> str:
        """Takes one of the ``first`` names away and returns it."""
        return names.pop(self.words.below(min(first, len(names))))

    def new_property(self) -> Property:
        """Returns a predicate of its own."""
        name = self.pick(self._predicates, 4)
        return lambda term: predicate(name, term)

    def new_relation(self) -> Callable[[Term, Term], Formula]:
        """Returns a predicate of two places of its own."""
        name = self.pick(self._predicates, 4)
        return lambda one, other: predicate(name, one, other)

    def new_function(self) -> Callable[[Term], Term]:
        """Returns a function of its own."""
        name = self.pick(self._functions, 2)
        return lambda term: function(name, term)

    def new_variable(self) -> Term:
        """Returns a variable that occurs nowhere yet."""
        return variable(self._eigenvariables.pop(0))

    def law(self, formula: Formula) -> Place:
        """Adds the premise that ``formula`` holds for every x, and returns its place."""
        return self.sketch.premise(quantify("forall", "x", formula))

    def specialise(self, law: Place, of_x: Formula, term: Term) -> Place:
        """Writes what the law ∀x ``of_x`` says of ``term``."""
        return self.sketch.add(instance(quantify("forall", "x", of_x), term), "allE", law)

    def detach(self, given: Fact, wanted: Property, term: Term) -> Place:
        """Adds the law ∀x (given(x) → wanted(x)), and writes wanted(term)."""
        of_x = connect("implies", given.has(_X), wanted(_X))
        implication = self.specialise(self.law(of_x), of_x, term)
        return self.sketch.add(wanted(term), "->E", implication, given.place)


Step = Callable[[Pen, Fact, Term], Fact]


def _imply(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A → B)."""
    new = pen.new_property()
    return Fact(new, pen.detach(given, new, term))


def _split(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A → B & C), of which one half is used."""
    new, other = pen.new_property(), pen.new_property()
    left, right = (new, other) if pen.words.below(2) else (other, new)
    both = pen.detach(given, lambda t: connect("and", left(t), right(t)), term)
    return Fact(new, pen.sketch.add(new(term), "&E", both))


def _side(pen: Pen, given: Fact, term: Term) -> tuple[Property, Place]:
    """Returns a property that everything has, or that ``term`` has where it is a constant."""
    side = pen.new_property()
    if term.name in CONSTANTS and pen.words.below(2):
        return side, pen.sketch.premise(side(term))
    return side, pen.specialise(pen.law(side(_X)), side(_X), term)


def _join(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A & B → C), with B from elsewhere."""
    new = pen.new_property()
    side, place = _side(pen, given, term)
    both = pen.sketch.add(connect("and", given.has(term), side(term)), "&I", given.place, place)
    return Fact(new, pen.detach(Fact(lambda t: connect("and", given.has(t), side(t)), both), new, term))


def _curried(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A → B → C), with B from elsewhere."""
    new = pen.new_property()
    side, place = _side(pen, given, term)
    inner = pen.detach(given, lambda t: connect("implies", side(t), new(t)), term)
    return Fact(new, pen.sketch.add(new(term), "->E", inner, place))


def _equivalent(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A <-> B) or ∀x (B <-> A)."""
    new = pen.new_property()
    sides = (given.has(_X), new(_X)) if pen.words.below(2) else (new(_X), given.has(_X))
    of_x = connect("iff", *sides)
    law = pen.specialise(pen.law(of_x), of_x, term)
    return Fact(new, pen.sketch.add(new(term), "<->E", law, given.place))


def _cases(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A → B | C), and D follows from both."""
    cases, new = (pen.new_property(), pen.new_property()), pen.new_property()
    either = pen.detach(given, lambda t: connect("or", cases[0](t), cases[1](t)), term)
    boxes = []
    for case in cases:
        place = pen.sketch.assume(case(term))
        boxes.append(pen.sketch.close(pen.detach(Fact(case, place), new, term)))
    return Fact(new, pen.sketch.add(new(term), "|E", either, boxes=tuple(boxes)))


def _exclude(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A → B | C) and not B, hence C."""
    dead, new = pen.new_property(), pen.new_property()
    either = pen.detach(given, lambda t: connect("or", dead(t), new(t)), term)
    of_x = negation(dead(_X))
    never = pen.specialise(pen.law(of_x), of_x, term)
    place = pen.sketch.assume(dead(term))
    contradiction = pen.sketch.add(FALSE, "~E", never, place)
    first = pen.sketch.close(pen.sketch.add(new(term), "FE", contradiction))
    second = pen.sketch.close(pen.sketch.assume(new(term)))
    return Fact(new, pen.sketch.add(new(term), "|E", either, boxes=(first, second)))


def _refute(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (B → ~A), hence ~B: what is known refutes it."""
    new = pen.new_property()
    of_x = connect("implies", new(_X), negation(given.has(_X)))
    law = pen.specialise(pen.law(of_x), of_x, term)
    place = pen.sketch.assume(new(term))
    denied = pen.sketch.add(negation(given.has(term)), "->E", law, place)
    box = pen.sketch.close(pen.sketch.add(FALSE, "~E", denied, given.place))
    return Fact(lambda t: negation(new(t)), pen.sketch.add(negation(new(term)), "~I", boxes=(box,)))


def _image(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A(x) → B(f(x)))."""
    new, image = pen.new_property(), pen.new_function()

    def of_image(t: Term) -> Formula:
        return new(image(t))

    return Fact(of_image, pen.detach(given, of_image, term))


def _fixed(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A(x) → B(f(x))) and ∀x f(x)=x, hence B(x)."""
    new, image = pen.new_property(), pen.new_function()
    place = pen.detach(given, lambda t: new(image(t)), term)
    of_x = equal(image(_X), _X)
    equation = pen.specialise(pen.law(of_x), of_x, term)
    return Fact(new, pen.sketch.add(new(term), "=E", equation, place))


def _through(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (A(x) → ∃y R(x,y)) and ∀x ∀y (R(x,y) → B(x)), hence B(x)."""
    new, related, other = pen.new_property(), pen.new_relation(), pen.new_variable()
    some = pen.detach(given, lambda t: quantify("exists", "y", related(t, _Y)), term)
    inner = quantify("forall", "y", connect("implies", related(_X, _Y), new(_X)))
    of_term = pen.specialise(pen.law(inner), inner, term)
    place = pen.sketch.assume(related(term, other))
    implication = pen.sketch.add(connect("implies", related(term, other), new(term)), "allE", of_term)
    box = pen.sketch.close(pen.sketch.add(new(term), "->E", implication, place))
    return Fact(new, pen.sketch.add(new(term), "exE", some, boxes=(box,)))


def _witness(pen: Pen, given: Fact, term: Term) -> Fact:
    """∀x (∃y (A(x) & R(x,y)) → B(x)) and ∀x R(x,x), hence B(x)."""
    new, related = pen.new_property(), pen.new_relation()

    def body(t: Term, s: Term) -> Formula:
        return connect("and", given.has(t), related(t, s))

    reflexive = pen.specialise(pen.law(related(_X, _X)), related(_X, _X), term)
    both = pen.sketch.add(body(term, term), "&I", given.place, reflexive)
    some = quantify("exists", "y", body(term, _Y))
    place = pen.sketch.add(some, "exI", both)
    known = Fact(lambda t: quantify("exists", "y", body(t, _Y)), place)
    return Fact(new, pen.detach(known, new, term))


STEPS: Mapping[str, Step] = {
    "imply": _imply,
    "split": _split,
    "join": _join,
    "curried": _curried,
    "equivalent": _equivalent,
    "cases": _cases,
    "exclude": _exclude,
    "refute": _refute,
    "image": _image,
    "fixed": _fixed,
    "through": _through,
    "witness": _witness,
}
"""Every step by its name; ``lmgym.tasks.proof.first_order`` says which level has which."""
