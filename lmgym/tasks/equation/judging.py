"""Verdicts on proofs and lines, and what an unfinished proof is worth."""

from __future__ import annotations

from lmgym.logic.equations.chains import Chain, Refusal, begin, play_line, write_line
from lmgym.records import StepVerdict, Verdict
from lmgym.tasks.equation.guide import exact_distance, find_ways, num_done, rest_of
from lmgym.tasks.equation.play import WHITESPACE, EquationReference, Played

RIGHT = Verdict("correct", "", None, 1.0)

_RIGHT_STEP = StepVerdict("right")
_DETOUR = StepVerdict("no_progress", "detour")
_BLANK = StepVerdict("no_progress", "blank")
_UNREAD = StepVerdict("undecided", "unread")


def judge_proof(played: list[Played], reference: EquationReference) -> Verdict:
    """Returns the verdict on a whole proof."""
    refusal = next((one.refusal for one in played if one.refusal is not None), None)
    chain = played[-1].chain if played else begin(reference.claim)
    if refusal is None and chain.is_proved:
        return RIGHT
    has_line = any(not one.skipped for one in played)
    reason = refusal.reason if refusal is not None else "unfinished" if has_line else "unparsed"
    return Verdict("wrong", reason, None, score_of(chain, reference))


def score_of(chain: Chain, reference: EquationReference) -> float:
    """Returns the partial credit of a proof that counts as wrong: k / (n + 1) at line k of n."""
    return num_done(chain, reference) / (len(reference.lines) + 1)


def value_of(chain: Chain, reference: EquationReference, num_left: int, partial: str) -> float | None:
    """Returns the value of an unfinished line after ``chain``, None if it is not known."""
    text = partial.lstrip(WHITESPACE)
    found = play_line(chain, text) if text else chain
    if isinstance(found, Chain) and found.is_proved and num_left > 0:
        return 1.0
    for way in find_ways(chain, reference):
        first = write_line(way[0], chain.claim.theory)
        if len(way) <= num_left and first.startswith(text.rstrip(WHITESPACE)):
            return 1.0
    exact = exact_distance(chain)
    return 0.0 if exact is not None and exact > num_left else None


class Yardstick:
    """Tells of each accepted line whether it brings the proof nearer to its end than it ever was."""

    def __init__(self, reference: EquationReference) -> None:
        self._reference = reference
        self._nearest = len(reference.lines)

    def judge(self, played: Played) -> StepVerdict:
        """Returns the verdict on a line."""
        if played.skipped:
            return _BLANK if played.skipped == "blank" else _UNREAD
        if played.refusal is not None:
            return refused(played.refusal)
        distance = self._measure(played.chain)
        if distance is None or distance >= self._nearest:
            return _DETOUR
        self._nearest = distance
        return _RIGHT_STEP

    def _measure(self, chain: Chain) -> int | None:
        rest = rest_of(chain, self._reference)
        if rest is not None and len(rest) < self._nearest:
            return len(rest)
        return next((len(way) for way in find_ways(chain, self._reference)), None)


def refused(refusal: Refusal) -> StepVerdict:
    """Returns the verdict on a refused line."""
    if refusal.reason in ("repeated", "done", "lines"):
        return StepVerdict("no_progress", refusal.reason)
    is_unread = refusal.reason in ("unparsed", "overlong", "long")
    return StepVerdict("unparsed" if is_unread else "wrong", refusal.reason)
