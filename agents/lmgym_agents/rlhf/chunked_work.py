"""Work that is no training, cut into chunks, so that it is shown, saved and resumed like training.

In: a function that does chunk number i. Out: lines of text, in order. Left out: what the work is.

Checkpoints hold the lines as one array of bytes: some thousand responses are more than plain values may be.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch

from lmgym_agents.algorithms.update import Update

Chunk = tuple[list[str], dict[str, Any]]
"""The lines that a chunk gives, and what to log about it."""


class ChunkedWork:
    """Does one chunk an iteration and keeps its lines; see ``lmgym_agents.train.Algorithm``."""

    def __init__(self, num_chunks: int, do: Callable[[int], Chunk]) -> None:
        """Prepares the work.

        Args:
            num_chunks: how many there are.
            do: does chunk number i, a pure function of i as far as its lines and metrics go.
        """
        self.iteration = 0
        self.lines: list[str] = []
        """Without newlines in them."""
        self._num_chunks, self._do = num_chunks, do

    def iterations(self) -> Iterator[Update]:
        """Yields after each chunk."""
        while self.iteration < self._num_chunks:
            start = time.perf_counter()
            lines, metrics = self._do(self.iteration)
            self.lines += lines
            self.iteration += 1
            yield Update(self.iteration, metrics, {"total_s": time.perf_counter() - start})

    def state_dict(self) -> dict[str, Any]:
        """Returns what was done so far."""
        text = "".join(line + "\n" for line in self.lines).encode("utf-8", "surrogatepass")
        return {"iteration": self.iteration, "lines": torch.from_numpy(np.frombuffer(text, np.uint8).copy())}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on from what was done before."""
        text = state["lines"].numpy().tobytes().decode("utf-8", "surrogatepass")
        self.iteration, self.lines = int(state["iteration"]), text.split("\n")[:-1]
