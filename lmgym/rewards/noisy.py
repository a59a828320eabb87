"""``Noisy``: a verifier that is wrong now and then, to see which agents learn all the same.

Comes in: transcripts whose verdict is filled. Goes out: the pay for a right answer, turned round with a fixed
probability. What is measured as success is never noisy, only what is paid.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import ClassVar, Final

from lmgym.errors import InvalidValueError
from lmgym.records import Transcript
from lmgym.rewards.terms import BuiltIn, verdict_of

NOISY_PREFIX: Final = "noisy:"
"""Of the name of such a reward: "noisy:0.2" is ``Noisy(probability=0.2)``."""


@dataclass(frozen=True)
class Noisy(BuiltIn):
    """1.0 if the verdict is correct, else 0.0; with ``probability`` the other of the two.

    Whether a payment is turned round is a function of what was said to which problem (its prompt and all
    turns so far): the same transcript is always paid the same, in every process, and different ones are
    turned round independently. An agent that can't remember single problems sees noise of that rate.

    Raises:
        InvalidValueError: ``probability`` is not in [0, 1].
    """

    probability: float = 0.2
    """That a payment is turned round; at 0.5 nothing can be learned."""
    needs_gold: ClassVar[bool] = True

    def __post_init__(self) -> None:
        super().__post_init__()
        given = self.probability
        if isinstance(given, bool) or not isinstance(given, int | float) or not 0 <= given <= 1:
            raise InvalidValueError(f"Noisy.probability must be a number in [0, 1], got {given!r}.")

    @property
    def name(self) -> str:
        return "noisy"

    def _value(self, transcript: Transcript) -> float:
        is_correct = verdict_of(transcript, self.name).status == "correct"
        return float(is_correct != self._is_turned(transcript))

    def _is_turned(self, transcript: Transcript) -> bool:
        digest = hashlib.blake2b(digest_size=8, person=b"lmgym.noisy")
        problem = transcript.problem
        for text in (problem.split, problem.prompt, *(turn.text for turn in transcript.turns)):
            data = text.encode("utf-8", "surrogatepass")
            digest.update(len(data).to_bytes(8, "little"))
            digest.update(data)
        return int.from_bytes(digest.digest(), "little") < self.probability * 2.0**64


def make_noisy(name: str) -> Noisy:
    """Returns the reward that "noisy:0.2" names.

    Raises:
        InvalidValueError: no number in [0, 1] behind the colon.
    """
    text = name.removeprefix(NOISY_PREFIX)
    try:
        probability = float(text[:40])
    except ValueError:
        raise InvalidValueError(
            f"reward {name[:80]!r} needs a probability behind {NOISY_PREFIX!r}, such as {NOISY_PREFIX}0.2."
        ) from None
    return Noisy(probability=probability)
