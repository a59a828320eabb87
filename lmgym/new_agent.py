"""``lmgym new-agent``: writes a small project with an agent that runs at once, to be changed.

Comes in: a name and a kind. Goes out: a folder with the agent, a test, a pyproject.toml that registers it,
and a README. The files are made from those in agent_template/. Nothing is ever overwritten.
"""

from __future__ import annotations

import importlib.util
import keyword
import re
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Annotated, Final, Literal, NamedTuple

import tyro
from rich.console import Console

from lmgym.errors import InvalidValueError

Kind = Literal["response", "token", "learning"]


class _Fact(NamedTuple):
    """What the template of a kind is made for."""

    env: str
    entry: str
    """Of the quick suite."""
    success: str
    """Share of episodes in which the template's agent succeeds without learning, at least."""


_FACTS: Final[dict[Kind, _Fact]] = {
    "response": _Fact("lmgym/Math-v0", "sums", "0.9"),
    "token": _Fact("lmgym/Reverse-v0", "reverse", "0.9"),
    "learning": _Fact("lmgym/Reverse-v0", "reverse", "0.0"),
}
_MAX_NAME_CHARS: Final = 50


@dataclass(frozen=True, kw_only=True)
class NewAgentConfig:
    """Writes a small project with an agent of your own, which runs at once.

    Kinds: "response" answers texts with texts, "token" chooses token by token, "learning" learns from what
    its answers are paid. The folder holds the agent, its test, and a README with the commands to check it,
    measure it and compare it with others.
    """

    name: Annotated[str, tyro.conf.Positional, tyro.conf.arg(metavar="NAME")]
    """Of the module, in lower case; the class is named alike: my_agent, MyAgent."""

    kind: Kind = "response"
    """What the agent starts from: response, token or learning."""

    out: Path = Path()
    """Folder in which the project's folder NAME is made."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[a-z][a-z0-9_]*[a-z0-9]", self.name) or len(self.name) > _MAX_NAME_CHARS:
            raise InvalidValueError(
                f"NewAgentConfig.name must be 2 to {_MAX_NAME_CHARS} small letters, digits and underscores, "
                f"beginning with a letter, got {self.name!r}."
            )
        if keyword.iskeyword(self.name) or _is_module(self.name):
            raise InvalidValueError(
                f"NewAgentConfig.name is {self.name!r}, which is a word or a module of Python already; "
                "choose another."
            )


def _is_module(name: str) -> bool:
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None  # a mere folder has no origin


def run_new_agent(config: NewAgentConfig) -> int:
    """Runs ``lmgym new-agent``; returns the exit code."""
    folder = write_agent(config.name, config.kind, config.out)
    console = Console(markup=False, emoji=False, highlight=False, soft_wrap=True)
    console.print(f"made {folder}. Next:\n  cd {folder}\n  python -m pytest test_{config.name}.py")
    console.print("README.md says how to measure the agent and compare it with others.")
    return 0


def write_agent(name: str, kind: Kind, out: Path) -> Path:
    """Returns the folder ``out/name``, made with the files of a new agent.

    Raises:
        InvalidValueError: there is something of that name already.
    """
    fact = _FACTS[kind]
    values = {
        "name": name, "Agent": "".join(part.capitalize() for part in name.split("_")),
        "distribution": name.replace("_", "-"), "env": fact.env, "entry": fact.entry, "success": fact.success,
        "before": "none" if float(fact.success) == 0 else "nearly all",
    }  # fmt: skip
    names = {
        f"{name}.py": kind, f"test_{name}.py": "test", "pyproject.toml": "pyproject", "README.md": "readme",
    }  # fmt: skip
    templates = files("lmgym") / "agent_template"
    texts = {file: Template((templates / f"{it}.txt").read_text("utf-8")) for file, it in names.items()}
    folder = out / name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise InvalidValueError(f"{folder} exists already; choose another name, or another --out.") from None
    for file, template in texts.items():
        (folder / file).write_text(template.substitute(values), "utf-8")
    return folder
