"""``make_reward``: whatever a caller may give as a reward, made into one.

Comes in: a name, a reward object, a plain function, a function in TRL's style, a list of these. Goes out: a
``Reward``. Left out: the other way, from lmgym to TRL (``lmgym.rewards.trl``).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Self

import numpy as np

from lmgym.errors import InvalidValueError, RewardError, UnknownNameError
from lmgym.records import Scores, Transcript
from lmgym.rewards.base import Pay, Reward
from lmgym.rewards.compose import Term, TimeLimited, WeightedSum, check_pay, paid
from lmgym.rewards.learned import JUDGE_PREFIX, MODEL_PREFIX, load_named_reward
from lmgym.rewards.noisy import NOISY_PREFIX, make_noisy
from lmgym.rewards.scoring import NOT_APPLICABLE
from lmgym.rewards.step_cost import StepCost
from lmgym.rewards.steps import StepCorrect
from lmgym.rewards.terms import Correct, Format, Length, PartialCredit
from lmgym.rewards.text_quality import Repetition
from lmgym.rewards.utility import Utility
from lmgym.rewards.utility_parts import UtilityParts

NAMED: dict[str, Callable[[], Reward]] = {
    "correct": Correct,
    "format": Format,
    "length": Length,
    "lmrl_maze": StepCost,
    "lmrl_wordle": partial(StepCost, illegal=-1.0, failure=0.0),
    "partial": PartialCredit,
    "repetition": Repetition,
    "steps": StepCorrect,
    "utility": Utility,
    "utility_parts": UtilityParts,
}
"""Rewards that have a name: ``gym.make("lmgym/Math-v0", reward="partial")``."""

Numbers = Sequence[float | None] | np.ndarray


@dataclass(frozen=True)
class FunctionReward(Term):
    """``function(transcripts)``, one number a transcript, as a reward with a single term.

    None instead of a number says that the reward does not apply to the row: in a sum the term is left
    out there, and a row to which no term applies fails (it has no reward, which is not the reward 0).
    """

    function: Callable[[Sequence[Transcript]], Numbers]
    name: str
    pay: Pay = "episode"

    def __post_init__(self) -> None:
        check_pay(self.pay)

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        numbers = self.function(transcripts)
        if isinstance(numbers, str | bytes) or not hasattr(numbers, "__len__"):
            raise RewardError(
                f"reward {self.name!r} returned {numbers!r} for a batch of {len(transcripts)}; it must "
                "return a list with one number a transcript. A function that scores one transcript names its "
                "parameter `transcript`, or is wrapped: lmgym.rewards.per_transcript(function)."
            )
        if len(numbers) != len(transcripts):
            raise RewardError(
                f"reward {self.name!r} returned {len(numbers)} numbers for {len(transcripts)} transcripts; "
                "it must return one for each, in the same order."
            )
        return self._to_scores(list(numbers))

    def _to_scores(self, numbers: list[Any]) -> Scores:
        skipped = np.array([number is None for number in numbers], np.bool_)
        values = np.zeros(len(numbers))
        for row, number in enumerate(numbers):
            if number is not None:
                values[row] = self._to_float(number, row)
        reasons = tuple(NOT_APPLICABLE if skip else "" for skip in skipped) if skipped.any() else ()
        return Scores(values, {self.name: values.copy()}, skipped, reasons)

    def _to_float(self, number: Any, row: int) -> float:
        # Booleans, numpy and torch scalars are numbers; a numeral in a string is a mistake worth hearing of.
        if not isinstance(number, str | bytes) and hasattr(number, "__float__"):
            try:
                return float(number)
            except (TypeError, ValueError, OverflowError):
                pass
        raise RewardError(
            f"reward {self.name!r} returned {str(number)[:80]!r} ({type(number).__name__}) for row {row}; "
            "it must be a finite number, or None where the reward does not apply."
        )


def per_transcript(
    function: Callable[[Transcript], float | None], *, name: str | None = None, pay: Pay = "episode"
) -> FunctionReward:
    """Returns ``function(transcript)``, which scores one transcript, as a reward.

    Example:
        >>> shout = per_transcript(lambda transcript: float(transcript.response.isupper()), name="shout")
    """

    def score_each(transcripts: Sequence[Transcript]) -> Numbers:
        return [function(transcript) for transcript in transcripts]

    return FunctionReward(score_each, name or function_name(function), pay)


def make_reward(
    spec: object, *, pay: Pay | None = None, timeout_s: float | None = None, tokenizer: object = None
) -> Reward:
    """Returns the reward that ``spec`` stands for.

    Args:
        spec: one of
            a name: "correct", "format", "length", "lmrl_maze", "lmrl_wordle", "partial", "repetition",
                "steps",
                "utility", "utility_parts";
            "noisy:P", "correct" turned round with probability P (see ``lmgym.rewards.noisy``);
            "model:FOLDER", the reward model in a folder (see ``lmgym_agents.reward_models``);
            "judge:SPEC", the marks of a judge (see ``lmgym_agents.judging``);
            a ``Reward``, returned as it is;
            a function whose parameters are called ``prompts``, ``completions`` or ``completion_ids``: TRL's
            style, see ``lmgym.rewards.trl.from_trl``;
            a function of one parameter called ``transcript``: it scores one transcript;
            any other function of one parameter: it scores a list of transcripts and returns a list;
            a list of these: their sum.
        pay: overrides when the reward is paid.
        timeout_s: time limit of a batch, see ``score``.
        tokenizer: makes the ``completion_ids`` of functions in TRL's style that ask for them; None stands
            for the character tokenizer that environments use unless told otherwise.

    Raises:
        UnknownNameError: an unknown name.
        InvalidValueError: anything else that is not a reward.
    """
    reward = _make(spec, tokenizer)
    if pay is not None:
        reward = paid(reward, pay)
    return reward if timeout_s is None else TimeLimited(reward, timeout_s)


def _make(spec: object, tokenizer: object) -> Reward:
    if isinstance(spec, str):
        if spec.startswith((MODEL_PREFIX, JUDGE_PREFIX)):
            return load_named_reward(spec)
        if spec.startswith(NOISY_PREFIX):
            return make_noisy(spec)
        if spec not in NAMED:
            raise UnknownNameError("reward", spec, [*NAMED, "noisy:P", "model:FOLDER", "judge:SPEC"])
        return NAMED[spec]()
    if isinstance(spec, type):
        raise InvalidValueError(
            f"a reward must be an object, got the class {spec.__name__}; write {spec.__name__}()."
        )
    if isinstance(spec, Reward):
        return spec
    if isinstance(spec, list | tuple) and spec:
        return WeightedSum(tuple((1.0, _make(part, tokenizer)) for part in spec))
    if callable(spec):
        return _from_function(spec, tokenizer)
    raise InvalidValueError(
        f"a reward must be a name ({', '.join(map(repr, NAMED))}), a Reward, a function, or a list of these, "
        f"got {spec!r}."
    )


def _from_function(function: Callable[..., Any], tokenizer: object) -> Reward:
    from lmgym.rewards.trl import TRL_NAMES, from_trl  # that module builds on this one

    if inspect.iscoroutinefunction(function):
        raise InvalidValueError(
            f"{function_name(function)} is asynchronous, environments are not; wrap it in a function that "
            "waits for it."
        )
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):  # some built-in callables hide their parameters
        names = []
    if TRL_NAMES & set(names):
        return from_trl(function, tokenizer=tokenizer)
    if names == ["transcript"]:
        return per_transcript(function)
    return FunctionReward(function, function_name(function))


def function_name(function: Callable[..., Any]) -> str:
    """Returns the name under which a function's term appears."""
    name = getattr(function, "__name__", type(function).__name__)
    return "function" if name == "<lambda>" else str(name)
