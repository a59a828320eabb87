"""Theories: the signs of their terms and their laws by name.

A law is one equation or several that go by one name, ``comm`` for both a+b = b+a and a*b = b*a. In a law the
letters x, y, z stand for anything; a to d are the elements that a problem is about.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import NamedTuple

from lmgym.logic.equations.terms import Signs, read_term, write_term
from lmgym.logic.kernel import Formula, Term, equal, quantify

ANYTHING = "xyz"
"""Letters of laws: they stand for any term."""
ELEMENTS = "abcd"
"""Letters of problems: each stands for one element, always the same."""


class Equation(NamedTuple):
    """An equation that may be used in a proof; equal in all instances of its letters x, y, z."""

    left: Term
    right: Term
    letters: tuple[str, ...]
    """Those of x, y, z that occur."""
    formula: Formula
    """The equation, universally quantified."""


def make_equation(left: Term, right: Term) -> Equation:
    """Returns ``left = right`` for all values of x, y, z."""
    formula = equal(left, right)
    letters = tuple(sorted(formula.free & set(ANYTHING)))
    for letter in reversed(letters):
        formula = quantify("forall", letter, formula)
    return Equation(left, right, letters, formula)


@dataclass(frozen=True)
class Theory:
    """A set of laws; compared by name."""

    name: str
    signs: Signs = field(compare=False, repr=False)
    laws: Mapping[str, tuple[Equation, ...]] = field(compare=False, repr=False)
    has_induction: bool = field(default=False, compare=False, repr=False)

    def read(self, text: str) -> Term:
        """Returns a term; raises TermError."""
        return read_term(text, self.signs, ELEMENTS + ANYTHING)

    def write(self, term: Term) -> str:
        """Returns the text of a term."""
        return write_term(term, self.signs)

    def read_equation(self, text: str) -> Equation:
        """Returns the equation of a text such as ``x*e=x``; raises TermError."""
        left, _, right = text.partition("=")
        return make_equation(self.read(left), self.read(right))

    def write_equation(self, equation: Equation) -> str:
        """Returns the text of an equation."""
        return f"{self.write(equation.left)}={self.write(equation.right)}"

    @property
    def equations(self) -> tuple[Equation, ...]:
        """The equations of all laws."""
        return tuple(each for law in self.laws.values() for each in law)

    def describe_laws(self) -> str:
        """Returns a line for each law, ``id x*e=x, e*x=x``."""
        texts = {name: ", ".join(map(self.write_equation, law)) for name, law in self.laws.items()}
        return "\n".join(f"{name} {text}" for name, text in texts.items())


def _make_theory(name: str, signs: Signs, laws: Mapping[str, str], *, has_induction: bool = False) -> Theory:
    bare = Theory(name, signs, {}, has_induction)
    read = {law: tuple(map(bare.read_equation, text.split())) for law, text in laws.items()}
    return Theory(name, signs, MappingProxyType(read), has_induction)


_GROUP = Signs({"*": 1}, constants="e", postfix="'")
_RING = Signs({"+": 1, "*": 2}, constants="01", prefix="-", joins="+")
_BOOLEAN = Signs({"|": 1, "&": 2}, constants="01", prefix="~")
_PEANO = Signs({"+": 1, "*": 2}, constants="0", calls="s")

THEORIES: Mapping[str, Theory] = MappingProxyType({
    theory.name: theory
    for theory in (
        _make_theory("group", _GROUP, {
            "assoc": "x*y*z=x*(y*z)",
            "id": "x*e=x e*x=x",
            "inv": "x*x'=e x'*x=e",
        }),
        _make_theory("ring", _RING, {
            "assoc": "x+y+z=x+(y+z) x*y*z=x*(y*z)",
            "comm": "x+y=y+x x*y=y*x",
            "id": "x+0=x 0+x=x x*1=x 1*x=x",
            "inv": "x-x=0 -x+x=0",
            "dist": "x*(y+z)=x*y+x*z (x+y)*z=x*z+y*z",
        }),
        _make_theory("boolean", _BOOLEAN, {
            "assoc": "x&y&z=x&(y&z) x|y|z=x|(y|z)",
            "comm": "x&y=y&x x|y=y|x",
            "id": "x&1=x 1&x=x x|0=x 0|x=x",
            "comp": "x&~x=0 ~x&x=0 x|~x=1 ~x|x=1",
            "dist": "x&(y|z)=x&y|x&z (x|y)&z=x&z|y&z x|y&z=(x|y)&(x|z) x&y|z=(x|z)&(y|z)",
        }),
        _make_theory("peano", _PEANO, {
            "add": "x+0=x x+s(y)=s(x+y)",
            "mul": "x*0=0 x*s(y)=x*y+x",
        }, has_induction=True),
    )
})  # fmt: skip
"""Groups, commutative rings with 1, Boolean algebras, and natural numbers after Peano."""
