"""The options that all environments share, checked and resolved: task, reward, tokenizer, sizes.

Comes in: what a caller wrote in ``gym.make``. Goes out: one immutable ``Setup``. Left out: the options of a
single kind of environment, such as ``num_envs``.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmgym.chat_template import ChatTokenizer, make_chat_tokenizer
from lmgym.envs.curriculum import Curriculum
from lmgym.errors import InvalidValueError, PromptTooLongError, UnknownNameError
from lmgym.records import Problem
from lmgym.rewards import Pay, Reward, bind, make_reward
from lmgym.tasks.base import Task, check_split
from lmgym.tokenization import TextTokenizer, make_tokenizer

MAX_CONTEXT = 1 << 22
"""Tokens of a row at most; more is a slip of the keyboard that would take all memory."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What an environment is made of. All sizes are in tokens."""

    task: Task
    split: str
    reward: Reward
    tokenizer: TextTokenizer
    curriculum: Curriculum | None
    max_new_tokens: int
    """Budget of one turn of the agent, its end token included."""
    max_prompt_tokens: int
    context_length: int
    """L: the most tokens that a row can hold, and so the budget of an episode."""
    mask_actions: bool
    """True: ``action_masks()`` allows only the characters that the task can need."""


def make_setup(
    task: Task,
    *,
    split: str = "train",
    reward: object = "correct",
    pay: Pay | None = None,
    tokenizer: object = "char",
    max_new_tokens: int | None = None,
    max_prompt_tokens: int | None = None,
    max_episode_tokens: int | None = None,
    curriculum: Curriculum | bool | None = None,
    mask_actions: bool = False,
) -> Setup:
    """Returns the checked options of an environment over ``task``.

    Args:
        task: the task object.
        split: which of the task's splits problems are drawn from.
        reward: whatever ``lmgym.rewards.make_reward`` takes.
        pay: overrides when the reward is paid: at the end of each "episode", "turn" or "step".
        tokenizer: whatever ``lmgym.tokenization.make_tokenizer`` takes; for a chat task it is then joined
            with its chat template, ``lmgym.chat_template.make_chat_tokenizer``.
        max_new_tokens: budget of one turn; default: what the task's longest demonstration needs.
        max_prompt_tokens: longest prompt; default: the task's longest, at a token a character.
        max_episode_tokens: budget of an episode, prompt and replies included; default: as much as all
            turns and replies can take. An episode that exhausts it is truncated.
        curriculum: True or a ``Curriculum`` to let the level rise with success.
        mask_actions: True: ``action_masks()`` allows only the characters that the task can need, at any level
            of the curriculum.

    Raises:
        InvalidValueError: an option has a value that is not allowed.
        UnknownNameError: an unknown split, reward or tokenizer.
        TokenizerError: the tokenizer, or its chat template, can't be used.
    """
    if not isinstance(task, Task):
        raise InvalidValueError(f"task must be an lmgym Task, got {task!r}; build one with make_task.")
    check_split(task, split)
    made = make_tokenizer(tokenizer)
    if task.is_chat:
        made = make_chat_tokenizer(made)
    rule = _make_curriculum(curriculum)
    tasks = [task] if rule is None else [task.at_level(level) for level in rule.levels(task)]
    prompt_tokens = _positive("max_prompt_tokens", max_prompt_tokens)
    if prompt_tokens is None:
        prompt_tokens = max(_tokens_of_prompt(each, made) for each in tasks) + len(made.prefix_ids)
    new_tokens = _positive("max_new_tokens", max_new_tokens)
    if new_tokens is None:
        new_tokens = max(each.default_max_new_tokens for each in tasks)
    context = prompt_tokens + max(_tokens_of_turns(each, new_tokens, made) for each in tasks)
    budget = _positive("max_episode_tokens", max_episode_tokens)
    length = context if budget is None else min(context, budget)
    if length > MAX_CONTEXT:
        raise InvalidValueError(
            f"max_prompt_tokens={prompt_tokens} and max_new_tokens={new_tokens} make rows of {length:,} "
            f"tokens; allowed are {MAX_CONTEXT:,}. Lower one of them, or give max_episode_tokens."
        )
    return Setup(
        task=task,
        split=split,
        reward=bind(make_reward(reward, pay=pay, tokenizer=made), task),
        tokenizer=made,
        curriculum=rule,
        max_new_tokens=new_tokens,
        max_prompt_tokens=prompt_tokens,
        context_length=length,
        mask_actions=bool(mask_actions),
    )


