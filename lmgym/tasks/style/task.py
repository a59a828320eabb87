"""``lmgym/Style-v0``: write about a topic under constraints, each of which is checked exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Self, final

import numpy as np

from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split, unfinished
from lmgym.tasks.options import check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split
from lmgym.tasks.style.constraints import FORMS, Constraint, keeps, refuse
from lmgym.tasks.style.draw import LEVELS, draw_order, write_prompt
from lmgym.tasks.style.writing import write_text

MAX_TRIES = 200
"""Texts drawn for one that keeps all constraints, before the known one is shown."""
_MAX_PROMPT_CHARS = 250


class StyleReference(NamedTuple):
    """What is asked for, and a text that keeps to it."""

    value: tuple[Constraint, ...]
    witness: str


@final
class Style(SingleTurnTask):
    """Texts to order: a topic, a number of words, words to use and to avoid, a form, an end.

    The canonical key is the prompt. "ood_topics" asks for topics that no other split has, "ood_constraints"
    for one word more to use and one more to avoid.
    """

    splits = (*HASHED_SPLITS, "ood_topics", "ood_constraints")

    def __init__(self, *, level: int = 1, demonstration_quality: float = 0.0) -> None:
        """Configures the task.

        Args:
            level: 1 (three constraints) to 5 (nine).
            demonstration_quality: probability in [0, 1] that a demonstration keeps all constraints; the
                others are texts about the topic in any form.

        Raises:
            InvalidValueError: a value out of its range.
        """
        self._level = check_int("level", level, 1, max(LEVELS))
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._knobs = LEVELS[self._level]
        self._stream = ProblemStream(self.fingerprint, self._draw_block)

    @property
    def fingerprint(self) -> str:
        return f"Style(level={self._level})"

    @property
    def max_prompt_chars(self) -> int:
        return _MAX_PROMPT_CHARS

    @property
    def default_max_new_tokens(self) -> int:
        return self._knobs.max_chars + 1

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, demonstration_quality=self._quality)

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words, knobs = Words(rng), self._knobs
        if split == "ood_constraints":
            knobs = knobs._replace(num_use=knobs.num_use + 1, num_avoid=knobs.num_avoid + 1)

        def draw(words: Words) -> Draft | None:
            order = draw_order(words, knobs, is_held_out=split == "ood_topics")
            if order is None:
                return None
            prompt = write_prompt(order.constraints)
            return Draft(prompt, StyleReference(*order), prompt, float(self._level))

        return [draw_until_split(draw, split, words) for _ in range(count)]

    def kept(self, problem: Problem, text: str) -> dict[str, bool]:
        """Returns for each constraint, by name (``topic``, ``words``, ``use boat``), whether it is kept."""
        constraints: tuple[Constraint, ...] = problem.reference.value
        names = (f"{kind} {value}" if kind in ("use", "avoid") else kind for kind, value, _, _ in constraints)
        return dict(zip(names, keeps(text, constraints), strict=True))

    def utility(self, transcript: Transcript) -> float:
        """Returns the share of constraints that are kept; 0 off the topic, or for what is no plain text.

        A text that did not end by itself loses the share of one constraint.
        """
        counts = self._count(transcript)
        return sum(counts.values()) / len(transcript.problem.reference.value)

    def utility_parts(self, transcript: Transcript) -> dict[str, float]:
        """Returns what each kind of constraint adds to the utility, and what "cut" takes away."""
        num_constraints = len(transcript.problem.reference.value)
        return {name: count / num_constraints for name, count in self._count(transcript).items()}

    def _count(self, transcript: Transcript) -> dict[str, int]:
        """Returns the constraints that count as kept by kind, and -1 as "cut" for a text without an end."""
        constraints: tuple[Constraint, ...] = transcript.problem.reference.value
        counts = {wish.kind: 0 for wish in constraints} | {"cut": 0}
        kept = keeps(transcript.response, constraints)
        if kept[0] and not refuse(transcript.response):
            for wish, is_kept in zip(constraints, kept, strict=True):
                counts[wish.kind] += is_kept
            counts["cut"] = -(not transcript.turns[-1].is_complete)
        return counts

    def verify(self, transcript: Transcript) -> Verdict:
        """Returns "correct" if all constraints are kept; else the reason is the first that is not."""
        refused = unfinished(transcript)
        if refused is not None:
            return refused
        text = transcript.response
        reason = refuse(text)
        if reason:
            return Verdict("wrong", reason)
        constraints: tuple[Constraint, ...] = transcript.problem.reference.value
        kept = keeps(text, constraints)
        if all(kept):
            return Verdict("correct", "", text.strip(), 1.0)
        score = sum(kept) / len(kept) if kept[0] else 0.0
        return Verdict("wrong", constraints[kept.index(False)].kind, text.strip(), score)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns a text about the topic in any form, or one that wins; see ``demonstration_quality``."""
        constraints: tuple[Constraint, ...] = problem.reference.value
        words, topic, knobs = Words(rng), constraints[0].value, self._knobs
        wins = rng.random() < self._quality
        wanted = tuple(wish.value for wish in constraints if wish.kind in ("use", "end")) if wins else ()
        forms = [form for form in FORMS for wish in constraints if wins and wish == Constraint("form", form)]
        for _ in range(MAX_TRIES):
            form = (forms or FORMS)[words.below(len(forms or FORMS))]
            text = write_text(words, topic, form, knobs.max_clauses, wanted)
            is_plain = len(text) <= knobs.max_chars and not refuse(text)
            if is_plain and (not wins or all(keeps(text, constraints))):
                return (text,)
        return (problem.reference.witness,)

    def hint(self, problem: Problem, turns: tuple[Turn, ...]) -> str | None:
        """Returns a text that keeps all constraints; None after the only turn."""
        witness: str = problem.reference.witness
        return None if turns else witness
