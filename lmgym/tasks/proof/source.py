"""Where the problems of a level come from: its generator, what is overridden of it, and how large it can get.

Levels 1 to 10 are propositional (``knobs``, ``draw``), the later ones have quantifiers (``first_order``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from lmgym.errors import InvalidValueError
from lmgym.logic.fitch import Line, Sequent, write_line
from lmgym.logic.notation import Style
from lmgym.tasks.base import HASHED_SPLITS
from lmgym.tasks.options import check_choice, check_int
from lmgym.tasks.proof import knobs
from lmgym.tasks.proof.draw import draw_sequents
from lmgym.tasks.proof.first_order import LEVELS as FIRST_ORDER_LEVELS
from lmgym.tasks.proof.first_order import FirstOrder, draw_first_order, with_logic
from lmgym.tasks.proof.replies import write_sequent
from lmgym.tasks.stream import Words, draw_until_split

LOGICS: Final = ("any", "intuitionistic", "classical")
NUM_PROPOSITIONAL: Final = max(knobs.LEVELS)
MAX_LEVEL: Final = NUM_PROPOSITIONAL + len(FIRST_ORDER_LEVELS)
_STYLES: Final[tuple[Style, ...]] = ("ascii", "unicode")


class Sizes(NamedTuple):
    """The largest problem of a level, over every split and both notations."""

    lines: int
    """Of a proof, premises aside."""
    line_chars: int
    proof_chars: int
    prompt_chars: int


class Case(NamedTuple):
    """A sequent with a proof of it, before it is written down."""

    sequent: Sequent
    proof: tuple[Line, ...]
    key: str
    is_shortest: bool


class Source(NamedTuple):
    """The generator of one configuration; exactly one of the first two is None."""

    propositional: knobs.Knobs | None
    quantified: FirstOrder | None
    logic: str
    """As in ``Knobs.logic``: "intuitionistic" keeps the classical rules out of the proofs."""

    @property
    def name(self) -> str:
        """What fixes the problems, stable between versions of Python."""
        return self._quantified.name if self.propositional is None else self.propositional.name

    @property
    def _quantified(self) -> FirstOrder:
        assert self.quantified is not None
        return self.quantified

    @property
    def classical(self) -> bool:
        """Whether proofs may use the classical rules."""
        return self.logic != "intuitionistic"

    @property
    def splits(self) -> tuple[str, ...]:
        """The splits that hold problems; deeper ones that need a classical rule are too rare to draw."""
        if self.propositional is None:
            return (*HASHED_SPLITS, "ood_length")
        is_rare = self.logic == "classical"
        return (
            *HASHED_SPLITS,
            *(split for split in knobs.OOD_SPLITS if not (is_rare and split == "ood_depth")),
        )

    @property
    def sizes(self) -> Sizes:
        if self.propositional is None:
            return Sizes(*self._quantified.sizes)
        lines = max(knobs.knobs_of_split(self.propositional, split).max_lines for split in self.splits)
        return Sizes(lines, 80, 32 * lines + 48, 160)

    def draw(self, split: str, count: int, words: Words) -> list[Case]:
        """Returns ``count`` problems that are no larger than ``sizes``.

        Raises:
            EmptyProblemSetError: the split holds none.
        """
        cases = list[Case]()
        while len(cases) < count:
            cases += [case for case in self._draw(split, count - len(cases), words) if self._fits(case)]
        return cases

    def _draw(self, split: str, count: int, words: Words) -> list[Case]:
        if self.propositional is not None:
            drawn = draw_sequents(self.propositional, split, count, words)
            return [Case(d.sequent, d.proof, d.key, d.min_lines == len(d.proof)) for d in drawn]
        level = self._quantified
        found = [
            draw_until_split(lambda w: draw_first_order(level, split, w), split, words) for _ in range(count)
        ]
        return [Case(d.sequent, d.proof, d.key, False) for d in found]

    def _fits(self, case: Case) -> bool:
        sizes = self.sizes
        return len(case.proof) <= sizes.lines and all(
            len(write_sequent(case.sequent, style)) <= sizes.prompt_chars
            and proof_fits(case.sequent, case.proof, sizes, style)
            for style in _STYLES
        )


def proof_fits(sequent: Sequent, proof: tuple[Line, ...], sizes: Sizes, style: Style) -> bool:
    """Returns whether the text of ``proof`` is no larger than ``sizes``."""
    lengths = [len(line) for line in proof_texts(sequent, proof, style)]
    return max(lengths) <= sizes.line_chars and sum(lengths) + len(lengths) <= sizes.proof_chars


def proof_texts(sequent: Sequent, proof: Iterable[Line], style: Style) -> list[str]:
    """Returns the lines of a proof as text, numbered on from the premises."""
    return [write_line(line, number, style) for number, line in enumerate(proof, len(sequent.premises) + 1)]


def make_source(level: int, logic: str | None, overrides: Mapping[str, object]) -> Source:
    """Returns the generator of ``level`` with those of ``overrides`` that are not None.

    Raises:
        InvalidValueError: a value out of its range, or a knob that the level does not have.
        UnknownNameError: an unknown logic or connective.
    """
    if logic is not None:
        check_choice("logic", logic, LOGICS)
    given = {name: value for name, value in overrides.items() if value is not None}
    if level > NUM_PROPOSITIONAL:
        if given:
            raise InvalidValueError(
                f"{', '.join(given)} can be chosen in levels 1 to {NUM_PROPOSITIONAL} only, "
                f"got level={level!r}."
            )
        return _first_order_source(level, logic)
    base = knobs.LEVELS[level]
    values = vars(base) | given | ({} if logic is None else {"logic": logic})
    chosen = dataclasses.replace(
        base,
        min_lines=check_int("min_lines", values["min_lines"], 1, 20),
        max_lines=check_int("max_lines", values["max_lines"], 1, 20),
        min_depth=check_int("min_depth", values["min_depth"], 0, 5),
        max_depth=check_int("max_depth", values["max_depth"], 0, 5),
        num_atoms=check_int("num_atoms", values["num_atoms"], 1, 6),
        num_distractors=check_int("num_distractors", values["num_distractors"], 0, 4),
        connectives=_check_connectives(values["connectives"]),
        logic=values["logic"],
    )
    for what in ("lines", "depth"):
        low, high = getattr(chosen, f"min_{what}"), getattr(chosen, f"max_{what}")
        if low > high:
            raise InvalidValueError(f"min_{what} must be at most max_{what}, got {low} and {high}.")
    return Source(chosen, None, chosen.logic)


def _first_order_source(level: int, logic: str | None) -> Source:
    base = FIRST_ORDER_LEVELS[level - NUM_PROPOSITIONAL - 1]
    logic = base.logic if logic is None else logic
    return Source(None, with_logic(base, logic), logic)


def _check_connectives(given: object) -> tuple[knobs.Connective, ...]:
    names = (given,) if isinstance(given, str) else given
    if not isinstance(names, Iterable) or not (names := tuple(names)):
        raise InvalidValueError(f"connectives must name some of {knobs.CONNECTIVES}, got {given!r}.")
    chosen = {check_choice("connectives", name, knobs.CONNECTIVES) for name in names}
    if chosen == {"not"}:
        raise InvalidValueError("connectives must have one beside 'not': problems need one of two places.")
    return tuple(name for name in knobs.CONNECTIVES if name in chosen)
