"""Whole episodes of an agent, as the experience that ``observe`` is told."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.agent import Agent, Experience
from lmgym.agent_checker.calls import call_agent
from lmgym.agent_turns import take_turns
from lmgym.conversation import readable
from lmgym.envs.vector import TokenVectorEnv
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.base import Task


class Played(NamedTuple):
    """One episode in each of B rows."""

    experience: Experience
    stopped: NDArray[np.bool_]
    """bool[B], whether every turn ended by an end token."""


def play_episodes(agent: Agent, env: TokenVectorEnv, seed: int) -> Played:
    """Plays an episode in every row of ``env``, from ``reset(seed)`` to its end.

    Raises:
        CheckError: the agent does not answer.
    """
    _, infos = env.reset(seed=seed)
    problems = env.task.problems(env.setup.split, infos["problem_index"].tolist())
    rewards = np.zeros((env.num_envs, env.context_length))
    terminated, failed, success = np.zeros((3, env.num_envs), np.bool_)
    stopped, active = np.ones((2, env.num_envs), np.bool_)
    said: list[list[Turn]] = [[] for _ in problems]
    while active.any():
        rows, starts = np.flatnonzero(active), env.lengths
        result, counts = _step(agent, env, rows)
        for row in rows.tolist():
            paid = result.rewards[row, : counts[row]]
            rewards[row, starts[row] : starts[row] + counts[row]] = paid
            said[row].append(Turn("agent", result.infos["response"][row], bool(result.infos["stopped"][row])))
        stopped[rows] &= result.infos["stopped"][rows]
        terminated |= result.terminated
        failed |= result.failed
        ended = result.terminated | result.truncated
        if ended.any():
            success[ended] = result.infos["success"][ended]
        active &= ~ended
    transcripts = [
        Transcript(problem, _with_replies(env.task, problem, turns), bool(done), not done)
        for problem, turns, done in zip(problems, said, terminated, strict=True)
    ]
    return Played(_make_experience(env, transcripts, rewards, success, terminated, ~failed), stopped)


def _step(agent: Agent, env: TokenVectorEnv, rows: NDArray[np.int64]) -> tuple[Any, NDArray[np.int64]]:
    ids, lengths = env.input_ids, env.lengths
    prompts = [ids[row, : lengths[row]] for row in rows.tolist()]
    answers = call_agent(
        f"{type(agent).__name__}.act in episodes", f"{len(rows)} answers", take_turns, agent, env.tokenizer,
        prompts, env.tokens_left[rows],
        cause="what is observed after the first turn, fewer rows than at first, or what was learned",
    )  # fmt: skip
    counts = np.zeros(env.num_envs, np.int64)
    counts[rows] = [len(answer) for answer in answers]
    tokens = np.zeros((env.num_envs, int(counts.max())), np.int64)
    for row, answer in zip(rows.tolist(), answers, strict=True):
        tokens[row, : len(answer)] = answer
    active = np.isin(np.arange(env.num_envs), rows)
    return env.step_responses(tokens, counts, active), counts


def _with_replies(task: Task, problem: Problem, turns: list[Turn]) -> tuple[Turn, ...]:
    """Returns the agent's turns with what the task replied to each; tasks are pure, so it replies again."""
    state, found = task.start(problem), []
    for turn in turns:
        found.append(turn)
        response = task.respond(state, turn)
        state = response.state
        if response.reply is not None:
            found.append(Turn("environment", response.reply))
    return tuple(found)


def _make_experience(
    env: TokenVectorEnv, transcripts: list[Transcript], rewards: NDArray[np.float64],
    success: NDArray[np.bool_], terminated: NDArray[np.bool_], kept: NDArray[np.bool_],
) -> Experience:  # fmt: skip
    width = int(env.lengths.max())
    told = [each for each, is_kept in zip(transcripts, kept, strict=True) if is_kept]
    return Experience(
        prompts=tuple(
            readable(each.problem.prompt) if env.task.is_chat else each.problem.prompt for each in told
        ),
        responses=tuple(tuple(turn.text for turn in each.turns if turn.role == "agent") for each in told),
        transcripts=tuple(told),
        rewards=rewards.sum(axis=1)[kept],
        success=success[kept],
        input_ids=env.input_ids[kept, :width],
        lengths=env.lengths[kept],
        is_action=env.is_action[kept, :width],
        token_rewards=rewards[kept, :width],
        terminated=terminated[kept],
    )
