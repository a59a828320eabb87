"""``lmgym/Countdown-v0``: reach a target with given numbers, each used at most once; and the game of 24."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from functools import partial as bind
from pathlib import Path
from typing import Self, final

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import cut_lines
from lmgym.records import Problem, StepVerdict, Transcript, Turn, Verdict
from lmgym.tasks.base import HASHED_SPLITS, SingleTurnTask, check_split, unfinished
from lmgym.tasks.countdown.completion import can_complete
from lmgym.tasks.countdown.draw import Puzzle, draw_puzzle, reference_of
from lmgym.tasks.countdown.file import load_puzzles
from lmgym.tasks.countdown.forms import Forms
from lmgym.tasks.countdown.knobs import LEVELS, PRESETS, Knobs, knobs_of_split, make_knobs
from lmgym.tasks.countdown.prompts import AnswerOn, Prompts, PromptStyle, Style
from lmgym.tasks.countdown.reading import WHITESPACE, Refused, read_answer
from lmgym.tasks.countdown.size import Sizes, sizes_of_knobs, sizes_of_puzzles
from lmgym.tasks.countdown.solver import tree_text
from lmgym.tasks.countdown.steps import check_steps
from lmgym.tasks.countdown.worked import near_miss, worked_lines
from lmgym.tasks.options import check_choice, check_fraction, check_int
from lmgym.tasks.stream import Draft, ProblemStream, Words, draw_until_split

DEFAULT_LEVEL = 3
FORM_SCORE = 0.1
"""Score of an expression that breaks a rule of the numbers or of the operations."""
RULES_SCORE = 0.3
"""Score of an expression that keeps every rule and has another value."""

MAX_NUMBERS_COMPLETED = 6
"""Up to so many numbers, optimal values are computed (in a second or two at worst)."""


@final
class Countdown(SingleTurnTask):
    """Reach the target with the numbers, ``+-*/`` and parentheses; all solutions are accepted, by value.

    Problems depend on the level, the preset or file and the knobs alone. "ood_numbers" has one number more
    than the level, "ood_target" targets above the level's. A file has the split "published" in their place.
    """

    splits: tuple[str, ...] = (*HASHED_SPLITS, "ood_numbers", "ood_target")

    def __init__(
        self,
        *,
        level: int | None = None,
        preset: str | None = None,
        problems_file: str | Path | None = None,
        published_ranks: tuple[int, int] | None = (901, 1000),
        style: Style = "answer",
        prompt_style: PromptStyle = "plain",
        prompt_template: str | None = None,
        answer_on: AnswerOn | None = None,
        demonstration_quality: float = 1.0,
        num_numbers: int | None = None,
        max_number: int | None = None,
        min_target: int | None = None,
        max_target: int | None = None,
        operators: str | None = None,
        use_all: bool | None = None,
        fractions: bool | None = None,
    ) -> None:
        """Configures the task; a knob that is not None takes the place of the level's or the preset's.

        Args:
            level: 1 (two numbers) to 8 (six numbers, targets of three digits), by default 3; see
                docs/environments/countdown.md. Not together with ``preset`` or ``problems_file``.
            preset: "game24": four numbers from 1 to 13 make 24, each used exactly once.
            problems_file: CSV file of problems, see ``countdown_file``; its rules are those of "game24".
            published_ranks: first and last rank of the file's split "published"; those problems are in no
                other split. None: there is no such split.
            style: demonstrations are the "answer" alone or "worked", a line a step.
            prompt_style: "plain" (``8 from 3 5:``), "question" or "instruct".
            prompt_template: text with ``{numbers}`` and ``{target}`` once each, in place of the style's own.
            answer_on: what is read as the answer, the whole "response" or its "last_line" that is not
                blank; by default the response for style "answer", the last line for "worked".
            demonstration_quality: probability in [0, 1] that a demonstration is right; the others have one
                operation exchanged.
            num_numbers: numbers of a problem, 2 to 6.
            max_number: the largest number that is drawn, 2 to 1000.
            min_target: the smallest target, 1 to 10000.
            max_target: the largest target, 1 to 10000.
            operators: those that hidden solutions are drawn with, of ``+-*/``; answers may use all four.
            use_all: True: each number must be used exactly once; False: at most once.
            fractions: False: every result on the way must be an integer.

        Raises:
            UnknownNameError: a word that is not in its list.
            InvalidValueError: a value out of its range, or a file that can't be used.
        """
        is_fixed = preset is not None or problems_file is not None
        if is_fixed and level is not None:
            raise InvalidValueError(
                f"level={level!r} can't be given together with preset or problems_file, which have no levels."
            )
        self._options: dict[str, object] = dict(
            style=style,
            prompt_style=prompt_style,
            prompt_template=prompt_template,
            answer_on=answer_on,
            demonstration_quality=demonstration_quality,
            num_numbers=num_numbers,
            max_number=max_number,
            min_target=min_target,
            max_target=max_target,
            operators=operators,
            use_all=use_all,
            fractions=fractions,
        )
        overrides = {name: value for name, value in self._options.items() if name in _KNOB_NAMES}
        self._is_fixed = is_fixed
        self._level = 1 if is_fixed else _check_level(DEFAULT_LEVEL if level is None else level)
        game = PRESETS[check_choice("preset", "game24" if preset is None else preset, PRESETS)]
        self._knobs = knobs = make_knobs(game if is_fixed else LEVELS[self._level], overrides)
        self._style = check_choice("style", style, ("answer", "worked"))
        default_rule = "response" if style == "answer" else "last_line"
        rule = default_rule if answer_on is None else answer_on
        self._answer_on = check_choice("answer_on", rule, ("response", "last_line"))
        self._quality = check_fraction("demonstration_quality", demonstration_quality)
        self._prompts = Prompts(prompt_style, prompt_template, knobs)
        self._files: Mapping[str, list[Puzzle]] = {}
        self._sizes: Sizes
        if problems_file is None:
            self._sizes = sizes_of_knobs([knobs_of_split(knobs, split) for split in self.splits])
            source = f"Countdown({knobs.name})"
        else:
            self._files = load_puzzles(problems_file, knobs, _check_ranks(published_ranks))
            self.splits = tuple(self._files)
            puzzles = [puzzle for split in self._files.values() for puzzle in split]
            self._sizes = sizes_of_puzzles(puzzles)
            keys = [[puzzle.key for puzzle in split] for split in self._files.values()]
            source = f"Countdown(file={_digest(keys)},{knobs.name})"
        self._stream = ProblemStream(source, self._draw_block)
        self._fingerprint = (
            f"{source[:-1]},level={self._level},template={self._prompts.template!r},"
            f"answer_on={self._answer_on})"
        )

    @property
    def knobs(self) -> Knobs:
        """The shape of the problems: the level's or preset's knobs with the options in their place."""
        return self._knobs

    @property
    def fingerprint(self) -> str:
        return self._fingerprint

    @property
    def alphabet(self) -> str:
        return "0123456789+-*/()" + ("=\n left" if self._style == "worked" else "")

    @property
    def max_prompt_chars(self) -> int:
        return self._prompts.max_chars(self._sizes)

    @property
    def default_max_new_tokens(self) -> int:
        sizes = self._sizes
        return 1 + (sizes.answer_chars if self._style == "answer" else sizes.worked_chars)

    @property
    def level(self) -> int:
        return self._level

    @property
    def max_level(self) -> int:
        return 1 if self._is_fixed else max(LEVELS)

    def at_level(self, level: int) -> Self:
        if self._is_fixed:
            return super().at_level(level)
        return type(self)(level=level, **self._options)  # type: ignore[arg-type]  # checked in __init__

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        """Returns the problems at ``indices``; those of a file are counted through again and again."""
        check_split(self, split)
        if not self._files:
            return self._stream.problems(split, indices)
        puzzles = self._files[split]
        return [self._from_file(puzzles, split, int(index)) for index in indices]

    def num_problems(self, split: str) -> int | None:
        """Returns how many problems a file's split has, None if problems are drawn without end."""
        check_split(self, split)
        return len(self._files[split]) if self._files else None

    def _from_file(self, puzzles: list[Puzzle], split: str, index: int) -> Problem:
        if not 0 <= index < 1 << 63:
            raise InvalidValueError(f"a problem index must lie in [0, 2**63), got {index}.")
        draft = self._draft(puzzles[index % len(puzzles)])
        return Problem(draft.prompt, draft.reference, split, index, draft.difficulty, draft.key)

    def _draw_block(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        words = Words(rng)
        draw = bind(draw_puzzle, knobs_of_split(self._knobs, split), split)
        return [self._draft(draw_until_split(draw, split, words)) for _ in range(count)]

    def _draft(self, puzzle: Puzzle) -> Draft:
        prompt = self._prompts.text(puzzle.numbers, puzzle.reference.value)
        return Draft(prompt, puzzle.reference, puzzle.key, float(self._level))

    def verify(self, transcript: Transcript) -> Verdict:
        refused = unfinished(transcript)
        return self._judge(transcript.problem, transcript.response) if refused is None else refused

    def _judge(self, problem: Problem, text: str) -> Verdict:
        if self._answer_on == "last_line":
            text = text.rstrip(WHITESPACE).rpartition("\n")[2]
        answer = text.strip(WHITESPACE)
        target, numbers, _ = reference_of(problem)
        try:
            value = read_answer(answer, numbers, target, self._knobs.use_all, self._knobs.fractions)
        except Refused as refusal:
            is_expression = refusal.reason not in ("unparsed", "overlong")
            return Verdict("wrong", refusal.reason, None, FORM_SCORE if is_expression else 0.0)
        if value == target:
            return Verdict("correct", "", answer, 1.0)
        return Verdict("wrong", "wrong", answer, RULES_SCORE)

    def demonstrations(self, problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
        _, numbers, tree = reference_of(problem)
        if rng.random() >= self._quality:
            tree = near_miss(tree, self._sizes.fractions, self._sizes.max_result, rng)
        if self._style == "answer":
            return (tree_text(tree),)
        lines = worked_lines(tree, numbers)
        if not problem.prompt.endswith("\n"):
            lines.insert(0, "")  # "8 from 3 5:" is not to run on as "8 from 3 5:3+5=8"
        return ("\n".join(lines),)

    def verify_steps(self, transcript: Transcript) -> tuple[StepVerdict, ...] | None:
        """Returns the verdicts on the lines of worked answers (``answer_on="last_line"``), else None."""
        if self._answer_on != "last_line":
            return None
        target, numbers, _ = reference_of(transcript.problem)
        knobs = self._knobs
        return check_steps(numbers, target, knobs.use_all, knobs.fractions, cut_lines(transcript.response))

    def solutions(self, problem: Problem) -> tuple[str, ...]:
        """Returns every solution once, the shortest first; see ``countdown_forms`` for what is the same.

        Takes milliseconds with four numbers, up to some seconds with six.
        """
        target, numbers, _ = reference_of(problem)
        return Forms(self._knobs.fractions).solutions(numbers, target, self._knobs.use_all)

    def optimal_value(self, problem: Problem, turns: tuple[Turn, ...], partial: str) -> float | None:
        """Returns 1.0 where the response can still be completed to a right one, else 0.0.

        None for problems of more than six numbers, which would take too long. Budgets of
        tokens and of the length of answers are left out: the rest may be as long as it needs to be.
        """
        if turns:
            return float(self.verify(Transcript(problem, turns)).status == "correct")
        if self._answer_on == "last_line":
            return 1.0  # a new line can always be begun
        target, numbers, _ = reference_of(problem)
        if len(numbers) > MAX_NUMBERS_COMPLETED:
            return None
        return float(can_complete(partial, numbers, target, self._knobs.use_all, self._knobs.fractions))


_KNOB_NAMES = frozenset(Knobs.__dataclass_fields__)


def _check_level(given: object) -> int:
    return check_int("level", given, 1, max(LEVELS))


def _check_ranks(given: object) -> tuple[int, int] | None:
    if given is None:
        return None
    if not isinstance(given, tuple | list) or len(given) != 2:
        raise InvalidValueError(f"published_ranks must be None or (first, last), got {given!r}.")
    first = check_int("published_ranks[0]", given[0], 1, 10**9)
    return first, check_int("published_ranks[1]", given[1], first, 10**9)


def _digest(keys: list[list[str]]) -> str:
    return hashlib.blake2b(repr(keys).encode(), digest_size=8).hexdigest()
