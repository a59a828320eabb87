"""Measurements of an agent on the splits of an entry, and checks on what a foreign agent returns.

Measuring changes nothing in training: the generators of the process are put back, ``explores`` too.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, Literal, cast

import gymnasium as gym
import numpy as np

from lmgym.agent import Agent
from lmgym.agent_turns import describe_texts
from lmgym.bench.result_record import Score
from lmgym.bench.suites import Entry
from lmgym.envs.setup import task_options
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidActionError
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer
from lmgym_agents.evaluation import EvaluationResult, distinct_problems, evaluate
from lmgym_agents.runs.random_state import rng_state, seed_rngs, set_rng_state

MAX_ROWS: Final = 1024
QUALITY: Final = "demonstration_quality"
"""Option of tasks whose demonstrations may err on purpose."""
MAX_TOKEN: Final = 2**31 - 1
MAX_RESPONSE_CHARS: Final = 1_000_000
"""Of a foreign agent's response; more is a mistake, and would be tokenised for minutes."""


def measure(
    agent: Agent, entry: Entry, split: str, num_problems: int, *, tokenizer: TextTokenizer, seed: int
) -> Score:
    """Returns how ``agent`` does on the first problems of ``split``, the same for every agent and seed.

    Args:
        agent: if it has an attribute ``acting``, that is measured in its place. One with a method ``study``
            is privileged: it is shown the task and the problems before.
        entry: what is measured, and by which metric.
        split: of the task.
        num_problems: fewer where the split has no more.
        tokenizer: of the environments, unless the agent has its own.
        seed: of the agent's sampling, if it samples.
    """
    options = {**entry.options, "tokenizer": getattr(agent, "tokenizer", None) or tokenizer}
    if hasattr(agent, "study"):
        task = _make_task(entry, options)
        agent.study(task, distinct_problems(task, split, num_problems))
    acting = getattr(agent, "acting", None) or GuardedAgent(agent)
    with undisturbed(agent):
        found = evaluate(
            acting, entry.env, split=split, num_problems=num_problems, seed=seed, env_options=options,
            max_rows=MAX_ROWS, num_transcripts=0,
        )  # fmt: skip
    return to_score(found, entry.metric)


def _make_task(entry: Entry, options: Mapping[str, Any]) -> Task:
    """Returns the entry's task, with demonstrations as good as it has them."""
    made = cast("TokenVectorEnv", gym.make_vec(entry.env, num_envs=1, **options)).task
    if QUALITY not in task_options(type(made)):
        return made
    best = {**options, QUALITY: 1.0}
    return cast("TokenVectorEnv", gym.make_vec(entry.env, num_envs=1, **best)).task


def to_score(found: EvaluationResult, metric: str) -> Score:
    """Returns one metric of an evaluation."""
    interval = {"success": found.success, "score": found.score_interval, "reward": found.reward}[metric]
    return Score(
        mean=interval.mean, low=interval.low, high=interval.high, num_problems=found.num_problems,
        num_failed=found.num_failed,
    )  # fmt: skip


@contextmanager
def undisturbed(agent: Agent) -> Iterator[None]:
    """Puts the process's generators back afterwards; meanwhile the agent does not explore."""
    before, numpys = rng_state(), np.random.get_state()
    explored = getattr(agent, "explores", None)
    if explored is not None:
        agent.explores = False  # type: ignore[attr-defined]
    seed_rngs(0)
    np.random.seed(0)
    try:
        yield
    finally:
        set_rng_state(before)
        np.random.set_state(numpys)
        if explored is not None:
            agent.explores = explored  # type: ignore[attr-defined]


class GuardedAgent:
    """An agent whose actions are looked at before they reach an environment."""

    def __init__(self, agent: Agent) -> None:
        self._agent, self._name = agent, type(agent).__name__
        self.granularity: Literal["token", "response"] = agent.granularity
        self.reads_marks = bool(getattr(agent, "reads_marks", False))

    def act(self, observations: Any) -> Any:
        """Returns what the agent says.

        Raises:
            InvalidActionError: not one action of the right kind for each observation.
        """
        actions = self._agent.act(observations)
        if self.granularity == "response":
            return self._check_texts(actions, len(observations))
        return self._check_tokens(actions, observations)

    def _check_texts(self, actions: Any, count: int) -> Sequence[str]:
        is_list = isinstance(actions, Sequence) and not isinstance(actions, str | bytes)
        if not is_list or len(actions) != count or not all(isinstance(text, str) for text in actions):
            raise InvalidActionError(
                f"{self._name}.act must return {count} texts, one for each observation, got "
                f"{describe_texts(actions)}."
            )
        longest = max(map(len, actions), default=0)
        if longest > MAX_RESPONSE_CHARS:
            raise InvalidActionError(
                f"{self._name}.act returned a text of {longest} characters; allowed: {MAX_RESPONSE_CHARS}."
            )
        return [text.encode("utf-8", "replace").decode() for text in actions]

    def _check_tokens(self, actions: Any, observations: Mapping[str, Any]) -> Any:
        count = len(observations["input_ids"])
        found = np.asarray(actions) if not hasattr(actions, "detach") else actions.detach().cpu().numpy()
        if found.shape != (count,) or found.dtype.kind not in "iu":
            raise InvalidActionError(
                f"{self._name}.act must return integers of shape [{count}], one token a row, got "
                f"{found.dtype}{list(found.shape)}."
            )
        bad = found[(found < 0) | (found > MAX_TOKEN)]
        if len(bad):  # which of the smaller ones are tokens is known to the environments
            raise InvalidActionError(f"{self._name}.act must return tokens, numbers from 0, got {bad[0]}.")
        return found
