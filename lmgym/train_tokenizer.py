"""``lmgym tokenizer``: a small tokenizer that fits what one environment says.

Comes in: an environment's id and options. Goes out: a folder that ``--tokenizer`` and
``transformers.AutoTokenizer`` load. Left out: how a tokenizer is made of texts
(``lmgym.tokenization.train_tokenizer``).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import gymnasium as gym
import tyro
from rich.console import Console

from lmgym.chat_template import make_chat_tokenizer
from lmgym.errors import InvalidValueError
from lmgym.play import check_id, read_options
from lmgym.seeding import make_generator
from lmgym.small_template import SMALL_TEMPLATE_TEXTS
from lmgym.tasks.base import Task
from lmgym.tokenization import CharTokenizer, TextTokenizer, train_tokenizer


@dataclass(frozen=True, kw_only=True)
class TokenizerConfig:
    """Trains a small tokenizer (byte-level BPE) on the prompts and demonstrations of an environment.

    A small model then reads several characters in one step. Any other text can be written with it too.
    """

    env: str
    """Which environment, e.g. lmgym/WordProblem-v0; `lmgym list` knows them all."""

    out: Path
    """Folder to write; give it to --tokenizer."""

    vocab_size: int = 512
    """Number of tokens; at least 258: pad, end and every byte."""

    num_problems: int = 2000
    """How many problems of the split train are read."""

    seed: int = 0
    """Of what demonstrations draw."""

    option: Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="NAME=VALUE")] = ()
    """An option of the environment, e.g. --option level=3; may be given several times."""

    def __post_init__(self) -> None:
        if self.num_problems < 1:
            raise InvalidValueError(
                f"TokenizerConfig.num_problems must be at least 1, got {self.num_problems!r}."
            )


def run_tokenizer(config: TokenizerConfig) -> int:
    """Trains the tokenizer, writes it, and says how well it does; returns the exit code.

    Raises:
        InvalidValueError: an option is not allowed, or ``out`` is a file.
        UnknownNameError: the environment's id or an option is unknown; the message has the nearest.
    """
    check_id(config.env)
    options = read_options("TokenizerConfig", config.option)
    env = gym.make(config.env, granularity="response", disable_env_checker=True, **options)
    task: Task = env.get_wrapper_attr("task")
    env.close()
    texts = list(task_texts(task, config.num_problems, config.seed))
    around = SMALL_TEMPLATE_TEXTS * config.num_problems if task.is_chat else []
    tokenizer = train_tokenizer([*texts, *around], config.vocab_size)
    tokenizer.save(config.out)
    console = Console(markup=False, emoji=False, highlight=False)
    ratio = count_tokens(CharTokenizer(), task, texts) / max(count_tokens(tokenizer, task, texts), 1)
    console.print(
        f"{config.out}: {tokenizer.vocab_size} tokens; {len(texts)} prompts and demonstrations take "
        f"{ratio:.2f} times fewer of them than of characters."
    )
    return 0


def task_texts(task: Task, num_problems: int, seed: int) -> Iterator[str]:
    """Yields prompts and demonstrations of the first ``num_problems`` of train; prompts where none is known.

    Args:
        task: what is read.
        num_problems: how many problems.
        seed: of what demonstrations draw.
    """
    for problem in task.problems("train", range(num_problems)):
        yield problem.prompt
        try:
            yield from task.demonstrations(problem, make_generator(seed, "tokenizer", problem.index))
        except InvalidValueError:  # a task that can check an answer need not know one
            continue


def count_tokens(tokenizer: TextTokenizer, task: Task, texts: list[str]) -> int:
    """Returns how many tokens ``texts`` take in the environment of ``task``."""
    own = make_chat_tokenizer(tokenizer) if task.is_chat else tokenizer
    return int(own.encode_joined(texts)[1].sum())
