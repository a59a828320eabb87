"""Recorded trajectories: whole episodes of any agent as token rows, to be kept and learned from later.

In: rollouts, or the turns that each episode shall have. Out: ``Trajectories``. Left out: files
(``jsonl``, ``minari_files``), learning (``algorithms.ilql``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.decoding.batching import Progress
from lmgym_agents.engine import Generation
from lmgym_agents.errors import TrajectoryError
from lmgym_agents.rollout import Rollout

MAX_REWARD: Final = 1e6
"""Rewards and log-probs beyond this size are refused: their squares would drown every other number."""


@dataclass(frozen=True, kw_only=True)
class TrajectorySource:
    """What the token ids and rewards of recorded episodes mean."""

    env_id: str
    """Of the environment, or the task's fingerprint where a task was given."""
    env_options: Mapping[str, Any]
    """Further options of the environment, plain values."""
    task: str
    """Fingerprint of the task."""
    tokenizer: str
    """Fingerprint of the tokenizer."""
    vocab_size: int


@dataclass(frozen=True, kw_only=True, eq=False)
class Trajectory:
    """One episode of T tokens."""

    input_ids: NDArray[np.int64]
    """int64[T]"""
    is_action: NDArray[np.bool_]
    """bool[T], True where the agent chose the token; never at 0."""
    rewards: NDArray[np.float32]
    """float32[T], what each token earned; 0 but at actions."""
    logp_behaviour: NDArray[np.float32] | None
    """float32[T], log-prob of each action under what it was drawn from; None: nobody knows."""
    terminated: bool
    """The task ended; if not, a budget did."""
    success: bool
    score: float
    """The task's own, in [0, 1]."""
    stopped: bool
    """Every turn ended with an end token."""
    num_turns: int
    split: str
    problem_index: int
    actor: str
    """Who behaved."""

    @property
    def total(self) -> float:
        """The return: the undiscounted sum of the rewards."""
        return float(self.rewards.sum(dtype=np.float64))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Trajectory):
            return NotImplemented
        return all(_is_same(value, getattr(other, name)) for name, value in vars(self).items())

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, kw_only=True)
class Trajectories:
    """Recorded episodes of one environment and one tokenizer."""

    source: TrajectorySource
    episodes: tuple[Trajectory, ...]

    @property
    def returns(self) -> NDArray[np.float64]:
        """float64[B], the sum of each episode's rewards."""
        return np.array([episode.total for episode in self.episodes])

    def best(self, share: float) -> Trajectories:
        """Returns the ``share`` of the episodes with the highest returns, at least one, in their order.

        Of equal returns the earlier one is kept.

        Raises:
            InvalidValueError: ``share`` is not in (0, 1].
        """
        if not 0 < share <= 1:
            raise InvalidValueError(f"share must be in (0, 1], got {share!r}.")
        count = max(1, round(share * len(self.episodes)))
        kept = np.sort(np.argsort(-self.returns, kind="stable")[:count])
        return Trajectories(source=self.source, episodes=tuple(self.episodes[i] for i in kept.tolist()))

    def __add__(self, other: Trajectories) -> Trajectories:
        """Returns the episodes of both.

        Raises:
            TrajectoryError: they are of different environments or tokenizers.
        """
        check_same_source(self.source, other.source, "the second set of trajectories")
        return Trajectories(source=self.source, episodes=self.episodes + other.episodes)


def make_source(env: TokenVectorEnv, env_id: str, env_options: Mapping[str, Any]) -> TrajectorySource:
    """Returns what the episodes of an environment mean; ``env_options`` must be plain values."""
    tokenizer = env.tokenizer
    return TrajectorySource(
        env_id=env_id, env_options=dict(env_options), task=env.task.fingerprint,
        tokenizer=tokenizer.fingerprint, vocab_size=tokenizer.vocab_size,
    )  # fmt: skip


