"""States of a search and what actions do to them: a task, a tokenizer and budgets as pure functions.

In: problems and actions (token sequences). Out: immutable states. Left out: which actions are worth a try
(``expansion``), what states are worth (``leaf_values``), models.

A state is a value: it may be kept, compared, expanded twice, and dropped, and its tokens are exactly those
that a token environment would hold after the same actions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from lmgym.envs.replies import encode_replies
from lmgym.envs.setup import Setup, check_prompts_fit, make_setup
from lmgym.errors import InvalidValueError
from lmgym.records import Problem, Transcript, Turn, Verdict
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer

Action = tuple[int, ...]
"""Token ids, at least one; a token, a step or a whole response. An end token can only be the last."""


class SearchState(NamedTuple):
    """An episode so far."""

    problem: Problem
    tokens: tuple[int, ...]
    """The whole row as a model reads it: prefix, prompt, the agent's tokens and the environment's replies."""
    turns: tuple[Turn, ...]
    """Finished turns of both sides."""
    task_state: Any
    """What ``Task.respond`` has made of them."""
    partial: tuple[int, ...] = ()
    """Tokens of the agent's unfinished turn, the last ones of ``tokens``."""
    num_actions: int = 0
    """Tokens that the agent has chosen."""
    terminated: bool = False
    """The task has ended."""
    truncated: bool = False
    """A budget has ended first."""

    @property
    def is_over(self) -> bool:
        """Nothing can follow."""
        return self.terminated or self.truncated

    @property
    def transcript(self) -> Transcript:
        """What verifiers and rewards read."""
        return Transcript(self.problem, self.turns, self.terminated, self.truncated)


class Transitions:
    """What follows from what, for one task, tokenizer and set of budgets; the budgets of ``gym.make``."""

    def __init__(self, task: Task, tokenizer: TextTokenizer, **options: Any) -> None:
        """Joins the parts.

        Args:
            task: pure functions on text.
            tokenizer: of the model that guides the search; for chat tasks its chat template is added.
            **options: budgets as ``gym.make`` takes them: max_new_tokens, max_prompt_tokens,
                max_episode_tokens.

        Raises:
            InvalidValueError: a budget that is not allowed.
        """
        self.setup: Setup = make_setup(task, tokenizer=tokenizer, **options)
        self.task, self.tokenizer = task, self.setup.tokenizer
        self.max_new_tokens = self.setup.max_new_tokens
        self.context_length = self.setup.context_length
        self._end_ids = frozenset(self.tokenizer.end_ids)

    def start(self, problem: Problem) -> SearchState:
        """Returns the state in which the agent has said nothing yet.

        Raises:
            PromptTooLongError: the prompt doesn't fit.
        """
        tokens = (*self.tokenizer.prefix_ids, *self.tokenizer.encode(problem.prompt))
        check_prompts_fit(self.setup, [problem], np.array([len(tokens)]))
        return SearchState(problem, tokens, (), self.task.start(problem))

    def tokens_left(self, state: SearchState) -> int:
        """Returns how many more tokens the agent's present turn can take; 0 where the episode is over."""
        if state.is_over:
            return 0
        in_turn = self.max_new_tokens - len(state.partial)
        return min(in_turn, self.context_length - len(state.tokens))

    def apply(self, state: SearchState, action: Action) -> SearchState:
        """Returns the state after an action; the turn ends with an end token or with its budget.

        Raises:
            InvalidValueError: the state is over, or the action is empty, longer than what is left of the
                turn, or goes on after an end token.
        """
        room = self.tokens_left(state)
        if not 0 < len(action) <= room or not self._end_ids.isdisjoint(action[:-1]):
            raise InvalidValueError(
                f"an action of {len(action)} tokens {action[:8]} where {room} are left; allowed: 1 to {room} "
                "tokens with an end token at most as the last."
            )
        partial, tokens = (*state.partial, *action), (*state.tokens, *action)
        moved = state._replace(tokens=tokens, partial=partial, num_actions=state.num_actions + len(action))
        is_ended = action[-1] in self._end_ids
        if not is_ended and len(action) < room:
            return moved
        turn = Turn("agent", self.tokenizer.decode(partial), is_ended)
        moved = moved._replace(turns=(*state.turns, turn), partial=())
        # As the environments have it: an episode whose budget ends within a turn is not answered.
        is_cut = not is_ended and len(partial) < self.max_new_tokens
        return moved._replace(truncated=True) if is_cut else self._answer(moved, turn)

    def _answer(self, state: SearchState, turn: Turn) -> SearchState:
        task_state, reply, is_over = self.task.respond(state.task_state, turn)
        if is_over:
            return state._replace(task_state=task_state, terminated=True)
        ids = tuple(encode_replies(self.tokenizer, [reply or ""], [turn.is_complete])[0].tolist())
        if len(state.tokens) + len(ids) + 1 > self.context_length:
            return state._replace(task_state=task_state, truncated=True)
        turns = state.turns if reply is None else (*state.turns, Turn("environment", reply))
        return state._replace(task_state=task_state, tokens=(*state.tokens, *ids), turns=turns)

    def verify(self, states: Sequence[SearchState]) -> list[Verdict]:
        """Returns the task's verdicts on states that are over, or on unfinished ones (never correct)."""
        return self.task.verify_batch([state.transcript for state in states])

    def text(self, state: SearchState) -> str:
        """Returns what the agent has said in its present or last turn, special tokens dropped."""
        return self.tokenizer.decode(state.partial) if state.partial else state.transcript.response
