"""Texts about a topic, from a small grammar: witnesses that constraints can be kept, and demonstrations.

Comes in: random words, a topic, a form. Goes out: a text in plain words.
"""

from __future__ import annotations

from typing import Any

from lmgym.tasks.stream import Words
from lmgym.tasks.style.constraints import LIST_LINES, Form
from lmgym.tasks.style.vocabulary import read_words, words_of


def write_text(words: Words, topic: str, form: Form, max_clauses: int, wanted: tuple[str, ...] = ()) -> str:
    """Returns a text of the form with no topic but ``topic``; it tends to say the ``wanted`` words."""
    writer = _Writer(words, topic, wanted)
    if form == "question":
        return f"Does {writer.subject()} {writer.pick('verbs')}{writer.rest()}?"
    if form == "list":
        return "\n".join(f"- {writer.subject()}{writer.rest()}" for _ in range(LIST_LINES))
    count = 1 + words.below(max_clauses)
    clauses = [f"{writer.subject()} {writer.pick('verbs')}s{writer.rest()}" for _ in range(count)]
    text = " and ".join(clauses)
    return text if form == "lower" else f"{text[0].upper()}{text[1:]}."


class _Writer:
    """Picks words; no word of the topic twice, wanted ones first."""

    def __init__(self, words: Words, topic: str, wanted: tuple[str, ...]) -> None:
        self._words, self._own, self._shared = words, words_of(topic), read_words()
        self._wanted, self._said = wanted, set[str]()

    def subject(self) -> str:
        quality = self._choose(self._shared["adjectives"]) + " " if self._words.below(2) else ""
        return f"the {quality}{self.pick('nouns')}"

    def rest(self) -> str:
        """Returns an adverb, a place, both or neither, each with the blank before it."""
        manner = " " + self._choose(self._shared["adverbs"]) if self._words.below(4) == 0 else ""
        if not self._words.below(2) and not self._still_wanted(self._own["places"]):
            return manner
        return f"{manner} {self._choose(self._shared['prepositions'])} the {self.pick('places')}"

    def pick(self, kind: str) -> str:
        """Returns a word of the topic that has not been said."""
        open_words = [word for word in self._own[kind] if word not in self._said]
        word = str(self._choose(self._still_wanted(open_words) or open_words))
        self._said.add(word)
        return word

    def _still_wanted(self, choices: list[str]) -> list[str]:
        return [
            word
            for word in choices
            if word not in self._said and (word in self._wanted or word + "s" in self._wanted)
        ]

    def _choose(self, choices: list[Any]) -> Any:
        return choices[self._words.below(len(choices))]
