"""Short proofs for demonstrations: what follows of the thing in question, and from what.

Comes in: premises and a statement. Goes out: the derived sentences in order, each with what it rests on.
Works by forward chaining on one thing, so it is quick and finds what problems are built from; whether
something follows at all is decided elsewhere (``worlds``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lmgym.tasks.entailment.sentences import Literal, Sentence, opposite, single

Reason = int | Literal
"""A premise by its place, or something derived before."""
Known = dict[Literal, tuple[Reason, ...]]


class Derived(NamedTuple):
    """A line of a proof."""

    sentence: Sentence
    cited: tuple[int, ...]
    """Places of what it rests on: premises first, from 0, then lines."""


def prove(premises: Sequence[Sentence], goal: Sentence) -> list[Derived] | None:
    """Returns the lines that lead to ``goal``, which says one literal; None where chaining finds no way."""
    for start in _starts(premises, goal):
        known = _saturate(premises, start, goal)
        target = goal.said.literals[0]
        if target in known:
            return _trace(premises, known, target, goal)
    return None


def _starts(premises: Sequence[Sentence], goal: Sentence) -> list[Known]:
    """Returns what is known at first, for each thing that the goal can be shown of."""
    if goal.kind == "fact":
        return [
            {
                literal: (at,)
                for at, each in enumerate(premises)
                if each.kind == "fact" and each.name == goal.name and _is_sure(each)
                for literal in each.said.literals
            }
        ]
    if goal.kind == "rule":
        return [{literal: () for literal in goal.condition.literals}]
    return [
        {literal: (at,) for part in (each.condition, each.said) for literal in part.literals}
        for at, each in enumerate(premises)
        if each.kind == "some" and each.condition == goal.condition
    ]


def _is_sure(sentence: Sentence) -> bool:
    return sentence.said.joint == "and" or len(sentence.said.literals) == 1


def _saturate(premises: Sequence[Sentence], start: Known, goal: Sentence) -> Known:
    known, size = dict(start), -1
    while len(known) > size:
        size = len(known)
        for at, premise in enumerate(premises):
            if premise.kind == "rule":
                _use_rule(at, premise, known)
            elif premise.kind == "fact" and premise.name == goal.name and not _is_sure(premise):
                _tell_cases(at, premise, premises, known)
    return known


def _use_rule(at: int, premise: Sentence, known: Known) -> None:
    condition, said = premise.condition, premise.said
    met = [literal for literal in condition.literals if literal in known]
    if (condition.joint == "or" and met) or len(met) == len(condition.literals):
        reasons = met[:1] if condition.joint == "or" else met
        for literal in said.literals if _is_sure(premise) else ():
            known.setdefault(literal, (at, *reasons))
        return
    denied = [opposite(literal) for literal in said.literals if opposite(literal) in known]
    if not denied or not _is_sure(premise):
        return
    missing = [literal for literal in condition.literals if literal not in known]
    if condition.joint == "or" or len(missing) == 1:
        for literal in missing:
            known.setdefault(opposite(literal), (at, denied[0], *met))


def _tell_cases(at: int, premise: Sentence, premises: Sequence[Sentence], known: Known) -> None:
    """Adds what follows in both cases of an "or", if each takes one rule."""
    first, *others = [
        {
            literal: place
            for place, each in enumerate(premises)
            if each.kind == "rule" and case in each.condition.literals and _is_sure(each)
            if each.condition.joint == "or" or len(each.condition.literals) == 1
            for literal in each.said.literals
        }
        for case in premise.said.literals
    ]
    for literal in first:
        if all(literal in other for other in others):
            known.setdefault(literal, (at, first[literal], *(other[literal] for other in others)))


def _trace(premises: Sequence[Sentence], known: Known, target: Literal, goal: Sentence) -> list[Derived]:
    """Returns only the lines that ``target`` needs, each after what it rests on."""
    lines: list[Derived] = []
    placed: dict[Literal, int | None] = {}

    def place(literal: Literal) -> int | None:
        if literal not in placed:
            sentence = goal._replace(said=single(literal))
            reasons = known[literal]
            if not reasons or literal in goal.condition.literals:
                # what the goal is about: nothing to be shown; of an existence its premise says so
                placed[literal] = next((each for each in reasons if isinstance(each, int)), None)
            elif sentence in premises:
                placed[literal] = premises.index(sentence)
            else:
                cited = [each if isinstance(each, int) else place(each) for each in reasons]
                real = tuple(dict.fromkeys(each for each in cited if each is not None))
                lines.append(Derived(sentence, real))
                placed[literal] = len(premises) + len(lines) - 1
        return placed[literal]

    place(target)
    return lines
