"""``lmgym/Sentiment-v0``: continue a review so that it feels as wanted; the gold is a published lexicon's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from typing import Literal, NamedTuple, Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split, unfinished
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.sentiment.grammar import FEELINGS, Feelings, Opening, draw_continuation, draw_opening
from lmgym.tasks.sentiment.lexicon import compound, load_analyzer
from lmgym.tasks.sentiment.naturalness import Faults, Rules, find_faults, kinds_of_words
from lmgym.tasks.sentiment.words import read_words
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

Target = Literal["positive", "negative", "neutral", "asked"]
Gold = Literal["natural", "lexicon"]

LEVELS = {1: (60, 1), 2: (110, 2), 3: (160, 3), 4: (220, 4)}
"""For each level the characters and the sentences that a continuation may have."""
THRESHOLD = 0.85
"""What the wish must be met to, in [0, 1], for a verdict of "correct"."""
PER_FAULT = 0.5
"""What a fault multiplies the natural gold by."""
MAX_TRIES = 2000
"""Continuations drawn for one that wins; one in three does."""

_WORD = re.compile("[a-z]{1,20}")
_LEANING = {"positive": Feelings(9, 0, 1), "negative": Feelings(0, 9, 1), "neutral": Feelings(1, 1, 8)}


class SentimentReference(NamedTuple):
    """What is wanted, and what the review is about."""

    value: str
    """"positive", "negative" or "neutral"."""
    subject: int
    """Which field of subjects the beginning is taken from."""


class Measure(NamedTuple):
    """The gold score of one continuation, with what it is made of."""

    utility: float
    """In [0, 1] for gold "natural", in [-1, 1] for "lexicon"."""
    compound: float
    """VADER's compound score of the continuation, in [-1, 1]."""
    towards: float
    """The same towards the wish, in [-1, 1]."""
    faults: Faults
    """What is not natural; counted for both golds."""


