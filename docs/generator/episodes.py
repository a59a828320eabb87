"""One episode of an environment as text that a person can read.

Comes in: an environment whose actions are whole responses. Goes out: a listing of prompt, turns, replies and
what was paid. Left out: other facts.
"""

from __future__ import annotations

from typing import Any

from docs.generator.blocks import make_listing
from lmgym.conversation import readable
from lmgym.records import Problem
from lmgym.tasks.base import Task

MAX_CHARS = 900
MAX_LINES = 24


def play(env: Any, index: int, turns: tuple[str, ...]) -> str:
    """Returns the episode in which the agent says ``turns`` to problem ``index`` of the train split."""
    _, info = env.reset(options={"problem_index": index})
    task = env.task
    parts = [("prompt", readable_prompt(task, task.problem(info["split"], index)))]
    total = 0.0
    for turn in turns:
        _, reward, terminated, truncated, info = env.step(turn)
        total += float(reward)
        parts.append(("agent", turn))
        if terminated or truncated:
            break
        parts += [("reply", _read_reply(task, told.text)) for told in env.turns[-1:] if told.role != "agent"]
    terms = ", ".join(f"{name} {value:.4g}" for name, value in info["reward_terms"].items())
    end = f"terminated: {terminated}, success: {info['success']}, score: {info['score']:.4g}"
    parts.append(("paid", f"{total:.4g} ({terms})\n{end}"))
    return make_listing("\n".join(f"[{who}]\n{cut(text)}" for who, text in parts))


def _read_reply(task: Task, text: str) -> str:
    return readable(text) if task.is_chat else text


def readable_prompt(task: Task, problem: Problem) -> str:
    """Returns the prompt as a person reads it: conversations with names in place of marks."""
    return readable(problem.prompt) if task.is_chat else problem.prompt


def cut(text: str) -> str:
    """Returns ``text``, or its beginning and how much is left out."""
    lines = text.rstrip("\n").split("\n")
    short = "\n".join(lines[:MAX_LINES])[:MAX_CHARS]
    rest = len(text.rstrip("\n")) - len(short)
    return short if rest <= 0 else f"{short}… ({rest:,} more characters)"
