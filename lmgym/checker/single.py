"""``check_env``: Gymnasium's checks and the laws of token and text environments, one episode at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium import spaces
from gymnasium.utils.env_checker import check_env as check_gymnasium_env

from lmgym.checker.laws import (
    HOSTILE_TEXTS,
    are_equal,
    check_growth,
    check_number,
    check_plain,
    check_row,
    check_terms,
    is_token_space,
    require,
)

MAX_STEPS = 100_000
"""Actions after which an episode counts as endless."""
Env = gym.Env[Any, Any]
Step = tuple[Any, Any, Any, Any, dict[str, Any]]


def check_env(env: Env, *, seed: int = 0, num_episodes: int = 8) -> None:
    """Checks that ``env`` is a sound environment of tokens or text; closes nothing, leaves it reset.

    Beyond ``gymnasium.utils.env_checker.check_env``: observations are append-only within an episode, masks
    are lengths, tokens in are tokens kept, rewards are finite Python floats, an episode ends by termination
    or by truncation and not by both, seeds fix episodes and different seeds differ, a restored state and a
    copy go on alike, reward terms sum to the reward, mistakes of the caller raise a ValueError, and any
    response whatever is scored.

    Args:
        env: any Gymnasium environment; laws about observations are tested where they are text, or a Dict
            with ``input_ids`` and ``attention_mask``.
        seed: of the first episode.
        num_episodes: random episodes to play.

    Raises:
        CheckError: a law is broken; the message names the call, what was expected, and the likely cause.
        AssertionError: one of Gymnasium's own checks fails.
    """
    # Without a spec Gymnasium can't make the environment again in another render mode, and warns.
    has_spec = env.unwrapped.spec is not None
    check_gymnasium_env(env.unwrapped, skip_render_check=not has_spec, skip_close_check=True)
    rng = np.random.default_rng(seed)
    for number in range(num_episodes):
        _check_episode(env, None if number else seed, lambda: sample_action(env.action_space, rng))
    _check_seeds(env, seed)
    _check_state(env, seed, rng)
    _check_mistakes(env, seed, rng)
    for actions in hostile_actions(env.action_space):
        _check_episode(env, seed, actions.__next__)
    env.reset(seed=seed)


def sample_action(space: spaces.Space[Any], rng: np.random.Generator) -> Any:
    """Returns a random action; short numerals as often as anything where actions are text."""
    if isinstance(space, spaces.Discrete):
        return int(space.start + rng.integers(space.n))
    if isinstance(space, spaces.Text):
        return "".join(map(chr, rng.integers(45, 58, rng.integers(0, 6)))) + (
            "\n" if rng.random() < 0.3 else ""
        )
    space.seed(int(rng.integers(2**31)))
    return space.sample()


def hostile_actions(space: spaces.Space[Any]) -> Iterator[Iterator[Any]]:
    """Yields endless sequences of actions that a model could take: all of them must be scored."""
    if isinstance(space, spaces.Text):
        for text in HOSTILE_TEXTS:
            yield _repeat(text)
    elif isinstance(space, spaces.Discrete):
        first, last = int(space.start), int(space.start + space.n - 1)
        for token in {first, first + 1, first + 2, (first + last) // 2, last}:
            yield _repeat(token)


def _repeat(action: Any) -> Iterator[Any]:
    while True:
        yield action


def _check_episode(env: Env, seed: int | None, next_action: Callable[[], Any]) -> None:
    observation, _ = env.reset(seed=seed)
    has_rows = is_token_space(env.observation_space)
    if has_rows:
        check_row(observation, f"reset(seed={seed})")
    total = 0.0
    for _ in range(MAX_STEPS):
        action = next_action()
        call = f"step({_short(action)})"
        before = observation
        observation, reward, terminated, truncated, info = env.step(action)
        _check_types(env, observation, reward, terminated, truncated, call)
        if has_rows:
            check_row(observation, call)
        if has_rows or isinstance(observation, str):
            check_growth(before, observation, action, call)
        total += float(reward)
        if terminated or truncated:
            check_terms(info, total, call)
            return
    require(False, "step()", f"an end within {MAX_STEPS} actions", "none", "turns or episodes lack a budget")


def _check_types(env: Env, observation: Any, reward: Any, terminated: Any, truncated: Any, call: str) -> None:
    require(
        observation in env.observation_space,
        call,
        f"an observation in {env.observation_space}",
        observation,
        "wrong dtype or shape, or a token beyond the vocabulary",
    )
    require(
        type(reward) is float,
        call,
        "a reward of type float",
        type(reward).__name__,
        "a numpy scalar was returned; Stable-Baselines3 takes only float",
    )
    check_number(reward, call)
    require(
        type(terminated) is bool and type(truncated) is bool and not (terminated and truncated),
        call,
        "terminated and truncated as bool, not both True",
        (terminated, truncated),
        "a numpy scalar, or a budget that ended together with the task: then the task has ended",
    )


def _play(env: Env, actions: list[Any]) -> list[Step]:
    """Steps until the episode ends or the actions do."""
    steps: list[Step] = []
    for action in actions:
        steps.append(env.step(action))
        if steps[-1][2] or steps[-1][3]:
            break
    return steps


def _check_seeds(env: Env, seed: int) -> None:
    rng = np.random.default_rng(seed)
    actions = [sample_action(env.action_space, rng) for _ in range(200)]
    first = (env.reset(seed=seed), _play(env, actions), env.reset())
    again = (env.reset(seed=seed), _play(env, actions), env.reset())
    require(
        are_equal(first, again),
        f"reset(seed={seed}) and the same actions, twice",
        "equal episodes, and an equal one after them",
        "others",
        "randomness that does not come from the seed: a global generator, hash(), a clock, a set's order",
    )
    beginnings = [env.reset(seed=seed + i) for i in range(8)]
    require(
        any(not are_equal(beginnings[0], other) for other in beginnings[1:]),
        f"reset(seed={seed}) … reset(seed={seed + 7})",
        "different problems",
        "8 equal ones",
        "the seed is accepted and ignored",
    )
    env.reset(seed=seed)
    later = [env.reset() for _ in range(8)]
    require(
        any(not are_equal(later[0], other) for other in later[1:]),
        "reset(), 8 times",
        "new problems",
        "8 equal ones",
        "a reset without a seed starts over instead of going on",
    )


def _check_state(env: Env, seed: int, rng: np.random.Generator) -> None:
    core: Any = env.unwrapped
    if not (hasattr(core, "get_state") and hasattr(core, "set_state")):
        return
    actions = [sample_action(env.action_space, rng) for _ in range(200)]
    for moment in range(4):
        core.reset(seed=seed)
        if _ended(_play(core, actions[:moment])):
            core.reset()
        state = core.get_state()
        check_plain(state)
        copy = core.clone() if hasattr(core, "clone") else None
        rest = actions[moment:]
        expected = (_play(core, rest), core.reset(), _play(core, actions[:2]))
        core.set_state(state)
        restored = (_play(core, rest), core.reset(), _play(core, actions[:2]))
        call = f"set_state(get_state()) after {moment} actions"
        cause = "the state lacks something: the position in the turn, the next problem, a counter"
        require(are_equal(expected, restored), call, "the same future", "another", cause)
        if copy is not None:
            copied = (_play(copy, rest), copy.reset(), _play(copy, actions[:2]))
            cause = "the copy shares something mutable with its original"
            require(
                are_equal(expected, copied),
                f"clone() after {moment} actions",
                "the same future",
                "another",
                cause,
            )


def _ended(steps: list[Step]) -> bool:
    return bool(steps) and bool(steps[-1][2] or steps[-1][3])


def _check_mistakes(env: Env, seed: int, rng: np.random.Generator) -> None:
    core = env.unwrapped
    core.reset(seed=seed)
    for wrong in _wrong_actions(env.action_space):
        name = f"step({_short(wrong)})"
        _check_raises(partial(core.step, wrong), name, "an action outside the space")
    action = sample_action(env.action_space, rng)
    while not _ended([core.step(action)]):
        action = sample_action(env.action_space, rng)
    _check_raises(lambda: core.step(action), "step() after the end", "a step after the end")
    _check_raises(
        lambda: core.reset(options={"no_such_option": 1}),
        "reset(options={'no_such_option': 1})",
        "an unknown option",
    )


def _wrong_actions(space: spaces.Space[Any]) -> list[Any]:
    if isinstance(space, spaces.Discrete):
        return [int(space.start) - 1, int(space.start + space.n), 0.5, "a", None]
    return [0, None, b"bytes"] if isinstance(space, spaces.Text) else []


def _check_raises(call: Callable[[], Any], name: str, mistake: str) -> None:
    try:
        call()
    except (ValueError, KeyError):
        return
    except Exception as error:  # whatever foreign code raises: it is the wrong type, and is shown
        require(False, name, "a ValueError or KeyError", error, f"{mistake} is not checked where it is used")
    require(False, name, "a ValueError or KeyError", "no error", f"{mistake} passes silently")


def _short(action: Any) -> str:
    shown = repr(action)
    return shown if len(shown) <= 60 else f"{shown[:60]}…"
