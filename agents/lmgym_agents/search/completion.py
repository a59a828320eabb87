"""Episodes finished by sampling: what Monte-Carlo values and the search by plain sampling are made of.

In: states and random streams. Out: finished states, the log-probs of what was said, tokens sampled. Left out:
what is made of them.

What is drawn depends on (seed, stream, turn) alone; all states of a call are one batch of the engine.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmgym.records import Problem
from lmgym.seeding import make_key
from lmgym_agents.engine import Generation
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.search.states import Action, SearchState, Transitions

_STREAM_BITS = (1 << 62) - 1


class Sampler(Protocol):
    """What is asked of an engine (``lmgym_agents.engine.Engine`` is one)."""

    def generate(
        self,
        prompts: Sequence[ArrayLike],
        params: SamplingParams,
        *,
        seed: int,
        max_new_tokens: ArrayLike,
        request_ids: ArrayLike,
    ) -> Generation:
        """Samples a continuation of every prompt."""
        ...


class Completion(NamedTuple):
    """A state played on to its end."""

    state: SearchState
    """Not over only where the model's context came first."""
    logp: float
    """Log-prob of what was sampled, nats."""
    num_tokens: int
    """Tokens sampled."""


class Said(NamedTuple):
    """What was sampled in one state."""

    action: Action
    logp: float


def problem_stream(problem: Problem, seed: int, *path: int | str) -> int:
    """Returns the random stream of a problem, an int in [0, 2**62) for ``request_ids``."""
    name = f"{problem.split}/{problem.index}/{problem.prompt}"
    return make_key(seed, *path, _digest(name.encode())) & _STREAM_BITS


def state_stream(state: SearchState, seed: int, *path: int | str) -> int:
    """Returns the random stream of a state, which its problem and its tokens fix."""
    tokens = _digest(np.asarray(state.tokens, np.int64).tobytes())
    return problem_stream(state.problem, seed, *path, tokens)


def _digest(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def checked_params(params: SamplingParams | None, transitions: Transitions) -> SamplingParams:
    """Returns how whole turns are drawn: as given (by default at temperature 1), in the turn's own budget."""
    params = params or SamplingParams(max_new_tokens=1)
    stop_ids = transitions.tokenizer.end_ids
    return dataclasses.replace(params, stop_ids=stop_ids, max_new_tokens=transitions.max_new_tokens)


def room_for(engine: Sampler, transitions: Transitions, state: SearchState) -> int:
    """Returns how many tokens can be sampled: what the turn has left and the engine's context holds."""
    longest: int | None = getattr(engine, "max_length", None)
    room: int = transitions.tokens_left(state)
    return room if longest is None else min(room, longest - len(state.tokens))


def sample_actions(
    engine: Sampler,
    states: Sequence[SearchState],
    params: SamplingParams,
    *,
    rooms: Sequence[int],
    streams: Sequence[int],
    seed: int,
) -> list[Said]:
    """Returns a continuation of every state, at most ``rooms[i]`` tokens of it, and its log-prob."""
    if not states:
        return []
    rows = [np.array(state.tokens, np.int64) for state in states]
    budgets = np.minimum(np.array(rooms, np.int64), params.max_new_tokens)
    generation = engine.generate(
        rows, params, seed=seed, max_new_tokens=budgets, request_ids=np.array(streams, np.int64)
    )
    tokens, lengths = generation.tokens.tolist(), generation.lengths.tolist()
    logps = generation.logps.double().sum(dim=1).tolist()
    return [Said(tuple(row[:length]), logp) for row, length, logp in zip(tokens, lengths, logps, strict=True)]


def complete(
    engine: Sampler,
    transitions: Transitions,
    states: Sequence[SearchState],
    params: SamplingParams,
    *,
    streams: Sequence[int],
    seed: int,
) -> list[Completion]:
    """Returns every state played on to its end, turn by turn; finished ones as they are.

    Args:
        engine: samples.
        transitions: plays.
        states: n states.
        params: how tokens are drawn; of ``checked_params``.
        streams: int[n] in [0, 2**62), each state's random stream.
        seed: of the sampling.
    """
    found = [Completion(state, 0.0, 0) for state in states]
    turn = 0
    while True:  # each round adds a token to every row that is left, and rows are bounded
        rooms = [room_for(engine, transitions, done.state) for done in found]
        rows = [i for i, room in enumerate(rooms) if room > 0]
        if not rows:
            return found
        said = sample_actions(
            engine,
            [found[i].state for i in rows],
            params,
            rooms=[rooms[i] for i in rows],
            streams=[streams[i] for i in rows],
            seed=make_key(seed, "turn", turn),
        )
        for row, (action, logp) in zip(rows, said, strict=True):
            state = transitions.apply(found[row].state, action)
            found[row] = Completion(state, found[row].logp + logp, found[row].num_tokens + len(action))
        turn += 1


def verified(transitions: Transitions, states: Sequence[SearchState]) -> NDArray[np.bool_]:
    """Returns bool[n], True where the task's verifier says correct; unfinished states never are."""
    verdicts = transitions.verify(states)
    pairs = zip(states, verdicts, strict=True)
    return np.array([state.is_over and verdict.status == "correct" for state, verdict in pairs], np.bool_)
