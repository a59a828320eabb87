"""The story of a word problem: names, things and sentences for a graph of facts.

Comes in: facts and a cast. Goes out: the prompt, and the sentences of the worked solution. The words and the
sentences are in ``data/word_problem.json``.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal, NamedTuple

from lmgym.tasks.stream import Words
from lmgym.tasks.word_problem.graph import Fact, Unit, equation

Wording = Literal["plain", "story"]

_PARTS: Mapping[int, str] = MappingProxyType({2: "half", 3: "a third", 4: "a quarter", 5: "a fifth"})
_HE: Mapping[str, str] = MappingProxyType({"his": "he", "her": "she"})
_GROUPS: Mapping[Unit, str] = MappingProxyType(
    {"item": "things", "container": "things", "money": "money", "time": "time", "distance": "distance"}
)
MAX_VARIANTS = 6
_SMALLEST_ASIDE, _NUM_ASIDES = 4, 9


class Noun(NamedTuple):
    """A noun with its plural."""

    one: str
    many: str

    def after(self, count: int) -> str:
        """Returns the form that stands after a number."""
        return self.one if count == 1 else self.many


class Cast(NamedTuple):
    """The names and things that a story tells of."""

    people: tuple[tuple[str, str], ...]
    """Name and possessive pronoun, by the number of the person."""
    item: Noun
    other: Noun
    """A thing that nothing depends on."""
    container: Noun
    activity: tuple[str, str, str]
    """``work``, ``works``, ``packs``."""
    time: Noun
    variants: tuple[int, ...]
    """Which of several sentences of equal meaning is chosen, by the place of the fact; the last one for the
    question."""


class Aside(NamedTuple):
    """A sentence that the answer does not depend on."""

    place: int
    """It is told before the fact at this place."""
    person: int
    number: int
    variant: int
    fact: Fact | None = None
    """A comparison with a fact of the story, if it is one."""


class Story(NamedTuple):
    """A problem before it is written out; its last fact is asked for."""

    facts: tuple[Fact, ...]
    asides: tuple[Aside, ...]
    cast: Cast


@cache
def _data() -> dict[str, Any]:
    path = Path(__file__).parent / "word_problem.json"
    data: dict[str, Any] = json.loads(path.read_text("utf-8"))
    return data


def num_names(is_held_out: bool) -> int:
    """Returns how many different names there are."""
    return len(_names(is_held_out))


def _names(is_held_out: bool) -> list[tuple[str, str]]:
    names = _data()["held_out_names" if is_held_out else "names"]
    return [(name, his) for his in ("his", "her") for name in names[his]]


def _pick(words: Words, choices: list[Any]) -> Any:
    return choices.pop(words.below(len(choices)))


def draw_cast(num_people: int, num_facts: int, is_held_out: bool, words: Words) -> Cast:
    """Returns a random cast; held-out names and things are those of "ood_names"."""
    data = _data()
    names = _names(is_held_out)
    items = list(data["held_out_items" if is_held_out else "items"])
    work, works, packs, hour, hours = _pick(words, list(data["activities"]))
    return Cast(
        tuple(_pick(words, names) for _ in range(num_people)),
        Noun(*_pick(words, items)),
        Noun(*_pick(words, items)),
        Noun(*_pick(words, list(data["containers"]))),
        (work, works, packs),
        Noun(hour, hours),
        tuple(words.below(MAX_VARIANTS) for _ in range(num_facts + 1)),
    )


def draw_aside(num_people: int, num_facts: int, words: Words) -> Aside:
    """Returns a fact of another sort about someone of the story."""
    number = _SMALLEST_ASIDE + words.below(_NUM_ASIDES)
    return Aside(words.below(num_facts + 1), words.below(num_people), number, words.below(MAX_VARIANTS))


def write_prompt(story: Story, wording: Wording) -> str:
    """Returns the whole problem, the question last, in one line that ends with a newline."""
    facts, asides, cast = story
    asked = facts[-1]
    told = facts[:-1] if asked.person < 0 else facts
    sentences = []
    for place in range(len(facts) + 1):
        sentences += [_write_aside(facts, aside, cast, wording) for aside in asides if aside.place == place]
        if place < len(told):
            sentences.append(_write_fact(facts, told[place], cast, wording, cast.variants[place]))
    kind = asked.kind if asked.person < 0 else "question"
    fields = _fields(facts, asked, cast, asked.unit)
    sentences.append(_choose(wording, asked.unit, kind, cast.variants[-1]).format(**fields))
    return " ".join(sentences) + "\n"


def write_step(story: Story, fact: Fact, wording: Wording) -> str:
    """Returns the line of the worked solution in which ``fact`` is worked out."""
    worked = f"{equation(story.facts, fact)}={fact.value}"
    if wording == "plain":
        return worked
    kind = f"worked_{fact.kind}" if fact.person < 0 else "worked"
    fields = _fields(story.facts, fact, story.cast, fact.unit)
    noun = _noun(story.cast, fact.unit).after(fact.value)
    return _choose(wording, fact.unit, kind, 0).format(**fields, equation=worked, v_items=noun)


def _write_fact(facts: tuple[Fact, ...], fact: Fact, cast: Cast, wording: Wording, variant: int) -> str:
    unit = facts[fact.sources[0]].unit if fact.sources else fact.unit
    return _choose(wording, unit, fact.kind, variant).format(**_fields(facts, fact, cast, unit))


def _write_aside(facts: tuple[Fact, ...], aside: Aside, cast: Cast, wording: Wording) -> str:
    if aside.fact is not None:
        return _write_fact(facts, aside.fact, cast, wording, aside.variant)
    sentences = _data()["plain_asides" if wording == "plain" else "asides"]
    others = f"{aside.number} {cast.other.after(aside.number)}"
    sentence: str = sentences[aside.variant % len(sentences)]
    return sentence.format(A=cast.people[aside.person][0], m=aside.number, m_others=others)


def _choose(wording: Wording, unit: Unit, kind: str, variant: int) -> str:
    sentences: list[str] = _data()[wording][_GROUPS[unit]][kind]
    return sentences[variant % len(sentences)]


def _noun(cast: Cast, unit: Unit) -> Noun:
    if unit == "item":
        return cast.item
    if unit == "container":
        return cast.container
    if unit == "time":
        return cast.time
    return Noun("dollar", "dollars") if unit == "money" else Noun("mile", "miles")


def _fields(facts: tuple[Fact, ...], fact: Fact, cast: Cast, unit: Unit) -> dict[str, object]:
    """Returns what the sentences about ``fact`` can mention; ``unit`` is that of what it starts from."""
    noun = _noun(cast, unit)
    people = [cast.people[facts[source].person][0] for source in fact.sources]
    name, his = cast.people[fact.person] if fact.person >= 0 else ("", "his")
    number = fact.value if fact.kind == "given" else fact.number
    has_changed = any(facts[source].has_changed for source in fact.sources)
    return dict(
        A=name,
        B=people[0] if people else "",
        C=people[-1] if people else "",
        his=his,
        he=_HE[his],
        n=number,
        n_items=f"{number} {noun.after(number)}",
        n_more=f"{number} more {noun.after(number)}",
        n_fewer=f"{number} fewer {noun.after(number)}",
        n_contents=f"{number} {cast.item.after(number)}",
        item=noun.one,
        items=noun.many,
        asked=f" {noun.many}" if len({one.unit for one in facts}) > 1 else "",
        contents=cast.item.many,
        boxes=cast.container.many,
        times="twice" if fact.number == 2 else f"{fact.number} times",
        part=f"{fact.top}/{fact.number}" if fact.kind == "fraction" else _PARTS.get(fact.number, ""),
        work=cast.activity[0],
        works=cast.activity[1],
        packs=cast.activity[2],
        now=" now" if has_changed else "",
        now_too=" now" if fact.has_changed else "",
        has_now=_HAS_NOW[unit] if has_changed else "",
    )


@cache
def max_sentence_chars(wording: Wording, num_digits: int) -> int:
    """Returns a bound on the characters of a sentence whose numbers have ``num_digits`` at most."""
    data = _data()
    sentences = [one for group in data[wording].values() for kind in group.values() for one in kind]
    sentences += data["plain_asides" if wording == "plain" else "asides"]
    fields = _longest_fields(data, "9" * num_digits)
    return max(len(sentence.format(**fields)) for sentence in sentences)


def _longest_fields(data: dict[str, Any], number: str) -> dict[str, str]:
    name = max((one for held in (False, True) for one, _ in _names(held)), key=len)
    nouns = [*data["items"], *data["held_out_items"], *data["containers"], ["dollar", "dollars"]]
    nouns += [activity[3:5] for activity in data["activities"]]
    noun = max((form for forms in nouns for form in forms), key=len)
    worked = equation_bound(number)
    verbs = {
        verb: max((a[i] for a in data["activities"]), key=len)
        for i, verb in enumerate(("work", "works", "packs"))
    }
    counted = {
        "n_items": f"{number} {noun}",
        "n_contents": f"{number} {noun}",
        "m_others": f"{number} {noun}",
    }
    return {
        **verbs, **counted, **dict.fromkeys(("A", "B", "C"), name),
        **dict.fromkeys(("item", "items", "contents", "boxes", "v_items"), noun),
        "his": "his", "he": "she", "n": number, "m": number, "n_more": f"{number} more {noun}",
        "n_fewer": f"{number} fewer {noun}", "times": f"{number} times", "part": "a quarter",
        "asked": f" {noun}", "now": " now", "now_too": " now", "has_now": " has now", "equation": worked,
    }  # fmt: skip


def equation_bound(number: str) -> str:
    """Returns a text as long as the longest equation whose numbers are no longer than ``number``."""
    return f"{number}+{number}×{number}÷100={number}"


_HAS_NOW: Mapping[Unit, str] = MappingProxyType(
    {"item": " has now", "container": " has now", "money": " has now", "time": "", "distance": " in all"}
)
