"""Training environments that count what is acted in them, and stop when a budget is spent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, NoReturn

import gymnasium as gym
import numpy as np
from numpy.typing import NDArray

import lmgym  # noqa: F401  # registers the environments
from lmgym.conversation import readable
from lmgym.envs.episodes import TurnEnds
from lmgym.envs.setup import make_task, split_options
from lmgym.envs.vector import TokenVectorEnv, TurnResult
from lmgym.errors import BudgetSpentError, InvalidValueError
from lmgym.play import check_id
from lmgym.records import Problem, Transcript, Turn
from lmgym.tasks.base import Task

AGENTS_OPTIONS: Final = ("autoreset_mode", "mask_actions")
"""Of an environment, those that an agent may choose: no other can change what is learned."""
MAX_OVERDRAFT: Final = 0.25
"""Share of the budget by which the last action may go beyond it: a rollout ends where its rows end."""


@dataclass
class TokenBudget:
    """How many tokens may be spent, and were."""

    limit: int
    num_acted: int = 0
    """Tokens acted in training environments."""
    num_read: int = 0
    """Tokens of demonstrations that were learned from."""

    @property
    def num_spent(self) -> int:
        return self.num_acted + self.num_read

    @property
    def is_spent(self) -> bool:
        return self.num_spent >= self.limit

    def check(self, num_tokens: int) -> None:
        """Raises BudgetSpentError if nothing is left, or far too little for an action of ``num_tokens``."""
        if self.is_spent:
            raise BudgetSpentError(
                f"the budget of {self.limit:,} tokens is spent ({self.num_acted:,} acted, {self.num_read:,} "
                "read). learn need not catch this; advance says False when it is near."
            )
        if self.num_spent + num_tokens > (1 + MAX_OVERDRAFT) * self.limit:
            raise BudgetSpentError(
                f"an action of {num_tokens:,} tokens goes far beyond the budget, of which "
                f"{self.limit - self.num_spent:,} of {self.limit:,} are left; act in fewer rows at a time."
            )

    def read(self, num_tokens: int) -> None:
        """Notes tokens that were learned from; raises InvalidValueError if they go far beyond the budget."""
        self.num_read += num_tokens
        if num_tokens and self.num_spent > (1 + MAX_OVERDRAFT) * self.limit:
            raise InvalidValueError(
                f"{self.num_read:,} tokens of demonstrations were learned from and {self.num_acted:,} acted, "
                f"which is far beyond the budget of {self.limit:,}; tell advance of less at a time and stop "
                "when it says False."
            )

    def __copy__(self) -> TokenBudget:
        return self  # whoever copies an environment, to search in it, still spends the same tokens

    def __deepcopy__(self, memo: dict[int, Any]) -> TokenBudget:
        return self

    def __reduce__(self) -> NoReturn:
        raise TypeError("a counted environment can't be pickled: what the copy acts would not be counted.")


class CountedVectorEnv(TokenVectorEnv):
    """A ``TokenVectorEnv`` whose actions are taken from a budget, one for each token of a row that acts.

    An action is refused once the budget is spent; the last one before may overdraw it, by at most
    ``MAX_OVERDRAFT`` of it. Copies take from the same budget.
    """

    def __init__(self, task: Task, *, budget: TokenBudget, **options: Any) -> None:
        super().__init__(task, **options)
        self._budget = budget

    def step_responses(
        self, tokens: NDArray[Any], lengths: NDArray[Any], active: NDArray[np.bool_] | None = None
    ) -> TurnResult:
        """Is that of ``TokenVectorEnv``; raises BudgetSpentError once the budget is spent."""
        self._budget.check(0)
        acted = self.is_live if active is None else np.asarray(active)
        result = super().step_responses(tokens, lengths, active)
        self._budget.num_acted += int(np.asarray(lengths)[acted].sum())
        return result

    def _check_responses(
        self, rows: NDArray[np.int64], tokens: object, lengths: object
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        given, counts = super()._check_responses(rows, tokens, lengths)
        self._budget.check(int(counts.sum()))
        return given, counts

    def _append(
        self, rows: NDArray[np.int64], actions: NDArray[Any]
    ) -> tuple[NDArray[np.float64], TurnEnds | None]:
        self._budget.check(len(rows))
        found = super()._append(rows, actions)
        self._budget.num_acted += len(rows)
        return found

    def transcripts(self, stopped: NDArray[np.bool_]) -> tuple[Transcript, ...]:
        """Returns the finished episodes of all rows as text, without verdicts.

        Args:
            stopped: bool[B], whether the last turn ended with an end token.
        """
        rows = self._play.rows
        ends = rows.lengths - stopped
        texts = rows._texts(np.arange(self.num_envs), rows.turn_starts, ends)
        found = []
        for row, (problem, turns) in enumerate(zip(rows.episodes.problems, rows.episodes.turns, strict=True)):
            assert problem is not None, row
            # Tasks of one turn keep none.
            said = turns or (Turn("agent", texts[row], bool(stopped[row])),)
            found.append(Transcript(problem, said))
        return tuple(found)

    def prompts(self) -> tuple[str, ...]:
        """Returns what each row's agent read first, as agents that act in text see it."""
        problems: list[Problem | None] = self._play.rows.episodes.problems
        texts = [problem.prompt if problem is not None else "" for problem in problems]
        return tuple(map(readable, texts)) if self.task.is_chat else tuple(texts)


def make_counted_env(
    env_id: str,
    options: Mapping[str, Any],
    budget: TokenBudget,
    *,
    num_envs: int,
    tokenizer: object,
    own: Mapping[str, Any],
) -> CountedVectorEnv:
    """Returns rows of the train split of an environment, whose actions are taken from ``budget``.

    Args:
        env_id: of the environment.
        options: of the environment, as the suite fixes them.
        budget: shared with other environments of the same training.
        num_envs: B.
        tokenizer: of the environment.
        own: what the agent chooses, see ``AGENTS_OPTIONS``.

    Raises:
        InvalidValueError: an option that is not the agent's to choose.
    """
    for name in own:
        if name not in AGENTS_OPTIONS:
            raise InvalidValueError(
                f"make_env got {name}={own[name]!r}, which is the suite's to choose; an agent chooses "
                f"num_envs, {' and '.join(AGENTS_OPTIONS)}."
            )
    check_id(env_id)
    given = {**gym.spec(env_id).kwargs, **options, "split": "train", "tokenizer": tokenizer, **own}
    spec = given.pop("task")
    shared, of_task = split_options(spec, given, ("autoreset_mode",))
    task = make_task(spec, of_task)
    return CountedVectorEnv(task, budget=budget, num_envs=num_envs, **shared)
