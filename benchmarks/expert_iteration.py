"""Does search make data? A tiny model that hardly solves a level learns it from its own verified solutions.

Each run is a command that anyone can type: `lmgym train expert-iteration` with a small Llama-type model. It
is first trained on demonstrations to a low level of skill and then sees none of them again: each round it
samples responses to training problems, and learns those that the verifier accepts. Success is greedy, on
held-out problems, before the first round and after each, with the out-of-distribution splits beside it.

Three seeds learn two-digit sums, one run learns Countdown. A last one is made to stagnate on purpose (greedy
answers, the same few problems in every round), to see whether the alarm rings.

    python benchmarks/expert_iteration.py                 # all runs, one after another
    python benchmarks/expert_iteration.py --seeds 0       # one seed; nothing is recorded
    python benchmarks/expert_iteration.py --draw-only     # the picture and the record from what was run

Runs are kept in --out; what is finished there is not run again, what was cut goes on.
"""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from _record import make_mark, write_record
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from lmgym_agents.report.rounds import draw_accuracy
from lmgym_agents.round_diagnosis import RoundRecord

ROOT = Path(__file__).resolve().parents[1]
SEEDS = (0, 1, 2)
MIN_ROUNDS = 5
SHARED = (
    "--model nano --device cpu --threads 1 --warm-start 0.12 --optimizer muon "
    "--sft.optimizer muon --sft.learning-rate 5e-3 --sft.warmup-iterations 5 --sft.evaluate-every 2 "
    "--probe-problems 256 --probe-samples 8 --eval-problems 1000 --no-tensorboard --checkpoint-every 5"
)
"""Options of every run."""
LEARNING = (
    "--env lmgym/Math-v0 --level 2 --preset rest_em --restart False --rounds 7 --problems 4096 "
    "--samples 8 --steps 120 --learning-rate 2e-3 --replay-share 0.3"
)
COUNTDOWN = (
    "--env lmgym/Countdown-v0 --level 1 --preset rest_em --restart False --rounds 7 --problems 3072 "
    "--samples 8 --steps 120 --learning-rate 2e-3 --replay-share 0.3"
)
"""Beside it, as targets beyond those trained on (ood_target) are in reach there."""
STAGNATING = (
    "--env lmgym/Math-v0 --level 2 --preset star --rationalise False --restart False --rounds 7 "
    "--problems 512 --no-fresh --steps 40 --learning-rate 2e-3"
)
"""One greedy answer to each of the same few problems: it repeats what it knows."""
RUNS = {"learning": LEARNING, "countdown": COUNTDOWN, "stagnating": STAGNATING}
TITLES = {"learning": "Math", "countdown": "Countdown", "stagnating": "Made to stagnate"}


@dataclass(frozen=True, kw_only=True)
class Options:
    """Runs expert iteration on several seeds and records accuracy by round."""

    seeds: tuple[int, ...] = SEEDS
    """of the runs; the result is recorded for all three alone"""
    out: Path = Path("runs/expert_iteration")
    """folder of the runs"""
    draw_only: bool = False
    """run nothing; record and draw what is there"""


def make_command(name: str, seed: int, options: Options) -> list[str]:
    """Returns the arguments of `lmgym` for a run."""
    own = RUNS[name]
    folder = str(options.out / f"{name}-seed{seed}")
    words = [*shlex.split(SHARED), *shlex.split(own), "--seed", str(seed), "--out", folder]
    return ["train", "expert-iteration", *words]


def run(name: str, seed: int, options: Options, console: Console) -> None:
    """Runs, or goes on with what was cut; what is finished stays as it is."""
    folder = ROOT / options.out / f"{name}-seed{seed}"
    if (folder / "rounds.json").exists() or options.draw_only:
        return
    arguments = make_command(name, seed, options)
    if (folder / "config.json").exists():
        arguments.append("--resume")
    console.print(f"{name}, seed {seed}: lmgym {shlex.join(arguments)}", soft_wrap=True)
    start = time.perf_counter()
    done = subprocess.run([sys.executable, "-m", "lmgym", *arguments], cwd=ROOT, check=False)
    if done.returncode:
        raise SystemExit(done.returncode)
    console.print(f"{name}, seed {seed}: {time.perf_counter() - start:.0f} s")


