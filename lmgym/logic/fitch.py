"""Proofs checked line by line, in Fitch's style: the language of docs/proofs.md.

In: a sequent, and lines as values or as text. Out: a ``ProofState`` with every line, or a ``Refusal``. Each
line is a theorem of the kernel, so a mistake here could refuse a good line but never accept a false one: a
proof is one if the kernel has made a theorem whose hypotheses are premises and whose conclusion is the goal.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Final, NamedTuple, NoReturn, cast

from lmgym.logic.fitch_lines import MAX_LINE_CHARS, Line, Refusal, Sequent, parse_line, write_line
from lmgym.logic.fitch_rules import RULES, Box, Rule, RuleError
from lmgym.logic.kernel import Formula, KernelError, Theorem, assume
from lmgym.logic.notation import FormulaError, Signature, write_formula

__all__ = [
    "MAX_BOXES", "MAX_LINES", "MAX_LINE_CHARS", "MAX_TEXT_CHARS", "Check", "Line", "ProofState", "Refusal",
    "Sequent", "begin", "check_text", "extend", "read_line", "write_line",
]  # fmt: skip

MAX_LINES: Final = 1_000
"""Lines of a proof at most, premises among them."""
MAX_BOXES: Final = 50
"""Boxes open at once."""
MAX_TEXT_CHARS: Final = 200_000


class _Context(NamedTuple):
    """What is the same for every state of a proof."""

    sequent: Sequent
    allowed: frozenset[str]
    premises: frozenset[Formula]


_Step = tuple[Line, Theorem, tuple[int, ...]]
"""A line, its theorem, and the first lines of the boxes it stands in, the outermost first."""
_assumed = lru_cache(maxsize=4096)(assume)


class ProofState:
    """A proof so far; made by ``begin`` and ``extend``. Immutable; equal if sequent, logic and lines are."""

    __slots__ = ("_context", "_open_boxes", "_steps", "is_proved", "uses")
    _context: _Context
    _steps: tuple[_Step, ...]
    _open_boxes: tuple[int, ...]
    is_proved: bool
    """The goal stands outside of all boxes, as a theorem of the kernel from the premises."""
    uses: frozenset[str]
    """What the lines rest on beside intuitionistic logic: "classical", "induction"."""

    def __new__(cls, *_: object) -> ProofState:
        raise TypeError("a proof begins with lmgym.logic.fitch.begin")

    @property
    def sequent(self) -> Sequent:
        return self._context.sequent

    @property
    def lines(self) -> tuple[Line, ...]:
        """All lines, the premises first."""
        return tuple([line for line, _, _ in self._steps])

    @property
    def num_lines(self) -> int:
        return len(self._steps)

    @property
    def depth(self) -> int:
        """Number of open boxes."""
        return len(self._open_boxes)

    @property
    def is_classical(self) -> bool:
        return "classical" in self._context.allowed

    @property
    def has_induction(self) -> bool:
        return "induction" in self._context.allowed

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ProofState):
            return NotImplemented
        return self is other or (self._context == other._context and self.lines == other.lines)

    def __hash__(self) -> int:
        return hash((self._context, self.lines))

    def __setattr__(self, *_: object) -> NoReturn:
        raise AttributeError("a proof state is immutable")

    __delattr__ = __setattr__

    def __copy__(self, _: object = None) -> ProofState:
        return self

    __deepcopy__ = __copy__

    def __reduce__(self) -> tuple[object, ...]:
        sequent, played = self.sequent, self.lines[len(self.sequent.premises) :]
        return _replay, (sequent, self.is_classical, self.has_induction, played)

    def __repr__(self) -> str:
        lines = [write_line(line, number) for number, line in enumerate(self.lines, 1)]
        return "\n".join([*lines, f"({'proved' if self.is_proved else 'not proved'})"])


_set_context = ProofState._context.__set__  # type: ignore[attr-defined,misc]
_set_steps = ProofState._steps.__set__  # type: ignore[attr-defined,misc]
_set_open_boxes = ProofState._open_boxes.__set__  # type: ignore[attr-defined,misc]
_set_is_proved = ProofState.is_proved.__set__  # type: ignore[attr-defined,misc]
_set_uses = ProofState.uses.__set__  # type: ignore[attr-defined,misc]


def begin(sequent: Sequent, *, classical: bool = True, induction: bool = False) -> ProofState:
    """Returns the proof that has the premises only.

    Args:
        sequent: what is to be proved.
        classical: whether DNE, RAA and LEM may be used.
        induction: whether IND may be used.
    """
    names = (("classical",) if classical else ()) + (("induction",) if induction else ())
    premises = tuple(sequent.premises)
    context = _Context(Sequent(premises, sequent.goal), frozenset(names), frozenset(premises))
    assume(sequent.goal)  # raises for what is no formula
    steps = tuple([(Line(0, premise, "pr"), _assumed(premise), ()) for premise in premises])
    return _state(context, steps, (), sequent.goal in context.premises, frozenset())


def _state(
    context: _Context, steps: tuple[_Step, ...], boxes: tuple[int, ...], is_proved: bool, uses: frozenset[str]
) -> ProofState:
    new = object.__new__(ProofState)
    _set_context(new, context)
    _set_steps(new, steps)
    _set_open_boxes(new, boxes)
    _set_is_proved(new, is_proved)
    _set_uses(new, uses)
    return new


def _replay(sequent: Sequent, classical: bool, induction: bool, lines: tuple[Line, ...]) -> ProofState:
    state = begin(sequent, classical=classical, induction=induction)
    for line in lines:
        after = extend(state, line)
        if isinstance(after, Refusal):
            raise KernelError(f"the stored proof is none: {after.message}")
        state = after
    return state


def extend(state: ProofState, line: Line) -> ProofState | Refusal:
    """Returns the proof with ``line`` after it, or why the line does not follow."""
    try:
        theorem, boxes = _play(state, line)
    except RuleError as error:
        return Refusal(error.reason, f"{line.rule}: {error.message}")
    except KernelError as error:
        return Refusal("mismatch", f"{line.rule}: {error}")
    context = state._context
    is_goal = not boxes and theorem.conclusion is context.sequent.goal
    is_proved = is_goal and theorem.hypotheses <= context.premises and theorem.uses <= context.allowed
    steps = (*state._steps, (line, theorem, boxes))
    uses = state.uses | theorem.uses if theorem.uses else state.uses
    return _state(context, steps, boxes, state.is_proved or is_proved, uses)


def _play(state: ProofState, line: Line) -> tuple[Theorem, tuple[int, ...]]:
    """Returns the line's theorem and the boxes it stands in."""
    depth, formula, name, _, _ = line
    boxes, number = state._open_boxes, len(state._steps) + 1
    if number > MAX_LINES:
        raise RuleError(f"more than {MAX_LINES} lines", "budget")
    if name == "as":
        return _assumed(formula), _opened(boxes, depth, number, line)
    if not 0 <= depth <= len(boxes):
        raise RuleError(f"only {len(boxes)} boxes are open", "depth")
    rule = _rule(state, line)
    boxes = boxes[:depth]
    theorems = [_theorem(state, boxes, cited) for cited in line.lines]
    closed = [_box(state, boxes, *cited) for cited in line.boxes]
    try:
        theorem = rule.apply(formula, theorems, closed)
    except RuleError as error:
        cited = [f"line {i}" for i in line.lines] + [f"box {i}-{j}" for i, j in line.boxes]
        raise RuleError(error.message.format(*cited), error.reason) from None
    if theorem.conclusion is not formula:
        raise RuleError(f"that would give {_show(theorem.conclusion)}")
    return theorem, boxes


