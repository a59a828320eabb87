"""Observations to try an agent on: beginnings of episodes, one or many, nearly empty ones, the longest."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lmgym.agent import Agent
from lmgym.agent_turns import observed_text
from lmgym.envs.vector import TokenVectorEnv

LONG_CHARS = 20_000
"""Of a long text: longer than the episodes of most tasks, since an episode grows with each turn."""
_ODD_TEXTS = ("", " ", "\n\n", "é日🙂\u202e\x00")


class Sample(NamedTuple):
    """B observations."""

    name: str
    """What they are, in words."""
    rows: int
    """B."""
    observations: Any
    """A list of texts, or a dict of arrays."""


def make_samples(agent: Agent, env: TokenVectorEnv, seed: int) -> list[Sample]:
    """Returns samples of the kind that ``agent`` observes; the first are beginnings of episodes."""
    env.reset(seed=seed)
    ids, lengths = env.input_ids, env.lengths
    rows = [ids[row, :length].astype(np.int64) for row, length in enumerate(lengths.tolist())]
    if agent.granularity == "response":
        return _text_samples([observed_text(agent, env.tokenizer, row) for row in rows])
    return _token_samples(rows, env)


def _text_samples(texts: list[str]) -> list[Sample]:
    long = (texts[0] * (LONG_CHARS // max(1, len(texts[0])) + 1))[:LONG_CHARS]
    return [
        Sample("the beginning of an episode", 1, texts[:1]),
        Sample(f"the beginnings of {len(texts)} episodes", len(texts), texts),
        Sample("texts that say next to nothing", len(_ODD_TEXTS), list(_ODD_TEXTS)),
        Sample(f"a text of {LONG_CHARS} characters", 2, [long, texts[0]]),
    ]


def _token_samples(rows: list[NDArray[np.int64]], env: TokenVectorEnv) -> list[Sample]:
    pad, longest = env.tokenizer.pad_id, env.context_length
    widest = max(map(len, rows)) + env.max_new_tokens
    # A row that is full has ended; one token less is the longest that is still asked about.
    full = np.resize(rows[0], longest - 1)
    return [
        Sample("the beginning of an episode", 1, pad_rows(rows[:1], len(rows[0]) + env.max_new_tokens, pad)),
        Sample(f"the beginnings of {len(rows)} episodes", len(rows), pad_rows(rows, widest, pad)),
        Sample("rows of a single token", 3, pad_rows([row[:1] for row in rows[:3]], 8, pad)),
        Sample(f"a row of {longest - 1} tokens", 2, pad_rows([full, rows[0]], longest, pad)),
    ]


def pad_rows(rows: list[NDArray[np.int64]], width: int, pad_id: int) -> dict[str, NDArray[Any]]:
    """Returns ``input_ids`` int32[B, width] and ``attention_mask`` int8[B, width], padded on the right."""
    ids = np.full((len(rows), width), pad_id, np.int32)
    lengths = np.array([len(row) for row in rows])
    for row, tokens in enumerate(rows):
        ids[row, : len(tokens)] = tokens
    return {"input_ids": ids, "attention_mask": (np.arange(width) < lengths[:, None]).astype(np.int8)}
