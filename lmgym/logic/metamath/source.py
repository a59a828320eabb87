"""The source of a database as tokens: files, inclusions and comments (Metamath book, section 4.1 and 4.4).

Comes in: a file, or a text. Goes out: the tokens that are not comments, each with its file and line. Left
out: what the tokens mean.
"""

from __future__ import annotations

import gzip
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from lmgym.errors import LmgymError

_FOREIGN = re.compile(r"[^\x21-\x7e \t\r\n\f]")
_MAX_NESTING = 50
_INCLUDED = re.compile(r"[A-Za-z0-9_./-]+")


class MetamathError(LmgymError, ValueError):
    """A database that breaks a rule of the language, or is larger than allowed."""

    def __init__(self, message: str, place: Place | None = None) -> None:
        """Builds the message, with the place where there is one."""
        self.place = place
        super().__init__(f"{place.file}, line {place.line}: {message}" if place else message)

    def __reduce__(self) -> tuple[object, ...]:
        return _remake, (type(self), self.args, self.place)


def _remake(kind: type[MetamathError], args: tuple[object, ...], place: Place | None) -> MetamathError:
    error = kind("")
    error.args, error.place = args, place
    return error


class Place(NamedTuple):
    """Where something stands."""

    file: str
    line: int


class Limits(NamedTuple):
    """What a database may be at most; the defaults take every database that is in common use."""

    chars: int = 80_000_000
    """Characters of all files together."""
    files: int = 1000
    token_chars: int = 500_000
    """Characters of one token (a compressed proof need not be broken into lines)."""
    depth: int = 1000
    """Blocks that are open at once."""
    symbols: int = 100_000
    """Symbols of an expression, also of those on the way in a proof."""
    stack: int = 10_000
    """Expressions on the stack of a proof."""
    steps: int = 2_000_000
    """Labels of a proof."""


class Token(NamedTuple):
    """A word of the source."""

    text: str
    place: Place


@dataclass
class Source:
    """Reads files into tokens; each file once, and only from the first file's folder."""

    limits: Limits
    folder: Path | None = None
    tokens: list[str] = field(default_factory=list)
    lines: list[tuple[int, int]] = field(default_factory=list)
    """For each token the number of its file and its line."""
    files: list[str] = field(default_factory=list)
    num_chars: int = 0
    nesting: int = 0
    """Files that are being read."""

    def place(self, at: int) -> Place:
        """Returns where token ``at`` stands; behind the last one, where that stands."""
        if not self.lines:
            return Place(self.files[0] if self.files else "", 1)
        file, line = self.lines[min(at, len(self.lines) - 1)]
        return Place(self.files[file], line)

    def read_file(self, path: Path, name: str) -> None:
        """Appends the tokens of a file, which errors call ``name``.

        Raises:
            MetamathError: it can't be read, is too large, or holds characters that the language has not.
        """
        room = self.limits.chars - self.num_chars
        try:
            opener = gzip.open if path.suffix == ".gz" else open
            with opener(path, "rb") as file:
                content = file.read(room + 1)
        except (OSError, EOFError, ValueError, zlib.error) as error:
            raise MetamathError(f"can't read {str(path)!r}: {error}") from error
        self.read_text(content.decode("latin-1"), name)

    def read_text(self, text: str, name: str) -> None:
        """Appends the tokens of ``text``; see ``read_file``."""
        number = len(self.files)
        self.files.append(name)
        self.num_chars += len(text)
        if self.num_chars > self.limits.chars:
            raise MetamathError(f"more than {self.limits.chars:,} characters", Place(name, 1))
        if foreign := _FOREIGN.search(text):
            place = Place(name, text.count("\n", 0, foreign.start()) + 1)
            raise MetamathError(f"the character {foreign[0]!r} is not allowed", place)
        self._scan(text, number)

    def _scan(self, text: str, number: int) -> None:
        """Appends the tokens, leaves out comments, and follows inclusions."""
        opened: Place | None = None
        inclusion: list[str] | None = None
        for line, written in enumerate(text.split("\n"), 1):
            words = written.split()
            if opened is None and inclusion is None and "$(" not in written and "$[" not in written:
                self._add(words, number, line)
                continue
            for word in words:
                place = Place(self.files[number], line)
                if opened is not None:
                    opened = self._in_comment(word, opened, place)
                elif word == "$(":
                    opened = place
                elif inclusion is not None:
                    inclusion.append(word)
                    if word == "$]":
                        self._include(inclusion, place)
                        inclusion = None
                elif word == "$[":
                    inclusion = []
                else:
                    self._add([word], number, line)
        if opened is not None:
            raise MetamathError("this comment is never closed by $)", opened)
        if inclusion is not None:
            raise MetamathError("$[ without $]", Place(self.files[number], text.count("\n") + 1))

    def _add(self, words: list[str], number: int, line: int) -> None:
        for word in words:
            if len(word) > self.limits.token_chars:
                message = f"a token of more than {self.limits.token_chars:,} characters"
                raise MetamathError(message, Place(self.files[number], line))
        self.tokens += words
        self.lines += [(number, line)] * len(words)

    @staticmethod
    def _in_comment(word: str, opened: Place, place: Place) -> Place | None:
        if word == "$)":
            return None
        if "$(" in word or "$)" in word:
            raise MetamathError(f"{word[:40]!r} inside a comment; comments don't nest", place)
        return opened

    def _include(self, words: list[str], place: Place) -> None:
        """Appends another file's tokens, unless it has been read already (so there are no cycles)."""
        name = words[0]
        if len(words) != 2 or not _INCLUDED.fullmatch(name):
            raise MetamathError(f"no name of a file: {' '.join(words[:-1])[:80]!r}", place)
        if self.folder is None:
            raise MetamathError(f"{name!r} can't be included by a text that is no file", place)
        folder = self.folder.resolve()
        path = folder / name
        if name.startswith("/") or ".." in name.split("/") or not path.resolve().is_relative_to(folder):
            raise MetamathError(f"{name!r} lies outside of the database's folder", place)
        inside = path.resolve().relative_to(folder).as_posix()
        if inside in self.files:
            return
        if len(self.files) >= self.limits.files:
            raise MetamathError(f"more than {self.limits.files} files", place)
        if self.nesting >= _MAX_NESTING:
            raise MetamathError(f"inclusions nest deeper than {_MAX_NESTING}", place)
        self.nesting += 1
        self.read_file(path, inside)
        self.nesting -= 1
