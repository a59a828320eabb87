"""``lmgym/Rewrite-v0``: simplify an expression over several turns, each turn a verified step."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import cut_lines
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.rewrite.draw import LIMITS, DrawnExpression, draw_expression
from lmgym.tasks.rewrite.play import Moves, RewriteReference, RewriteState, reachable, take_turn
from lmgym.tasks.rewrite.rules import distance, num_careful_steps
from lmgym.tasks.rewrite.terms import expand, key_of, text_of
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

_REASONS = {
    "wrong": "not equal",
    "unparsed": "no expression",
    "long": "too long",
    "repeated": "said before",
    "jump": "too large a step",
    "overlong": "cut off",
}
"""What the replies call the reasons for which a turn is refused."""
_MAX_STATES = 5_000


@final
class Rewrite(Task):
    """Simplify an expression step by step; every turn is the next expression, verified to be equal.

    A turn that is not equal, repeats an expression, takes too large a step or is too long is refused: the
    expression stays and a turn is lost. "ood_coefficients" has larger numbers than the level, "ood_length"
    a term or bracket more.
    """

    splits = (*HASHED_SPLITS, "ood_coefficients", "ood_length")

    def __init__(
        self,
        *,
        level: int = 1,
        max_step: int | None = 1,
        spare_turns: int = 2,
        max_refusals: int = 3,
        style: Literal["answer", "worked"] = "worked",
        demonstration_quality: float = 1.0,
    ) -> None:
        """Configures the task.

        Args:
            level: 1 (sums of numbers) to 8 (squares and products of brackets).
            max_step: rules that one turn may use, 1 to 3; None: a turn may be anything equal.
            spare_turns: turns that an episode has beyond those of the demonstration rule by rule, 0 to 16.
            max_refusals: refused turns that end the episode, 1 to 16.
            style: demonstrations go rule by rule ("worked") or say the result at once ("answer", for
                ``max_step=None``).
            demonstration_quality: probability in [0, 1] that a demonstration is right; the others end in
                a near miss.

        Raises:
            InvalidValueError: a value out of its range, or style "answer" with steps that are bounded.
            UnknownNameError: ``style`` is no such word.
        """
        self._level = check_int("level", level, 1, max(LIMITS))
        self._max_step = None if max_step is None else check_int("max_step", max_step, 1, 3)
        self._spare = check_int("spare_turns", spare_turns, 0, 16)
        self._max_refusals = check_int("max_refusals", max_refusals, 1, 16)
        self._style = check_choice("style", style, ("answer", "worked"))
        if self._style == "answer" and self._max_step is not None:
            raise InvalidValueError(
                f"style='answer' says the result in one turn, which max_step={max_step!r} does not allow; "
                "give max_step=None or style='worked'."
            )
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._options: dict[str, object] = dict(
            max_step=max_step,
            spare_turns=spare_turns,
            max_refusals=max_refusals,
            style=style,
            demonstration_quality=demonstration_quality,
        )
        self._moves = Moves(self._max_step, 2 * LIMITS[self._level].chars)
        self._stream = ProblemStream(f"Rewrite(level={self._level})", self._draw_block)

    @property
    def fingerprint(self) -> str:
        return (
            f"Rewrite(level={self._level},max_step={self._max_step},spare_turns={self._spare},"
            f"max_refusals={self._max_refusals})"
        )

    @property
    def alphabet(self) -> str:
        return "0123456789+-" + ("*()" if self._level > 2 else "") + ("x^" if self._level > 4 else "")

    @property
    def max_prompt_chars(self) -> int:
        return len(f"{self.max_turns} left: =") + LIMITS[self._level].chars

    @property
    def max_reply_chars(self) -> int:
        return len(f"\n{self.max_turns} left, : =") + max(map(len, _REASONS.values())) + self._moves.max_chars

    @property
    def max_turns(self) -> int:
        return LIMITS[self._level].steps + self._spare

    @property
    def default_max_new_tokens(self) -> int:
        return LIMITS[self._level].chars + 1

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LIMITS)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        draw, words = partial(draw_expression, self._level, split), Words(rng)
        return [self._draft(draw_until_split(draw, split, words)) for _ in range(count)]

    def _draft(self, drawn: DrawnExpression) -> Draft:
        lines = tuple(map(text_of, drawn.steps))
        turns = len(lines) + self._spare
        reference = RewriteReference(drawn.start, lines, expand(drawn.start), turns)
        return Draft(f"{turns} left: {text_of(drawn.start)}=", reference, drawn.key, float(self._level))

    def start(self, problem: Problem) -> RewriteState:
        reference: RewriteReference = problem.reference
        return RewriteState(problem, reference.start, (key_of(reference.start),), reference.num_turns)

    def respond(self, state: RewriteState, turn: Turn) -> Response:
        new = take_turn(state, turn, self._moves)
        if self._is_over(new):
            return Response(new, None, True)
        reason = f", {_REASONS[new.reason]}" if new.reason else ""
        return Response(new, f"\n{new.num_turns_left} left{reason}: {text_of(new.current)}=", False)

    def _is_over(self, state: RewriteState) -> bool:
        return state.is_solved or state.num_turns_left <= 0 or state.num_refusals >= self._max_refusals

    def legal_rewrites(self, state: RewriteState) -> tuple[str, ...]:
        """Returns a text for every expression that a turn may make of the current one; () at the end.

        With ``max_step=None`` these are the uses of a single rule; other equal expressions are legal too.
        """
        if self._is_over(state):
            return ()
        found = reachable(state.current, self._moves)
        return tuple(text_of(new) for key, new in found.items() if key not in state.seen)

    def distance(self, state: RewriteState) -> int | None:
        """Returns the least number of uses of a rule to the goal, None where that takes too long to find."""
        return distance(state.current, _MAX_STATES)

    def _replay(self, problem: Problem, turns: Sequence[Turn]) -> tuple[RewriteState, list[str]]:
        """Returns the state after the agent's turns, and for each why it was refused ("over" if too late)."""
        state, reasons = self.start(problem), list[str]()
        for turn in turns:
            if turn.role != "agent":
                continue
            if self._is_over(state):
                reasons.append("over")
                continue
            state = take_turn(state, turn, self._moves)
            reasons.append(state.reason)
        return state, reasons

    def verify(self, transcript: Transcript) -> Verdict:
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        state, reasons = self._replay(transcript.problem, transcript.turns)
        answer = text_of(state.current) if len(state.seen) > 1 else None
        if state.is_solved:
            return Verdict("correct", "", answer, 1.0)
        reason = next((reason for reason in reversed(reasons) if reason), "") or "unfinished"
        if reason != "overlong" and not self._is_over(state):
            reason = "unfinished"
        return Verdict("wrong", reason, answer, self._progress(state))

    def _progress(self, state: RewriteState) -> float:
        """Returns the share of the careful solver's steps that are no longer needed."""
        total = num_careful_steps(state.problem.reference.start)
        return max(0.0, 1 - num_careful_steps(state.current) / total)

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...]:
        """Returns one verdict for each line of the agent's turns; a turn of several lines is no step."""
        agent = [turn for turn in transcript.turns if turn.role == "agent"]
        verdicts = list[StepVerdict]()
        for turn, reason in zip(agent, self._replay(transcript.problem, agent)[1], strict=True):
            verdicts += [_step_verdict(reason)] * len(cut_lines(turn.text))
        return tuple(verdicts)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        reference: RewriteReference = problem.reference
        is_right = rng.random() < self._quality
        lines = list(reference.steps if self._style == "worked" else reference.steps[-1:])
        if not is_right:
            lines[-1] = _near_miss(lines[-1], rng)
        return tuple(lines)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns 1.0 if the goal can still be reached in the turns left, else 0.0.

        None where only ``partial`` leaves it open: it begins none of ``legal_rewrites`` that lead on in
        time, but may begin another writing of one.
        """
        state, _ = self._replay(problem, turns)
        if state.is_solved:
            return 1.0
        if self._is_over(state):
            return 0.0
        if self._needed(state) > state.num_turns_left:
            return 0.0
        text = partial.lstrip(" \t\r\n")
        if not text:
            return 1.0
        is_refusable = state.num_refusals + 1 < self._max_refusals
        if is_refusable and self._needed(state) < state.num_turns_left:
            return 1.0  # even a lost turn leaves enough
        for line in (text, *self._leads(state)):
            new = take_turn(state, Turn("agent", line), self._moves) if line.startswith(text) else state
            if new is not state and not new.reason and self._needed(new) <= new.num_turns_left:
                return 1.0
        return None

    def _leads(self, state: RewriteState) -> tuple[str, ...]:
        goal = state.problem.reference.steps[-1]
        return (*self.legal_rewrites(state), *([goal] if self._max_step is None else []))

    def _needed(self, state: RewriteState) -> int:
        """Returns the least number of turns to the goal."""
        if state.is_solved:
            return 0
        if self._max_step is None:
            return 1
        steps = self.distance(state)
        steps = num_careful_steps(state.current) if steps is None else steps
        return -(-steps // self._max_step)


def _step_verdict(reason: str) -> StepVerdict:
    if not reason:
        return StepVerdict("right")
    if reason in ("repeated", "jump", "over"):
        return StepVerdict("no_progress", reason)
    return StepVerdict("wrong" if reason == "wrong" else "unparsed", reason)


def _near_miss(right: str, rng: np.random.Generator) -> str:
    """Returns ``right`` with one digit changed, or a sign where there is none."""
    places = [at for at, char in enumerate(right) if char.isdigit()]
    if not places:
        return "2" + right[1:]
    at = places[int(rng.integers(len(places)))]
    new = (int(right[at]) + int(rng.integers(1, 9))) % 9 + 1
    digit = str(new if new != int(right[at]) else new % 9 + 1)
    return right[:at] + digit + right[at + 1 :]
