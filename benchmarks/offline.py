"""Learning from recorded walks that lead nowhere in particular: ILQL against imitation.

The maze is LMRL-Gym's "double_t" under full observation with its rewards (-1 a move, the best mean return
over all starts is -6.84). The data are walks to goals of the walker's own choosing, one random square after
the other, with moves at random in between; an episode is cut after 20 moves, and few happen upon the goal.
Nothing in them is worth imitating from far away, but their pieces join into shortest ways.

Four methods learn from the same file, from the same first weights: imitation (BC), imitation of the best
episodes (%BC), Q by Monte-Carlo returns (MC) and ILQL. Each may choose, by returns on sampled validation
episodes, how sharply it acts.

    python benchmarks/offline.py                        # three seeds, about 15 minutes on one core
    python benchmarks/offline.py --seeds 1 --iterations 100 --out runs/offline-short

What is finished in --out is not run again.
"""

from __future__ import annotations

import json
import math
import re
import shutil
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import gymnasium as gym
import numpy as np
import tokenizers
import torch
import tyro
from _record import make_mark, write_record
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

import lmgym  # noqa: F401  # registers the environments
from lmgym.envs.vector import TokenVectorEnv
from lmgym.records import Problem
from lmgym.rewards.step_cost import Anchors
from lmgym.seeding import make_generator
from lmgym.tasks.maze.grid import LAYOUTS, MOVES, best_moves, open_squares, step
from lmgym.tasks.maze.texts import Manner
from lmgym.tokenization import HFTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.ilql import ILQL
from lmgym_agents.algorithms.ilql_config import ILQLConfig, OfflineMethod
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import evaluate
from lmgym_agents.models import load_model
from lmgym_agents.offline.jsonl import append_jsonl, read_jsonl
from lmgym_agents.offline.trajectories import ScriptEngine, Trajectories, from_rollout, make_source
from lmgym_agents.policy import Policy
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.engine import Support
from lmgym_agents.q.model import QModel
from lmgym_agents.rollout import collect
from lmgym_agents.sampling import SamplingParams

ROOT = Path(__file__).resolve().parents[1]
ENV, LAYOUT, MAX_MOVES = "lmgym/Maze-v0", "double_t", 20
PIECES = r"\d+,\d+ to |\d+,\d+ |#[rlud]*>|\n|[rlud]"
"""The words of the maze: a token each, where a character each would make rows three times as long."""
TOKENS_OF_PROMPT, TOKENS_OF_REPLY, TOKENS_OF_MOVE = 3, 4, 2
BEST_RETURN = -6.84
METHODS: dict[OfflineMethod, str] = {"bc": "BC", "filtered_bc": "%BC", "mc": "MC", "ilql": "ILQL"}
PUBLISHED = {"bc": 58.2, "filtered_bc": 68.9, "mc": 75.0, "ilql": 99.9}
"""LMRL-Gym, Abdulhai et al. 2023, table 2: the fully observed maze, normalised; of GPT-2."""
SHARPNESS: dict[bool, tuple[float, ...]] = {True: (1.0, 0.3, 0.1, 0.05), False: (1.0, 0.5, 0.0)}
"""Temperatures to choose from, of methods with Q (in the reward's unit) and of imitation."""
Row = Mapping[str, Any]
STUDENT_T = {2: 12.706, 3: 4.303, 4: 3.182, 5: 2.776}
"""97.5 % points, by the number of seeds."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """Compares ILQL with Monte-Carlo Q and imitation on recorded walks in a maze."""

    out: Path = Path("runs/offline")
    """folder of the data and of finished runs"""
    seeds: int = 3
    """seeds of weights and of the order of the data"""
    episodes: int = 1000
    """recorded walks"""
    iterations: int = 400
    """optimiser steps of each run"""
    samples: int = 8
    """episodes from each of the 25 starts, in each evaluation"""
    draw_only: bool = False
    """run nothing; record and draw what is there"""


def make_tokenizer() -> HFTokenizer:
    """Returns a tokenizer of the maze's own words."""
    grid, goal = LAYOUTS[LAYOUT]
    manner = Manner("full", "plain", False)
    texts = ["\n" + manner.describe(grid, square, goal) for square in open_squares(grid)]
    words = sorted({word for text in texts for word in re.findall(PIECES, text)} | set("rlud"))
    vocabulary = {word: number for number, word in enumerate(["<end>", "<unk>", *words])}
    library = tokenizers.Tokenizer(tokenizers.models.WordLevel(vocabulary, unk_token="<unk>"))
    library.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex(PIECES), behavior="isolated")
    library.decoder = tokenizers.decoders.Fuse()
    library.add_special_tokens(["<end>"])
    return HFTokenizer(library, end_token="<end>")


