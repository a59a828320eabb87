"""``TextEnv``: an action is a line or a whole response, an observation is the text so far."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from lmgym.envs.episodes import TurnEnds
from lmgym.envs.setup import Setup, make_setup
from lmgym.envs.single import ROW, SingleEnv
from lmgym.envs.text_rows import TextRows
from lmgym.errors import InvalidActionError, UnknownNameError
from lmgym.spaces import UnicodeText
from lmgym.tasks.base import Task

TEXT_GRANULARITIES = ("step", "response")
LONGEST_ACTION = 2**31 - 1
"""Any text is a valid action; what exceeds the turn's budget is cut."""


class TextEnv(SingleEnv[str, str, TextRows]):
    """A task whose actions are text.

    Observation: the prompt, the agent's text and the environment's replies so far, append-only within an
    episode. With ``granularity="response"`` an action is a whole turn. With "step" it is a line: one that
    ends with a newline leaves the turn open, any other ends it. Budgets are counted in tokens of
    ``tokenizer``, as in ``TokenEnv``: a turn that exceeds them is cut.

    Args:
        task: the task.
        granularity: "step" or "response".
        render_mode: None or "ansi".
        **options: see ``lmgym.envs.setup.make_setup``.
    """

    def __init__(
        self, task: Task, *, granularity: str = "response", render_mode: str | None = None, **options: object
    ) -> None:
        rows = make_text_rows(make_setup(task, **options), granularity, 1)  # type: ignore[arg-type]
        super().__init__(rows, render_mode)
        self.observation_space, self.action_space = text_spaces(rows.setup)

    def _act(self, action: str) -> tuple[float, TurnEnds | None]:
        rewards, ends = self._play.rows.append(ROW, [check_text(action)])
        return float(rewards[0]), ends

    def _observe(self) -> str:
        return self._play.rows.text(0)

    def _text(self) -> str:
        return self._play.rows.text(0)

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self._play.rows.lengths, self._play.rows.num_actions


def make_text_rows(setup: Setup, granularity: str, num_rows: int) -> TextRows:
    """Returns the rows of a text environment.

    Raises:
        UnknownNameError: ``granularity`` is neither "step" nor "response".
    """
    if granularity not in TEXT_GRANULARITIES:
        raise UnknownNameError("granularity of text environments", granularity, TEXT_GRANULARITIES)
    return TextRows(setup, granularity, num_rows)


def text_spaces(setup: Setup) -> tuple[UnicodeText, UnicodeText]:
    """Returns the observation space and the action space of one row."""
    return UnicodeText(setup.context_length * setup.tokenizer.max_token_chars), UnicodeText(LONGEST_ACTION)


def check_text(action: object) -> str:
    """Returns ``action`` if it is text.

    Raises:
        InvalidActionError: it is not a ``str``.
    """
    if not isinstance(action, str):
        raise InvalidActionError(
            f"the action must be a str, got {type(action).__name__}; granularity='token' takes tokens."
        )
    return action
