"""The facts of an environment, from the environment itself.

Comes in: the id of an environment. Goes out: Markdown on its spaces, rewards, levels, splits, options, one
episode and its versions. Left out: what a person has to explain.
"""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Mapping
from itertools import combinations
from typing import Any

import gymnasium as gym

from docs.generator.blocks import make_listing, make_table, to_code, to_sentence
from docs.generator.episodes import cut, play, readable_prompt
from lmgym.envs.make import GRANULARITIES
from lmgym.envs.setup import make_task
from lmgym.errors import LmgymError, MissingDependencyError
from lmgym.registration import TABLE, Entry
from lmgym.rewards.functions import NAMED
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task

NUM_COMPARED = 64
"""Problems of each split that are looked at."""
MAX_LEVELS = 10
EXAMPLE_INDEX = 3
NOT_MADE = "could not be made where this page was written"

RANGES = {
    "correct": "0 or 1",
    "format": "0 or 1",
    "length": "characters written, from 0; meant for a negative weight",
    "lmrl_maze": "each turn: 0 for success, −1, −4 if illegal; −1 more for an episode without success",
    "lmrl_wordle": "each turn: 0 for success, else −1",
    "partial": "0 to 1; 1 only if correct",
    "repetition": "0 to 1; meant for a negative weight",
    "steps": "0 to 1 in all, a share for every right line",
    "utility": "the task's own, 0 to 1 unless the page says otherwise",
    "utility_parts": "as utility, with a term for each part",
}
"""What each named reward can pay in an episode."""


def write_facts(env_id: str, present: str = "") -> str:
    """Returns the facts of ``env_id``; what is there at ``present`` if the environment can't be made here."""
    entry = next(entry for entry in TABLE if entry.id == env_id)
    try:
        task, good = make_task(entry.task, {}), _make_good_task(entry)
        make_env(entry, task)
    except MissingDependencyError as error:
        return present if present and NOT_MADE not in present else _write_unmade(entry, error)
    return "\n\n".join(
        (
            "## Reference",
            _write_overview(entry, task),
            *_section("Rewards", _write_rewards(entry, good)),
            *_section("Examples of the levels" if task.max_level > 1 else "An example", _write_levels(good)),
            *_section("Splits", _write_splits(task)),
            *_section("Options of the task", _write_options(entry)),
            *_section("An episode", _play_demonstration(entry, good)),
            *_section("Versions", _write_history(entry)),
        )
    )


def _write_unmade(entry: Entry, error: Exception) -> str:
    note = f"The environment {NOT_MADE}, so spaces, levels, splits and an episode are missing here: {error}"
    success = f"**Success**: {entry.success}."
    parts = (
        "## Reference",
        to_sentence(note),
        success,
        *_section("Options of the task", _write_options(entry)),
    )
    return "\n\n".join((*parts, *_section("Versions", _write_history(entry))))


def _make_good_task(entry: Entry) -> Task:
    """Returns the task with demonstrations as good as it can make them."""
    is_graded = "demonstration_quality" in inspect.signature(load_task_class(entry)).parameters
    return make_task(entry.task, {"demonstration_quality": 1.0} if is_graded else {})


def load_task_class(entry: Entry) -> type[Task]:
    """Returns the class of the entry's task."""
    module, _, name = entry.task.partition(":")
    return getattr(importlib.import_module(module), name)  # type: ignore[no-any-return]


def _play_demonstration(entry: Entry, task: Task) -> str:
    return play(make_env(entry, task), EXAMPLE_INDEX, make_demonstration(task, "train"))


def _section(title: str, text: str) -> tuple[str, str]:
    return f"### {title}", text


def make_env(entry: Entry, task: Task, **options: Any) -> Any:
    """Returns the environment of ``entry`` over ``task``, where an action is a whole response."""
    options = {"granularity": "response", **options}
    return gym.make(entry.id, task=task, disable_env_checker=True, **options).unwrapped


def _write_overview(entry: Entry, task: Task) -> str:
    env = make_env(entry, task, granularity="token")
    setup = env.setup
    turns = "1" if task.max_turns == 1 else f"up to {task.max_turns:,}"
    rows = [
        ("id", to_code(entry.id)),
        ("action space", to_code(env.action_space)),
        ("observation space", to_code(env.observation_space)),
        ("with bigger actions", to_code(make_env(entry, task).action_space)),
        ("granularities", ", ".join(map(to_code, GRANULARITIES))),
        ("turns of the agent", turns),
        (
            "tokens at the defaults",
            f"prompt {setup.max_prompt_tokens:,}, a turn {setup.max_new_tokens:,}, "
            f"an episode {setup.context_length:,}",
        ),
        ("default reward", to_code(entry.options.get("reward", "correct"))),
        ("success", entry.success),
        ("exact value of a partial response", "known" if _knows(task, "optimal_value") else "not computed"),
        ("steps can be checked", "yes, in some configuration" if _knows(task, "verify_steps") else "no"),
        ("hints in `lmgym play`", "yes" if _knows(task, "hint") else "no"),
    ]
    return make_table(("", "with default options"), rows)