def make_options() -> dict[str, Any]:
    """Returns the environment's options; a budget of tokens ends an episode, so it is cut, not over."""
    turn = TOKENS_OF_REPLY + TOKENS_OF_MOVE
    return {
        "layout": LAYOUT,
        "reward": "lmrl_maze",
        "max_episode_tokens": TOKENS_OF_PROMPT + turn * MAX_MOVES,
    }


def walk(problem: Problem, rng: np.random.Generator) -> tuple[str, ...]:
    """Returns moves to one square after the other, drawn at random, a seventh of them in any direction."""
    grid, position, goal, _ = problem.reference
    squares, said = open_squares(grid), []
    while position != goal and len(said) < MAX_MOVES:
        target = squares[int(rng.integers(len(squares)))]
        while position not in (target, goal) and len(said) < MAX_MOVES:
            moves = list(MOVES) if rng.random() < 0.15 else best_moves(grid, position, target)
            move = moves[int(rng.integers(len(moves)))]
            said.append(move[0])
            position = step(grid, position, move)
    return tuple(said)


def record(path: Path, count: int) -> None:
    """Writes ``count`` walks as trajectories."""
    options = make_options()
    env = cast(
        "TokenVectorEnv",
        gym.make_vec(ENV, num_envs=count, autoreset_mode="DISABLED", tokenizer=make_tokenizer(), **options),
    )
    rng = make_generator(0, "walks")
    turns = [walk(problem, rng) for problem in env.task.problems("train", range(count))]
    rollout = collect(
        env, cast("Engine", ScriptEngine(turns, env.tokenizer)), SamplingParams(max_new_tokens=1),
        seed=0, problem_index=np.arange(count), split="train",
    )  # fmt: skip
    episodes = from_rollout(rollout, split="train", actor="a walk to squares at random", has_logps=False)
    append_jsonl(path, Trajectories(source=make_source(env, ENV, options), episodes=episodes))


