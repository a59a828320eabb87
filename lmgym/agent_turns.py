"""A turn of any agent: rows of tokens in, the tokens that it answers out.

Whatever plays with an agent plays with this, so that agents of texts and agents of tokens see what they are
promised. Left out: environments, and what the tokens earn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from lmgym.agent import Agent
from lmgym.chat_template import ChatTokenizer
from lmgym.conversation import plain, readable
from lmgym.errors import InvalidValueError
from lmgym.tokenization import TextTokenizer


def take_turns(
    agent: Agent, tokenizer: TextTokenizer, prompts: Sequence[ArrayLike], budgets: ArrayLike
) -> list[list[int]]:
    """Returns the tokens of a turn in each of B rows, its end token the last unless the budget cuts it.

    Args:
        agent: is asked once for texts, or once for each token.
        tokenizer: of the rows.
        prompts: B rows of token ids, each the episode so far.
        budgets: int[B], tokens that each turn may have.

    Raises:
        InvalidValueError: the agent returns something else than an action for each row.
    """
    rows = [np.asarray(prompt, np.int64) for prompt in prompts]
    ask = _ask_for_texts if agent.granularity == "response" else _ask_for_tokens
    return ask(agent, tokenizer, rows, np.asarray(budgets, np.int64))


def observed_text(agent: Agent, tokenizer: TextTokenizer, row: NDArray[np.int64]) -> str:
    """Returns a row of tokens as an agent of texts is shown it."""
    if not isinstance(tokenizer, ChatTokenizer):
        return tokenizer.decode(row[len(tokenizer.prefix_ids) :])
    text = tokenizer.read(row)
    return text if getattr(agent, "reads_marks", False) else readable(text)


def describe_texts(given: Any) -> str:
    """Returns what an agent has given in place of texts, such as "list of 8, of which one is of type int"."""
    kind = type(given).__name__
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        return kind
    strange = next((type(text).__name__ for text in given if not isinstance(text, str)), None)
    return f"{kind} of {len(given)}" + (f", of which one is of type {strange}" if strange else "")


def _ask_for_texts(
    agent: Agent, tokenizer: TextTokenizer, rows: list[NDArray[np.int64]], budgets: NDArray[np.int64]
) -> list[list[int]]:
    texts = agent.act([observed_text(agent, tokenizer, row) for row in rows])
    is_list = isinstance(texts, Sequence) and not isinstance(texts, str)
    if not is_list or len(texts) != len(rows) or not all(isinstance(text, str) for text in texts):
        raise InvalidValueError(
            f"{type(agent).__name__}.act must return {len(rows)} texts, one for each observation, "
            f"got {describe_texts(texts)}."
        )
    if isinstance(tokenizer, ChatTokenizer):
        texts = list(map(plain, texts))
    ends = set(tokenizer.end_ids)
    encoded = [[i for i in ids.tolist() if i not in ends] for ids in tokenizer.encode_batch(texts)]
    return [[*ids, tokenizer.end_id][:budget] for ids, budget in zip(encoded, budgets.tolist(), strict=True)]


def _ask_for_tokens(
    agent: Agent, tokenizer: TextTokenizer, rows: list[NDArray[np.int64]], budgets: NDArray[np.int64]
) -> list[list[int]]:
    lengths = np.array([len(row) for row in rows], np.int64)
    width = int((lengths + budgets).max())
    ids = np.full((len(rows), width), tokenizer.pad_id, np.int32)
    for row, prompt in enumerate(rows):
        ids[row, : len(prompt)] = prompt
    given: list[list[int]] = [[] for _ in rows]
    is_open = np.ones(len(rows), np.bool_)
    while is_open.any():
        mask = (np.arange(width) < lengths[:, None]).astype(np.int8)
        actions = np.asarray(agent.act({"input_ids": ids.copy(), "attention_mask": mask}))
        if actions.shape != (len(rows),) or actions.dtype.kind not in "iu":
            raise InvalidValueError(
                f"{type(agent).__name__}.act must return integers of shape [{len(rows)}], got "
                f"{actions.dtype}{list(actions.shape)}."
            )
        for row in np.flatnonzero(is_open).tolist():
            token = int(actions[row])
            given[row].append(token)
            ids[row, lengths[row]] = token
            lengths[row] += 1
            is_open[row] = token not in tokenizer.end_ids and len(given[row]) < budgets[row]
    return given
