"""Does a tiny model improve under PPO in every environment? One run and one curve a recipe.

Each run is a command that anyone can type: `lmgym train ppo` with a small Llama-type model, which is first
trained on demonstrations to a low level of skill (SFT) and then by PPO on the environment's own reward.
Success is greedy, on held-out problems, before PPO and after it.

    python benchmarks/learning_suite.py                      # all, two at a time; about 30 minutes
    python benchmarks/learning_suite.py --only Order-v0 Maze-v0
    python benchmarks/learning_suite.py --draw-only          # the picture and the record from what was run

Runs are kept in --out; what is finished there is not run again.
"""

from __future__ import annotations

import dataclasses
import json
import shlex
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from _record import make_mark, write_record
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from rich.console import Console
from rich.table import Table

from lmgym.errors import UnknownNameError

ROOT = Path(__file__).resolve().parents[1]
SHARED = (
    "--model nano --device cpu --threads 1 --sft.optimizer muon --sft.learning-rate 5e-3 "
    "--optimizer muon --learning-rate 2e-3 --value-coefficient 1.0"
)
"""Options of every run, unless a recipe gives its own."""
SUMS = "runs/learning_suite/sums.jsonl"
"""A file of sums for Dataset-v0, which this program writes."""
PROOFS = "--level 2 --option min_lines=1 --option max_lines=2"
"""Proofs of one or two lines; see benchmarks/proofs.py."""
POINTS = 60
"""Points of a curve that are kept in the record."""


@dataclass(frozen=True)
class Recipe:
    """One run."""

    name: str
    """of the environment, without the namespace"""
    options: str
    """of `lmgym train ppo`, beside the shared ones"""
    sft: str = ""
    """of an `lmgym train sft` before, in place of PPO's own warm start"""
    variant: str = ""
    """tells recipes of the same environment apart"""

    @property
    def label(self) -> str:
        """What --only, folders and pictures call it, such as Proof-v0-line."""
        return f"{self.name}-{self.variant}" if self.variant else self.name


