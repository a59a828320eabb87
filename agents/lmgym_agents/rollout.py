"""Rollouts: whole episodes of a vector environment as token arrays, ready for learning.

In: a ``TokenVectorEnv`` that does not reset itself, and an engine. Out: one ``Rollout``. Left out: rewards
(the environment pays them), advantages and losses.

Tokens in are tokens kept: the row that is learned from is the environment's own, which holds exactly the ids
that were sampled. Position t speaks of token t: its log-prob is read from the logits at t - 1.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray
from torch import Tensor

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.seeding import make_key
from lmgym_agents.decoding.batching import Progress
from lmgym_agents.engine import Engine
from lmgym_agents.errors import TooManyFailuresError
from lmgym_agents.sampling import SamplingParams


@dataclass(frozen=True, kw_only=True)
class Rollout:
    """B finished episodes; L is the length of the longest row."""

    input_ids: Tensor
    """int64[B, L], padded on the right."""
    lengths: Tensor
    """int64[B], tokens in each row."""
    is_action: Tensor
    """bool[B, L], True where the agent chose the token."""
    logp_behaviour: Tensor
    """float32[B, L], log-prob of each action under the distribution it was drawn from; 0 elsewhere."""
    rewards: Tensor
    """float32[B, L], what each token earned."""
    terminated: Tensor
    """bool[B], the task ended."""
    truncated: Tensor
    """bool[B], the episode's token budget ended first."""
    failed: Tensor
    """bool[B], the reward or the verifier could not say anything: never learn from such a row."""
    success: Tensor
    """bool[B]"""
    score: Tensor
    """float32[B], the task's own score in [0, 1]."""
    terms: dict[str, Tensor]
    """Named parts of each episode's reward, each float32[B]."""
    problem_index: Tensor
    """int64[B], which problem of the split: the ledger of what was asked."""
    group: Tensor
    """int64[B], rows that answer the same problem share a number."""
    is_again: Tensor
    """bool[B], True where a problem was posed again on purpose: no sample of the split."""
    stopped: Tensor
    """bool[B], True where every turn of the agent ended with an end token."""
    num_turns: Tensor
    """int64[B], turns of the agent."""
    generation_s: float = 0.0
    """Seconds spent in the engine."""

    @property
    def num_actions(self) -> Tensor:
        """int64[B], actions of each row."""
        return self.is_action.sum(dim=1)

    @property
    def returns(self) -> Tensor:
        """float32[B], the sum of each row's rewards."""
        return self.rewards.sum(dim=1)

    def select(self, rows: Tensor) -> Rollout:
        """Returns the rollout of these rows alone, int64[n] or bool[B], in their order."""
        chosen = {
            field.name: getattr(self, field.name)[rows]
            for field in dataclasses.fields(self)
            if isinstance(getattr(self, field.name), Tensor)
        }
        terms = {name: term[rows] for name, term in self.terms.items()}
        return dataclasses.replace(self, **chosen, terms=terms)


def join_rollouts(parts: Sequence[Rollout]) -> Rollout:
    """Returns the rows of all parts one after another, padded to one width; their groups stay apart.

    A term of the reward that a part does not name is 0 there.
    """
    width = max(part.input_ids.shape[1] for part in parts)
    joined: dict[str, Tensor] = {}
    for field in dataclasses.fields(Rollout):
        arrays = [getattr(part, field.name) for part in parts]
        if isinstance(arrays[0], Tensor):
            if arrays[0].ndim == 2:
                arrays = [torch.nn.functional.pad(x, (0, width - x.shape[1])) for x in arrays]
            joined[field.name] = torch.cat(arrays)
    starts = np.cumsum([0, *(int(part.group.max()) + 1 for part in parts)])
    joined["group"] = torch.cat([part.group + int(first) for part, first in zip(parts, starts, strict=False)])
    names = {name: None for part in parts for name in part.terms}
    terms = {
        name: torch.cat([part.terms.get(name, torch.zeros_like(part.score)) for part in parts])
        for name in names
    }
    seconds = sum(part.generation_s for part in parts)
    return dataclasses.replace(parts[0], **joined, terms=terms, generation_s=seconds)