def _knows(task: Task, method: str) -> bool:
    return getattr(type(task), method) is not getattr(Task, method)


def _write_rewards(entry: Entry, task: Task) -> str:
    rows = []
    for name in NAMED:
        try:
            env = make_env(entry, task, reward=name)
            worked, empty = (_return_of(env, task, is_worked) for is_worked in (True, False))
        except LmgymError:
            continue
        rows.append((to_code(name), RANGES[name], worked, empty))
    header = ("`reward=`", "pays", "the demonstration below", "empty turns")
    text = make_table(header, rows)
    return text + "\n\nAlso functions, sums, learned rewards and judges, see [rewards](../rewards.md)."


def _return_of(env: Any, task: Task, is_worked: bool) -> str:
    _, info = env.reset(options={"problem_index": EXAMPLE_INDEX})
    turns = make_demonstration(task, info["split"]) if is_worked else ()
    total, is_over, turn = 0.0, False, 0
    while not is_over:
        _, reward, terminated, truncated, info = env.step(turns[turn] if turn < len(turns) else "")
        total, turn, is_over = total + float(reward), turn + 1, terminated or truncated
    return "none" if info["reward_failed"] else f"{total:.4g}".replace("-", "−")


def make_demonstration(task: Task, split: str) -> tuple[str, ...]:
    """Returns the turns of the demonstration that the page shows."""
    problem = task.problem(split, EXAMPLE_INDEX)
    return task.demonstrations(problem, make_generator(0, "documentation", split))


def _write_levels(task: Task) -> str:
    highest = task.max_level
    count = min(highest, MAX_LEVELS)
    levels = sorted({1 + round(at * (highest - 1) / max(count - 1, 1)) for at in range(count)})
    blocks = []
    for level in levels:
        at_level = task.at_level(level)
        prompt = readable_prompt(at_level, at_level.problem("train", EXAMPLE_INDEX))
        answer = "\n".join(make_demonstration(at_level, "train"))
        title = f"level {level}" + (" (the default)" if level == task.level and highest > 1 else "")
        shown = "\n".join(f"    {line}" for line in cut(prompt).splitlines())
        said = "\n".join(f"  → {line}" for line in cut(answer).splitlines())
        blocks.append(f"{title}\n{shown}\n{said}")
    text = f'Problem {EXAMPLE_INDEX} of "train", and behind an arrow the best demonstration.'
    return f"{text}\n\n{make_listing((chr(10) * 2).join(blocks))}"


def _write_splits(task: Task) -> str:
    keys = {split: [p.key for p in task.problems(split, range(NUM_COMPARED))] for split in task.splits}
    rows = [(to_code(split), _size(task, split), f"{len(set(keys[split]))}") for split in task.splits]
    header = ("split", "problems", f"different ones among the first {NUM_COMPARED}")
    shared = [f"{a} and {b}" for a, b in combinations(keys, 2) if set(keys[a]) & set(keys[b])]
    which = f"{', '.join(shared)} have some in common" if shared else "no split has one of another"
    return f"{make_table(header, rows)}\n\nAmong these problems {which}."


def _size(task: Task, split: str) -> str:
    sizes = getattr(task, "num_problems", None)
    known = sizes(split) if callable(sizes) else sizes.get(split) if sizes else None
    return "drawn without end" if known is None else f"{known:,}, again and again"


def _write_options(entry: Entry) -> str:
    cls = load_task_class(entry)
    help_of = read_arguments(cls)
    rows = [
        (to_code(option), to_code(_show(parameter.default)), _to_help(help_of.get(option, "")))
        for option, parameter in inspect.signature(cls).parameters.items()
    ]
    text = make_table(("option", "default", "meaning"), rows)
    return text + "\n\nAnd [those of every environment](../environments.md)."


def _to_help(text: str) -> str:
    return to_sentence(re.sub(r"[;,]\s+see\s+docs/environments/\w+\.md", "", text))


def _show(value: object) -> str:
    return repr(dict(value)) if isinstance(value, Mapping) else repr(value)


def read_arguments(cls: type) -> dict[str, str]:
    """Returns what the docstring of the constructor, or of one that it inherits, says of each argument."""
    found: dict[str, str] = {}
    for base in reversed(cls.__mro__):
        text = inspect.getdoc(base.__dict__.get("__init__")) or ""
        arguments = re.search(r"Args:\n(.*?)(?:\n\S|\Z)", text, re.DOTALL)
        if arguments:
            found |= dict(re.findall(r"^    (\w+): (.*?)(?=^    \w+: |\Z)", arguments[1], re.M | re.S))
    return found


def _write_history(entry: Entry) -> str:
    rows = [(change.version, change.since, change.what) for change in entry.history]
    return make_table(("version", "since lmgym", "what"), rows)
