"""The small made-up world that the users of ``lmgym/Chat-v0`` ask about: its facts, words and sentences.

Comes in: random words. Goes out: facts, the sentences that state them, and the vocabulary. All words stand in
``chat.json``. Left out: who asks, and how answers are judged.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lmgym.tasks.stream import Words

KINDS = ("bus", "price", "room", "opening")
_HOURS, _QUARTERS = range(6, 22), ("00", "15", "30", "45")


class Fact(NamedTuple):
    """Something that the system message tells, e.g. that bus 4 leaves at 9:15."""

    kind: str
    """One of ``KINDS``."""
    entity: str
    """What it is about: ``bus 4``, ``the tea``, ``Mia``."""
    value: str
    """What an answer has to say: ``9:15``."""

    @property
    def sentence(self) -> str:
        """How the system message tells it."""
        return capitalised(fill(words_of(self.kind)["told"], self))


def capitalised(text: str) -> str:
    """Returns ``text`` with its first letter in upper case."""
    return text[:1].upper() + text[1:]


def fill(template: str, fact: Fact) -> str:
    """Returns ``template`` with the fact's entity for ``{e}`` and its value for ``{v}``."""
    return template.replace("{e}", fact.entity).replace("{v}", fact.value)


@cache
def read_words() -> Mapping[str, Any]:
    """Returns the content of ``chat.json``: every word and sentence of the procedural set."""
    data: dict[str, Any] = json.loads((Path(__file__).parent / "chat.json").read_text("utf-8"))
    return data


def words_of(kind: str) -> Mapping[str, Any]:
    """Returns the sentences and entities of one kind of fact."""
    found: Mapping[str, Any] = read_words()["kinds"][kind]
    return found


@cache
def nouns() -> frozenset[str]:
    """Returns every word that names something of the world, in small letters; ``the`` is none."""
    entities = [
        entity for kind in KINDS for group in ("entities", "held_out") for entity in words_of(kind)[group]
    ]
    words = {word for entity in entities for word in entity.lower().split()}
    return frozenset(word for word in words if word.isalpha() and word != "the")


@cache
def numbers() -> frozenset[str]:
    """Returns the words that are numbers; what holds a digit is a number too."""
    return frozenset(read_words()["numbers"])


def draw_fact(kind: str, entities: list[str], is_easy: bool, taken: set[str], words: Words) -> Fact:
    """Returns a fact about one of ``entities``, taken out of the list, with a value not ``taken``."""
    entity = entities.pop(words.below(len(entities)))
    while True:
        value = _draw_value(words_of(kind)["values"]["easy" if is_easy else "hard"], words)
        if value not in taken:
            taken.add(value)
            return Fact(kind, entity, value)


def _draw_value(kind: str, words: Words) -> str:
    if kind == "word":
        listed: list[str] = read_words()["numbers"]
        return listed[words.below(len(listed))]
    if kind == "number":
        return str(10 + words.below(90))
    return f"{_HOURS[words.below(len(_HOURS))]}:{_QUARTERS[words.below(len(_QUARTERS))]}"