def collect(
    env: TokenVectorEnv,
    engine: Engine,
    params: SamplingParams,
    *,
    seed: int,
    group_size: int = 1,
    env_seed: int | None = None,
    problem_index: NDArray[np.int64] | None = None,
    again: NDArray[np.int64] | None = None,
    split: str | None = None,
    max_failed: float = 0.5,
    on_progress: Progress | None = None,
) -> Rollout:
    """Plays one episode in every row, to its end, and returns them.

    Args:
        env: with ``autoreset_mode="DISABLED"``.
        engine: samples the responses.
        params: how tokens are drawn; the environment says how many and what ends a turn.
        seed: of the sampling: a row's tokens depend on (seed, row, turn, position) alone.
        group_size: rows in succession that answer the same problem; must divide the number of rows.
        env_seed: begins the environment's stream of problems anew; None goes on with it.
        problem_index: int64[B], poses these problems instead of the stream's next ones.
        again: int64[n], poses these problems in the last n groups of rows; only the others move the stream.
        split: poses problems of another split than the environment's.
        max_failed: share of failed rows from which the rollout is refused.
        on_progress: called with (responses finished, tokens sampled) within each turn.

    Raises:
        InvalidValueError: the environment resets itself or has no tokens, or ``group_size`` does not fit.
        TooManyFailuresError: more than ``max_failed`` of the rows failed.
    """
    _check_env(env, group_size)
    infos = _begin(env, group_size, env_seed, problem_index, again, split)
    params = dataclasses.replace(params, stop_ids=env.tokenizer.end_ids, max_new_tokens=env.max_new_tokens)
    recorder = _Recorder(env, infos["problem_index"])
    is_again = infos.get("is_again", np.zeros(env.num_envs, np.bool_))
    active = np.ones(env.num_envs, np.bool_)
    turn, generation_s = 0, 0.0
    while active.any():
        rows = np.flatnonzero(active)
        ids, lengths = env.input_ids, env.lengths
        start = time.perf_counter()
        generation = engine.generate(
            [ids[row, : lengths[row]] for row in rows.tolist()],
            params,
            seed=make_key(seed, "turn", turn),
            max_new_tokens=env.tokens_left[rows],
            request_ids=rows,
            on_progress=on_progress,
        )
        generation_s += time.perf_counter() - start
        tokens = _spread(generation.tokens.numpy(), rows, env.num_envs)
        counts = _spread(generation.lengths.numpy(), rows, env.num_envs)
        logps = _spread(generation.logps.numpy(), rows, env.num_envs)
        result = env.step_responses(tokens, counts, active)
        recorder.add(rows, lengths, counts, logps, result)
        active &= ~(result.terminated | result.truncated)
        turn += 1
    rollout = recorder.finish(group_size, is_again, generation_s)
    _check_failures(rollout, max_failed)
    return rollout


def _check_env(env: TokenVectorEnv, group_size: int) -> None:
    if not isinstance(env, TokenVectorEnv):
        raise InvalidValueError(
            f"rollouts need a TokenVectorEnv, got {type(env).__name__}; make it with "
            "gym.make_vec(id, num_envs=..., autoreset_mode='DISABLED'), without wrappers."
        )
    if env.autoreset_mode != AutoresetMode.DISABLED:
        raise InvalidValueError(
            f"rollouts need autoreset_mode='DISABLED', got {env.autoreset_mode.name!r}: give that option to "
            "gym.make_vec."
        )
    if group_size < 1 or env.num_envs % group_size:
        raise InvalidValueError(
            f"group_size must divide the number of rows, got group_size={group_size} and {env.num_envs} rows."
        )


def _begin(
    env: TokenVectorEnv,
    group_size: int,
    env_seed: int | None,
    problem_index: NDArray[np.int64] | None,
    again: NDArray[np.int64] | None,
    split: str | None,
) -> Mapping[str, Any]:
    """Resets all rows; only the first row of each group with a new problem moves the stream on."""
    options: dict[str, Any] = {} if split is None else {"split": split}
    if problem_index is not None:
        _, infos = env.reset(seed=env_seed, options=options | {"problem_index": problem_index})
        return infos
    num_new = env.num_envs // group_size - (0 if again is None else len(again))
    is_new = np.arange(env.num_envs) < num_new * group_size
    draws = is_new & (np.arange(env.num_envs) % group_size == 0)
    index = np.zeros(env.num_envs, np.int64)
    if draws.any():
        _, infos = env.reset(seed=env_seed, options=options | {"reset_mask": draws})
        index[is_new] = np.repeat(infos["problem_index"][draws], group_size)
    if again is not None:
        index[~is_new] = np.repeat(again, group_size)
    if not draws.all():
        env.reset(options=options | {"reset_mask": ~draws, "problem_index": index})
    return {"problem_index": index, "is_again": ~is_new}


