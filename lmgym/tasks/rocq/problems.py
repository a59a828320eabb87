"""The problems of ``lmgym/Rocq-v0``: statements of a level, by split and index.

A set is finite: the statements of a split come again and again, those of train in another order each
epoch.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.logic.rocq.goals import cut
from lmgym.logic.rocq.statements import Statement, outline
from lmgym.records import Problem
from lmgym.seeding import make_generator
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.rocq.play import RocqReference

MAX_ORDERS = 64
"""Orders of epochs that are remembered; the rows of a batch are in many epochs."""
MAX_CONTEXT_CHARS = 4_000
UNKNOWN_LENGTH = 24
"""Turns, beside the spare ones, for a statement of which no proof is known."""


class Statements:
    """The statements of one level as problems."""

    def __init__(self, statements: Sequence[Statement], level: int | None, spare: int | None) -> None:
        """Poses them.

        Args:
            statements: all of the set.
            level: take only those of this level; None: all.
            spare: turns beyond the known proof's tactics; None: a single turn.
        """
        self.name = _digest(statements)
        kept: OrderedDict[str, Statement] = OrderedDict()
        for statement in statements:  # in the order of the set, so that every level leaves out the same
            kept.setdefault(key_of(statement), statement)
        self._problems: dict[str, list[Problem]] = {split: [] for split in HASHED_SPLITS}
        for key, statement in kept.items():
            if level is None or statement.level == level:
                mine = self._problems[split_of(key)]
                mine.append(_pose(statement, key, split_of(key), len(mine), spare))
        self._orders: OrderedDict[int, list[int]] = OrderedDict()

    @property
    def all(self) -> list[Problem]:
        """Every problem."""
        return [problem for problems in self._problems.values() for problem in problems]

    @property
    def num_problems(self) -> dict[str, int]:
        """Statements of each split."""
        return {split: len(problems) for split, problems in self._problems.items()}

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        """Returns the problems at ``indices``, any order, repeats allowed.

        Raises:
            EmptyProblemSetError: the split has none.
            InvalidValueError: an index out of its range.
        """
        mine = self._problems[split]
        if not mine:
            raise EmptyProblemSetError(
                f"split {split!r} holds no statement of this level ({self.num_problems}). "
                "Use another split or level; level=None takes all levels together."
            )
        found = []
        for index in indices:
            if not 0 <= index < 1 << 63:
                raise InvalidValueError(f"a problem index must lie in [0, 2**63), got {index!r}.")
            epoch, place = divmod(int(index), len(mine))
            row = self._order(epoch, len(mine))[place] if split == "train" else place
            found.append(mine[row]._replace(index=int(index)))
        return found

    def _order(self, epoch: int, count: int) -> list[int]:
        if epoch not in self._orders:
            rng = make_generator(0, "epoch", self.name, count, epoch)
            self._orders[epoch] = rng.permutation(count).tolist()
            if len(self._orders) > MAX_ORDERS:
                self._orders.popitem(last=False)
        self._orders.move_to_end(epoch)
        return self._orders[epoch]


def key_of(statement: Statement) -> str:
    """Returns the canonical text of a statement: two with the same words are one problem."""
    return " ".join(statement.statement.split())


def _pose(statement: Statement, key: str, split: str, place: int, spare: int | None) -> Problem:
    num_turns = 1 if spare is None else (len(statement.proof) or UNKNOWN_LENGTH) + spare
    context = cut(outline(statement.context), MAX_CONTEXT_CHARS)  # its proofs may belong to another split
    left = "" if spare is None else f"{num_turns} left: "
    prompt = f"{context}\n\n|- {key}\n{left}" if context else f"|- {key}\n{left}"
    reference = RocqReference(statement, num_turns)
    return Problem(prompt, reference, split, place, float(statement.level), key)


def _digest(statements: Sequence[Statement]) -> str:
    content = hashlib.blake2b(digest_size=8)
    for statement in statements:
        content.update(repr(statement).encode("utf-8", "surrogatepass"))
    return content.hexdigest()
