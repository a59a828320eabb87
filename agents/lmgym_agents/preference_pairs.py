"""Pairs of responses to one prompt as token rows: preferred and not preferred, side by side.

In: preference records. Out: rows of both sides with marks on the tokens to learn, those of a step a pure
function of (seed, step). Left out: losses, and where the records come from (``lmgym.preferences``).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.preferences.record import Preference
from lmgym.seeding import make_generator
from lmgym.tokenization import TextTokenizer
from lmgym_agents.demonstrations import Rows

TokenRow = tuple[list[int], int]
"""Ids of prompt, response and end token, and the length of the prompt."""


class PairRows(NamedTuple):
    """B pairs."""

    chosen: Rows
    """The preferred response of each, with its prompt and its end token."""
    rejected: Rows
    """The other one."""
    is_tie: Tensor
    """bool[B], True: neither was preferred."""
    number: Tensor
    """int64[B], which pair of the data set."""


class PreferencePairs:
    """All pairs that a list of preferences holds, in a new random order every epoch."""

    def __init__(
        self,
        preferences: Sequence[Preference],
        tokenizer: TextTokenizer,
        *,
        seed: int = 0,
        with_ties: bool = False,
        max_tokens: int | None = None,
    ) -> None:
        """Tokenises the pairs.

        Args:
            preferences: verdicts on two or more responses; k responses give up to k(k-1)/2 pairs.
            tokenizer: of the policy, the one that its prompts are encoded with.
            seed: names the orders of the epochs.
            with_ties: keep pairs that neither response won.
            max_tokens: a pair with a longer row is left out (and counted).

        Raises:
            EmptyProblemSetError: no pair is left.
        """
        self.seed = seed
        self.left_out: Counter[str] = Counter()
        """Why pairs and records give nothing: "no_verdict" counts records; "tie", "equal" (both responses
        are the same text) and "too_long" count pairs."""
        self._pairs: list[tuple[TokenRow, TokenRow, bool]] = []
        for preference in preferences:
            self.left_out["no_verdict"] += preference.ranks is None
            for better, worse, is_tie in preference.pairs():
                reason = self._add(preference, better, worse, is_tie, tokenizer, with_ties, max_tokens)
                if reason:
                    self.left_out[reason] += 1
        if not self._pairs:
            raise EmptyProblemSetError(
                f"{len(preferences)} preferences hold no pair to learn from; left out: "
                f"{ {name: count for name, count in self.left_out.items() if count} }."
            )

    def __len__(self) -> int:
        return len(self._pairs)

    @property
    def num_ties(self) -> int:
        """How many of the pairs are ties."""
        return sum(is_tie for _, _, is_tie in self._pairs)

    def rows(self, step: int, count: int) -> PairRows:
        """Returns the pairs of a step: epochs follow one another, and a step may reach into the next."""
        places = np.arange(step * count, (step + 1) * count)
        epochs, offsets = np.divmod(places, len(self._pairs))
        orders = {
            epoch: make_generator(self.seed, "pairs", epoch).permutation(len(self._pairs))
            for epoch in np.unique(epochs).tolist()
        }
        return self.pick([int(orders[e][o]) for e, o in zip(epochs.tolist(), offsets.tolist(), strict=True)])

    def pick(self, numbers: Sequence[int]) -> PairRows:
        """Returns these pairs, in this order."""
        chosen, rejected, ties = zip(*(self._pairs[number] for number in numbers), strict=True)
        return PairRows(_stack(chosen), _stack(rejected), torch.tensor(ties), torch.tensor(numbers))

    def _add(
        self,
        preference: Preference,
        better: int,
        worse: int,
        is_tie: bool,
        tokenizer: TextTokenizer,
        with_ties: bool,
        max_tokens: int | None,
    ) -> str:
        """Keeps a pair, or returns why not."""
        first, second = preference.responses[better], preference.responses[worse]
        if first == second:
            return "equal"
        if is_tie and not with_ties:
            return "tie"
        pair = (_encode(preference.prompt, first, tokenizer), _encode(preference.prompt, second, tokenizer))
        if max_tokens is not None and max(len(ids) for ids, _ in pair) > max_tokens:
            return "too_long"
        self._pairs.append((*pair, is_tie))
        return ""


def split_preferences(
    preferences: Sequence[Preference], share: float, *, seed: int = 0
) -> tuple[list[Preference], list[Preference]]:
    """Returns (to learn from, held out): all records of a prompt go to one side, so no prompt is in both.

    Args:
        preferences: N records.
        share: of the different prompts, in [0, 1); rounded down, at least one where it is positive.
        seed: names the draw.

    Raises:
        InvalidValueError: ``share`` out of range, or one that leaves nothing to learn from.
    """
    if not 0 <= share < 1:
        raise InvalidValueError(f"the held-out share must be in [0, 1), got {share!r}.")
    prompts = sorted({preference.prompt for preference in preferences})
    count = max(int(share * len(prompts)), int(share > 0))
    if count and count >= len(prompts):
        raise InvalidValueError(
            f"{len(prompts)} different prompts can't be parted into some to learn from and some to hold out; "
            "give more preferences, or hold none out."
        )
    order = make_generator(seed, "held_out").permutation(len(prompts))
    held_out = {prompts[place] for place in order[:count].tolist()}
    return (
        [preference for preference in preferences if preference.prompt not in held_out],
        [preference for preference in preferences if preference.prompt in held_out],
    )


def _encode(prompt: str, response: str, tokenizer: TextTokenizer) -> TokenRow:
    head = [*tokenizer.prefix_ids, *tokenizer.encode(prompt)]
    if not head:
        raise InvalidValueError("a preference has an empty prompt; a model needs a token to begin with.")
    return [*head, *tokenizer.encode(response), tokenizer.end_id], len(head)


def _stack(rows: Sequence[TokenRow]) -> Rows:
    lengths = torch.tensor([len(ids) for ids, _ in rows])
    starts = torch.tensor([start for _, start in rows])
    table = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
    for row, (ids, _) in enumerate(rows):
        table[row, : len(ids)] = torch.tensor(ids)
    columns = torch.arange(table.shape[1])
    is_target = (columns >= starts[:, None]) & (columns < lengths[:, None])
    return Rows(table, lengths, is_target)
