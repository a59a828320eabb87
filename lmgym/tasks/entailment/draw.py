"""Drawing problems of entailment whose answers are balanced and can't be told without the chain.

Every problem has chains of one shape: one ends in what is asked, one in its opposite, one in something else.
The answer decides only at which chain's root the thing in question stands, so all classes have the same
numbers of premises, of words and of "not".
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Literal as OneOf
from typing import NamedTuple, TypeVar

from lmgym.records import Problem
from lmgym.tasks.entailment.knobs import Knobs
from lmgym.tasks.entailment.sentences import (
    Literal,
    Part,
    Sentence,
    denial,
    fact,
    opposite,
    rule,
    single,
    some,
    text_of,
)  # fmt: skip
from lmgym.tasks.entailment.vocabulary import Chain, Vocabulary
from lmgym.tasks.entailment.worlds import entails
from lmgym.tasks.stream import Words

_STARTS = ((0, 2), (1, 2), (2, 0), (2, 1))
"""Chains at whose roots the two kinds of an existence may stand without a contradiction."""

T = TypeVar("T")


class EntailmentReference(NamedTuple):
    """The private truth of a problem."""

    value: str
    """"true", "false" or "unknown"."""
    premises: tuple[Sentence, ...]
    """In the order of the prompt."""
    statement: Sentence
    """It says one literal."""


class Case(NamedTuple):
    """A problem before it is put into words."""

    reference: EntailmentReference
    key: str


class _Shape(NamedTuple):
    """What all chains of a problem have in common."""

    hops: tuple[str, ...]
    """How each rule is put."""
    signs: tuple[bool, ...]
    """Whether each middle literal holds."""
    branches: tuple[int, ...]
    """At which places rules lead away."""
    has_two_roots: bool


def reference_of(problem: Problem) -> EntailmentReference:
    """Returns the truth of a problem of this task."""
    reference: EntailmentReference = problem.reference
    return reference


def key_of(reference: EntailmentReference) -> str:
    """Returns the canonical text: wording and order of premises are not in it, names are."""
    said = sorted(map(text_of, reference.premises))
    return f"{text_of(reference.statement)}? {'; '.join(said)}"


def is_kept_for_wording(key: str) -> bool:
    """Returns whether the problem is kept for the split "ood_wording": one in ten, by a hash of its own."""
    digest = hashlib.blake2b(key.encode(), digest_size=8, person=b"ood_wording").digest()
    return int.from_bytes(digest, "little") % 10 == 0


def answer_of(premises: Sequence[Sentence], statement: Sentence) -> str | None:
    """Returns the answer by case distinction; None: the premises contradict one another."""
    follows, is_refuted = entails(premises, statement), entails(premises, denial(statement))
    if follows and is_refuted:
        return None
    return "true" if follows else "false" if is_refuted else "unknown"


def draw_case(
    knobs: Knobs, vocabulary: Vocabulary, accepts: Callable[[str], bool], words: Words
) -> Case | None:
    """Returns a problem in words of ``vocabulary``, None if what was drawn can't be used.

    Args:
        knobs: its shape.
        vocabulary: a fresh one, which is used up.
        accepts: takes a key; problems with others are not wanted.
        words: randomness.
    """
    wanted = knobs.answers[words.below(len(knobs.answers))]
    is_positive = words.below(2) == 0
    is_quantified = knobs.quantified and words.below(2) == 0
    shape = _draw_shape(knobs, is_quantified, words)
    chains = vocabulary.draw_chains(knobs.num_chains, shape.signs, words)
    if chains is None:
        return None
    premises = _draw_rules(chains, shape, vocabulary, words)
    people = vocabulary.draw_names(1 + knobs.num_bystanders, words)
    premises += [fact(name, _root(chains, shape, words)) for name in people[1:]]
    asked = chains[0].literals[-1]
    asked = asked if is_positive else opposite(asked)
    if is_quantified:
        found = _ask_of_kinds(asked, is_positive, wanted, chains, words)
    else:
        told = _tell(people[0], (wanted == "true") == is_positive, wanted, chains, shape, words)
        found = told, fact(people[0], asked)
    premises.append(found[0])
    reference = EntailmentReference(wanted, tuple(shuffled(premises, words)), found[1])
    key = key_of(reference)
    return Case(reference, key) if accepts(key) and answer_of(premises, found[1]) == wanted else None


def shuffled(items: Sequence[T], words: Words) -> list[T]:
    """Returns the items in a random order."""
    left = list(items)
    return [left.pop(words.below(len(left))) for _ in items]


def _draw_shape(knobs: Knobs, is_quantified: bool, words: Words) -> _Shape:
    has_two_roots = knobs.disjunctions and not is_quantified and words.below(2) == 0
    kinds = ["plain", "plain"]
    if knobs.conjunctions:
        kinds += ["and_said"] if is_quantified else ["and_said", "and_needed"]
    kinds += ["or_needed"] * knobs.disjunctions + ["backward"] * knobs.contrapositives
    hops = [kinds[words.below(len(kinds))] for _ in range(knobs.num_hops)]
    if has_two_roots:
        hops[0] = "plain"
    signs = tuple(not (knobs.negations and words.below(4) == 0) for _ in range(knobs.num_hops - 1))
    branches = tuple(words.below(knobs.num_hops) for _ in range(knobs.num_distractors))
    return _Shape(tuple(hops), signs, branches, has_two_roots)


def _draw_rules(
    chains: Sequence[Chain], shape: _Shape, vocabulary: Vocabulary, words: Words
) -> list[Sentence]:
    rules: list[Sentence] = []
    for chain in chains:
        if shape.has_two_roots:
            rules.append(rule(chain.spare[0], chain.literals[1]))
        for at, kind in enumerate(shape.hops):
            rules += _hop(kind, chain.literals[at], chain.literals[at + 1], vocabulary, words)
        for at in shape.branches:
            beside = vocabulary.draw_beside(chain.literals[at], words)
            if beside is not None:
                rules.append(rule(chain.literals[at], beside))
    return rules


def _hop(kind: str, here: Literal, there: Literal, vocabulary: Vocabulary, words: Words) -> list[Sentence]:
    """Returns the rules, one or two, that lead from ``here`` to ``there``."""
    if kind == "plain":
        return [rule(here, there)]
    if kind == "backward":
        return [rule(opposite(there), opposite(here))]
    other = Literal(vocabulary.draw_word(words))
    if kind == "and_said":
        both = _join((there, other), "and", words)
        return [Sentence("rule", both, "", single(here))]
    needed = _join((here, other), "and" if kind == "and_needed" else "or", words)
    joined = Sentence("rule", single(there), "", needed)
    return [joined] if kind == "or_needed" else [rule(here, other), joined]


def _join(literals: Sequence[Literal], joint: OneOf["and", "or"], words: Words) -> Part:
    """Returns the literals in a random order, but what is denied last: the other way is ambiguous."""
    drawn = shuffled(literals, words)
    return Part(tuple(sorted(drawn, key=lambda literal: not literal.holds)), joint)


def _root(chains: Sequence[Chain], shape: _Shape, words: Words) -> Literal:
    chain = chains[words.below(len(chains))]
    return chain.spare[0] if shape.has_two_roots and words.below(2) else chain.literals[0]


def _tell(
    name: str, is_first: bool, wanted: str, chains: Sequence[Chain], shape: _Shape, words: Words
) -> Sentence:
    """Returns the fact that puts ``name`` at the root of the chain that gives the answer."""
    chain = chains[2 if wanted == "unknown" else 0 if is_first else 1]
    if not shape.has_two_roots:
        return fact(name, chain.literals[0])
    is_mixed = wanted == "unknown" and words.below(2) == 0
    roots = (chains[0].literals[0], chains[1].spare[0]) if is_mixed else (chain.literals[0], chain.spare[0])
    return Sentence("fact", _join(roots, "or", words), name)


def _ask_of_kinds(
    asked: Literal, is_positive: bool, wanted: str, chains: Sequence[Chain], words: Words
) -> tuple[Sentence, Sentence]:
    """Returns that some of one kind are of another, and a statement of every or some of the first kind."""
    is_every = words.below(2) == 0
    ends = (is_positive, not is_positive, None)  # whether a chain leads to what is asked or to its opposite
    starts = [at for at in _STARTS if _answer(is_every, ends[at[0]], ends[at[1]]) == wanted]
    first, second = starts[words.below(len(starts))]
    kind = chains[first].literals[0]
    return some(kind, chains[second].literals[0]), (rule if is_every else some)(kind, asked)


def _answer(is_every: bool, of_all: bool | None, of_some: bool | None) -> str:
    """Returns the answer where all of a kind have what is asked (None: it does not follow), and some have."""
    if of_all is not None:
        return "true" if of_all else "false"
    return "unknown" if of_some is not (not is_every) else "false" if is_every else "true"
