"""The ``lmgym`` command: finds the subcommand, reads its options, turns errors of the caller into a message.

Comes in: command line arguments. Goes out: an exit code; 0 is success, 2 a mistake of the caller's, 4 output
that could not be written. The subcommands that train or evaluate live in ``lmgym_agents.cli`` and are
imported only when asked for, since they need torch. Left out: what the subcommands do.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lmgym.errors import LmgymError, MissingDependencyError, UnknownNameError
from lmgym.grading.command import GradeConfig, run_grade
from lmgym.new_agent import NewAgentConfig, run_new_agent
from lmgym.play import PlayConfig, play
from lmgym.preferences.command import PreferencesConfig, run_preferences
from lmgym.preferences.label.command import LabelConfig, run_label
from lmgym.registration import TABLE
from lmgym.train_tokenizer import TokenizerConfig, run_tokenizer

AGENT_COMMANDS = {
    "train": "Train a language model by reinforcement learning or on demonstrations.",
    "eval": "Measure a model or any agent on a split, with confidence intervals.",
    "check-agent": "Check that an agent of your own keeps the laws of agents.",
    "bench": "Compare agents on a suite, with confidence intervals.",
    "record": "Play episodes and keep them as trajectories for offline learning.",
    "report": "Make one HTML page of a benchmark or a run: leaderboard, curves, transcripts, trees.",
    "rlhf": "Learn from feedback: verdicts, a reward model, then PPO, DPO or best-of-n.",
    "watch": "Watch a training in the terminal while it runs.",
    "search": "Search for answers with a language model: sampling, beams, A*, Monte-Carlo trees.",
}

OUTPUT_LOST = 4
"""Exit code where the disk is full, and where `lmgym grade` had nobody to tell its verdict."""

_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
_PLACE_ERRORS = (
    errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.EACCES, errno.EPERM, errno.EROFS,
    errno.ENAMETOOLONG, errno.ELOOP,
)  # fmt: skip

HELP = """\
Text tasks and reference agents for reinforcement learning on language models.

usage: lmgym COMMAND [OPTIONS]
       lmgym COMMAND --help
"""

EXAMPLES = """\
  lmgym list
  lmgym play lmgym/Math-v0 --level 3
  lmgym grade 5/2 '\\boxed{2.5}'
  lmgym train ppo --help
  lmgym bench --suite quick --agents ppo,random --out runs/first
  lmgym report runs/first
"""


@dataclass(frozen=True, kw_only=True)
class ListConfig:
    """Prints the id of every environment with one line on what it is."""


class Command(NamedTuple):
    """A subcommand: the options that it takes and what is done with them."""

    config: type
    run: Callable[[Any], int | None]


def list_environments(config: ListConfig) -> None:
    """Prints the table of environments."""
    table = Table(box=None, pad_edge=False)
    table.add_column("id", style="bold", no_wrap=True)
    table.add_column("what it is")
    for entry in TABLE:
        table.add_row(entry.id, entry.summary)
    make_console().print(table)


OWN_COMMANDS = {
    "list": Command(ListConfig, list_environments),
    "play": Command(PlayConfig, play),
    "grade": Command(GradeConfig, run_grade),
    "label": Command(LabelConfig, run_label),
    "preferences": Command(PreferencesConfig, run_preferences),
    "tokenizer": Command(TokenizerConfig, run_tokenizer),
    "new-agent": Command(NewAgentConfig, run_new_agent),
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs ``lmgym`` with ``arguments`` (default: those of the process) and returns the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    is_verdict = words[:1] == ["grade"]  # whose exit code 0 would say "correct"
    return run_command(lambda: _dispatch(words), closed_pipe_code=OUTPUT_LOST if is_verdict else 0)


def run_command(command: Callable[[], int], *, closed_pipe_code: int = 0) -> int:
    """Calls a command and returns its exit code; what a user did wrong is printed as one message.

    Args:
        command: returns an exit code.
        closed_pipe_code: the exit code where the reader of the output, such as ``head``, has left.
    """
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # text from models may hold what the terminal can't encode
            stream.reconfigure(errors="backslashreplace")
    try:
        code = command()
        if sys.stdout is not None:
            sys.stdout.flush()  # at the exit of the process it would be too late for a message
        return code
    except LmgymError as error:
        _print_error(str(error))
        return 2
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_output()
        return closed_pipe_code
    except OSError as error:
        if error.errno in _PLACE_ERRORS and error.filename is not None:
            _print_error(f"{error.filename} can't be read or written: {error.strerror}. Give another place.")
            return 2
        if error.errno not in _DISK_ERRORS:
            raise
        _discard_output()
        _print_error(f"could not write the output: {error}.")
        return OUTPUT_LOST
    except SystemExit as left:
        if isinstance(left.__context__, BrokenPipeError):  # how rich leaves
            return closed_pipe_code
        raise


def _print_error(text: str) -> None:
    with contextlib.suppress(OSError):  # the exit code says it too
        make_console(stderr=True).print(Text.assemble(("error: ", "bold red"), text), soft_wrap=True)


def _discard_output() -> None:
    """Lets what is still to be written go nowhere, or the interpreter would fail at it once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def make_console(*, stderr: bool = False) -> Console:
    """Returns a console that prints text as it is: no markup, no emoji codes, no highlighting."""
    return Console(stderr=stderr, markup=False, emoji=False, highlight=False)


