"""``lmgym/Algebra-v0``: equations, systems, inequalities, rewriting, derivatives and integrals, all exact."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Literal, Self, final

import numpy as np

from lmgym.grading.derivation import cut_lines
from lmgym.grading.exact import WHITESPACE
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.algebra.families import (
    PROMPTS,
    check_families,
    draw_exercise,
    families_at,
    letters_of,
    max_answer_chars,
    max_prompt_chars,
    prompt_of,
)
from lmgym.tasks.algebra.judging import AlgebraReference, judge_answer
from lmgym.tasks.algebra.limits import SIZES
from lmgym.tasks.algebra.solutions import BUDGETS
from lmgym.tasks.algebra.steps import check_algebra
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split, unfinished
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

Style = Literal["answer", "worked"]
PromptStyle = Literal["plain", "instruct"]
AnswerOn = Literal["response", "last_line"]


@final
class Algebra(SingleTurnTask):
    """Algebra and calculus in one unknown, and linear systems; answers are compared exactly.

    Problems depend on the level and the families alone. "ood_coefficients" has larger numbers than the level,
    "ood_length" one term, factor, degree or unknown more.
    """

    splits = (*HASHED_SPLITS, "ood_coefficients", "ood_length")

    def __init__(
        self,
        *,
        level: int = 1,
        family: str | Sequence[str] = "mixed",
        style: Style = "answer",
        prompt_style: PromptStyle = "plain",
        answer_on: AnswerOn | None = None,
        demonstration_quality: float = 1.0,
    ) -> None:
        """Configures the task.

        Args:
            level: 1 to 8; see docs/environments/algebra.md.
            family: "mixed", or one or more of "linear", "quadratic", "system", "simplify", "expand",
                "factor", "derivative", "integral" and "inequality" (a sequence, or one text with commas).
            style: demonstrations are the "answer" alone or "worked" line by line.
            prompt_style: "plain" (``solve 3x+5=20: x=``) or "instruct".
            answer_on: what is read as the answer, the whole "response" or its "last_line" that is not
                blank; by default the response for style "answer", the last line for "worked".
            demonstration_quality: probability in [0, 1] that a demonstration is right; the others are
                wrong by a near miss.

        Raises:
            UnknownNameError: a word that is not in its list.
            InvalidValueError: a value out of its range.
        """
        self._level = check_int("level", level, 1, len(SIZES))
        self._chosen = check_families(family)
        self._families = families_at(self._chosen, self._level)
        self._style = check_choice("style", style, ("answer", "worked"))
        self._prompt_style = check_choice("prompt_style", prompt_style, PROMPTS)
        rule = ("response" if style == "answer" else "last_line") if answer_on is None else answer_on
        self._answer_on = check_choice("answer_on", rule, ("response", "last_line"))
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._options: dict[str, object] = dict(
            family=family,
            style=style,
            prompt_style=prompt_style,
            answer_on=answer_on,
            demonstration_quality=demonstration_quality,
        )
        problems = f"level={self._level},family={'+'.join(self._families)}"
        self._stream = ProblemStream(f"Algebra({problems})", self._draw_block)
        self._fingerprint = f"Algebra({problems},prompt={self._prompt_style},answer_on={self._answer_on})"

    @property
    def families(self) -> tuple[str, ...]:
        """The families that are posed."""
        return self._families

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def alphabet(self) -> str:
        return letters_of(self._families, self._level, self._style == "worked")

    @property
    def max_prompt_chars(self) -> int:
        return max_prompt_chars(self._families, self._level, self._prompt_style)

    @property
    def default_max_new_tokens(self) -> int:
        return 1 + max_answer_chars(self._families, self._level, self._style == "worked")

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return len(SIZES)

    def at_level(self, level: int) -> Self:
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        check_split(self, split)
        return self._stream.problems(split, indices)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        draw, words = partial(draw_exercise, self._families, self._level, split), Words(rng)
        drafts = []
        for _ in range(count):
            exercise, key = draw_until_split(draw, split, words)
            reference = AlgebraReference(*exercise[:5])
            drafts.append(Draft(prompt_of(exercise, self._prompt_style), reference, key, float(self._level)))
        return drafts

    def verify(self, transcript: Transcript) -> Verdict:
        refused = unfinished(transcript)
        if refused is not None:
            return refused
        text = self._read_answer(transcript.response)
        reason, score = judge_answer(transcript.problem.reference, text)
        answer = text if len(text) <= BUDGETS.max_answer_chars else None
        return Verdict("wrong", reason, answer, score) if reason else Verdict("correct", "", answer, 1.0)

    def _read_answer(self, text: str) -> str:
        text = text.strip(WHITESPACE)
        return text if self._answer_on == "response" else text.rpartition("\n")[2].strip(WHITESPACE)

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...] | None:
        """Returns the verdicts on the lines of worked answers (``answer_on="last_line"``), else None."""
        if self._answer_on != "last_line":
            return None
        return check_algebra(transcript.problem.reference, cut_lines(transcript.response))

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        reference: AlgebraReference = problem.reference
        is_right = rng.random() < self._quality
        lines = [reference.answer] if self._style == "answer" else list(reference.lines)
        if not is_right:
            lines[-1] = _near_miss(reference, lines[-1], rng)
        if self._style == "worked" and not problem.prompt.endswith("\n"):
            lines.insert(0, "")  # working begins on a line of its own
        return ("\n".join(lines),)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns 1.0 where a right answer is known to begin with ``partial``, 0.0 where none can.

        None where ``partial`` is not the beginning of the canonical answer: another writing of it may be.
        """
        if turns:
            return float(self.verify(Transcript(problem, turns)).status == "correct")
        if self._answer_on == "last_line":
            return 1.0  # a new line can always be begun
        reference: AlgebraReference = problem.reference
        text = partial.lstrip(WHITESPACE)
        if reference.answer.startswith(text) or not judge_answer(reference, text)[0]:
            return 1.0
        return 0.0 if len(text.rstrip(WHITESPACE)) > BUDGETS.max_answer_chars else None


_SWAPS = {"+": "-", "-": "+", "<": ">", ">": "<", "≤": "≥", "≥": "≤"}


def _is_joint(text: str, at: int) -> bool:
    """Whether the sign at ``at`` stands between two terms or sides, so that another fits as well."""
    return at > 0 and text[at] in _SWAPS and (text[at - 1].isalnum() or text[at - 1] == ")")


def _near_miss(reference: AlgebraReference, right: str, rng: np.random.Generator) -> str:
    """Returns ``right`` with one digit, or failing that one sign, changed so that it is wrong."""
    places = [at for at, char in enumerate(right) if char.isdigit() or _is_joint(right, at)]
    for at in rng.permutation(places).tolist() if places else ():
        char = right[at]
        new = _SWAPS.get(char) or str((int(char) + int(rng.integers(1, 9))) % 9 + 1)
        guess = right[:at] + new + right[at + 1 :]
        if judge_answer(reference, guess)[0] in ("wrong", "form"):
            return guess
    return "0"