def from_rollout(
    rollout: Rollout, *, split: str, actor: str, has_logps: bool = True
) -> tuple[Trajectory, ...]:
    """Returns the episodes of a rollout; rows whose reward failed are left out.

    Args:
        rollout: finished episodes.
        split: that their problems are of.
        actor: who behaved.
        has_logps: False: the log-probs in ``rollout`` say nothing (see ``AgentEngine``).
    """
    kept = (~rollout.failed).nonzero()[:, 0].tolist()
    return tuple(_from_row(rollout, row, split, actor, has_logps) for row in kept)


def _from_row(rollout: Rollout, row: int, split: str, actor: str, has_logps: bool) -> Trajectory:
    length = int(rollout.lengths[row])

    def cut(table: Tensor) -> NDArray[Any]:
        return table[row, :length].numpy().copy()  # type: ignore[no-any-return]

    return Trajectory(
        input_ids=cut(rollout.input_ids),
        is_action=cut(rollout.is_action),
        rewards=cut(rollout.rewards),
        logp_behaviour=cut(rollout.logp_behaviour) if has_logps else None,
        terminated=bool(rollout.terminated[row]),
        success=bool(rollout.success[row]),
        score=float(rollout.score[row]),
        stopped=bool(rollout.stopped[row]),
        num_turns=int(rollout.num_turns[row]),
        split=split,
        problem_index=int(rollout.problem_index[row]),
        actor=actor,
    )


def to_rollout(episodes: Sequence[Trajectory]) -> Rollout:
    """Returns recorded episodes as a rollout, each a group of its own.

    Log-probs that nobody knows are 0; the named terms of rewards are not recorded.

    Raises:
        InvalidValueError: no episode.
    """
    if not episodes:
        raise InvalidValueError("a rollout needs at least one episode, got none.")
    lengths = [len(episode.input_ids) for episode in episodes]
    shape = len(episodes), max(lengths)
    ids, is_action = np.zeros(shape, np.int64), np.zeros(shape, np.bool_)
    rewards, logps = np.zeros((2, *shape), np.float32)
    for row, episode in enumerate(episodes):
        ids[row, : lengths[row]], is_action[row, : lengths[row]] = episode.input_ids, episode.is_action
        rewards[row, : lengths[row]] = episode.rewards
        if episode.logp_behaviour is not None:
            logps[row, : lengths[row]] = episode.logp_behaviour
    terminated = torch.tensor([episode.terminated for episode in episodes])
    return Rollout(
        input_ids=torch.from_numpy(ids),
        lengths=torch.tensor(lengths),
        is_action=torch.from_numpy(is_action),
        logp_behaviour=torch.from_numpy(logps),
        rewards=torch.from_numpy(rewards),
        terminated=terminated,
        truncated=~terminated,
        failed=torch.zeros(len(episodes), dtype=torch.bool),
        success=torch.tensor([episode.success for episode in episodes]),
        score=torch.tensor([episode.score for episode in episodes]),
        terms={},
        problem_index=torch.tensor([episode.problem_index for episode in episodes]),
        group=torch.arange(len(episodes)),
        is_again=torch.zeros(len(episodes), dtype=torch.bool),
        stopped=torch.tensor([episode.stopped for episode in episodes]),
        num_turns=torch.tensor([episode.num_turns for episode in episodes]),
    )


