"""Constitutions: the numbered principles by which a judge judges, in a plain text file.

Comes in: a file with one principle a line, ``1. The answer is true.``; lines that begin with ``#`` and blank
lines don't count. Goes out: an immutable value. Left out: what a judge is told around them
(``lmgym.judges.prompts``).
"""

from __future__ import annotations

import re
from importlib import resources
from pathlib import Path
from typing import Final, NamedTuple

from lmgym.errors import InvalidValueError

MAX_PRINCIPLES: Final = 100
MAX_BYTES: Final = 64 * 1024

_PRINCIPLE: Final = re.compile(r"([0-9]{1,3})\.\s+(\S.*)", re.ASCII)


class Constitution(NamedTuple):
    """Principles, the one that weighs most first."""

    principles: tuple[str, ...]

    @property
    def text(self) -> str:
        """Returns the numbered lines."""
        return "\n".join(f"{number}. {text}" for number, text in enumerate(self.principles, 1))


def load_constitution(path: str | Path | None = None) -> Constitution:
    """Returns the constitution in the file at ``path``, the one that ships with lmgym for None.

    Raises:
        InvalidValueError: no such file, more than 64 KiB, not UTF-8, no principle or more than 100, a line
            that is no principle, or numbers that are not 1, 2, 3 and so on.
    """
    if path is None:
        text = (resources.files("lmgym.judges") / "constitution.txt").read_text("utf-8")
        return parse_constitution(text, "the built-in constitution")
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise InvalidValueError(f"the constitution {str(path)!r} can't be read: {error}.") from error
    if len(data) > MAX_BYTES:
        raise InvalidValueError(f"the constitution {str(path)!r} is longer than {MAX_BYTES} bytes.")
    try:
        return parse_constitution(data.decode("utf-8"), repr(str(path)))
    except UnicodeDecodeError as error:
        raise InvalidValueError(f"the constitution {str(path)!r} is not UTF-8: {error}.") from error


def as_constitution(given: Constitution | str | Path | None) -> Constitution:
    """Returns ``given`` if it is one, what ``load_constitution`` finds there otherwise."""
    return given if isinstance(given, Constitution) else load_constitution(given)


def parse_constitution(text: str, source: str = "the text") -> Constitution:
    """Returns the constitution that ``text`` holds; ``source`` names it in errors.

    Raises:
        InvalidValueError: see ``load_constitution``.
    """
    principles: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        content = line.strip()
        if not content or content.startswith("#"):
            continue
        found = _PRINCIPLE.fullmatch(content)
        if found is None or int(found[1]) != len(principles) + 1:
            raise InvalidValueError(
                f"{source}, line {number}: expected '{len(principles) + 1}. A principle.', got "
                f"{content[:80]!r}; a comment begins with #."
            )
        principles.append(found[2])
    if not 1 <= len(principles) <= MAX_PRINCIPLES:
        raise InvalidValueError(
            f"{source} has {len(principles)} principles; allowed: 1 to {MAX_PRINCIPLES}, one a line."
        )
    return Constitution(tuple(principles))
