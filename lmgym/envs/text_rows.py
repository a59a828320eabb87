"""B episodes as growing texts, for actions that are lines or whole responses.

Comes in: pieces of text of the agent. Goes out: what happened to the rows whose turn ended. Budgets are in
tokens of the environment's tokenizer, so that text and token environments end turns in the same place.
Left out: autoreset, observations, infos.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from lmgym.conversation import plain, readable
from lmgym.envs.episodes import Episodes, TurnEnds
from lmgym.envs.replies import encode_replies
from lmgym.envs.setup import Setup, check_prompts_fit
from lmgym.records import Problem, Turn
from lmgym.tasks.base import Task


class TextRows:
    """The text side of B episodes whose actions are steps or responses.

    A response ends the turn. A step ends it unless it ends with a newline, and so does whatever fills the
    turn's budget of tokens: it is cut there.
    """

    def __init__(self, setup: Setup, granularity: str, num_rows: int) -> None:
        self.setup = setup
        self.is_by_step = granularity == "step"
        self.episodes = Episodes(setup.reward, partial(encode_replies, setup.tokenizer), num_rows)
        self.texts = [""] * num_rows
        """The whole episode so far, as people read it: prompt, turns and replies."""
        self.drafts = [""] * num_rows
        """What of the present turn has been written."""
        self.lengths = np.zeros(num_rows, np.int64)
        """Tokens up to the beginning of the present turn."""
        self.num_actions = np.zeros(num_rows, np.int64)
        self.is_live = np.zeros(num_rows, np.bool_)

    def begin(self, rows: NDArray[np.int64], task: Task, problems: Sequence[Problem]) -> None:
        """Starts ``problems`` in ``rows``.

        Raises:
            PromptTooLongError: a prompt exceeds the budget; then nothing has changed.
        """
        tokenizer = self.setup.tokenizer
        lengths = tokenizer.encode_joined([problem.prompt for problem in problems])[1]
        lengths += len(tokenizer.prefix_ids)
        check_prompts_fit(self.setup, problems, lengths)
        self.episodes.begin(rows, task, problems)
        for row, problem in zip(rows.tolist(), problems, strict=True):
            self.texts[row], self.drafts[row] = readable(problem.prompt), ""
        self.lengths[rows] = lengths
        self.num_actions[rows] = 0
        self.is_live[rows] = True

    def append(
        self, rows: NDArray[np.int64], texts: Sequence[str]
    ) -> tuple[NDArray[np.float64], TurnEnds | None]:
        """Appends one piece of text to each of ``rows``.

        Returns:
            float64[N], what each row was paid, and what happened to the rows whose turn ended, if any did.
        """
        rewards = np.zeros(len(rows))
        ended: list[int] = []
        turns: list[Turn] = []
        counts: list[int] = []
        steps: list[tuple[int, str]] = []
        self.num_actions[rows] += 1
        for position, (row, piece) in enumerate(zip(rows.tolist(), texts, strict=True)):
            before = len(self.drafts[row])
            said = plain(piece) if self.setup.task.is_chat else piece
            draft, count, is_cut = self._fit(row, self.drafts[row] + said)
            self.drafts[row] = draft
            is_over = is_cut or not (self.is_by_step and piece.endswith("\n"))
            if self.setup.reward.pay == "step":
                steps += [(position, draft[:stop]) for stop in _step_ends(draft, before, is_cut)]
            if is_over:
                ended.append(position)
                turns.append(Turn("agent", draft, not is_cut))
                counts.append(count if is_cut else count + 1)
        if steps:
            paid = self.episodes.pay_steps(
                [int(rows[position]) for position, _ in steps], [t for _, t in steps]
            )
            np.add.at(rewards, [position for position, _ in steps], paid)
        if not ended:
            return rewards, None
        ends = self._end_turns(rows[ended], turns, np.array(counts, np.int64))
        rewards[ended] += ends.rewards
        return rewards, ends

    def _fit(self, row: int, draft: str) -> tuple[str, int, bool]:
        """Returns the draft as far as the budget goes, its tokens, and whether the budget has cut it."""
        tokenizer, setup = self.setup.tokenizer, self.setup
        room = int(min(setup.max_new_tokens, setup.context_length - self.lengths[row]))
        draft_head = draft[: (room + 1) * tokenizer.max_token_chars]
        ids = tokenizer.encode(draft_head)
        if len(ids) < room and draft_head == draft:
            return draft, len(ids), False
        if tokenizer.max_token_chars == 1:
            return draft[:room], room, True
        cut = ids[:room]
        return tokenizer.decode(cut), len(cut), True

    def _end_turns(self, rows: NDArray[np.int64], turns: list[Turn], counts: NDArray[np.int64]) -> TurnEnds:
        setup = self.setup
        stopped = np.array([turn.is_complete for turn in turns], np.bool_)
        is_cut = ~stopped & (setup.context_length - self.lengths[rows] < setup.max_new_tokens)
        self.lengths[rows] += counts
        ends = self.episodes.end_turns(rows, turns, is_cut, setup.context_length - self.lengths[rows])
        for row, turn in zip(rows.tolist(), turns, strict=True):
            self.texts[row] += turn.text
            self.drafts[row] = ""
        for reply in ends.replies:
            self.texts[reply.row] += readable(reply.text)
            self.lengths[reply.row] += len(reply.tokens)
        self.is_live[rows[ends.ended]] = False
        return ends

    def text(self, row: int) -> str:
        """Returns the row's whole text so far, the unfinished turn included."""
        return self.texts[row] + self.drafts[row]

    def clone(self) -> Self:
        """Returns a copy that goes on independently."""
        copy = object.__new__(type(self))
        copy.__dict__.update(self.__dict__)
        copy.episodes = self.episodes.clone()
        copy.texts, copy.drafts = list(self.texts), list(self.drafts)
        for name in _ARRAYS:
            setattr(copy, name, getattr(self, name).copy())
        return copy

    def get_state(self) -> dict[str, Any]:
        arrays = {name: getattr(self, name).copy() for name in _ARRAYS}
        return {**arrays, "texts": list(self.texts), "drafts": list(self.drafts)}

    def set_state(self, state: dict[str, Any]) -> None:
        self.texts, self.drafts = list(state["texts"]), list(state["drafts"])
        for name in _ARRAYS:
            getattr(self, name)[...] = state[name]


_ARRAYS = ("lengths", "num_actions", "is_live")


def _step_ends(draft: str, before: int, is_cut: bool) -> list[int]:
    """Returns where steps end in the middle of the turn: after each newline from ``before`` on.

    Where the budget cuts the turn right there, the step is left out: it is paid with the turn.
    """
    stops = [i + 1 for i in range(before, len(draft)) if draft[i] == "\n"]
    return stops[:-1] if is_cut and stops and stops[-1] == len(draft) else stops