def _tokens_of_prompt(task: Task, tokenizer: TextTokenizer) -> int:
    pieces = task.max_prompt_messages + 1 if task.is_chat else 0
    return task.max_prompt_chars + pieces * _tokens_of_piece(tokenizer)


def _tokens_of_turns(task: Task, max_new_tokens: int, tokenizer: TextTokenizer) -> int:
    turns = max(task.max_turns, 1)
    pieces = 2 if task.is_chat else 0  # before the user's message and behind it
    reply = task.max_reply_chars + pieces * _tokens_of_piece(tokenizer)
    return turns * max_new_tokens + (turns - 1) * reply


def _tokens_of_piece(tokenizer: TextTokenizer) -> int:
    return tokenizer.max_piece_tokens if isinstance(tokenizer, ChatTokenizer) else 0


def check_prompts_fit(setup: Setup, problems: Sequence[Problem], lengths: NDArray[np.int64]) -> None:
    """Raises PromptTooLongError if a prompt exceeds ``max_prompt_tokens`` or leaves the agent no token.

    Args:
        setup: the sizes.
        problems: N problems.
        lengths: int64[N], tokens of their prompts.
    """
    limit = min(setup.max_prompt_tokens, setup.context_length - 1)
    if lengths.max() > limit:
        at = int(lengths.argmax())
        problem = problems[at]
        raise PromptTooLongError(
            f"the prompt of problem {problem.index} of {problem.split!r} has {lengths[at]} tokens, but "
            f"max_prompt_tokens={setup.max_prompt_tokens} and a context of {setup.context_length} tokens "
            f"leave room for {limit}. Raise max_prompt_tokens (and max_episode_tokens, if given)."
        )


SHARED_OPTIONS = tuple(list(inspect.signature(make_setup).parameters)[1:])
"""Names of the options that every environment takes."""


def make_task(spec: Task | str, options: Mapping[str, Any]) -> Task:
    """Returns a task from an object, or from ``"module:Class"`` and the options of its constructor.

    Raises:
        UnknownNameError: an option that the task's constructor lacks; the message has the nearest name.
        InvalidValueError: the spec is no task, or options were given with a task that is already made.
    """
    if isinstance(spec, Task):
        if options:
            raise InvalidValueError(
                f"options {sorted(options)} belong to the task's constructor, but the task is already made."
            )
        return spec
    cls = _load(spec)
    allowed = task_options(cls)
    for name in options:
        if name not in allowed:
            raise UnknownNameError(f"option of {cls.__name__}", name, allowed)
    made = cls(**options)
    if not isinstance(made, Task):
        raise InvalidValueError(f"{spec!r} makes a {type(made).__name__}, which is not an lmgym Task.")
    return made


def task_options(cls: Any) -> list[str]:
    """Returns the names that the constructor of a task takes."""
    kinds = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    return [name for name, parameter in inspect.signature(cls).parameters.items() if parameter.kind in kinds]


def split_options(
    spec: Task | str, options: Mapping[str, Any], own: tuple[str, ...]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Returns (options of the environment, options of the task).

    Args:
        spec: the task, as in ``make_task``.
        options: everything that the caller gave.
        own: names of options that only this kind of environment has; they count as the environment's.

    Raises:
        UnknownNameError: an option that neither has; the message has the nearest of both.
    """
    environment_names = {*SHARED_OPTIONS, *own}
    task_names = [] if isinstance(spec, Task) else task_options(_load(spec))
    for name in options:
        if name not in environment_names and name not in task_names:
            kind = type(spec).__name__ if isinstance(spec, Task) else spec.rpartition(":")[2]
            raise UnknownNameError(f"option of {kind}", name, [*environment_names, *task_names])
    return (
        {name: value for name, value in options.items() if name in environment_names},
        {name: value for name, value in options.items() if name not in environment_names},
    )


def _load(spec: object) -> Any:
    if not isinstance(spec, str) or spec.count(":") != 1:
        raise InvalidValueError(f"task must be a Task object or 'module:Class', got {spec!r}.")
    module, _, name = spec.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise InvalidValueError(f"there is no task {spec!r} to import: {error}") from error


def _positive(name: str, value: int | None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise InvalidValueError(f"{name} must be an integer of at least 1, or None, got {value!r}.")
    return int(value)


def _make_curriculum(value: object) -> Curriculum | None:
    if value is None or value is False:
        return None
    if value is True:
        return Curriculum()
    if isinstance(value, Curriculum):
        return value
    raise InvalidValueError(f"curriculum must be True, a Curriculum or None, got {value!r}.")
