"""Raters whose every weakness is a knob: they know the true utility, and misjudge it in ways that are known.

Comes in: comparisons, and the utility that the raters would ideally judge by. Goes out: judgements, each a
pure function of (seed, rater, prompt, responses, key, repetition), the same in every process. Left out:
what a good response is; that says the task.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.preferences.annotators import Comparison, Judgement
from lmgym.preferences.record import make_question_key
from lmgym.records import Problem, Transcript, Turn
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task

Utility = Callable[[Transcript], float | None]
"""Returns how good a transcript is, higher is better; None: nobody can say."""

LENGTH_UNIT_CHARS: Final = 100
"""``length_bias`` is added once for so many characters."""


class SimulatedAnnotator:
    r"""A panel of raters that judge by a true utility, with bias and noise; each knob works by itself.

    A rater perceives response i, of true utility u_i and c_i characters, shown at place p_i of n, as

        x_i = u_i + length_bias * c_i / 100 + position_bias * (1 - p_i / (n - 1)) + temperature * g_i

    with independent standard Gumbel noise g_i, and ranks by x. A response whose x lies within
    ``tie_margin`` of the best one not ranked yet shares its place. Then, with probability ``noise``, the
    whole order is turned round. With ``d`` the difference of two responses' x without noise this means

        P(first better)  = sigmoid((d - tie_margin) / temperature),
        P(second better) = sigmoid((-d - tie_margin) / temperature), the rest is ties:

    the model of Bradley and Terry, for a margin that of Rao and Kupper; for more responses than two and no
    margin that of Plackett and Luce. At temperature 0 the greater x wins always, and equal ones tie.
    """

    def __init__(
        self,
        task_or_utility: Task | Utility,
        *,
        noise: float = 0.0,
        temperature: float = 0.0,
        length_bias: float = 0.0,
        position_bias: float = 0.0,
        tie_margin: float = 0.0,
        inconsistency: float = 0.0,
        num_raters: int = 1,
        rater: int | None = None,
        seed: int = 0,
        name: str = "simulated",
    ) -> None:
        """Makes the panel.

        Args:
            task_or_utility: the true utility: that of a task (``Task.utility``), or a function of a
                transcript.
            noise: probability that a verdict is turned round, in [0, 1]; a tie stays a tie.
            temperature: of the Bradley-Terry choice, in units of utility, at least 0.
            length_bias: utility that a rater sees in every 100 characters.
            position_bias: utility that a rater sees in being shown first; the last place gets none, the
                places between get it in proportion.
            tie_margin: greatest difference, in utility, that a rater can't tell from none.
            inconsistency: probability that a rater who is asked again (``Comparison.repetition`` > 0) draws
                the noise of both kinds anew, in [0, 1]; otherwise the answer is that of the first time.
            num_raters: raters of the panel; their draws are independent of each other.
            rater: judge as this one of the panel, in [0, num_raters). None: every question goes to one rater,
                who is drawn by the question.
            seed: of all draws.
            name: the name in the records; of a panel, ``name-0``, ``name-1`` ...

        Raises:
            InvalidValueError: a number outside its range.
        """
        for knob, value in (("noise", noise), ("inconsistency", inconsistency)):
            _check(knob, value, low=0.0, high=1.0)
        for knob, value in (("temperature", temperature), ("tie_margin", tie_margin)):
            _check(knob, value, low=0.0)
        for knob, value in (("length_bias", length_bias), ("position_bias", position_bias)):
            _check(knob, value)
        if num_raters < 1 or (rater is not None and not 0 <= rater < num_raters):
            raise InvalidValueError(
                f"num_raters must be at least 1 and rater in [0, num_raters), got {num_raters}, {rater}."
            )
        make_generator(seed)  # refuses a seed that is none
        self.name = name
        self.num_raters = num_raters
        self.rater = rater
        self._task_or_utility = task_or_utility
        self._noise = noise
        self._temperature = temperature
        self._length_bias = length_bias
        self._position_bias = position_bias
        self._tie_margin = tie_margin
        self._inconsistency = inconsistency
        self._seed = seed

    @property
    def raters(self) -> tuple[SimulatedAnnotator, ...]:
        """Returns the raters of the panel one by one, for questions that all of them are to answer."""
        return tuple(
            SimulatedAnnotator(
                self._task_or_utility,
                noise=self._noise,
                temperature=self._temperature,
                length_bias=self._length_bias,
                position_bias=self._position_bias,
                tie_margin=self._tie_margin,
                inconsistency=self._inconsistency,
                num_raters=self.num_raters,
                rater=rater,
                seed=self._seed,
                name=self.name,
            )
            for rater in range(self.num_raters)
        )

    def annotate(self, comparisons: Sequence[Comparison]) -> list[Judgement]:
        """Returns the verdicts, in order; ``extra`` holds the rater's name and the true utilities.

        No verdict where a utility is None or not finite, or the task's verifier has failed.

        Raises:
            InvalidValueError: fewer than two responses, transcripts that are not one for each response, or
                none although a task is to judge.
        """
        return [self._judge(comparison) for comparison in comparisons]

    def _judge(self, comparison: Comparison) -> Judgement:
        utilities = [self._utility(transcript) for transcript in self._transcripts(comparison)]
        content = make_question_key(comparison.prompt, comparison.responses, comparison.key)
        address = int(content[:16], 16)
        rater = self._pick_rater(address)
        extra = {"rater": self.name if self.num_raters == 1 else f"{self.name}-{rater}"}
        known = [utility for utility in utilities if utility is not None]
        if len(known) < len(utilities):
            return Judgement(None, None, "no utility", extra)
        coin, gumbel = self._draw(len(known), rater, address, comparison.repetition)
        ranks = self._rank(self._perceive(comparison.responses, known, gumbel))
        if coin < self._noise:
            ranks = tuple(max(ranks) - rank for rank in ranks)
        return Judgement(ranks, None, "", extra | {"utilities": known})

    def _pick_rater(self, address: int) -> int:
        if self.rater is not None or self.num_raters == 1:
            return self.rater or 0
        return int(make_generator(self._seed, "annotator", "rater", address).integers(self.num_raters))

    def _draw(
        self, num_responses: int, rater: int, address: int, repetition: int
    ) -> tuple[float, NDArray[np.float64]]:
        """Returns a number in [0, 1) and float64[n] of Gumbel noise; those of the first time, or new ones."""
        if self._noise == 0 and self._temperature == 0:
            return 0.0, np.zeros(num_responses)
        if repetition:
            again = make_generator(self._seed, "annotator", "again", rater, address, repetition)
            repetition = repetition if again.random() < self._inconsistency else 0
        rng = make_generator(self._seed, "annotator", rater, address, repetition)
        return rng.random(), rng.gumbel(size=num_responses)

    def _perceive(
        self, responses: tuple[str, ...], utilities: list[float], noise: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """Returns float64[n], what the rater sees in each response."""
        # The noise belongs to the response and not to its place: it is drawn in an order that does not
        # depend on the order shown.
        canonical = sorted(range(len(responses)), key=lambda place: (responses[place], utilities[place]))
        gumbel = np.empty(len(responses))
        gumbel[canonical] = noise
        lengths = np.array([len(response) for response in responses]) / LENGTH_UNIT_CHARS
        firstness = 1 - np.arange(len(responses)) / (len(responses) - 1)
        bias = self._length_bias * lengths + self._position_bias * firstness
        return np.asarray(utilities) + bias + self._temperature * gumbel

    def _rank(self, perceived: NDArray[np.float64]) -> tuple[int, ...]:
        ranks = [0] * len(perceived)
        best, rank = math.inf, -1
        for place in np.argsort(-perceived, kind="stable"):
            if rank < 0 or best - perceived[place] > self._tie_margin:
                best, rank = float(perceived[place]), rank + 1
            ranks[place] = rank
        return tuple(ranks)

    def _transcripts(self, comparison: Comparison) -> tuple[Transcript, ...]:
        if len(comparison.responses) < 2:
            raise InvalidValueError(
                f"a comparison needs two responses or more, got {len(comparison.responses)}."
            )
        if comparison.transcripts is not None:
            if len(comparison.transcripts) != len(comparison.responses):
                raise InvalidValueError(
                    f"a comparison of {len(comparison.responses)} responses has "
                    f"{len(comparison.transcripts)} transcripts; give one for each."
                )
            return comparison.transcripts
        if isinstance(self._task_or_utility, Task):
            raise InvalidValueError("a task judges whole episodes: give Comparison(transcripts=...).")
        problem = Problem(comparison.prompt, None, "", 0)
        return tuple(
            Transcript(problem, (Turn("agent", response),), terminated=True)
            for response in comparison.responses
        )

    def _utility(self, transcript: Transcript) -> float | None:
        if transcript.verdict is not None and transcript.verdict.status == "error":
            return None
        if isinstance(self._task_or_utility, Task):
            utility = self._task_or_utility.utility(transcript)
        else:
            utility = self._task_or_utility(transcript)
        return float(utility) if utility is not None and math.isfinite(utility) else None


def _check(knob: str, value: float, *, low: float = -math.inf, high: float = math.inf) -> None:
    if not (math.isfinite(value) and low <= value <= high):
        raise InvalidValueError(
            f"SimulatedAnnotator: {knob} must be a finite number in [{low:g}, {high:g}], got {value!r}."
        )
