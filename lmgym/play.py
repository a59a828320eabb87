"""``lmgym play``: a person is the agent, in the terminal.

Comes in: an environment's id and lines that the person types. Goes out: prompts, replies, verdicts, rewards
by their terms. Left out: tokens; the person acts in whole responses.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import gymnasium as gym
import tyro
from rich.console import Console
from rich.text import Text

from lmgym.errors import InvalidValueError, UnknownNameError
from lmgym.records import Turn
from lmgym.registration import TABLE
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task

ASK_FOR_DEMONSTRATION = "?"
ASK_FOR_HINT = "hint"

_OWN_KEYWORDS = ("id", "granularity", "max_episode_steps", "disable_env_checker")


@dataclass(frozen=True, kw_only=True)
class PlayConfig:
    """Lets you answer an environment's problems and shows what each answer is paid.

    A line is an answer; end it with a backslash to go on in the next line. A question mark alone shows
    the task's demonstration; where the task knows hints, the word hint alone shows the next thing to say.
    Leave with ctrl-d. Without a terminal, lines are read from standard input.
    """

    id: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="ID")]
    """Which environment, e.g. lmgym/Math-v0; `lmgym list` knows them all."""

    level: int | None = None
    """Difficulty, from 1; the default is the task's own."""

    split: str = "train"
    """Where problems come from: train, validation, test, or a split of the task's own."""

    reward: str | None = None
    """What is paid: correct, partial, steps, format or length; the default is the environment's own."""

    seed: int = 0
    """Which sequence of problems; the same seed, the same problems."""

    episodes: int | None = None
    """Leave after so many problems; the default is to go on until ctrl-d."""

    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME=VALUE")] = ()
    """Any other option of the environment, e.g. --option style=worked; may be given several times."""

    def __post_init__(self) -> None:
        if self.episodes is not None and self.episodes < 1:
            raise InvalidValueError(f"PlayConfig.episodes must be at least 1, got {self.episodes!r}.")

    def make_options(self) -> dict[str, Any]:
        """Returns the keywords for ``gym.make``.

        Raises:
            InvalidValueError: an ``option`` that is not NAME=VALUE, or that the game sets itself.
        """
        pleasant = next((entry.play for entry in TABLE if entry.id == self.id), {})
        options: dict[str, Any] = {"split": self.split, **pleasant}
        if self.reward is not None:
            options["reward"] = self.reward
        if self.level is not None:
            options["level"] = self.level
        return options | read_options("PlayConfig", self.option)


def read_options(config: str, texts: Sequence[str]) -> dict[str, Any]:
    """Returns the options that ``NAME=VALUE`` texts give.

    Args:
        config: name of the class whose field ``option`` holds the texts.
        texts: what the person wrote.

    Raises:
        InvalidValueError: a text of another form, or an option that the command sets itself.
    """
    options = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not (name and equals):
            raise InvalidValueError(f"{config}.option must be NAME=VALUE, got {text!r}.")
        if name in _OWN_KEYWORDS:
            raise InvalidValueError(f"{config}.option can't set {name}; a person acts in whole responses.")
        options[name] = read_value(value)
    return options


