"""States that a diagnosis looks at: drawn along walks of several kinds, or all of a small tree.

In: a model, transitions, problems. Out: different unfinished states, each with where it came from. Left out:
what the model's values there are held against (``q_diagnosis``).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from lmgym.records import Problem
from lmgym.seeding import make_generator
from lmgym_agents.diagnosis.action_scores import ActionScores, Scorer
from lmgym_agents.search.states import SearchState, Transitions

Source = Literal["demonstrations", "greedy", "policy", "random", "all"]
"""Whose walk a state lies on: a worked solution's; that of the best action by Q; a sample of the policy's;
one of uniform tokens. "all": every state of a problem whose tree is small."""

Choose = Callable[[ActionScores, Sequence[Problem], int], NDArray[np.int64]]
"""Returns for each of n rows which action of the support to take, -1: none; given the number of the step."""


def choose_greedily(scores: ActionScores, problems: Sequence[Problem], step: int) -> NDArray[np.int64]:
    """Chooses the action of the largest Q, the first of equal ones."""
    return _argmax(scores.q)


def choose_likeliest(scores: ActionScores, problems: Sequence[Problem], step: int) -> NDArray[np.int64]:
    """Chooses the action of the largest log-prob."""
    return _argmax(scores.logps)


def _argmax(scores: NDArray[np.float64]) -> NDArray[np.int64]:
    """Returns the place of each row's largest finite entry, the first of equal ones; -1: there is none."""
    usable = np.where(np.isfinite(scores), scores, -np.inf)
    found: NDArray[np.int64] = np.where(np.isfinite(usable).any(axis=1), usable.argmax(axis=1), -1)
    return found


def sample_policy(seed: int) -> Choose:
    """Returns a rule that draws from the policy, renormalised over the support."""

    def choose(scores: ActionScores, problems: Sequence[Problem], step: int) -> NDArray[np.int64]:
        chosen = np.full(len(problems), -1, np.int64)
        for row, (problem, logps) in enumerate(zip(problems, scores.logps, strict=True)):
            weights = np.exp(np.where(np.isnan(logps), -np.inf, logps) - np.nanmax(logps, initial=-1e9))
            if weights.sum() > 0:
                draw = make_generator(seed, "policy", problem.split, problem.index, step).random()
                place = int(np.searchsorted(weights.cumsum(), draw * weights.sum(), side="right"))
                chosen[row] = min(place, len(weights) - 1)
        return chosen

    return choose


def walk(
    scorer: Scorer, transitions: Transitions, problems: Sequence[Problem], choose: Choose, max_tokens: int
) -> list[list[SearchState]]:
    """Returns each problem's states from its start on; the last is finished unless the walk was cut short."""
    paths = [[transitions.start(problem)] for problem in problems]
    for step in range(max_tokens):
        live = [row for row, path in enumerate(paths) if len(path) == step + 1 and not path[-1].is_over]
        if not live:
            break
        states = [paths[row][-1] for row in live]
        chosen = choose(scorer.score(states), [problems[row] for row in live], step)
        for row, state, action in zip(live, states, chosen.tolist(), strict=True):
            if action >= 0:
                paths[row].append(transitions.apply(state, (int(scorer.support[action]),)))
    return paths


def walk_randomly(
    transitions: Transitions, problem: Problem, support: Sequence[int], seed: int, max_tokens: int
) -> list[SearchState]:
    """Returns the states of a walk of uniform tokens."""
    rng = make_generator(seed, "random", problem.split, problem.index)
    path = [transitions.start(problem)]
    while not path[-1].is_over and len(path) <= max_tokens:
        path.append(transitions.apply(path[-1], (int(support[int(rng.integers(len(support)))]),)))
    return path


def walk_demonstration(
    transitions: Transitions, problem: Problem, seed: int, max_tokens: int
) -> list[SearchState]:
    """Returns the states of a worked solution; a turn that its budget cuts ends there."""
    rng = make_generator(seed, "demonstrations", problem.split, problem.index)
    path, tokenizer = [transitions.start(problem)], transitions.tokenizer
    for text in transitions.task.demonstrations(problem, rng):
        num_turns = len(path[-1].turns)
        for token in (*tokenizer.encode(text), tokenizer.end_id):
            is_turn_over = path[-1].is_over or len(path[-1].turns) > num_turns
            if is_turn_over or len(path) > max_tokens:
                break
            path.append(transitions.apply(path[-1], (token,)))
    return path


def enumerate_states(
    transitions: Transitions, problem: Problem, support: Sequence[int], max_states: int
) -> list[SearchState] | None:
    """Returns every unfinished state of a problem, breadth first; None if there are over ``max_states``."""
    found = [transitions.start(problem)]
    place = 0
    while place < len(found):
        following = (transitions.apply(found[place], (token,)) for token in support)
        found += [state for state in following if not state.is_over]
        if len(found) > max_states:
            return None
        place += 1
    return found


def draw_states(
    scorer: Scorer,
    transitions: Transitions,
    problems: Sequence[Problem],
    acted: list[list[SearchState]],
    *,
    seed: int,
    number: int,
    sources: Sequence[Source],
    enumerate_up_to: int,
    max_walk_tokens: int,
) -> list[tuple[SearchState, Source]]:
    """Returns different unfinished states of all problems, each with its source.

    Args:
        scorer: of the model whose policy samples.
        transitions: of the task.
        problems: P problems.
        acted: the walk of each by the model's own choice, for the source "greedy".
        seed: of what is drawn.
        number: states that each problem gives, in equal shares from the sources.
        sources: kinds of walks.
        enumerate_up_to: a problem with at most so many unfinished states gives all of them instead.
        max_walk_tokens: tokens of a walk.
    """
    support, limit = scorer.support.tolist(), max_walk_tokens
    sampled = walk(scorer, transitions, problems, sample_policy(seed), limit) if "policy" in sources else []
    drawn = list[tuple[SearchState, Source]]()
    for place, problem in enumerate(problems):
        every = enumerate_states(transitions, problem, support, enumerate_up_to) if enumerate_up_to else None
        if every is not None:
            drawn += [(state, "all") for state in every]
            continue
        paths: dict[Source, list[SearchState]] = {}
        for source in sources:
            if source == "demonstrations":
                paths[source] = walk_demonstration(transitions, problem, seed, limit)
            elif source == "random":
                paths[source] = walk_randomly(transitions, problem, support, seed, limit)
            else:
                paths[source] = (acted if source == "greedy" else sampled)[place]
        drawn += _pick(paths, problem, number, seed)
    return drawn


def _pick(
    paths: Mapping[Source, list[SearchState]], problem: Problem, number: int, seed: int
) -> list[tuple[SearchState, Source]]:
    """Returns at most ``number`` different states, in equal shares from the paths."""
    seen = set[tuple[int, ...]]()
    picked = list[tuple[SearchState, Source]]()
    for rank, (source, path) in enumerate(paths.items()):
        rng = make_generator(seed, "states", source, problem.split, problem.index)
        share = number * (rank + 1) // len(paths) - number * rank // len(paths)
        fresh = [state for state in path if not state.is_over and state.tokens not in seen]
        for place in sorted(rng.permutation(len(fresh))[:share].tolist()):
            seen.add(fresh[place].tokens)
            picked.append((fresh[place], source))
    return picked
