"""``TokenEnv``: an action is a token, an observation is the row of tokens so far."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from lmgym.envs.episodes import TurnEnds
from lmgym.envs.setup import Setup, make_setup
from lmgym.envs.single import ROW, SingleEnv
from lmgym.envs.token_rows import TokenRows
from lmgym.errors import InvalidActionError
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer

TokenObs = dict[str, NDArray[Any]]


class TokenEnv(SingleEnv[TokenObs, int, TokenRows]):
    """A task whose actions are tokens; V is the vocabulary's size, L ``context_length``.

    Observation: ``input_ids`` int32[L], the prompt, the agent's tokens and the environment's replies so far,
    padded on the right; ``attention_mask`` int8[L], 1 where a token is. Rows are append-only within an
    episode. A turn ends at an end token or when ``max_new_tokens`` are used up.

    Args:
        task: the task.
        render_mode: None or "ansi".
        **options: see ``lmgym.envs.setup.make_setup``.
    """

    def __init__(self, task: Task, *, render_mode: str | None = None, **options: Any) -> None:
        rows = TokenRows(make_setup(task, **options), 1)
        super().__init__(rows, render_mode)
        self.observation_space, self.action_space = token_spaces(rows.setup)
        self._allowed = allowed_tokens(rows.setup)

    @property
    def tokenizer(self) -> TextTokenizer:
        return self.setup.tokenizer

    @property
    def context_length(self) -> int:
        """L, the length of observations."""
        return self.setup.context_length

    @property
    def max_new_tokens(self) -> int:
        """Budget of one turn, its end token included."""
        return self.setup.max_new_tokens

    @property
    def is_action(self) -> NDArray[np.bool_]:
        """bool[L], True where the row's token is the agent's; a copy."""
        row: NDArray[np.bool_] = self._play.rows.is_action[0].copy()
        return row

    def action_masks(self) -> NDArray[np.bool_]:
        """Returns bool[V], True: the token is allowed; all are, unless ``mask_actions=True`` was given."""
        return self._allowed.copy()

    def _act(self, action: int) -> tuple[float, TurnEnds | None]:
        tokens = check_tokens(action, (), self.setup.tokenizer.vocab_size).reshape(1)
        rewards, ends = self._play.rows.append(ROW, tokens)
        return float(rewards[0]), ends

    def _observe(self) -> TokenObs:
        rows = self._play.rows
        return {"input_ids": rows.ids[0].copy(), "attention_mask": rows.attention_mask[0].copy()}

    def _text(self) -> str:
        return self._play.rows.texts()[0]

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self._play.rows.lengths, self._play.rows.num_actions


def token_spaces(setup: Setup) -> tuple[Any, Any]:
    """Returns the observation space (a Dict) and the action space (a Discrete) of one row."""
    vocab_size, length = setup.tokenizer.vocab_size, setup.context_length
    observation: dict[str, spaces.Space[Any]] = {
        "input_ids": spaces.Box(0, vocab_size - 1, (length,), np.int32),
        "attention_mask": spaces.Box(0, 1, (length,), np.int8),
    }
    return spaces.Dict(observation), spaces.Discrete(vocab_size)


def allowed_tokens(setup: Setup) -> NDArray[np.bool_]:
    """Returns bool[V]: with ``mask_actions`` end tokens and those spelt in the task's alphabet, else all.

    With a curriculum the alphabet is that of all its levels together.
    """
    tokenizer, task = setup.tokenizer, setup.task
    levels = setup.curriculum.levels(task) if setup.mask_actions and setup.curriculum else ()
    alphabets = [task.alphabet, *(task.at_level(level).alphabet for level in levels)]
    allowed = np.ones(tokenizer.vocab_size, np.bool_)
    if not setup.mask_actions or None in alphabets:
        return allowed
    chars = {char for alphabet in alphabets for char in alphabet or ""}
    for token in range(tokenizer.vocab_size):
        text = tokenizer.decode([token])
        allowed[token] = bool(text) and chars.issuperset(text)
    allowed[list(tokenizer.end_ids)] = True
    return allowed


def as_array(values: object) -> NDArray[Any]:
    """Returns ``values`` as an array.

    Raises:
        InvalidActionError: they are ragged.
    """
    try:
        return np.asarray(values)
    except ValueError as error:
        raise InvalidActionError(f"actions must form an array of integers, got {values!r}.") from error


def check_tokens(actions: object, shape: tuple[int, ...], vocab_size: int) -> NDArray[Any]:
    """Returns ``actions`` as an integer array.

    Raises:
        InvalidActionError: not integers, another shape, or outside [0, vocab_size).
    """
    tokens = as_array(actions)
    if tokens.dtype.kind not in "iu" or tokens.shape != shape:
        wanted = f"integers of shape {list(shape)}" if shape else "an integer"
        raise InvalidActionError(
            f"the action must be {wanted} in [0, {vocab_size}), got {tokens.dtype}{list(tokens.shape)}."
        )
    if tokens.size and not (tokens.min() >= 0 and tokens.max() < vocab_size):
        wrong = tokens[(tokens < 0) | (tokens >= vocab_size)]
        raise InvalidActionError(
            f"tokens must be in [0, {vocab_size}), got {wrong.reshape(-1)[0]}; does the model use another "
            "tokenizer than the environment?"
        )
    return tokens
