"""Drawing problems of comparison whose answers are balanced.

The class of the answer is drawn first, then structures until one has such an answer. What can't be told from
the answer alone is kept alike: a chain and a fork have as many premises, and where contradictions occur every
problem has one premise more, which closes a circle or follows from the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import NamedTuple, TypeVar

from lmgym.records import Problem
from lmgym.tasks.order.knobs import NUM_SORTED, Knobs
from lmgym.tasks.order.logic import CONTRADICTION, KEYWORDS, NO, UNKNOWN, Fact, Facts, Question
from lmgym.tasks.stream import Words

MAX_TRIES = 500

T = TypeVar("T")


class OrderReference(NamedTuple):
    """The private truth of a problem: the premises as data, and what is asked of them."""

    value: str
    """The canonical answer."""
    premises: tuple[Fact, ...]
    """(greater, lesser) pairs of the relation that is asked about, in the order of the prompt."""
    question: Question
    irrelevant: tuple[Fact, ...] = ()
    """Pairs of the other relation."""


class Numbered(NamedTuple):
    """A premise as it stands in the prompt."""

    fact: Fact
    is_asked: bool
    """False: it is of the other relation."""


class ProofReference(NamedTuple):
    """The private truth of a problem whose answer is to be proved."""

    value: str
    """The canonical answer."""
    order: OrderReference
    premises: tuple[Numbered, ...]
    """The first is number 1."""


class Case(NamedTuple):
    """A problem before it is put into words."""

    reference: OrderReference
    key: str


def reference_of(problem: Problem) -> OrderReference:
    """Returns the truth of a problem of this task."""
    reference: OrderReference = problem.reference
    return reference


def proof_reference_of(problem: Problem) -> ProofReference:
    """Returns the truth of a problem whose answer is to be proved."""
    reference: ProofReference = problem.reference
    return reference


def key_of(reference: OrderReference) -> str:
    """Returns the canonical text: wording, order and direction of premises are not in it, names are."""
    _, premises, (kind, names), irrelevant = reference
    asked = names if kind == "compare" else sorted(names)
    facts = ["|".join(f"{a}>{b}" for a, b in sorted(pairs)) for pairs in (premises, irrelevant)]
    return f"{kind} {' '.join(asked)}: {' / '.join(facts)}"


def is_kept_for_wording(key: str) -> bool:
    """Returns whether the problem is kept for the split "ood_wording": one in ten, by a hash of its own."""
    digest = hashlib.blake2b(key.encode(), digest_size=8, person=b"ood_wording").digest()
    return int.from_bytes(digest, "little") % 10 == 0


def draw_case(knobs: Knobs, names: Sequence[str], keeps_for_wording: bool, words: Words) -> Case | None:
    """Returns a problem about some of ``names``, None if what was drawn can't be used."""
    kind = knobs.kinds[words.below(len(knobs.kinds))]
    classes = knobs.classes(kind)
    wanted = classes[words.below(len(classes))]
    chosen = _sample(names, knobs.total_objects, words)
    for _ in range(MAX_TRIES):
        premises = _draw_premises(knobs, chosen, kind == "order", wanted, words)
        if not premises:
            continue
        facts = Facts(premises)
        question = Question(kind, _draw_names(kind, facts, wanted, knobs, words))
        if kind == "compare" and not question.names:
            continue
        answer = facts.answer(question)
        if wanted == (answer if answer in KEYWORDS else ""):
            break
    else:
        return None
    irrelevant = _draw_irrelevant(knobs, chosen, words)
    shuffled = tuple(_sample(premises, len(premises), words))
    reference = OrderReference(answer, shuffled, question, irrelevant)
    key = key_of(reference)
    return Case(reference, key) if is_kept_for_wording(key) == keeps_for_wording else None


def _sample(items: Sequence[T], count: int, words: Words) -> list[T]:
    left = list(items)
    return [left.pop(words.below(len(left))) for _ in range(count)]


def _draw_premises(
    knobs: Knobs, names: Sequence[str], is_all_chain: bool, wanted: str, words: Words
) -> list[Fact]:
    """Returns the premises; none if there is no place for the one that closes or doubles a way."""
    length = len(names) if is_all_chain else knobs.num_objects
    places = [(at, at + 1) for at in range(length - 1)]
    if knobs.unknown and words.below(2):
        _fork(places, length, words)
    facts = [(names[a], names[b]) for a, b in places]
    for at in range(length, len(names)):
        old, new = names[words.below(at)], names[at]
        facts.append((old, new) if words.below(2) else (new, old))
    if knobs.contradictions:
        known = Facts(facts)
        direct = set(facts)
        far = [(a, b) for a in names for b in names if known.holds(a, b) and (a, b) not in direct]
        if not far:
            return []
        a, b = far[words.below(len(far))]
        facts.append((b, a) if wanted == CONTRADICTION else (a, b))
    return facts


def _fork(places: list[tuple[int, int]], length: int, words: Words) -> None:
    """Breaks the chain at one place and ties the end elsewhere, so that two neighbours can't be compared."""
    at = words.below(length - 1)
    is_below = at > 0 and (at + 2 >= length or words.below(2) == 0)
    places[at] = (at - 1, at + 1) if is_below else (at, at + 2)


def _draw_names(kind: str, facts: Facts, wanted: str, knobs: Knobs, words: Words) -> tuple[str, ...]:
    if kind == "sort":
        return tuple(_sample(facts.names, NUM_SORTED, words))
    if kind != "compare":
        return ()
    if wanted == CONTRADICTION:
        return tuple(_sample(facts.names, 2, words))
    if wanted == UNKNOWN:
        pairs = [(a, b) for a in facts.names for b in facts.names if a != b and not facts.is_settled(a, b)]
    else:  # every distance is as likely, so that few questions are answered by one premise
        distance = 2 + words.below(knobs.num_objects - 1)
        pairs = [
            (a, b)
            for a in facts.names
            for b in facts.names
            if facts.holds(a, b) and len(facts.path(a, b)) == distance
        ]
    if not pairs:
        return ()
    one, other = pairs[words.below(len(pairs))]
    return (other, one) if wanted == NO else (one, other)


def _draw_irrelevant(knobs: Knobs, names: Sequence[str], words: Words) -> tuple[Fact, ...]:
    ranked = _sample(names, len(names), words)
    pairs = [(a, b) for at, a in enumerate(ranked) for b in ranked[at + 1 :]]
    return tuple(_sample(pairs, min(knobs.num_irrelevant, len(pairs)), words))
