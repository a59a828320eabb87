"""``lmgym/Metamath-v0``: prove the theorems of a Metamath database, each from what stands above it."""

from __future__ import annotations

import string
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import MAX_LINES, TOO_MANY, cut_lines
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split, unfinished
from lmgym.tasks.metamath.collection import MAX_LEVEL, PRESETS, load_collection
from lmgym.tasks.metamath.formats import FORMATS
from lmgym.tasks.metamath.play import PlayState, Rules
from lmgym.tasks.metamath.problems import Poser
from lmgym.tasks.metamath.text import (
    MAX_MESSAGE_CHARS,
    MAX_STACK_CHARS,
    full_reply,
    short_reply,
    write_instructions,
    write_stack,
)
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.stream import ProblemStream

_LONGEST_REASON = len("undetermined")
_OVER = StepVerdict("no_progress", "over")


@final
class Metamath(Task):
    """Prove a theorem from what stands above it, by labels in reverse Polish order.

    A label of a hypothesis puts it on the stack, one of an axiom or theorem replaces what that needs by what
    it gives; in the end the theorem alone must be on the stack.

    A database holds axioms and theorems over symbols without any built-in meaning; the only rule is
    substitution. "ood_length" has proofs longer than the level's, up to twice as long.
    """

    splits = (*HASHED_SPLITS, "ood_length")

    def __init__(
        self,
        *,
        level: int = 1,
        preset: str | None = None,
        path: str | Path | None = None,
        proof_format: Literal["normal", "essential"] = "normal",
        turn: Literal["proof", "label"] = "proof",
        num_distractors: int | None = 2,
        feedback: Literal["short", "state"] = "state",
        spare_labels: int = 4,
        max_refusals: int = 3,
        prompt_style: Literal["plain", "instruct"] = "plain",
        demonstration_quality: float = 1.0,
    ) -> None:
        """Reads the database and verifies its proofs.

        Args:
            level: 1 (the shortest proofs) to 6; small databases have fewer levels.
            preset: "set.mm propositional" (the default), "ql", "hol", "demo0" or "miu".
            path: instead, a database of your own, .mm or .mm.gz.
            proof_format: "normal": every label; "essential": only the logical steps, the syntax is filled in.
            turn: what one turn of the agent is: the whole "proof", or one "label" that is answered.
            num_distractors: statements that the prompt lists beside those that the known proof uses, 0 to 50;
                None: it lists none at all.
            feedback: replies between two labels say why a label was refused and show the stack ("state"), or
                are a blank or the reason in a word ("short").
            spare_labels: turns that an episode of ``turn="label"`` has beyond the known proof's, 0 to 64.
            max_refusals: refused labels that end an episode of ``turn="label"``, 1 to 64.
            prompt_style: "plain": statements only; "instruct": how proofs are written is explained first.
            demonstration_quality: probability in [0, 1] that a demonstration is right; the others have a
                label that is refused.

        Raises:
            InvalidValueError: a value out of its range, or both ``preset`` and ``path``.
            UnknownNameError: an unknown preset, format or word.
            MetamathError: the file is no database.
            EmptyProblemSetError: no theorem of the database can be posed.
        """
        if preset is not None and path is not None:
            raise InvalidValueError(f"give preset= or path=, got preset={preset!r} and path={path!r}.")
        self._format = check_choice("proof_format", proof_format, FORMATS)
        if path is None:
            source = PRESETS[check_choice("preset", preset or "set.mm propositional", PRESETS)]
        elif isinstance(path, str | Path):
            source = Path(path).expanduser()
        else:
            raise InvalidValueError(f"path must be a path, got {path!r}.")
        self._turn = check_choice("turn", turn, ("proof", "label"))
        self._distractors = (
            None if num_distractors is None else check_int("num_distractors", num_distractors, 0, 50)
        )
        self._feedback = check_choice("feedback", feedback, ("short", "state"))
        self._spare = check_int("spare_labels", spare_labels, 0, 64)
        self._max_refusals = check_int("max_refusals", max_refusals, 1, 64)
        check_choice("prompt_style", prompt_style, ("plain", "instruct"))
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        check_int("level", level, 1, MAX_LEVEL)
        self._collection = load_collection(source, self._format)
        self._level = check_int("level", level, 1, len(self._collection.bounds))
        self._options: dict[str, object] = dict(
            preset=preset, path=path, proof_format=proof_format, turn=turn, num_distractors=num_distractors,
            feedback=feedback, spare_labels=spare_labels, max_refusals=max_refusals,
            prompt_style=prompt_style, demonstration_quality=demonstration_quality,
        )  # fmt: skip
        self._rules = Rules(self._collection)
        spare = self._spare if self._turn == "label" else None
        preface = write_instructions(self._format, self._turn) if prompt_style == "instruct" else ""
        self._poser = Poser(self._collection, self._level, self._distractors, spare, preface)
        self._stream = ProblemStream(self._poser.name, self._poser.draw_block)

    @property
    def fingerprint(self) -> str:
        play = f",{self._feedback},{self._max_refusals}" if self._turn == "label" else ""
        return f"{self._poser.name[:-1]},turn={self._turn}{play})"

    @property
    def alphabet(self) -> str:
        return string.ascii_letters + string.digits + "-_." + (" " if self._turn == "proof" else "")

    @cached_property
    def max_prompt_chars(self) -> int:
        return self._poser.max_prompt_chars

    @cached_property
    def max_reply_chars(self) -> int:
        if self._turn == "proof":
            return 0
        if self._feedback == "short":
            return len("\nno: \n") + _LONGEST_REASON
        refused = len("refused (): \n") + _LONGEST_REASON + MAX_MESSAGE_CHARS
        return len(f"\n({self.max_turns} left)\n") + refused + self._max_stack_chars

    @cached_property
    def _max_stack_chars(self) -> int:
        """Of the longest stack on the way of a known proof, so that none of these is cut."""
        longest = 0
        for lemma in self._poser.lemmas:
            stacks = self._rules.way_of(lemma).stacks
            longest = max(longest, *(len(write_stack(stack, MAX_STACK_CHARS)) for stack in stacks))
        return longest

    @property
    def max_turns(self) -> int:
        return self._poser.max_labels + self._spare if self._turn == "label" else 1

    @cached_property
    def default_max_new_tokens(self) -> int:
        if self._turn == "proof":
            return max(len(" ".join(lemma.proof)) for lemma in self._poser.lemmas) + 1
        return self._collection.max_label_chars + 1

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return len(self._collection.bounds)

    @property
    def num_problems(self) -> dict[str, int]:
        """Theorems of each split; a split without any raises when it is asked for a problem."""
        return {split: len(lemmas) for split, lemmas in self._poser.by_split.items()}

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def start(self, problem: Problem) -> PlayState:
        return PlayState(problem, self._rules.begin(problem), problem.reference.num_turns)

    def respond(self, state: PlayState, turn: Turn) -> Response:
        if self._turn == "proof":
            return Response(state._replace(num_turns_left=0), None, True)
        new = self._rules.take_turn(state, turn)
        if self._is_over(new):
            return Response(new, None, True)
        if self._feedback == "short":
            return Response(new, short_reply(new.refusal), False)
        stack = self._rules.format.show(new.proof)
        return Response(new, full_reply(stack, new.refusal, new.num_turns_left, self._max_stack_chars), False)

    def _is_over(self, state: PlayState) -> bool:
        return state.is_proved or state.num_turns_left <= 0 or state.num_refusals >= self._max_refusals

    def _replay(
        self, problem: Problem, turns: Sequence[Turn]
    ) -> tuple[PlayState, list[StepVerdict], list[str]]:
        """Returns the state after the agent's turns, and for each its verdict and why it was refused."""
        state, verdicts, reasons, best = self.start(problem), list[StepVerdict](), list[str](), 0
        for turn in turns:
            if turn.role != "agent":
                continue
            if self._is_over(state):
                verdicts.append(_OVER)
                reasons.append("over")
                continue
            state = self._rules.take_turn(state, turn)
            verdict, best = self._rules.judge_step(problem, state.proof, state.refusal, best)
            verdicts.append(verdict)
            reasons.append("" if state.refusal is None else state.refusal.reason)
        return state, verdicts, reasons

    def verify(self, transcript: Transcript) -> Verdict:
        return (self._verify_proof if self._turn == "proof" else self._verify_labels)(transcript)

    def _verify_proof(self, transcript: Transcript) -> Verdict:
        refused = unfinished(transcript)
        if refused is not None:
            return refused
        problem = transcript.problem
        proof, refusal = self._rules.play_text(problem, transcript.response)
        if refusal is None:
            return Verdict("correct", "", " ".join(transcript.response.split()), 1.0)
        return Verdict("wrong", refusal.reason, None, self._rules.progress(problem, proof))

    def _verify_labels(self, transcript: Transcript) -> Verdict:
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        state, _, reasons = self._replay(transcript.problem, transcript.turns)
        if state.is_proved:
            return Verdict("correct", "", None, 1.0)
        reason = reasons[-1] if reasons and self._is_over(state) else ""
        reason = reason or next((r for r in reasons if r == "overlong"), "unfinished")
        return Verdict("wrong", reason, None, self._rules.progress(transcript.problem, state.proof))

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...]:
        """Returns one verdict for each line: "right" if all of its labels go on along the known proof."""
        problem = transcript.problem
        agent = [turn for turn in transcript.turns if turn.role == "agent"]
        if self._turn == "proof":
            lines = [line for turn in agent for line in cut_lines(turn.text)]
            checked = self._rules.check_lines(problem, lines, MAX_LINES)
            return (*checked, *(TOO_MANY for _ in lines[MAX_LINES:]))
        verdicts = self._replay(problem, agent)[1]
        return tuple(
            verdict for turn, verdict in zip(agent, verdicts, strict=True) for _ in cut_lines(turn.text)
        )

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the database's proof, or one with a label that is refused."""
        proof: tuple[str, ...] = problem.reference.proof
        if rng.random() >= self._quality:
            proof = self._rules.spoil(problem, rng)
        return (" ".join(proof),) if self._turn == "proof" else proof

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        """Returns the known proof's next label wherever the stack is one of the known proof's."""
        proof: tuple[str, ...] = problem.reference.proof
        if self._turn == "proof":
            return None if turns else " ".join(proof)
        state = self._replay(problem, turns)[0]
        place = self._rules.place(problem, state.proof)
        return None if place is None or self._is_over(state) else proof[place]

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns 1.0 where the known proof can still be completed, 0.0 where all is over, else None."""
        if self._turn == "proof":
            if turns:
                return float(self.verify(Transcript(problem, turns)).status == "correct")
            return self._value_of_text(problem, partial)
        state = self._replay(problem, turns)[0]
        if self._is_over(state):
            return float(state.is_proved)
        place = self._rules.place(problem, state.proof)
        if place is None:
            return None
        num_needed = len(problem.reference.proof) - place
        if num_needed > state.num_turns_left:
            return None
        can_lose = state.num_refusals + 1 < self._max_refusals and num_needed < state.num_turns_left
        text = partial.lstrip()
        is_next = problem.reference.proof[place].startswith(text)
        return 1.0 if is_next or (can_lose and self._is_refused(state, text)) else None

    def _is_refused(self, state: PlayState, text: str) -> bool:
        """Returns whether a turn that begins with ``text`` and ends there would be refused."""
        return self._rules.take_turn(state, Turn("agent", text)).refusal is not None

    def _value_of_text(self, problem: Problem, text: str) -> float | None:
        whole, _, begun = text.rpartition(" ")
        proof, refusal = self._rules.play(problem, self._rules.begin(problem), whole.split())
        if refusal is not None:
            return 0.0
        place = self._rules.place(problem, proof)
        known: tuple[str, ...] = problem.reference.proof
        if place is None or begun.split() not in ([], [begun]):
            return None
        if place == len(known):
            return None if begun else 1.0
        return 1.0 if known[place].startswith(begun) else None
