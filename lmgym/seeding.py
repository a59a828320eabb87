"""Random streams addressed by a path, so that no two uses of randomness can ever overlap by accident.

A stream is named by a seed and a path of integers and words: ``make_generator(0, "row", 3, "problems")``.
Streams of different paths are statistically independent (``numpy.random.SeedSequence`` spawn keys);
there is no ``seed + i`` anywhere, so row 3 under seed 0 and row 2 under seed 1 share nothing.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

import numpy as np

from lmgym.errors import InvalidValueError

Path = int | str


@lru_cache(maxsize=4096)
def word_to_int(word: str) -> int:
    """Returns a 32-bit integer that stands for ``word``, the same in every process."""
    return int.from_bytes(hashlib.blake2b(word.encode(), digest_size=4).digest(), "little")


def make_sequence(seed: int, *path: Path) -> np.random.SeedSequence:
    """Returns the seed sequence at ``path`` under ``seed``.

    Raises:
        InvalidValueError: ``seed`` is not a non-negative integer.
    """
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise InvalidValueError(f"seed must be a non-negative integer, got {seed!r}.")
    keys = [word_to_int(part) if isinstance(part, str) else int(part) for part in path]
    # A spawn key takes 32-bit words; longer integers are split so that large indices stay distinct.
    words = [word for key in keys for word in (key & 0xFFFFFFFF, (key >> 32) & 0xFFFFFFFF)]
    return np.random.SeedSequence(int(seed), spawn_key=tuple(words))


def make_generator(seed: int, *path: Path) -> np.random.Generator:
    """Returns a fresh generator at ``path`` under ``seed``: the same arguments, the same stream."""
    return np.random.Generator(np.random.PCG64(make_sequence(seed, *path)))


def make_key(seed: int, *path: Path) -> int:
    """Returns 64 random bits at ``path`` under ``seed``, as a Python integer."""
    return int(make_sequence(seed, *path).generate_state(1, np.uint64)[0])