def run(method: OfflineMethod, seed: int, data: Trajectories, options: Options) -> dict[str, Any]:
    """Trains by one method and returns what was measured."""
    tokenizer = make_tokenizer()
    context = max(int(make_options()["max_episode_tokens"]), *(len(e.input_ids) for e in data.episodes))
    policy = Policy(load_model("nano", tokenizer=tokenizer, seed=seed, context=context))
    model = QModel(policy, initial_value=float(data.returns.mean()), seed=seed)
    config = ILQLConfig(
        seed=seed, method=method, iterations=options.iterations, optimizer="muon", learning_rate=3e-3,
        schedule="linear", gamma=0.99, expectile=0.9, q_weight=0.1, value_weight=0.1, cql_weight=0.1,
        target_rate=0.1,
    )  # fmt: skip
    has_q = method in ("mc", "ilql")
    temperatures = SHARPNESS[has_q]

    def measure(temperature: float, samples: int, eval_seed: int) -> Any:
        if has_q:
            agent: Any = QAgent(
                model, tokenizer, acting="prior", temperature=temperature, support=Support(top_p=0.95)
            )
        else:
            params = SamplingParams(max_new_tokens=2, temperature=temperature)
            agent = LMAgent(policy, tokenizer, params)
            samples = 1 if temperature == 0 else samples
        return evaluate(
            agent, ENV, split="train", num_problems=25, samples_per_problem=samples, seed=eval_seed,
            env_options=make_options(), num_transcripts=0,
        )  # fmt: skip

    start, curve = time.perf_counter(), []
    for update in ILQL(model, data, config).iterations():
        if update.step % max(1, options.iterations // 6) == 0:
            middle = temperatures[2] if has_q else 1.0
            curve.append([update.step, measure(middle, 2, 1).reward.mean])
    trained = time.perf_counter() - start
    validation = {t: measure(t, options.samples, 2).reward.mean for t in temperatures}
    chosen = max(validation, key=validation.__getitem__)
    result = measure(chosen, options.samples, 3)
    return {
        "method": method, "seed": seed, "return": result.reward.mean, "success": result.success.mean,
        "temperature": chosen, "validation": {str(t): value for t, value in validation.items()},
        "episodes": result.num_episodes, "curve": curve, "train_s": trained,
    }  # fmt: skip


def describe_data(data: Trajectories) -> dict[str, Any]:
    """Returns the mean return of the data, and of the best episode from each start."""
    best: dict[tuple[int, ...], float] = {}
    for episode in data.episodes:
        prompt = tuple(episode.input_ids[: int(episode.is_action.argmax())].tolist())
        best[prompt] = max(best.get(prompt, -math.inf), episode.total)
    return {
        "method": "data", "return": float(data.returns.mean()), "episodes": len(data.episodes),
        "success": float(np.mean([episode.success for episode in data.episodes])),
        "best_of_each_start": float(np.mean(list(best.values()))), "starts": len(best),
    }  # fmt: skip


def summarise(runs: Sequence[Row], data: Row) -> list[dict[str, Any]]:
    """Returns a row for each method, with a t interval over seeds and the normalised score."""
    anchors = Anchors(-(MAX_MOVES + 1.0), data["return"], BEST_RETURN)
    rows = []
    for method in METHODS:
        returns = np.array([run["return"] for run in runs if run["method"] == method])
        if not len(returns):
            continue
        rows.append({
            "method": method, "seeds": len(returns), "return": float(returns.mean()),
            "half_width": half_width(returns),
            "success": float(np.mean([run["success"] for run in runs if run["method"] == method])),
            "normalised": anchors.normalise(float(returns.mean())),
            "published_normalised": PUBLISHED[method],
        })  # fmt: skip
    return rows


def half_width(values: np.ndarray) -> float | None:
    """Returns half of the 95 % t interval of a mean over seeds, None for a number of seeds without one."""
    if len(values) not in STUDENT_T:
        return None
    return float(STUDENT_T[len(values)] * values.std(ddof=1) / math.sqrt(len(values)))


def make_marks(runs: Sequence[Row], data: Row) -> list[Any]:
    """Returns the promised ordering, each as the lower end of the interval of a difference, seed by seed."""
    by_method = {
        method: np.array([run["return"] for run in sorted(runs, key=lambda r: r["seed"])
                          if run["method"] == method])
        for method in METHODS
    }  # fmt: skip
    pairs = [("ilql", "filtered_bc"), ("filtered_bc", "bc")]
    differences = {
        f"{METHODS[a]} minus {METHODS[b]}": by_method[a] - by_method[b] for a, b in pairs
    }  # fmt: skip
    differences["ILQL minus its data"] = by_method["ilql"] - data["return"]
    differences["ILQL minus the best episode in the data from each start"] = (
        by_method["ilql"] - data["best_of_each_start"]
    )
    marks = []
    for name, values in differences.items():
        width = half_width(values)
        if width is not None:
            name += ", lower end of the 95 % interval"
            marks.append(make_mark(name, float(values.mean() - width), "return", at_least=0.0))
    return marks


def draw(rows: Sequence[Row], runs: Sequence[Row], data: Row) -> None:
    """Writes docs/offline.png: where each method ends, and how it got there."""
    figure = Figure(figsize=(9.5, 3.8), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.2), sharey=True)
    colours = dict(zip(METHODS, ("#0072B2", "#56B4E9", "#E69F00", "#D55E00"), strict=True))
    floor = -(MAX_MOVES + 1.0)
    for place, row in enumerate(rows):
        left.bar(place, row["return"] - floor, bottom=floor, color=colours[row["method"]])
        left.errorbar(place, row["return"], yerr=row["half_width"] or 0, color="#222222", capsize=4)
        top = row["return"] + (row["half_width"] or 0)
        left.annotate(f"{row['return']:.1f}", (place, top + 0.2), ha="center", va="bottom")
    left.set_xticks(range(len(rows)), [METHODS[row["method"]] for row in rows])
    left.set_ylabel("mean return over all starts")
    left.set_ylim(floor - 1.5, BEST_RETURN + 2)  # far below are policies that say what is no move
    for run_ in runs:
        steps, values = zip(*run_["curve"], strict=True)
        label = METHODS[run_["method"]] if run_["seed"] == 0 else None
        right.plot(steps, values, color=colours[run_["method"]], label=label)
    right.set_xlabel("optimiser steps")
    for axes in (left, right):
        axes.axhline(BEST_RETURN, color="#222222", linestyle=":", linewidth=1)
        axes.axhline(data["return"], color="#222222", linestyle="--", linewidth=1)
        axes.spines[["top", "right"]].set_visible(False)
    right.annotate("best possible", (0, BEST_RETURN), va="bottom", fontsize=8)
    right.annotate("the data", (0, data["return"]), va="bottom", fontsize=8)
    right.legend(frameon=False, loc="center left", fontsize=8)
    figure.suptitle("Offline learning from walks to random squares, LMRL-Gym's maze", fontsize=11)
    figure.savefig(ROOT / "docs" / "offline.png", dpi=150)


