"""Evaluation: how often an agent succeeds on a split, with confidence intervals and transcripts.

In: an agent, an environment, a split. Out: one ``EvaluationResult``. Left out: comparing agents.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple, cast

import gymnasium as gym
import numpy as np
import torch
from numpy.typing import NDArray

import lmgym  # noqa: F401  # registers the environments
from lmgym.chat_template import ChatTokenizer
from lmgym.conversation import END, readable
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.records import Problem
from lmgym.seeding import make_key
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import Agent, AgentEngine, LMAgent, check_agent
from lmgym_agents.decoding.batching import Progress
from lmgym_agents.engine import Engine
from lmgym_agents.intervals import Interval, bootstrap_interval, pass_at_k, success_interval
from lmgym_agents.q.agent import QAgent
from lmgym_agents.rollout import Rollout, collect
from lmgym_agents.sampling import SamplingParams


class EvaluatedTranscript(NamedTuple):
    """One episode as text."""

    problem_index: int
    prompt: str
    continuation: str
    """Everything after the prompt: responses, and replies where there were several turns."""
    success: bool
    score: float
    reward: float
    stopped: bool


@dataclass(frozen=True, kw_only=True)
class EvaluationResult:
    """What ``evaluate`` has found. Failed episodes are counted and enter no other number."""

    env_id: str
    split: str
    num_problems: int
    """Different problems."""
    samples_per_problem: int
    num_episodes: int
    num_failed: int
    """Episodes whose reward or verifier failed."""
    success: Interval
    """Rate of success."""
    reward: Interval
    pass_at: dict[int, float]
    """Probability that at least one of k samples succeeds, for k = 1, 2, 4 ... samples_per_problem."""
    score: float
    score_interval: Interval
    """Of the verdicts' partial credit."""
    stop_rate: float
    """Share of episodes in which every turn of the agent ended itself."""
    mean_actions: float
    """Tokens of the agent in an episode."""
    tokens_per_s: float
    seconds: float
    transcripts: tuple[EvaluatedTranscript, ...]
    """Some right and some wrong ones."""

    def to_dict(self) -> dict[str, Any]:
        """Returns plain values, as JSON holds them."""
        plain = asdict(self)
        for name in ("success", "reward", "score_interval"):
            plain[name] = getattr(self, name)._asdict()
        plain["pass_at"] = {str(k): rate for k, rate in self.pass_at.items()}
        plain["transcripts"] = [transcript._asdict() for transcript in self.transcripts]
        return plain


def evaluate(
    agent: Agent,
    env: str | Task,
    *,
    split: str = "test",
    num_problems: int = 256,
    samples_per_problem: int = 1,
    seed: int = 0,
    env_options: Mapping[str, Any] | None = None,
    max_rows: int = 1024,
    confidence: float = 0.95,
    num_transcripts: int = 10,
    on_progress: Progress | None = None,
) -> EvaluationResult:
    """Returns how an agent does on different problems of a split, the same ones for every agent and seed.

    Args:
        agent: see ``Agent``; an ``LMAgent`` or a ``QAgent`` answers with its own ``params``.
        env: id of an environment, or a task.
        split: of the task.
        num_problems: different problems to pose; fewer where the split has no more.
        samples_per_problem: episodes of each problem.
        seed: of the sampling, and of the bootstrap.
        env_options: further options of the environment.
        max_rows: most episodes at once.
        confidence: of the intervals: Wilson's for the rate of one sample a problem, else a bootstrap over
            problems.
        num_transcripts: about how many to keep, half of them right.
        on_progress: called with (responses finished, tokens sampled) of each batch.

    Raises:
        InvalidValueError: a number out of range, or several samples of a greedy agent.
        TooManyFailuresError: the reward failed on most episodes.
    """
    check_agent(agent)
    if num_problems < 1 or samples_per_problem < 1 or max_rows < 1 or not 0 < confidence < 1:
        raise InvalidValueError(
            "num_problems, samples_per_problem and max_rows must be at least 1 and confidence in (0, 1), got "
            f"{num_problems}, {samples_per_problem}, {max_rows} and {confidence}."
        )
    if samples_per_problem > 1 and isinstance(agent, LMAgent | QAgent) and agent.params.is_greedy:
        raise InvalidValueError(
            f"samples_per_problem={samples_per_problem} of a greedy agent would all be equal; give its "
            "params a temperature above 0."
        )
    options = {"split": split, "autoreset_mode": "DISABLED", **(env_options or {})}
    options.setdefault("tokenizer", getattr(agent, "tokenizer", "char"))
    probe = _make_env(env, 1, options)
    problems = distinct_problems(probe.task, split, num_problems)
    index = np.repeat([problem.index for problem in problems], samples_per_problem)
    num_batches = math.ceil(len(index) / max_rows)
    rows = math.ceil(len(index) / num_batches)
    vector = _make_env(env, rows, options)
    start = time.perf_counter()
    batches = [
        _play(agent, vector, index[first : first + rows], make_key(seed, "evaluation", first), on_progress)
        for first in range(0, len(index), rows)
    ]
    seconds = time.perf_counter() - start
    transcripts = _pick_transcripts(batches, vector, {p.index: p.prompt for p in problems}, num_transcripts)
    columns = _Columns.of(batches)
    success = columns.success.reshape(len(problems), samples_per_problem)
    valid = ~columns.failed.reshape(success.shape)
    rewards = columns.rewards.reshape(success.shape)
    scores = columns.scores.reshape(success.shape)
    return EvaluationResult(
        env_id=env if isinstance(env, str) else env.fingerprint,
        split=split,
        num_problems=len(problems),
        samples_per_problem=samples_per_problem,
        num_episodes=len(index),
        num_failed=int(columns.failed.sum()),
        success=success_interval(success, valid, confidence, seed),
        reward=bootstrap_interval(rewards, valid, confidence, seed),
        pass_at=_pass_rates(success, valid),
        score=float(columns.scores[~columns.failed].mean()),
        score_interval=bootstrap_interval(scores, valid, confidence, seed),
        stop_rate=float(columns.stopped[~columns.failed].mean()),
        mean_actions=float(columns.num_actions[~columns.failed].mean()),
        tokens_per_s=float(columns.num_actions.sum()) / seconds,
        seconds=seconds,
        transcripts=transcripts,
    )


