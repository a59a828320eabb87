"""The play of ``lmgym/Metamath-v0``: what labels do, and how far they are on the way of the known proof.

Everything here is a pure function of the state and the text, so a transcript can be played again and its
outcome verified from the texts of the agent alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np

from lmgym.logic.metamath import Assertion, Refusal
from lmgym.records import Problem, StepVerdict, Turn
from lmgym.tasks.metamath.collection import Collection, Lemma
from lmgym.tasks.metamath.formats import Format

EMPTY = Refusal("unparsed", "no label")


class MetamathReference(NamedTuple):
    """The private truth of a problem."""

    label: str
    proof: tuple[str, ...]
    """The known proof."""
    num_turns: int
    """Turns of an episode with a label a turn."""


class PlayState(NamedTuple):
    """How far an episode of a label a turn is."""

    problem: Problem
    proof: Any
    """The format's state."""
    num_turns_left: int
    num_refusals: int = 0
    refusal: Refusal | None = None
    """Why the last turn was refused, None if it was not."""
    is_proved: bool = False


class Played(NamedTuple):
    """What became of the labels of a text."""

    proof: Any
    """The format's state after the labels that were not refused."""
    refusal: Refusal | None


class Way:
    """The known proof of a theorem as a way of stacks."""

    def __init__(self, proof_format: Format, lemma: Lemma) -> None:
        self.proof = lemma.proof
        state: Any = proof_format.begin(lemma.theorem)
        self.stacks = [proof_format.show(state)]
        for label in lemma.proof:
            state = proof_format.extend(lemma.theorem, state, label)
            assert not isinstance(state, Refusal), (lemma.theorem.label, label, state)
            self.stacks.append(proof_format.show(state))
        self._places = {stack: place for place, stack in enumerate(self.stacks)}

    def place(self, stack: tuple[str, ...]) -> int | None:
        """Returns after how many labels the known proof has this stack, the most if several; None: never."""
        return self._places.get(stack)


class Rules:
    """The moves of a collection's theorems."""

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.format = collection.format
        self._lemmas = {lemma.theorem.label: lemma for lemma in collection.lemmas}
        self._ways = lru_cache(maxsize=256)(self._make_way)

    def _make_way(self, label: str) -> Way:
        return Way(self.format, self._lemmas[label])

    def theorem(self, problem: Problem) -> Assertion:
        """Returns what is to be proved."""
        return self._lemmas[problem.reference.label].theorem

    def way_of(self, lemma: Lemma) -> Way:
        """Returns the known proof of a theorem."""
        return self._ways(lemma.theorem.label)

    def way(self, problem: Problem) -> Way:
        """Returns the known proof."""
        return self._ways(problem.reference.label)

    def place(self, problem: Problem, proof: Any) -> int | None:
        """Returns how many labels of the known proof lead to this state, None if none do."""
        return self.way(problem).place(self.format.show(proof))

    def begin(self, problem: Problem) -> Any:
        """Returns the format's state before the first label."""
        return self.format.begin(self.theorem(problem))

    def max_labels(self, problem: Problem) -> int:
        """Returns how many labels a proof may have, so that every text is judged in bounded time."""
        return 100 + 4 * len(problem.reference.proof)

    def play(self, problem: Problem, proof: Any, labels: Sequence[str], num_before: int = 0) -> Played:
        """Plays labels from ``proof`` on until one is refused; ``num_before`` have been played already."""
        theorem = self.theorem(problem)
        room = self.max_labels(problem) - num_before
        for place, label in enumerate(labels):
            if place >= room:
                return Played(proof, Refusal("limit", f"more than {self.max_labels(problem):,} labels"))
            following = self.format.extend(theorem, proof, label)
            if isinstance(following, Refusal):
                return Played(proof, following)
            proof = following
        return Played(proof, None)

    def _cut(self, problem: Problem, text: str) -> list[str]:
        """Returns the labels of a text, one more than a proof may have at most."""
        room = self.max_labels(problem) + 1
        return text.split(None, room)[:room]

    def spoil(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the known proof with one label changed, so that some label is refused."""
        known: tuple[str, ...] = problem.reference.proof
        for _ in range(8):
            at, other = int(rng.integers(len(known))), known[int(rng.integers(len(known)))]
            labels = (*known[:at], other, *known[at + 1 :])
            if self.play(problem, self.begin(problem), labels).refusal is not None:
                return labels
        return (*known[:-1], known[-1] + known[-1][-1])

    def play_text(self, problem: Problem, text: str) -> Played:
        """Plays the labels of a whole proof and judges its end; takes any text."""
        labels = self._cut(problem, text)
        if not labels:
            return Played(self.begin(problem), EMPTY)
        played = self.play(problem, self.begin(problem), labels)
        if played.refusal is not None:
            return played
        return Played(played.proof, self.format.judge(self.theorem(problem), played.proof))

    def take_turn(self, state: PlayState, turn: Turn) -> PlayState:
        """Returns the state after a turn of one label; takes any text."""
        labels = turn.text.split(None, 2)
        state = state._replace(num_turns_left=state.num_turns_left - 1, refusal=None)
        if not turn.is_complete:
            refusal: Refusal | None = Refusal("overlong", "the turn was cut off")
        elif len(labels) != 1:
            refusal = Refusal("unparsed", "one label was asked for") if labels else EMPTY
        else:
            proof, refusal = self.play(state.problem, state.proof, labels)
            if refusal is None:
                is_proved = self._is_proved(state.problem, proof)
                return state._replace(proof=proof, is_proved=is_proved)
        return state._replace(num_refusals=state.num_refusals + 1, refusal=refusal)

    def _is_proved(self, problem: Problem, proof: Any) -> bool:
        return self.format.judge(self.theorem(problem), proof) is None

    def progress(self, problem: Problem, proof: Any) -> float:
        """Returns the share of the known proof that has been done and is not spoilt, below 1."""
        place = self.place(problem, proof) or 0
        total = len(problem.reference.proof)
        return min(place, total - 1) / total

    def check_lines(self, problem: Problem, lines: Sequence[str], max_lines: int) -> list[StepVerdict]:
        """Returns a verdict for each of the first lines of a proof that is written as a whole."""
        proof, best, count = self.begin(problem), 0, 0
        verdicts = list[StepVerdict]()
        for line in lines[:max_lines]:
            labels = self._cut(problem, line)
            proof, refusal = self.play(problem, proof, labels, count)
            count += len(labels)
            verdict, best = self.judge_step(problem, proof, refusal if labels else EMPTY, best)
            verdicts.append(verdict)
        return verdicts

    def judge_step(
        self, problem: Problem, proof: Any, refusal: Refusal | None, best: int
    ) -> tuple[StepVerdict, int]:
        """Returns the verdict on what led to ``proof``, and how far the known proof has been followed.

        Only what goes on along the known proof, or ends in the theorem, is known to lead on.
        """
        if refusal is EMPTY:
            return StepVerdict("no_progress", "blank"), best
        if refusal is not None:
            is_unread = refusal.reason in ("unparsed", "unknown", "overlong")
            return StepVerdict("unparsed" if is_unread else "wrong", refusal.reason), best
        total = len(problem.reference.proof)
        place = total if self._is_proved(problem, proof) else self.place(problem, proof)
        if place is None:
            return StepVerdict("undecided", "aside"), best
        if place <= best:
            return StepVerdict("no_progress", "repeated"), best
        return StepVerdict("right"), place