class _Recorder:
    """What the environment does not keep: log-probs, rewards and how each episode ended."""

    def __init__(self, env: TokenVectorEnv, problem_index: NDArray[np.int64]) -> None:
        shape = (env.num_envs, env.context_length)
        self._env = env
        self._index = np.array(problem_index, np.int64)
        self._logps, self._rewards = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
        self._terminated, self._truncated, self._failed, self._success = np.zeros((4, shape[0]), np.bool_)
        self._stopped = np.ones(shape[0], np.bool_)
        self._score = np.zeros(shape[0], np.float32)
        self._turns = np.zeros(shape[0], np.int64)
        self._terms: dict[str, NDArray[np.float32]] = {}

    def add(
        self,
        rows: NDArray[np.int64],
        starts: NDArray[np.int32],
        counts: NDArray[np.int64],
        logps: NDArray[np.float32],
        result: Any,
    ) -> None:
        """Notes one turn of ``rows``, whose responses begin at the positions ``starts``."""
        at_row, offset = np.nonzero(np.arange(logps.shape[1]) < counts[:, None])
        at_position = starts[at_row] + offset
        self._logps[at_row, at_position] = logps[at_row, offset]
        self._rewards[at_row, at_position] = result.rewards[at_row, offset]
        self._turns[rows] += 1
        self._stopped[rows] &= result.infos["stopped"][rows]
        self._terminated |= result.terminated
        self._truncated |= result.truncated
        self._failed |= result.failed
        infos, ended = result.infos, result.terminated | result.truncated
        if not ended.any():
            return
        self._success[ended] = infos["success"][ended]
        self._score[ended] = infos["score"][ended]
        # A verifier that failed has not said "wrong".
        self._failed[ended] |= infos["status"][ended] == "error"
        for name, values in infos.get("reward_terms", {}).items():
            if not name.startswith("_"):
                term = self._terms.setdefault(name, np.zeros(len(ended), np.float32))
                term[ended] = values[ended]

    def finish(self, group_size: int, is_again: NDArray[np.bool_], generation_s: float) -> Rollout:
        env = self._env
        lengths = env.lengths.astype(np.int64)
        width = int(lengths.max())
        return Rollout(
            input_ids=torch.from_numpy(env.input_ids[:, :width].astype(np.int64)),
            lengths=torch.from_numpy(lengths),
            is_action=torch.from_numpy(env.is_action[:, :width]),
            logp_behaviour=torch.from_numpy(self._logps[:, :width].copy()),
            rewards=torch.from_numpy(self._rewards[:, :width].copy()),
            terminated=torch.from_numpy(self._terminated),
            truncated=torch.from_numpy(self._truncated),
            failed=torch.from_numpy(self._failed),
            success=torch.from_numpy(self._success),
            score=torch.from_numpy(self._score),
            terms={name: torch.from_numpy(term) for name, term in self._terms.items()},
            problem_index=torch.from_numpy(self._index),
            group=torch.arange(env.num_envs) // group_size,
            is_again=torch.from_numpy(is_again),
            stopped=torch.from_numpy(self._stopped),
            num_turns=torch.from_numpy(self._turns),
            generation_s=generation_s,
        )


def _spread(values: NDArray[Any], rows: NDArray[np.int64], num_rows: int) -> NDArray[Any]:
    """Returns the array of all rows, zeros where a row is not among ``rows``."""
    array = np.zeros((num_rows, *values.shape[1:]), values.dtype)
    array[rows] = values
    return array


def _check_failures(rollout: Rollout, max_failed: float) -> None:
    num_failed, num_rows = int(rollout.failed.sum()), len(rollout.failed)
    if num_failed > max_failed * num_rows:
        raise TooManyFailuresError(
            f"the reward or the verifier failed on {num_failed} of {num_rows} episodes (allowed: "
            f"{max_failed:.0%}). Training on the rest would be training on a biased sample: mend the reward "
            "(a service that is down?), then resume."
        )
