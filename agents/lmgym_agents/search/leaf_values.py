"""What states are worth: by a model's value or Q function, a process reward model, roll-outs, the verifier.

In: states. Out: expected returns, NaN where there is no idea. Left out: who asks.

Finished states. ``terminal="verifier"``: the verifier's 1 or 0, for puzzles that check themselves (on others
it looks at the hidden reference). ``terminal="model"``: the model's own opinion of the finished episode.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Literal, Protocol, get_args

import numpy as np
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_key
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.completion import Sampler, checked_params, complete, state_stream
from lmgym_agents.search.expansion import Candidates, Expander
from lmgym_agents.search.foreign_parts import ask_model
from lmgym_agents.search.states import SearchState, Transitions
from lmgym_agents.search.token_expander import TokenExpander
from lmgym_agents.state_model import StateModel

Terminal = Literal["verifier", "model"]


class StepModel(Protocol):
    """A process reward model (``lmgym_agents.process.reward.LearnedSteps`` is one)."""

    def values(
        self, prompts: Sequence[str], prefixes: Sequence[str], is_complete: Sequence[bool] | None = None
    ) -> NDArray[np.float64]:
        """Returns the chance of each prefix that all is well so far, in [0, 1]."""
        ...


class _Values(ABC):
    """Asks the verifier about finished states where it may, and a model about the others."""

    def __init__(
        self,
        transitions: Transitions,
        terminal: Terminal,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        if terminal not in get_args(Terminal):
            raise InvalidValueError(f"terminal must be 'verifier' or 'model', got {terminal!r}.")
        if value_range is not None and not value_range[0] < value_range[1]:
            raise InvalidValueError(f"value_range must be (low, high) with low < high, got {value_range!r}.")
        self._transitions, self._terminal, self._range = transitions, terminal, value_range
        self.num_tokens = 0
        self.last_num_tokens = np.zeros(0, np.int64)

    def __call__(self, states: Sequence[SearchState], *, seed: int) -> NDArray[np.float64]:
        """See ``LeafValues``."""
        values = np.full(len(states), np.nan)
        tokens = np.zeros(len(states), np.int64)
        is_judged = np.array([s.is_over and self._terminal == "verifier" for s in states], np.bool_)
        judged, asked = np.flatnonzero(is_judged).tolist(), np.flatnonzero(~is_judged).tolist()
        if len(judged):
            values[judged] = _verdict_values(self._transitions, [states[i] for i in judged])
        if len(asked):
            found, tokens[asked] = self._ask([states[i] for i in asked], seed)
            # A model's value beyond the range is as good as the range's end; of NaN nothing can be said.
            values[asked] = found if self._range is None else np.clip(found, *self._range)
        values[~np.isfinite(values)] = np.nan
        self.last_num_tokens = tokens
        self.num_tokens += int(tokens.sum())
        return values

    @abstractmethod
    def _ask(
        self, states: Sequence[SearchState], seed: int
    ) -> tuple[NDArray[np.float64], NDArray[np.int64]]: ...


def _verdict_values(transitions: Transitions, states: Sequence[SearchState]) -> NDArray[np.float64]:
    """Returns 1 or 0 for each state, NaN where the verifier failed."""
    worth = {"correct": 1.0, "wrong": 0.0, "error": np.nan}
    return np.array([worth[verdict.status] for verdict in transitions.verify(states)])


class VerifierValues(_Values):
    """The verifier's 1 or 0 of finished states, a constant for the others; costs no token."""

    def __init__(self, transitions: Transitions, *, unfinished: float = 0.0) -> None:
        """Joins the parts.

        Args:
            transitions: verify.
            unfinished: value of every unfinished state; NaN: no idea.
        """
        super().__init__(transitions, "verifier")
        self._unfinished = unfinished

    def _ask(self, states: Sequence[SearchState], seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        return np.full(len(states), self._unfinished), np.zeros(len(states), np.int64)


class ModelValues(_Values):
    """V(s), or max_a Q(s, a) over the support: one forward pass for all states, 1 token each."""

    def __init__(
        self,
        model: StateModel,
        transitions: Transitions,
        *,
        terminal: Terminal,
        read: Literal["value", "max_q"] = "value",
        support: Expander | None = None,
        value_range: tuple[float, float] | None = None,
    ) -> None:
        """Joins the parts.

        Of a finished state the model is asked before its last token a: Q(s, a) where it is a Q function,
        else V(s), because no model is trained on states in which nothing can be done.

        Args:
            model: has values, or Q.
            transitions: of the same tokenizer.
            terminal: see the module.
            read: what an unfinished state is worth.
            support: "max_q": the maximum is over the candidates of this expander; by default over what a
                ``TokenExpander`` allows.
            value_range: values are clipped to it; None: as they are. NaN and, without a range, infinities
                become NaN.
        """
        if read not in ("value", "max_q"):
            raise InvalidValueError(f"read must be 'value' or 'max_q', got {read!r}.")
        super().__init__(transitions, terminal, value_range)
        self._model = model
        self._support = None if read == "value" else support or TokenExpander(model, transitions)

    def _ask(self, states: Sequence[SearchState], seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        values, tokens = np.full(len(states), np.nan), np.zeros(len(states), np.int64)
        best = [] if self._support is None else [i for i, state in enumerate(states) if not state.is_over]
        if self._support is not None and best:
            for row, found in zip(
                best, self._support.expand([states[i] for i in best], seed=seed), strict=True
            ):
                tokens[row], values[row] = found.num_tokens, _best_q(found)
        longest = self._model.max_length
        rest = sorted(set(range(len(states))) - set(best))
        rest = [i for i in rest if longest is None or len(_row(states[i])) <= longest]
        if rest:
            tokens[rest], values[rest] = 1, self._read([states[i] for i in rest])
        return values, tokens

    def _read(self, states: Sequence[SearchState]) -> NDArray[np.float64]:
        """Returns V of unfinished states, Q (else V) of the last token of finished ones."""
        said = ask_model(self._model, [_row(state) for state in states])
        is_over = np.array([state.is_over for state in states])
        if said.values is None and (said.q is None or not is_over.all()):
            raise InvalidValueError(
                "the model has no values; train some, or use read='max_q' of a Q function."
            )
        values = np.full(len(states), np.nan) if said.values is None else said.values.astype(np.float64)
        if said.q is None:
            return values
        last = [state.tokens[-1] for state in states]
        return np.where(is_over, said.q[np.arange(len(states)), last], values)


def _best_q(found: Candidates) -> float:
    if found.q is None and found.actions:
        raise InvalidValueError("read='max_q' needs a model that is a Q function.")
    return float("nan") if found.q is None else float(found.q.max(initial=-np.inf))


def _row(state: SearchState) -> tuple[int, ...]:
    tokens: tuple[int, ...] = state.tokens
    return tokens[:-1] if state.is_over else tokens


class ProcessRewardValues(_Values):
    """What a process reward model thinks of the steps so far, in [0, 1].

    It reads the whole response again, without a cache: all of its tokens count. A response in which no step
    has begun is worth 0.
    """

    def __init__(self, steps: StepModel, transitions: Transitions, *, terminal: Terminal) -> None:
        """Joins the parts.

        Raises:
            InvalidValueError: a task of several turns, of which process reward models know nothing.
        """
        if transitions.task.max_turns > 1:
            raise InvalidValueError(
                "process reward models read a single response; the task has several turns."
            )
        super().__init__(transitions, terminal, (0.0, 1.0))
        self._steps = steps

    def _ask(self, states: Sequence[SearchState], seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        prompts = [state.problem.prompt for state in states]
        is_complete = [bool(state.turns) and state.turns[-1].is_complete for state in states]
        texts = [self._transitions.text(state) for state in states]
        return self._steps.values(prompts, texts, is_complete), np.array([s.num_actions for s in states])


class RolloutLeafValues(_Values):
    """Share of sampled completions that the verifier calls correct; all sampled tokens count.

    What is sampled depends on (seed, state) alone. Roll-outs that the verifier could not judge are left out.
    Finished states are verified.
    """

    def __init__(
        self,
        engine: Sampler,
        transitions: Transitions,
        *,
        num_rollouts: int = 4,
        params: SamplingParams | None = None,
    ) -> None:
        """Joins the parts.

        Args:
            engine: samples with the policy whose success is measured.
            transitions: play and verify.
            num_rollouts: from each state.
            params: how tokens are drawn; by default at temperature 1.

        Raises:
            InvalidValueError: ``num_rollouts`` below 1.
        """
        if num_rollouts < 1:
            raise InvalidValueError(f"num_rollouts must be an integer of at least 1, got {num_rollouts!r}.")
        super().__init__(transitions, "verifier")
        self._engine, self._num_rollouts = engine, num_rollouts
        self._params = checked_params(params, transitions)

    def _ask(self, states: Sequence[SearchState], seed: int) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        k = self._num_rollouts
        firsts = [state_stream(state, seed, "rollouts") for state in states]
        done = complete(
            self._engine,
            self._transitions,
            [state for state in states for _ in range(k)],
            self._params,
            streams=[first + number for first in firsts for number in range(k)],
            seed=make_key(seed, "values"),
        )
        worth = _verdict_values(self._transitions, [one.state for one in done]).reshape(len(states), k)
        num_valid = np.isfinite(worth).sum(axis=1)
        shares = np.where(num_valid > 0, np.nansum(worth, axis=1) / np.maximum(num_valid, 1), np.nan)
        return shares, np.array([one.num_tokens for one in done]).reshape(len(states), k).sum(axis=1)