def read_run(name: str, seed: int, options: Options) -> dict[str, Any] | None:
    """Returns the record of a finished run, None if there is none."""
    folder = ROOT / options.out / f"{name}-seed{seed}"
    if not (folder / "rounds.json").exists():
        return None
    lines = (folder / "metrics.jsonl").read_text("utf-8").splitlines()
    seconds = sum(update["timing"].get("total_s", update["timing"].get("update_s", 0.0)) for update in map(
        json.loads, lines))  # fmt: skip
    rounds = json.loads((folder / "rounds.json").read_text("utf-8"))
    held_out = [record["held_out"] for record in rounds]
    alarms = [[record["round"], *record["alarms"]] for record in rounds if record["alarms"]]
    return {
        "run": name,
        "seed": seed,
        "command": "lmgym " + shlex.join(make_command(name, seed, options)),
        "start": held_out[0],
        "end": held_out[-1],
        "rising_rounds": count_rises(held_out),
        "alarms": alarms,
        "seconds": round(seconds, 1),
        "rounds": rounds,
    }


def count_rises(held_out: Sequence[float]) -> int:
    """Returns how many of the rounds, from the first on without a gap, each raised the accuracy."""
    number = 0
    for before, after in itertools.pairwise(held_out):
        if after <= before:
            break
        number += 1
    return number


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws a panel for each run: held-out accuracy and the out-of-distribution splits by round."""
    figure = Figure(figsize=(3.4 * len(rows), 3.5), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, row in zip(figure.subplots(1, len(rows), squeeze=False).flat, rows, strict=True):
        draw_accuracy(axes, [RoundRecord.from_dict(record) for record in row["rounds"]])
        name = f"{TITLES[row['run']]}, seed {row['seed']}"
        axes.set_title(f"{name}: {row['start']:.0%} to {row['end']:.0%}", loc="left", fontsize=10)
    figure.suptitle("Expert iteration: greedy success on held-out problems by round", fontsize=11)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def print_table(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Prints a line for each run."""
    table = Table("run", "seed", "held out by round", "out of distribution at the end", "alarms", "s")
    for row in rows:
        last = row["rounds"][-1]["ood"]
        table.add_row(
            row["run"], str(row["seed"]), " ".join(f"{record['held_out']:.1%}" for record in row["rounds"]),
            ", ".join(f"{name} {rate:.1%}" for name, rate in last.items()),
            describe_alarms(row["alarms"]),
            f"{row['seconds']:.0f}",
        )  # fmt: skip
    console.print(table)


def describe_alarms(alarms: Sequence[Sequence[Any]]) -> str:
    """Returns for each kind of alarm the rounds in which it rang."""
    kinds = sorted({kind for _, *names in alarms for kind in names})
    rounds = {kind: [str(number) for number, *names in alarms if kind in names] for kind in kinds}
    return ", ".join(f"{kind} in {' '.join(numbers)}" for kind, numbers in rounds.items()) or "none"


def main(options: Options) -> None:
    """Runs, records, draws."""
    console = Console(highlight=False)
    plan = [("learning", seed) for seed in options.seeds]
    plan += [("countdown", options.seeds[0]), ("stagnating", options.seeds[0])]
    for name, seed in plan:
        run(name, seed, options, console)
    rows = [row for name, seed in plan if (row := read_run(name, seed, options)) is not None]
    if not rows:
        return
    print_table(rows, console)
    learned = [row for row in rows if row["run"] == "learning"]
    stuck = [row for row in rows if row["run"] == "stagnating"]
    if tuple(row["seed"] for row in learned) != SEEDS or not stuck:
        return
    marks = [
        make_mark("not solved before the first round (worst seed)", min(1 - r["start"] for r in learned),
                  "share", at_least=0.8),
        make_mark("solved after the last round (worst seed)", min(r["end"] for r in learned), "share",
                  at_least=0.8),
        make_mark("first rounds that each raise the accuracy (worst seed)",
                  min(r["rising_rounds"] for r in learned), "rounds", at_least=MIN_ROUNDS),
        make_mark("an alarm rings in the loop that is made to stagnate",
                  len(stuck[0]["alarms"]), "alarms", at_least=1),
    ]  # fmt: skip
    write_record("expert_iteration", rows, marks)
    draw(rows, ROOT / "docs" / "expert_iteration.png")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
