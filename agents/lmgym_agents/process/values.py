"""Monte-Carlo process values: how often does a policy still succeed from here?

    values = RolloutValues(engine, task, tokenizer, num_rollouts=8)
    for value in values.measure_steps(problem, response):
        print(value.rate, value.interval())

In: prefixes of responses that end where steps (lines) end. Out: success rates of completions that the engine
samples and the task verifies. Left out: finding the first error with few roll-outs (``first_error``),
learning from the values (``step_labels``).

All roll-outs of a call are one batch of the engine, which prefills each prefix once. What is sampled depends
on (seed, problem, prefix, number of the roll-out) alone: a value is the same in whatever order it is asked.

Source: Wang et al. 2024 (Math-Shepherd), eq. 3 (hard) and 4 (soft).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import cut_lines
from lmgym.records import Problem, Transcript, Turn
from lmgym.seeding import make_key
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer
from lmgym_agents.engine import Engine
from lmgym_agents.intervals import Interval, wilson_interval
from lmgym_agents.sampling import SamplingParams

_STREAM_BITS = (1 << 62) - 1


class Prefix(NamedTuple):
    """The beginning of a response, or all of it."""

    problem: Problem
    text: str
    is_complete: bool = False
    """True: the agent has ended its turn here, so there is nothing left to sample."""


class StepValue(NamedTuple):
    """What the roll-outs from one prefix have shown."""

    num_right: int
    num_valid: int
    """Roll-outs that the verifier could judge."""

    @property
    def rate(self) -> float:
        """The soft label: share of roll-outs that succeed, in [0, 1]."""
        return self.num_right / self.num_valid

    @property
    def is_hopeful(self) -> bool:
        """The hard label: some roll-out succeeds."""
        return self.num_right > 0

    def interval(self, confidence: float = 0.95) -> Interval:
        """Returns the rate with Wilson's interval."""
        return wilson_interval(self.num_right, self.num_valid, confidence)


class RolloutValues:
    """Measures prefixes by roll-outs; see the module."""

    def __init__(
        self,
        engine: Engine,
        task: Task,
        tokenizer: TextTokenizer,
        params: SamplingParams | None = None,
        *,
        num_rollouts: int = 8,
        seed: int = 0,
    ) -> None:
        """Joins the parts.

        Args:
            engine: samples with the policy whose success is measured.
            task: verifies; its episodes are over after the first turn.
            tokenizer: of the policy.
            params: how tokens are drawn, by default at temperature 1; ``max_new_tokens`` is the budget of
                the whole response, by default the task's own.
            num_rollouts: k, from each prefix.
            seed: of the sampling.

        Raises:
            InvalidValueError: ``num_rollouts`` below 1, greedy sampling, or a task of several turns.
        """
        params = params or SamplingParams(max_new_tokens=task.default_max_new_tokens)
        if task.max_turns > 1:
            raise InvalidValueError(
                f"{type(task).__name__} has up to {task.max_turns} turns; process values are measured within "
                "a single one."
            )
        if num_rollouts < 1 or params.is_greedy:
            raise InvalidValueError(
                "roll-outs need num_rollouts of at least 1 and a temperature above 0, got "
                f"{num_rollouts} and {params.temperature}."
            )
        self._engine, self._task, self._tokenizer = engine, task, tokenizer
        self._params = dataclasses.replace(params, stop_ids=tokenizer.end_ids)
        self.num_rollouts, self._seed = num_rollouts, seed
        self.num_sampled = 0
        """Roll-outs sampled so far."""

    def measure(self, prefixes: Sequence[Prefix]) -> list[StepValue]:
        """Returns the value of each prefix.

        A prefix that is complete or has used up its budget is verified as it is and counts k times.

        Raises:
            InvalidValueError: the verifier failed on all roll-outs of a prefix.
        """
        encoded = self._tokenizer.encode_batch([prefix.text for prefix in prefixes])
        left = [self._params.max_new_tokens - len(ids) for ids in encoded]
        is_open = [room > 0 and not prefix.is_complete for prefix, room in zip(prefixes, left, strict=True)]
        texts: list[list[Turn]] = [
            [Turn("agent", prefix.text, prefix.is_complete)] * (0 if goes_on else self.num_rollouts)
            for prefix, goes_on in zip(prefixes, is_open, strict=True)
        ]
        rows = [i for i, goes_on in enumerate(is_open) if goes_on for _ in range(self.num_rollouts)]
        if rows:
            for row, turn in zip(rows, self._sample(prefixes, encoded, left, rows), strict=True):
                texts[row].append(turn)
        return [self._judge(prefix.problem, turns) for prefix, turns in zip(prefixes, texts, strict=True)]

    def measure_steps(self, problem: Problem, response: str) -> list[StepValue]:
        """Returns the values before the first step and after each of the n steps, n + 1 in all.

        The response is complete, so the last value is 0 or 1.
        """
        return self.measure(cut_prefixes(problem, response))

    def _sample(
        self, prefixes: Sequence[Prefix], encoded: Sequence[np.ndarray], left: Sequence[int], rows: list[int]
    ) -> list[Turn]:
        tokenizer = self._tokenizer
        prompts = tokenizer.encode_batch([prefix.problem.prompt for prefix in prefixes])
        heads = [
            np.concatenate([np.array(tokenizer.prefix_ids, np.int64), prompt, ids])
            for prompt, ids in zip(prompts, encoded, strict=True)
        ]
        names = [(p.problem.split, p.problem.index, p.text) for p in prefixes]
        keys = [make_key(self._seed, "rollouts", *name) & _STREAM_BITS for name in names]
        streams = [(keys[row] + number % self.num_rollouts) & _STREAM_BITS for number, row in enumerate(rows)]
        generation = self._engine.generate(
            [heads[row] for row in rows],
            self._params,
            seed=make_key(self._seed, "values"),
            max_new_tokens=np.array([left[row] for row in rows]),
            request_ids=np.array(streams),
        )
        self.num_sampled += len(rows)
        endings = tokenizer.decode_batch(generation.tokens.numpy(), generation.lengths.numpy())
        return [
            Turn("agent", prefixes[row].text + ending, stopped)
            for row, ending, stopped in zip(rows, endings, generation.stopped.tolist(), strict=True)
        ]

    def _judge(self, problem: Problem, turns: Sequence[Turn]) -> StepValue:
        ended = [Transcript(problem, (turn,), terminated=True) for turn in turns]
        statuses = [verdict.status for verdict in self._task.verify_batch(ended)]
        num_valid = len(statuses) - statuses.count("error")
        if not num_valid:
            raise InvalidValueError(
                f"the verifier failed on all roll-outs of problem {problem.index} of {problem.split!r}: what "
                "it says of them is not to be had."
            )
        return StepValue(statuses.count("correct"), num_valid)


def cut_prefixes(problem: Problem, response: str) -> list[Prefix]:
    """Returns the prefixes of a complete response before its first step and after each of its n steps."""
    prefixes, end = [Prefix(problem, "")], 0
    for line in cut_lines(response):
        end = min(end + len(line) + 1, len(response))
        prefixes.append(Prefix(problem, response[:end]))
    prefixes[-1] = prefixes[-1]._replace(text=response, is_complete=True)
    return prefixes
