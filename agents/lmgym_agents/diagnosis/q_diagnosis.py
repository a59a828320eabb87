"""How far learned values are from the truth, and how good they are as the heuristic of a search.

In: a state model (a Q function, or a value head), transitions of a task with computable optimal values, and
problems. Out: errors |Q - Q*| over states drawn along several kinds of walks, over-estimation, the ordering
of actions, violations of admissibility and consistency (``heuristic_quality``), and what acting by the values
comes to. Left out: training, pictures (``report.q_picture``).

Q*(s, a) = r + V*(s'), with V* by ``optimal_values``, in the mean over what a task hides (``hidden``). Only
actions of the support are looked at.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Problem
from lmgym_agents.diagnosis.action_scores import Scorer, largest
from lmgym_agents.diagnosis.heuristic_quality import Violations, find_inadmissible, find_inconsistent
from lmgym_agents.diagnosis.hidden import expected_action_values
from lmgym_agents.diagnosis.optimal_values import SuccessTruth, Truth, default_support
from lmgym_agents.diagnosis.ordering import find_ordering
from lmgym_agents.diagnosis.states import (
    Source,
    choose_greedily,
    choose_likeliest,
    draw_states,
    walk,
)
from lmgym_agents.search.states import SearchState, Transitions
from lmgym_agents.state_model import StateModel

if TYPE_CHECKING:
    from jaxtyping import Float

SOURCES: tuple[Source, ...] = ("demonstrations", "greedy", "policy", "random")


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """Learned and exact values of N states and the A actions of the support; NaN: unknown or unusable."""

    states: tuple[SearchState, ...]
    """Different ones, none finished."""
    sources: tuple[Source, ...]
    """Where each comes from."""
    support: tuple[int, ...]
    """The A tokens."""
    q: Float[np.ndarray, "N A"]
    optimal_q: Float[np.ndarray, "N A"]
    rewards: Float[np.ndarray, "N A"]
    """What each action pays at once, beside the value of what follows."""
    values: Float[np.ndarray, " N"]
    """V(s) as a search would use it: the largest Q of the support, or the model's own without a Q."""
    head_values: Float[np.ndarray, " N"] | None
    """V(s) of the model's own head; None: it has none."""
    optimal_values: Float[np.ndarray, " N"]
    next_values: Float[np.ndarray, "N A"] | None
    """V(s') after each action, finished states at what they pay; None: not asked for."""
    returns: Float[np.ndarray, " P"]
    """Of acting by the values from the start of each of P problems; NaN: the walk was cut short."""
    optimal_returns: Float[np.ndarray, " P"]
    num_too_long: int
    """Times that the model was asked about a state longer than it reads."""
    tolerance: float
    """Differences up to it count as none."""

    def only(self, source: Source) -> Float[np.ndarray, " M"]:
        """Returns Q - Q* of the states of one source, actions of both known, float64[M]."""
        chosen = [place for place, found in enumerate(self.sources) if found == source]
        errors = (self.q - self.optimal_q)[chosen]
        known: NDArray[np.float64] = errors[np.isfinite(errors)]
        return known

    def metrics(self, prefix: str = "") -> dict[str, float]:
        """Returns every number by name, for a log; what has nothing to be computed from is left out."""
        found: dict[str, float] = {
            **self._count(),
            **self._measure_errors(),
            **self._measure_overestimation(),
            **find_ordering(self.q, self.optimal_q)._asdict(),
            **_spread("inadmissible", find_inadmissible(self.values, self.optimal_values,
                                                        tolerance=self.tolerance)),
            **self._measure_returns(),
        }  # fmt: skip
        if self.next_values is not None:
            found |= _spread("inconsistent", find_inconsistent(
                self.values, self.rewards, self.next_values, tolerance=self.tolerance))  # fmt: skip
        return {f"{prefix}{name}": float(value) for name, value in found.items() if math.isfinite(value)}

    def _count(self) -> dict[str, float]:
        gaps = np.abs(largest(self.optimal_q) - self.optimal_values)
        return {
            "num_states": len(self.states),
            "num_nan": int((~np.isfinite(self.q)).sum()),
            "num_unknown": int(np.isnan(self.optimal_q).sum()),
            "num_too_long": self.num_too_long,
            # Not 0: the support or a budget forbids the best action, or the task hides something.
            "optimality_gap_rate": _mean(gaps[np.isfinite(gaps)] > 1e-9),
        }

    def _measure_errors(self) -> dict[str, float]:
        errors = self.q - self.optimal_q
        known = errors[np.isfinite(errors)]
        found = {
            "q_error_mean": _mean(np.abs(known)),
            "q_error_max": float(np.abs(known).max(initial=0.0)),
            "q_bias": _mean(known),
        }
        for source in dict.fromkeys(self.sources):
            found[f"q_error_mean/{source}"] = _mean(np.abs(self.only(source)))
        if self.head_values is not None:
            difference = np.abs(self.head_values - self.optimal_values)
            found["value_error_mean"] = _mean(difference[np.isfinite(difference)])
        return found

    def _measure_overestimation(self) -> dict[str, float]:
        excess = largest(self.q) - self.optimal_values
        excess = excess[np.isfinite(excess)]
        over = excess[excess > self.tolerance]
        return {
            "overestimation_rate": _mean(excess > self.tolerance),
            "overestimation_mean": _mean(over) if len(over) else 0.0,
            "overestimation_max": float(over.max(initial=0.0)),
        }

    def _measure_returns(self) -> dict[str, float]:
        is_known = np.isfinite(self.returns) & np.isfinite(self.optimal_returns)
        reached, best = self.returns[is_known], self.optimal_returns[is_known]
        return {
            "greedy_return": _mean(reached),
            "optimal_return": _mean(best),
            "regret": _mean(best - reached),
        }


