"""The text of each token of a row, so that a row can be shown token by token.

In: token ids. Out: one short text a token. Left out: escaping, which is the business of whoever shows them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmgym.conversation import readable
from lmgym.tokenization import TextTokenizer

END_TEXT = "■"
"""What an end token is shown as."""
MAX_TOKEN_CHARS = 64


def token_texts(ids: Sequence[int], tokenizer: TextTokenizer) -> list[str]:
    """Returns the text of each token as it reads behind the token before it.

    Some tokenizers drop a space at the beginning of a text, so each token is read together with its
    neighbour. End tokens are ``END_TEXT``, tokens without a text their number, long ones are cut.

    Args:
        ids: token ids.
        tokenizer: theirs.
    """
    if not ids:
        return []
    row = np.asarray(ids, np.int64)
    pairs = np.stack([np.concatenate([row[:1], row[:-1]]), row], axis=1)
    ones, twos = np.ones(len(row), np.int64), np.full(len(row), 2)
    alone = tokenizer.decode_batch(row[:, None], ones)
    before = [alone[0], *alone[:-1]]
    joined = tokenizer.decode_batch(pairs, twos)
    ends = set(tokenizer.end_ids)
    return [
        END_TEXT if token in ends else _text(token, own, both, first)
        for token, own, both, first in zip(row.tolist(), alone, joined, before, strict=True)
    ]


def _text(token: int, own: str, both: str, first: str) -> str:
    text = both[len(first) :] if both.startswith(first) else own
    text = readable(text or own) or f"⟨{token}⟩"
    return text if len(text) <= MAX_TOKEN_CHARS else text[: MAX_TOKEN_CHARS - 1] + "…"
