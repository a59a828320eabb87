"""Prompts with responses as token rows for a model that reads its verdict off the last token.

A row is the tokenizer's prefix, the prompt, the response and the end token, padded on the right. One that is
too long loses the beginning of its prompt, then of its response; never the end, where the verdict is read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

import torch
from torch import Tensor

from lmgym.conversation import AGENT, END, MARKS, USER, has_marks, plain
from lmgym.tokenization import TextTokenizer

_REPLY: Final = re.compile(f"({END}{USER}[^{MARKS}]*{END}{AGENT})")


class RewardRows(NamedTuple):
    """B responses to be scored; L is the length of the longest."""

    input_ids: Tensor
    """int64[B, L], padded on the right."""
    lengths: Tensor
    """int64[B]"""
    features: Tensor | None = None
    """float32[B, D], what a frozen backbone says of each row; None: it is not frozen."""


def encode_rows(
    tokenizer: TextTokenizer,
    prompts: Sequence[str],
    responses: Sequence[str],
    *,
    max_tokens: int,
    pad_id: int,
) -> RewardRows:
    """Returns the rows of responses, of at most ``max_tokens`` tokens each.

    Of a response of several turns the last one is judged; see ``split_at_last_reply``.

    Args:
        tokenizer: of the model.
        prompts: B prompts; text with marks is a conversation.
        responses: B responses, any text whatever.
        max_tokens: from 1.
        pad_id: stands in the padding.
    """
    # A token holds at most so many characters: what is cut off here could not have been seen anyway, and a
    # text of any length costs bounded time.
    window = max_tokens * tokenizer.max_token_chars
    texts = [
        split_at_last_reply(prompt, response) for prompt, response in zip(prompts, responses, strict=True)
    ]
    heads = tokenizer.encode_batch([prompt[-window:] for prompt, _ in texts])
    tails = tokenizer.encode_batch([response[-window:] for _, response in texts])
    prefix, end = list(tokenizer.prefix_ids), tokenizer.end_id
    rows = []
    for head, tail in zip(heads, tails, strict=True):
        said = [*tail.tolist(), end][-max_tokens:]
        room = max_tokens - len(said) - len(prefix)
        rows.append([*prefix, *head[-room:].tolist(), *said] if room > 0 else said)
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int64)
    table = torch.full((len(rows), max(map(len, rows), default=0)), pad_id, dtype=torch.int64)
    for place, row in enumerate(rows):
        table[place, : len(row)] = torch.tensor(row)
    return RewardRows(table, lengths)


def split_at_last_reply(prompt: str, response: str) -> tuple[str, str]:
    """Returns what was said before the last turn of a response, and that turn, without marks.

    Preferences hold a whole episode as one response, the replies to it included; rewards judge each turn
    given those before it. Both have to look the same to a model. All other marks in a response are text like
    any other.
    """
    if not has_marks(response):
        return prompt, response
    pieces = _REPLY.split(response)  # every second one is a reply
    said = [piece if place % 2 else plain(piece) for place, piece in enumerate(pieces)]
    return prompt + "".join(said[:-1]), said[-1]
