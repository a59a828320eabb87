"""What do more tokens buy? Accuracy against compute for sampling and search, on four tasks.

Each task gets a tiny policy (SFT on demonstrations, stopped early) and a Q model made from it by Q-learning
on the train split, both by commands that anyone can type. Then every method answers the same held-out
problems within the same numbers of model tokens: a state that is scored costs 1, a sampled token costs 1,
prompts cost nothing. All methods use the same Q model's folder; those that need no Q ask its language head.

Countdown and Rewrite check themselves, so there every method may stop at the first episode that the verifier
calls correct (best of n is then pass@n). On Order and Math that would be a look at the solution: there the
answer is chosen by value (best of n, beam), by visits (MCTS takes a token after each decision), by votes
(majority), or is the first that the search comes to (best-first, A*, Levin).

    python benchmarks/search.py                      # all; about 25 minutes on two quiet cores
    python benchmarks/search.py --only Countdown-v0 --problems 50
    python benchmarks/search.py --draw-only          # the record and the picture from what was measured

What was trained and measured lies in --out and is not done again.
"""

from __future__ import annotations

import json
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
import tyro
from _record import Mark, make_mark, write_record
from _search_picture import draw
from rich.console import Console
from rich.table import Table

from lmgym.errors import UnknownNameError
from lmgym_agents.commands.search import Search, judge, make_parts
from lmgym_agents.commands.search_methods import SearchOptions, make_method
from lmgym_agents.evaluation import distinct_problems
from lmgym_agents.intervals import wilson_interval
from lmgym_agents.run_options import EnvOptions, ModelOptions
from lmgym_agents.search.expansion import Accept

ROOT = Path(__file__).resolve().parents[1]
SHARED = "--model nano --device cpu --threads 1 --optimizer muon --no-tensorboard"
SFT = "--learning-rate 5e-3 --warmup-iterations 5 --iterations 600"
Q = "--parametrisation heads --learning-rate 2e-3"
BUDGETS = (16, 32, 64, 128, 256, 512)


@dataclass(frozen=True)
class Recipe:
    """One task and its models."""

    name: str
    """of the environment, without the namespace"""
    env: str
    """its options, as `lmgym` takes them"""
    level: int
    warm_start: float
    """greedy success at which SFT stops"""
    q: str
    """options of `lmgym train q`"""
    accept: Accept
    length: int
    """tokens of a typical episode: how many a beam spends on each place"""
    budgets: tuple[int, ...] = BUDGETS


RECIPES: tuple[Recipe, ...] = (
    Recipe("Countdown-v0", "", 3, 0.30, "--iterations 12 --num-envs 512", "verifier", 6),
    Recipe("Rewrite-v0", "", 1, 0.35, "--iterations 12 --num-envs 256", "verifier", 8),
    Recipe("Order-v0", "", 1, 0.65, "--iterations 20 --num-envs 512", "any", 3, budgets=(16, 64, 256)),
    Recipe("Math-v0", "", 2, 0.40, "--iterations 20 --num-envs 512", "any", 4, budgets=(16, 64, 256)),
)


@dataclass(frozen=True)
class Line:
    """One method in the picture."""

    name: str
    options: Mapping[str, Any]
    colour: str
    is_sampled: bool = False
    """depends on the seed: measured with all of them"""


TREE = {"top_p": 0.98}
"""A Q function knows little of tokens that the policy never tries."""
LINES: tuple[Line, ...] = (
    Line("greedy", {"method": "greedy"}, "#222222"),
    Line("best of n", {"method": "best_of_n"}, "#8A8A8A", is_sampled=True),
    Line("majority", {"method": "majority", "accept": "any"}, "#CC79A7", is_sampled=True),
    Line("Levin (policy alone)", {"method": "levin", **TREE}, "#E69F00"),
    Line("MCTS, policy alone", {"method": "mcts", "values": "none", **TREE}, "#8FD0BC"),
    Line("beam by Q", {"method": "beam", **TREE}, "#56B4E9"),
    Line("best-first by Q", {"method": "best_first", **TREE}, "#D55E00"),
    Line("A*, 1 a token", {"method": "a_star", "cost": "steps", **TREE}, "#B9C4E8"),
    Line(
        "weighted A* (3), −log π a token",
        {"method": "weighted_a_star", "weight": 3.0, "cost": "nlogp", **TREE},
        "#0072B2",
    ),
    Line("MCTS with Q", {"method": "mcts", **TREE}, "#009E73"),
)
GUIDED = ("best-first by Q", "weighted A* (3), −log π a token", "beam by Q")


