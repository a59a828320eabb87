"""The shapes of first-order problems: what a chain of steps is about, and what is made of its end.

A shape adds premises, opens the boxes that it needs, lets the chain lead from a property A of a thing to a
property Z of it, closes the boxes, and returns the goal. Chains are in ``lmgym.tasks.proof.steps``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lmgym.logic.kernel import FALSE, Formula, Term, connect, equal, negation, quantify, variable
from lmgym.tasks.proof.sketch import Place
from lmgym.tasks.proof.steps import Fact, Pen, Property

_X, _Y = variable("x"), variable("y")
Chain = Callable[[Fact, Term], Fact]
Shape = Callable[[Pen, Chain], Formula]


def _all(has: Property) -> Formula:
    return quantify("forall", "x", has(_X))


def _some(has: Property) -> Formula:
    return quantify("exists", "x", has(_X))


def _no(has: Property) -> Property:
    return lambda term: negation(has(term))


def _of_one(pen: Pen, chain: Chain) -> Formula:
    """A(a) ⊢ Z(a)."""
    one, start = variable("a"), pen.new_property()
    end = chain(Fact(start, pen.sketch.premise(start(one))), one)
    return end.has(one)


def _of_equal(pen: Pen, chain: Chain) -> Formula:
    """A(a), a=b ⊢ Z(b)."""
    one, other, start = variable("a"), variable("b"), pen.new_property()
    end = chain(Fact(start, pen.sketch.premise(start(one))), one)
    turned = pen.words.below(2)
    equation = pen.sketch.premise(equal(other, one) if turned else equal(one, other))
    pen.sketch.add(end.has(other), "=E", equation, end.place)
    return end.has(other)


def _some_of_one(pen: Pen, chain: Chain) -> Formula:
    """A(a) ⊢ ∃x Z(x)."""
    one, start = variable("a"), pen.new_property()
    end = chain(Fact(start, pen.sketch.premise(start(one))), one)
    pen.sketch.add(_some(end.has), "exI", end.place)
    return _some(end.has)


def _one_of_all(pen: Pen, chain: Chain) -> Formula:
    """∀x A(x) ⊢ Z(a)."""
    one, start = variable("a"), pen.new_property()
    end = chain(Fact(start, pen.specialise(pen.law(start(_X)), start(_X), one)), one)
    return end.has(one)


def _all_of_all(pen: Pen, chain: Chain) -> Formula:
    """∀x A(x) ⊢ ∀x Z(x)."""
    any_one, start = pen.new_variable(), pen.new_property()
    end = chain(Fact(start, pen.specialise(pen.law(start(_X)), start(_X), any_one)), any_one)
    pen.sketch.add(_all(end.has), "allI", end.place)
    return _all(end.has)


def _all_from_to(pen: Pen, chain: Chain) -> Formula:
    """⊢ ∀x (A(x) → Z(x))."""
    any_one, start = pen.new_variable(), pen.new_property()
    end = chain(Fact(start, pen.sketch.assume(start(any_one))), any_one)
    box = pen.sketch.close(end.place)

    def law(term: Term) -> Formula:
        return connect("implies", start(term), end.has(term))

    pen.sketch.add(_all(law), "allI", pen.sketch.add(law(any_one), "->I", boxes=(box,)))
    return _all(law)


def _some_of_some(pen: Pen, chain: Chain) -> Formula:
    """∃x A(x) ⊢ ∃x Z(x)."""
    some_one, start = pen.new_variable(), pen.new_property()
    existence = pen.sketch.premise(_some(start))
    end = chain(Fact(start, pen.sketch.assume(start(some_one))), some_one)
    box = pen.sketch.close(pen.sketch.add(_some(end.has), "exI", end.place))
    pen.sketch.add(_some(end.has), "exE", existence, boxes=(box,))
    return _some(end.has)


def _both_of_some(pen: Pen, chain: Chain) -> Formula:
    """∃x (A(x) & B(x)) ⊢ ∃x (Z(x) & B(x))."""
    some_one, start, other = pen.new_variable(), pen.new_property(), pen.new_property()

    def with_other(has: Property) -> Property:
        return lambda term: connect("and", has(term), other(term))

    existence = pen.sketch.premise(_some(with_other(start)))
    both = pen.sketch.assume(with_other(start)(some_one))
    end = chain(Fact(start, pen.sketch.add(start(some_one), "&E", both)), some_one)
    kept = pen.sketch.add(other(some_one), "&E", both)
    found = with_other(end.has)
    joined = pen.sketch.add(found(some_one), "&I", end.place, kept)
    box = pen.sketch.close(pen.sketch.add(_some(found), "exI", joined))
    pen.sketch.add(_some(found), "exE", existence, boxes=(box,))
    return _some(found)


def _exchange(pen: Pen, chain: Chain) -> Formula:
    """∃x ∀y R(x,y) ⊢ ∀y Z(y), where the chain starts from ∃x R(x,y)."""
    related, some_one, any_one = pen.new_relation(), pen.new_variable(), pen.new_variable()

    def is_related(term: Term) -> Formula:
        return quantify("exists", "y", related(_Y, term))

    existence = pen.sketch.premise(_some(lambda term: quantify("forall", "y", related(term, _Y))))
    place = pen.sketch.assume(quantify("forall", "y", related(some_one, _Y)))
    found = pen.sketch.add(
        is_related(any_one), "exI", pen.sketch.add(related(some_one, any_one), "allE", place)
    )
    start = pen.sketch.add(is_related(any_one), "exE", existence, boxes=(pen.sketch.close(found),))
    end = chain(Fact(is_related, start), any_one)
    pen.sketch.add(_all(end.has), "allI", end.place)
    return _all(end.has)


def _none(pen: Pen, chain: Chain) -> Formula:
    """~∃x Z(x) ⊢ ∀x ~A(x)."""
    any_one, start = pen.new_variable(), pen.new_property()
    place = pen.sketch.assume(start(any_one))
    end = chain(Fact(start, place), any_one)
    some = pen.sketch.add(_some(end.has), "exI", end.place)
    never = pen.sketch.premise(negation(_some(end.has)))
    box = pen.sketch.close(pen.sketch.add(FALSE, "~E", never, some))
    denied = pen.sketch.add(negation(start(any_one)), "~I", boxes=(box,))
    pen.sketch.add(_all(_no(start)), "allI", denied)
    return _all(_no(start))


def _not_some(pen: Pen, chain: Chain) -> Formula:
    """∀x ~Z(x) ⊢ ~∃x A(x)."""
    some_one, start = pen.new_variable(), pen.new_property()
    existence = pen.sketch.assume(_some(start))
    end = chain(Fact(start, pen.sketch.assume(start(some_one))), some_one)
    denied = pen.specialise(pen.law(_no(end.has)(_X)), _no(end.has)(_X), some_one)
    inner = pen.sketch.close(pen.sketch.add(FALSE, "~E", denied, end.place))
    box = pen.sketch.close(pen.sketch.add(FALSE, "exE", existence, boxes=(inner,)))
    pen.sketch.add(negation(_some(start)), "~I", boxes=(box,))
    return negation(_some(start))


def _not_all(pen: Pen, chain: Chain) -> Formula:
    """∃x ~Z(x) ⊢ ~∀x A(x)."""
    some_one, start = pen.new_variable(), pen.new_property()
    universal = pen.sketch.assume(_all(start))
    end = chain(Fact(start, pen.specialise(universal, start(_X), some_one)), some_one)
    existence = pen.sketch.premise(_some(_no(end.has)))
    denied = pen.sketch.assume(_no(end.has)(some_one))
    inner = pen.sketch.close(pen.sketch.add(FALSE, "~E", denied, end.place))
    box = pen.sketch.close(pen.sketch.add(FALSE, "exE", existence, boxes=(inner,)))
    pen.sketch.add(negation(_all(start)), "~I", boxes=(box,))
    return negation(_all(start))


def _all_but_none(pen: Pen, chain: Chain) -> Formula:
    """~∃x ~A(x) ⊢ ∀x Z(x); classical."""
    any_one, start = pen.new_variable(), pen.new_property()
    premise = pen.sketch.premise(negation(_some(_no(start))))
    place = _by_contradiction(pen, start, premise, any_one)
    end = chain(Fact(start, place), any_one)
    pen.sketch.add(_all(end.has), "allI", end.place)
    return _all(end.has)


def _by_contradiction(pen: Pen, start: Property, never: Place, term: Term) -> Place:
    """Writes start(term), since nothing is an exception."""
    denied = pen.sketch.assume(_no(start)(term))
    some = pen.sketch.add(_some(_no(start)), "exI", denied)
    box = pen.sketch.close(pen.sketch.add(FALSE, "~E", never, some))
    return pen.sketch.add(start(term), "RAA", boxes=(box,))


def _some_exception(pen: Pen, chain: Chain) -> Formula:
    """~∀x Z(x) ⊢ ∃x ~A(x); classical."""
    any_one, start = pen.new_variable(), pen.new_property()
    never = pen.sketch.assume(negation(_some(_no(start))))
    end = chain(Fact(start, _by_contradiction(pen, start, never, any_one)), any_one)
    every = pen.sketch.add(_all(end.has), "allI", end.place)
    premise = pen.sketch.premise(negation(_all(end.has)))
    box = pen.sketch.close(pen.sketch.add(FALSE, "~E", premise, every))
    pen.sketch.add(_some(_no(start)), "RAA", boxes=(box,))
    return _some(_no(start))


SHAPES: Mapping[str, Shape] = {
    "of_one": _of_one,
    "of_equal": _of_equal,
    "some_of_one": _some_of_one,
    "one_of_all": _one_of_all,
    "all_of_all": _all_of_all,
    "all_from_to": _all_from_to,
    "some_of_some": _some_of_some,
    "both_of_some": _both_of_some,
    "exchange": _exchange,
    "none": _none,
    "not_some": _not_some,
    "not_all": _not_all,
    "all_but_none": _all_but_none,
    "some_exception": _some_exception,
}
"""Every shape by its name."""
CLASSICAL_SHAPES = ("all_but_none", "some_exception")
"""Shapes whose proof needs a classical rule."""
