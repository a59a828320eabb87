"""Pairs of responses to one prompt as token rows: preferred and not preferred, side by side.

In: preference records. Out: rows of both sides with marks on the tokens to learn, those of a step a pure
function of (seed, step). Left out: losses, and where the records come from (``lmgym.preferences``).
Reward models read pairs as text: ``reward_models.pairs``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmgym.conversation import AGENT, END
from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.preferences.record import Preference
from lmgym.seeding import make_generator
from lmgym.tokenization import TextTokenizer
from lmgym_agents.demonstrations import Rows

TokenRow = tuple[list[int], list[bool]]
"""Ids of prompt, response and end token, and for each whether it is the agent's."""


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


_REASONS: Final = {
    "no_verdict": "preferences without a verdict",
    "tie": "ties (--ties half learns from them)",
    "equal": "pairs of two equal responses",
    "too_long": "pairs longer than --max-tokens",
}


def show_left_out(left_out: Mapping[str, int]) -> str:
    """Returns ``PreferenceRows.left_out`` in words, "" where nothing was left out."""
    return ", ".join(f"{count} {_REASONS[name]}" for name, count in left_out.items() if count)


class PreferenceRows:
    """All pairs that a list of preferences holds, in a new random order every epoch."""

    def __init__(
        self,
        preferences: Sequence[Preference],
        tokenizer: TextTokenizer,
        *,
        seed: int = 0,
        with_ties: bool = False,
        max_tokens: int | None = None,
        known: Mapping[tuple[str, str], TokenRow] | None = None,
    ) -> None:
        """Tokenises the pairs.

        Args:
            preferences: verdicts on two or more responses; k responses give up to k(k-1)/2 pairs.
            tokenizer: of the policy, the one that its prompts are encoded with.
            seed: names the orders of the epochs.
            with_ties: keep pairs that neither response won.
            max_tokens: a pair with a longer row is left out (and counted).
            known: rows by (prompt, response), where the tokens that were sampled are known: text that is
                tokenised again may give others, and says not whether it was cut before its end.

        Raises:
            EmptyProblemSetError: no pair is left.
        """
        self._known = known or {}
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
            why = show_left_out(self.left_out) or "nothing"
            raise EmptyProblemSetError(
                f"{len(preferences)} preferences hold no pair to learn from; left out: {why}."
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
        return PairRows(stack_rows(chosen), stack_rows(rejected), torch.tensor(ties), torch.tensor(numbers))

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
        pair = tuple(self._row(preference.prompt, text, tokenizer) for text in (first, second))
        if max_tokens is not None and max(len(ids) for ids, _ in pair) > max_tokens:
            return "too_long"
        self._pairs.append((pair[0], pair[1], is_tie))
        return ""

    def _row(self, prompt: str, response: str, tokenizer: TextTokenizer) -> TokenRow:
        found = self._known.get((prompt, response))
        return encode_response(prompt, response, tokenizer) if found is None else found


def cut_response(response: str) -> list[tuple[str, bool]]:
    """Returns a response as pieces and for each whether the agent wrote it; joined they are the response.

    A response of several turns holds the replies between them: conversation text from ``END`` to ``AGENT``.
    """
    pieces, place = [], 0
    while (start := response.find(END, place)) >= 0 and (stop := response.find(AGENT, start)) >= 0:
        pieces += [(response[place:start], True), (response[start : stop + 1], False)]
        place = stop + 1
    return [*pieces, (response[place:], True)]


def encode_response(prompt: str, response: str, tokenizer: TextTokenizer) -> TokenRow:
    """Returns the row that a token environment would hold: every turn of the agent ends with the end token.

    Raises:
        InvalidValueError: an empty prompt, after which a model has nothing to begin with.
    """
    ids = [*tokenizer.prefix_ids, *tokenizer.encode(prompt)]
    if not ids:
        raise InvalidValueError("a preference has an empty prompt; a model needs a token to begin with.")
    is_agent = [False] * len(ids)
    for text, is_said in cut_response(response):
        piece = [*tokenizer.encode(text), *([tokenizer.end_id] if is_said else [])]
        ids += piece
        is_agent += [is_said] * len(piece)
    return ids, is_agent


def stack_rows(rows: Sequence[TokenRow]) -> Rows:
    """Returns rows of tokens as right-padded arrays."""
    lengths = torch.tensor([len(ids) for ids, _ in rows])
    table = torch.zeros(len(rows), int(lengths.max()), dtype=torch.int64)
    is_target = torch.zeros(table.shape, dtype=torch.bool)
    for row, (ids, is_agent) in enumerate(rows):
        table[row, : len(ids)] = torch.tensor(ids)
        is_target[row, : len(ids)] = torch.tensor(is_agent)
    return Rows(table, lengths, is_target)