@dataclass(frozen=True, kw_only=True)
class Options:
    """Trains, measures, records and draws."""

    only: tuple[str, ...] = ()
    """names of environments; none: all"""
    out: Path = Path("runs/search_bench")
    """folder of models and measurements"""
    problems: int = 200
    """held-out problems"""
    seeds: tuple[int, ...] = (0, 1, 2)
    """of sampling"""
    model_seed: int = 0
    """of the models"""
    jobs: int = 2
    """trainings at a time"""
    draw_only: bool = False
    """train and measure nothing"""


def folder_of(recipe: Recipe, options: Options, stage: str) -> Path:
    """Returns the run folder of a model."""
    return options.out / f"{recipe.name.lower()}-{stage}-seed{options.model_seed}"


def make_commands(recipe: Recipe, options: Options) -> list[list[str]]:
    """Returns the arguments of `lmgym` that make the two models of a task."""
    env = ["--env", f"lmgym/{recipe.name}", "--level", str(recipe.level), *shlex.split(recipe.env)]
    shared, seed = shlex.split(SHARED), ["--seed", str(options.model_seed)]
    sft, q = (str(folder_of(recipe, options, stage)) for stage in ("sft", "q"))
    of_sft = [word if word != "nano" else f"{sft}/model" for word in shared]
    return [
        ["train", "sft", *env, *shared, *shlex.split(SFT), "--until-accuracy", str(recipe.warm_start), *seed,
         "--out", sft],
        ["train", "q", *env, *of_sft, *shlex.split(Q), *shlex.split(recipe.q), *seed, "--out", q],
    ]  # fmt: skip


def train(recipe: Recipe, options: Options) -> float:
    """Runs what is missing of the two trainings; returns the seconds that it took."""
    start = time.perf_counter()
    for arguments in make_commands(recipe, options):
        folder = ROOT / arguments[-1]
        if (folder / "evaluation.json").exists():
            continue
        resume = ["--resume"] if (folder / "config.json").exists() else []
        folder.parent.mkdir(parents=True, exist_ok=True)
        with folder.with_suffix(".log").open("ab") as log:
            command = [sys.executable, "-m", "lmgym", *arguments, *resume]
            done = subprocess.run(command, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT, check=False)
        if done.returncode:
            raise RuntimeError(f"lmgym {shlex.join(arguments)} ended with {done.returncode}; see {log.name}")
    return time.perf_counter() - start


@dataclass(frozen=True)
class Measured:
    """One method on all problems within one budget, or within all of them."""

    environment: str
    line: str
    seed: int
    budget: int
    num_problems: int
    num_right: int
    tokens: float
    """Mean used."""
    nodes: float
    seconds: float


def plan(recipe: Recipe, options: Options) -> Iterator[tuple[Line, int, tuple[int, ...]]]:
    """Yields (line, seed, budgets measured by one search).

    Methods that stop at the first solution and never look at their budget before it is used up do the same
    within 16 tokens as at the start of 512: one search gives the whole curve. Others are run for each budget.
    """
    for line in LINES:
        if recipe.accept == "any" and line.name == "MCTS, policy alone":
            continue  # it has nothing to choose an answer by
        one_run = recipe.accept == "verifier" and line.name not in ("majority", "beam by Q", "greedy")
        for seed in options.seeds if line.is_sampled else options.seeds[:1]:
            if line.name == "greedy":
                yield line, seed, (recipe.budgets[-1],)
            elif one_run:
                yield line, seed, recipe.budgets
            else:
                yield from ((line, seed, (budget,)) for budget in recipe.budgets)


