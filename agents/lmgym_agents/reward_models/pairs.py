"""Preferences as pairs: which of two responses to one prompt is better, with weights and margins.

In: preference records (``lmgym.preferences``). Out: pairs, split so that no prompt crosses, and dealt out in
epochs. Left out: tokens, losses. Which pairs a step sees is a pure function of (seed, step).
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterable, Sequence
from typing import NamedTuple, TypeVar

import numpy as np

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.preferences import Preference
from lmgym.seeding import make_generator

Item = TypeVar("Item", bound="Preference | Pair")


class Pair(NamedTuple):
    """Two responses, compared."""

    prompt: str
    better: str
    worse: str
    is_tie: bool = False
    """Neither is better; which one is called so means nothing."""
    weight: float = 1.0
    """How much the pair counts, from 0."""
    margin: float = 0.0
    """How far the better one's score should at least lie above."""
    gold_gap: float | None = None
    """True utility of the better one less that of the worse, for measuring; None: nobody knows."""


def make_pairs(
    preferences: Iterable[Preference], *, use_confidence: bool = False, margin_per_rank: float = 0.0
) -> list[Pair]:
    """Returns all pairs of all records that hold a verdict, in order; two equal texts teach nothing.

    Simulated annotators leave the true utilities in ``extra["utilities"]``; they go into ``gold_gap``.

    The pairs of one record share a weight of 1: a record that ranks four responses counts as much as one
    that compares two.

    Args:
        preferences: the records.
        use_confidence: the record's weight is its confidence, where one is said.
        margin_per_rank: the margin of a pair for each place between its responses.

    Source: Ouyang et al. 2022, section 3.5 (all pairs of a ranking, weighted as one).
    """
    found: list[Pair] = []
    for record in preferences:
        pairs = [pair for pair in record.pairs() if record.responses[pair[0]] != record.responses[pair[1]]]
        weight = record.confidence if use_confidence and record.confidence is not None else 1.0
        for better, worse, is_tie in pairs:
            assert record.ranks is not None
            margin = margin_per_rank * abs(record.ranks[worse] - record.ranks[better])
            texts = record.responses[better], record.responses[worse]
            gold = _gold_gap(record, better, worse)
            found.append(Pair(record.prompt, *texts, is_tie, weight / len(pairs), margin, gold))
    return found


def split_by_prompt(
    items: Sequence[Item], shares: Sequence[float] = (0.8, 0.1, 0.1), *, seed: int = 0
) -> list[list[Item]]:
    """Returns the items in as many parts as ``shares``; the hash of a prompt decides its part.

    All that asks one prompt lies in one part, in files of any order and whatever else they hold.

    Args:
        items: records or pairs.
        shares: of the prompts, positive, summing to 1.
        seed: names the split.

    Raises:
        InvalidValueError: shares that are not positive or do not sum to 1.
    """
    if not shares or min(shares) <= 0 or abs(sum(shares) - 1) > 1e-9:
        raise InvalidValueError(f"shares must be positive and sum to 1, got {tuple(shares)}.")
    bounds = np.cumsum(shares)[:-1]
    parts: list[list[Item]] = [[] for _ in shares]
    for item in items:
        parts[int(np.searchsorted(bounds, prompt_place(item.prompt, seed), side="right"))].append(item)
    return parts


def prompt_place(prompt: str, seed: int = 0) -> float:
    """Returns a number in [0, 1) that hangs on the prompt and the seed alone."""
    content = f"{seed}\n{prompt}".encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.blake2b(content, digest_size=6).digest(), "big") / 2**48


class PreferencePairs:
    """Pairs in a new random order every epoch: what a reward model is trained on."""

    def __init__(
        self, pairs: Iterable[Pair] | Iterable[Preference], *, seed: int = 0, bootstrap: bool = False
    ) -> None:
        """Keeps the pairs.

        Args:
            pairs: pairs, or records, of which ``make_pairs`` makes them.
            seed: names the order, and what a bootstrap draws.
            bootstrap: draw as many prompts as there are, with replacement, and take the pairs of each; for
                the members of an ensemble.

        Raises:
            EmptyProblemSetError: there is no pair.
        """
        given = list(pairs)
        records = [item for item in given if isinstance(item, Preference)]
        found = [item for item in given if isinstance(item, Pair)] + make_pairs(records)
        if not found:
            raise EmptyProblemSetError(
                f"{len(given)} records hold no pair of different responses with a verdict; a reward model "
                "needs at least one."
            )
        self.pairs: list[Pair] = _draw_prompts(found, seed) if bootstrap else found
        self._seed = seed

    def __len__(self) -> int:
        return len(self.pairs)

    def batch(self, step: int, count: int) -> list[Pair]:
        """Returns the ``count`` pairs of an optimiser step; a batch may reach into the next epoch."""
        epochs, offsets = np.divmod(np.arange(step * count, (step + 1) * count), len(self.pairs))
        orders = {
            epoch: make_generator(self._seed, "pairs", epoch).permutation(len(self.pairs))
            for epoch in np.unique(epochs).tolist()
        }
        return [
            self.pairs[orders[epoch][offset]]
            for epoch, offset in zip(epochs.tolist(), offsets.tolist(), strict=True)
        ]


def _gold_gap(record: Preference, better: int, worse: int) -> float | None:
    utilities = record.extra.get("utilities")
    if not isinstance(utilities, list) or len(utilities) != len(record.responses):
        return None
    pair = (utilities[better], utilities[worse])
    if not all(isinstance(value, int | float) and math.isfinite(value) for value in pair):
        return None
    return float(pair[0] - pair[1])


def _draw_prompts(pairs: Sequence[Pair], seed: int) -> list[Pair]:
    by_prompt: dict[str, list[Pair]] = {}
    for pair in pairs:
        by_prompt.setdefault(pair.prompt, []).append(pair)
    prompts = list(by_prompt)
    drawn = make_generator(seed, "bootstrap").integers(len(prompts), size=len(prompts))
    return [pair for place in drawn.tolist() for pair in by_prompt[prompts[place]]]
