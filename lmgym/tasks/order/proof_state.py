"""How far a proof about comparisons is: line by line, by theorems of the kernel.

Comes in: a problem whose premises are numbered, and lines. Goes out: a verdict on each, and how many lines
are missing. A line is a comparison that follows by transitivity from two lines before it, or says again what
one of them says; a case, where the answer is unknown; and last, the answer. The first line that is refused
ends the proof.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from lmgym.grading.derivation import (
    BLANK,
    DETOUR,
    DONE,
    REPEATED,
    RIGHT,
    WRONG,
)
from lmgym.logic.kernel import Theorem, assume
from lmgym.records import StepVerdict
from lmgym.tasks.order.answers import MAX_ANSWER_CHARS, WHITESPACE, can_complete, read_answer
from lmgym.tasks.order.cases import agrees, answer_in
from lmgym.tasks.order.draw import ProofReference
from lmgym.tasks.order.logic import CONTRADICTION, UNKNOWN, Fact, Facts
from lmgym.tasks.order.proof_lines import Case, Derived, begins_any, read_case_so_far, read_line
from lmgym.tasks.order.theorems import compare, compose, grounds, is_proof, prove, state

NUM_CASES = 2
"""Of an answer that is unknown."""

_UNREAD = StepVerdict("undecided", "unread")
_UNPARSED = StepVerdict("unparsed", "unparsed")
_UNPROVED = StepVerdict("wrong", "unproved")
_NUMBER = StepVerdict("wrong", "number")
_CITED = StepVerdict("wrong", "cited")
_REFUSED = ("wrong", "unparsed")


class Checked:
    """How far the proof of a response is, after the lines that were judged."""

    def __init__(self, reference: ProofReference) -> None:
        self.is_refused = False
        self.is_done = False
        """Whether the right answer was given, and proved."""
        self._value, self._order = reference.value, reference.order
        self._names = Facts(self._order.premises).names
        self._lines = [assume(compare(fact, is_asked=asked)) for fact, asked in reference.premises]
        self._facts: list[Fact | None] = [fact if asked else None for fact, asked in reference.premises]
        self._said: dict[Fact, Theorem] = {}
        self._cases: dict[tuple[str, ...], str] = {}
        self._num_needed = self._nearest = self.num_missing()

    @property
    def is_proved(self) -> bool:
        """Whether the answer is given and proved, and nothing is wrong."""
        return self.is_done and not self.is_refused

    @property
    def score(self) -> float:
        """Partial credit of what is not proved, k / (n + 1): k of the n lines that it takes are there."""
        return (self._num_needed - self._nearest) / (self._num_needed + 1)

    def judge(self, line: str) -> StepVerdict:
        """Returns the verdict on the next line, any text, and goes on from it."""
        text = line.strip(WHITESPACE)
        if not text:
            return BLANK
        if self.is_refused or self.is_done:
            self.is_refused = True  # nothing may follow the answer
            return DONE if self.is_done else _UNREAD
        said = read_line(text)
        if isinstance(said, Case):
            verdict = self._judge_case(said)
        elif said is not None:
            verdict = self._judge_derived(said)
        else:
            verdict = self._judge_answer(text)
        self.is_refused = verdict.status in _REFUSED
        return verdict

    def _judge_derived(self, line: Derived) -> StepVerdict:
        if not set(self._names).issuperset(line.fact):
            return _UNPARSED
        if line.number not in (None, len(self._lines) + 1):
            return _NUMBER
        if max(line.cited) > len(self._lines):
            return _CITED
        theorem = self._follow([self._lines[number - 1] for number in line.cited])
        if theorem is None or theorem.conclusion is not compare(line.fact):
            return WRONG
        is_new = line.fact not in self._said
        self._lines.append(theorem)
        self._facts.append(line.fact)
        self._said.setdefault(line.fact, theorem)
        return self._judge_progress(is_new)

    def _follow(self, cited: Sequence[Theorem]) -> Theorem | None:
        if len(cited) == 1:
            return cited[0]
        return compose(*cited) or compose(*reversed(cited))

    def _judge_case(self, line: Case) -> StepVerdict:
        if not set(self._names).issuperset(line.order):
            return _UNPARSED
        if len(line.order) != len(self._names) or len(set(line.order)) != len(self._names):
            return WRONG
        if not agrees(line.order, self._order.premises):
            return WRONG
        is_new = line.order not in self._cases
        if is_new:
            self._cases[line.order] = answer_in(line.order, self._order.question)
        return self._judge_progress(is_new)

    def _judge_progress(self, is_new: bool) -> StepVerdict:
        distance = self.num_missing()
        if distance >= self._nearest:
            return DETOUR if is_new else REPEATED
        self._nearest = distance
        return RIGHT

    def _judge_answer(self, text: str) -> StepVerdict:
        said = read_answer(text, self._order.question.kind, self._names) if _is_short(text) else None
        if said is None:
            return _UNPARSED
        if said != self._value:
            return WRONG
        self.is_done = self._is_proved()
        return RIGHT if self.is_done else _UNPROVED

    def _is_proved(self) -> bool:
        if self._value == UNKNOWN:
            return len(set(self._cases.values())) >= NUM_CASES
        asked = self._value, self._order.question, self._names
        return is_proof(prove(*asked, self._said), state(*asked), self._order.premises)

    def num_missing(self) -> int:
        """Returns the least number of lines that are missing before the answer. Exact.

        A deduction shortens a way between two objects by one at most, ways to different grounds of an answer
        share no deduction, and each of those to an extreme takes one line, the nearest first.
        """
        if self._value == UNKNOWN:
            return NUM_CASES - min(NUM_CASES, len(set(self._cases.values())))
        facts = Facts(fact for fact in self._facts if fact is not None)
        if self._value == CONTRADICTION:
            if any(greater == lesser for greater, lesser in self._said):
                return 0
            return min(len(facts.path(name, name)) for name in self._names if facts.holds(name, name)) - 2
        wanted = [
            fact for fact in grounds(self._value, self._order.question, self._names) if fact not in self._said
        ]
        if self._order.question.kind in ("largest", "smallest"):
            return len(wanted)
        return sum(max(1, len(facts.path(*fact)) - 2) for fact in wanted)

    def can_answer(self, partial: str) -> bool:
        """Returns whether the answer, proved, begins with ``partial``. Exact."""
        return self.num_missing() == 0 and can_complete(partial, self._value)

    def can_go_on(self, partial: str) -> bool:
        """Returns whether a line before the answer begins with ``partial``, which is not blank. Exact."""
        text = partial.lstrip(WHITESPACE)
        return self._can_be_case(text) or begins_any(text, self._next())

    def _next(self) -> Iterator[Derived]:
        """Yields every comparison that may stand in the next line, with all that it can cite."""
        number = len(self._lines) + 1
        places = [(at, fact) for at, fact in enumerate(self._facts, 1) if fact is not None]
        for at, fact in places:
            yield Derived(fact, (at,), number)
            for other, below in places:
                if fact[1] == below[0]:
                    yield Derived((fact[0], below[1]), (at, other), number)
                    yield Derived((fact[0], below[1]), (other, at), number)

    def _can_be_case(self, text: str) -> bool:
        found = read_case_so_far(text)
        if found is None or self._value == CONTRADICTION:
            return False
        before, last, is_ended = found
        left = [name for name in self._names if name not in before]
        if len(before) + len(left) != len(self._names) or not agrees((*before, *left), self._among(before)):
            return False
        above = {lesser for greater, lesser in self._order.premises if greater in left}
        ends = (name == last if is_ended else name.startswith(last) for name in left if name not in above)
        return any(ends)

    def _among(self, before: Sequence[str]) -> list[Fact]:
        """Returns the premises about the lesser ones that an order has already named."""
        return [(greater, lesser) for greater, lesser in self._order.premises if lesser in before]


def _is_short(text: str) -> bool:
    return len(text) <= MAX_ANSWER_CHARS