def measure(recipe: Recipe, options: Options, console: Console) -> None:
    """Runs every method that has not been measured yet and appends what it came to."""
    path = measures_path(recipe, options)
    done = {(row.line, row.seed, row.budget, row.num_problems) for row in read_measures(path)}
    base = Search(
        env=EnvOptions(env=f"lmgym/{recipe.name}", level=recipe.level),
        model=ModelOptions(model=str(folder_of(recipe, options, "q") / "model"), device="cpu", threads=1),
    )
    parts = make_parts(base)
    problems = distinct_problems(parts.transitions.task, "test", options.problems)
    for line, seed, budgets in plan(recipe, options):
        if all((line.name, seed, budget, len(problems)) in done for budget in budgets):
            continue
        largest = budgets[-1]
        chosen: dict[str, Any] = {"accept": recipe.accept, "max_tokens": largest, **line.options}
        if line.is_sampled:
            chosen["samples"] = largest
        if line.name == "best of n" and recipe.accept == "any":
            # To be valued costs a token an episode, which the sampler's own budget does not know of.
            chosen["max_tokens"] = max(1, largest * recipe.length // (recipe.length + 1))
        if line.name == "beam by Q":
            chosen["width"] = max(1, largest // recipe.length)
        if line.name == "MCTS with Q" and recipe.accept == "any":
            chosen |= {"commit_every": 1, "simulations": max(2, largest // recipe.length)}
        method = make_method(SearchOptions(**chosen), parts)
        start = time.perf_counter()
        results = method.search(problems, seed=seed)
        seconds = time.perf_counter() - start
        is_right = [verdict.status == "correct" for verdict in judge(results, parts.transitions)]
        rows = []
        for budget in budgets:
            pairs = list(zip(results, is_right, strict=True))
            is_last = budget == largest
            within = [right and (is_last or result.num_tokens <= budget) for result, right in pairs]
            rows.append(
                Measured(
                    recipe.name, line.name, seed, budget, len(problems), sum(within),
                    sum(
                        result.num_tokens if is_last else min(result.num_tokens, budget) for result in results
                    ) / len(results),
                    sum(result.num_nodes for result in results) / len(results), round(seconds, 2),
                )
            )  # fmt: skip
        with path.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(asdict(row)) + "\n" for row in rows)
        rates = ", ".join(f"{row.budget}: {row.num_right / row.num_problems:.1%}" for row in rows)
        console.print(f"{recipe.name} {line.name} seed {seed}: {rates}  ({seconds:.0f} s)")


def measures_path(recipe: Recipe, options: Options) -> Path:
    """Returns the file of a task's measurements."""
    return options.out / f"{recipe.name.lower()}-measures-seed{options.model_seed}.jsonl"


def read_measures(path: Path) -> list[Measured]:
    """Returns what was measured so far; a line that was cut is measured again."""
    found = []
    for line in path.read_text("utf-8").splitlines() if path.exists() else ():
        try:
            found.append(Measured(**json.loads(line)))
        except (json.JSONDecodeError, TypeError):
            continue
    return found


def summarise(recipe: Recipe, measures: Sequence[Measured], options: Options) -> list[dict[str, Any]]:
    """Returns a row for each method and budget, the seeds of sampling together."""
    groups: dict[tuple[str, int], list[Measured]] = {}
    for one in {(m.line, m.seed, m.budget, m.num_problems): m for m in measures}.values():
        if one.num_problems <= options.problems:
            groups.setdefault((one.line, one.budget), []).append(one)
    order = [line.name for line in LINES]
    rows = []
    for (name, budget), group in sorted(groups.items(), key=lambda item: (order.index(item[0][0]), item[0])):
        rates = [one.num_right / one.num_problems for one in group]
        interval = wilson_interval(
            round(sum(one.num_right for one in group) / len(group)), group[0].num_problems
        )
        rows.append(
            {
                "environment": f"lmgym/{recipe.name}", "level": recipe.level, "method": name,
                "accept": "any" if name == "majority" else recipe.accept, "budget": budget,
                "success": sum(rates) / len(rates), "low": interval.low, "high": interval.high,
                "by_seed": [round(rate, 4) for rate in rates], "problems": group[0].num_problems,
                "tokens": round(sum(one.tokens for one in group) / len(group), 1),
                "nodes": round(sum(one.nodes for one in group) / len(group), 1),
                "seconds": max(one.seconds for one in group),
            }
        )  # fmt: skip
    return rows


def make_marks(rows: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Returns the promises on Countdown: against greedy, and against best of n at the same budgets."""
    rates = {
        (row["method"], row["budget"]): row["success"]
        for row in rows
        if row["environment"] == "lmgym/Countdown-v0"
    }
    if not rates:
        return []
    greedy = next(rate for (name, _), rate in rates.items() if name == "greedy")
    largest = max(budget for name, budget in rates if name == "best of n")
    marks = [
        make_mark("Countdown: solved by greedy decoding", greedy, "share", at_least=0.2),
        make_mark("Countdown: not solved by greedy decoding", 1 - greedy, "share", at_least=0.55),
    ]
    for name in (*GUIDED, "MCTS with Q"):
        marks.append(
            make_mark(
                f"Countdown: {name}, {largest} tokens, against greedy",
                rates[name, largest] / greedy, "times", at_least=2.0,
            )
        )  # fmt: skip
        gains = [rates[name, budget] - rates["best of n", budget] for budget in BUDGETS if budget >= 64]
        marks.append(
            make_mark(
                f"Countdown: {name} above best of n, least gain from 64 tokens on",
                min(gains), "share", at_least=0.0,
            )
        )  # fmt: skip
    return marks


def print_rows(rows: Sequence[Mapping[str, Any]], console: Console) -> None:
    """Prints one table a task, a column a budget."""
    for name in dict.fromkeys(row["environment"] for row in rows):
        own = [row for row in rows if row["environment"] == name]
        budgets = sorted({row["budget"] for row in own})
        table = Table("method", *map(str, budgets), title=f"{name}, level {own[0]['level']}: solved within")
        for method in dict.fromkeys(row["method"] for row in own):
            rates = {row["budget"]: row["success"] for row in own if row["method"] == method}
            table.add_row(method, *(f"{rates[b]:.1%}" if b in rates else "" for b in budgets))
        console.print(table)


def main(options: Options) -> None:
    """Trains, measures, records and draws."""
    console = Console(highlight=False)
    names = [recipe.name for recipe in RECIPES]
    for name in options.only:
        if name not in names:
            raise UnknownNameError("environment with a recipe", name, names)
    chosen = [recipe for recipe in RECIPES if not options.only or recipe.name in options.only]
    torch.set_num_threads(1)
    if not options.draw_only:
        with ThreadPoolExecutor(options.jobs) as pool:
            futures = {recipe.name: pool.submit(train, recipe, options) for recipe in chosen}
            for recipe in chosen:
                console.print(f"{recipe.name}: models ready, {futures[recipe.name].result():.0f} s")
                measure(recipe, options, console)
    rows = [
        row
        for recipe in chosen
        for row in summarise(recipe, read_measures(measures_path(recipe, options)), options)
    ]
    if not rows:
        return
    print_rows(rows, console)
    colours = {line.name: line.colour for line in LINES}
    marks = make_marks(rows)
    for mark in marks:
        console.print(f"{'holds' if mark['holds'] else 'MISSED'}: {mark['name']} {mark['value']:.3g}")
    if not options.only and options.problems == Options().problems:
        write_record("search", rows, marks)
        draw(rows, colours, ROOT / "docs" / "search_compute.png")
    else:
        draw(rows, colours, options.out / "search_compute.png")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
