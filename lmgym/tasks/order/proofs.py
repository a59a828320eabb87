"""Proofs of answers to problems of comparison: judged as a whole, written, and valued while unfinished."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

from lmgym.grading.derivation import MAX_LINES, TOO_MANY, cut_lines
from lmgym.records import StepVerdict, Verdict
from lmgym.tasks.order.answers import MAX_ANSWER_CHARS, WHITESPACE, read_answer
from lmgym.tasks.order.cases import find_cases
from lmgym.tasks.order.draw import ProofReference
from lmgym.tasks.order.knobs import Knobs
from lmgym.tasks.order.logic import UNKNOWN, Facts
from lmgym.tasks.order.proof_lines import CASE, Case, Derived, write_line
from lmgym.tasks.order.proof_state import NUM_CASES, Checked

MAX_PROOF_CHARS = 20_000
"""Longer responses are not read."""

_ROOM, _ROOM_OF_LINE = 3_000, 200
"""More characters than the shortest proof, or a line of it, ever needs."""


class Judged(NamedTuple):
    """What a response comes to."""

    steps: tuple[StepVerdict, ...]
    """One for each line."""
    is_proved: bool
    """Whether the right answer ends it, and is proved."""
    score: float
    """1.0 if proved, else less: partial credit."""


def check_proof(reference: ProofReference, lines: Sequence[str]) -> Judged:
    """Returns what ``lines`` come to; takes any text."""
    checked = Checked(reference)
    steps = [checked.judge(line) for line in lines[:MAX_LINES]]
    steps += [TOO_MANY] * (len(lines) - MAX_LINES)
    is_proved = checked.is_proved and len(lines) <= MAX_LINES
    return Judged(tuple(steps), is_proved, 1.0 if is_proved else checked.score)


def verify_proof(reference: ProofReference, text: str) -> Verdict:
    """Returns the verdict on a response; takes any text."""
    text = text.rstrip(WHITESPACE)
    if len(text) > MAX_PROOF_CHARS:
        return Verdict("wrong", "overlong")
    judged = check_proof(reference, cut_lines(text))
    answer = text.rpartition("\n")[2].strip(WHITESPACE)
    if judged.is_proved:
        return Verdict("correct", "", answer, 1.0)
    kind, names = reference.order.question.kind, Facts(reference.order.premises).names
    said = read_answer(answer, kind, names) if len(answer) <= MAX_ANSWER_CHARS else None
    reason = "unparsed" if said is None else "unproved" if said == reference.value else "wrong"
    return Verdict("wrong", reason, None if said is None else answer, judged.score)


def write_proof(reference: ProofReference) -> list[str]:
    """Returns the lines of a proof that is as short as any, and last the answer."""
    order, lines = reference.order, list[str]()
    if reference.value == UNKNOWN:
        return [*(write_line(Case(case)) for case in find_cases(order)), reference.value]
    places = {premise.fact: at for at, premise in enumerate(reference.premises, 1) if premise.is_asked}
    for fact, reasons in Facts(order.premises).working(order.question):
        number = len(reference.premises) + len(lines) + 1
        cited = tuple(places[reason] for reason in reasons or (fact,))
        lines.append(write_line(Derived(fact, cited, number)))
        places.setdefault(fact, number)
    return [*lines, reference.value]


def max_proof_chars(knobs: Knobs, name_chars: int) -> int:
    """Returns a bound on the length of the lines of ``write_proof`` before the answer."""
    comparisons = (knobs.total_objects - 1) * (len("100. > 99,99\n") + 2 * name_chars)
    cases = NUM_CASES * (len(f"{CASE} ") + knobs.total_objects * (name_chars + 1))
    return max(comparisons, cases)


def proof_value(reference: ProofReference, partial: str) -> float | None:
    """Returns 1.0 where ``partial`` can still be completed to a proof, else 0.0; None near the budgets."""
    if len(partial) > MAX_PROOF_CHARS - _ROOM:
        return 0.0 if len(partial.rstrip(WHITESPACE)) > MAX_PROOF_CHARS else None
    before, newline, last = partial.rpartition("\n")
    checked, num_lines = _check_start(reference, before + newline)
    is_blank = not last.strip(WHITESPACE)
    if checked.is_refused or checked.is_done:
        return float(checked.is_proved and is_blank)
    num_spare = MAX_LINES - num_lines - checked.num_missing() - 1
    if num_spare < 0 or is_blank:
        return float(num_spare >= 0)
    if len(last) > MAX_ANSWER_CHARS - _ROOM_OF_LINE:
        return None
    if checked.can_answer(last):
        return 1.0
    if not checked.can_go_on(last):
        return 0.0
    return 1.0 if num_spare else None  # a line that does not lead on uses up the last one to spare


@lru_cache(maxsize=64)
def _check_start(reference: ProofReference, text: str) -> tuple[Checked, int]:
    """Returns how far whole lines have come, and their number. Not to be changed: it is kept."""
    lines, checked = cut_lines(text), Checked(reference)
    for line in lines[:MAX_LINES]:
        checked.judge(line)
    checked.is_refused |= any(line.strip(WHITESPACE) for line in lines[MAX_LINES:])
    return checked, len(lines)
