"""Problems from the rows of other sources, by split and index.

Comes in: a source. Goes out: problems without ground truth, and the sizes that environments need. Left out:
what is done with answers.
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from collections.abc import Sequence

from lmgym.conversation import write_conversation
from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.records import Problem
from lmgym.seeding import make_generator
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.chat.goals import Goal
from lmgym.tasks.chat.reference import ChatReference
from lmgym.tasks.chat.sources import read_items

MAX_ORDERS = 64
"""Orders of epochs that are remembered."""
MAX_ANSWER_CHARS = 1024
"""Longest default budget of an answer: the longest references of real data are far longer than the others."""
DESCRIPTION = "Your first messages are part of the conversation; go on with what they are about."


class Prompts:
    """The rows of a source; those with one first message of the user's are all in one split.

    They come again and again: those of train in another order in each epoch, the others in the file's order.
    """

    def __init__(self, source: object, max_chars: int | None) -> None:
        items, self.left_out = read_items(source, max_chars)
        self._items = {
            split: [item for item in items if split_of(item.key) == split] for split in HASHED_SPLITS
        }
        prompts = [write_conversation(item.messages) for item in items]
        self.max_chars = max(map(len, prompts))
        self.max_messages = max(len(item.messages) for item in items)
        longest = max((len(item.reference) for item in items if item.reference is not None), default=255)
        self.max_answer_chars = min(longest, MAX_ANSWER_CHARS)
        content = hashlib.blake2b(repr(items).encode("utf-8", "surrogatepass"), digest_size=8)
        self.fingerprint = f"problems={content.hexdigest()}"
        self._orders: OrderedDict[int, list[int]] = OrderedDict()

    @property
    def num_problems(self) -> dict[str, int]:
        """Rows of each split."""
        return {split: len(items) for split, items in self._items.items()}

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        """Returns the problems at ``indices``.

        Raises:
            EmptyProblemSetError: the split has no row.
            InvalidValueError: an index is negative or beyond 2**63 - 1.
        """
        items = self._items[split]
        if not items:
            raise EmptyProblemSetError(
                f"split {split!r} of the source holds no row (rows in each: {self.num_problems}). "
                "Use another one."
            )
        return [self._problem(split, index) for index in indices]

    def _problem(self, split: str, index: int) -> Problem:
        if not 0 <= index < 1 << 63:
            raise InvalidValueError(f"a problem index must lie in [0, 2**63), got {index!r}.")
        epoch, place = divmod(int(index), len(self._items[split]))
        item = self._items[split][self._order(epoch)[place] if split == "train" else place]
        reference = ChatReference(Goal((), description=DESCRIPTION), answer=item.reference)
        return Problem(write_conversation(item.messages), reference, split, int(index), 1.0, item.key)

    def _order(self, epoch: int) -> list[int]:
        if epoch not in self._orders:
            rng = make_generator(0, "epoch", self.fingerprint, epoch)
            self._orders[epoch] = rng.permutation(len(self._items["train"])).tolist()
            if len(self._orders) > MAX_ORDERS:
                self._orders.popitem(last=False)
        self._orders.move_to_end(epoch)
        return self._orders[epoch]
