"""The reward protocol: a batch of transcripts in, one number each and named terms out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from lmgym.records import Scores, Transcript

Pay = Literal["episode", "turn", "step"]
"""When a reward is paid: once at the end, at the end of every agent turn, or after every step (line)."""


@runtime_checkable
class Reward(Protocol):
    """Scores a batch of transcripts, whose ``verdict`` is filled.

    ``pay`` says what the transcripts are: whole episodes, episodes up to a turn, or up to a step.
    A row that can't be scored (a service is down) is marked in ``Scores.failed``; it is never paid 0.
    """

    @property
    def pay(self) -> Pay: ...

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores: ...
