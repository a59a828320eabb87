"""``lmgym/Rocq-v0``: prove statements in the Rocq prover, tactic by tactic or in one go."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Literal, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import cut_lines
from lmgym.logic.rocq import AXIOM_SETS, Statement
from lmgym.logic.rocq import Rocq as Prover
from lmgym.logic.rocq.goals import cut
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import Response, Task, check_split
from lmgym.tasks.options import check_bool, check_choice, check_int
from lmgym.tasks.rocq.play import (
    MAX_GOALS_CHARS,
    MAX_MESSAGE_CHARS,
    RocqReference,
    RocqState,
    known_goals,
    play_script,
    step_verdict,
    take_turn,
)
from lmgym.tasks.rocq.problems import Statements
from lmgym.tasks.rocq.sets import load_set

_LONGEST_REASON = len("assumptions")
_MINIF2F_PREAMBLE = "Require Import Lia Lra Psatz."
_OVER = StepVerdict("no_progress", "over")


@final
class Rocq(Task):
    """Prove a statement in the Rocq prover (Coq); a turn is one tactic, the reply the goals that are left.

    The reward comes when nothing is left and the proof has been compiled afresh, against the statement as it
    was posed and a list of axioms. A tactic that fails, or leads back to goals that were there before, is
    refused: the goals stay and a turn is lost. Commands are refused before they reach the prover.
    """

    def __init__(
        self,
        *,
        statements: str | Path = "lmgym",
        level: int | None = 1,
        preamble: str | None = None,
        turn: Literal["tactic", "proof"] = "tactic",
        feedback: Literal["short", "state"] = "state",
        spare_tactics: int = 4,
        max_refusals: int = 3,
        timeout_s: int = 5,
        axioms: Literal["none", "classical", "standard"] = "none",
        recheck: bool = False,
    ) -> None:
        """Finds the prover and reads the statements.

        Args:
            statements: "lmgym" (the suite's own), "minif2f", "minif2f_coquelicot", or a path to a .v file
                with marked lemmas or a folder of these.
            level: take only the statements of this level, 1 to 8; None: all of them.
            preamble: trusted text before every context, such as "Require Import Lia."; None: nothing, but for
                miniF2F, whose statements load no arithmetic tactics: Lia, Lra and Psatz.
            turn: what one turn of the agent is: one "tactic" that is answered, or the whole "proof", on any
                number of lines.
            feedback: replies show the goals; of a refused tactic they say what the prover says ("state"),
                or only the reason in a word ("short").
            spare_tactics: turns that an episode of ``turn="tactic"`` has beyond the known proof's, 0 to 64.
            max_refusals: refused turns that end the episode, 1 to 64.
            timeout_s: seconds that a tactic may take, 1 to 60.
            axioms: what a proof may rest on: "none", excluded middle ("classical"), or those of the standard
                library's real analysis ("standard").
            recheck: have the independent checker ``coqchk`` go over every proof, too.

        Raises:
            MissingDependencyError: the prover is not installed.
            InvalidValueError: a value out of its range.
            UnknownNameError: an unknown word, or no such set or path.
            EmptyProblemSetError: no statement at all.
        """
        self._prover = Prover(timeout_s=check_int("timeout_s", timeout_s, 1, 60))
        self._turn = check_choice("turn", turn, ("tactic", "proof"))
        self._feedback = check_choice("feedback", feedback, ("short", "state"))
        self._spare = check_int("spare_tactics", spare_tactics, 0, 64)
        self._max_refusals = check_int("max_refusals", max_refusals, 1, 64)
        self._axioms = AXIOM_SETS[check_choice("axioms", axioms, AXIOM_SETS)]
        self._recheck = check_bool("recheck", recheck)
        found = _prepare(load_set(statements), _preamble(statements) if preamble is None else preamble)
        self._max_level = max(statement.level for statement in found)
        self._level = None if level is None else check_int("level", level, 1, self._max_level)
        self._options: dict[str, object] = dict(
            statements=statements, preamble=preamble, turn=turn, feedback=feedback,
            spare_tactics=spare_tactics, max_refusals=max_refusals, timeout_s=timeout_s, axioms=axioms,
            recheck=recheck,
        )  # fmt: skip
        self._statements = Statements(found, self._level, spare_tactics if turn == "tactic" else None)

    @property
    def fingerprint(self) -> str:
        options = ",".join(
            f"{name}={value!r}" for name, value in self._options.items() if name != "statements"
        )
        return f"Rocq({self._statements.name},level={self._level},{options})"

    @cached_property
    def max_prompt_chars(self) -> int:
        return max((len(problem.prompt) for problem in self._statements.all), default=1)

    @cached_property
    def max_reply_chars(self) -> int:
        frame = len(f"\nrefused (): \n{self.max_turns} left: ") + _LONGEST_REASON + MAX_MESSAGE_CHARS
        longest_start = max((len(problem.key) for problem in self._statements.all), default=0) + len("|- ")
        return frame + max(MAX_GOALS_CHARS, longest_start) + 1

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

    @property
    def num_problems(self) -> dict[str, int]:
        """Statements of each split."""
        return self._statements.num_problems

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._statements.problems(split, indices)

    def start(self, problem: Problem) -> RocqState:
        return RocqState(problem, (), (), problem.reference.num_turns, goals=f"|- {problem.key}")

    def respond(self, state: RocqState, turn: Turn) -> Response:
        new = self._take(state, turn)
        if self._is_over(new):
            return Response(new, None, True)
        goals = cut(new.goals, MAX_GOALS_CHARS)
        return Response(new, f"{self._refused(new)}\n{goals}\n{new.num_turns_left} left: ", False)

    def _refused(self, state: RocqState) -> str:
        if not state.reason:
            return ""
        is_short = self._feedback == "short"
        return f"\nno: {state.reason}" if is_short else f"\nrefused ({state.reason}): {state.message}"

    def _take(self, state: RocqState, turn: Turn) -> RocqState:
        if self._turn == "proof":
            return play_script(state, turn, self._prover).state
        return take_turn(state, turn, self._prover)

    def _is_over(self, state: RocqState) -> bool:
        return state.is_solved or state.num_turns_left <= 0 or state.num_refusals >= self._max_refusals

    def _replay(self, problem: Problem, turns: Sequence[Turn]) -> list[RocqState]:
        """Returns the first state and those after the agent's turns, up to the end of the episode."""
        states = [self.start(problem)]
        for turn in turns:
            if turn.role == "agent" and not self._is_over(states[-1]):
                states.append(self._take(states[-1], turn))
        return states

    def verify(self, transcript: Transcript) -> Verdict:
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        states = self._replay(transcript.problem, transcript.turns)
        state, reasons = states[-1], [state.reason for state in states]
        answer = "\n".join(state.tactics) or None
        if state.is_solved:
            return self._final_verdict(state, answer)
        if "prover" in reasons:
            return Verdict("error", "prover", answer)
        reason = next((reason for reason in reversed(reasons) if reason), "") or "unfinished"
        if reason != "overlong" and not self._is_over(state):
            reason = "unfinished"
        return Verdict("wrong", reason, answer, self._progress(state))

    def verify_batch(self, transcripts: Sequence[Transcript]) -> list[Verdict]:
        if len(transcripts) < 2:
            return [self.verify(transcript) for transcript in transcripts]
        with ThreadPoolExecutor(self._prover.pool.size) as threads:
            return list(threads.map(self.verify, transcripts))

    def _final_verdict(self, state: RocqState, answer: str | None) -> Verdict:
        check = self._prover.final_check(
            state.problem.reference.statement, state.tactics, axioms=self._axioms, recheck=self._recheck
        )
        if check.is_proved:
            return Verdict("correct", "", answer, 1.0)
        return Verdict("error" if check.reason == "prover" else "wrong", check.reason, answer)

    def _progress(self, state: RocqState) -> float:
        """Returns the share of the known proof that leads to the goals that are left, 0 where none does."""
        statement: Statement = state.problem.reference.statement
        if not state.tactics or not statement.proof:
            return 0.0
        return (self._place(statement, state.goals) or 0) / len(statement.proof)

    def _place(self, statement: Statement, goals: str) -> int | None:
        """Returns how many tactics of the known proof lead to ``goals``, the most if several do."""
        known = known_goals(statement, self._prover)
        return max((place for place, text in enumerate(known) if text == goals), default=None)

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...]:
        """Returns one verdict for each line of the agent's turns.

        With ``turn="tactic"`` a turn is a step, and one of several lines is none; with "proof" a line is.
        """
        if self._turn == "proof":
            return self._verify_script(transcript)
        agent = [turn for turn in transcript.turns if turn.role == "agent"]
        verdicts = list[StepVerdict]()
        states = self._replay(transcript.problem, agent)[1:]
        for place, turn in enumerate(agent):
            lines = cut_lines(turn.text)
            verdict = step_verdict(states[place]) if place < len(states) else _OVER
            blank = (
                [StepVerdict("no_progress", "blank")] * (len(lines) - 1) if verdict.status == "right" else []
            )
            verdicts += [*blank, verdict] if blank else [verdict] * len(lines)
        return tuple(verdicts)

    def _verify_script(self, transcript: Transcript) -> tuple[StepVerdict, ...]:
        verdicts = list[StepVerdict]()
        for turn in transcript.turns:
            if turn.role != "agent":
                continue
            lines = cut_lines(turn.text)
            if verdicts:
                verdicts += [_OVER] * len(lines)
                continue
            play = play_script(self.start(transcript.problem), turn, self._prover)
            known = dict(zip(play.lines, play.verdicts, strict=True))
            last = max(known, default=-1)
            beyond = StepVerdict("undecided", "after_error")
            blank = StepVerdict("no_progress", "blank")
            for place, line in enumerate(lines):
                other = beyond if place > last and line.strip() else blank
                verdicts.append(known.get(place, other))
        return tuple(verdicts)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the known proof, a tactic a turn or all in one.

        Raises:
            InvalidValueError: no proof of the statement is known.
        """
        worked = self._worked(problem)
        if not worked:
            raise InvalidValueError(
                f"no proof of {problem.reference.statement.name} is known, so there is nothing to show; the "
                "set 'lmgym' has a proof for every statement."
            )
        return worked

    def _worked(self, problem: Problem) -> tuple[str, ...]:
        reference: RocqReference = problem.reference
        proof = reference.statement.proof
        return proof if self._turn == "tactic" or not proof else ("\n".join(proof),)

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        """Returns the known proof's next tactic, wherever its goals are those that are left; else None."""
        statement: Statement = problem.reference.statement
        if self._turn == "proof":
            return "\n".join(statement.proof) or None
        state = self._replay(problem, turns)[-1]
        if not statement.proof or self._is_over(state):
            return None
        if not state.tactics:
            return statement.proof[0]
        place = self._place(statement, state.goals)
        return None if place is None else statement.proof[place]


def _preamble(statements: str | Path) -> str:
    return _MINIF2F_PREAMBLE if str(statements).startswith("minif2f") else ""


def _prepare(statements: Sequence[Statement], preamble: str) -> Sequence[Statement]:
    """Returns the statements with ``preamble`` before their contexts."""
    if not preamble.strip():
        return statements
    return [replace(known, context=f"{preamble.strip()}\n{known.context}".strip()) for known in statements]
