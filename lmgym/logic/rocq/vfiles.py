"""Cuts the text of a ``.v`` file into sentences.

Comes in: text. Goes out: sentences on one line each, without comments, with the comments that stood before
them. Knows nested comments, strings, the dots that end a sentence and those that do not (``Nat.add``,
``..``, ``1.5``), bullets and braces. Left out: everything that a sentence means.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from lmgym.errors import LmgymError


class VFileError(LmgymError, ValueError):
    """A ``.v`` file that cannot be read; the message begins with file and line."""

    def __init__(self, source: str, line: int, message: str) -> None:
        super().__init__(f"{source}:{line}: {message}")
        self.source = source
        self.line = line
        self.message = message

    def __reduce__(self) -> tuple[type, tuple[str, int, str]]:
        return type(self), (self.source, self.line, self.message)


class Comment(NamedTuple):
    """A comment without its outer brackets."""

    text: str
    line: int


class Sentence(NamedTuple):
    """One sentence, bullet or brace of a proof."""

    text: str
    """One line: blanks outside strings are single spaces, comments are gone."""
    line: int
    """Number of the line on which it begins, from 1."""
    comments: tuple[Comment, ...] = ()
    """The comments between the sentence before and this one."""
    inner_comments: tuple[Comment, ...] = ()
    """The comments inside."""

    @property
    def is_bullet(self) -> bool:
        """True for a bullet or brace, which ends without a dot."""
        return not self.text.endswith(".")


_BULLET = re.compile(r"-+|\++|\*+|\}|(?:(?:\d+|\[\s*\w+\s*\])\s*:\s*)?\{")
_COMMENT_MARK = re.compile(r'\(\*|\*\)|"')
_PIECE = re.compile(
    r'(?P<comment>\(\*)|(?P<string>"(?:[^"]|"")*")|(?P<open>")|(?P<dots>\.+)|(?P<blank>\s+)'
    r'|(?P<word>[^\s."(]+|\()'
)


def read_sentences(text: str, source: str = "<text>") -> list[Sentence]:
    """Returns the sentences of ``text`` in order; comments after the last one are dropped.

    Args:
        text: the file.
        source: what messages call the file.

    Raises:
        VFileError: a comment, string or sentence without an end.
    """
    return _Reader(text, source).read()


class _Reader:
    def __init__(self, text: str, source: str) -> None:
        self.text = text
        self.source = source
        self.at = 0
        self.parts: list[str] = []
        self.outer: list[Comment] = []
        self.inner: list[Comment] = []
        self.line = self.scanned = 0
        self.current_line = 1

    def line_at(self, place: int) -> int:
        """Returns the number of the line of ``place``; places must not decrease."""
        self.current_line += self.text.count("\n", self.scanned, place)
        self.scanned = place
        return self.current_line

    def read(self) -> list[Sentence]:
        found = list[Sentence]()
        while self.at < len(self.text):
            if not self.parts and (bullet := _BULLET.match(self.text, self.at)):
                self.add(" ".join(bullet[0].split()), bullet.end())
                found.append(self.finish())
            elif self.step():
                found.append(self.finish())
        if self.parts:
            raise VFileError(self.source, self.line, f"no dot ends the sentence {self.joined()[:60]!r}.")
        return found

    def step(self) -> bool:
        """Takes one piece; True: a sentence ends after it."""
        piece = _PIECE.match(self.text, self.at)
        assert piece is not None, (self.at, self.text[self.at : self.at + 20])
        if piece["comment"]:
            self.take_comment()
        elif piece["open"]:
            raise VFileError(self.source, self.line_at(self.at), "a string is not closed.")
        elif piece["blank"]:
            self.at = piece.end()
            if self.parts and self.parts[-1] != " ":
                self.parts.append(" ")
        else:
            self.add(piece[0], piece.end())
            is_last = self.at == len(self.text) or self.text[self.at].isspace()
            return bool(piece["dots"]) and is_last and len(piece[0]) in (1, 3)
        return False

    def add(self, part: str, end: int) -> None:
        if not self.parts:
            self.line = self.line_at(self.at)
        self.parts.append(part)
        self.at = end

    def take_comment(self) -> None:
        start, depth, self.at = self.at, 1, self.at + 2
        line = self.line_at(start)
        while depth:
            mark = _COMMENT_MARK.search(self.text, self.at)
            if mark is None:
                raise VFileError(self.source, line, "a comment is not closed.")
            self.at = mark.end()
            if mark[0] == '"':
                self.at = self.text.find('"', self.at) + 1
                if not self.at:
                    raise VFileError(self.source, line, "a string in a comment is not closed.")
            else:
                depth += 1 if mark[0] == "(*" else -1
        comment = Comment(" ".join(self.text[start + 2 : self.at - 2].split()), line)
        (self.inner if self.parts else self.outer).append(comment)
        if self.parts and self.parts[-1] != " ":
            self.parts.append(" ")

    def joined(self) -> str:
        return "".join(self.parts).strip()

    def finish(self) -> Sentence:
        sentence = Sentence(self.joined(), self.line, tuple(self.outer), tuple(self.inner))
        self.parts, self.outer, self.inner = [], [], []
        return sentence
