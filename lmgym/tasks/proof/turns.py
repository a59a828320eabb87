"""The two ways to play: a turn is a whole proof, or a turn is one line.

Both give the same questions the same kinds of answers, from the texts of the agent alone; what a transcript
claims as replies is not read.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from lmgym.grading.derivation import cut_lines
from lmgym.logic.fitch import Line, ProofState, Refusal, write_line
from lmgym.records import StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import unfinished
from lmgym.tasks.proof.judging import Yardstick, can_be_proved, judge_played, next_lines, refused, score_of
from lmgym.tasks.proof.play import Played, PlayState, Rules, add_line, add_lines, first_line, reference_of
from lmgym.tasks.proof.play import take_turn as take_line

_OVER: Final = StepVerdict("no_progress", "over")
_BLANK: Final = StepVerdict("no_progress", "blank")
_UNREAD: Final = StepVerdict("no_progress", "unread")

Proofs = Sequence[Sequence[Line]]


def _correct_or_wrong(state: PlayState, reason: str) -> Verdict:
    if not reason:
        return Verdict("correct", "", None, 1.0)
    return Verdict("wrong", reason, None, score_of(state.proof, reference_of(state.problem)))


def _leads_on(
    proof: ProofState, text: str, num_left: int, state: PlayState, proofs: Proofs, rules: Rules
) -> bool:
    """Returns whether a line that is or begins with ``text`` is known to lead to the goal in time."""
    reference = reference_of(state.problem)
    lines = next_lines(proof, reference, proofs)
    texts = [write_line(line, proof.num_lines + 1, rules.style) for line in lines]
    for whole in (text, *(each for each in texts if each.startswith(text.lstrip()))):
        after = add_line(proof, whole, rules)
        if isinstance(after, ProofState) and can_be_proved(after, reference, num_left - 1, proofs):
            return True
    return False


class ProofTurn:
    """A turn is a whole proof; the episode is over after it."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def is_over(self, state: PlayState) -> bool:
        return state.num_lines_left <= 0

    def take_turn(self, state: PlayState, turn: Turn) -> PlayState:
        """Returns the state with all lines up to the first refused one; there is no other turn."""
        played = self._play(state, cut_lines(turn.text))
        if not played:
            return state._replace(num_lines_left=0)
        refusal = next((each.refusal for each in played if each.refusal is not None), None)
        return state._replace(proof=played[-1].proof, num_lines_left=0, refusal=refusal)

    def _play(self, state: PlayState, lines: Sequence[str]) -> list[Played]:
        return add_lines(state.proof, lines, reference_of(state.problem).num_lines, self._rules)

    def replay(self, state: PlayState, turns: Sequence[Turn]) -> PlayState:
        """Returns the state after the agent's turn, if it is among ``turns``."""
        agent = next((turn for turn in turns if turn.role == "agent"), None)
        return state if agent is None else self.take_turn(state, agent)

    def verify(self, state: PlayState, transcript: Transcript) -> Verdict:
        verdict = unfinished(transcript)
        if verdict is not None:
            return verdict
        state = self.replay(state, transcript.turns)
        if state.refusal is not None:
            return _correct_or_wrong(state, state.refusal.reason)
        return _correct_or_wrong(state, "" if state.proof.is_proved else "unfinished")

    def verify_steps(self, state: PlayState, turns: Sequence[Turn]) -> tuple[StepVerdict, ...]:
        verdicts = list[StepVerdict]()
        for place, turn in enumerate(turns):
            lines = cut_lines(turn.text)
            if place:
                verdicts += [_OVER] * len(lines)
                continue
            yardstick = Yardstick(reference_of(state.problem))
            verdicts += judge_played(state.proof, self._play(state, lines), yardstick)
        return tuple(verdicts)

    def optimal_value(
        self, state: PlayState, turns: Sequence[Turn], partial: str, proofs: Proofs
    ) -> float | None:
        if any(turn.role == "agent" for turn in turns):
            return float(self.verify(state, Transcript(state.problem, tuple(turns))).status == "correct")
        *done, rest = partial.split("\n")
        played = self._play(state, done)
        if any(each.refusal is not None for each in played):
            return 0.0
        proof = played[-1].proof if played else state.proof
        if proof.is_proved:
            return 0.0 if rest.strip() else 1.0
        reference = reference_of(state.problem)
        num_left = reference.num_lines - sum(not each.skipped for each in played)
        value = can_be_proved(proof, reference, num_left, proofs)
        if value is not True or not rest.strip():
            return None if value is None else float(value)
        return 1.0 if _leads_on(proof, rest, num_left, state, proofs, self._rules) else None


