"""Does a tiny model learn to prove, does that carry over to longer proofs, and what does search add?

In lmgym/Proof-v0, once with the whole proof as one action and once line by line, a small Llama-type model is
trained on demonstrations (SFT) up to a low level of skill, then by PPO on the environment's reward alone, and
as a baseline on as many more demonstrations as PPO has had episodes. Each model writes proofs greedily for
held-out problems of the lengths it was trained on and of longer ones. Then the two line-level models, before
and after PPO, are searched with: the kernel answers every line, and a finished proof checks itself. A method
may use so many tokens of the model a problem; greedy with retries is best of n.

    python benchmarks/proofs.py                        # three seeds, about an hour on two cores
    python benchmarks/proofs.py --seeds 0 --only learning
    python benchmarks/proofs.py --draw-only            # the picture and the record from what was run

Models and measurements are kept in --out; what is finished there is not run again.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from _proofs_measure import (
    BUDGETS,
    LEVEL,
    OPTIONS,
    SEARCHED,
    Measurements,
    Model,
    measure_greedy,
    measure_search,
)
from _proofs_picture import draw
from _record import Mark, make_mark, write_record
from rich.console import Console
from rich.table import Table

from lmgym_agents.intervals import wilson_interval

ROOT = Path(__file__).resolve().parents[1]
TURNS = ("proof", "line")
LEARNED = ("sft", "ppo", "more")
"""Demonstrations; then PPO; as many more demonstrations instead."""
SHARED = "--device cpu --threads 1 --optimizer muon --no-tensorboard --eval-splits test ood_length"
SFT = "--learning-rate 5e-3 --warmup-iterations 10 --batch-rows 64 --eval-problems 100"
WARM_START = {
    "proof": "--iterations 800 --until-accuracy 0.15 --evaluate-every 10 --validation-problems 200",
    "line": "--iterations 800 --until-accuracy 0.25 --evaluate-every 25 --validation-problems 200",
}
"""By the action. Where SFT has come further with whole proofs, PPO gains little."""
PPO = (
    "--learning-rate 1e-3 --value-coefficient 1.0 --num-envs 512 --minibatches 2 --iterations 64 "
    "--kl-rows 0 --eval-problems 400"
)
VALUE = (
    "--learning-rate 1.5e-3 --num-envs 256 --iterations 8 --value-warmup-iterations 8 --kl-rows 0 "
    "--eval-problems 100"
)
"""The policy stays as it is; its value head learns what episodes of it are worth."""
MORE = "--iterations 500"
"""Without a halt; the warm start takes about 100."""
WHEN = {"value": "before", "ppo": "after"}
GUIDED = ("A*, value of lines", "MCTS over 8 sampled lines, value")
POINTS = 40
"""Points of a curve that are kept in the record."""
Part = Literal["learning", "search"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """Trains, measures, records and draws."""

    only: tuple[Part, ...] = ()
    """learning, search; none: both"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """of the models; search and more demonstrations go with the first"""
    problems: int = 400
    """held-out problems of each split for greedy decoding"""
    search_problems: int = 200
    """held-out problems of each split for search"""
    out: Path = Path("runs/proofs")
    """folder of models and measurements"""
    jobs: int = 2
    """trainings at a time"""
    draw_only: bool = False
    """train and measure nothing"""


def make_command(model: Model, out: Path) -> list[str]:
    """Returns the arguments of `lmgym` that train a model."""
    start = "nano" if model.stage in ("sft", "more") else str(model.of("sft").folder(out) / "model")
    own = {"sft": f"{SFT} {WARM_START[model.turn]}", "ppo": PPO, "value": VALUE, "more": f"{SFT} {MORE}"}[
        model.stage
    ]
    return [
        "train", "ppo" if model.stage in ("ppo", "value") else "sft",
        "--env", "lmgym/Proof-v0", "--level", str(LEVEL),
        *(word for option in (f"turn={model.turn}", *OPTIONS) for word in ("--option", option)),
        "--model", start, *shlex.split(SHARED), *shlex.split(own),
        "--seed", str(model.seed), "--out", str(model.folder(out)),
    ]  # fmt: skip


def train(model: Model, options: Options) -> None:
    """Trains a model, or goes on with its run; finished ones stay."""
    folder = ROOT / model.folder(options.out)
    if (folder / "evaluation.json").exists():
        return
    resume = ["--resume"] if (folder / "config.json").exists() else []
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".log").open("ab") as log:
        command = [sys.executable, "-m", "lmgym", *make_command(model, options.out), *resume]
        done = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)} ended with {done.returncode}; see {log.name}")


def read_curve(model: Model, out: Path) -> list[list[float]]:
    """Returns means of neighbouring updates of PPO: [tokens sampled so far, success]."""
    path = ROOT / model.folder(out) / "metrics.jsonl"
    if not path.exists():
        return []
    updates = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    curve, tokens = [], 0.0
    for update in updates:
        tokens += update["episodes"] * update["num_actions"]
        curve.append((tokens, update["success"]))
    size = max(1, -(-len(curve) // POINTS))
    parts = [curve[at : at + size] for at in range(0, len(curve), size)]
    return [[round(part[-1][0]), round(sum(rate for _, rate in part) / len(part), 4)] for part in parts]


def count_demonstrations(model: Model, out: Path) -> int:
    """Returns how many demonstrations a training by SFT has seen."""
    path = ROOT / model.folder(out) / "metrics.jsonl"
    return 64 * len(path.read_text("utf-8").splitlines()) if path.exists() else 0


def summarise_learning(measured: Measurements, options: Options) -> list[dict[str, Any]]:
    """Returns a row for each turn, stage and split: the rates of the seeds, and their problems together."""
    groups: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in measured.rows("greedy"):
        if row["seed"] in options.seeds and row["asked"] == options.problems:
            groups.setdefault((row["turn"], row["stage"], row["split"]), []).append(row)
    rows = []
    for (turn, stage, split), group in sorted(groups.items()):
        lines: dict[str, list[int]] = {}
        for row in group:
            for number, (right, total) in row["by_lines"].items():
                have = lines.setdefault(number, [0, 0])
                have[0], have[1] = have[0] + right, have[1] + total
        models = [Model(turn, stage, row["seed"]) for row in group]
        found: dict[str, Any] = {
            "part": "learning", "turn": turn, "stage": stage, "split": split, "level": LEVEL,
            "by_seed": {
                str(one["seed"]): wilson_interval(one["right"], one["problems"])._asdict() for one in group
            },
            "success": sum(one["right"] for one in group) / sum(one["problems"] for one in group),
            "problems": group[0]["problems"],
            "by_lines": {number: lines[number] for number in sorted(lines, key=int)},
            "command": "lmgym " + shlex.join(make_command(models[0], options.out)),
        }  # fmt: skip
        if stage == "ppo":
            found["curves"] = [read_curve(model, options.out) for model in models]
        else:
            found["demonstrations"] = [count_demonstrations(model, options.out) for model in models]
        rows.append(found)
    return rows


def summarise_search(measured: Measurements, options: Options) -> list[dict[str, Any]]:
    """Returns a row for each model, split, method and budget."""
    rows = []
    for row in measured.rows("search"):
        if row["seed"] == options.seeds[0] and row["asked"] == options.search_problems:
            interval = wilson_interval(row["right"], row["problems"])
            rows.append({"part": "search", **{k: v for k, v in row.items() if k not in ("kind", "asked")},
                         "success": interval.mean, "low": interval.low, "high": interval.high})  # fmt: skip
    return rows


def make_marks(rows: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Returns the promises: PPO rises with intervals apart for all seeds, and search beats greedy."""
    marks = []
    learned = {(r["turn"], r["stage"], r["split"]): r for r in rows if r["part"] == "learning"}
    for turn in TURNS:
        before, after = (learned.get((turn, stage, "test")) for stage in ("sft", "ppo"))
        if before is None or after is None:
            continue
        pairs = [(before["by_seed"][seed], after["by_seed"][seed]) for seed in after["by_seed"]]
        rose = sum(new["low"] > old["high"] for old, new in pairs)
        where = "token level, whole proofs" if turn == "proof" else "line level"
        marks.append(
            make_mark(
                f"PPO rises, 95 % intervals apart ({where})", rose / len(pairs), "share of seeds", at_least=1
            )
        )
    found = [row for row in rows if row["part"] == "search" and row["split"] == "test"]
    for stage in WHEN:
        best = {row["method"]: row for row in found if row["stage"] == stage and row["budget"] == BUDGETS[-1]}
        for name in GUIDED:
            if name in best and "greedy" in best:
                gain = best[name]["low"] - best["greedy"]["high"]
                marks.append(
                    make_mark(
                        f"{name}, {BUDGETS[-1]} tokens, {WHEN[stage]} PPO, above greedy: between intervals",
                        gain, "share", at_least=0.0,
                    )
                )  # fmt: skip
    return marks


