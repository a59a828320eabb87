"""Responses of one turn as token rows: sampled from a policy, or given; without an environment.

In: prompts as texts. Out: rollouts of one response a row, for rewards that are known only later. Left out:
rewards, verdicts.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch

from lmgym.tokenization import TextTokenizer
from lmgym_agents.demonstrations import Rows
from lmgym_agents.engine import Engine, Generation
from lmgym_agents.rollout import Rollout
from lmgym_agents.sampling import SamplingParams


class Answers(NamedTuple):
    """N sampled responses."""

    texts: list[str]
    stopped: list[bool]
    """False: the budget ended the response."""
    rollout: Rollout
    """Of N rows without rewards."""


def sample_answers(
    engine: Engine,
    tokenizer: TextTokenizer,
    prompts: Sequence[str],
    *,
    temperature: float,
    max_new_tokens: int,
    seed: int,
) -> Answers:
    """Returns one sampled response to each prompt; row i draws from (seed, i) alone."""
    prefix = list(tokenizer.prefix_ids)
    heads = [[*prefix, *ids.tolist()] for ids in tokenizer.encode_batch(prompts)]
    params = SamplingParams(
        max_new_tokens=max_new_tokens, temperature=temperature, stop_ids=tokenizer.end_ids
    )
    generation = engine.generate(heads, params, seed=seed)
    texts = tokenizer.decode_batch(generation.tokens.numpy(), generation.lengths.numpy())
    return Answers(texts, generation.stopped.tolist(), _make_rollout(heads, generation, tokenizer.pad_id))


def _make_rollout(heads: list[list[int]], generation: Generation, pad_id: int) -> Rollout:
    said, logps = generation.tokens.numpy(), generation.logps.numpy()
    counts = generation.lengths.numpy()
    lengths = np.array([len(head) for head in heads]) + counts
    shape = (len(heads), int(lengths.max()))
    ids, is_action = np.full(shape, pad_id, np.int64), np.zeros(shape, np.bool_)
    behaviour = np.zeros(shape, np.float32)
    for row, (head, count) in enumerate(zip(heads, counts.tolist(), strict=True)):
        start, stop = len(head), len(head) + count
        ids[row, :start], ids[row, start:stop] = head, said[row, :count]
        is_action[row, start:stop] = True
        behaviour[row, start:stop] = logps[row, :count]
    count = len(heads)
    return Rollout(
        input_ids=torch.from_numpy(ids),
        lengths=torch.from_numpy(lengths),
        is_action=torch.from_numpy(is_action),
        logp_behaviour=torch.from_numpy(behaviour),
        rewards=torch.zeros(shape),
        terminated=torch.ones(count, dtype=torch.bool),
        truncated=torch.zeros(count, dtype=torch.bool),
        failed=torch.zeros(count, dtype=torch.bool),
        success=torch.zeros(count, dtype=torch.bool),
        score=torch.zeros(count),
        terms={},
        problem_index=torch.arange(count),
        group=torch.arange(count),
        is_again=torch.zeros(count, dtype=torch.bool),
        stopped=generation.stopped,
        num_turns=torch.ones(count, dtype=torch.int64),
    )


def make_rows(tokenizer: TextTokenizer, pairs: Sequence[tuple[str, str]]) -> Rows:
    """Returns (prompt, response) pairs as rows to imitate, ends of turns included."""
    heads = [[*tokenizer.prefix_ids, *tokenizer.encode(prompt)] for prompt, _ in pairs]
    tails = [[*tokenizer.encode(response), tokenizer.end_id] for _, response in pairs]
    lengths = torch.tensor([len(head) + len(tail) for head, tail in zip(heads, tails, strict=True)])
    ids = torch.full((len(pairs), int(lengths.max())), tokenizer.pad_id)
    is_target = torch.zeros(ids.shape, dtype=torch.bool)
    for row, (head, tail) in enumerate(zip(heads, tails, strict=True)):
        ids[row, : len(head) + len(tail)] = torch.tensor(head + tail)
        is_target[row, len(head) : len(head) + len(tail)] = True
    return Rows(ids, lengths, is_target)
