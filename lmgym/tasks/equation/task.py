"""``lmgym/Equation-v0``: prove an equation by a chain of equal terms, checked by the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Final, Literal, Self, final

import numpy as np

from lmgym.grading.derivation import cut_lines
from lmgym.logic.equations.chains import Chain, begin, write_line
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split, unfinished
from lmgym.tasks.equation.draw import OOD, Drawn, draw_claim
from lmgym.tasks.equation.guide import exact_distance, find_ways
from lmgym.tasks.equation.judging import RIGHT, Yardstick, judge_proof, score_of, value_of
from lmgym.tasks.equation.knobs import EXTRA_LINES, LEVELS
from lmgym.tasks.equation.play import (
    WHITESPACE,
    EquationReference,
    Played,
    PlayState,
    play_lines,
    reference_of,
    start_play,
    take_turn,
)
from lmgym.tasks.equation.text import (
    MAX_REPLY_CHARS,
    max_frame_chars,
    short_reply,
    state_reply,
    write_prompt,
)
from lmgym.tasks.equation.worked import spoil
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

MAX_LAW_CHARS: Final = len(" by assoc")


@final
class Equation(Task):
    """Prove an equation by a chain of equal terms from its left side to its right side.
    A line is = and the next term, then its law, as in: =a*e by id. The law is used once, at one place.
    About numbers, =0+a by ind a proves the equation with that term by induction: the chain for 0 in place of
    a, the line step, the chain for s(a), in which IH is the hypothesis; then the chain goes on from there.

    Problems are in groups, rings, Boolean algebras, or about numbers; every proof that counts is a theorem of
    the kernel. The proofs of "ood_length" are longer than any of the level.
    """  # noqa: D205  # lmgym play shows the first paragraph

    splits = (*HASHED_SPLITS, OOD)

    def __init__(
        self,
        *,
        level: int = 1,
        turn: Literal["proof", "line"] = "proof",
        prompt_style: Literal["plain", "laws", "instruct"] = "plain",
        feedback: Literal["short", "state"] = "short",
        spare_lines: int = 4,
        max_refusals: int = 3,
        demonstration_style: Literal["natural", "shortest"] = "natural",
        demonstration_quality: float = 1.0,
    ) -> None:
        """Configures the task.

        Args:
            level: 1 (one or two lines in groups) to 10 (long inductions); see docs/environments/equation.md.
            turn: what the agent says in a turn, the whole "proof", or a "line" that is answered.
            prompt_style: "plain" names the theory; "laws" lists its laws, "instruct" explains the form, too.
            feedback: with ``turn="line"``, replies are a newline or the reason of a refusal ("short"), or
                show what is to be proved now and the turns left ("state").
            spare_lines: lines that a proof may have beyond those of the constructed one, 0 to 64.
            max_refusals: with ``turn="line"``, refused lines that end the episode, 1 to 64.
            demonstration_style: demonstrations are the constructed proof ("natural") or the "shortest" that a
                search finds.
            demonstration_quality: probability in [0, 1] that a demonstration is right; the others have a
                wrong line at their end.

        Raises:
            InvalidValueError: a value out of its range.
            UnknownNameError: a word that is not in its list.
        """
        self._options: dict[str, object] = dict(
            turn=turn,
            prompt_style=prompt_style,
            feedback=feedback,
            spare_lines=spare_lines,
            max_refusals=max_refusals,
            demonstration_style=demonstration_style,
            demonstration_quality=demonstration_quality,
        )
        self._level = check_int("level", level, 1, max(LEVELS))
        self._knobs = LEVELS[self._level]
        self._turn = check_choice("turn", turn, ("proof", "line"))
        self._prompt_style = check_choice("prompt_style", prompt_style, ("plain", "laws", "instruct"))
        self._feedback = check_choice("feedback", feedback, ("short", "state"))
        self._spare = check_int("spare_lines", spare_lines, 0, 64)
        self._max_refusals = check_int("max_refusals", max_refusals, 1, 64)
        self._demonstration_style = check_choice(
            "demonstration_style", demonstration_style, ("natural", "shortest")
        )
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._stream = ProblemStream(f"Equation(level={self._level})", self._draw_block)

    @property
    def fingerprint(self) -> str:
        return (
            f"Equation(level={self._level},turn={self._turn},prompt_style={self._prompt_style},"
            f"feedback={self._feedback},spare_lines={self._spare},max_refusals={self._max_refusals})"
        )

    @property
    def alphabet(self) -> str:
        signs = {"group": "*'e", "ring": "+-*01", "boolean": "&|~01", "peano": "+*0s"}
        names = "".join(signs[name] for name in self._knobs.theories)
        return "".join(dict.fromkeys(f"=()abcd {names}byassocidinvcommdistcompaddmulh1234ndIHstep\n"))

    @property
    def max_prompt_chars(self) -> int:
        knobs = self._knobs
        frame = max_frame_chars(self._prompt_style, knobs.theories)
        return frame + knobs.max_claim_chars + len("h1 \n") * knobs.num_all_hypotheses

    @property
    def max_reply_chars(self) -> int:
        return 0 if self._turn == "proof" else MAX_REPLY_CHARS

    @property
    def max_turns(self) -> int:
        return 1 if self._turn == "proof" else self._max_lines + self._spare

    @property
    def _max_lines(self) -> int:
        return self._knobs.max_lines + EXTRA_LINES

    @property
    def default_max_new_tokens(self) -> int:
        line = 1 + self._knobs.max_term_chars + MAX_LAW_CHARS + 1
        return line * self._max_lines if self._turn == "proof" else line

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        draw, words = partial(draw_claim, self._knobs, split), Words(rng)
        return [self._draft(draw_until_split(draw, split, words)) for _ in range(count)]

    def _draft(self, drawn: Drawn) -> Draft:
        num_lines = len(drawn.lines) + self._spare
        reference = EquationReference(drawn.claim, drawn.lines, num_lines, drawn.key)
        prompt = write_prompt(drawn.claim, self._prompt_style, self._turn)
        return Draft(prompt, reference, drawn.key, float(self._level))

    def start(self, problem: Problem) -> PlayState:
        return start_play(problem)

    def respond(self, state: PlayState, turn: Turn) -> Response:
        if self._turn == "proof":
            return Response(state, None, True)
        new = take_turn(state, turn)
        if self._is_over(new):
            return Response(new, None, True)
        return Response(new, state_reply(new) if self._feedback == "state" else short_reply(new), False)

    def _is_over(self, state: PlayState) -> bool:
        is_spent = state.num_lines_left <= 0 or state.num_refusals >= self._max_refusals
        return is_spent or state.chain.is_proved

    def distance(self, chain: Chain) -> int | None:
        """Returns the least number of lines that finish a proof, None where it is not known."""
        return exact_distance(chain)

    def verify(self, transcript: Transcript) -> Verdict:
        reference = reference_of(transcript.problem)
        if self._turn == "proof":
            fault = unfinished(transcript)
            if fault is not None:
                return fault
            played = play_lines(begin(reference.claim), cut_lines(transcript.response), reference.num_lines)
            return judge_proof(played, reference)
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        state, played = self._replay(transcript.problem, transcript.turns)
        if state.chain.is_proved:
            return RIGHT
        refusals = [one.refusal.reason for one in played if one.refusal is not None]
        reason = (
            refusals[-1]
            if refusals and (self._is_over(state) or refusals[-1] == "overlong")
            else "unfinished"
        )
        return Verdict("wrong", reason, None, score_of(state.chain, reference))

    def _replay(self, problem: Problem, turns: Sequence[Turn]) -> tuple[PlayState, list[Played]]:
        """Returns the state after the agent's turns, and what became of each."""
        state, played = start_play(problem), list[Played]()
        for turn in turns:
            if turn.role != "agent":
                continue
            if self._is_over(state):
                played.append(Played(state.chain, skipped="unread"))
                continue
            state = take_turn(state, turn)
            played.append(Played(state.chain, state.refusal))
        return state, played

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...]:
        """Returns a verdict for each line: "right" is one that brings the proof nearer to its end."""
        reference = reference_of(transcript.problem)
        yardstick = Yardstick(reference)
        agent = [turn for turn in transcript.turns if turn.role == "agent"]
        if self._turn == "proof":
            lines = [line for turn in agent[:1] for line in cut_lines(turn.text)]
            played = play_lines(begin(reference.claim), lines, reference.num_lines)
            return tuple(map(yardstick.judge, played))
        found = list[StepVerdict]()
        for turn, one in zip(agent, self._replay(transcript.problem, agent)[1], strict=True):
            found += [yardstick.judge(one)] * len(cut_lines(turn.text))
        return tuple(found)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        is_right = rng.random() < self._quality
        lines = self._worked(reference_of(problem))
        if not is_right:
            lines = spoil(reference_of(problem), lines, rng)
        return ("\n".join(lines),) if self._turn == "proof" else tuple(lines)

    def _worked(self, reference: EquationReference) -> list[str]:
        chain, theory = begin(reference.claim), reference.claim.theory
        ways = list(find_ways(chain, reference)) if self._demonstration_style == "shortest" else []
        way = min(ways, key=len, default=None) or next(find_ways(chain, reference))
        return [write_line(line, theory) for line in way]

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        """Returns the next line of a proof from here, the shortest that is known; None if none is.

        Where a turn is a whole proof, that proof.
        """
        is_whole = self._turn == "proof"
        state = self._replay(problem, turns)[0]
        if self._is_over(state) or (is_whole and turns):
            return None
        ways = list(find_ways(state.chain, reference_of(problem)))
        best = min(ways, key=len, default=())
        lines = [write_line(line, state.chain.claim.theory) for line in best]
        return "\n".join(lines if is_whole else lines[:1]) or None

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns 1.0 if the goal can still be proved in the lines left, 0.0 if it can't, None if unknown."""
        if self._turn == "line":
            state = self._replay(problem, turns)[0]
            if state.chain.is_proved or self._is_over(state):
                return float(state.chain.is_proved)
            return self._value_of_line(state, partial)
        if turns:
            return float(self.verify(Transcript(problem, turns)).status == "correct")
        *whole, rest = partial.split("\n")
        reference = reference_of(problem)
        played = play_lines(begin(reference.claim), whole, reference.num_lines)
        if played and (played[-1].refusal is not None or played[-1].skipped == "unread"):
            return 0.0
        chain = played[-1].chain if played else begin(reference.claim)
        left = reference.num_lines - sum(not one.skipped for one in played)
        if chain.is_proved:
            return 1.0 if not rest.strip(WHITESPACE) else 0.0
        return value_of(chain, reference, left, rest)

    def _value_of_line(self, state: PlayState, partial: str) -> float | None:
        reference, left = reference_of(state.problem), state.num_lines_left
        value = value_of(state.chain, reference, left, partial)
        if value is not None or state.num_refusals + 1 >= self._max_refusals:
            return value
        return 1.0 if value_of(state.chain, reference, left - 1, "") == 1.0 else None
