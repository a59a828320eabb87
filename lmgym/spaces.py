"""A text space that admits any Unicode text whatever, which Gymnasium's ``Text`` can't list."""

from __future__ import annotations

from typing import Any, overload

import numpy as np
from gymnasium import spaces
from gymnasium.spaces.space import Space

SAMPLED_LENGTH = 24
"""Longest text that ``sample`` draws, where ``max_length`` allows it."""


class CodePoints:
    """All code points, as the character list and character set that Gymnasium's functions on text ask for."""

    def __len__(self) -> int:
        return 0x110000

    @overload
    def __getitem__(self, index: int) -> str: ...
    @overload
    def __getitem__(self, index: slice) -> tuple[str, ...]: ...
    def __getitem__(self, index: int | slice) -> str | tuple[str, ...]:
        if isinstance(index, slice):
            return tuple(map(chr, range(*index.indices(len(self)))))
        return chr(index)

    def __contains__(self, char: object) -> bool:
        return isinstance(char, str) and len(char) == 1

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CodePoints)

    def __hash__(self) -> int:
        return hash(CodePoints)


class UnicodeText(spaces.Text):
    """Every ``str`` of at most ``max_length`` characters: the empty one and lone surrogates included.

    Flattened and in shared memory a text is its code points, int32[max_length], padded with 0x110000.
    """

    def __init__(self, max_length: int, *, seed: int | np.random.Generator | None = None) -> None:
        super().__init__(max_length, min_length=0, charset="", seed=seed)

    def contains(self, x: Any) -> bool:
        return isinstance(x, str) and len(x) <= self.max_length

    def sample(self, mask: Any = None, probability: Any = None) -> str:
        """Returns a short random text: mostly printable ASCII, now and then any code point.

        Raises:
            ValueError: a mask or probabilities were given, which a space of all characters has no use for.
        """
        if mask is not None or probability is not None:
            raise ValueError("UnicodeText.sample takes neither mask nor probability; draw your own text.")
        length = int(self.np_random.integers(0, min(self.max_length, SAMPLED_LENGTH) + 1))
        printable = self.np_random.integers(32, 127, length)
        anything = self.np_random.integers(0, 0x110000, length)
        codes = np.where(self.np_random.random(length) < 0.9, printable, anything)
        return "".join(map(chr, codes.tolist()))

    @property
    def character_set(self) -> Any:
        return CodePoints()

    @property
    def character_list(self) -> Any:
        return CodePoints()

    @property
    def characters(self) -> Any:
        return CodePoints()

    def character_index(self, char: str) -> np.int32:
        return np.int32(ord(char))

    def __eq__(self, other: object, /) -> bool:
        return isinstance(other, UnicodeText) and other.max_length == self.max_length

    __hash__ = Space.__hash__

    def __repr__(self) -> str:
        return f"UnicodeText({self.max_length})"
