"""Feedback on guesses, and a solver that asks for the most information.

Comes in: a list of words. Goes out: the colours of a guess, the best next guess, chances of success. Left
out: texts and turns. A feedback is a string with a letter a place: ``g`` the letter is right, ``y`` it is
elsewhere in the word, ``b`` it is not.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

Rule = Literal["counted", "each"]
"""How double letters are judged. "counted": a letter is coloured at most as often as the word holds it, right
places first. "each": every letter of the guess is judged by itself, as in LMRL-Gym."""


def feedback(guess: str, secret: str, rule: Rule = "counted") -> str:
    """Returns the colours of ``guess``; both words have the same length.

    Example:
        >>> feedback("eerie", "crane"), feedback("eerie", "crane", "each")
        ('bbybg', 'yyybg')
    """
    left = [other for letter, other in zip(guess, secret, strict=True) if letter != other]
    colours = ""
    for letter, other in zip(guess, secret, strict=True):
        if letter == other:
            colours += "g"
        elif rule == "each":
            colours += "y" if letter in secret else "b"
        elif letter in left:
            left.remove(letter)
            colours += "y"
        else:
            colours += "b"
    return colours


MAX_KEPT = 100_000
"""What a solver remembers at most, in sets of candidates."""


class Solver:
    """Chances and guesses over one list of words under one rule; W is their number."""

    def __init__(self, words: tuple[str, ...], rule: Rule) -> None:
        self.words = words
        self._index = {word: place for place, word in enumerate(words)}
        self._codes = _all_codes(words, rule)
        self._num_codes = 3 ** len(words[0])
        self._guesses: dict[bytes, int] = {}
        self._findings: dict[tuple[bytes, int], bool] = {}

    def consistent(self, candidates: NDArray[np.int64], guess: str, secret: str) -> NDArray[np.int64]:
        """Returns the candidates that would have given ``guess`` the feedback that ``secret`` gives."""
        codes = self._codes[self._index[guess]]
        kept: NDArray[np.int64] = candidates[codes[candidates] == codes[self._index[secret]]]
        return kept

    def places(self, words: tuple[str, ...]) -> NDArray[np.int64]:
        """Returns the places of ``words`` in the list, int64[number of words]."""
        return np.array([self._index[word] for word in words], np.int64)

    def best_guess(self, candidates: NDArray[np.int64]) -> int:
        """Returns the place of the guess that tells most about which of ``candidates`` the secret is.

        The expected information is the entropy of the feedback. Of equal guesses a candidate comes first,
        then the earlier word. With one or two candidates the first of them is guessed.
        """
        if len(candidates) <= 2:
            return int(candidates[0])
        address = candidates.tobytes()
        guess = self._guesses.get(address)
        if guess is None:
            if len(self._guesses) >= MAX_KEPT:
                self._guesses.clear()
            guess = self._guesses[address] = self._most_telling(candidates)
        return guess

    def _most_telling(self, candidates: NDArray[np.int64]) -> int:
        counts = self._counts(candidates)
        unsure = np.where(counts > 0, counts * np.log(np.maximum(counts, 1)), 0.0).sum(axis=1)
        unsure = unsure.round(9)  # equal up to the order of the sum is equal
        unsure[candidates] -= 1e-6
        return int(unsure.argmin())

    def _counts(self, candidates: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns how many candidates give each feedback to each guess, int64[W, 3 ** letters]."""
        num_words = len(self.words)
        offsets = np.arange(num_words)[:, None] * self._num_codes
        flat = (self._codes[:, candidates] + offsets).ravel()
        return np.bincount(flat, minlength=num_words * self._num_codes).reshape(num_words, self._num_codes)

    def classes(self, guess: int, candidates: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Returns the candidates, parted by the feedback that they give to ``guess``."""
        codes = self._codes[guess, candidates]
        return [candidates[codes == code] for code in np.unique(codes)]

    def rate(self, candidates: NDArray[np.int64], num_guesses: int) -> float | None:
        """Returns the greatest chance to name a secret that is uniform over ``candidates``.

        Exact where it is known: with two guesses or fewer left, and where the solver finds every candidate;
        None elsewhere.
        """
        if num_guesses <= 0 or not len(candidates):
            return 0.0
        if num_guesses == 1 or self.finds_all(candidates, num_guesses):
            return 1.0 if num_guesses > 1 else 1 / len(candidates)
        if num_guesses == 2:  # each feedback leads to one secret that the last guess can name
            return int((self._counts(candidates) > 0).sum(axis=1).max()) / len(candidates)
        return None

    def rate_after(self, guess: str, candidates: NDArray[np.int64], num_guesses: int) -> float | None:
        """Returns the greatest chance after ``guess``, with ``num_guesses`` guesses left after it."""
        place, total = self._index[guess], 0.0
        for part in self.classes(place, candidates):
            rate = 1.0 if part.tolist() == [place] else self.rate(part, num_guesses)
            if rate is None:
                return None
            total += rate * len(part)
        return total / len(candidates)

    def finds_all(self, candidates: NDArray[np.int64], num_guesses: int) -> bool:
        """Returns whether the solver names every candidate within ``num_guesses`` guesses."""
        if len(candidates) <= 2 or num_guesses <= 1:
            return len(candidates) <= num_guesses
        address = candidates.tobytes(), num_guesses
        if address not in self._findings:
            if len(self._findings) >= MAX_KEPT:
                self._findings.clear()
            guess = self.best_guess(candidates)
            self._findings[address] = all(
                part.tolist() == [guess] or self.finds_all(part, num_guesses - 1)
                for part in self.classes(guess, candidates)
            )
        return self._findings[address]


def _all_codes(words: tuple[str, ...], rule: Rule) -> NDArray[np.int64]:
    """Returns the feedback of every guess (row) on every secret (column) as a number of base 3."""
    letters = np.array([list(word.encode()) for word in words])
    guesses, secrets = letters[:, None, :], letters[None, :, :]
    is_right = guesses == secrets
    codes = np.zeros(is_right.shape[:2], np.int64)
    for place in range(letters.shape[1]):
        same = secrets == guesses[:, :, place : place + 1]
        if rule == "each":
            is_elsewhere = same.any(axis=2)
        else:
            is_double = guesses[:, :, :place] == guesses[:, :, place : place + 1]
            num_before = (is_double & ~is_right[:, :, :place]).sum(axis=2)
            is_elsewhere = (same & ~is_right).sum(axis=2) > num_before
        codes = codes * 3 + np.where(is_right[:, :, place], 2, is_elsewhere)
    return codes


@lru_cache(maxsize=16)
def make_solver(words: tuple[str, ...], rule: Rule) -> Solver:
    """Returns the solver over ``words``; it is made once, and remembers what it has worked out."""
    return Solver(words, rule)
