"""A reward model as a reward of environments: ``make_reward("model:FOLDER")``, or ``LearnedReward(scorer)``.

    env = gym.make("lmgym/Sentiment-v0", reward="model:runs/reward_model/model")
    reward = LearnedReward(load_reward_model(folder), pessimism=1.0, clip=3.0) + 0.1 * Length()

What is scored is the agent's last turn, given all that was said before it. Left out: training
(``algorithms.reward_model``).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self

import numpy as np

from lmgym.conversation import plain
from lmgym.errors import InvalidValueError
from lmgym.records import Scores, Transcript
from lmgym.rewards import Pay
from lmgym.rewards.compose import Term, check_pay
from lmgym_agents.reward_models.loading import load_reward_model
from lmgym_agents.reward_models.scorer import Floats, ResponseScorer


@dataclass(frozen=True, eq=False)
class LearnedReward(Term):
    """The score of a reward model, in standard deviations from its mean on held-out responses.

    With s the score, μ and σ the scorer's statistics, the payment is clip((s - μ) / σ). A row without a
    finite score fails; it is never paid 0. Paid by the turn, each turn is judged given those before it; parts
    of a turn are not judged, which no reward model has learned. The term is called "reward_model" unless it
    is given another name.

    Raises:
        InvalidValueError: an option out of its range, or ``normalise`` for a scorer without statistics.
    """

    scorer: ResponseScorer
    normalise: bool = True
    """False: the scores as they are"""
    pessimism: float | None = None
    """standard deviations of the ensemble to subtract from its mean; None: as the ensemble does itself"""
    clip: float | None = None
    """payments are held within [-clip, clip]"""
    cut_payment: float | None = None
    """what a response is paid that its budget cut off before its end; None: its score like any other"""
    name: str = "reward_model"
    pay: Pay = "episode"

    def __post_init__(self) -> None:
        check_pay(self.pay)
        if self.pay == "step":
            raise InvalidValueError("a reward model judges whole turns: pay must be 'episode' or 'turn'.")
        if self.normalise and self.scorer.statistics is None:
            raise InvalidValueError(
                "the scorer has no statistics to normalise by; set scorer.statistics "
                "(lmgym_agents.reward_models.measure_statistics), or normalise=False."
            )
        for option, value in (("pessimism", self.pessimism), ("cut_payment", self.cut_payment)):
            if value is not None and not math.isfinite(value):
                raise InvalidValueError(
                    f"LearnedReward.{option} is {value!r}; allowed: finite numbers, None."
                )
        if self.clip is not None and not self.clip > 0:
            raise InvalidValueError(f"LearnedReward.clip is {self.clip!r}; allowed: positive numbers, None.")

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        parts = [split_last_turn(transcript) for transcript in transcripts]
        scores = self._score([prompt for prompt, _ in parts], [response for _, response in parts])
        failed = ~np.isfinite(scores)
        values = np.where(failed, 0.0, scores)
        if self.clip is not None:
            values = np.clip(values, -self.clip, self.clip)
        if self.cut_payment is not None:
            is_cut = np.array([_is_cut(transcript) for transcript in transcripts], np.bool_)
            values, failed = np.where(is_cut, self.cut_payment, values), failed & ~is_cut
        reasons = tuple("no finite score" if bad else "" for bad in failed) if failed.any() else ()
        return Scores(values, {self.name: values.copy()}, failed, reasons)

    def _score(self, prompts: Sequence[str], responses: Sequence[str]) -> Floats:
        if not prompts:
            return np.zeros(0)
        if self.pessimism is None:
            scores = self.scorer.score(prompts, responses)
        else:
            mean, std = self.scorer.score_with_std(prompts, responses)
            scores = mean - self.pessimism * std
        if self.normalise:
            assert self.scorer.statistics is not None
            with np.errstate(over="ignore"):  # what overflows is not finite, and its row fails
                scores = (scores - self.scorer.statistics.mean) / self.scorer.statistics.std
        return scores


def split_last_turn(transcript: Transcript) -> tuple[str, str]:
    """Returns what was said before the agent's last turn, and that turn ("" if there is none)."""
    turns = transcript.turns
    last = max((place for place, turn in enumerate(turns) if turn.role == "agent"), default=None)
    # What an agent wrote can't say who speaks; environments see to that too.
    said = [plain(turn.text) if turn.role == "agent" else turn.text for turn in turns]
    if last is None:
        return transcript.problem.prompt + "".join(said), ""
    return transcript.problem.prompt + "".join(said[:last]), said[last]


def load_learned_reward(folder: str | Path) -> LearnedReward:
    """Returns the reward of the reward model in a folder: normalised if it has statistics.

    Raises:
        ModelError: the folder holds no reward model, or a damaged one.
    """
    scorer = load_reward_model(folder)
    return LearnedReward(scorer, normalise=scorer.statistics is not None)


def _is_cut(transcript: Transcript) -> bool:
    agent = [turn for turn in transcript.turns if turn.role == "agent"]
    return bool(agent) and not agent[-1].is_complete