RECIPES: tuple[Recipe, ...] = (
    Recipe("Math-v0", "--level 2 --warm-start 0.4 --num-envs 1024 --iterations 100 --replay-failed 0.5"),
    Recipe(
        "Algebra-v0",
        "--level 1 --option family=expand,derivative --warm-start 0.3 --num-envs 512 --iterations 60",
    ),
    Recipe("Rewrite-v0", "--level 1 --warm-start 0.4 --num-envs 256 --iterations 60"),
    Recipe("Countdown-v0", "--level 1 --warm-start 0.3 --num-envs 512 --iterations 80 --replay-failed 0.5"),
    Recipe("Order-v0", "--level 1 --warm-start 0.65 --num-envs 1024 --iterations 60"),
    Recipe(
        "Dataset-v0",
        f"--option path={SUMS} --option prompt={{question}} --warm-start 0.4 --num-envs 1024 --iterations 60 "
        "--replay-failed 0.5",
    ),
    Recipe(
        "ReasoningGym-v0",
        """--option dataset=chain_sum --option 'config={"min_terms": 3, "max_terms": 3}' """
        "--warm-start 0.3 --num-envs 512 --iterations 60 --replay-failed 0.5",
    ),
    Recipe("Maze-v0", "--level 2 --warm-start 0.3 --num-envs 256 --iterations 40"),
    Recipe("Wordle-v0", "--level 1 --warm-start 0.25 --num-envs 256 --iterations 160"),
    Recipe(
        "WordProblem-v0",
        "--level 1 --option style=worked --warm-start 0.2 --sft.iterations 800 --num-envs 512 "
        "--iterations 60",
    ),
    *(
        Recipe(
            "Proof-v0",
            f"{PROOFS} --option turn={turn} --learning-rate 1e-3 --num-envs 512 --minibatches 2 "
            "--iterations 64 --kl-rows 0 --eval-problems 400 --eval-splits test ood_length",
            sft=f"{PROOFS} --option turn={turn} --model nano --device cpu --threads 1 --optimizer muon "
            "--learning-rate 5e-3 --warmup-iterations 10 --batch-rows 64 --iterations 800 "
            f"--until-accuracy {skill} --validation-problems 200 --eval-problems 100",
            variant=turn,
        )
        for turn, skill in (("proof", "0.15 --evaluate-every 10"), ("line", "0.25 --evaluate-every 25"))
    ),
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Runs PPO by every recipe and records one curve each."""

    only: tuple[str, ...] = ()
    """names of recipes, such as Order-v0 or Proof-v0-line; none: all"""
    out: Path = Path("runs/learning_suite")
    """folder of the runs"""
    jobs: int = 2
    """runs at a time"""
    seed: int = 0
    """of every run"""
    draw_only: bool = False
    """run nothing; record and draw what is there"""


def folder_of(recipe: Recipe, options: Options, stage: str = "") -> Path:
    """Returns the run folder of a recipe, or of its stage "-sft"."""
    return options.out / f"{recipe.label.lower()}{stage}-seed{options.seed}"


def make_commands(recipe: Recipe, options: Options) -> list[list[str]]:
    """Returns the arguments of `lmgym`, a list for each run; a recipe's own options go before shared ones."""
    own = shlex.split(recipe.options)
    if recipe.sft:
        own += ["--model", str(folder_of(recipe, options, "-sft") / "model")]
    named = {word for word in own if word.startswith("--")}
    shared = shlex.split(SHARED)
    kept = [word for name, value in zip(shared[::2], shared[1::2], strict=True) if name not in named
            for word in (name, value)]  # fmt: skip
    env, seed = ["--env", f"lmgym/{recipe.name}"], ["--seed", str(options.seed)]
    ppo = ["train", "ppo", *env, *own, *kept, *seed, "--out", str(folder_of(recipe, options))]
    if not recipe.sft:
        return [ppo]
    sft = ["train", "sft", *env, *shlex.split(recipe.sft), *seed]
    return [[*sft, "--out", str(folder_of(recipe, options, "-sft"))], ppo]


def write_sums() -> None:
    """Writes 10,000 different sums of two numbers below 100 as questions and answers."""
    rows = ({"question": f"{a}+{b}=", "answer": str(a + b)} for a in range(100) for b in range(100))
    path = ROOT / SUMS
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def run(recipe: Recipe, options: Options) -> float:
    """Runs a recipe, or goes on with its runs; returns the seconds that it took here."""
    start = time.perf_counter()
    for arguments in make_commands(recipe, options):
        folder = ROOT / arguments[-1]
        if (folder / "evaluation.json").exists():
            continue
        resume = ["--resume"] if (folder / "config.json").exists() else []
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (folder.parent / f"{folder.name}.log").open("ab") as log:
            command = [sys.executable, "-m", "lmgym", *arguments, *resume]
            done = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"lmgym {shlex.join(arguments)} ended with {done.returncode}; see {log.name}")
    return time.perf_counter() - start


def read_run(recipe: Recipe, options: Options) -> dict[str, Any] | None:
    """Returns the record of a finished run, None if there is none."""
    folder = ROOT / folder_of(recipe, options)
    if not (folder / "evaluation.json").exists():
        return None
    findings = json.loads((folder / "evaluation.json").read_text("utf-8"))
    updates = [json.loads(line) for line in (folder / "metrics.jsonl").read_text("utf-8").splitlines()]
    updates = [update for update in updates if update["stage"] == "ppo"]
    tokens, seconds, curve = 0.0, 0.0, []
    for update in updates:
        tokens += update["episodes"] * update["num_actions"]
        seconds += update["timing"]["total_s"]
        curve.append(
            [round(tokens), round(seconds, 1), round(update["success"], 4), round(update["reward"], 4)]
        )
    if recipe.sft:
        first = json.loads((ROOT / folder_of(recipe, options, "-sft") / "evaluation.json").read_text("utf-8"))
        findings = {"start": first["start"], "sft": findings["start"], "ppo": findings["ppo"]}
    start, before, after = (next(iter(findings[name].values())) for name in ("start", "sft", "ppo"))
    return {
        "environment": f"lmgym/{recipe.name}",
        "recipe": recipe.label,
        "command": " && ".join(f"lmgym {shlex.join(words)}" for words in make_commands(recipe, options)),
        "untrained": start["success"],
        "before": before["success"],
        "after": after["success"],
        "reward_before": before["reward"],
        "reward_after": after["reward"],
        "improved": after["success"]["low"] > before["success"]["high"],
        "ppo_seconds": round(seconds, 1),
        "ppo_tokens": round(tokens),
        "curve": thin(curve),
    }