def _opened(boxes: tuple[int, ...], depth: int, number: int, line: Line) -> tuple[int, ...]:
    if not 1 <= depth <= len(boxes) + 1:
        raise RuleError(f"an assumption here has 1 to {len(boxes) + 1} bars", "depth")
    if depth > MAX_BOXES:
        raise RuleError(f"more than {MAX_BOXES} open boxes", "budget")
    if line.lines or line.boxes:
        raise RuleError("an assumption cites nothing", "citation")
    return (*boxes[: depth - 1], number)


def _rule(state: ProofState, line: Line) -> Rule:
    rule = RULES.get(line.rule)
    if rule is None:
        known = "premises stand at the beginning only" if line.rule == "pr" else "there is no such rule"
        raise RuleError(known, "rule")
    if rule.logic and rule.logic not in state._context.allowed:
        raise RuleError("this proof must do without it", "logic")
    if len(line.lines) != rule.num_lines or len(line.boxes) != rule.num_boxes:
        raise RuleError(
            f"cites {_count(rule.num_lines, 'line')} and {_count(rule.num_boxes, 'box')}", "citation"
        )
    return rule


def _count(number: int, noun: str) -> str:
    plural = "" if number == 1 else "es" if noun == "box" else "s"
    return f"{number or 'no'} {noun}{plural}"


