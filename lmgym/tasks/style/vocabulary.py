"""The words of the task, in ``style.json``: what belongs to which topic."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any


@cache
def read_words() -> dict[str, Any]:
    """Returns the contents of the file; read once, not to be changed."""
    data: dict[str, Any] = json.loads((Path(__file__).parent / "style.json").read_text("utf-8"))
    return data


@cache
def topics(is_held_out: bool) -> tuple[str, ...]:
    """Returns the names of the topics, or of those that only "ood_topics" has."""
    return tuple(read_words()["held_out_topics" if is_held_out else "topics"])


@cache
def _all_topics() -> Mapping[str, Mapping[str, list[str]]]:
    return {**read_words()["topics"], **read_words()["held_out_topics"]}


def words_of(topic: str) -> Mapping[str, list[str]]:
    """Returns the nouns, verbs (in both forms they take here) and places of a topic, by these names."""
    return _all_topics()[topic]


@cache
def topic_of_words() -> Mapping[str, str]:
    """Returns the topic of each word that belongs to one; a verb in both its forms."""
    owners = dict[str, str]()
    for topic, words in _all_topics().items():
        owners.update(dict.fromkeys((*words["nouns"], *words["places"], *words["verbs"]), topic))
        owners.update(dict.fromkeys((verb + "s" for verb in words["verbs"]), topic))
    return owners


@cache
def function_words() -> frozenset[str]:
    """Returns the words that may be said as often as one likes."""
    return frozenset(read_words()["function_words"])