def _dispatch(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        _print_help()
        return 0 if words else 2
    if words[0] in OWN_COMMANDS:
        return _run(words[0], OWN_COMMANDS[words[0]], words[1:])
    if words[0] not in AGENT_COMMANDS:
        raise UnknownNameError("command", words[0], [*OWN_COMMANDS, *AGENT_COMMANDS])
    commands = load_agent_commands(words[0])
    if words[0] in commands:
        return _run(words[0], commands[words[0]], words[1:])
    names = [name.split(" ", 1)[1] for name in commands if name.startswith(words[0] + " ")]
    if len(words) == 1 or words[1] in ("-h", "--help"):
        _print_group(words[0], names, commands)
        return 0 if len(words) > 1 else 2
    name = f"{words[0]} {words[1]}"
    if name not in commands:
        raise UnknownNameError(f"command after `lmgym {words[0]}`", words[1], names)
    return _run(name, commands[name], words[2:])


def _run(name: str, command: Command, arguments: list[str]) -> int:
    config: object = tyro.cli(command.config, prog=f"lmgym {name}", args=arguments)
    return command.run(config) or 0


def load_agent_commands(asked: str) -> dict[str, Command]:
    """Returns ``lmgym_agents.cli.SUBCOMMANDS``, flat: ``{"train ppo": ..., "train sft": ..., "eval": ...}``.

    There the value of a name is ``(config class, function of a config)``, or a mapping of further names.

    Raises:
        MissingDependencyError: torch or another package that the agents need is not installed.
    """
    try:
        module = importlib.import_module("lmgym_agents.cli")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("lmgym"):
            raise
        raise MissingDependencyError(
            f"`lmgym {asked}` needs {error.name}, which is not installed. The agents with all that they "
            'need: pip install "lmgym[agents]"'
        ) from error
    return _flatten(module.SUBCOMMANDS)


def _flatten(commands: Mapping[str, Any], prefix: str = "") -> dict[str, Command]:
    flat: dict[str, Command] = {}
    for name, value in commands.items():
        if isinstance(value, Mapping):
            flat.update(_flatten(value, f"{prefix}{name} "))
        else:
            flat[prefix + name] = Command(*value)
    return flat


def _print_help() -> None:
    console = make_console()
    console.print(HELP)
    own = {name: _first_line(command.config) for name, command in OWN_COMMANDS.items()}
    _print_names("commands:", own | AGENT_COMMANDS)
    console.print("\nexamples:\n" + EXAMPLES, end="")


def _print_group(word: str, names: Sequence[str], commands: Mapping[str, Command]) -> None:
    console = make_console()
    console.print(f"{AGENT_COMMANDS[word]}\n\nusage: lmgym {word} COMMAND [OPTIONS]\n")
    _print_names("commands:", {name: _first_line(commands[f"{word} {name}"].config) for name in names})
    console.print(f"\nThe options of each: lmgym {word} COMMAND --help")


def _print_names(title: str, lines: Mapping[str, str]) -> None:
    table = Table(box=None, show_header=False, pad_edge=True, padding=(0, 2))
    table.add_column(style="bold", no_wrap=True)
    table.add_column()
    for name, line in lines.items():
        table.add_row(name, line)
    console = make_console()
    console.print(title)
    console.print(table)


def _first_line(config: type) -> str:
    return (config.__doc__ or "").strip().splitlines()[0]