def distinct_problems(task: Task, split: str, count: int) -> list[Problem]:
    """Returns the first ``count`` problems of a split with different prompts, fewer where it has no more.

    Splits are endless sequences that repeat themselves; the search gives up once ten times as many draws as
    it has found problems brought nothing new (a problem is then overlooked with a probability of e^-10).
    """
    found: dict[str, Problem] = {}
    drawn, last_new = 0, 0
    while len(found) < count and drawn - last_new <= 10 * len(found) + 256:
        for problem in task.problems(split, range(drawn, drawn + 256)):
            if problem.prompt not in found and len(found) < count:
                found[problem.prompt] = problem
                last_new = drawn
        drawn += 256
    if not found:
        raise EmptyProblemSetError(f"split {split!r} of {task.fingerprint} holds no problem.")
    return list(found.values())


class _Columns(NamedTuple):
    """One value an episode."""

    success: NDArray[np.bool_]
    failed: NDArray[np.bool_]
    rewards: NDArray[np.float64]
    scores: NDArray[np.float64]
    stopped: NDArray[np.bool_]
    num_actions: NDArray[np.int64]

    @classmethod
    def of(cls, batches: Sequence[Rollout]) -> _Columns:
        return cls(
            success=np.concatenate([batch.success.numpy() for batch in batches]),
            failed=np.concatenate([batch.failed.numpy() for batch in batches]),
            rewards=np.concatenate([batch.returns.double().numpy() for batch in batches]),
            scores=np.concatenate([batch.score.double().numpy() for batch in batches]),
            stopped=np.concatenate([batch.stopped.numpy() for batch in batches]),
            num_actions=np.concatenate([batch.num_actions.numpy() for batch in batches]),
        )


def _make_env(env: str | Task, num_envs: int, options: Mapping[str, Any]) -> TokenVectorEnv:
    if isinstance(env, str):
        return cast("TokenVectorEnv", gym.make_vec(env, num_envs=num_envs, **options))
    return TokenVectorEnv(env, num_envs=num_envs, **options)


def _play(
    agent: Agent, env: TokenVectorEnv, index: NDArray[np.int64], seed: int, on_progress: Progress | None
) -> Rollout:
    """Returns one episode for each problem index; a last batch is filled up and cut again."""
    filled = np.resize(index, env.num_envs)
    params = SamplingParams(max_new_tokens=1, temperature=0)
    engine = cast("Engine", AgentEngine(agent, env.tokenizer))
    if isinstance(agent, LMAgent | QAgent):
        params, engine = agent.params, agent.engine
    rollout = collect(env, engine, params, seed=seed, problem_index=filled, on_progress=on_progress)
    return rollout.select(torch.arange(len(index)))


def _pass_rates(success: NDArray[np.bool_], valid: NDArray[np.bool_]) -> dict[int, float]:
    rates: dict[int, float] = {}
    k = 1
    while k <= success.shape[1]:
        per_problem = [
            pass_at_k(int(is_valid.sum()), int((row & is_valid).sum()), k)
            for row, is_valid in zip(success, valid, strict=True)
            if is_valid.sum() >= k
        ]
        if per_problem:
            rates[k] = float(np.mean(per_problem))
        k *= 2
    return rates


def _show(tokenizer: TextTokenizer, continuation: NDArray[np.int64]) -> str:
    """Returns what the agent said, and what it was answered, as people read it."""
    if isinstance(tokenizer, ChatTokenizer):
        return readable(tokenizer.read(continuation, is_continuation=True).removesuffix(END))
    return tokenizer.decode(continuation)


def _pick_transcripts(
    batches: Sequence[Rollout], env: TokenVectorEnv, prompts: Mapping[int, str], count: int
) -> tuple[EvaluatedTranscript, ...]:
    """Returns the first right and the first wrong episodes, of both as many as there are up to half."""
    right: list[EvaluatedTranscript] = []
    wrong: list[EvaluatedTranscript] = []
    for batch in batches:
        first_action = batch.is_action.int().argmax(dim=1)
        for row in (~batch.failed).nonzero()[:, 0].tolist():
            kept = right if bool(batch.success[row]) else wrong
            if len(kept) >= (count + 1) // 2:
                continue
            ids = batch.input_ids[row, int(first_action[row]) : int(batch.lengths[row])]
            index = int(batch.problem_index[row])
            kept.append(
                EvaluatedTranscript(
                    problem_index=index,
                    prompt=readable(prompts[index]),
                    continuation=_show(env.tokenizer, ids.numpy()),
                    success=bool(batch.success[row]),
                    score=float(batch.score[row]),
                    reward=float(batch.returns[row]),
                    stopped=bool(batch.stopped[row]),
                )
            )
    return tuple(right + wrong)
