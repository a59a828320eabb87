"""What actions are worth where a task hides something: the mean over all that may be hidden.

In: states, the problems that look alike at their start, a truth. Out: Q*(s, a). An agent cannot tell such
problems apart until a reply does, so that Q* of an action is the mean over those problems in which the
episode would have read the same up to now. Left out: V* (``Truth``; tasks give it for what an agent knows).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lmgym.records import Problem
from lmgym_agents.diagnosis.optimal_values import Truth
from lmgym_agents.search.states import SearchState, Transitions


def find_alike(problems: Sequence[Problem]) -> list[Problem]:
    """Returns the problems, one of each key, whose prompt another key has too; all are equally likely."""
    distinct = {(problem.prompt, problem.key): problem for problem in problems}
    prompts = [prompt for prompt, _ in distinct]
    return [problem for problem in distinct.values() if prompts.count(problem.prompt) > 1]


def expected_action_values(
    transitions: Transitions,
    truth: Truth,
    states: Sequence[SearchState],
    support: Sequence[int],
    alike: Sequence[Problem] = (),
) -> NDArray[np.float64]:
    """Returns float64[n, A], r + V* of what follows each action in n unfinished states; NaN: unknown.

    Args:
        transitions: of the task.
        truth: exact values.
        states: unfinished ones.
        support: the A actions, token ids.
        alike: the problems that a state's own may be taken for, equally likely, its own among them; a state
            that none of them leads to is looked at by itself.
    """
    worlds = [_find_worlds(transitions, state, alike) or [state] for state in states]
    before = [world for found in worlds for world in found for _ in support]
    after = [transitions.apply(world, (token,)) for found in worlds for world in found for token in support]
    q = (truth.rewards(before, after) + truth.values(after)).reshape(-1, len(support))
    ends = np.cumsum([len(found) for found in worlds])
    return np.array([q[end - len(found) : end].mean(axis=0) for found, end in zip(worlds, ends, strict=True)])


def _find_worlds(transitions: Transitions, state: SearchState, alike: Sequence[Problem]) -> list[SearchState]:
    """Returns the states of other problems that an agent cannot tell from this one, and itself."""
    if all(problem.prompt != state.problem.prompt for problem in alike):
        return []
    played = (_play_again(transitions, problem, state.tokens) for problem in alike)
    return [world for world in played if world is not None]


def _play_again(
    transitions: Transitions, problem: Problem, tokens: tuple[int, ...]
) -> SearchState | None:  # fmt: skip
    """Returns the unfinished state of a problem whose row reads so; None: its replies would be others."""
    state = transitions.start(problem)
    while not state.is_over and tokens[: len(state.tokens)] == state.tokens:
        if state.tokens == tokens:
            return state
        state = transitions.apply(state, (tokens[len(state.tokens)],))
    return None
