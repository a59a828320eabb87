"""Probes of one turn: tiny tasks that say what an agent can't do, with known optimum and chance level.

A probe is learned in seconds by an agent that works. All answers are compared character by character,
without dropping whitespace, so that the optimal value of a partial response is exact.
``Delayed`` and ``Guess``, the probes of several turns, have files of their own.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import SingleTurnTask, check_split
from lmgym.tasks.options import check_alphabet, check_bool, check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split
from lmgym.tasks.words import draw_word


class WordProbe(SingleTurnTask):
    """A prompt made from a word, and one right answer."""

    def __init__(self, *, length: int, alphabet: str, needs_stop: bool) -> None:
        """Configures the probe.

        Args:
            length: characters of the word, 1 to 64.
            alphabet: the characters of words, at least two.
            needs_stop: False counts a response that was cut by its token budget like one that ended
                itself, so that the shortest episode has as many tokens as the answer.

        Raises:
            InvalidValueError: a value out of its range.
        """
        self._length = check_int("length", length, 1, 64)
        self._letters = check_alphabet("alphabet", alphabet)
        self._needs_stop = check_bool("needs_stop", needs_stop)
        self._stream = ProblemStream(self.fingerprint, self._draw_block)

    @property
    def fingerprint(self) -> str:
        return (
            f"{type(self).__name__}(length={self._length},alphabet={self._letters!r},"
            f"needs_stop={self._needs_stop})"
        )

    @property
    def alphabet(self) -> str:
        return self._letters

    @property
    def max_prompt_chars(self) -> int:
        return len(self._prompt(self._letters[0] * self._length))

    @property
    def default_max_new_tokens(self) -> int:
        return self._max_answer_chars + (1 if self._needs_stop else 0)

    @property
    def optimal_return(self) -> float:
        """Greatest possible rate of success."""
        return 1.0

    @property
    def random_return(self) -> float:
        """Rate of success of a policy that answers with a uniformly drawn answer of the right form."""
        return float(len(self._letters) ** -self._length)

    @property
    def _max_answer_chars(self) -> int:
        return self._length

    @abstractmethod
    def _prompt(self, word: str) -> str: ...

    @abstractmethod
    def _answer(self, word: str) -> str: ...

    def _draw(self, words: Words) -> str:
        return draw_word(self._letters, self._length, words)

    def _draw_draft(self, words: Words) -> Draft:
        word = self._draw(words)
        return Draft(self._prompt(word), self._answer(word), word)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        return [draw_until_split(self._draw_draft, split, words) for _ in range(count)]

    @final
    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    @final
    def verify(self, transcript: Transcript) -> Verdict:
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        turns = transcript.turns
        if not turns or turns[-1].role != "agent":
            return Verdict("wrong", "unparsed")
        _, text, is_complete = turns[-1]
        if self._needs_stop and not is_complete:
            return Verdict("wrong", "overlong")
        answer: str = transcript.problem.reference
        if text == answer:
            return Verdict("correct", "", text, 1.0)
        return self._wrong(text, answer)

    def _wrong(self, text: str, answer: str) -> Verdict:
        """Partial credit: the share of places where the texts agree, of the longer one's length."""
        agreeing = sum(one == other for one, other in zip(text, answer, strict=False))
        return Verdict("wrong", "wrong", text[: len(answer)], agreeing / max(len(text), len(answer)))

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        return (problem.reference,)

    @final
    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float:
        """Returns 1.0 if the answer begins with ``partial`` (or was given), else 0.0."""
        if turns:
            return float(self.verify(Transcript(problem, turns)).status == "correct")
        return float(problem.reference.startswith(partial))


@final
class Echo(WordProbe):
    """Repeat the word: ``abca>`` wants ``abca``."""

    def __init__(self, *, length: int = 2, alphabet: str = "abcdefgh", needs_stop: bool = True) -> None:
        super().__init__(length=length, alphabet=alphabet, needs_stop=needs_stop)

    def _prompt(self, word: str) -> str:
        return f"{word}>"

    def _answer(self, word: str) -> str:
        return word