def _theorem(state: ProofState, boxes: tuple[int, ...], cited: int) -> Theorem:
    """Returns the theorem of a line that may be cited from within ``boxes``."""
    if not 1 <= cited <= len(state._steps):
        raise RuleError(f"there is no line {cited} above", "citation")
    _, theorem, within = state._steps[cited - 1]
    if within and (len(within) > len(boxes) or boxes[len(within) - 1] != within[-1]):
        raise RuleError(f"line {cited} is in a closed box", "scope")
    return theorem


def _box(state: ProofState, boxes: tuple[int, ...], first: int, last: int) -> Box:
    """Returns a closed box that may be cited from within ``boxes``."""
    steps = state._steps
    if not 1 <= first <= last <= len(steps):
        raise RuleError(f"there is no box {first}-{last} above", "citation")
    opening, _, within = steps[first - 1]
    depth = len(within)
    if opening.rule != "as":
        raise RuleError(f"no box begins at line {first}", "citation")
    if depth <= len(boxes) and boxes[depth - 1] == first:
        raise RuleError(f"box {first}-{last} is still open", "scope")
    if depth > len(boxes) + 1 or (depth > 1 and boxes[depth - 2] != within[depth - 2]):
        raise RuleError(f"box {first}-{last} is in a closed box", "scope")
    ends_here = steps[last - 1][2][depth - 1 :][:1] == (first,)
    if not ends_here or (last < len(steps) and steps[last][2][depth - 1 :][:1] == (first,)):
        raise RuleError(f"the box from line {first} does not end at line {last}", "citation")
    if len(steps[last - 1][2]) != depth:
        raise RuleError(f"box {first}-{last} ends inside another box", "scope")
    return Box(opening.formula, steps[last - 1][1])


def _show(formula: Formula) -> str:
    try:
        text = write_formula(formula)
    except FormulaError:
        return "another formula"
    return text if len(text) <= 200 else "another formula"


def read_line(text: str, state: ProofState, signature: Signature | None = None) -> Line | Refusal:
    """Returns the line that ``text`` writes as the next one of ``state``, or why it is none.

    The rule is not applied yet: that is ``extend``.
    """
    return parse_line(text, len(state._steps) + 1, signature)


class Check(NamedTuple):
    """How far a text got."""

    state: ProofState
    """After the last accepted line."""
    refusal: Refusal | None
    line_index: int
    """Index of the refused line among the lines of the text; their number if none was refused."""


def check_text(state: ProofState, text: str, signature: Signature | None = None) -> Check:
    """Plays the lines of ``text`` after ``state`` until one is refused; blank ones are skipped."""
    if len(text) > MAX_TEXT_CHARS:
        return Check(state, Refusal("budget", f"longer than {MAX_TEXT_CHARS} characters"), 0)
    lines = text.replace("\r\n", "\n").split("\n")
    for index, each in enumerate(lines):
        line = parse_line(each, len(state._steps) + 1, signature)
        after = extend(state, line) if type(line) is Line else line
        if type(after) is ProofState:
            state = after
        elif each.strip(" \t\r"):
            return Check(state, cast(Refusal, after), index)
    return Check(state, None, len(lines))