class LineTurns:
    """A turn is a line; the episode is over when the goal is proved, or turns or patience are used up."""

    def __init__(self, rules: Rules) -> None:
        self._rules = rules

    def is_over(self, state: PlayState) -> bool:
        is_lost = state.num_lines_left <= 0 or state.num_refusals >= self._rules.max_refusals
        return is_lost or state.proof.is_proved

    def take_turn(self, state: PlayState, turn: Turn) -> PlayState:
        return take_line(state, turn, self._rules)

    def replay(self, state: PlayState, turns: Sequence[Turn]) -> PlayState:
        """Returns the state after the agent's turns; those after the end change nothing."""
        for turn in turns:
            if turn.role == "agent" and not self.is_over(state):
                state = self.take_turn(state, turn)
        return state

    def verify(self, state: PlayState, transcript: Transcript) -> Verdict:
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        state = self.replay(state, transcript.turns)
        if state.proof.is_proved:
            return _correct_or_wrong(state, "")
        refusal = state.refusal
        tells = refusal is not None and (self.is_over(state) or refusal.reason == "overlong")
        return _correct_or_wrong(state, refusal.reason if refusal is not None and tells else "unfinished")

    def verify_steps(self, state: PlayState, turns: Sequence[Turn]) -> tuple[StepVerdict, ...]:
        verdicts, yardstick = list[StepVerdict](), Yardstick(reference_of(state.problem))
        for turn in turns:
            lines = cut_lines(turn.text)
            if self.is_over(state):
                verdicts += [_OVER] * len(lines)
                continue
            new = self.take_turn(state, turn)
            of_line = yardstick.judge(state.proof, new.proof) if new.refusal is None else refused(new.refusal)
            verdicts += _spread(lines, of_line)
            state = new
        return tuple(verdicts)

    def optimal_value(
        self, state: PlayState, turns: Sequence[Turn], partial: str, proofs: Proofs
    ) -> float | None:
        state = self.replay(state, turns)
        if self.is_over(state):
            return float(state.proof.is_proved)
        reference, left = reference_of(state.problem), state.num_lines_left
        value = can_be_proved(state.proof, reference, left, proofs)
        line = first_line(partial)
        if value is not True or not line:
            return None if value is None else float(value)
        may_be_lost = state.num_refusals + 1 < self._rules.max_refusals
        if may_be_lost and can_be_proved(state.proof, reference, left - 1, proofs):
            return 1.0
        is_written = "\n" in partial.lstrip()
        if is_written:
            after = add_line(state.proof, line, self._rules)
            if isinstance(after, Refusal):
                return None
            return 1.0 if can_be_proved(after, reference, left - 1, proofs) else None
        return 1.0 if _leads_on(state.proof, line, left, state, proofs, self._rules) else None


def _spread(lines: Sequence[str], verdict: StepVerdict) -> list[StepVerdict]:
    """Gives ``verdict`` to the first line that is not blank: the others of a turn are not read."""
    verdicts = list[StepVerdict]()
    is_read = False
    for line in lines:
        is_blank = not line or line.isspace()
        verdicts.append(_BLANK if is_blank else _UNREAD if is_read else verdict)
        is_read |= not is_blank
    return verdicts
