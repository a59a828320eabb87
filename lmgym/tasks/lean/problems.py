"""The problems of ``lmgym/Lean-v0``: statements of a level, by split and index.

A set is finite: the statements of a split come again and again, those of train in another order each epoch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.logic.lean import LeanStatement
from lmgym.records import Problem
from lmgym.seeding import make_generator
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.lean.play import LeanReference

MAX_CONTEXT_CHARS = 4_000
UNKNOWN_LENGTH = 24
"""Turns, beside the spare ones, for a statement of which no proof is known."""


class Statements:
    """The statements of one level as problems."""

    def __init__(self, statements: Sequence[LeanStatement], level: int | None, spare: int | None) -> None:
        """Poses them.

        Args:
            statements: all of the set.
            level: take only those of this level; None: all.
            spare: turns beyond the known proof's tactics; None: a single turn.
        """
        content = "\n".join(map(repr, statements)).encode("utf-8", "surrogatepass")
        self.name = hashlib.blake2b(content, digest_size=8).hexdigest()
        self._problems: dict[str, list[Problem]] = {split: [] for split in HASHED_SPLITS}
        seen = set[str]()
        for statement in statements:
            key = " ".join(statement.statement.split())
            if key not in seen and level in (None, statement.level):
                split = split_of(key)
                mine = self._problems[split]
                mine.append(_pose(statement, key, split, len(mine), spare))
            seen.add(key)

    @property
    def all(self) -> list[Problem]:
        """Every problem."""
        return [problem for problems in self._problems.values() for problem in problems]

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        """Returns the problems at ``indices``, any order, repeats allowed.

        Raises:
            EmptyProblemSetError: the split has none.
            InvalidValueError: an index out of its range.
        """
        mine = self._problems[split]
        if not mine:
            sizes = {name: len(problems) for name, problems in self._problems.items()}
            raise EmptyProblemSetError(
                f"split {split!r} holds no statement of this level ({sizes}). "
                "Use another split or level; level=None takes all levels together."
            )
        orders, found = dict[int, list[int]](), list[Problem]()
        for index in indices:
            if not 0 <= index < 1 << 63:
                raise InvalidValueError(f"a problem index must lie in [0, 2**63), got {index!r}.")
            epoch, place = divmod(int(index), len(mine))
            if split == "train" and epoch not in orders:
                rng = make_generator(0, "epoch", self.name, len(mine), epoch)
                orders[epoch] = rng.permutation(len(mine)).tolist()
            row = orders[epoch][place] if split == "train" else place
            found.append(mine[row]._replace(index=int(index)))
        return found


def _pose(statement: LeanStatement, key: str, split: str, place: int, spare: int | None) -> Problem:
    num_turns = 1 if spare is None else (len(statement.proof) or UNKNOWN_LENGTH) + spare
    context = statement.context.strip()[:MAX_CONTEXT_CHARS]
    left = "" if spare is None else f"{num_turns} left: "
    prompt = f"{context}\n\n⊢ {key}\n{left}" if context else f"⊢ {key}\n{left}"
    return Problem(prompt, LeanReference(statement, num_turns), split, place, float(statement.level), key)