class ScriptEngine:
    """Says what is written down for each row, in the place of an ``Engine``; nothing where a script is over.

    Log-probs are 0, as a script has none.
    """

    def __init__(self, turns: Sequence[Sequence[str]], tokenizer: TextTokenizer) -> None:
        """Takes the turns of each row of the environment: ``turns[row][number]``."""
        self._turns, self._tokenizer = turns, tokenizer
        self._said = [0] * len(turns)

    def generate(
        self,
        prompts: Sequence[ArrayLike],
        params: object,
        *,
        seed: int,
        max_new_tokens: ArrayLike,
        request_ids: ArrayLike,
        on_progress: Progress | None = None,
    ) -> Generation:
        """Returns the next turn of the rows ``request_ids``, cut at its budget of tokens."""
        rows = np.asarray(request_ids, np.int64).tolist()
        budgets = np.asarray(max_new_tokens, np.int64).tolist()
        encoded = self._tokenizer.encode_batch([self._next(row) for row in rows])
        end = self._tokenizer.end_id
        said = [[*ids.tolist(), end][:budget] for ids, budget in zip(encoded, budgets, strict=True)]
        lengths = torch.tensor([len(ids) for ids in said])
        tokens = torch.full((len(said), int(lengths.max())), self._tokenizer.pad_id)
        for place, ids in enumerate(said):
            tokens[place, : len(ids)] = torch.tensor(ids)
        if on_progress is not None:
            on_progress(len(said), int(lengths.sum()))
        return Generation(
            tokens=tokens, lengths=lengths, logps=torch.zeros(tokens.shape),
            stopped=torch.tensor([ids[-1] == end for ids in said]),
        )  # fmt: skip

    def _next(self, row: int) -> str:
        number = self._said[row]
        self._said[row] += 1
        return self._turns[row][number] if number < len(self._turns[row]) else ""


def check_trajectory(episode: Trajectory, vocab_size: int, what: str) -> None:
    """Checks an episode that may come from anywhere.

    Args:
        episode: its arrays have their dtypes.
        vocab_size: of the tokenizer.
        what: begins the message.

    Raises:
        TrajectoryError: shapes that differ, no action, an action at 0, token ids outside the vocabulary,
            rewards or log-probs that are not finite, too large, or stand where nobody acted.
    """
    length, is_action = len(episode.input_ids), episode.is_action
    logps = episode.rewards if episode.logp_behaviour is None else episode.logp_behaviour
    if not length or any(array.shape != (length,) for array in (is_action, episode.rewards, logps)):
        raise TrajectoryError(f"{what}: tokens, actions, rewards or log-probs differ in number, or are none.")
    if not is_action.any() or is_action[0]:
        raise TrajectoryError(f"{what}: needs an action, but none at the first token, whose state is empty.")
    low, high = int(episode.input_ids.min()), int(episode.input_ids.max())
    if low < 0 or high >= vocab_size:
        raise TrajectoryError(f"{what}: token ids must lie in [0, {vocab_size}), got {low} to {high}.")
    for name, numbers in (("rewards", episode.rewards), ("log-probs", logps)):
        if not (np.abs(numbers) <= MAX_REWARD).all() or numbers[~is_action].any():
            raise TrajectoryError(
                f"{what}: {name} must be numbers of size at most {MAX_REWARD:g}, and 0 where nobody acted."
            )
    if not 0 <= episode.score <= 1 or episode.problem_index < 0 or episode.num_turns < 1:
        raise TrajectoryError(
            f"{what}: score must be in [0, 1], problem_index at least 0 and num_turns at least 1, got "
            f"{episode.score}, {episode.problem_index} and {episode.num_turns}."
        )


def check_same_source(ours: TrajectorySource, theirs: TrajectorySource, what: str) -> None:
    """Raises TrajectoryError unless ids and rewards of both mean the same."""
    for name in ("tokenizer", "vocab_size", "task", "env_id", "env_options"):
        mine, other = getattr(ours, name), getattr(theirs, name)
        if mine != other:
            raise TrajectoryError(
                f"{what} has another {name}: {other!r} instead of {mine!r}. Record again, into another file."
            )


def check_tokenizer(source: TrajectorySource, tokenizer: TextTokenizer, what: str) -> None:
    """Raises TrajectoryError unless the ids of ``source`` are those of ``tokenizer``."""
    found = (source.tokenizer, source.vocab_size)
    if found != (tokenizer.fingerprint, tokenizer.vocab_size):
        raise TrajectoryError(
            f"{what} was recorded with the tokenizer {found[0]} of {found[1]} tokens; the model's is "
            f"{tokenizer.fingerprint} of {tokenizer.vocab_size}. Ids mean something else there: record again "
            "with the model's tokenizer, or take the model that belongs to the data."
        )


def _is_same(one: object, other: object) -> bool:
    if isinstance(one, np.ndarray) and isinstance(other, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    return type(one) is type(other) and one == other