@final
class Reverse(WordProbe):
    """Say the word backwards: ``abcd<`` wants ``dcba``."""

    def __init__(self, *, length: int = 3, alphabet: str = "abcdefgh", needs_stop: bool = True) -> None:
        super().__init__(length=length, alphabet=alphabet, needs_stop=needs_stop)

    def _prompt(self, word: str) -> str:
        return f"{word}<"

    def _answer(self, word: str) -> str:
        return word[::-1]


@final
class Count(WordProbe):
    """Count the first letter of the alphabet: ``a in bacab=`` wants ``2``. Every count is equally likely."""

    def __init__(self, *, length: int = 6, alphabet: str = "abc", needs_stop: bool = True) -> None:
        super().__init__(length=length, alphabet=alphabet, needs_stop=needs_stop)

    @property
    def alphabet(self) -> str:
        return "0123456789"[: self._length + 1]

    @property
    def random_return(self) -> float:
        return 1 / (self._length + 1)

    @property
    def _max_answer_chars(self) -> int:
        return len(str(self._length))

    def _prompt(self, word: str) -> str:
        return f"{self._letters[0]} in {word}="

    def _answer(self, word: str) -> str:
        return str(word.count(self._letters[0]))

    def _draw(self, words: Words) -> str:
        """Returns a word with a uniform count; the places are drawn by Vitter's selection sampling."""
        wanted = words.below(self._length + 1)
        others = draw_word(self._letters[1:], self._length, words)
        letters = []
        for place, other in enumerate(others):
            is_chosen = words.below(self._length - place) < wanted
            wanted -= is_chosen
            letters.append(self._letters[0] if is_chosen else other)
        return "".join(letters)


@final
class Shortcut(WordProbe):
    """A tempting shortcut: a constant answer is paid a little, the word backwards is paid in full.

    The score of ``shortcut`` is ``shortcut_score`` on every problem, that of the reversed word 1, that of
    anything else 0: rewarded by score, an agent that stops exploring stays at ``shortcut_score``.
    """

    def __init__(
        self,
        *,
        length: int = 2,
        alphabet: str = "abcdefgh",
        shortcut: str = "z",
        shortcut_score: float = 0.3,
        demonstration_quality: float = 1.0,
        needs_stop: bool = True,
    ) -> None:
        """Configures the probe.

        Args:
            length: characters of the word, 1 to 64.
            alphabet: characters of words.
            shortcut: one character outside ``alphabet``.
            shortcut_score: its score, from 0 to below 1.
            demonstration_quality: probability in [0, 1] that a demonstration is the right answer; the others
                are the shortcut.
            needs_stop: False: a response cut by its budget counts like one that ended itself.

        Raises:
            InvalidValueError: a value out of its range.
        """
        if (
            not isinstance(shortcut, str)
            or len(shortcut) != 1
            or shortcut in check_alphabet("alphabet", alphabet)
        ):
            raise InvalidValueError(f"shortcut must be one character outside alphabet, got {shortcut!r}.")
        self._shortcut = shortcut
        self._shortcut_score = check_fraction("shortcut_score", shortcut_score)
        if self._shortcut_score == 1:
            raise InvalidValueError("shortcut_score must be below 1, the score of the right answer.")
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        super().__init__(length=length, alphabet=alphabet, needs_stop=needs_stop)

    @property
    def fingerprint(self) -> str:
        return f"{super().fingerprint[:-1]},shortcut={self._shortcut!r},score={self._shortcut_score})"

    @property
    def alphabet(self) -> str:
        return self._letters + self._shortcut

    @property
    def shortcut_score(self) -> float:
        """What the shortcut scores: the local optimum."""
        return self._shortcut_score

    def _prompt(self, word: str) -> str:
        return f"{word}?"

    def _answer(self, word: str) -> str:
        return word[::-1]

    def _wrong(self, text: str, answer: str) -> Verdict:
        if text == self._shortcut:
            return Verdict("wrong", "shortcut", text, self._shortcut_score)
        return Verdict("wrong", "wrong", text[: len(answer)])

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the right answer or the shortcut; see ``demonstration_quality``."""
        return (problem.reference if rng.random() < self._quality else self._shortcut,)
