"""Drawing of constraints: a text is written first, and what is asked for is read off it.

Comes in: random words and the knobs of a level. Goes out: constraints with a witness that keeps them all.
"""

from __future__ import annotations

from typing import NamedTuple

from lmgym.tasks.stream import Words
from lmgym.tasks.style.constraints import FORMS, LIST_LINES, Constraint, Form, find_words, refuse
from lmgym.tasks.style.vocabulary import topic_of_words, topics, words_of
from lmgym.tasks.style.writing import write_text


class Knobs(NamedTuple):
    """What a level asks for beside a topic and a number of words."""

    num_use: int
    num_avoid: int
    has_form: bool
    has_end: bool
    has_chars: bool
    max_clauses: int
    max_chars: int
    """Of any text that is drawn."""


LEVELS = {
    1: Knobs(1, 0, False, False, False, 1, 60),
    2: Knobs(1, 0, True, False, False, 1, 60),
    3: Knobs(1, 1, True, False, False, 2, 90),
    4: Knobs(2, 1, True, True, False, 2, 90),
    5: Knobs(2, 2, True, True, True, 2, 90),
}
SPARE_CHARS = (0, 5, 10)
"""How many characters more than the witness has are allowed."""

_PHRASES = {
    "sentence": "A sentence.",
    "question": "A question.",
    "list": f"A list of {LIST_LINES}.",
    "lower": "No capitals.",
}


class Order(NamedTuple):
    """What is asked for, and a text that keeps to it."""

    constraints: tuple[Constraint, ...]
    witness: str


def draw_order(words: Words, knobs: Knobs, *, is_held_out: bool = False) -> Order | None:
    """Returns a random order, None if the text drawn for it has too few words to ask for."""
    names = topics(is_held_out)
    topic = names[words.below(len(names))]
    form = draw_form(words, knobs)
    text = write_text(words, topic, form, knobs.max_clauses)
    if len(text) > knobs.max_chars or refuse(text):
        return None
    said = find_words(text)
    own = [word for word in dict.fromkeys(said) if word in topic_of_words()]
    unsaid = [word for word in words_of(topic)["nouns"] if word not in said]
    if len(own) < knobs.num_use:
        return None
    asked = [Constraint("topic", topic)]
    asked.append(Constraint("words", "", len(said) - words.below(2), len(said) + words.below(2)))
    asked += [Constraint("use", word) for word in _draw_some(words, own, knobs.num_use)]
    asked += [Constraint("avoid", word) for word in _draw_some(words, unsaid, knobs.num_avoid)]
    if knobs.has_form:
        asked.append(Constraint("form", form))
    if knobs.has_end:
        asked.append(Constraint("end", said[-1]))
    if knobs.has_chars:
        spare = SPARE_CHARS[words.below(len(SPARE_CHARS))]
        asked.append(Constraint("chars", "", 0, len(text) + spare))
    return Order(tuple(asked), text)


def draw_form(words: Words, knobs: Knobs) -> Form:
    """Returns a random form; "sentence" where a level does not ask for any."""
    return FORMS[words.below(len(FORMS))] if knobs.has_form else "sentence"


def write_prompt(constraints: tuple[Constraint, ...]) -> str:
    """Returns what is asked for in words, a phrase for each constraint; the words to use share one."""
    phrases = list[str]()
    for kind, value, low, high in constraints:
        if kind in ("use", "avoid") and phrases[-1].startswith(kind.capitalize()):
            phrases[-1] = f"{phrases[-1][:-1]}, {value}."
        else:
            phrases.append(_phrase(kind, value, low, high))
    return " ".join(phrases) + "\n"


def _phrase(kind: str, value: str, low: int, high: int) -> str:
    if kind == "topic":
        return f"About {value}."
    if kind == "words":
        return f"{low} words." if low == high else f"{low}-{high} words."
    if kind == "chars":
        return f"At most {high} characters."
    if kind == "end":
        return f"End with {value}."
    return _PHRASES[value] if kind == "form" else f"{kind.capitalize()} {value}."


def _draw_some(words: Words, choices: list[str], count: int) -> list[str]:
    left = list(choices)
    return [left.pop(words.below(len(left))) for _ in range(count)]
