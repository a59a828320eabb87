"""The computation behind a word problem: facts that state numbers or follow from other facts by one step.

Comes in: rules (which kinds of steps, how many, how large) and random words. Goes out: a graph of facts in
the order in which a story tells them. Left out: names, units, sentences.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Literal, NamedTuple

from lmgym.tasks.stream import Words
from lmgym.tasks.word_problem.numbers import CHOICES, Number, result

Unit = Literal["item", "container", "money", "time", "distance"]


class Fact(NamedTuple):
    """A number that the story states, or one that follows from earlier facts."""

    kind: str
    """"given", or a key of ``KINDS``."""
    person: int
    """Whose it is, counted by first mention; of "total" and "difference", which no one owns, -1."""
    unit: Unit
    value: int
    sources: tuple[int, ...] = ()
    """Earlier facts."""
    number: int = 0
    """What the sentence states: how many more, the divisor, the percentage, the price of one ..."""
    top: int = 1
    """Numerator of a fraction."""
    has_changed: bool = False
    """Whether the person had another number before."""


class Kind(NamedTuple):
    """One kind of step."""

    equation: str
    """How it is worked out, of {a} (the source), {b} (the second source), {n} and {top}."""
    is_new_person: bool = False
    """Whether the number is another person's; otherwise the person's number changes."""
    turns: Mapping[Unit, Unit] | None = None
    """The unit that comes out, by the unit that goes in; None: the same, whatever it is."""
    num_sources: int = 1


def _turns(**units: Unit) -> Mapping[Unit, Unit]:
    return MappingProxyType(units)  # type: ignore[arg-type]  # the keys are units


KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        "more": Kind("{a}+{n}", True),
        "fewer": Kind("{a}-{n}", True),
        "gain": Kind("{a}+{n}"),
        "lose": Kind("{a}-{n}"),
        "total": Kind("{a}+{b}", num_sources=2),
        "difference": Kind("{a}-{b}", num_sources=2),
        "times": Kind("{a}×{n}", True),
        "sum": Kind("{a}+{b}", True, num_sources=2),
        "part": Kind("{a}÷{n}", True),
        "pack": Kind("{a}÷{n}", turns=_turns(item="container")),
        "hold": Kind("{a}×{n}", turns=_turns(container="item")),
        "sell": Kind("{a}×{n}", turns=_turns(item="money", container="money")),
        "buy": Kind("{a}÷{n}", turns=_turns(money="item")),
        "produce": Kind("{a}×{n}", turns=_turns(time="item")),
        "earn": Kind("{a}×{n}", turns=_turns(time="money")),
        "lose_part": Kind("{a}-{a}÷{n}"),
        "fraction": Kind("{a}÷{n}×{top}", True),
        "percent_more": Kind("{a}+{a}×{n}÷100", True),
        "percent_fewer": Kind("{a}-{a}×{n}÷100", True),
        "lose_percent": Kind("{a}-{a}×{n}÷100"),
    }
)
"""Every kind of step. "total" and "difference" are asked for and never told, so they end a problem."""

_NOT_SAID_OF: Mapping[str, frozenset[str]] = MappingProxyType(
    {
        "time": frozenset(("gain", "lose", "lose_part", "lose_percent")),
        "distance": frozenset(("lose", "lose_part", "lose_percent")),
    }
)
_EITHER_WAY = frozenset(("{a}+{n}", "{a}×{n}", "{a}+{b}"))
_ASKED = frozenset(("total", "difference"))
NUM_LAST_STEPS = 24
"""Draws of a last step before the whole graph is drawn again."""


@dataclass(frozen=True, kw_only=True)
class GraphRules:
    """What may be drawn."""

    kinds: frozenset[str]
    """Keys of ``KINDS``; the last step of a problem may be of any of them."""
    units: tuple[Unit, ...]
    """Units that a problem may begin with, each as likely."""
    max_number: int
    """Greatest number that a story states as given, or as more or fewer."""
    max_value: int
    """Greatest result."""

    @cached_property
    def order(self) -> tuple[str, ...]:
        """The kinds in the order of the table."""
        return tuple(kind for kind in KINDS if kind in self.kinds)


def equation(facts: tuple[Fact, ...], fact: Fact) -> str:
    """Returns how ``fact`` is worked out, without its value: ``5+3``, ``12÷3×2``."""
    values = [facts[source].value for source in fact.sources]
    return KINDS[fact.kind].equation.format(a=values[0], b=values[-1], n=fact.number, top=fact.top)


def graph_key(facts: tuple[Fact, ...]) -> str:
    """Returns the computation of the last fact from given numbers alone, the same for ``3+5`` and ``5+3``."""
    keys: list[str] = []
    for fact in facts:
        if fact.kind == "given":
            keys.append(str(fact.value))
            continue
        form = KINDS[fact.kind].equation
        one = keys[fact.sources[0]]
        other = keys[fact.sources[-1]]
        if form in _EITHER_WAY:
            second = other if len(fact.sources) > 1 else str(fact.number)
            one, second = sorted((one, second))
            keys.append(f"({one}{form[3]}{second})")
        else:
            keys.append(f"({form.format(a=one, b=other, n=fact.number, top=fact.top)})")
    return keys[-1]


class Drawn(NamedTuple):
    """A graph and the key of its last fact."""

    facts: tuple[Fact, ...]
    key: str


def draw_facts(
    rules: GraphRules, num_steps: int, accepts: Callable[[str], bool], words: Words
) -> Drawn | None:
    """Returns a graph whose last fact follows in exactly ``num_steps`` steps, and whose key is accepted.

    None if the draw got stuck. The last step alone is drawn again while the key is not accepted, up to
    ``NUM_LAST_STEPS`` times: that is what makes splits affordable which own few of all keys.
    """
    draft = _Draft(rules, words)
    head = draft.give(rules.units[words.below(len(rules.units))])
    while draft.num_steps < num_steps - 1:
        found = draft.extend(head, num_steps)
        if found is None:
            return None
        head = found
    begun = tuple(draft.facts)
    for _ in range(NUM_LAST_STEPS):
        draft = _Draft(rules, words, begun)
        if draft.extend(head, num_steps) is not None:
            facts = tuple(draft.facts)
            key = graph_key(facts)
            if accepts(key):
                return Drawn(facts, key)
    return None


def draw_aside(facts: tuple[Fact, ...], rules: GraphRules, words: Words) -> Fact | None:
    """Returns a comparison of one more person with someone of ``facts``, which nothing needs."""
    draft = _Draft(rules, words, facts)
    owned = list(draft.current().values())
    kinds = [kind for kind in ("more", "fewer", "times") if kind in rules.kinds]
    return draft.step(owned[words.below(len(owned))], kinds[words.below(len(kinds))])


class _Draft:
    """A graph that is being drawn."""

    def __init__(self, rules: GraphRules, words: Words, facts: tuple[Fact, ...] = ()) -> None:
        self.facts = list(facts)
        self.num_steps = sum(fact.kind != "given" for fact in facts)
        self._rules = rules
        self._words = words
        self._num_people = 1 + max((fact.person for fact in facts), default=-1)

    def current(self) -> dict[int, int]:
        """Returns the last fact of every person."""
        return {fact.person: place for place, fact in enumerate(self.facts) if fact.person >= 0}

    def give(self, unit: Unit) -> int:
        """Adds a given number of a person who was not yet mentioned."""
        value = 2 + self._words.below(self._rules.max_number - 1)
        return self.add(Fact("given", self._num_people, unit, value))

    def extend(self, head: int, num_steps: int) -> int | None:
        """Adds a step that builds on ``head``, and what the step needs; None if no step fits."""
        left = num_steps - self.num_steps
        units = {fact.unit for fact in self.facts}
        fitting = [kind for kind in self._rules.order if self._fits(kind, self.facts[head].unit, units, left)]
        while fitting:
            kind = fitting.pop(self._words.below(len(fitting)))
            if KINDS[kind].num_sources == 2:
                return self._join(head, kind, left)
            found = self.step(head, kind)
            if found is not None:
                return self.add(found)
        return None

    def _fits(self, kind: str, unit: Unit, units: set[Unit], left: int) -> bool:
        if kind in _NOT_SAID_OF.get(unit, ()) or (kind in _ASKED and left > 1):
            return False
        turns = KINDS[kind].turns
        # Apples that were sold are not bought again, boxes that were packed not unpacked.
        return turns is None or (unit in turns and turns[unit] not in units)

    def step(self, source: int, kind: str) -> Fact | None:
        """Returns a step of one source with a random number, not added; None if no number fits."""
        base = self.facts[source]
        numbers = CHOICES[kind](base.value, self._rules.max_number, self._rules.max_value)
        if not numbers:
            return None
        chosen: Number = numbers[self._words.below(len(numbers))]
        number, top = (chosen, 1) if isinstance(chosen, int) else chosen
        turns, is_new = KINDS[kind].turns, KINDS[kind].is_new_person
        unit = base.unit if turns is None else turns[base.unit]
        person = self._num_people if is_new else base.person
        value = result(kind, base.value, number, top)
        return Fact(kind, person, unit, value, (source,), number, top, not is_new)

    def _join(self, head: int, kind: str, left: int) -> int | None:
        """Adds a step of two sources: ``head``, and another person's number or a new one."""
        unit, me = self.facts[head].unit, self.facts[head].person
        others = [
            place
            for person, place in self.current().items()
            if person != me and self.facts[place].unit == unit
        ]
        if others and self._words.below(2):
            other = others[self._words.below(len(others))]
        else:
            other = self.give(unit)
            if left > 2 and self._words.below(2):
                compared = self.step(other, "more" if self._words.below(2) else "fewer")
                other = other if compared is None else self.add(compared)
        one, two = self.facts[head].value, self.facts[other].value
        if kind == "difference":
            if one == two:
                return None
            big, small = (head, other) if one > two else (other, head)
            return self.add(Fact(kind, -1, unit, abs(one - two), (big, small)))
        if one + two > self._rules.max_value:
            return None
        return self.add(Fact(kind, self._num_people if kind == "sum" else -1, unit, one + two, (head, other)))

    def add(self, fact: Fact) -> int:
        """Adds a fact and returns its place."""
        self.facts.append(fact)
        self.num_steps += fact.kind != "given"
        self._num_people = max(self._num_people, fact.person + 1)
        return len(self.facts) - 1
