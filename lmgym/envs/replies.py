"""What an environment says between two turns, as tokens.

Comes in: replies, and whether the agent had ended its turns. Goes out: their ids. In a conversation the end
token of a turn is part of the template: where the budget has cut the agent's turn, the environment writes it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from lmgym.conversation import END
from lmgym.tokenization import TextTokenizer


def encode_replies(
    tokenizer: TextTokenizer, replies: Sequence[str], has_ended: Sequence[bool]
) -> list[NDArray[np.int32]]:
    """Returns the ids of each reply.

    Args:
        tokenizer: the environment's.
        replies: texts; in a conversation each begins with the mark that ends the agent's turn.
        has_ended: whether the agent's turn before each ended with an end token.
    """
    rows = tokenizer.encode_batch(replies)
    end = np.array([tokenizer.end_id], np.int32)
    return [
        row if ended or not reply.startswith(END) else np.concatenate([end, row])
        for row, reply, ended in zip(rows, replies, has_ended, strict=True)
    ]
