"""What the members of GRPO's family, and PPO, make of two probes of known optimum, from scratch.

    python benchmarks/grpo_options.py        # three minutes of one core

All have the same tiny model, rows, iterations, optimiser, learning rate and entropy bonus, which were chosen
for PPO: methods are compared as they come, none was tuned. Told is after how many sampled episodes a rollout
was right in 90 % for the first time, since dynamic sampling plays more episodes in an iteration than others.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

import tokenizers
import torch
import tyro
from _record import write_record
from rich.console import Console
from rich.table import Table

from lmgym.envs.vector import TokenVectorEnv
from lmgym.tasks.base import Task
from lmgym.tasks.probes import Count, Echo
from lmgym.tokenization import HFTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.grpo import GRPO
from lmgym_agents.algorithms.grpo_config import preset_config
from lmgym_agents.algorithms.grpo_methods import Preset
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.update import Update
from lmgym_agents.evaluation import evaluate
from lmgym_agents.models import make_tiny_model
from lmgym_agents.policy import Policy

PROBES: dict[str, tuple[Task, str]] = {
    "Echo, 1 letter of 8": (Echo(length=1, needs_stop=False), "abcdefgh>"),
    "Count, 3 letters and an end": (Count(length=3, alphabet="ab"), "ab in=0123"),
}
METHODS = ("ppo", *get_args(Preset))
SHARED: dict[str, Any] = {"learning_rate": 3e-3, "optimizer": "muon", "entropy_coefficient": 0.02}
ROWS = 256


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is run."""

    seeds: tuple[int, ...] = (0, 1, 2)
    iterations: int = 50
    """of 256 episodes, more where a method resamples"""
    methods: tuple[str, ...] = METHODS


def make_tokenizer(letters: str) -> HFTokenizer:
    """Returns a tokenizer of these letters alone, so that a fresh model is right now and then."""
    vocabulary = {token: i for i, token in enumerate(["<end>", "<unk>", *letters])}
    library = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    library.decoder = tokenizers.decoders.Fuse()
    library.add_special_tokens(["<end>"])
    return HFTokenizer(library, end_token="<end>")


def train(probe: str, method: str, seed: int, iterations: int) -> dict[str, Any]:
    """Returns what one run came to."""
    task, letters = PROBES[probe]
    tokenizer = make_tokenizer(letters)
    env = TokenVectorEnv(
        task, num_envs=ROWS, autoreset_mode="DISABLED", tokenizer=tokenizer, reward="correct"
    )
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=32, layers=1, heads=2, context=env.context_length, seed=seed,
        config={"initializer_range": 0.1},
    )  # fmt: skip
    shared = SHARED | {"seed": seed, "iterations": iterations}
    policy = Policy(model)
    start = time.process_time()
    algorithm = (
        PPO(policy, env, PPOConfig(value_warmup_iterations=0, **shared))
        if method == "ppo"
        else GRPO(policy, env, preset_config(method, **shared))  # type: ignore[arg-type]
    )
    episodes, needed = 0, None
    for update in watch(algorithm.iterations()):
        episodes += int(update.metrics["episodes"] or 0)
        if needed is None and float(update.metrics["success"] or 0) >= 0.9:
            needed = episodes
    result = evaluate(
        LMAgent(policy, tokenizer), task, split="train", num_problems=64, env_options={"tokenizer": tokenizer}
    )
    return {
        "probe": probe, "method": method, "seed": seed, "episodes": episodes, "episodes_to_90": needed,
        "greedy_success": result.success.mean, "cpu_s": round(time.process_time() - start, 2),
    }  # fmt: skip


def watch(updates: Iterator[Update]) -> Iterator[Update]:
    """Yields updates; stops the program where one was skipped for a fault."""
    for update in updates:
        assert not update.metrics["skipped_steps"], update
        yield update


def summarise(rows: list[dict[str, Any]], probe: str, method: str) -> tuple[str, str, str]:
    """Returns the cells of one line: median episodes, runs that came there, mean greedy success."""
    own = [row for row in rows if row["probe"] == probe and row["method"] == method]
    needed = [row["episodes_to_90"] for row in own if row["episodes_to_90"] is not None]
    median = f"{statistics.median(needed):,.0f}" if needed else "-"
    return median, f"{len(needed)}/{len(own)}", f"{statistics.mean(r['greedy_success'] for r in own):.1%}"


def main(options: Options) -> None:
    """Runs everything, prints a table and writes the record."""
    torch.set_num_threads(1)
    console = Console()
    rows = []
    for probe in PROBES:
        for method in options.methods:
            rows += [train(probe, method, seed, options.iterations) for seed in options.seeds]
            console.print(probe, method, *summarise(rows, probe, method))
    for probe in PROBES:
        table = Table(title=f"{probe}; seeds {', '.join(map(str, options.seeds))}", title_justify="left")
        for column in ("method", "episodes until 90 %", "runs", "greedy at the end"):
            table.add_column(column, justify="left" if column == "method" else "right")
        for method in options.methods:
            table.add_row(method, *summarise(rows, probe, method))
        console.print(table)
    console.print(f"Written: {write_record('grpo_options', rows, [])}", soft_wrap=True)


if __name__ == "__main__":
    main(tyro.cli(Options))
