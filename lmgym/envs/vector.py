"""``TokenVectorEnv``: B rows of tokens stepped as arrays, with a fast path that takes whole responses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from gymnasium.vector import AutoresetMode
from numpy.typing import NDArray

from lmgym.envs.batched import BatchedEnv, check_num_envs
from lmgym.envs.episodes import TurnEnds, end_columns, turn_columns
from lmgym.envs.infos import to_vector
from lmgym.envs.setup import make_setup
from lmgym.envs.token import TokenObs, allowed_tokens, as_array, check_tokens, token_spaces
from lmgym.envs.token_rows import TokenRows
from lmgym.errors import EpisodeOverError, InvalidActionError, InvalidValueError
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer


@dataclass(frozen=True, slots=True, kw_only=True)
class TurnResult:
    """What ``step_responses`` returns; T is the width of the tokens given.

    Rows that did not act hold zeros.
    """

    rewards: NDArray[np.float64]
    """float64[B, T], each reward at the token that earned it."""
    terminated: NDArray[np.bool_]
    """bool[B]; the task ended with this turn."""
    truncated: NDArray[np.bool_]
    """bool[B]; the episode's token budget ended with this turn, and the task did not."""
    failed: NDArray[np.bool_]
    """bool[B]; a reward of this episode could not be computed: drop the row, its zeros are no rewards."""
    infos: dict[str, Any]
    """Infos as ``step`` gives them."""


