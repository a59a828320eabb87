"""How far can a learned reward be trusted? Gold and proxy reward against the distance from SFT.

After Gao, Schulman and Hilton 2023, "Scaling laws for reward model overoptimization". On lmgym/Sentiment-v0
simulated raters compare two responses of a small fine-tuned model; a reward model learns from them; best of n
and PPO maximise it. The gold score is the task's own utility, which neither ever sees. Sizes of reward
models, numbers of comparisons and noise are varied one by one, then the remedies: KL penalty, early stopping,
ensembles and their pessimism.

    python benchmarks/overoptimisation.py                      # 30 runs, about half an hour on two cores
    python benchmarks/overoptimisation.py --seeds 0 --only data
    python benchmarks/overoptimisation.py --draw-only          # the record and the picture from what was run

Runs are kept in --out; what is finished there is not run again.
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from _overoptimisation_measure import Condition, run_job
from _overoptimisation_picture import draw
from _record import Mark, make_mark, write_record
from rich.console import Console
from rich.table import Table

from lmgym.errors import UnknownNameError

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "overoptimisation.png"
MIDDLE = Condition(num_pairs=1000)
STUDIES: Mapping[str, Mapping[str, Condition]] = {
    "size": {size: Condition(num_pairs=1000, size=size) for size in ("0.05 M", "0.2 M", "0.9 M")},
    "data": {f"{count} pairs": Condition(num_pairs=count) for count in (250, 1000, 4000)},
    "noise": {f"noise {noise:g}": Condition(num_pairs=1000, noise=noise) for noise in (0.0, 0.2, 0.4)},
    "remedy": {
        "none": MIDDLE,
        "KL 0.05": Condition(num_pairs=1000, kl_coefficient=0.05),
        "KL 0.2": Condition(num_pairs=1000, kl_coefficient=0.2),
        "ensemble of 3, pessimism 1": Condition(num_pairs=1000, members=3, pessimism=1.0),
    },
}
"""What is varied, the rest as in the middle."""
SMOOTHED = 5
"""Iterations that a point of a PPO curve is the mean of, where a peak or an end is read off."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measures over-optimisation of learned rewards."""

    only: tuple[str, ...] = ()
    """studies: size, data, noise, remedy; none: all"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """of every condition"""
    iterations: int = 80
    """of PPO"""
    processes: int = 2
    """runs at the same time, of one thread each"""
    out: Path = Path("runs/overoptimisation")
    """folder of the runs"""
    draw_only: bool = False
    """run nothing; record and draw what is there"""


def main(options: Options) -> None:
    """Runs what is missing, then records and draws."""
    for name in options.only:
        if name not in STUDIES:
            raise UnknownNameError("study", name, STUDIES)
    console = Console(highlight=False)
    if not options.draw_only:
        run_all(options, console)
    rows = read_rows(options)
    if not rows:
        console.print("Nothing has been run yet.")
        return
    summaries = [summarise(row, rows) for row in rows]
    Console(highlight=False, width=160).print(make_table(summaries))
    marks = make_marks(summaries)
    path = write_record(
        "overoptimisation",
        [*summaries, *thin_curves(rows)],
        marks,
        command="python benchmarks/overoptimisation.py",
    )
    draw(rows, PICTURE)
    console.print(f"{path.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}")
    for mark in marks:
        console.print(f"{'holds ' if mark['holds'] else 'MISSED'} {mark['name']}: {mark['value']:.3f}")


def run_all(options: Options, console: Console) -> None:
    """Runs the common part of each seed, then its conditions, in processes of one thread."""
    chosen = {c: None for name in (options.only or STUDIES) for c in STUDIES[name].values()}
    jobs = [(seed, condition) for seed in options.seeds for condition in chosen]
    context = multiprocessing.get_context("spawn")
    start = time.perf_counter()
    with ProcessPoolExecutor(options.processes, mp_context=context) as pool:
        bases = [pool.submit(run_job, seed, None, options.iterations, options.out) for seed in options.seeds]
        for number, future in enumerate(as_completed(bases), start=1):
            future.result()
            console.print(
                f"SFT and responses of {number} of {len(bases)} seeds, {time.perf_counter() - start:.0f} s"
            )
        running = [
            pool.submit(run_job, seed, condition, options.iterations, options.out) for seed, condition in jobs
        ]
        for number, future in enumerate(as_completed(running), start=1):
            future.result()
            spent = time.perf_counter() - start
            left = spent / number * (len(running) - number)
            console.print(f"run {number} of {len(running)}, {spent:.0f} s, about {left:.0f} s left")


def read_rows(options: Options) -> list[dict[str, Any]]:
    """Returns every finished run, once for each study that it belongs to."""
    rows = []
    for study, conditions in STUDIES.items():
        for label, condition in conditions.items():
            for seed in options.seeds:
                path = options.out / f"seed-{seed}" / f"{condition.name}-{options.iterations}.json"
                if path.exists():
                    rows.append({"study": study, "label": label, **json.loads(path.read_text("utf-8"))})
    return rows


def summarise(row: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Returns the numbers that a run comes down to.

    ``ppo_stopped`` is the gold where the run first reaches the KL at which the other seeds of its condition
    have their peaks, on the average: early stopping that has not seen this run's gold.
    """
    gold = smooth([point["gold"] for point in row["ppo"]])
    kl = smooth([point["kl"] for point in row["ppo"]])
    peak = int(np.argmax(gold))
    best = max(row["best_of_n"], key=lambda point: point["gold"])
    budgets = [
        peak_kl(other)
        for other in rows
        if (other["study"], other["label"]) == (row["study"], row["label"]) and other["seed"] != row["seed"]
    ]
    stop = int(np.argmax(kl >= np.mean(budgets))) if budgets and kl.max() >= np.mean(budgets) else len(kl) - 1
    names = (
        "study",
        "label",
        "seed",
        "agreement_with_gold",
        "agreement_with_labels",
        "proxy_s",
        "policies_s",
    )
    return {
        **{name: row[name] for name in names},
        "sft_gold": row["best_of_n"][0]["gold"],
        "best_of_n_peak": best["gold"],
        "best_of_n_peak_n": best["n"],
        "best_of_256": row["best_of_n"][-1]["gold"],
        "ppo_peak": float(gold[peak]),
        "ppo_peak_kl": float(kl[peak]),
        "ppo_stopped": float(gold[stop]) if budgets else None,
        "ppo_end": float(gold[-1]),
        "ppo_end_kl": float(kl[-1]),
        "ppo_end_proxy": float(smooth([point["proxy"] for point in row["ppo"]])[-1]),
    }


