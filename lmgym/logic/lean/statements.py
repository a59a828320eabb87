"""Statements to be proved in Lean 4, and how they are read from ``.lean`` files.

Comes in: a file in which comments mark theorems. Goes out: for each its trusted context, the proposition and
the proof, a tactic a line. Left out: whether Lean accepts them.

The form is strict. A mark stands on the line before its theorem; the proposition stands on one line with the
name, its binders inside; the tactics follow, indented by two blanks, until a blank line:

    -- lmgym: level 2; topics nat
    theorem add_zero_left : ∀ n : Nat, 0 + n = n := by
      intro n
      rw [Nat.zero_add]

All lines above that belong to no marked theorem are its context (``import``, ``open``, definitions), but for
blank lines and those that begin with ``--``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from lmgym.errors import EmptyProblemSetError, InvalidValueError, LmgymError

_MARK = re.compile(r"-- lmgym: level ([1-8])(?:; topics (.+))?")
_THEOREM = re.compile(r"theorem ([^\W\d][\w']*) : (.+) := by")


class LeanFileError(LmgymError, ValueError):
    """A ``.lean`` file with a mark that cannot be read; the message begins with file and line."""


@dataclass(frozen=True, kw_only=True)
class LeanStatement:
    """A proposition to be proved in a context."""

    name: str
    """Name of the theorem where it was read."""
    statement: str
    """One closed proposition on one line, e.g. ``∀ n : Nat, n + 0 = n``."""
    context: str = ""
    """Trusted text before it: imports, open namespaces, definitions."""
    proof: tuple[str, ...] = ()
    """Tactics, each on one line; () where none is known."""
    level: int = 1
    """Difficulty, in [1, 8]."""
    topics: tuple[str, ...] = ()
    """Words that say what it is about."""

    def __post_init__(self) -> None:
        if not self.statement.strip() or "\n" in self.statement:
            raise InvalidValueError(
                f"LeanStatement.statement of {self.name} must be one line, got {self.statement!r}."
            )
        if any("\n" in tactic or not tactic.strip() for tactic in self.proof):
            raise InvalidValueError(f"LeanStatement.proof of {self.name} must be a tactic a line.")


def read_lean_statements(path: str | Path) -> list[LeanStatement]:
    """Returns the marked theorems of a ``.lean`` file, in order.

    Raises:
        LeanFileError: the file cannot be opened, or a mark or what follows it has another form.
        EmptyProblemSetError: nothing is marked.
    """
    path = Path(path)
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise LeanFileError(f"{path.name}:1: cannot be read ({error}).") from None
    found, context, place = list[LeanStatement](), list[str](), 0
    while place < len(lines):
        if not lines[place].startswith("-- lmgym"):
            context += [lines[place]] if lines[place].strip() and not lines[place].startswith("--") else []
            place += 1
            continue
        proof = _proof_lines(lines, place + 2)
        found.append(_statement(lines, place, proof, "\n".join(context), path.name))
        place += 2 + len(proof)
    if not found:
        raise EmptyProblemSetError(
            f"no theorem is marked in {path}; write '-- lmgym: level 1' on the line before each."
        )
    return found


def _proof_lines(lines: list[str], start: int) -> list[str]:
    end = start
    while end < len(lines) and lines[end].startswith("  "):
        end += 1
    return lines[start:end]


def _statement(lines: list[str], place: int, proof: list[str], context: str, source: str) -> LeanStatement:
    mark = _MARK.fullmatch(lines[place])
    if mark is None:
        raise LeanFileError(f"{source}:{place + 1}: write '-- lmgym: level 1' or '...; topics nat, list'.")
    theorem = _THEOREM.fullmatch(lines[place + 1]) if place + 1 < len(lines) else None
    if theorem is None:
        raise LeanFileError(
            f"{source}:{place + 2}: a mark needs 'theorem name : proposition := by' below it."
        )
    topics = tuple(word.strip() for word in (mark[2] or "").split(",") if word.strip())
    return LeanStatement(
        name=theorem[1],
        statement=theorem[2],
        context=context,
        proof=tuple(line.strip() for line in proof),
        level=int(mark[1]),
        topics=topics,
    )
