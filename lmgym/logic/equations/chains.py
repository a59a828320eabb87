"""Proofs as chains of equal terms, line by line, each line a theorem of the kernel.

A chain begins at the left side of what is to be proved and ends at its right side. A line is the next term
and why it is equal to the one before: by a law, a hypothesis or the hypothesis of an induction, used once, at
one place, in either direction; or by induction over a letter, which opens two chains of its own, that for
zero and, after the line ``step``, that for the successor. All states are immutable values.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from lmgym.logic.equations.rewriting import fill, find_rewriting, join, rewrite
from lmgym.logic.equations.terms import MAX_CHARS, TermError, read_term
from lmgym.logic.equations.theories import Equation, Theory, make_equation
from lmgym.logic.kernel import (
    Term,
    Theorem,
    equal,
    equal_intro,
    forall_elim,
    function,
    induction,
    quantify,
    variable,
)

MAX_NESTED = 4
"""Inductions inside one another."""
MAX_LINE_CHARS = MAX_CHARS + 20
IH = "IH"
"""The name of the hypotheses of the inductions that are open."""


class Refusal(NamedTuple):
    """Why a line was not accepted."""

    reason: str
    """One word."""
    message: str


class By(NamedTuple):
    """A line of a chain: the next term and why it is equal."""

    term: Term
    law: str = ""
    """Name of a law or hypothesis; "": any."""
    letter: str = ""
    """Of an induction."""


class Step(NamedTuple):
    """The line that goes on to the successor."""


@dataclass(frozen=True)
class Claim:
    """What is to be proved, and from what."""

    theory: Theory
    left: Term
    right: Term
    hypotheses: tuple[tuple[str, Equation], ...] = ()
    """By name, such as ("h1", ...)."""
    max_size: int = 40
    """Symbols of a term of the chain at most."""

    @cached_property
    def letters(self) -> str:
        """The letters that may be written."""
        formulas = [equal(self.left, self.right), *(each.formula for _, each in self.hypotheses)]
        return "".join(sorted(frozenset[str]().union(*(formula.free for formula in formulas))))

    @cached_property
    def laws(self) -> Mapping[str, tuple[Equation, ...]]:
        """What may be used, by name."""
        return {**self.theory.laws, **{name: (each,) for name, each in self.hypotheses}}


@dataclass(frozen=True)
class Frame:
    """A chain that is being written; those of an open induction lie above the chain that they belong to."""

    target: Term
    said: tuple[Term, ...]
    """The terms of the chain; the last one is the current."""
    part: str = "goal"
    """"goal", or of an induction the "base" or the "step"."""
    letter: str = ""
    """Of the induction."""
    after: Term | None = None
    """Where the chain below goes on when the induction is done."""
    theorem: Theorem = field(kw_only=True, compare=False, repr=False)
    """The first term is equal to the current one."""
    base: Theorem | None = field(default=None, kw_only=True, compare=False, repr=False)
    """What the base came to, in the step."""

    @property
    def current(self) -> Term:
        return self.said[-1]

    @property
    def is_closed(self) -> bool:
        return self.current is self.target


@dataclass(frozen=True)
class Chain:
    """A proof so far."""

    claim: Claim
    frames: tuple[Frame, ...]
    """The innermost chain last."""

    @property
    def frame(self) -> Frame:
        """The innermost chain."""
        return self.frames[-1]

    @property
    def is_proved(self) -> bool:
        return self.theorem is not None

    @property
    def theorem(self) -> Theorem | None:
        """The theorem that was to be proved, None if it is not there yet.

        Its conclusion is the claim's equation, its hypotheses are laws of the theory and of the claim.
        """
        if len(self.frames) > 1 or not self.frame.is_closed:
            return None
        found, claim = self.frame.theorem, self.claim
        allowed = {each.formula for law in claim.laws.values() for each in law}
        may_use = {"induction"} if claim.theory.has_induction else set[str]()
        is_allowed = found.hypotheses <= allowed and found.uses <= may_use
        return found if is_allowed and found.conclusion is equal(claim.left, claim.right) else None

    @cached_property
    def laws(self) -> Mapping[str, tuple[Equation, ...]]:
        """What the next line may use, by name.

        Within an induction nothing may be used that speaks of its letter, but for its own hypothesis.
        """
        if len(self.frames) == 1:
            return self.claim.laws
        laws, known = dict(self.claim.laws), list[Equation]()
        for below, frame in pairwise(self.frames):
            laws = {name: law for name, law in laws.items() if frame.letter not in law[0].formula.free}
            known = [each for each in known if frame.letter not in each.formula.free]
            if frame.part == "step" and frame.after is not None:
                known.insert(0, make_equation(below.current, frame.after))
        return {**laws, **({IH: tuple(known)} if known else {})}


def begin(claim: Claim) -> Chain:
    """Returns the chain that has its first term only, the left side of ``claim``."""
    return Chain(claim, (Frame(claim.right, (claim.left,), theorem=equal_intro(claim.left)),))


def extend(chain: Chain, line: By | Step) -> Chain | Refusal:
    """Returns the proof with one line more, or why it is refused."""
    if isinstance(line, Step):
        return _begin_step(chain)
    if chain.frame.is_closed:
        return Refusal(
            "done", "the base is done; go on with step" if len(chain.frames) > 1 else "it is proved"
        )
    if line.term.size > chain.claim.max_size:
        return Refusal("long", f"a term of more than {chain.claim.max_size} symbols")
    if line.term in chain.frame.said:
        return Refusal("repeated", "said before")
    return _begin_induction(chain, line.term, line.letter) if line.letter else _use(chain, line)


def _use(chain: Chain, line: By) -> Chain | Refusal:
    laws = chain.laws
    if line.law and line.law not in laws:
        return Refusal("law", f"no such law; there are {', '.join(laws)}")
    usable = laws[line.law] if line.law else [each for law in laws.values() for each in law]
    found = find_rewriting(chain.frame.current, line.term, usable)
    if found is None:
        return Refusal("wrong", "does not follow" + (f" by {line.law}" if line.law else ""))
    return _go_on(chain, rewrite(chain.frame.theorem, found))


def _go_on(chain: Chain, theorem: Theorem) -> Chain:
    """Returns the proof with ``theorem`` for the innermost chain; an induction that is done is closed."""
    frame = chain.frame
    frame = replace(frame, said=(*frame.said, theorem.conclusion.parts[1]), theorem=theorem)
    return _close(Chain(chain.claim, (*chain.frames[:-1], frame)))


def _close(chain: Chain) -> Chain:
    frame = chain.frame
    if frame.part != "step" or not frame.is_closed:
        return chain
    below = Chain(chain.claim, chain.frames[:-1])
    assert frame.base is not None and frame.after is not None, frame
    formula = quantify("forall", frame.letter, equal(below.frame.current, frame.after))
    found = induction(frame.base, frame.letter, frame.theorem, formula)
    return _go_on(below, join(below.frame.theorem, forall_elim(found, variable(frame.letter))))


def _begin_induction(chain: Chain, after: Term, letter: str) -> Chain | Refusal:
    current = chain.frame.current
    if not chain.claim.theory.has_induction:
        return Refusal("law", f"there is no induction in a {chain.claim.theory.name}")
    if letter not in current.free | after.free:
        return Refusal("letter", f"{letter} does not occur")
    if len(chain.frames) > MAX_NESTED:
        return Refusal("nested", f"more than {MAX_NESTED} inductions inside one another")
    zero = {letter: function("0")}
    first = fill(current, zero)
    frame = Frame(fill(after, zero), (first,), "base", letter, after, theorem=equal_intro(first))
    return Chain(chain.claim, (*chain.frames, frame))


def _begin_step(chain: Chain) -> Chain | Refusal:
    frame = chain.frame
    if frame.part != "base" or not frame.is_closed or frame.after is None:
        return Refusal("step", "no base is done" if frame.part != "base" else "the base is not done")
    following = {frame.letter: function("s", variable(frame.letter))}
    first, target = (fill(term, following) for term in (chain.frames[-2].current, frame.after))
    step = Frame(
        target, (first,), "step", frame.letter, frame.after, theorem=equal_intro(first), base=frame.theorem
    )
    return _close(Chain(chain.claim, (*chain.frames[:-1], step)))


def read_line(text: str, chain: Chain) -> By | Step | Refusal:
    """Returns what a line says: ``=a*b by id``, ``=a*b``, ``=a+b by ind a`` or ``step``. Takes any text."""
    line = text.strip(" \t\r\n")
    if line == "step":
        return Step()
    if not line.startswith("=") or len(line) > MAX_LINE_CHARS:
        return Refusal("unparsed", "no line; write = and the next term, or step")
    written, by, law = line[1:].partition("by")
    law = law.strip(" \t\r")
    if bool(by) != bool(law):
        return Refusal("unparsed", "no law after by")
    word, _, letter = law.partition(" ")
    letter = letter.strip(" \t")
    if letter and (word != "ind" or letter not in chain.claim.letters or len(letter) > 1):
        return Refusal("unparsed", "no law after by; induction is written ind a")
    try:
        term = read_term(written, chain.claim.theory.signs, chain.claim.letters)
    except TermError as error:
        return Refusal("unparsed", str(error))
    return By(term, "" if letter else law, letter)


def write_line(line: By | Step, theory: Theory) -> str:
    """Returns the canonical text of a line."""
    if isinstance(line, Step):
        return "step"
    law = f"ind {line.letter}" if line.letter else line.law
    return f"={theory.write(line.term)}{' by ' if law else ''}{law}"


def play_line(chain: Chain, text: str) -> Chain | Refusal:
    """Returns the proof after one line of text, or why it is refused. Takes any text."""
    line = read_line(text, chain)
    return line if isinstance(line, Refusal) else extend(chain, line)


def name_law(chain: Chain, line: By | Step) -> By | Step:
    """Returns ``line`` with the name of the first law that gives it, as it is if there is none to name."""
    if isinstance(line, Step) or line.letter or line.law:
        return line
    current = chain.frame.current
    names = (name for name, law in chain.laws.items() if find_rewriting(current, line.term, law))
    return line._replace(law=next(names, ""))
