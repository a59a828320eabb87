"""Endless sequences of problems, made a block at a time from counter-based random streams.

Comes in: a name that fixes the stream and a function that draws one draft. Goes out: problems by index.
A block is always drawn whole, from a generator addressed by (name, split, block), so problem ``i`` is the
same whether it is asked for first, last or alone; and the price of making a generator is shared by the
problems of the block.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.records import Problem
from lmgym.seeding import make_generator
from lmgym.tasks.base import HASHED_SPLITS, split_of

BLOCK_SIZE = 64
"""Problems drawn at once. Asking for whole aligned blocks is cheapest."""
MAX_BLOCKS_KEPT = 128
"""Rows of a batch seldom meet in a block, so few are worth keeping."""
MAX_DRAWS = 20_000
"""Draws for one problem after which a split counts as empty."""

_WORD_BITS = 62


class Draft(NamedTuple):
    """A problem before it has an address."""

    prompt: str
    reference: Any
    key: str
    difficulty: float = 1.0


class Words:
    """An endless supply of random integers; the only source of randomness of a block."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._buffer: list[int] = []

    def next(self) -> int:
        """Returns a uniform integer in [0, 2**62)."""
        if not self._buffer:
            self._buffer = self._rng.integers(0, 1 << _WORD_BITS, size=512).tolist()
        return self._buffer.pop()

    def below(self, bound: int) -> int:
        """Returns an integer in [0, bound), uniform up to a bias under bound / 2**62."""
        value = self.next()
        if bound >> 32:  # enough extra bits that the remainder stays unbiased
            for _ in range(bound.bit_length() // _WORD_BITS + 1):
                value = value << _WORD_BITS | self.next()
        return value % bound


class Source(Protocol):
    """What a stream draws its blocks from."""

    def __call__(self, split: str, count: int, rng: np.random.Generator) -> list[Draft]:
        """Returns ``count`` drafts of ``split``, a pure function of the state of ``rng``."""
        ...


class ProblemStream:
    """Problems of a source by (split, index), with the last used blocks kept."""

    def __init__(self, name: str, source: Source) -> None:
        self._name = name
        self._source = source
        self._blocks: OrderedDict[tuple[str, int], list[Problem]] = OrderedDict()

    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]:
        """Returns the problems at ``indices``, any order, repeats allowed.

        Raises:
            InvalidValueError: an index is negative or beyond 2**63 - 1.
            EmptyProblemSetError: the split holds no problem under this configuration.
        """
        if type(indices) is range and indices and indices.step == 1 and indices[0] >> 6 == indices[-1] >> 6:
            first = indices[0]
            return self._block(split, first >> 6)[first & 63 : (indices[-1] & 63) + 1]
        found: list[Problem] = []
        number: int | None = None
        block: list[Problem] = []
        for index in indices:
            if index >> 6 != number:
                number = int(index) >> 6
                block = self._block(split, number)
            found.append(block[index & 63])
        return found

    def _block(self, split: str, number: int) -> list[Problem]:
        address = (split, number)
        block = self._blocks.get(address)
        if block is not None:
            self._blocks.move_to_end(address)
            return block
        if not 0 <= number < 1 << 57:
            raise InvalidValueError(f"a problem index must lie in [0, 2**63), got one in block {number}.")
        rng = make_generator(0, "problems", self._name, split, number)
        first = number * BLOCK_SIZE
        block = [
            Problem(prompt, reference, split, first + offset, difficulty, key)
            for offset, (prompt, reference, key, difficulty) in enumerate(
                self._source(split, BLOCK_SIZE, rng)
            )
        ]
        self._blocks[address] = block
        if len(self._blocks) > MAX_BLOCKS_KEPT:
            self._blocks.popitem(last=False)
        return block


class HasKey(Protocol):
    """What can be told to belong to a split: a draft, or what a draft is made from."""

    @property
    def key(self) -> str: ...


Drawn = TypeVar("Drawn", bound=HasKey)


def draw_until_split(draw: Callable[[Words], Drawn | None], split: str, words: Words) -> Drawn:
    """Returns the first of what ``draw`` gives that belongs to ``split``.

    Rejection keeps the task's own distribution. A hashed split owns what has a key that hashes to it; any
    other split takes everything. ``draw`` returns None for what is not usable.

    Raises:
        EmptyProblemSetError: no draft belonged to the split in ``MAX_DRAWS`` draws.
    """
    is_hashed = split in HASHED_SPLITS
    for _ in range(MAX_DRAWS):
        drawn = draw(words)
        if drawn is not None and (not is_hashed or split_of(drawn.key) == split):
            return drawn
    raise EmptyProblemSetError(
        f"split {split!r} holds no problem under this configuration ({MAX_DRAWS} draws gave none). "
        "Use another split, or options that allow more different problems."
    )
