"""Proofs in English, written and checked line by line; the kernel decides what follows.

A line is a sentence and the numbers of what it rests on, ``8. Tova is a dorple. (1,4)``; the number before it
may be left out. Where neither the statement nor its opposite follows, two lines say of what the thing in
question may be: ``can be true: bink, furry``, and all other words don't hold of it. The last line is the
answer.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lmgym.grading.derivation import BLANK, DETOUR, DONE, MAX_LINES, REPEATED, RIGHT, TOO_MANY, WRONG
from lmgym.logic import kernel
from lmgym.logic.kernel import Formula
from lmgym.records import StepVerdict
from lmgym.tasks.entailment.answers import WHITESPACE, read_answer
from lmgym.tasks.entailment.chains import Derived, prove
from lmgym.tasks.entailment.draw import EntailmentReference
from lmgym.tasks.entailment.english import MAX_SENTENCE_CHARS, Reader, write
from lmgym.tasks.entailment.kernel_steps import justify
from lmgym.tasks.entailment.sentences import Sentence, denial, formula_of
from lmgym.tasks.entailment.worlds import World, find_world, obeys

UNPARSED = StepVerdict("unparsed", "unparsed")
UNPROVED = StepVerdict("wrong", "unproved")
MAX_LINE_CHARS = MAX_SENTENCE_CHARS + 40

_LINE = re.compile(r"(?:(\d{1,4})\. ?)?(.+?) ?\((\d{1,4}(?:, ?\d{1,4}){0,2})\)\.?", re.ASCII)
_CAN_BE = re.compile(r"can be (true|false):([a-z, -]*)")


def proof_lines(reference: EntailmentReference, wording: str) -> list[str]:
    """Returns a whole proof, the answer last."""
    value, premises, statement = reference
    if value == "unknown":
        return [*_world_lines(reference), value]
    lines = prove(premises, statement if value == "true" else denial(statement))
    assert lines is not None, reference
    first = len(premises) + 1
    return [*(line_text(line, first + at, wording) for at, line in enumerate(lines)), value]


def line_text(line: Derived, number: int, wording: str) -> str:
    """Returns a line as it is written."""
    return f"{number}. {write(line.sentence, wording)} ({','.join(str(at + 1) for at in line.cited)})"


def _world_lines(reference: EntailmentReference) -> Iterator[str]:
    for word, claim in _claims(reference.statement):
        world = find_world((*reference.premises, claim), claim)
        assert world is not None, reference
        said = ", ".join(sorted(each for each, holds in world.items() if holds))
        yield f"can be {word}:{' ' if said else ''}{said}"


def _claims(statement: Sentence) -> tuple[tuple[str, Sentence], tuple[str, Sentence]]:
    """Returns what one thing has to be like where the statement is true, and where it is false.

    Of a kind, both are about one thing of that kind.
    """
    opposed = denial(statement)
    if statement.kind == "fact":
        return ("true", statement), ("false", opposed)
    first, second = (each._replace(kind="some") for each in (statement, opposed))
    return ("true", first), ("false", second)


class Checked(NamedTuple):
    """What came of checking a proof."""

    steps: tuple[StepVerdict, ...]
    """One for each line."""
    is_proved: bool
    """Whether the lines are without a fault, and prove the answer that the last of them gives."""


def check_proof(reference: EntailmentReference, lines: Sequence[str]) -> Checked:
    """Returns the verdicts on lines without newlines; takes any text.

    A line that is wrong, can't be read, or says nothing new is not numbered. The answer is right where it is
    the true one and all that it takes has been shown.
    """
    checker = _Checker(reference)
    steps = [checker.check(line.strip(WHITESPACE)) for line in lines[:MAX_LINES]]
    steps += [TOO_MANY for _ in lines[MAX_LINES:]]
    is_faultless = all(step.status in ("right", "no_progress") for step in steps)
    return Checked(tuple(steps), checker.is_done and is_faultless)


class _Checker:
    """How far a proof is."""

    def __init__(self, reference: EntailmentReference) -> None:
        self._reference = reference
        value, premises, statement = reference
        self._theorems = [kernel.assume(formula_of(premise)) for premise in premises]
        self._premises = frozenset(theorem.conclusion for theorem in self._theorems)
        words = dict.fromkeys(word for each in (*premises, statement) for word in each.words)
        names = dict.fromkeys(each.name for each in (*premises, statement) if each.name)
        self._words, self._things = frozenset(words), [kernel.function(name) for name in names]
        self._reader = Reader(words, names)
        self._needed: set[Formula | str] = {"true", "false"}
        if value != "unknown":
            self._needed = {formula_of(statement if value == "true" else denial(statement))}
        self.is_done = False

    def check(self, line: str) -> StepVerdict:
        """Returns the verdict on the next line."""
        if not line:
            return BLANK
        if self.is_done:
            return DONE
        if len(line) > MAX_LINE_CHARS:
            return UNPARSED
        answer = read_answer(line)
        if answer is not None:
            return self._check_answer(answer)
        can_be = _CAN_BE.fullmatch(line)
        return self._check_world(can_be[1], can_be[2]) if can_be else self._check_sentence(line)

    def _check_answer(self, answer: str) -> StepVerdict:
        if answer != self._reference.value:
            return WRONG
        if self._needed:
            return UNPROVED
        self.is_done = True
        return RIGHT

    def _check_sentence(self, line: str) -> StepVerdict:
        match = _LINE.fullmatch(line)
        sentence = match and self._reader.read(match[2])
        if not match or not sentence:
            return UNPARSED
        cited = [int(number) - 1 for number in match[3].split(",")]
        number = len(self._theorems) + 1
        if (match[1] and int(match[1]) != number) or not all(0 <= at < number - 1 for at in cited):
            return WRONG
        goal = formula_of(sentence)
        theorem = justify(goal, [self._theorems[at] for at in cited], self._things)
        if theorem is None or not theorem.hypotheses <= self._premises:
            return WRONG
        if any(known.conclusion is goal for known in self._theorems):
            return REPEATED
        self._theorems.append(theorem)
        self._needed.discard(theorem.conclusion)
        return RIGHT

    def _check_world(self, word: str, listed: str) -> StepVerdict:
        """Checks that a thing can be as the line says: it obeys all rules and facts about it."""
        said = [each for piece in listed.split(",") if (each := piece.strip())]
        if not self._words.issuperset(said) or len(set(said)) != len(said):
            return UNPARSED
        claim = dict(_claims(self._reference.statement))[word]
        if not _has(dict.fromkeys(said, True), claim):
            return WRONG
        if not obeys(self._reference.premises, dict.fromkeys(said, True), claim.name):
            return WRONG
        if self._reference.value != "unknown":
            return DETOUR
        if word not in self._needed:
            return REPEATED
        self._needed.discard(word)
        return RIGHT


def _has(world: World, claim: Sentence) -> bool:
    """Returns whether a thing is as ``claim`` says, of which every part is joined by "and"."""
    parts = (claim.condition, claim.said)
    return all(world.get(each.word, False) == each.holds for part in parts for each in part.literals)
