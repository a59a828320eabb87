"""Demonstrations as token rows: played by the task's own expert in its environment, or read from a file.

In: an environment's options, or a JSONL file. Out: right-padded rows with a mark on the tokens to learn.
Left out: losses. The rows of a step are a pure function of (seed, step).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym.chat_template import ChatTokenizer
from lmgym.conversation import Message, has_marks, plain, write_conversation
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import EmptyProblemSetError, InvalidValueError, PromptTooLongError
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer


class Rows(NamedTuple):
    """Demonstrations; L is the length of the longest."""

    input_ids: Tensor
    """int64[B, L], padded on the right."""
    lengths: Tensor
    """int64[B]"""
    is_target: Tensor
    """bool[B, L], True for the agent's tokens, ends of turns included."""


class DataSource(Protocol):
    """Where supervised fine-tuning gets its rows from."""

    def rows(self, step: int, count: int) -> Rows:
        """Returns the ``count`` rows of an optimiser step, a pure function of its arguments."""
        ...


class TaskDemonstrations:
    """Plays the task's demonstrations through its environment, so rows are exactly what an agent will see."""

    def __init__(self, task: Task, *, seed: int = 0, split: str = "train", **env_options: Any) -> None:
        """Prepares the environment.

        Args:
            task: what is demonstrated.
            seed: of what a demonstration draws (where it errs, for instance).
            split: of the task.
            **env_options: further options of the environment, ``tokenizer`` above all.
        """
        self._task, self._seed, self._split = task, seed, split
        self._options = env_options
        self._env: TokenVectorEnv | None = None

    def rows(self, step: int, count: int) -> Rows:
        """Plays problems step * count to (step + 1) * count - 1 of the split."""
        env = self._make_env(count)
        index = np.arange(step * count, (step + 1) * count, dtype=np.int64)
        env.reset(options={"split": self._split, "problem_index": index})
        problems = self._task.problems(self._split, index.tolist())
        rng = make_generator(self._seed, "demonstrations", step)
        turns = [self._task.demonstrations(problem, rng) for problem in problems]
        active = np.ones(count, np.bool_)
        number = 0
        while active.any():
            # An episode that the demonstration has finished goes on in silence.
            texts = [plain(turn[number]) if number < len(turn) else "" for turn in turns]
            tokens, lengths = _responses(texts, env.tokenizer, env.tokens_left)
            result = env.step_responses(tokens, lengths, active)
            active &= ~(result.terminated | result.truncated)
            number += 1
        lengths = env.lengths.astype(np.int64)
        width = int(lengths.max())
        return Rows(
            torch.from_numpy(env.input_ids[:, :width].astype(np.int64)),
            torch.from_numpy(lengths),
            torch.from_numpy(env.is_action[:, :width]),
        )

    def _make_env(self, count: int) -> TokenVectorEnv:
        if self._env is None or self._env.num_envs != count:
            self._env = TokenVectorEnv(self._task, num_envs=count, autoreset_mode="DISABLED", **self._options)
        return self._env


class FileDemonstrations:
    """Rows of a JSONL file of ``{"prompt": ..., "response": ...}``, in a new random order every epoch.

    With a chat tokenizer a prompt is a conversation with marks, or what the user says.
    """

    def __init__(
        self, path: str | Path, tokenizer: TextTokenizer, *, seed: int = 0, max_tokens: int | None = None
    ) -> None:
        """Reads and tokenises the file.

        Raises:
            InvalidValueError: no such file, or a line that is not such an object.
            EmptyProblemSetError: no line.
            PromptTooLongError: a row of more than ``max_tokens``.
        """
        self._seed = seed
        self._rows: list[tuple[NDArray[np.int64], int]] = []
        for number, line in enumerate(_lines(Path(path)), start=1):
            prompt, response = _read_pair(line, path, number)
            if isinstance(tokenizer, ChatTokenizer) and not has_marks(prompt):
                prompt = write_conversation([Message("user", prompt)])
            head = [*tokenizer.prefix_ids, *tokenizer.encode(prompt)]
            ids = np.array([*head, *tokenizer.encode(plain(response)), tokenizer.end_id], np.int64)
            if not head:
                raise InvalidValueError(f"{path}, line {number}: the prompt is empty; a model needs a token.")
            if max_tokens is not None and len(ids) > max_tokens:
                raise PromptTooLongError(
                    f"{path}, line {number} has {len(ids)} tokens; the model allows {max_tokens}."
                )
            self._rows.append((ids, len(head)))
        if not self._rows:
            raise EmptyProblemSetError(f"{path} holds no demonstration.")

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, step: int, count: int) -> Rows:
        """Goes through the file in epochs, each in an order of its own; a batch may reach into the next."""
        places = np.arange(step * count, (step + 1) * count)
        epochs, offsets = np.divmod(places, len(self._rows))
        orders = {
            epoch: make_generator(self._seed, "epoch", epoch).permutation(len(self._rows))
            for epoch in np.unique(epochs).tolist()
        }
        picked = [
            self._rows[orders[epoch][offset]]
            for epoch, offset in zip(epochs.tolist(), offsets.tolist(), strict=True)
        ]
        lengths = np.array([len(ids) for ids, _ in picked], np.int64)
        starts = np.array([start for _, start in picked], np.int64)
        table = np.zeros((count, int(lengths.max())), np.int64)
        for row, (ids, _) in enumerate(picked):
            table[row, : len(ids)] = ids
        columns = np.arange(table.shape[1])
        is_target = (columns >= starts[:, None]) & (columns < lengths[:, None])
        return Rows(torch.from_numpy(table), torch.from_numpy(lengths), torch.from_numpy(is_target))


def _responses(
    texts: list[str], tokenizer: TextTokenizer, budgets: NDArray[np.int32]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Returns texts as turns that end by the end token, or by their budget where they are too long."""
    turns = [
        [*ids.tolist(), tokenizer.end_id][:budget]
        for ids, budget in zip(tokenizer.encode_batch(texts), budgets.tolist(), strict=True)
    ]
    lengths = np.array([len(turn) for turn in turns], np.int64)
    table = np.full((len(turns), max(1, int(lengths.max()))), tokenizer.pad_id, np.int64)
    for row, turn in enumerate(turns):
        table[row, : len(turn)] = turn
    return table, lengths


def _lines(path: Path) -> list[str]:
    try:
        return [line for line in path.read_text("utf-8").split("\n") if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidValueError(
            f"the demonstrations {path} can't be read ({error}); give a UTF-8 file with one object "
            '{"prompt": ..., "response": ...} a line.'
        ) from error


def _read_pair(line: str, path: str | Path, number: int) -> tuple[str, str]:
    try:
        record = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise InvalidValueError(f"{path}, line {number} is not JSON: {error}.") from error
    pair = (record.get("prompt"), record.get("response")) if isinstance(record, dict) else (None, None)
    if not (isinstance(pair[0], str) and isinstance(pair[1], str)):
        raise InvalidValueError(
            f'{path}, line {number} must be an object with the texts "prompt" and "response", got '
            f"{line[:80]!r}."
        )
    return pair[0], pair[1]
