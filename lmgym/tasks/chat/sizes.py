"""How long the texts of the procedural set can be: upper bounds, from its words."""

from __future__ import annotations

from functools import cache

from lmgym.conversation import write_reply
from lmgym.tasks.chat.goals import Shape
from lmgym.tasks.chat.world import KINDS, Fact, read_words, words_of
from lmgym.tasks.chat.world import fill as fill_in

_LONGEST_VALUE = "20:15"
_MARKS = 5
MAX_CONSTRAINTS = 3
"""That a request can have in the end: two, and a number of words."""


@cache
def _longest_fact() -> int:
    return max(len(fact.sentence) for fact in _extreme_facts())


@cache
def _longest_question() -> int:
    return max(len(fill_in(ask, fact)) for fact in _extreme_facts() for ask in words_of(fact.kind)["ask"])


@cache
def _extreme_facts() -> list[Fact]:
    return [
        Fact(kind, max(words_of(kind)[group], key=len), _LONGEST_VALUE)
        for kind in KINDS
        for group in ("entities", "held_out")
    ]


@cache
def _longest_tone() -> int:
    return max(len(text) for texts in read_words()["tones"].values() for text in texts)


@cache
def _longest_constraint() -> int:
    return max(len(text) for text in read_words()["constraints"].values()) + len("leaves") - len("{value}")


def max_prompt_chars(shape: Shape) -> int:
    """Returns an upper bound on the prompts of a level, marks included."""
    told = shape.num_facts * (_longest_fact() + 1)
    asked = _longest_question() + 1 + _longest_tone() + shape.num_constraints * (_longest_constraint() + 1)
    return told + asked + _MARKS


def max_reply_chars(shape: Shape) -> int:
    """Returns an upper bound on what the scripted user says in answer, marks included; 0 if nothing."""
    if not shape.num_follow_ups and not shape.patience:
        return 0
    complaint = max(map(len, read_words()["complaints"].values()))
    demands = max(_longest_tone(), MAX_CONSTRAINTS * (_longest_constraint() + 1))
    return len(write_reply("")) + complaint + 1 + _longest_question() + 1 + demands
