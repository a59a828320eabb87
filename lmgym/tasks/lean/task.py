"""``lmgym/Lean-v0``: prove statements in Lean 4, tactic by tactic or in one go, through a REPL.

Tested against a recorded protocol, not against Lean: see ``docs/environments/lean.md``.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import cut_lines
from lmgym.logic.lean import AXIOMS, LeanStatement, read_lean_statements
from lmgym.logic.lean import Lean as Prover
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import Response, Task, check_split
from lmgym.tasks.lean.play import (
    MAX_GOALS_CHARS,
    MAX_MESSAGE_CHARS,
    LeanReference,
    LeanState,
    play_script,
    step_verdict,
    take_turn,
)
from lmgym.tasks.lean.problems import Statements
from lmgym.tasks.options import check_choice, check_int

_OWN_SET = Path(__file__).parent / "statements.lean"
_AXIOM_SETS: dict[str, tuple[str, ...]] = {"none": (), "standard": AXIOMS}
_LONGEST_REASON = len("assumptions")


@final
class Lean(Task):
    """Prove a statement in Lean 4; a turn is one tactic, the reply the goals that are left.

    The reward comes when nothing is left and the proof has been checked in a process of its own, against the
    statement as it was posed and a list of axioms. A tactic that fails, or leads back to goals that were
    there before, is refused: the goals stay and a turn is lost.
    """

    def __init__(
        self,
        *,
        statements: str | Path = "lmgym",
        level: int | None = None,
        turn: Literal["tactic", "proof"] = "tactic",
        feedback: Literal["short", "state"] = "state",
        spare_tactics: int = 4,
        max_refusals: int = 3,
        timeout_s: int = 10,
        axioms: Literal["none", "standard"] = "standard",
        repl: str | None = None,
    ) -> None:
        """Finds the REPL and reads the statements.

        Args:
            statements: "lmgym" (the suite's own) or the path of a .lean file with marked theorems.
            level: take only the statements of this level; None: all of them.
            turn: what one turn of the agent is: one "tactic" that is answered, or the whole "proof", a tactic
                a line.
            feedback: replies show the goals; of a refused tactic they say what Lean says ("state"), or only
                the reason in a word ("short").
            spare_tactics: turns that an episode of ``turn="tactic"`` has beyond the known proof's, 0 to 64.
            max_refusals: refused turns that end the episode, 1 to 64.
            timeout_s: seconds that a tactic may take, 1 to 600.
            axioms: what a proof may rest on: "none", or Lean's three "standard" axioms.
            repl: the command that starts the REPL; None: what LMGYM_LEAN_REPL says, or lean-interact.

        Raises:
            MissingDependencyError: there is no REPL.
            InvalidValueError: a value out of its range.
            UnknownNameError: an unknown word.
            LeanFileError: the file of statements cannot be read.
        """
        self._prover = Prover(repl, timeout_s=check_int("timeout_s", timeout_s, 1, 600))
        self._turn = check_choice("turn", turn, ("tactic", "proof"))
        self._feedback = check_choice("feedback", feedback, ("short", "state"))
        self._spare = check_int("spare_tactics", spare_tactics, 0, 64)
        self._max_refusals = check_int("max_refusals", max_refusals, 1, 64)
        self._axioms = _AXIOM_SETS[check_choice("axioms", axioms, _AXIOM_SETS)]
        found = read_lean_statements(_OWN_SET if statements == "lmgym" else statements)
        self._max_level = max(statement.level for statement in found)
        self._level = None if level is None else check_int("level", level, 1, self._max_level)
        self._options: dict[str, object] = dict(
            statements=statements, turn=turn, feedback=feedback, spare_tactics=spare_tactics,
            max_refusals=max_refusals, timeout_s=timeout_s, axioms=axioms, repl=repl,
        )  # fmt: skip
        self._statements = Statements(found, self._level, self._spare if turn == "tactic" else None)

    @property
    def fingerprint(self) -> str:
        kept = (item for item in self._options.items() if item[0] not in ("statements", "repl"))
        options = ",".join(f"{name}={value!r}" for name, value in kept)
        return f"Lean({self._statements.name},level={self._level},{options})"

    @cached_property
    def max_prompt_chars(self) -> int:
        return max((len(problem.prompt) for problem in self._statements.all), default=1)

    @property
    def max_reply_chars(self) -> int:
        frame = len(f"\nrefused (): \n\n{self.max_turns} left: ")
        return _LONGEST_REASON + MAX_MESSAGE_CHARS + MAX_GOALS_CHARS + frame

    @cached_property
    def max_turns(self) -> int:
        return max((problem.reference.num_turns for problem in self._statements.all), default=1)

    @cached_property
    def default_max_new_tokens(self) -> int:
        lengths = [len(text) for problem in self._statements.all for text in self._worked(problem)]
        return max(64 if self._turn == "tactic" else 512, 1 + max(lengths, default=0))

    @property
    def level(self) -> int:
        return self._max_level if self._level is None else self._level

    @property
    def max_level(self) -> int:
        return self._max_level

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def close(self) -> None:
        """Ends the prover's process; the next tactic starts another."""
        self._prover.close()

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._statements.problems(split, indices)

    def start(self, problem: Problem) -> LeanState:
        return LeanState(problem, f"⊢ {problem.key}"[:MAX_GOALS_CHARS], problem.reference.num_turns)

    def respond(self, state: LeanState, turn: Turn) -> Response:
        new = self._take(state, turn)
        if self._is_over(new):
            return Response(new, None, True)
        goals = new.goals[:MAX_GOALS_CHARS]
        return Response(new, f"{self._refused(new)}\n{goals}\n{new.num_turns_left} left: ", False)

    def _refused(self, state: LeanState) -> str:
        if not state.reason:
            return ""
        is_short = self._feedback == "short"
        return f"\nno: {state.reason}" if is_short else f"\nrefused ({state.reason}): {state.message}"

    def _take(self, state: LeanState, turn: Turn) -> LeanState:
        if self._turn == "proof":
            return play_script(state, turn, self._prover)[0]
        return take_turn(state, turn, self._prover)

    def _is_over(self, state: LeanState) -> bool:
        return state.is_solved or state.num_turns_left <= 0 or state.num_refusals >= self._max_refusals

    def _replay(self, problem: Problem, turns: Sequence[Turn]) -> tuple[LeanState, list[str]]:
        """Returns the state after the agent's turns, and for each why it was refused ("over" if too late)."""
        state, reasons = self.start(problem), list[str]()
        for turn in turns:
            if turn.role != "agent":
                continue
            if self._is_over(state):
                reasons.append("over")
                continue
            state = self._take(state, turn)
            reasons.append(state.reason)
        return state, reasons

    def verify(self, transcript: Transcript) -> Verdict:
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        state, reasons = self._replay(transcript.problem, transcript.turns)
        answer = "\n".join(state.tactics) or None
        if state.is_solved:
            return self._final_verdict(state, answer)
        if "prover" in reasons:
            return Verdict("error", "prover", answer)
        reason = next((reason for reason in reversed(reasons) if reason), "") or "unfinished"
        if reason != "overlong" and not self._is_over(state):
            reason = "unfinished"
        return Verdict("wrong", reason, answer)

    def _final_verdict(self, state: LeanState, answer: str | None) -> Verdict:
        statement: LeanStatement = state.problem.reference.statement
        check = self._prover.final_check(statement, state.tactics, axioms=self._axioms)
        if check.is_proved:
            return Verdict("correct", "", answer, 1.0)
        return Verdict("error" if check.reason == "prover" else "wrong", check.reason, answer)

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...]:
        """Returns one verdict for each line of the agent's turns.

        With ``turn="tactic"`` a turn is a step, and one of several lines is none; with "proof" a line is.
        """
        agent = [turn for turn in transcript.turns if turn.role == "agent"]
        if self._turn == "proof" and agent:
            _, verdicts = play_script(self.start(transcript.problem), agent[0], self._prover)
            late = sum(len(cut_lines(turn.text)) for turn in agent[1:])
            return (*verdicts, *[StepVerdict("no_progress", "over")] * late)
        found = list[StepVerdict]()
        for turn, reason in zip(agent, self._replay(transcript.problem, agent)[1], strict=True):
            found += [step_verdict(reason)] * len(cut_lines(turn.text))
        return tuple(found)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the known proof, a tactic a turn or all in one.

        Raises:
            InvalidValueError: no proof of the statement is known.
        """
        worked = self._worked(problem)
        if not worked:
            name = problem.reference.statement.name
            raise InvalidValueError(
                f"no proof of {name} is known, so there is nothing to show; statements='lmgym' has proofs."
            )
        return worked

    def _worked(self, problem: Problem) -> tuple[str, ...]:
        reference: LeanReference = problem.reference
        proof = reference.statement.proof
        return proof if self._turn == "tactic" or not proof else ("\n".join(proof),)

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        """Returns the known proof's next tactic if all so far are its own; else None."""
        worked = self._worked(problem)
        state, _ = self._replay(problem, turns)
        if self._is_over(state) or (self._turn == "tactic" and state.tactics != worked[: len(state.tactics)]):
            return None
        return worked[len(state.tactics)] if len(state.tactics) < len(worked) else None
