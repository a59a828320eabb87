"""Does a tiny model get better at games by playing itself, and at sums by posing them to itself?

Each run is a command that anyone can type: `lmgym train self-play` on Nim and Tic-Tac-Toe, `lmgym train
proposer` on sums. Earlier selves play each other, a random and a perfect player, and are rated; results
against the perfect player are greedy. Sums are measured on held-out problems.

    python benchmarks/self_play.py                     # three runs a seed, one at a time
    python benchmarks/self_play.py --seeds 0 --only nim
    python benchmarks/self_play.py --draw-only         # the picture and the record from what was run

Runs are kept in --out; what is finished there is not run again.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from _record import Mark, make_mark, write_record
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from rich.console import Console
from rich.table import Table

from lmgym.errors import UnknownNameError
from lmgym_agents.report.ratings import draw_elo
from lmgym_agents.runs.metrics import read_metrics

ROOT = Path(__file__).resolve().parents[1]
SHARED = (
    "--model nano --device cpu --threads 1 --no-tensorboard --checkpoint-every 50 --sft.optimizer muon "
    "--sft.learning-rate 5e-3 --sft.warmup-iterations 5"
)
"""Options of every run."""
_GAME = (
    "--optimizer muon --learning-rate 3e-3 --schedule constant --entropy-coefficient 0.1 --games 256 "
    "--gae-lambda 0.8 --past-share 0.1 --evaluation-split train"
)
RECIPES: Mapping[str, str] = {
    "nim": f"self-play --env lmgym/Nim-v0 --level 1 {_GAME} --iterations 300 --sft.iterations 60 "
    "--snapshot-every 25",
    "tic_tac_toe": f"self-play --env lmgym/TicTacToe-v0 --level 1 {_GAME} --iterations 500 "
    "--sft.iterations 120 --snapshot-every 50",
    "sums": "proposer --form sums --size 2 --warm-size 2 --iterations 300 --sft.iterations 170 "
    "--sft.batch-rows 256 --proposals 192 --proposer.optimizer muon --proposer.learning-rate 2e-4 "
    "--solver.optimizer muon --solver.learning-rate 1e-3",
}
"""Arguments of `lmgym train`, beside the shared ones, by name of the run."""
NAMES = {"nim": "Nim", "tic_tac_toe": "Tic-Tac-Toe", "sums": "sums"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Runs self-play and the proposer–solver loop, and records what became of them."""

    only: tuple[str, ...] = ()
    """names of runs: nim, tic_tac_toe, sums; none: all"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """of every run"""
    out: Path = Path("runs/self_play")
    """folder of the runs"""
    draw_only: bool = False
    """run nothing; record and draw what is there"""


def make_command(name: str, seed: int, folder: Path) -> list[str]:
    """Returns the arguments of `lmgym` for a run."""
    options = shlex.split(f"{RECIPES[name]} {SHARED}")
    return ["train", *options, "--seed", str(seed), "--out", str(folder)]


def run(name: str, seed: int, options: Options) -> None:
    """Does a run, or the rest of it.

    Raises:
        RuntimeError: it failed; the message has the end of what it said.
    """
    folder = options.out / f"{name}-seed{seed}"
    command = make_command(name, seed, folder) + (["--resume"] if folder.exists() else [])
    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "lmgym", *command], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"lmgym {shlex.join(command)} failed:\n{done.stdout[-1500:]}{done.stderr[-1500:]}")
    (folder / "seconds.txt").write_text(f"{time.perf_counter() - start:.1f}\n")


def read_run(name: str, seed: int, options: Options) -> dict[str, Any] | None:
    """Returns what a finished run has found, None if it is not finished."""
    folder = options.out / f"{name}-seed{seed}"
    result = folder / ("evaluation.json" if name == "sums" else "ratings.json")
    if not result.exists() or not (folder / "seconds.txt").exists():
        return None
    row: dict[str, Any] = {
        "run": name,
        "seed": seed,
        "command": f"lmgym {shlex.join(make_command(name, seed, folder))}",
        "seconds": float((folder / "seconds.txt").read_text()),
        "found": json.loads(result.read_text()),
    }
    stage = "proposer" if name == "sums" else "self_play"
    records = [
        record for record in read_metrics(folder / "metrics.jsonl").records if record["stage"] == stage
    ]
    names = (
        ("held_out", "success", "learnable", "well_formed", "distinct", "posed")
        if name == "sums"
        else ("optimal/won", "optimal/drawn", "optimal/lost", "optimal/as_expected", "illegal")
    )
    row["curves"] = {
        key: [[place + 1, record[key]] for place, record in enumerate(records) if record.get(key) is not None]
        for key in names
    }
    return row


def make_marks(rows: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Returns the promised numbers, each the mean over seeds."""
    marks = []
    for game, goal in (("nim", 0.95), ("tic_tac_toe", 0.9)):
        found = [row["found"] for row in rows if row["run"] == game]
        if found:
            kept = np.mean([1 - one["train"]["optimal/lost"] for one in found])
            marks.append(make_mark(
                f"{NAMES[game]}: games not lost to a perfect player", float(kept), "share", at_least=goal
            ))  # fmt: skip
            rise = np.mean([one["ratings"]["elo"][-2] - one["ratings"]["elo"][1] for one in found])
            marks.append(make_mark(f"{NAMES[game]}: rise of Elo", float(rise), "Elo", at_least=200))
    found = [row["found"] for row in rows if row["run"] == "sums"]
    if found:
        rise = np.mean([one["proposer"]["accuracy"] - one["sft"]["accuracy"] for one in found])
        marks.append(make_mark(
            "sums: rise of held-out accuracy by proposed problems", float(rise), "share", at_least=0.3
        ))  # fmt: skip
    return marks


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws ratings, results against the perfect player, and the loop of proposer and solver."""
    figure = Figure(figsize=(11, 6.2), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(2, 3)
    for column, game in enumerate(("nim", "tic_tac_toe")):
        runs = [row for row in rows if row["run"] == game]
        if runs:
            draw_elo(axes[0, column], runs[0]["found"]["ratings"])
        axes[0, column].set_title(f"{NAMES[game]}: Elo of earlier selves", fontsize=10)
        for row in runs:
            for key, colour in (("optimal/lost", "#D55E00"), ("illegal", "#8A8A8A")):
                label = {"optimal/lost": "lost to a perfect player", "illegal": "illegal turns"}[key]
                _plot(axes[1, column], row["curves"][key], colour, label if row is runs[0] else None)
        _finish(axes[1, column], "iterations of self-play")
    runs = [row for row in rows if row["run"] == "sums"]
    panels = (
        (0, (("held_out", "#0072B2", "held out, greedy"), ("success", "#E69F00", "proposed, sampled"))),
        (1, (("well_formed", "#009E73", "well-formed"), ("distinct", "#56B4E9", "distinct"),
             ("learnable", "#CC79A7", "learnable"))),
    )  # fmt: skip
    for place, lines in panels:
        for row in runs:
            for key, colour, label in lines:
                _plot(axes[place, 2], row["curves"][key], colour, label if row is runs[0] else None)
        _finish(axes[place, 2], "iterations of the loop")
    axes[0, 2].set_title("Sums: share that the solver gets right", fontsize=10)
    axes[1, 2].set_title("Sums: what is proposed", fontsize=10)
    figure.savefig(path, dpi=110)


def _plot(axis: Any, points: Sequence[Sequence[float]], colour: str, label: str | None) -> None:
    if points:
        x, y = zip(*points, strict=True)
        axis.plot(x, y, color=colour, linewidth=1.3, label=label)


def _finish(axis: Any, label: str) -> None:
    axis.set_ylim(0, 1.02)
    axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axis.set_xlabel(label)
    axis.spines[["top", "right"]].set_visible(False)
    if axis.has_data():
        axis.legend(fontsize=8, frameon=False)


def main(options: Options) -> None:
    """Runs, records, draws."""
    console = Console(highlight=False)
    for name in options.only:
        if name not in RECIPES:
            raise UnknownNameError("run", name, RECIPES)
    chosen = options.only or tuple(RECIPES)
    todo = [
        (name, seed) for seed in options.seeds for name in chosen if read_run(name, seed, options) is None
    ]
    for number, (name, seed) in enumerate([] if options.draw_only else todo, 1):
        run(name, seed, options)
        console.print(f"{number}/{len(todo)} {name}, seed {seed}: done")
    found = (read_run(name, seed, options) for name in RECIPES for seed in options.seeds)
    rows = [row for row in found if row is not None]
    if not rows:
        return
    marks = make_marks(rows)
    table = Table("mark", "value", "goal", "holds")
    for mark in marks:
        table.add_row(mark["name"], f"{mark['value']:.3g}", mark["goal"], "yes" if mark["holds"] else "no")
    console.print(table)
    write_record("self_play", rows, marks)
    draw(rows, ROOT / "docs" / "self_play.png")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
