"""Problems out of a collection's theorems: which ones a split has, and what their prompts list."""

from __future__ import annotations

from bisect import bisect_left
from functools import cached_property

import numpy as np

from lmgym.errors import EmptyProblemSetError
from lmgym.logic.metamath import Assertion
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.metamath.collection import Collection, Lemma
from lmgym.tasks.metamath.play import MetamathReference
from lmgym.tasks.metamath.text import Statement, write_assertion, write_goal, write_hypothesis, write_prompt
from lmgym.tasks.stream import Draft, Words


class Poser:
    """Makes problems of a level's theorems."""

    def __init__(
        self, collection: Collection, level: int, distractors: int | None, spare: int | None, preface: str
    ) -> None:
        """Sets what is posed; ``spare`` turns are announced in the prompt, None: it speaks of no turns."""
        self._collection = collection
        self._level = level
        self._distractors = distractors
        self._spare = spare
        self._preface = preface
        self._has_variables = collection.format.is_usable_syntax
        self._statements: dict[str, Statement] = {}
        posed = collection.at_level(level)
        self.by_split = {
            split: [lemma for lemma in posed if split_of(lemma.key) == split] for split in HASHED_SPLITS
        }
        self.by_split["ood_length"] = collection.beyond(level)
        self.lemmas = [lemma for lemmas in self.by_split.values() for lemma in lemmas]
        self.max_labels = max(len(lemma.proof) for lemma in self.lemmas)

    @property
    def name(self) -> str:
        """What decides the problems."""
        spare = "" if self._spare is None else f",spare_labels={self._spare}"
        return (
            f"Metamath({self._collection.name},{self._collection.digest},{self._collection.format.name},"
            f"level={self._level},num_distractors={self._distractors},instruct={bool(self._preface)}{spare})"
        )

    @cached_property
    def _candidates(self) -> list[Assertion]:
        """What may be listed without need: logical statements, in the database's order."""
        assertions = self._collection.database.assertions.values()
        return [assertion for assertion in assertions if self._collection.is_logical(assertion)]

    @cached_property
    def _numbers(self) -> list[int]:
        return [assertion.number for assertion in self._candidates]

    def draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        """Returns ``count`` drafts, theorems drawn with replacement.

        Raises:
            EmptyProblemSetError: the split has no theorem at this level.
        """
        lemmas = self.by_split[split]
        if not lemmas:
            sizes = {name: len(found) for name, found in self.by_split.items()}
            raise EmptyProblemSetError(
                f"split {split!r} holds no theorem of {self._collection.name} at level {self._level}. Use "
                f"another split, level or database (theorems in each split: {sizes})."
            )
        words = Words(rng)
        return [self._draft(lemmas[words.below(len(lemmas))], words) for _ in range(count)]

    def _draft(self, lemma: Lemma, words: Words) -> Draft:
        reference = MetamathReference(
            lemma.theorem.label, lemma.proof, 1 if self._spare is None else len(lemma.proof) + self._spare
        )
        statement = self._statement(lemma)
        shown: list[Assertion] = []
        if self._distractors is not None:
            chosen = self._choose(lemma, statement.needed, words)
            shown = sorted((*statement.needed, *chosen), key=lambda assertion: assertion.number)
        prompt = self._preface + write_prompt(statement, shown, with_variables=self._has_variables)
        if self._spare is not None:
            prompt += f"({reference.num_turns} left)\n"
        return Draft(prompt, reference, lemma.key, float(self._level))

    def _choose(self, lemma: Lemma, needed: tuple[Assertion, ...], words: Words) -> list[Assertion]:
        """Returns distinct logical statements from above the theorem that the known proof does not use."""
        above = bisect_left(self._numbers, lemma.theorem.number)
        taken = {assertion.number for assertion in needed}
        wanted = min(self._distractors or 0, above - sum(self._numbers[i] in taken for i in range(above)))
        chosen: list[Assertion] = []
        while len(chosen) < wanted:
            found = self._candidates[words.below(above)]
            if found.number not in taken:
                taken.add(found.number)
                chosen.append(found)
        return chosen

    def _statement(self, lemma: Lemma) -> Statement:
        label = lemma.theorem.label
        if label not in self._statements:
            self._statements[label] = self._make_statement(lemma)
        return self._statements[label]

    def _make_statement(self, lemma: Lemma) -> Statement:
        theorem, assertions = lemma.theorem, self._collection.database.assertions
        used = set(lemma.proof)
        mandatory = {hypothesis.label for hypothesis in theorem.hypotheses}
        floating = [
            h
            for label, h in theorem.active.items()
            if h.is_floating and (label in mandatory or label in used)
        ]
        needed = tuple(assertions[label] for label in used if label in assertions)
        is_listed = self._has_variables and self._distractors is not None
        return Statement(
            tuple(map(write_hypothesis, floating)) if is_listed else (),
            tuple(sorted(needed, key=lambda assertion: assertion.number)),
            write_goal(theorem, frozenset(h.expression[1] for h in floating)),
        )

    @property
    def max_prompt_chars(self) -> int:
        """Upper bound on the length of a prompt of any split."""
        turns = "" if self._spare is None else f"({self.max_labels + self._spare} left)\n"
        longest = max(self._base_chars(lemma) for lemma in self.lemmas) + len(self._preface + turns)
        if not self._distractors:
            return longest
        last = max(lemma.theorem.number for lemma in self.lemmas)
        lines = [self._line_chars(one) for one in self._candidates if one.number < last]
        return longest + sum(sorted(lines)[-self._distractors :])

    def _base_chars(self, lemma: Lemma) -> int:
        statement = self._statement(lemma)
        shown = statement.needed if self._distractors is not None else ()
        return len(write_prompt(statement, shown, with_variables=self._has_variables))

    def _line_chars(self, assertion: Assertion) -> int:
        return len(write_assertion(assertion, with_variables=self._has_variables)) + 1