def read_value(text: str) -> Any:
    """Returns ``text`` as the JSON value that it is, else as it stands: ``3``, ``true``, ``worked``."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def play(config: PlayConfig) -> int:
    """Plays until the person leaves or ``config.episodes`` are over; returns the exit code.

    Raises:
        InvalidValueError: an option is not allowed.
        UnknownNameError: the environment's id or an option is unknown; the message has the nearest.
    """
    check_id(config.id)
    options = config.make_options()
    env = gym.make(config.id, granularity="response", disable_env_checker=True, **options)
    if hasattr(sys.stdin, "reconfigure"):
        sys.stdin.reconfigure(
            errors="surrogateescape"
        )  # bytes that are no UTF-8 are an answer like any other
    game = Game(env, config.seed, Console(markup=False, emoji=False, highlight=False))
    game.print_rules()
    try:
        while config.episodes is None or game.num_episodes < config.episodes:
            game.play_episode()
    except (EOFError, KeyboardInterrupt):
        game.console.print()
    finally:
        env.close()
    game.print_summary()
    return 0


def check_id(env_id: str) -> None:
    """Raises UnknownNameError unless ``env_id`` is one of lmgym's or of a task registered like them.

    ``module:id`` imports ``module`` first, where a task of the caller's own is registered.
    """
    entry_points = {gym.registry[entry.id].entry_point for entry in TABLE}
    try:
        spec = gym.spec(env_id)
    except (gym.error.Error, ImportError):
        spec = None
    if spec is None or spec.entry_point not in entry_points:
        ids = [name for name, known in gym.registry.items() if known.entry_point in entry_points]
        raise UnknownNameError("environment", env_id, ids)


class Game:
    """One person's session: an environment, a screen, and the tally."""

    def __init__(self, env: gym.Env[str, str], seed: int, console: Console) -> None:
        self.env = env
        self.seed = seed
        self.console = console
        self.num_episodes = 0
        self.num_correct = 0
        self.total_reward = 0.0

    def print_rules(self) -> None:
        """Prints what the task is, how to play, and how much may be said."""
        task, setup = self.env.get_wrapper_attr("task"), self.env.get_wrapper_attr("setup")
        about = (inspect.getdoc(type(task)) or "").partition("\n\n")[0]
        tokens = f"{setup.max_new_tokens} token{'s' if setup.max_new_tokens > 1 else ''}"
        turns = f" in each of {task.max_turns} turns" if task.max_turns > 1 else ""
        hints = f"{ASK_FOR_HINT} shows what to say next, " if knows_hints(task) else ""
        keys = f"{ASK_FOR_DEMONSTRATION} shows a demonstration, \\ at the end of a line goes on in the next"
        lines = f"{about}\nAnswer with up to {tokens}{turns}. {hints}{keys}, ctrl-d leaves."
        self.console.print(Text(lines, style="dim"))

    def play_episode(self) -> None:
        """Plays one problem. Raises EOFError when the person leaves."""
        seed = self.seed if self.num_episodes == 0 else None
        seen, start = self.env.reset(seed=seed)
        self._print_heading(start)
        self._print_text(seen)
        is_over, reward = False, 0.0
        info: dict[str, Any] = {}
        while not is_over:
            response = self._ask(start)
            grown, paid, terminated, truncated, info = self.env.step(response)
            reply = grown[len(seen) + len(info["response"]) :]
            if not info["stopped"]:
                self.console.print("(cut: longer than a turn may be)", style="yellow")
            if reply.strip():
                self._print_text(reply.removeprefix("\n"))
            seen, reward = grown, reward + float(paid)
            is_over = terminated or truncated
        self._print_result(info, reward)
        if not info["success"]:
            self._print_demonstration(start)
        self.num_episodes += 1

    def print_summary(self) -> None:
        """Prints how the session went."""
        if self.num_episodes:
            self.console.print(
                f"{self.num_correct} of {self.num_episodes} right, reward {self.total_reward:g} in all.",
                style="bold",
            )

    def _ask(self, start: dict[str, Any]) -> str:
        knows = knows_hints(self.env.get_wrapper_attr("task"))
        while True:
            response = read_response()
            word = response.strip()
            if word == ASK_FOR_DEMONSTRATION:
                self._print_demonstration(start)
            elif word == ASK_FOR_HINT and knows:
                self._print_hint(start, self.env.get_wrapper_attr("turns"))
            else:
                return response

    def _print_text(self, text: str) -> None:
        self.console.print(Text(visible(text).removesuffix("\n")))

    def _print_heading(self, start: dict[str, Any]) -> None:
        number, split, index = self.num_episodes + 1, start["split"], start["problem_index"]
        self.console.rule(f"{number} · {split} {index} · difficulty {start['difficulty']:g}", align="left")

    def _print_demonstration(self, start: dict[str, Any]) -> None:
        task = self.env.get_wrapper_attr("task")
        problem = task.problem(start["split"], int(start["problem_index"]))
        rng = make_generator(self.seed, "demonstration", self.num_episodes)
        try:
            turns = task.demonstrations(problem, rng)
        except InvalidValueError as error:  # a task that can check an answer need not know one
            self.console.print(Text(f"no demonstration: {error}", style="dim"))
            return
        for turn in turns:
            self.console.print(Text.assemble(("demonstration: ", "dim"), visible(turn)))

    def _print_hint(self, start: dict[str, Any], turns: tuple[Turn, ...]) -> None:
        task = self.env.get_wrapper_attr("task")
        hint = task.hint(task.problem(start["split"], int(start["problem_index"])), turns)
        line = ("no hint is known here", "dim") if hint is None else visible(hint)
        self.console.print(Text.assemble(("hint: ", "dim"), line))

    def _print_result(self, info: dict[str, Any], reward: float) -> None:
        is_right = bool(info["success"])
        verdict = info["status"] + (f" ({info['reason']})" if info["reason"] else "")
        terms = ", ".join(f"{name} {float(value):+g}" for name, value in info["reward_terms"].items())
        line = Text.assemble((verdict, "bold green" if is_right else "bold red"), f"  reward {reward:g}")
        self.console.print(line.append(f"  = {terms}" if terms else "", "dim"))
        if info["reward_failed"]:
            self.console.print(
                "The reward could not be computed; such an episode counts for nothing.", style="yellow"
            )
        self.num_correct += is_right
        self.total_reward += reward


def knows_hints(task: Task) -> bool:
    """Returns whether the task has hints; where it has none, the word is an answer like any other."""
    return type(task).hint is not Task.hint


def read_response() -> str:
    """Returns what the person says; lines that end with a backslash go on. Raises EOFError at the end."""
    lines = [_read_line("> ")]
    while lines[-1].endswith("\\"):
        lines[-1] = lines[-1][:-1]
        try:
            lines.append(_read_line(". "))
        except EOFError:
            break
    return "\n".join(lines)


def _read_line(prompt: str) -> str:
    if sys.stdin.isatty():
        return input(prompt)
    line = sys.stdin.readline()
    if not line:
        raise EOFError
    return line.rstrip("\r\n")


def visible(text: str) -> str:
    """Returns ``text`` with control characters, which could take over the terminal, written as escapes."""
    return "".join(
        c if c == "\n" or (c.isprintable() and not "\ud800" <= c <= "\udfff") else _escape(c) for c in text
    )


def _escape(char: str) -> str:
    return char.encode("unicode_escape", "surrogatepass").decode("ascii")