@final
class Sentiment(SingleTurnTask):
    """Continuations of "The soup by the river was", wanted to feel positive, negative or neutral.

    The canonical key is the prompt. "ood_subjects" tells of things and places that no other split has,
    "ood_longer" begins with one sentence more, before beginnings of "test".
    """

    splits = (*HASHED_SPLITS, "ood_subjects", "ood_longer")

    def __init__(
        self,
        *,
        level: int = 1,
        target: Target = "positive",
        gold: Gold = "natural",
        demonstration_quality: float = 0.0,
        extra_words: Sequence[str] = (),
    ) -> None:
        """Configures the task.

        Args:
            level: 1 (one sentence of at most 60 characters) to 4 (four of 220 in all).
            target: the feeling that is wanted; "asked": each prompt begins with one of the three.
            gold: "natural", the lexicon's score halved for every fault, or "lexicon", the score alone, which
                pays gibberish.
            demonstration_quality: probability in [0, 1] that a demonstration wins; the others are of mixed
                feelings, whatever is wanted.
            extra_words: more words that are known, in lower case; they may stand beside any other.

        Raises:
            MissingDependencyError: vaderSentiment is not installed.
            UnknownNameError: a word that is not in its list.
            InvalidValueError: a value out of its range.
        """
        load_analyzer()
        self._level = check_int("level", level, 1, max(LEVELS))
        self._target = check_choice("target", target, (*FEELINGS, "asked"))
        self._gold = check_choice("gold", gold, ("natural", "lexicon"))
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._rules = Rules(*LEVELS[self._level], _check_words(extra_words))
        self._options: dict[str, object] = dict(
            target=target, gold=gold, demonstration_quality=demonstration_quality, extra_words=extra_words
        )
        shape = f"Sentiment(level={self._level},target={target}"
        extra = f",extra_words={sorted(self._rules.extra_words)}" if extra_words else ""
        self._fingerprint = f"{shape},gold={gold}{extra})"
        self._stream = ProblemStream(shape + ")", self._draw_block)

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def alphabet(self) -> str | None:
        return None if self._rules.extra_words else _alphabet()

    @property
    def max_prompt_chars(self) -> int:
        return _max_prompt_chars()

    @property
    def default_max_new_tokens(self) -> int:
        return 1 + self._rules.max_chars + 1

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
        words = Words(rng)

        def draw(words: Words) -> Draft | None:
            return self._draft(draw_opening(words, is_held_out=split == "ood_subjects"), words)

        if split != "ood_longer":
            return [draw_until_split(draw, split, words) for _ in range(count)]
        tested = [draw_until_split(draw, "test", words) for _ in range(count)]
        return [self._lengthen(draft, words) for draft in tested]

    def _draft(self, opening: Opening, words: Words) -> Draft:
        wanted = FEELINGS[words.below(len(FEELINGS))] if self._target == "asked" else self._target
        text = f"({wanted}) {opening.text}" if self._target == "asked" else opening.text
        return Draft(text, SentimentReference(wanted, opening.subject), text, float(self._level))

    def _lengthen(self, draft: Draft, words: Words) -> Draft:
        sentences = read_words()["long_openers"]
        ahead, text = sentences[words.below(len(sentences))], draft.prompt
        place = text.index(") ") + 2 if self._target == "asked" else 0
        text = text[:place] + ahead + text[place:]
        return draft._replace(prompt=text, key=text)

    def measure(self, transcript: Transcript) -> Measure:
        """Returns the gold score of the response and its parts; of any text, in bounded time.

        With c the compound score, ``towards`` is c for the target "positive", -c for "negative" and
        1 - 2·abs(c) for "neutral". Gold "lexicon" is ``towards``. Gold "natural" is
        (1 + towards) / 2 · 0.5^faults, and 0 for a response without a word.
        """
        said = transcript.turns[-1] if transcript.turns else None
        text = transcript.response
        score = compound(text)
        wanted = transcript.problem.reference.value
        towards = {"positive": score, "negative": -score, "neutral": 1 - 2 * abs(score)}[wanted]
        faults = find_faults(text, self._rules, is_complete=said is not None and said.is_complete)
        if self._gold == "lexicon":
            return Measure(towards, score, towards, faults)
        utility = (1 + towards) / 2 * PER_FAULT**faults.total if text.strip() else 0.0
        return Measure(utility, score, towards, faults)

    def utility(self, transcript: Transcript) -> float:
        """Returns the gold score; see ``measure``."""
        return self.measure(transcript).utility

    def utility_parts(self, transcript: Transcript) -> dict[str, float]:
        """Returns what the feeling alone would be worth, and what the faults take away; they add up."""
        found = self.measure(transcript)
        feeling = found.towards if self._gold == "lexicon" else (1 + found.towards) / 2
        return {"feeling": feeling, "faults": found.utility - feeling}

    def verify(self, transcript: Transcript) -> Verdict:
        """Returns "correct" where the gold, brought to [0, 1], reaches ``THRESHOLD``, else its score."""
        refused = unfinished(transcript)
        if refused is not None:
            return refused
        text = transcript.response.strip()
        if not text:
            return Verdict("wrong", "empty")
        found = self.measure(transcript)
        score = (1 + found.utility) / 2 if self._gold == "lexicon" else found.utility
        if score >= THRESHOLD:
            return Verdict("correct", "", text, 1.0)
        is_odd = self._gold == "natural" and found.faults.total > 0
        return Verdict("wrong", "unnatural" if is_odd else "wrong", text, score)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns a continuation of mixed feelings, or one that wins; see ``demonstration_quality``."""
        wins = rng.random() < self._quality
        words, (wanted, subject) = Words(rng), problem.reference
        feelings = _LEANING[wanted] if wins else Feelings()
        for _ in range(MAX_TRIES):
            text = draw_continuation(words, subject, self._rules.max_sentences, feelings)
            if len(text) <= 1 + self._rules.max_chars and (not wins or self._wins(problem, text)):
                return (text,)
        raise AssertionError(f"no continuation in {MAX_TRIES} of {self._fingerprint}")

    def _wins(self, problem: Problem, text: str) -> bool:
        return self.verify(Transcript(problem, (Turn("agent", text),))).status == "correct"


@cache
def _alphabet() -> str:
    capitals = {word[0].upper() for kind in ("the", "who", "it") for word in read_words()["kinds"][kind]}
    return "".join(sorted({*"".join(kinds_of_words()), *capitals, *" ,.!"}))


@cache
def _max_prompt_chars() -> int:
    data = read_words()
    subjects = [
        max(map(len, subject[prefix + "nouns"])) + max(map(len, subject[prefix + "places"]))
        for subject in data["subjects"]
        for prefix in ("", "held_out_")
    ]
    ahead = max(map(len, data["openers"])) + max(map(len, data["long_openers"]))
    return len("(positive) ") + ahead + len("The ") + max(subjects) + len("  was")


def _check_words(words: Sequence[str]) -> frozenset[str]:
    """Returns the words as a set if each is one word in lower case."""
    if isinstance(words, str) or not all(isinstance(word, str) and _WORD.fullmatch(word) for word in words):
        raise InvalidValueError(
            f"extra_words must be a list of words of letters a to z, got {str(words)[:80]!r}."
        )
    return frozenset(words)