def thin(curve: Sequence[list[float]]) -> list[list[float]]:
    """Returns at most POINTS means of neighbouring points: [tokens, seconds, success, reward]."""
    size = -(-len(curve) // POINTS)
    chunks = [curve[at : at + size] for at in range(0, len(curve), size)]
    return [
        [*chunk[-1][:2], *(round(sum(point[column] for point in chunk) / len(chunk), 4) for column in (2, 3))]
        for chunk in chunks
    ]


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws one panel a recipe: success while training, and greedy success before and after."""
    columns = min(5, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(3.1 * columns, 2.5 * lines + 0.5), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axis, row in zip(axes, rows, strict=False):
        tokens = [point[0] / 1e6 for point in row["curve"]]
        axis.plot(tokens, [point[2] for point in row["curve"]], color="#0072B2", lw=1.6)
        for place, when in ((0.0, "before"), (tokens[-1], "after")):
            rate = row[when]
            axis.errorbar(
                [place], [rate["mean"]], yerr=[[rate["mean"] - rate["low"]], [rate["high"] - rate["mean"]]],
                fmt="o", ms=4, color="#D55E00", capsize=3, clip_on=False, zorder=3,
            )  # fmt: skip
        name = row["recipe"]
        axis.set_title(f"{name}: {row['before']['mean']:.0%} to {row['after']['mean']:.0%}", fontsize=10)
        axis.set_ylim(0, 1.02)
        axis.xaxis.set_major_locator(MaxNLocator(4))
        axis.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    for axis in axes[len(rows) :]:
        axis.set_visible(False)
    what = "success while training (line), greedy on held-out problems (dots)"
    figure.suptitle(f"PPO after a short warm start: {what}", fontsize=11)
    figure.supxlabel("sampled tokens, millions", fontsize=10)
    figure.savefig(path, dpi=110)


def main(options: Options) -> None:
    """Runs, records, draws."""
    console = Console(highlight=False)
    names = [recipe.label for recipe in RECIPES]
    for name in options.only:
        if name not in names:
            raise UnknownNameError("recipe", name, names)
    chosen = [recipe for recipe in RECIPES if not options.only or recipe.label in options.only]
    todo = [] if options.draw_only else [r for r in chosen if read_run(r, options) is None]
    write_sums()
    with ThreadPoolExecutor(options.jobs) as pool:
        futures = {pool.submit(run, recipe, options): recipe for recipe in todo}
        for number, future in enumerate(as_completed(futures), 1):
            recipe = futures[future]
            row = None
            try:
                seconds = future.result()
                row = read_run(recipe, options)
            except RuntimeError as error:
                console.print(f"{number}/{len(todo)} {recipe.label}: {error}")
            if row is not None:
                rates = f"{row['before']['mean']:.1%} to {row['after']['mean']:.1%}"
                console.print(f"{number}/{len(todo)} {recipe.label}: {rates} in {seconds:.0f} s")
    rows = [row for recipe in RECIPES if (row := read_run(recipe, options)) is not None]
    if not rows:
        return
    table = Table("recipe", "start", "SFT", "PPO", "95 %", "s", "rose")
    for row in rows:
        table.add_row(
            row["recipe"], f"{row['untrained']['mean']:.1%}", f"{row['before']['mean']:.1%}",
            f"{row['after']['mean']:.1%}", f"{row['after']['low']:.1%} to {row['after']['high']:.1%}",
            f"{row['ppo_seconds']:.0f}", "yes" if row["improved"] else "no",
        )  # fmt: skip
    console.print(table)
    if not options.only:
        improved = sum(row["improved"] for row in rows)
        mark = make_mark(
            "recipes by which PPO improves a tiny model", improved, "count", at_least=len(RECIPES)
        )
        write_record("learning_suite", rows, [mark], command="python benchmarks/learning_suite.py")
        draw(rows, ROOT / "docs" / "learning_suite.png")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
