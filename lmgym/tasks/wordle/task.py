"""``lmgym/Wordle-v0``: find a secret word by guessing; every guess is answered by colours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.seeding import word_to_int
from lmgym.tasks.base import HASHED_SPLITS, Response, Task, check_split, split_of
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split
from lmgym.tasks.wordle.solver import Rule, Solver, feedback, make_solver
from lmgym.tasks.wordle.word_lists import LENGTHS, check_words, read_words, some_words

Wording = Literal["plain", "words"]

LEVELS: Mapping[int, tuple[int, int, int]] = {
    1: (3, 40, 1),
    2: (3, 100, 1),
    3: (4, 100, 1),
    4: (4, 375, 1),
    5: (5, 100, 0),
    6: (5, 200, 0),
    7: (5, 400, 0),
    8: (5, 761, 0),
}
"""Letters of a word, words of the list, guesses that the prompt gives; by level."""
_OOD = "ood_length"
_MAX_TURN_CHARS = 64


class WordleReference(NamedTuple):
    """The private truth of a problem."""

    value: str
    """The secret."""
    given: tuple[str, ...]
    """Guesses that the prompt begins with."""


class WordleState(NamedTuple):
    """How far an episode of ``Wordle`` is."""

    problem: Problem
    num_guesses_made: int = 0


@final
class Wordle(Task):
    """Guess a secret word of a list; the reply colours each letter: g right, y elsewhere in it, b not in it.

    A turn that is no word of the list, or was cut by its token budget, is a lost guess without colours. The
    hash of the secret, with the guesses that the prompt gives, decides the split; guesses may be any word of
    the list. "ood_length" has secrets one letter longer, and a list of such words.
    """

    def __init__(
        self,
        *,
        level: int = 1,
        num_letters: int | None = None,
        num_words: int | None = None,
        num_given: int | None = None,
        num_guesses: int = 6,
        double_letters: Rule = "counted",
        wording: Wording = "plain",
        vocabulary: str | Path | Sequence[str] | None = None,
        demonstration_quality: float = 1.0,
    ) -> None:
        """Configures the task; the options that begin with ``num`` take the place of the level's.

        Args:
            level: 1 (40 words of three letters) to 8 (761 words of five letters).
            num_letters: letters of a word, 3 to 5.
            num_words: words of the list, 10 to 1000; all there are where there are fewer.
            num_given: random guesses that the prompt begins with, 0 to 4; none by default with a vocabulary.
                Without any, no secret of the test split is one in training.
            num_guesses: turns of an episode, 1 to 64.
            double_letters: "counted" colours a letter at most as often as the secret holds it, "each" judges
                every letter by itself, as LMRL-Gym does.
            wording: "plain" (``5 letters>``, answered by ``crane``) or "words" (LMRL-Gym's texts, letters
                with spaces between).
            vocabulary: a text file, a word a line, or the words, in place of the package's; such a task has
                no levels and no "ood_length".
            demonstration_quality: probability in [0, 1] that a demonstrated guess is the solver's; the others
                are any word of the list.

        Raises:
            UnknownNameError: a word that is not in its list.
            InvalidValueError: a value out of its range, or a vocabulary that is none.
        """
        self._options: dict[str, object] = dict(
            num_letters=num_letters, num_words=num_words, num_given=num_given, num_guesses=num_guesses,
            double_letters=double_letters, wording=wording, vocabulary=vocabulary,
            demonstration_quality=demonstration_quality,
        )  # fmt: skip
        self._level = check_int("level", level, 1, max(LEVELS) if vocabulary is None else 1)
        self._num_guesses = check_int("num_guesses", num_guesses, 1, 64)
        check_choice("double_letters", double_letters, ("counted", "each"))
        check_choice("wording", wording, ("plain", "words"))
        self._rule, self._wording = double_letters, wording
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        lists = _make_lists(self._level, num_letters, num_words, vocabulary)
        self._words = {len(words[0]): words for words in lists}
        self._known = {length: frozenset(words) for length, words in self._words.items()}
        self.splits: tuple[str, ...] = (*HASHED_SPLITS, _OOD) if len(lists) > 1 else HASHED_SPLITS
        default = LEVELS[self._level][2] if vocabulary is None else 0
        self._num_given = check_int("num_given", default if num_given is None else num_given, 0, 4)
        if self._num_given >= len(lists[0]):
            raise InvalidValueError(
                f"num_given={num_given!r} leaves no secret: there are {len(lists[0])} words."
            )
        size = f"{len(lists[0])}x{len(lists[0][0])}"
        name = (
            f"words={size}" if vocabulary is None else f"words={size}:{word_to_int(' '.join(lists[0])):08x}"
        )
        self._fingerprint = f"Wordle({name},num_guesses={self._num_guesses},{double_letters=!s},{wording=!s})"
        self._stream = ProblemStream(
            f"Wordle({name},given={self._num_given},{double_letters=!s},{wording=!s})", self._draw_block
        )

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def alphabet(self) -> str:
        letters = sorted({letter for words in self._words.values() for word in words for letter in word})
        return "".join(letters) + (" " if self._wording == "words" else "")

    @property
    def max_prompt_chars(self) -> int:
        length = max(self._words)
        turn = len(self._text("a" * length)) + len(self._reply("b" * length))
        return len(self._opening(length)) + self._num_given * turn

    @property
    def max_reply_chars(self) -> int:
        longest = max(self._words)
        return len(self._reply("b" * longest)) if self._num_guesses > 1 else 0

    @property
    def max_turns(self) -> int:
        return self._num_guesses

    @property
    def default_max_new_tokens(self) -> int:
        return len(self._text("a" * max(self._words))) + 1

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS) if self._options["vocabulary"] is None else 1

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    @property
    def words(self) -> tuple[str, ...]:
        """The list that guesses of the hashed splits are taken from."""
        return self._words[min(self._words)]

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        return [
            draw_until_split(partial(self._draw, self._list_of(split)), split, words) for _ in range(count)
        ]

    def _draw(self, listed: tuple[str, ...], words: Words) -> Draft:
        left = list(listed)
        secret, *given = [left.pop(words.below(len(left))) for _ in range(1 + self._num_given)]
        reference = WordleReference(secret, tuple(given))
        return Draft(self._prompt(reference), reference, _key(secret, given), float(self._level))

    def _list_of(self, split: str) -> tuple[str, ...]:
        return self._words[max(self._words) if split == _OOD else min(self._words)]

    def _opening(self, num_letters: int) -> str:
        return "Wordle:\n" if self._wording == "words" else f"{num_letters} letters>"

    def _prompt(self, reference: WordleReference) -> str:
        secret, given = reference
        told = [self._text(word) + self._reply(feedback(word, secret, self._rule)) for word in given]
        return self._opening(len(secret)) + "".join(told)

    def _text(self, word: str) -> str:
        return " ".join(word) if self._wording == "words" else word

    def _reply(self, colours: str) -> str:
        if self._wording == "words":
            return f"\n{' '.join(colours)}\n"
        return f"\n{colours or '?'}>"

    def start(self, problem: Problem) -> WordleState:
        return WordleState(problem)

    def respond(self, state: WordleState, turn: Turn) -> Response:
        secret: str = state.problem.reference.value
        made = WordleState(state.problem, state.num_guesses_made + 1)
        guess = self._read(turn, secret)
        if guess == secret or made.num_guesses_made >= self._num_guesses:
            return Response(made, None, True)
        colours = "" if guess is None else feedback(guess, secret, self._rule)
        return Response(made, self._reply(colours), False)

    def _read(self, turn: Turn, secret: str) -> str | None:
        """Returns the guess, None if the turn is no word of the secret's list."""
        text = turn.text
        if not turn.is_complete or len(text) > _MAX_TURN_CHARS:
            return None
        word = text.strip().replace(" ", "") if self._wording == "words" else text
        return word if word in self._known[len(secret)] else None

    def verify(self, transcript: Transcript) -> Verdict:
        """Returns the verdict; the score of a wrong episode is the share of right places in its best guess.

        Reasons: "unfinished" while guesses are left (after a turn that is no word of the list "illegal"),
        "truncated", and at the end "wrong", after a last turn that is no word "illegal", after one that was
        cut "overlong".
        """
        if transcript.truncated:
            return Verdict("wrong", "truncated")
        secret: str = transcript.problem.reference.value
        said = [turn for turn in transcript.turns if turn.role == "agent"][: self._num_guesses]
        guesses = [self._read(turn, secret) for turn in said]
        if secret in guesses:
            return Verdict("correct", "", secret, 1.0)
        places = [sum(map(str.__eq__, guess, secret)) for guess in guesses if guess is not None]
        score = max(places, default=0) / len(secret)
        is_over = len(said) >= self._num_guesses
        if said and guesses[-1] is None:
            reason = "overlong" if is_over and not said[-1].is_complete else "illegal"
        else:
            reason = "wrong" if is_over else "unfinished"
        return Verdict("wrong", reason, guesses[-1] if guesses else None, score)

    def _solver(self, secret: str) -> Solver:
        return make_solver(self._words[len(secret)], self._rule)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the guesses of a solver that asks for the most information; see ``Solver.best_guess``.

        It knows the list and not the split, and may run out of guesses where there are few.
        """
        secret, given = problem.reference
        solver = self._solver(secret)
        candidates, guesses = np.arange(len(solver.words)), list[str]()
        for guess in given:
            candidates = solver.consistent(candidates, guess, secret)
        while len(guesses) < self._num_guesses and secret not in guesses:
            is_solvers = rng.random() < self._quality
            place = solver.best_guess(candidates) if is_solvers else int(rng.integers(len(solver.words)))
            guesses.append(solver.words[place])
            candidates = solver.consistent(candidates, guesses[-1], secret)
        return tuple(map(self._text, guesses))

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns the best chance of success given the replies so far, the secret unknown.

        The secret is uniform over the words of the problem's split that the replies leave open. Exact with
        two guesses or fewer left and where the solver finds every open word; elsewhere None.
        """
        secret, given = problem.reference
        said = [turn for turn in turns if turn.role == "agent"][: self._num_guesses]
        guesses = [self._read(turn, secret) for turn in said]
        if secret in guesses:
            return 1.0
        left, solver = self._num_guesses - len(said), self._solver(secret)
        if left <= 0:
            return 0.0
        still_open = solver.places(self._secrets(problem.split, given))
        for guess in (*given, *guesses):
            if guess is not None:
                still_open = solver.consistent(still_open, guess, secret)
        if not partial:
            return solver.rate(still_open, left)
        rates = [solver.rate(still_open, left - 1)]  # the rest may also make the turn no word at all
        for word in self._matching(partial, solver.words):
            if rates[-1] == 1.0:
                break
            rates.append(solver.rate_after(word, still_open, left - 1))
        known = [rate for rate in rates if rate is not None]
        return max(known) if len(known) == len(rates) or 1.0 in known else None

    def _secrets(self, split: str, given: tuple[str, ...]) -> tuple[str, ...]:
        """Returns the secrets that problems of ``split`` have after the guesses ``given``."""
        listed = [word for word in self._list_of(split) if word not in given]
        return tuple(word for word in listed if split == _OOD or split_of(_key(word, given)) == split)

    def _matching(self, partial: str, words: tuple[str, ...]) -> list[str]:
        """Returns the words that a turn which begins with ``partial`` can still become."""
        if len(partial) > _MAX_TURN_CHARS:
            return []
        if self._wording == "plain":
            return [word for word in words if word.startswith(partial)]
        core = partial.lstrip()
        begun = core.rstrip().replace(" ", "")
        is_closed = not core.rstrip(" ") == core.rstrip()  # a line was ended: no letter may follow
        room = _MAX_TURN_CHARS - len(partial)
        return [
            word
            for word in words
            if word.startswith(begun) and len(word) - len(begun) <= (0 if is_closed and begun else room)
        ]


def _key(secret: str, given: Sequence[str]) -> str:
    return " ".join((secret, *given))


def _make_lists(
    level: int, num_letters: object, num_words: object, vocabulary: str | Path | Sequence[str] | None
) -> list[tuple[str, ...]]:
    """Returns the list of words, and that of words one letter longer unless the list is the caller's own."""
    if isinstance(vocabulary, str | Path):
        return [read_words(vocabulary)]
    if vocabulary is not None:
        return [check_words(list(vocabulary))]
    letters = check_int(
        "num_letters", LEVELS[level][0] if num_letters is None else num_letters, LENGTHS[0], LENGTHS[-1] - 1
    )
    count = check_int("num_words", LEVELS[level][1] if num_words is None else num_words, 10, 1000)
    return [some_words(letters, count), some_words(letters + 1, count)]