def diagnose(
    model: StateModel,
    transitions: Transitions,
    problems: Sequence[Problem],
    *,
    seed: int = 0,
    states_per_problem: int = 8,
    sources: Sequence[Source] = SOURCES,
    support: Sequence[int] | None = None,
    truth: Truth | None = None,
    enumerate_up_to: int = 0,
    acting: Literal["q", "policy"] = "q",
    max_walk_tokens: int = 256,
    is_consistency_checked: bool = True,
    tolerance: float = 0.01,
    alike: Sequence[Problem] = (),
) -> Diagnosis:
    """Returns what a model's values are worth on some problems.

    Args:
        model: asked about many prefixes at once; without Q, V is looked up one token ahead.
        transitions: of a task whose optimal values are known.
        problems: P of its problems, at least one.
        seed: of the walks. What is drawn for a problem does not depend on the other problems.
        states_per_problem: states that each problem gives, in equal shares from the walks of ``sources``;
            fewer where walks are short or meet (a state counts once, for the first of the sources).
        sources: kinds of walks.
        support: token ids of the actions looked at; by default the task's alphabet and the end tokens.
        truth: exact values; by default the probability of success.
        enumerate_up_to: a problem with at most so many unfinished states gives all of them instead.
        acting: walks of "greedy" and the returns follow the largest Q, or the likeliest token of the policy
            (for logits as Q, whose policy is the optimal one).
        max_walk_tokens: tokens of a walk; a return that is cut off is left out.
        is_consistency_checked: asks the model about all that follows the states, too: A times the work.
        tolerance: differences up to it count as none, in the reward's unit.
        alike: where the task hides something, all problems that look the same at the start (see
            ``hidden.find_alike``); without them Q* of an action is that of the problem at hand.

    Raises:
        UnknownNameError: a source that does not exist.
        InvalidValueError: a number out of its range, no problem, no support, a model without Q and V, or a
            task that knows the value of none of the states.
    """
    _check(problems, states_per_problem, sources, enumerate_up_to, max_walk_tokens, tolerance)
    tokens = tuple(default_support(transitions) if support is None else support)
    if not tokens:
        raise InvalidValueError("support is empty: give at least one token.")
    truth = truth or SuccessTruth(transitions, support=tokens)
    scorer = Scorer(model, transitions, truth, tokens)
    rule = choose_greedily if acting == "q" else choose_likeliest
    acted = walk(scorer, transitions, problems, rule, max_walk_tokens)
    drawn = draw_states(
        scorer, transitions, problems, acted, seed=seed, number=states_per_problem, sources=sources,
        enumerate_up_to=enumerate_up_to, max_walk_tokens=max_walk_tokens,
    )  # fmt: skip
    worth = truth.values([state for state, _ in drawn])
    kept = [place for place, value in enumerate(worth) if not np.isnan(value)]
    if not kept:
        raise InvalidValueError(
            f"{transitions.task.fingerprint} knows the optimal value of none of {len(drawn)} states; a "
            "diagnosis needs a task with optimal_value, or truth=."
        )
    states = [drawn[place][0] for place in kept]
    after = scorer.follow(states)
    shape = (len(states), len(tokens))
    rewards = truth.rewards([state for state in states for _ in tokens], after)
    scores = scorer.score(states)
    return Diagnosis(
        states=tuple(states),
        sources=tuple(drawn[place][1] for place in kept),
        support=tokens,
        q=scores.q,
        optimal_q=expected_action_values(transitions, truth, states, tokens, alike),
        rewards=rewards.reshape(shape),
        values=scores.heuristic,
        head_values=scores.values,
        optimal_values=worth[kept],
        next_values=scorer.values(after).reshape(shape) if is_consistency_checked else None,
        returns=np.array([_sum_rewards(path, truth) for path in acted]),
        optimal_returns=truth.values([path[0] for path in acted]),
        num_too_long=scorer.num_too_long,
        tolerance=tolerance,
    )


def _sum_rewards(path: list[SearchState], truth: Truth) -> float:
    """Returns the return of a walk, NaN if it did not come to its end."""
    if not path[-1].is_over:
        return float("nan")
    return float(truth.rewards(path[:-1], path[1:]).sum() + truth.values(path[-1:])[0])


def _check(
    problems: Sequence[Problem],
    states_per_problem: int,
    sources: Sequence[Source],
    enumerate_up_to: int,
    max_walk_tokens: int,
    tolerance: float,
) -> None:
    for source in sources:
        if source not in SOURCES:
            raise UnknownNameError("source of states", source, SOURCES)
    if not problems or not sources:
        raise InvalidValueError("a diagnosis needs at least one problem and one source of states.")
    if states_per_problem < 1 or enumerate_up_to < 0 or max_walk_tokens < 1 or not 0 <= tolerance < math.inf:
        raise InvalidValueError(
            "a diagnosis needs states_per_problem >= 1, enumerate_up_to >= 0, max_walk_tokens >= 1 and a "
            f"finite tolerance >= 0, got {states_per_problem=}, {enumerate_up_to=}, {max_walk_tokens=}, "
            f"{tolerance=}."
        )


def _spread(name: str, found: Violations) -> dict[str, float]:
    return {f"{name}_rate": found.rate, f"{name}_mean": found.mean, f"{name}_max": found.largest}


def _mean(values: NDArray[Any]) -> float:
    return float(values.mean()) if len(values) else float("nan")
