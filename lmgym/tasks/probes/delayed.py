"""A probe of several turns: acting on what was said long ago, and being paid long after."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, final

import numpy as np

from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import Response, Task, check_split
from lmgym.tasks.options import check_alphabet, check_bool, check_choice, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split
from lmgym.tasks.words import draw_word

_ACT, _WAIT = ". say>", ". wait>"


class DelayedState(NamedTuple):
    """How far an episode of ``Delayed`` is; what was said is judged from the transcript."""

    problem: Problem
    num_turns_taken: int = 0


@final
class Delayed(Task):
    """Say the word in the turn that asks for it; all other turns are ignored; paid at the end alone.

    ``act_on="last"`` asks after ``num_turns - 1`` turns of waiting (memory), ``act_on="first"`` at once,
    and the wait comes after (credit over a delay).
    """

    def __init__(
        self,
        *,
        num_turns: int = 3,
        act_on: Literal["first", "last"] = "last",
        length: int = 2,
        alphabet: str = "abcdefgh",
        needs_stop: bool = True,
    ) -> None:
        """Configures the probe.

        Args:
            num_turns: agent turns of an episode, 1 to 64.
            act_on: which turn must say the word.
            length: characters of the word, 1 to 64.
            alphabet: the characters of words, at least two.
            needs_stop: False counts turns that were cut by their token budget like those that ended
                themselves; True makes an episode with such a turn wrong.

        Raises:
            InvalidValueError: a value out of its range.
            UnknownNameError: ``act_on`` is no such word.
        """
        self._num_turns = check_int("num_turns", num_turns, 1, 64)
        self._acts_first = check_choice("act_on", act_on, ("first", "last")) == "first"
        self._length = check_int("length", length, 1, 64)
        self._letters = check_alphabet("alphabet", alphabet)
        self._needs_stop = check_bool("needs_stop", needs_stop)
        self._acting_turn = 0 if self._acts_first else self._num_turns - 1
        self._stream = ProblemStream(self.fingerprint, self._draw_block)

    @property
    def fingerprint(self) -> str:
        return (
            f"Delayed(num_turns={self._num_turns},acting_turn={self._acting_turn},length={self._length},"
            f"alphabet={self._letters!r},needs_stop={self._needs_stop})"
        )

    @property
    def alphabet(self) -> str:
        return self._letters

    @property
    def max_prompt_chars(self) -> int:
        return self._length + len(_WAIT)

    @property
    def max_reply_chars(self) -> int:
        return len(_WAIT) if self._num_turns > 1 else 0

    @property
    def max_turns(self) -> int:
        return self._num_turns

    @property
    def default_max_new_tokens(self) -> int:
        return self._length + (1 if self._needs_stop else 0)

    @property
    def optimal_return(self) -> float:
        """Greatest possible rate of success."""
        return 1.0

    @property
    def random_return(self) -> float:
        """Rate of success of a policy that says a uniformly drawn word in every turn."""
        return float(len(self._letters) ** -self._length)

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        return [draw_until_split(self._draw_draft, split, words) for _ in range(count)]

    def _draw_draft(self, words: Words) -> Draft:
        word = draw_word(self._letters, self._length, words)
        return Draft(word + self._cue(0), word, word)

    def _cue(self, turn: int) -> str:
        return _ACT if turn == self._acting_turn else _WAIT

    def start(self, problem: Problem) -> DelayedState:
        return DelayedState(problem)

    def respond(self, state: DelayedState, turn: Turn) -> Response:
        taken = state.num_turns_taken + 1
        is_over = taken >= self._num_turns
        return Response(DelayedState(state.problem, taken), None if is_over else self._cue(taken), is_over)

    def verify(self, transcript: Transcript) -> Verdict:
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        said = [turn for turn in transcript.turns if turn.role == "agent"]
        if self._needs_stop and not all(turn.is_complete for turn in said):
            return Verdict("wrong", "overlong")
        if len(said) < self._num_turns:
            return Verdict("wrong", "unfinished")
        answer: str = transcript.problem.reference
        text = said[self._acting_turn].text
        if text == answer:
            return Verdict("correct", "", text, 1.0)
        agreeing = sum(one == other for one, other in zip(text, answer, strict=False))
        return Verdict("wrong", "wrong", text[: len(answer)], agreeing / max(len(text), len(answer)))

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the word in the turn that asks for it, and empty turns otherwise."""
        return tuple(
            problem.reference if turn == self._acting_turn else "" for turn in range(self._num_turns)
        )

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float:
        """Returns 1.0 while success can still be had, else 0.0."""
        said = [turn for turn in turns if turn.role == "agent"]
        if self._needs_stop and not all(turn.is_complete for turn in said):
            return 0.0
        if len(said) > self._acting_turn:
            return float(said[self._acting_turn].text == problem.reference)
        if len(said) == self._acting_turn:
            return float(problem.reference.startswith(partial))
        return 1.0
