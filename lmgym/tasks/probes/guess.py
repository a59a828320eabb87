"""A probe of several turns: finding out by asking."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, final

import numpy as np

from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import Response, Task, check_split, split_of
from lmgym.tasks.options import check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split


class GuessState(NamedTuple):
    """How far an episode of ``Guess`` is."""

    problem: Problem
    num_guesses_made: int = 0


@final
class Guess(Task):
    """Find a secret number by guessing; the replies say ``higher`` or ``lower``.

    By default there are just enough guesses for bisection. A turn that is no number in the range, or was
    cut by its token budget, is a lost guess.
    """

    def __init__(self, *, high: int = 31, num_guesses: int | None = None) -> None:
        """Configures the probe.

        Args:
            high: the secret lies in [1, high]; 2 to 10000.
            num_guesses: turns, 1 to 64; by default as many as bisection needs.

        Raises:
            InvalidValueError: a value out of its range.
        """
        self._high = check_int("high", high, 2, 10_000)
        guesses = self._high.bit_length() if num_guesses is None else num_guesses
        self._num_guesses = check_int("num_guesses", guesses, 1, 64)
        self._stream = ProblemStream(self.fingerprint, self._draw_block)
        self._secrets: dict[str, list[int]] = {}

    @property
    def fingerprint(self) -> str:
        return f"Guess(high={self._high},num_guesses={self._num_guesses})"

    @property
    def alphabet(self) -> str:
        return "0123456789"

    @property
    def max_prompt_chars(self) -> int:
        return len(self._prompt)

    @property
    def max_reply_chars(self) -> int:
        return max(len(". higher>"), len(self._again))

    @property
    def max_turns(self) -> int:
        return self._num_guesses

    @property
    def default_max_new_tokens(self) -> int:
        return len(str(self._high)) + 1

    @property
    def optimal_return(self) -> float:
        """Greatest rate of success when every number in the range is equally likely."""
        return _best_rate(self._high, self._num_guesses)

    @property
    def random_return(self) -> float:
        """Rate of success of a policy whose guesses are uniform in the range and ignore the replies."""
        return 1 - (1 - 1 / self._high) ** self._num_guesses

    @property
    def _prompt(self) -> str:
        return f"1 to {self._high}>"

    @property
    def _again(self) -> str:
        return f". {self._prompt}"

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        return [draw_until_split(self._draw_draft, split, words) for _ in range(count)]

    def _draw_draft(self, words: Words) -> Draft:
        secret = 1 + words.below(self._high)
        return Draft(self._prompt, secret, self._key(secret))

    def _key(self, secret: int) -> str:
        return f"{secret} of {self._high}"

    def start(self, problem: Problem) -> GuessState:
        return GuessState(problem)

    def respond(self, state: GuessState, turn: Turn) -> Response:
        made = state.num_guesses_made + 1
        guess, secret = self._read(turn), state.problem.reference
        is_over = guess == secret or made >= self._num_guesses
        reply = None
        if not is_over:
            reply = self._again if guess is None else ". higher>" if guess < secret else ". lower>"
        return Response(GuessState(state.problem, made), reply, is_over)

    def _read(self, turn: Turn) -> int | None:
        """Returns the guess, None unless it is written plainly: ASCII digits, no sign, no leading zero."""
        text = turn.text
        if not turn.is_complete or len(text) > 5 or not (text.isascii() and text.isdigit()) or text[0] == "0":
            return None
        guess = int(text)
        return guess if guess <= self._high else None

    def verify(self, transcript: Transcript) -> Verdict:
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        said = [turn for turn in transcript.turns if turn.role == "agent"]
        for turn in said[: self._num_guesses]:
            if self._read(turn) == transcript.problem.reference:
                return Verdict("correct", "", turn.text, 1.0)
        if len(said) < self._num_guesses:
            return Verdict("wrong", "unfinished")
        if not said[-1].is_complete:
            return Verdict("wrong", "overlong")
        guess = self._read(said[-1])
        return Verdict("wrong", "unparsed") if guess is None else Verdict("wrong", "wrong", str(guess))

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the guesses of bisection."""
        low, high, guesses = 1, self._high, list[int]()
        while len(guesses) < self._num_guesses and (not guesses or guesses[-1] != problem.reference):
            guess = (low + high) // 2
            guesses.append(guess)
            low, high = (guess + 1, high) if guess < problem.reference else (low, guess - 1)
        return tuple(map(str, guesses))

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float:
        """Returns the best rate of success given all replies so far, the secret unknown.

        The secret is uniform over the numbers of the problem's split that the replies leave open. With k
        guesses and m numbers open, bisection finds min(1, (2**k - 1) / m) of them, and nothing finds more.
        """
        guesses = [self._read(turn) for turn in turns if turn.role == "agent"]
        secret = problem.reference
        if secret in guesses[: self._num_guesses]:
            return 1.0
        left = self._num_guesses - len(guesses)
        if left <= 0:
            return 0.0
        low = max((guess for guess in guesses if guess is not None and guess < secret), default=0)
        high = min(
            (guess for guess in guesses if guess is not None and guess > secret), default=self._high + 1
        )
        still_open = [number for number in self._secrets_of(problem.split) if low < number < high]
        if not partial:
            return _best_rate(len(still_open), left)
        lost = _best_rate(len(still_open), left - 1)
        return max(
            [lost, *(self._rate_after(guess, still_open, left - 1) for guess in self._matching(partial))]
        )

    def _secrets_of(self, split: str) -> list[int]:
        if split not in self._secrets:
            numbers = range(1, self._high + 1)
            self._secrets[split] = [number for number in numbers if split_of(self._key(number)) == split]
        return self._secrets[split]

    def _matching(self, partial: str) -> list[int]:
        if len(partial) > 5:
            return []
        return [guess for guess in range(1, self._high + 1) if str(guess).startswith(partial)]

    @staticmethod
    def _rate_after(guess: int, still_open: list[int], left: int) -> float:
        below = sum(number < guess for number in still_open)
        above = sum(number > guess for number in still_open)
        found = (guess in still_open) + below * _best_rate(below, left) + above * _best_rate(above, left)
        return found / len(still_open)


def _best_rate(num_open: int, num_guesses: int) -> float:
    return min(1.0, (2**num_guesses - 1) / num_open) if num_open else 0.0