def peak_kl(row: Mapping[str, Any]) -> float:
    """Returns the distance from SFT at which PPO's gold is highest, nats."""
    gold = smooth([point["gold"] for point in row["ppo"]])
    return float(smooth([point["kl"] for point in row["ppo"]])[int(np.argmax(gold))])


def smooth(values: Sequence[float]) -> np.ndarray:
    """Returns means of ``SMOOTHED`` successive values."""
    return np.convolve(values, np.ones(SMOOTHED) / SMOOTHED, mode="valid")


def thin_curves(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Returns the curves that the picture shows, rounded."""
    return [
        {
            "study": row["study"], "label": row["label"], "seed": row["seed"],
            "ppo": [[round(point[name], 4) for name in ("kl", "proxy", "gold")] for point in row["ppo"]],
            "best_of_n": [
                [round(point[name], 4) for name in ("kl", "proxy", "gold")] for point in row["best_of_n"]
            ],
        }
        for row in rows
    ]  # fmt: skip


def mean_of(summaries: Sequence[Mapping[str, Any]], study: str, label: str, name: str) -> float | None:
    """Returns the mean over seeds, None where nothing was run."""
    values = [s[name] for s in summaries if (s["study"], s["label"]) == (study, label)]
    return float(np.mean(values)) if values else None


def make_marks(summaries: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Returns what was promised, as far as it was run."""
    marks = []

    def promise(name: str, first: float | None, second: float | None, at_least: float) -> None:
        if first is not None and second is not None:
            marks.append(make_mark(name, first - second, "gold", at_least=at_least))

    def found(label: str, name: str, study: str = "remedy") -> float | None:
        return mean_of(summaries, study, label, name)

    promise("PPO's peak above SFT", found("none", "ppo_peak"), found("none", "sft_gold"), 0.1)
    promise("PPO's fall from the peak", found("none", "ppo_peak"), found("none", "ppo_end"), 0.05)
    promise(
        "PPO's peak above SFT, noise 0.4",
        found("noise 0.4", "ppo_peak", "noise"), found("noise 0.4", "sft_gold", "noise"), 0.02,
    )  # fmt: skip
    promise(
        "PPO's peak, 4000 pairs above 250",
        found("4000 pairs", "ppo_peak", "data"), found("250 pairs", "ppo_peak", "data"), 0.0,
    )  # fmt: skip
    for label in ("KL 0.05", "KL 0.2", "ensemble of 3, pessimism 1"):
        promise(f"end of PPO, {label} above none", found(label, "ppo_end"), found("none", "ppo_end"), 0.02)
    if len({s["seed"] for s in summaries}) > 1:
        promise("early stopping above none", found("none", "ppo_stopped"), found("none", "ppo_end"), 0.02)
    return marks


def make_table(summaries: Sequence[Mapping[str, Any]]) -> Table:
    """Returns the means over seeds."""
    table = Table(title="Gold score, means over seeds")
    columns = (
        "agreement_with_gold", "sft_gold", "best_of_n_peak", "best_of_256", "ppo_peak", "ppo_peak_kl",
        "ppo_end", "ppo_end_kl", "ppo_end_proxy",
    )  # fmt: skip
    for name in ("study", "condition", "seeds", *(column.replace("_", " ") for column in columns)):
        table.add_column(name, justify="left" if name in ("study", "condition") else "right")
    for study, conditions in STUDIES.items():
        for label in conditions:
            own = [s for s in summaries if (s["study"], s["label"]) == (study, label)]
            if own:
                means = [f"{np.mean([s[column] for s in own]):.3f}" for column in columns]
                table.add_row(study, label, str(len(own)), *means)
    return table


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
