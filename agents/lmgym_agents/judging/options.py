"""How likely a model finds each of some options as the next token: what a verdict is read from.

Comes in: a policy, rows of token ids, and for each option the tokens that spell it. Goes out: log-probs. Left
out: what is asked.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.accumulate import micro_batches
from lmgym_agents.policy import Policy

_AROUND = " \t\n\"'“”.,:;)}]*"
"""What may stand around an option in its token without making it another word."""


def spellings(tokenizer: TextTokenizer, options: Sequence[str]) -> list[list[int]]:
    """Returns for each option all tokens that spell it: "A", " A", 'A"' for "A".

    Raises:
        InvalidValueError: no single token spells one of the options.
    """
    ids = np.arange(tokenizer.vocab_size, dtype=np.int64)
    texts = tokenizer.decode_batch(ids[:, None], np.ones(len(ids), np.int64))
    found: dict[str, list[int]] = {option: [] for option in options}
    for token, text in enumerate(texts):
        core = text.strip(_AROUND)
        if core in found:
            found[core].append(token)
    missing = [option for option, tokens in found.items() if not tokens]
    if missing:
        raise InvalidValueError(f"no token of {tokenizer.name!r} spells {missing}; choose other options.")
    return [found[option] for option in options]


@torch.no_grad()
def option_logps(
    policy: Policy,
    rows: Sequence[Sequence[int]],
    options: Sequence[Sequence[int]],
    *,
    max_batch_tokens: int = 4096,
    on_rows: Callable[[int], object] | None = None,
) -> NDArray[np.float64]:
    """Returns the log-prob that the next token of each row spells each option, float64[B, K] in nats.

    Args:
        policy: whose log-probs.
        rows: B rows of at least one token.
        options: for each of K options the tokens that spell it; their probabilities are added.
        max_batch_tokens: padded tokens in one forward pass.
        on_rows: called with the number of rows done.
    """
    found = np.zeros((len(rows), len(options)))
    if not rows:
        return found
    lengths = torch.tensor([len(row) + 1 for row in rows])
    done = 0
    for part in micro_batches(lengths, max_batch_tokens):
        # The position behind the row is where the verdict would stand; what is written there is not read.
        table = torch.zeros(len(part), int(lengths[part].max()), dtype=torch.int64)
        for place, row in enumerate(part.tolist()):
            table[place, : len(rows[row])] = torch.tensor(rows[row])
        is_action = torch.zeros_like(table, dtype=torch.bool)
        is_action[torch.arange(len(part)), lengths[part] - 1] = True
        logps = policy.action_logits(table, lengths[part], is_action).double().log_softmax(-1)
        columns = [logps[:, list(tokens)].logsumexp(-1) for tokens in options]
        found[part.numpy()] = torch.stack(columns, 1).cpu().numpy()
        done += len(part)
        if on_rows is not None:
            on_rows(done)
    return found
