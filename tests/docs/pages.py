"""The pages of the documentation and the blocks of code on them.

A block that can't run in a test stands below a comment that says why::

    <!-- not run: needs a server -->
    ```python

and a page whose blocks take longer than a few seconds has the comment ``<!-- slow: trains a model -->``.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))

_BLOCK = re.compile(r"(?:^<!-- not run: (.+?) -->\n)?^(`{3,})(\w*)\n(.*?)^\2$", re.M | re.S)


class Block(NamedTuple):
    """A block of code."""

    language: str
    code: str
    why_not: str | None
    """Why it does not run here; None where it does."""
    line: int
    """Where the code begins on the page, from 1."""


def find_blocks(text: str) -> list[Block]:
    """Returns the blocks of a page, in order."""
    found = []
    for match in _BLOCK.finditer(text):
        line = text.count("\n", 0, match.start(4)) + 1
        found.append(Block(match[3], match[4], match[1], line))
    return found


def name_of(page: Path) -> str:
    """Returns the page's path below docs/."""
    return page.relative_to(DOCS).as_posix()


def find_commands(text: str) -> list[tuple[list[str], str | None]]:
    """Returns every ``lmgym ...`` command of the page's shell blocks as words, and why it is not run."""
    import shlex

    commands = []
    for block in find_blocks(text):
        if block.language not in ("", "bash", "console", "sh"):
            continue
        for line in block.code.replace("\\\n", " ").splitlines():
            line = line.removeprefix("$ ")
            if line.startswith("lmgym "):
                commands.append((shlex.split(line, comments=True)[1:], block.why_not))
    return commands
