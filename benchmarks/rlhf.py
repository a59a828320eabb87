"""Does learning from preferences raise what is really wanted, and how do its methods compare?

Each run is a command that anyone can type: `lmgym rlhf` on lmgym/Sentiment-v0 and lmgym/Chat-v0, from one
warm start. Simulated raters compare responses; PPO against a reward model, DPO, and imitation of the best of
n learn from them. Beside them stand raters whose verdicts are turned round in 40 of 100 cases, and PPO on the
gold score itself. What counts is the gold score of responses to held-out prompts, at temperature 1.

    python benchmarks/rlhf.py                          # five runs a seed and environment
    python benchmarks/rlhf.py --seeds 0 --only chat
    python benchmarks/rlhf.py --draw-only              # the picture and the record from what was run

Runs are kept in --out; what is finished there is not run again.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from _record import Mark, make_mark, write_record
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from lmgym.errors import UnknownNameError
from lmgym_agents.runs.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "rlhf.png"
SHARED = "--device cpu --threads 1 --no-tensorboard --checkpoint-every 100"
ENVIRONMENTS: Mapping[str, str] = {
    "sentiment": "--env lmgym/Sentiment-v0",
    # Rows of four times as many tokens: fewer of them, so that a run takes about as long.
    "chat": "--env lmgym/Chat-v0 --num-prompts 1536 --reward-model.iterations 250 --num-envs 128 "
    "--eval-prompts 256 --best-of-n.num-prompts 256",
}
"""Arguments of `lmgym rlhf` by name of the environment; all else is the command's default."""
FIRST = "ppo"
RECIPES: Mapping[str, str] = {
    FIRST: "--optimise ppo",
    "dpo": "--optimise dpo",
    "ppo_noise": "--optimise ppo --noise 0.4",
    "ppo_gold": "--optimise ppo --annotator ground-truth",
    "best_of_n": "--optimise best-of-n",
}
"""Arguments by name of the run. The first one makes the tokenizer and the warm start of the others."""
NAMES = {
    "sft": "SFT",
    FIRST: "PPO, reward model",
    "dpo": "DPO",
    "best_of_n": "best of 16, imitated",
    "ppo_noise": "PPO, 40 % of verdicts wrong",
    "ppo_gold": "PPO, gold score itself",
}
TITLES = {"sentiment": "lmgym/Sentiment-v0", "chat": "lmgym/Chat-v0"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compares the ways of learning from preferences."""

    only: tuple[str, ...] = ()
    """environments: sentiment, chat; none: all"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """of every run"""
    processes: int = 2
    """runs at the same time, of one thread each"""
    out: Path = Path("runs/rlhf_benchmark")
    """folder of the runs"""
    draw_only: bool = False
    """run nothing; record and draw what is there"""


@dataclass(frozen=True)
class Run:
    """One command."""

    env: str
    name: str
    seed: int

    def folder(self, options: Options) -> Path:
        """Returns where it is kept."""
        return options.out / f"{self.env}-{self.name}-seed{self.seed}"

    def command(self, options: Options) -> list[str]:
        """Returns the arguments of `lmgym`."""
        text = f"{ENVIRONMENTS[self.env]} {RECIPES[self.name]} {SHARED}"
        words = ["rlhf", *shlex.split(text), "--seed", str(self.seed)]
        if self.name != FIRST:
            first = Run(self.env, FIRST, self.seed).folder(options)
            words += ["--model", str(first / "sft"), "--tokenizer", str(first / "tokenizer")]
        return [*words, "--out", str(self.folder(options))]


def main(options: Options) -> None:
    """Runs what is missing, then records and draws."""
    for name in options.only:
        if name not in ENVIRONMENTS:
            raise UnknownNameError("environment", name, ENVIRONMENTS)
    console = Console(highlight=False)
    runs = [
        Run(env, name, seed)
        for name in RECIPES
        for seed in options.seeds
        for env in (options.only or ENVIRONMENTS)
    ]
    if not options.draw_only:
        run_all(runs, options, console)
    rows = [row for one in runs for row in read_rows(one, options)]
    if not rows:
        console.print("Nothing has been run yet.")
        return
    console.print(make_table(rows))
    marks = make_marks(rows)
    path = write_record("rlhf", rows, marks, command="python benchmarks/rlhf.py")
    draw(rows, PICTURE)
    console.print(f"{path.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}")
    for mark in marks:
        console.print(f"{'holds ' if mark['holds'] else 'MISSED'} {mark['name']}: {mark['value']:.3f}")


def run_all(runs: Sequence[Run], options: Options, console: Console) -> None:
    """Does the runs that make warm starts, then the others."""
    start, done = time.perf_counter(), 0
    for is_first in (True, False):
        with ThreadPoolExecutor(options.processes) as pool:
            waiting = [pool.submit(do, run, options) for run in runs if (run.name == FIRST) == is_first]
            for future in as_completed(waiting):
                seconds = future.result()
                done += 1
                spent = time.perf_counter() - start
                left = spent / done * (len(runs) - done)
                console.print(
                    f"run {done} of {len(runs)} ({seconds:.0f} s), {spent:.0f} s, about {left:.0f} s left"
                )


def do(run: Run, options: Options) -> float:
    """Does a run, or the rest of it, and returns its seconds.

    Raises:
        RuntimeError: it failed; the message has the end of what it said.
    """
    folder = run.folder(options)
    seconds = folder / "seconds.txt"
    if seconds.exists():
        return float(seconds.read_text())
    command = run.command(options) + (["--resume"] if folder.exists() else [])
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "lmgym", *command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"lmgym {shlex.join(command)} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    seconds.write_text(f"{time.perf_counter() - start:.1f}\n")
    return time.perf_counter() - start


def read_rows(run: Run, options: Options) -> Iterator[dict[str, Any]]:
    """Yields what a finished run has found: a row for its policy, and one for SFT from the first run."""
    folder = run.folder(options)
    if not (folder / "seconds.txt").exists():
        return
    found = json.loads((folder / "rlhf.json").read_text("utf-8"))
    shared = {"env": run.env, "seed": run.seed}
    if run.name == FIRST:
        yield {**shared, "method": "sft", **flatten(found["measured"]["sft"])}
    records = [
        record
        for record in read_metrics(folder / "metrics.jsonl").records
        if str(record.get("stage", "")).startswith("ppo")
    ]
    yield {
        **shared,
        "method": run.name,
        "command": f"lmgym {shlex.join(run.command(Options()))}",
        "seconds": float((folder / "seconds.txt").read_text()),
        **flatten(found["measured"]["round-1"]),
        "reward_model": next(iter(found["reward_models"].values()), None),
        "curve": [[round(float(r[name]), 4) for name in ("kl_episode", "gold", "proxy")] for r in records],
    }


def flatten(measured: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the numbers that are compared."""
    sampled = measured["sampled"]
    names = ("num_tokens", "distinct_2", "repetition", "stop_rate")
    return {
        "gold": sampled["gold"],
        "gold_greedy": measured["greedy"]["gold"],
        "kl": (sampled.get("kl") or {}).get("mean"),
        "win_rate": (sampled.get("win_rate") or {}).get("mean"),
        **{name: sampled[name] for name in names},
    }


def golds(rows: Sequence[Mapping[str, Any]], env: str, method: str) -> list[float]:
    """Returns the mean gold of every seed."""
    return [row["gold"]["mean"] for row in rows if (row["env"], row["method"]) == (env, method)]


def make_marks(rows: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Returns what was promised: the smallest gain over all seeds."""
    marks = []
    promised = ((FIRST, "sft", 0.1), (FIRST, "dpo", 0.0), ("ppo_noise", "sft", 0.02))
    for env in ENVIRONMENTS:
        for method, rival, at_least in promised:
            pairs = list(zip(golds(rows, env, method), golds(rows, env, rival), strict=False))
            if pairs:
                name = f"{env}: {NAMES[method]} above {NAMES[rival]}, smallest of {len(pairs)} seeds"
                marks.append(make_mark(name, min(a - b for a, b in pairs), "gold", at_least=at_least))
    return marks


def make_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    """Returns means over seeds."""
    table = Table(title="Responses to held-out prompts, means over seeds", title_justify="left")
    columns = ("gold", "seeds", "gold, greedy", "better than SFT's", "KL", "tokens", "repeated")
    for name in ("environment", "method", *columns):
        table.add_column(name, justify="left" if name in ("environment", "method") else "right")
    for env in ENVIRONMENTS:
        for method, label in NAMES.items():
            own = [row for row in rows if (row["env"], row["method"]) == (env, method)]
            if not own:
                continue
            greedy = np.mean([row["gold_greedy"]["mean"] for row in own])
            wins = [row["win_rate"] for row in own if row["win_rate"] is not None]
            kl = [row["kl"] for row in own if row["kl"] is not None]
            each = golds(rows, env, method)
            table.add_row(
                env, label, f"{np.mean(each):.3f}", " ".join(f"{gold:.3f}" for gold in each), f"{greedy:.3f}",
                f"{np.mean(wins):.1%}" if wins else "", f"{np.mean(kl):.1f}" if kl else "",
                f"{np.mean([row['num_tokens'] for row in own]):.1f}",
                f"{np.mean([row['repetition'] for row in own]):.1%}",
            )  # fmt: skip
    return table


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws, for each environment, the gold of every method and PPO's curves."""
    envs = [env for env in ENVIRONMENTS if any(row["env"] == env for row in rows)]
    figure = Figure(figsize=(12.5, 4.2 * len(envs)), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(len(envs), 2, squeeze=False, width_ratios=(1.25, 1))
    for line, env in zip(axes, envs, strict=True):
        own = [row for row in rows if row["env"] == env]
        _draw_methods(line[0], own, TITLES[env])
        _draw_curves(line[1], own)
    for axis in axes.flat:
        axis.spines[["top", "right"]].set_visible(False)
        axis.grid(alpha=0.25)
    figure.savefig(path, dpi=110)


def _draw_methods(axis: Axes, rows: Sequence[Mapping[str, Any]], title: str) -> None:
    methods = [method for method in NAMES if any(row["method"] == method for row in rows)]
    for place, method in enumerate(reversed(methods)):
        found = [row["gold"] for row in rows if row["method"] == method]
        mean = float(np.mean([gold["mean"] for gold in found]))
        axis.barh(place, mean, color="#8A8A8A" if method == "sft" else "#0072B2", alpha=0.35, height=0.7)
        for number, gold in enumerate(found):
            y = place + (number - (len(found) - 1) / 2) * 0.18
            axis.plot([gold["low"], gold["high"]], [y, y], color="#1A1A1A", lw=1)
            axis.plot(gold["mean"], y, "o", color="#1A1A1A", ms=3.5)
        axis.annotate(f"{mean:.2f}", (mean, place), textcoords="offset points", xytext=(12, -4), fontsize=9.5)
    axis.set_yticks(range(len(methods)), [NAMES[method] for method in reversed(methods)], fontsize=10)
    axis.set_xlabel("gold score of held-out responses (dots: seeds with 95 % intervals)", fontsize=9.5)
    axis.set_title(title, fontsize=12, loc="left")


def _draw_curves(axis: Axes, rows: Sequence[Mapping[str, Any]]) -> None:
    colours = {FIRST: "#0072B2", "ppo_noise": "#D55E00", "ppo_gold": "#009E73"}
    for method, colour in colours.items():
        for number, row in enumerate(row for row in rows if row["method"] == method):
            y = [point[1] for point in row["curve"]]
            label = NAMES[method] if number == 0 else None
            axis.plot(range(1, len(y) + 1), y, color=colour, lw=1.5, alpha=0.8, label=label)
    axis.set_xlabel("iteration of PPO", fontsize=9.5)
    axis.set_ylabel("gold score while training", fontsize=9.5)
    axis.legend(fontsize=9, frameon=False)


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