def main() -> None:
    """Runs what is missing, prints a table, writes the record and the picture."""
    options = tyro.cli(Options)
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    console = Console(highlight=False, width=110)
    options.out.mkdir(parents=True, exist_ok=True)
    path = options.out / f"walks-{options.episodes}.jsonl"
    if not path.exists():
        record(path, options.episodes)
    data = read_jsonl(path, tokenizer=make_tokenizer(), on_message=console.print)
    runs = []
    for seed in range(options.seeds):
        for method in METHODS:
            kept = options.out / f"{method}-{options.episodes}-{options.iterations}-seed{seed}.json"
            if not kept.exists() and not options.draw_only:
                found = run(method, seed, data, options)
                part = kept.with_suffix(".part")
                part.write_text(json.dumps(found), "utf-8")
                shutil.move(part, kept)
                console.print(
                    f"{METHODS[method]}, seed {seed}: return {found['return']:.2f}, success "
                    f"{found['success']:.1%}, {found['train_s']:.0f} s"
                )
            if kept.exists():
                runs.append(json.loads(kept.read_text("utf-8")))
    described = describe_data(data)
    rows = summarise(runs, described)
    table = Table(title="Mean return over all starts", title_justify="left")
    for column in ("method", "return", "95 %", "success", "normalised", "LMRL-Gym"):
        table.add_column(column)
    table.add_row("the data", f"{described['return']:.2f}", "", f"{described['success']:.1%}", "50", "50")
    for row in rows:
        width = "" if row["half_width"] is None else f"± {row['half_width']:.2f}"
        table.add_row(
            METHODS[row["method"]], f"{row['return']:.2f}", width, f"{row['success']:.1%}",
            f"{row['normalised']:.1f}", f"{row['published_normalised']}",
        )  # fmt: skip
    console.print(table)
    marks = make_marks(runs, described)
    for mark in marks:
        console.print(f"{'holds ' if mark['holds'] else 'MISSED'} {mark['name']}: {mark['value']:.2f}")
    if marks:
        write_record("offline", [described, *rows, *runs], marks)
    if runs:
        draw(rows, runs, described)


if __name__ == "__main__":
    main()