def print_rows(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Prints one table of learning, and one of search for each model and split."""
    learning = [row for row in rows if row["part"] == "learning"]
    table = Table("action", "model", "split", "solved", "by seed", "by lines of the proof")
    for row in learning:
        table.add_row(
            row["turn"], row["stage"], row["split"], f"{row['success']:.1%}",
            ", ".join(f"{rate['mean']:.1%}" for rate in row["by_seed"].values()),
            ", ".join(f"{n}: {right / total:.0%}" for n, (right, total) in row["by_lines"].items()),
        )  # fmt: skip
    if learning:
        console.print(table)
    searched = [row for row in rows if row["part"] == "search"]
    for stage, split in dict.fromkeys((row["stage"], row["split"]) for row in searched):
        own = [row for row in searched if (row["stage"], row["split"]) == (stage, split)]
        table = Table("method", *map(str, BUDGETS), title=f"{WHEN[stage]} PPO, {split}: solved within")
        for method in dict.fromkeys(row["method"] for row in own):
            rates = {row["budget"]: row["success"] for row in own if row["method"] == method}
            table.add_row(method, *(f"{rates[b]:.1%}" if b in rates else "" for b in BUDGETS))
        console.print(table)


def plan(options: Options) -> list[list[Model]]:
    """Returns the models in the order of their training, those that build on one another as a list."""
    first = options.seeds[0]
    if options.only == ("search",):
        return [[Model("line", stage, first) for stage in ("sft", "value", "ppo")]]
    chains = [
        [Model(turn, "sft", seed), Model(turn, "ppo", seed)] for seed in options.seeds for turn in TURNS
    ]  # fmt: skip
    if "learning" not in options.only:
        chains[TURNS.index("line")].insert(1, Model("line", "value", first))
    return chains + [[Model(turn, "more", first)] for turn in TURNS]


def run(options: Options, measured: Measurements, console: Console) -> None:
    """Trains and measures what is missing."""
    torch.set_num_threads(1)
    out, chains = ROOT / options.out, plan(options)

    def train_all(chain: Sequence[Model]) -> None:
        for model in chain:
            train(model, options)

    with ThreadPoolExecutor(options.jobs) as pool:
        futures = [pool.submit(train_all, chain) for chain in chains]
        for chain, future in zip(chains, futures, strict=True):
            future.result()
            for model in chain:
                if model.stage in LEARNED and options.only != ("search",):
                    measure_greedy(model, out, options.problems, measured, console)
            is_searched = chain[0] == Model("line", "sft", options.seeds[0])
            for stage, split in SEARCHED if is_searched and options.only != ("learning",) else ():
                model = chain[0].of(stage)
                measure_search(model, split, out, options.search_problems, measured, console)


def main(options: Options) -> None:
    """Trains, measures, records and draws."""
    console = Console(highlight=False)
    measured = Measurements(ROOT / options.out / "measures.jsonl")
    if not options.draw_only:
        run(options, measured, console)
    rows = [*summarise_learning(measured, options), *summarise_search(measured, options)]
    if not rows:
        return
    print_rows(rows, console)
    marks = make_marks(rows)
    for mark in marks:
        console.print(f"{'holds' if mark['holds'] else 'MISSED'}: {mark['name']} {mark['value']:.3g}")
    is_whole = not options.only and options.seeds == Options().seeds
    if is_whole:
        write_record("proofs", rows, marks, command="python benchmarks/proofs.py")
    draw(rows, (ROOT / "docs" if is_whole else options.out) / "proofs_learning.png")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
