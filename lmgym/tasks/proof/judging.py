"""How near a proof is to its goal: verdicts, values of steps, and what to write next.

The yardstick is the number of lines that a proof still needs. It is known exactly where the search for a
shortest proof ends within its budget; the problem's own proof gives an upper bound (see ``guide``).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Final

from lmgym.logic.fitch import Line, ProofState, Refusal, extend
from lmgym.logic.proof_search import next_line, remaining_lines
from lmgym.records import StepVerdict
from lmgym.tasks.proof.guide import guide
from lmgym.tasks.proof.play import Played, ProofReference

MAX_STATES: Final = 500
"""States of a search for a shortest proof."""

_UNREADABLE: Final = ("unparsed", "overlong", "long", "syntax", "formula", "budget")
_RIGHT = StepVerdict("right")
_BLANK = StepVerdict("no_progress", "blank")
_UNREAD = StepVerdict("undecided", "unread")
_REPEATED = StepVerdict("no_progress", "repeated")
_DETOUR = StepVerdict("no_progress", "detour")


@lru_cache(maxsize=4096)
def exact_distance(proof: ProofState) -> int | None:
    """Returns the least number of lines that finish ``proof``; None if the search gives up.

    Only for propositional sequents: the search knows no other rules.
    """
    return remaining_lines(proof, max_states=MAX_STATES)


def score_of(proof: ProofState, reference: ProofReference) -> float:
    """Returns the partial credit of a proof that counts as wrong, in [0, 1): k / (n + 1).

    n is the number of lines of the problem's own proof, and k how many of these are there already.
    """
    total = len(reference.proof)
    return max(0, total - guide(proof, reference.proof).num_missing) / (total + 1)


def can_be_proved(
    proof: ProofState, reference: ProofReference, num_lines: int, proofs: Sequence[Sequence[Line]]
) -> bool | None:
    """Returns whether at most ``num_lines`` more lines can finish ``proof``; None if that is not known."""
    if proof.is_proved:
        return True
    if min(guide(proof, each).num_missing for each in proofs) <= num_lines:
        return True
    exact = exact_distance(proof) if reference.is_propositional else None
    return None if exact is None else exact <= num_lines


class Yardstick:
    """Tells for each accepted line whether it brings the proof nearer to its goal than it ever was."""

    def __init__(self, reference: ProofReference) -> None:
        self._reference = reference
        self._nearest = len(reference.proof)

    def judge(self, before: ProofState, after: ProofState) -> StepVerdict:
        """Returns the verdict on the last line of ``after``."""
        distance = self._distance(after)
        if distance < self._nearest:
            self._nearest = distance
            return _RIGHT
        return _REPEATED if _is_repetition(before, after.lines[-1]) else _DETOUR

    def _distance(self, proof: ProofState) -> int:
        """Returns an upper bound; the search is asked only if the known proof says nothing new."""
        missing = guide(proof, self._reference.proof).num_missing
        if missing < self._nearest or not self._reference.is_shortest:
            return missing
        exact = exact_distance(proof)
        return missing if exact is None else exact


def _is_repetition(before: ProofState, line: Line) -> bool:
    """Returns whether the line says what could be cited where it stands."""
    depth = before.depth
    for old in reversed(before.lines):
        depth = min(depth, old.depth)
        if line.rule != "as" and old.depth <= min(depth, line.depth) and old.formula is line.formula:
            return True
        if old.rule == "as" and old.depth == depth:
            depth -= 1
    return False


def judge_played(start: ProofState, played: Sequence[Played], yardstick: Yardstick) -> Iterator[StepVerdict]:
    """Yields one verdict for each line of a text."""
    for one in played:
        if one.skipped:
            yield _BLANK if one.skipped == "blank" else _UNREAD
        elif one.refusal is not None:
            yield refused(one.refusal)
        else:
            yield yardstick.judge(start, one.proof)
        start = one.proof


def refused(refusal: Refusal) -> StepVerdict:
    """Returns the verdict on a refused line."""
    return StepVerdict("unparsed" if refusal.reason in _UNREADABLE else "wrong", refusal.reason)


def next_lines(
    proof: ProofState, reference: ProofReference, proofs: Sequence[Sequence[Line]]
) -> Iterator[Line]:
    """Yields lines that lead on from ``proof``: of a shortest way to finish it, and of known ``proofs``."""
    shortest = next_line(proof, max_states=MAX_STATES) if reference.is_propositional else None
    for line in (shortest, *(guide(proof, each).next_line for each in proofs)):
        if line is not None and not isinstance(extend(proof, line), Refusal):
            yield line
