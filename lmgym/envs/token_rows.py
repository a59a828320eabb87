"""B episodes as rows of tokens: what the single environment, the vector environment and the fast path share.

Comes in: tokens of the agent, one a row or a whole response a row. Goes out: what happened to the rows whose
turn ended. Left out: autoreset, observations, infos, checks of what callers give.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lmgym.conversation import readable
from lmgym.envs.episodes import Episodes, TurnEnds, make_turns
from lmgym.envs.replies import encode_replies
from lmgym.envs.setup import Setup, check_prompts_fit
from lmgym.records import Problem
from lmgym.tasks.base import Task


class TokenRows:
    """The token side of B episodes; L is the context length.

    A row is its prompt, then in turn the agent's tokens (``is_action``) and the environment's reply. Rows
    only ever grow until they begin a new episode.
    """

    def __init__(self, setup: Setup, num_rows: int) -> None:
        self.setup = setup
        tokenizer = setup.tokenizer
        shape = (num_rows, setup.context_length)
        self.episodes = Episodes(setup.reward, partial(encode_replies, tokenizer), num_rows)
        self.ids = np.full(shape, tokenizer.pad_id, np.int32)
        self.attention_mask = np.zeros(shape, np.int8)
        self.is_action = np.zeros(shape, np.bool_)
        self.lengths = np.zeros(num_rows, np.int64)
        self.turn_starts = np.zeros(num_rows, np.int64)
        """Where the agent's current turn begins."""
        self.turn_stops = np.zeros(num_rows, np.int64)
        """Where it ends at the latest: its budget, or the episode's."""
        self.num_actions = np.zeros(num_rows, np.int64)
        self.is_live = np.zeros(num_rows, np.bool_)
        """True: an episode is going on."""
        self._row_starts = np.arange(num_rows) * setup.context_length
        self._ends_turn = np.zeros(tokenizer.vocab_size, np.bool_)
        self._ends_turn[list(tokenizer.end_ids)] = True
        self._ends_step = self._find_step_ends()

    def begin(self, rows: NDArray[np.int64], task: Task, problems: Sequence[Problem]) -> None:
        """Starts ``problems`` in ``rows``.

        Raises:
            PromptTooLongError: a prompt exceeds ``max_prompt_tokens`` or leaves the agent no token; then
                nothing has changed.
        """
        setup = self.setup
        prefix = np.array(setup.tokenizer.prefix_ids, np.int32)
        ids, lengths = setup.tokenizer.encode_joined([problem.prompt for problem in problems])
        lengths += len(prefix)
        check_prompts_fit(setup, problems, lengths)
        self.episodes.begin(rows, task, problems)
        columns = np.arange(setup.context_length)
        is_prompt = columns < lengths[:, None]
        block = np.full(is_prompt.shape, setup.tokenizer.pad_id, np.int32)
        if len(prefix):
            block[:, : len(prefix)] = prefix
            block[is_prompt & (columns >= len(prefix))] = ids
        else:
            block[is_prompt] = ids
        self.ids[rows] = block
        self.attention_mask[rows] = is_prompt
        self.is_action[rows] = False
        self.lengths[rows] = lengths
        self.num_actions[rows] = 0
        self.is_live[rows] = True
        self._begin_turns(rows)

    def append(
        self, rows: NDArray[np.int64], tokens: NDArray[Any]
    ) -> tuple[NDArray[np.float64], TurnEnds | None]:
        """Appends one token to each of ``rows``.

        Returns:
            float64[N], what each row was paid, and what happened to the rows whose turn ended, if any did.
        """
        cells = self._row_starts[rows] + self.lengths[rows]
        self.ids.reshape(-1)[cells] = tokens
        self.attention_mask.reshape(-1)[cells] = 1
        self.is_action.reshape(-1)[cells] = True
        self.lengths[rows] += 1
        self.num_actions[rows] += 1
        rewards = np.zeros(len(rows))
        is_over = self._ends_turn[tokens] | (self.lengths[rows] >= self.turn_stops[rows])
        if self._ends_step is not None:
            steps = np.flatnonzero(self._ends_step[tokens] & ~is_over)
            if len(steps):
                rewards[steps] = self._pay_steps(rows[steps], self.lengths[rows[steps]])
        ended = np.flatnonzero(is_over)
        if not len(ended):
            return rewards, None
        ends = self._end_turns(rows[ended])
        rewards[ended] = ends.rewards
        return rewards, ends

    def append_responses(
        self, rows: NDArray[np.int64], tokens: NDArray[Any], lengths: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], TurnEnds]:
        """Appends the rest of the turn to each of ``rows``.

        Args:
            rows: int64[N].
            tokens: int[N, T]; only the first ``lengths`` of a row count.
            lengths: int64[N]; the last token ends the turn, or fills its budget.

        Returns:
            float64[N, T], what each token was paid, and what happened to the rows.
        """
        columns = np.arange(tokens.shape[1])
        is_given = columns < lengths[:, None]
        cells = ((self._row_starts[rows] + self.lengths[rows])[:, None] + columns)[is_given]
        self.ids.reshape(-1)[cells] = tokens[is_given]
        self.attention_mask.reshape(-1)[cells] = 1
        self.is_action.reshape(-1)[cells] = True
        begin = self.lengths[rows]
        self.lengths[rows] += lengths
        self.num_actions[rows] += lengths
        rewards = np.zeros(tokens.shape)
        if self._ends_step is not None:
            is_step = is_given & self._ends_step[np.where(is_given, tokens, 0)]
            is_step[np.arange(len(rows)), lengths - 1] = False
            where, column = np.nonzero(is_step)
            if len(where):
                rewards[where, column] = self._pay_steps(rows[where], begin[where] + column + 1)
        ends = self._end_turns(rows)
        rewards[np.arange(len(rows)), lengths - 1] = ends.rewards
        return rewards, ends

    def tokens_left(self) -> NDArray[np.int64]:
        """Returns int64[B]: how many more tokens the agent's current turn can take; 0 in ended rows."""
        return np.where(self.is_live, self.turn_stops - self.lengths, 0)

    def texts(self) -> list[str]:
        """Returns the text of each row so far, as people read it; special tokens are dropped."""
        tokenizer = self.setup.tokenizer
        if not self.setup.task.is_chat:
            return tokenizer.decode_batch(self.ids, self.lengths)
        every, turns = np.arange(len(self.lengths)), self.episodes.turns
        is_open = self.is_live | np.array([not said for said in turns])  # else the last turn is among them
        drafts = self._texts(every, np.where(is_open, self.turn_starts, self.lengths), self.lengths)
        said = zip(self.episodes.problems, turns, drafts, strict=True)
        return [
            ""
            if problem is None
            else readable(problem.prompt + "".join(turn.text for turn in before)) + draft
            for problem, before, draft in said
        ]

    def ends_turn(self, tokens: NDArray[Any]) -> NDArray[np.bool_]:
        """Returns where ``tokens`` are end-of-turn tokens."""
        is_end: NDArray[np.bool_] = self._ends_turn[tokens]
        return is_end

    def _begin_turns(self, rows: NDArray[np.int64]) -> None:
        starts = self.lengths[rows]
        self.turn_starts[rows] = starts
        self.turn_stops[rows] = np.minimum(starts + self.setup.max_new_tokens, self.setup.context_length)

    def _end_turns(self, rows: NDArray[np.int64]) -> TurnEnds:
        lengths = self.lengths[rows]
        starts = self.turn_starts[rows]
        stopped = self._ends_turn[self.ids[rows, lengths - 1]]
        texts = self._texts(rows, starts, lengths - stopped)
        turns = make_turns(texts, stopped.tolist())
        is_cut = ~stopped & (lengths - starts < self.setup.max_new_tokens)
        ends = self.episodes.end_turns(rows, turns, is_cut, self.setup.context_length - lengths)
        for row, _, tokens in ends.replies:
            start = int(self.lengths[row])
            self.ids[row, start : start + len(tokens)] = tokens
            self.attention_mask[row, start : start + len(tokens)] = 1
            self.lengths[row] += len(tokens)
        ended = ends.ended
        self.is_live[rows[ended]] = False
        if not ended.all():
            self._begin_turns(rows[~ended])
        return ends

    def _pay_steps(self, rows: NDArray[np.int64], stops: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.episodes.pay_steps(rows.tolist(), self._texts(rows, self.turn_starts[rows], stops))

    def _texts(
        self, rows: NDArray[np.int64], starts: NDArray[np.int64], stops: NDArray[np.int64]
    ) -> list[str]:
        """Returns the text of the tokens [start, stop) of each of ``rows``."""
        widths = stops - starts
        columns = starts[:, None] + np.arange(max(int(widths.max()), 1))
        tokens = self.ids[rows[:, None], np.minimum(columns, self.setup.context_length - 1)]
        return self.setup.tokenizer.decode_batch(tokens, widths)

    def _find_step_ends(self) -> NDArray[np.bool_] | None:
        """Returns bool[V], the tokens that hold a newline; None where rewards are not paid by the step."""
        if self.setup.reward.pay != "step":
            return None
        decode = self.setup.tokenizer.decode
        return np.array(["\n" in decode([i]) for i in range(self.setup.tokenizer.vocab_size)])

    def clone(self) -> Self:
        """Returns a copy that goes on independently."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.episodes = self.episodes.clone()
        for name in _ARRAYS:
            setattr(copy, name, getattr(self, name).copy())
        return copy

    def get_state(self) -> dict[str, Any]:
        """Returns the rows as numpy arrays."""
        return {name: getattr(self, name).copy() for name in _ARRAYS}

    def set_state(self, state: dict[str, Any]) -> None:
        for name in _ARRAYS:
            array = getattr(self, name)
            array[...] = np.asarray(state[name], array.dtype)


_ARRAYS = (
    "ids",
    "attention_mask",
    "is_action",
    "lengths",
    "turn_starts",
    "turn_stops",
    "num_actions",
    "is_live",
)
