"""``lmgym/WordProblem-v0``: grade-school problems in words, each with a computation behind it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Literal, NamedTuple, Self, final

import numpy as np

from lmgym.grading.derivation import cut_lines
from lmgym.grading.exact import WHITESPACE, can_complete, digit_credit, parse_number
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.arithmetic.worked import near_miss
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split, split_of, unfinished
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split
from lmgym.tasks.word_problem.graph import Drawn, draw_facts
from lmgym.tasks.word_problem.graph import draw_aside as draw_comparison
from lmgym.tasks.word_problem.levels import HELD_OUT_UNITS, LEVELS, make_rules
from lmgym.tasks.word_problem.steps import MARKER, check_steps, read_answer
from lmgym.tasks.word_problem.text import (
    Aside,
    Story,
    Wording,
    draw_aside,
    draw_cast,
    equation_bound,
    max_sentence_chars,
    write_prompt,
    write_step,
)

Style = Literal["answer", "worked"]
AnswerOn = Literal["response", "last_line"]

EXTRA_STEPS = 2
"""Steps that "ood_operations" adds."""


class WordProblemReference(NamedTuple):
    """The private truth of a problem."""

    value: int
    story: Story


@final
class WordProblem(SingleTurnTask):
    """Stories about who has how many of what; the answer is a natural number.

    The canonical key is the computation with its numbers, so problems that differ in names, things, wording
    and needless sentences are one problem. "ood_operations" needs two steps more; "ood_names" has names and
    things that no other split has, "ood_scenario" tells of distances, and the computations of both are in no
    other split either.
    """

    splits = (*HASHED_SPLITS, "ood_operations", "ood_names", "ood_scenario")

    def __init__(
        self,
        *,
        level: int = 1,
        style: Style = "answer",
        wording: Wording = "plain",
        answer_on: AnswerOn | None = None,
        demonstration_quality: float = 1.0,
        num_steps: int | None = None,
        num_asides: int | None = None,
        max_number: int | None = None,
        max_value: int | None = None,
    ) -> None:
        """Configures the task; an option that is not None takes the place of the level's.

        Args:
            level: 1 (one sum or difference) to 8 (eight steps of all kinds); sets the kinds of steps.
            style: demonstrations are the "answer" alone or "worked" line by line.
            wording: "plain" (short sentences) or "story" (full ones, in several variants).
            answer_on: what is read as the answer, the whole "response" or its "last_line" that is not
                blank, after ``####`` if that begins it; by default the response for style "answer", the
                last line for "worked".
            demonstration_quality: probability in [0, 1] that a demonstration is right; the others end in
                a near miss.
            num_steps: operations that the answer needs, 1 to 10.
            num_asides: sentences that it does not need, 0 to 4.
            max_number: greatest number that is given, added or taken away, 5 to 1000.
            max_value: greatest result on the way, 20 to 100000.

        Raises:
            UnknownNameError: a word that is not in its list.
            InvalidValueError: a value out of its range.
        """
        self._options: dict[str, object] = dict(
            style=style, wording=wording, answer_on=answer_on, demonstration_quality=demonstration_quality,
            num_steps=num_steps, num_asides=num_asides, max_number=max_number, max_value=max_value,
        )  # fmt: skip
        self._level = check_int("level", level, 1, max(LEVELS))
        base = LEVELS[self._level]
        self._style = check_choice("style", style, ("answer", "worked"))
        check_choice("wording", wording, ("plain", "story"))
        self._wording = wording
        default_rule = "response" if style == "answer" else "last_line"
        rule = default_rule if answer_on is None else answer_on
        self._answer_on = check_choice("answer_on", rule, ("response", "last_line"))
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._num_steps = _override("num_steps", num_steps, base.num_steps, 1, 10)
        self._num_asides = _override("num_asides", num_asides, base.num_asides, 0, 4)
        self._max_number = _override("max_number", max_number, base.max_number, 5, 1000)
        self._max_value = _override("max_value", max_value, base.max_value, 20, 100_000)
        self._rules = make_rules(self._level, self._max_number, self._max_value)
        shape = (
            f"WordProblem(level={self._level},num_steps={self._num_steps},num_asides={self._num_asides},"
            f"max_number={self._max_number},max_value={self._max_value}"
        )
        self._fingerprint = f"{shape},wording={wording},answer_on={self._answer_on})"
        self._stream = ProblemStream(shape + ")", self._draw_block)

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def alphabet(self) -> str | None:
        if self._style == "answer":
            return "0123456789"
        return "0123456789+-×÷=#\n " if self._wording == "plain" else None

    @property
    def max_prompt_chars(self) -> int:
        num_facts = 2 * (self._num_steps + EXTRA_STEPS) + 1
        longest = max_sentence_chars(self._wording, self._num_digits)
        return (num_facts + self._num_asides + 1) * (longest + 1)

    @property
    def default_max_new_tokens(self) -> int:
        if self._style == "answer":
            return self._num_digits + 1
        line = len(equation_bound("9" * self._num_digits))
        if self._wording == "story":
            line = max_sentence_chars("story", self._num_digits)
        return (self._num_steps + EXTRA_STEPS) * (line + 1) + len(MARKER) + 1 + self._num_digits + 1

    @property
    def _num_digits(self) -> int:
        return len(str(max(self._max_value, self._max_number)))

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return max(LEVELS)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        rules, num_steps = self._rules, self._num_steps
        if split == "ood_scenario":
            rules = dataclasses.replace(rules, units=HELD_OUT_UNITS)
        if split == "ood_operations":
            num_steps += EXTRA_STEPS

        def accepts(key: str) -> bool:
            return split == "ood_operations" or _owner(key) == split

        def draw(words: Words) -> Drawn | None:
            return draw_facts(rules, num_steps, accepts, words)

        return [self._draft(draw_until_split(draw, split, words), split, words) for _ in range(count)]

    def _draft(self, drawn: Drawn, split: str, words: Words) -> Draft:
        facts, key = drawn
        num_people = 1 + max(fact.person for fact in facts)
        asides = []
        for number in range(self._num_asides):
            compared = draw_comparison(facts, self._rules, words) if words.below(2) else None
            if compared is None:
                asides.append(draw_aside(num_people, len(facts), words))
            else:
                compared = compared._replace(person=num_people + number)
                asides.append(Aside(len(facts), 0, 0, words.below(2), compared))
        cast = draw_cast(num_people + self._num_asides, len(facts), split == "ood_names", words)
        story = Story(facts, tuple(asides), cast)
        reference = WordProblemReference(facts[-1].value, story)
        return Draft(write_prompt(story, self._wording), reference, key, float(self._level))

    def verify(self, transcript: Transcript) -> Verdict:
        refused = unfinished(transcript)
        if refused is not None:
            return refused
        problem, text = transcript.problem, transcript.response
        if self._answer_on == "last_line":
            text = read_answer(text.rstrip(WHITESPACE).rpartition("\n")[2])
        value, reason = parse_number(text)
        if value is None:
            return Verdict("wrong", reason)
        truth: int = problem.reference.value
        answer = text.strip(WHITESPACE)
        if value == truth:
            return Verdict("correct", "", answer, 1.0)
        return Verdict("wrong", "wrong", answer, digit_credit(value, truth))

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...] | None:
        """Returns the verdicts on the lines of worked answers (``answer_on="last_line"``), else None."""
        if self._answer_on != "last_line":
            return None
        return check_steps(transcript.problem.reference.story.facts, cut_lines(transcript.response))

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        """Returns the answer, or a line a step and ``#### answer``; see ``demonstration_quality``."""
        value, story = problem.reference
        is_right = rng.random() < self._quality
        answer = str(value) if is_right else near_miss(value, 0, False, rng)
        if self._style == "answer":
            return (answer,)
        steps = [fact for fact in story.facts if fact.sources]
        lines = [write_step(story, fact, self._wording) for fact in steps[:-1]]
        last = write_step(story, steps[-1]._replace(value=int(answer)), self._wording)
        return ("\n".join([*lines, last, f"{MARKER} {answer}"]),)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float:
        """Returns 1.0 where the response can still be completed to a right one, else 0.0."""
        if turns:
            return float(self.verify(Transcript(problem, turns)).status == "correct")
        if self._answer_on == "last_line":
            return 1.0  # a new line can always be begun
        return float(can_complete(partial, problem.reference.value))


def _override(name: str, given: object, default: int, low: int, high: int) -> int:
    return check_int(name, default if given is None else given, low, high)


def _owner(key: str) -> str:
    """Returns the split that owns a computation: what the hash leaves for tests, three splits share."""
    split = split_of(key)
    if split != "test":
        return split
    digest = hashlib.blake2b(key.encode(), digest_size=8, person=b"word problem").digest()
    return ("test", "ood_names", "ood_scenario")[int.from_bytes(digest, "little") % 3]
