"""The published grammar: beginnings of reviews, and their continuations of mixed sentiment.

Comes in: random words. Goes out: texts. Every continuation that is drawn here is free of faults
(``naturalness.find_faults``); what it feels is up to the weights.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lmgym.tasks.sentiment.words import read_words
from lmgym.tasks.stream import Words

FEELINGS = ("positive", "negative", "neutral")


class Feelings(NamedTuple):
    """How often, of ten, a word of a feeling is chosen where there is a choice."""

    positive: int = 3
    negative: int = 3
    neutral: int = 4


class Opening(NamedTuple):
    """The beginning of a review."""

    text: str
    subject: int
    """Which of the fields of ``subjects`` it tells of."""


def draw_opening(words: Words, *, is_held_out: bool = False) -> Opening:
    """Returns a random beginning; the nouns and places of the held-out ones are in no other."""
    data = read_words()
    number = words.below(len(data["subjects"]))
    subject, prefix = data["subjects"][number], "held_out_" if is_held_out else ""
    opener = _pick(words, data["openers"])
    noun, place = _pick(words, subject[prefix + "nouns"]), _pick(words, subject[prefix + "places"])
    return Opening(f"{opener}{'the' if opener else 'The'} {noun} {place} was", number)


def draw_continuation(words: Words, subject: int, max_sentences: int, feelings: Feelings) -> str:
    """Returns a continuation of one to ``max_sentences`` sentences, with the blank that it begins with."""
    return _Writer(words, subject, feelings).write(1 + words.below(max_sentences))


class _Writer:
    """Writes one continuation; no word of content is used twice, and no sentence has three of sentiment."""

    def __init__(self, words: Words, subject: int, feelings: Feelings) -> None:
        self._words, self._data = words, read_words()
        self._nouns = self._data["subjects"][subject]["nouns"]
        self._wheel = [
            feeling for feeling, count in zip(FEELINGS, feelings, strict=True) for _ in range(count)
        ]
        self._used: set[str] = set()

    def write(self, num_sentences: int) -> str:
        written = [self._predicate()]
        for _ in range(num_sentences - 1):
            sentence = self._clause()
            if self._words.below(2):
                sentence += self._joint() + self._clause()
            written.append(sentence[0].upper() + sentence[1:])
        return f" {'. '.join(written)}{'.' if self._words.below(8) else '!'}"

    def _predicate(self) -> str:
        form = self._words.below(10)
        first = self._quality()
        if form < 2:
            return first + self._time()
        if form < 5:
            return f"{first} {self._choose('and')} {self._quality()}"
        return first + self._time() + self._joint() + self._clause()

    def _joint(self) -> str:
        comma = "," if self._words.below(3) == 0 else ""
        return f"{comma} {self._choose('because' if self._words.below(3) == 0 else 'and')} "

    def _clause(self) -> str:
        form = self._words.below(5)
        if form < 2:
            return f"{self._choose('the')} {self._fresh(self._nouns)} {self._choose('was')} {self._quality()}"
        if form < 4:
            verb = self._fresh(self._data["verbs"][_pick(self._words, self._wheel)])
            return f"{self._choose('who')} {verb} it{self._time()}"
        return f"it {self._choose('was')} {self._quality()}"

    def _quality(self) -> str:
        chance = self._words.below(10)
        ahead = "degree" if chance < 4 else "not" if chance == 9 else None
        return self._aside(ahead, "{} ") + self._fresh(
            self._data["adjectives"][_pick(self._words, self._wheel)]
        )

    def _time(self) -> str:
        return self._aside(None if self._words.below(4) else "time", " {}")

    def _aside(self, kind: str | None, form: str) -> str:
        """Returns a word of a kind in its form, or nothing if all of the kind have been said."""
        words = self._data["kinds"][kind] if kind else []
        return form.format(self._fresh(words)) if set(words) - self._used else ""

    def _choose(self, kind: str) -> str:
        """Returns a word of a kind whose words may be said again; the first is as frequent as all others."""
        choices = self._data["kinds"][kind]
        return str(choices[0] if self._words.below(2) else _pick(self._words, choices))

    def _fresh(self, choices: list[str]) -> str:
        """Returns a word that has not been used yet."""
        left = [word for word in choices if word not in self._used]
        word = _pick(self._words, left)
        self._used.add(word)
        return str(word)


def _pick(words: Words, choices: list[Any]) -> Any:
    return choices[words.below(len(choices))]
