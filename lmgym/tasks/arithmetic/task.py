"""``lmgym/Math-v0``: exact arithmetic, from one-digit sums to long mixed expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, NamedTuple, Self, final

import numpy as np

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.grading.derivation import cut_lines
from lmgym.grading.exact import WHITESPACE, Number, can_complete, digit_credit, number_text, parse_number
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.arithmetic.draw import Entry, draw_entry, has_table, make_table
from lmgym.tasks.arithmetic.expressions import PLAIN_SIGNS, SPACED_SIGNS, WORD_SIGNS, Chain, render
from lmgym.tasks.arithmetic.knobs import LEVELS, Knobs, make_knobs
from lmgym.tasks.arithmetic.size import max_answer_chars, max_expression_chars, max_worked_chars
from lmgym.tasks.arithmetic.worked import near_miss, worked_lines
from lmgym.tasks.arithmetic.worked_steps import check_worked
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split
from lmgym.tasks.options import check_choice, check_fraction
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

Style = Literal["answer", "worked"]
PromptStyle = Literal["plain", "question", "words", "instruct"]
AnswerOn = Literal["response", "last_line"]

_HOLE = "{expression}"
_PROMPTS: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "plain": ("{expression}=", PLAIN_SIGNS),
    "question": ("What is {expression}?\n", SPACED_SIGNS),
    "words": ("{expression} equals ", WORD_SIGNS),
    "instruct": ("Compute {expression} exactly. End with the result alone.\n", SPACED_SIGNS),
}
_TRUNCATED = Verdict("wrong", "truncated")
_OVERLONG = Verdict("wrong", "overlong")
_UNPARSED = Verdict("wrong", "unparsed")


class MathReference(NamedTuple):
    """The private truth of a problem."""

    answer: str
    """The canonical answer."""
    value: Number
    expression: Chain


@final
class Math(SingleTurnTask):
    """Arithmetic over integers, decimals and fractions; the answer is compared by exact value.

    Problems depend on the level and the knobs alone: tasks that differ in prompts, styles or rules pose
    the same expressions at the same (split, index). "ood_digits" has longer numbers than the level,
    "ood_depth" more operands (and deeper parentheses, if the level has any).
    """

    splits = (*HASHED_SPLITS, "ood_digits", "ood_depth")

    def __init__(
        self,
        *,
        level: int = 2,
        style: Style = "answer",
        prompt_style: PromptStyle = "plain",
        prompt_template: str | None = None,
        answer_on: AnswerOn | None = None,
        demonstration_quality: float = 1.0,
        num_operands: int | None = None,
        num_digits: int | None = None,
        operators: str | Sequence[str] | None = None,
        numbers: str | Sequence[str] | None = None,
        depth: int | None = None,
        negatives: bool | None = None,
        max_exponent: int | None = None,
        exact_division: bool | None = None,
        decimal_places: int | None = None,
        max_answer_digits: int | None = None,
    ) -> None:
        """Configures the task; a knob that is not None takes the place of the level's.

        Args:
            level: 1 (one-digit sums) to 10 (long mixed expressions); see docs/environments/math.md.
            style: demonstrations are the "answer" alone or "worked" line by line.
            prompt_style: "plain" (``12+34=``), "question", "words" or "instruct".
            prompt_template: text with ``{expression}`` once, in place of the style's own.
            answer_on: what is read as the answer, the whole "response" or its "last_line" that is not
                blank; by default the response for style "answer", the last line for "worked".
            demonstration_quality: probability in [0, 1] that a demonstration is right; the others are
                wrong by a near miss.
            num_operands: numbers in the expression, 2 to 16.
            num_digits: digits of integers, integer parts and numerators, at most; 1 to 40.
            operators: those that may occur, of ``+-×÷`` (``*`` and ``/`` are understood).
            numbers: one or more of "integer", "decimal", "fraction".
            depth: nesting of parentheses, 0 to 6.
            negatives: whether numbers may be negative.
            max_exponent: 1 (no powers) to 9.
            exact_division: whether integers are divided without remainder only.
            decimal_places: digits after the point, at most; 1 to 6.
            max_answer_digits: digits of numerator and denominator of all results, at most; by default
                ``max(8, 2 * num_digits + 4)``, more where × is the only operator.

        Raises:
            UnknownNameError: a word that is not in its list.
            InvalidValueError: a value out of its range.
        """
        self._options: dict[str, object] = dict(
            style=style,
            prompt_style=prompt_style,
            prompt_template=prompt_template,
            answer_on=answer_on,
            demonstration_quality=demonstration_quality,
            num_operands=num_operands,
            num_digits=num_digits,
            operators=operators,
            numbers=numbers,
            depth=depth,
            negatives=negatives,
            max_exponent=max_exponent,
            exact_division=exact_division,
            decimal_places=decimal_places,
            max_answer_digits=max_answer_digits,
        )
        knobs = {name: value for name, value in self._options.items() if name in _KNOB_NAMES}
        self._knobs = make_knobs(level, knobs)
        self._level = int(level)
        self._style = check_choice("style", style, ("answer", "worked"))
        default_rule = "response" if style == "answer" else "last_line"
        rule = default_rule if answer_on is None else answer_on
        self._answer_on = check_choice("answer_on", rule, ("response", "last_line"))
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        template, self._signs = _PROMPTS[check_choice("prompt_style", prompt_style, _PROMPTS)]
        self._template = _check_template(template if prompt_template is None else prompt_template)
        self._prefix, self._suffix = self._template.split(_HOLE)
        self._stream = ProblemStream(f"Math({self._knobs.name})", self._draw_block)
        self._fingerprint = (
            f"Math(level={self._level},{self._knobs.name},template={self._template!r},"
            f"signs={self._signs['+']!r},answer_on={self._answer_on})"
        )
        self._table_drafts: dict[str, list[Draft | None]] = {}

    @property
    def knobs(self) -> Knobs:
        """The shape of the expressions: the level's knobs with the options in their place."""
        return self._knobs

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def alphabet(self) -> str:
        knobs = self._knobs
        letters = "0123456789" + ("-" if knobs.can_be_negative else "")
        letters += "" if knobs.is_integral else "/" + ("." if knobs.max_decimals else "")
        if self._style == "worked":
            letters += "\n=()-+×÷./"  # partial results are added up whatever the operators
        return "".join(dict.fromkeys(letters))

    @property
    def max_prompt_chars(self) -> int:
        return len(self._prefix) + len(self._suffix) + max_expression_chars(self._knobs, self._signs)

    @property
    def default_max_new_tokens(self) -> int:
        chars = max_answer_chars(self._knobs) if self._style == "answer" else max_worked_chars(self._knobs)
        return chars + 1

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
        if split in HASHED_SPLITS and has_table(self._knobs):
            return self._pick_from_table(split, count, rng)
        words = Words(rng)
        draw = partial(draw_entry, self._knobs, split)
        return [self._draft(draw_until_split(draw, split, words)) for _ in range(count)]

    def _pick_from_table(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        entries = make_table(self._knobs)[split]
        drafts = self._table_drafts.setdefault(split, [None] * len(entries))
        if not entries:
            raise EmptyProblemSetError(f"split {split!r} of {self.fingerprint} holds no problem.")
        picks: list[int] = rng.integers(0, len(entries), size=count).tolist()
        picked = []
        for pick in picks:
            draft = drafts[pick]
            if draft is None:
                draft = drafts[pick] = self._draft(entries[pick])
            picked.append(draft)
        return picked

    def _draft(self, entry: Entry) -> Draft:
        expression, value, key = entry
        answer = str(value) if type(value) is int else self._text(value)
        return Draft(
            f"{self._prefix}{render(expression, self._signs)}{self._suffix}",
            MathReference(answer, value, expression),
            key,
            float(self._level),
        )

    def _text(self, value: Number) -> str:
        return number_text(value, max_decimals=self._knobs.max_decimals)

    def verify(self, transcript: Transcript) -> Verdict:
        return self.verify_batch((transcript,))[0]

    def verify_batch(self, transcripts: Sequence[Transcript]) -> list[Verdict]:
        verdicts = []
        for problem, turns, _, truncated, _ in transcripts:
            if truncated:
                verdicts.append(_TRUNCATED)
            elif not turns or turns[-1].role != "agent":
                verdicts.append(_UNPARSED)
            else:
                _, text, is_complete = turns[-1]
                if not is_complete:
                    verdicts.append(_OVERLONG)
                elif text == problem.reference.answer:
                    verdicts.append(Verdict("correct", "", text, 1.0))
                else:
                    verdicts.append(self._judge(problem, text))
        return verdicts

    def _judge(self, problem: Problem, text: str) -> Verdict:
        if self._answer_on == "last_line":
            text = text.rstrip(WHITESPACE).rpartition("\n")[2]
        value, reason = parse_number(text)
        if value is None:
            return _UNPARSED if reason == "unparsed" else Verdict("wrong", reason)
        answer, truth = text.strip(WHITESPACE), problem.reference.value
        if value == truth:
            return Verdict("correct", "", answer, 1.0)
        return Verdict("wrong", "wrong", answer, digit_credit(value, truth))

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...] | None:
        """Returns the verdicts on the lines of worked answers (``answer_on="last_line"``), else None.

        See ``lmgym.tasks.arithmetic.worked_steps`` for the two ways of working that are understood.
        """
        if self._answer_on != "last_line":
            return None
        answer, value, expression = transcript.problem.reference
        return check_worked(expression, answer, value, cut_lines(transcript.response))

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        reference: MathReference = problem.reference
        is_right = rng.random() < self._quality
        answer = reference.answer if is_right else self._near_miss(reference.value, rng)
        if self._style == "answer":
            return (answer,)
        lines = worked_lines(reference.expression, self._knobs.max_decimals)
        lines[-1] = answer
        if len(lines) > 1 and "=" in lines[-2]:  # a wrong answer comes from a wrong last step
            lines[-2] = f"{lines[-2].partition('=')[0]}={answer}"
        if not problem.prompt.endswith("\n"):
            lines.insert(0, "")  # "12+34=" is not to run on as "12+34=10+30=40"
        return ("\n".join(lines),)

    def _near_miss(self, value: Number, rng: np.random.Generator) -> str:
        return near_miss(value, self._knobs.max_decimals, self._knobs.can_be_negative, rng)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float:
        """Returns 1.0 where the response can still be completed to a right one, else 0.0.

        Token budgets are not the task's, so they are left out: the rest may be as long as it needs to be.
        """
        if turns:
            return float(self.verify(Transcript(problem, turns)).status == "correct")
        if self._answer_on == "last_line":
            return 1.0  # a new line can always be begun
        return float(can_complete(partial, problem.reference.value))


_KNOB_NAMES = frozenset(Knobs.__dataclass_fields__)


def _check_template(template: object) -> str:
    if not isinstance(template, str) or template.count(_HOLE) != 1:
        raise InvalidValueError(
            f"prompt_template must be a text that holds {_HOLE} exactly once, got {template!r}; "
            f"for example {'Solve {expression}: '!r}."
        )
    return template
