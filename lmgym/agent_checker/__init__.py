"""``check_agent``: the laws that an agent keeps, tried on anybody's agent.

Comes in: an agent, or what makes one. Goes out: what was seen of it, or a CheckError that names the call,
what was expected and the likely cause. Left out: how good it is (``lmgym eval``) and whether it learns
(``lmgym bench``).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import gymnasium as gym

from lmgym.agent import Agent
from lmgym.agent_checker.acting import ActingWatch, check_form
from lmgym.agent_checker.calls import call_agent, takes_seed
from lmgym.agent_checker.episodes import Played, play_episodes
from lmgym.agent_checker.learning import check_files, check_observe
from lmgym.agent_checker.samples import Sample, make_samples
from lmgym.checker.laws import are_equal, require
from lmgym.envs.vector import TokenVectorEnv
from lmgym.tasks.base import Task

NUM_ROWS = 64


@dataclass(frozen=True, kw_only=True)
class AgentCheck:
    """What was seen of an agent that keeps the laws."""

    name: str
    env_id: str
    granularity: str
    methods: tuple[str, ...]
    """Those of observe, learn, save and load that it has."""
    success: float
    """Share of the episodes played that succeeded, before learning."""
    stop_rate: float
    """Share of the episodes in which each turn ended by an end token and not by its budget."""
    act_s: Mapping[int, float]
    """Seconds that a call of act took, by its number of observations."""
    notes: tuple[str, ...]
    """What is allowed, and worth knowing."""

    def __str__(self) -> str:
        speed = ", ".join(f"{seconds * 1e3:.2f} ms for {rows}" for rows, seconds in self.act_s.items())
        has = ", ".join(("act", *self.methods))
        lines = [
            f"{self.name} keeps the laws of agents ({self.granularity} by {self.granularity}; has {has}).",
            f"{NUM_ROWS} episodes of {self.env_id}: success {self.success:.0%}, turns ended by themselves in "
            f"{self.stop_rate:.0%}.",
            f"act: {speed} observations.",
        ]
        return "\n".join([*lines, *(f"note: {note}" for note in self.notes)])


def check_agent(
    agent: Agent | Callable[..., Agent],
    env: str | Task = "lmgym/Echo-v0",
    *,
    seed: int = 0,
    env_options: Mapping[str, Any] | None = None,
) -> AgentCheck:
    """Returns what was seen of ``agent``, which keeps the laws of ``lmgym.agent.Agent``.

    The laws: ``granularity`` is known; ``act`` takes batches of one and of many, observations that are nearly
    empty or as long as they get, and returns an action in range for each without changing them;
    ``observe`` or ``learn`` takes one argument, and after ``observe`` the agent still acts; agents made with
    the same seed act alike; what ``save`` writes makes another agent act alike, in whatever folder it lies.

    Args:
        agent: an agent; better a class or function that makes one, called with ``seed`` if it takes one:
            seeds can be checked then, and whether a new agent loads what another has saved.
        env: id of an environment, or a task; those the agent is made for.
        seed: of the agents made, and of the episodes played.
        env_options: further options of the environment.

    Raises:
        CheckError: a law is broken.
    """
    make = agent if isinstance(agent, type) or not hasattr(agent, "act") else None
    first = cast("Agent", agent) if make is None else _make(make, seed)
    check_form(first)
    vector = _make_env(env, first, env_options or {})
    try:
        return _check(first, make, vector, seed, env if isinstance(env, str) else env.fingerprint)
    finally:
        vector.close()


def _check(
    agent: Agent, make: Callable[..., Agent] | None, env: TokenVectorEnv, seed: int, env_id: str
) -> AgentCheck:
    samples = make_samples(agent, env, seed)
    watch = ActingWatch(env)
    notes = watch.check(agent, samples)
    if make is not None:
        notes += _check_seeds(make, watch, samples, seed)
    played = play_episodes(agent, env, seed)
    notes += _note_ends(agent, played, env)
    act_s = dict(watch.act_s)
    has = [name for name in ("observe", "learn", "save", "load") if hasattr(agent, name)]
    if "observe" in has:
        check_observe(agent, env, seed)
        watch.check(agent, samples)
    if "learn" in has:
        notes.append("learn was not called; `lmgym bench` does.")
    if "save" in has:
        check_files(agent, (lambda: _make(make, seed)) if make is not None else None, watch, samples)
    return AgentCheck(
        name=type(agent).__name__, env_id=env_id, granularity=agent.granularity, methods=tuple(has),
        success=float(played.experience.success.mean()), stop_rate=float(played.stopped.mean()),
        act_s=act_s, notes=tuple(notes),
    )  # fmt: skip


def _make(make: Callable[..., Agent], seed: int) -> Agent:
    name = getattr(make, "__name__", type(make).__name__)
    call = f"{name}({f'seed={seed}' if takes_seed(make) else ''})"
    made = functools.partial(make, seed=seed) if takes_seed(make) else make
    cause = "a mistake in the constructor; or a parameter without a default: then check an agent that is made"
    return cast("Agent", call_agent(call, "an agent", made, cause=cause))


def _make_env(env: str | Task, agent: Agent, env_options: Mapping[str, Any]) -> TokenVectorEnv:
    tokenizer = getattr(agent, "tokenizer", None) or "char"
    options: dict[str, Any] = {"autoreset_mode": "DISABLED", "tokenizer": tokenizer, **env_options}
    if isinstance(env, str):
        return cast("TokenVectorEnv", gym.make_vec(env, num_envs=NUM_ROWS, **options))
    return TokenVectorEnv(env, num_envs=NUM_ROWS, **options)


def _check_seeds(
    make: Callable[..., Agent], watch: ActingWatch, samples: Sequence[Sample], seed: int
) -> list[str]:
    runs = [watch.act_on_all(_make(make, seed), samples) for _ in range(2)]
    if takes_seed(make):
        require(
            are_equal(*runs),
            f"act of two agents made with seed={seed}, the same calls",
            "the same actions",
            "others",
            "randomness that does not come from the seed: a global generator, hash(), a clock, a set's order",
        )
    elif not are_equal(*runs):
        return ["two agents act differently, and no seed says how: give the constructor a parameter `seed`."]
    return []


def _note_ends(agent: Agent, played: Played, env: TokenVectorEnv) -> list[str]:
    if played.stopped.any():
        return []
    budget = f"the {env.max_new_tokens} tokens of a turn"
    if agent.granularity == "response":
        return [f"no answer was short enough: all were cut at {budget}."]
    return [f"no turn ended by an end token {env.tokenizer.end_ids}: each took all of {budget}."]