class TokenVectorEnv(BatchedEnv[TokenObs, NDArray[Any], TokenRows]):
    """B rows of a task whose actions are tokens; V is the vocabulary's size, L ``context_length``.

    Observation: ``input_ids`` int32[B, L] and ``attention_mask`` int8[B, L], see ``TokenEnv``. Row r plays
    the same episodes as ``TokenEnv`` after ``reset(seed, options={"row": r})``.

    Args:
        task: the task.
        num_envs: B.
        autoreset_mode: NEXT_STEP, SAME_STEP or DISABLED, as Gymnasium defines them.
        **options: see ``lmgym.envs.setup.make_setup``.

    Raises:
        InvalidValueError: ``num_envs`` is below 1, or another option has a bad value.
    """

    def __init__(
        self,
        task: Task,
        *,
        num_envs: int,
        autoreset_mode: AutoresetMode | str = AutoresetMode.NEXT_STEP,
        **options: Any,
    ) -> None:
        num_envs = check_num_envs(num_envs)
        rows = TokenRows(make_setup(task, **options), num_envs)
        super().__init__(rows, num_envs, autoreset_mode)
        self._make_spaces(*token_spaces(rows.setup))
        self._allowed = allowed_tokens(rows.setup)

    @property
    def tokenizer(self) -> TextTokenizer:
        return self.setup.tokenizer

    @property
    def context_length(self) -> int:
        """L, the length of rows."""
        return self.setup.context_length

    @property
    def max_new_tokens(self) -> int:
        """Budget of one turn, its end token included."""
        return self.setup.max_new_tokens

    @property
    def input_ids(self) -> NDArray[np.int32]:
        """int32[B, L], the rows, padded on the right; a copy."""
        return self._play.rows.ids.copy()

    @property
    def lengths(self) -> NDArray[np.int32]:
        """int32[B], tokens in each row; a copy."""
        return self._play.rows.lengths.astype(np.int32)

    @property
    def is_action(self) -> NDArray[np.bool_]:
        """bool[B, L], True where a token is the agent's; a copy."""
        return self._play.rows.is_action.copy()

    @property
    def tokens_left(self) -> NDArray[np.int32]:
        """int32[B], how many more tokens the present turn can take; 0 where no episode is going on."""
        return self._play.rows.tokens_left().astype(np.int32)

    def action_masks(self) -> NDArray[np.bool_]:
        """Returns bool[B, V], True: the token is allowed; all are, unless ``mask_actions=True`` was given."""
        return np.repeat(self._allowed[None], self.num_envs, axis=0)

    def step_responses(
        self, tokens: NDArray[Any], lengths: NDArray[Any], active: NDArray[np.bool_] | None = None
    ) -> TurnResult:
        """Takes the whole rest of a turn in many rows; the same as stepping token by token, but faster.

        Args:
            tokens: int[B, T]; what follows the first ``lengths`` tokens of a row is ignored.
            lengths: int[B], in [1, ``tokens_left``] where ``active``. The last of these tokens must be an
                end token or the last that the turn's budget (``tokens_left``) allows, and no other an end
                token.
            active: bool[B], True where a row acts; default: every row whose episode is going on.

        Returns:
            TurnResult. Afterwards ``input_ids``, ``lengths`` and ``is_action`` hold the rows with the
            responses and the task's replies.

        Raises:
            InvalidActionError: wrong shapes, tokens outside the vocabulary, turns that do not end.
            EpisodeOverError: an active row's episode is not going on.
            InvalidValueError: autoreset is not disabled.
        """
        if self.autoreset_mode != AutoresetMode.DISABLED:
            raise InvalidValueError(
                f"step_responses needs autoreset_mode=DISABLED, got {self.autoreset_mode.name}; make the "
                "environment with autoreset_mode='DISABLED'."
            )
        rows = self._read_active(active)
        given, counts = self._check_responses(rows, tokens, lengths)
        paid, ends = self._play.rows.append_responses(rows, given, counts)
        self._play.observe(ends)
        rewards = np.zeros(np.shape(tokens))
        rewards[rows] = paid
        terminated, truncated, failed = np.zeros((3, self.num_envs), np.bool_)
        terminated[rows], truncated[rows], failed[rows] = ends.terminated, ends.truncated, ends.failed
        columns = turn_columns(ends, np.arange(len(rows)))
        ended = np.flatnonzero(ends.ended)
        if len(ended):
            columns = end_columns(ends, ended, *self._counts()) | columns
        infos = to_vector(columns, self.num_envs)
        return TurnResult(
            rewards=rewards, terminated=terminated, truncated=truncated, failed=failed, infos=infos
        )

    def _read_active(self, active: NDArray[np.bool_] | None) -> NDArray[np.int64]:
        is_live = self._play.rows.is_live
        chosen = is_live if active is None else np.asarray(active)
        if chosen.dtype != np.bool_ or chosen.shape != (self.num_envs,):
            raise InvalidActionError(
                f"active must be bool[{self.num_envs}] or None, got {chosen.dtype}{list(chosen.shape)}."
            )
        rows = np.flatnonzero(chosen)
        if not len(rows) or not is_live[rows].all():
            raise EpisodeOverError(
                "an active row's episode is over, or none is going on; call "
                "reset(options={'reset_mask': ...}) for these rows, or leave them out of `active`."
            )
        return rows

    def _check_responses(
        self, rows: NDArray[np.int64], tokens: object, lengths: object
    ) -> tuple[NDArray[Any], NDArray[np.int64]]:
        given, counts = as_array(tokens), as_array(lengths)
        if given.ndim != 2 or len(given) != self.num_envs or counts.shape != (self.num_envs,):
            raise InvalidActionError(
                f"tokens must be int[{self.num_envs}, T] and lengths int[{self.num_envs}], got shapes "
                f"{list(given.shape)} and {list(counts.shape)}."
            )
        if counts.dtype.kind not in "iu":
            raise InvalidActionError(f"lengths must be integers, got {counts.dtype}.")
        given, counts = given[rows], counts[rows].astype(np.int64)
        room = self._play.rows.tokens_left()[rows]
        limit = np.minimum(room, given.shape[1])
        bad = np.flatnonzero((counts < 1) | (counts > limit))
        if len(bad):
            at = int(bad[0])
            raise InvalidActionError(
                f"lengths[{rows[at]}] must be in [1, {limit[at]}] (tokens_left is {room[at]}, tokens has "
                f"{given.shape[1]} columns), got {counts[at]}."
            )
        is_given = np.arange(given.shape[1]) < counts[:, None]
        check_tokens(given[is_given], (int(counts.sum()),), self.setup.tokenizer.vocab_size)
        self._check_ends(rows, np.where(is_given, given, -1), counts, room)
        return given, counts

    def _check_ends(
        self,
        rows: NDArray[np.int64],
        given: NDArray[Any],
        counts: NDArray[np.int64],
        room: NDArray[np.int64],
    ) -> None:
        """Raises unless every response ends by an end token or by the budget, and not before."""
        is_end = self._play.rows.ends_turn(given) & (given >= 0)
        stops = is_end[np.arange(len(rows)), counts - 1]
        bad = np.flatnonzero((is_end.sum(axis=1) != stops) | (~stops & (counts != room)))
        if len(bad):
            at = int(bad[0])
            raise InvalidActionError(
                f"row {rows[at]}: a response must end with an end token {self.setup.tokenizer.end_ids} or "
                f"fill the {room[at]} tokens left, and have no end token before; got "
                f"{given[at, : counts[at]].tolist()}."
            )

    def _check_actions(self, actions: NDArray[Any], live: NDArray[np.int64]) -> NDArray[Any]:
        tokens = as_array(actions)
        if tokens.shape != (self.num_envs,):
            raise InvalidActionError(
                f"actions must be integers of shape [{self.num_envs}], got "
                f"{tokens.dtype}{list(tokens.shape)}."
            )
        acting = tokens if len(live) == self.num_envs else tokens[live]
        return check_tokens(acting, acting.shape, self.setup.tokenizer.vocab_size)

    def _append(
        self, rows: NDArray[np.int64], actions: NDArray[Any]
    ) -> tuple[NDArray[np.float64], TurnEnds | None]:
        return self._play.rows.append(rows, actions)

    def _observe(self) -> TokenObs:
        rows = self._play.rows
        return {"input_ids": rows.ids.copy(), "attention_mask": rows.attention_mask.copy()}

    def _observe_rows(self, rows: NDArray[np.int64]) -> list[TokenObs]:
        ids, mask = self._play.rows.ids[rows], self._play.rows.attention_mask[rows]
        return [{"input_ids": i, "attention_mask": m} for i, m in zip(ids, mask, strict=True)]

    def _texts(self) -> list[str]:
        return self._play.rows.texts()

    def _counts(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        return self._play.rows.lengths, self._play.rows.num_actions
