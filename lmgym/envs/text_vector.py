"""``TextVectorEnv``: B episodes at once whose actions are lines or whole responses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from lmgym.envs.batched import BatchedEnv, check_num_envs
from lmgym.envs.episodes import TurnEnds
from lmgym.envs.setup import make_setup
from lmgym.envs.text import check_text, make_text_rows, text_spaces
from lmgym.envs.text_rows import TextRows
from lmgym.errors import InvalidActionError
from lmgym.tasks.base import Task


class TextVectorEnv(BatchedEnv[tuple[str, ...], Sequence[str], TextRows]):
    """B rows of a task whose actions are text; see ``TextEnv``. Observations are tuples of B texts.

    Args:
        task: the task.
        num_envs: B.
        granularity: "step" or "response".
        autoreset_mode: NEXT_STEP, SAME_STEP or DISABLED, as Gymnasium defines them.
        **options: see ``lmgym.envs.setup.make_setup``.
    """

    def __init__(
        self,
        task: Task,
        *,
        num_envs: int,
        granularity: str = "response",
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **options: Any,
    ) -> None:
        num_envs = check_num_envs(num_envs)
        rows = make_text_rows(make_setup(task, **options), granularity, num_envs)
        super().__init__(rows, num_envs, autoreset_mode)
        self._make_spaces(*text_spaces(rows.setup))

    def _check_actions(self, actions: Sequence[str], live: NDArray[np.int64]) -> list[str]:
        if isinstance(actions, str) or len(actions) != self.num_envs:
            raise InvalidActionError(
                f"actions must be a sequence of {self.num_envs} texts, one a row, got {len(actions)} "
                f"in a {type(actions).__name__}."
            )
        return [check_text(actions[row]) for row in live.tolist()]

    def _append(
        self, rows: NDArray[np.int64], actions: list[str]
    ) -> tuple[NDArray[np.float64], TurnEnds | None]:
        return self._play.rows.append(rows, actions)

    def _observe(self) -> tuple[str, ...]:
        return tuple(self._texts())

    def _observe_rows(self, rows: NDArray[np.int64]) -> list[str]:
        return [self._play.rows.text(row) for row in rows.tolist()]

    def _texts(self) -> list[str]:
        return [self._play.rows.text(row) for row in range(self.num_envs)]

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self._play.rows.lengths, self._play.rows.num_actions
