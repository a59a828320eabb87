"""Token-level Q-learning beside PPO and Stable-Baselines3's DQN: accuracy against tokens.

Tasks: level 2 of lmgym/Math-v0 (the sum of two numbers from 0 to 99) from a warm start by SFT that solves
about half of the problems, and probes from scratch (Echo, Reverse, Count: one turn; Delayed, Guess: several).
Learners: PPO, Q heads, logits as Q, DQN. All start from the same weights, and all are asked greedily. Tokens
are those that the agent acted in the environment; seconds leave the evaluations out. After a probe Q is
compared with the exact Q* of its task.

    python benchmarks/q_learning.py                       # 3 seeds, two runs at a time
    python benchmarks/q_learning.py --only Echo Count     # some tasks
    python benchmarks/q_learning.py --draw-only           # record and picture from what was run

Runs are kept in --out; what is finished there is not run again.
"""

from __future__ import annotations

import dataclasses
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import tokenizers
import torch
import tyro
from _record import Mark, make_mark, write_record
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from rich.console import Console
from rich.table import Table

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import UnknownNameError
from lmgym.tasks.arithmetic import Math
from lmgym.tasks.base import Task
from lmgym.tasks.probes import Count, Delayed, Echo, Guess, Reverse
from lmgym.tokenization import HFTokenizer, TextTokenizer, make_tokenizer
from lmgym_agents.agent import Agent, LMAgent
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.q_comparison import QComparison
from lmgym_agents.algorithms.q_learning import QLearning
from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.baselines.sb3_runs import run_dqn
from lmgym_agents.demo import Demo, make_config
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.evaluation import evaluate
from lmgym_agents.models import load_policy, make_tiny_model, save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.model import QModel

ROOT = Path(__file__).resolve().parents[1]
GOAL = 0.95
LEARNERS = ("ppo", "heads", "logits", "dqn")
NAMES = {"ppo": "PPO", "heads": "Q heads", "logits": "logits as Q", "dqn": "SB3's DQN"}
COLOURS = {"ppo": "#0072B2", "heads": "#009E73", "logits": "#D55E00", "dqn": "#8A8A8A"}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Measures how many tokens Q-learning, PPO and DQN need."""

    only: tuple[str, ...] = ()
    """names of tasks, such as Math or Echo; none: all"""
    learners: tuple[str, ...] = LEARNERS
    """ppo, heads, logits, dqn"""
    seeds: int = 3
    """seeds of each"""
    jobs: int = 2
    """runs at a time"""
    out: Path = Path("runs/q_learning")
    """folder of the runs"""
    draw_only: bool = False
    """run nothing; record and draw what is there"""


@dataclass(frozen=True)
class Problem:
    """A task and how it is learned."""

    name: str
    env_id: str
    options: Mapping[str, Any]
    task: Task
    letters: str | None
    """What the tokenizer knows; None: the usual one, and a warm start by SFT."""
    every: int
    """iterations between two evaluations"""
    ppo: PPOConfig
    heads: QLearningConfig
    logits: QLearningConfig
    rows: int = 256
    dqn_steps: int = 30_000

    @property
    def split(self) -> str:
        """Where it is measured: probes on what they train on, as their other splits hold a few problems."""
        return "test" if self.letters is None else "train"


def make_problems() -> dict[str, Problem]:
    """Returns what is measured, by name."""
    muon: dict[str, Any] = {"optimizer": "muon", "learning_rate": 2e-3}
    replayed: dict[str, Any] = {
        **muon, "replay_failed": 0.5, "updates": 16, "batch_rows": 256, "weight_decay": 0.1, "iterations": 110
    }  # fmt: skip
    heads: dict[str, Any] = {
        "parametrisation": "heads", "target": "none", "double": False, "lam": 0.95, "top_k": 8
    }  # fmt: skip
    problems = [
        Problem(
            "Math", "lmgym/Math-v0", {"level": 2}, Math(level=2), None, 10, make_config(Demo()).ppo,
            QLearningConfig(**replayed, **heads),
            QLearningConfig(**{**replayed, "iterations": 90, "updates": 24}, beta=0.1), rows=1024,
            dqn_steps=60_000,
        )
    ]  # fmt: skip
    ppo = PPOConfig(
        optimizer="muon", learning_rate=3e-3, iterations=50, entropy_coefficient=0.02,
        value_warmup_iterations=0,
    )  # fmt: skip
    # Q of every action can only be right where every action is tried: a large epsilon. Watkins' trace keeps
    # what was tried from counting as what an action is worth.
    tried: dict[str, Any] = {"optimizer": "muon", "iterations": 30, "epsilon": 0.3, "batch_rows": 256}
    of_heads = QLearningConfig(
        **tried, parametrisation="heads", learning_rate=3e-3, updates=8, acting="boltzmann",
        trace="watkins", prior_coefficient=0.0,
    )  # fmt: skip
    # A reward of 1 is 1 / beta = 33 nats for the logits to move, hence the high rate.
    of_logits = QLearningConfig(
        **tried, learning_rate=2e-2, updates=12, beta=0.03, replay_failed=0.5
    )  # fmt: skip
    for name, task, options, letters in (
        ("Echo", Echo, {"length": 1, "needs_stop": False}, "abcdefgh>"),
        ("Reverse", Reverse, {"length": 2, "alphabet": "abcd", "needs_stop": False}, "abcd<"),
        ("Count", Count, {"length": 3, "alphabet": "ab"}, "ab in=0123"),
        ("Delayed", Delayed, {"num_turns": 2, "length": 1, "needs_stop": False}, "abcdefgh. >waitsy"),
        ("Guess", Guess, {"high": 7, "num_guesses": 3}, "1234567 to>.highelwr"),
    ):
        heads_here, logits_here = of_heads, of_logits
        if name == "Guess":  # six tokens in a row must be right, which many random ones would spoil
            heads_here = dataclasses.replace(of_heads, epsilon=0.1, updates=16, temperature=0.05)
            logits_here = dataclasses.replace(of_logits, epsilon=0.1, updates=16, variant="one_step")
        problems.append(
            Problem(
                name, f"lmgym/{name}-v0", options, task(**options), letters, 5, ppo, heads_here, logits_here
            )
        )  # fmt: skip
    return {problem.name: problem for problem in problems}


def make_letters(letters: str) -> HFTokenizer:
    """Returns a tokenizer that knows these letters alone, so that a fresh model is right now and then."""
    vocabulary = {token: i for i, token in enumerate(["<end>", "<unk>", *dict.fromkeys(letters)])}
    library = tokenizers.Tokenizer(tokenizers.models.BPE(vocab=vocabulary, merges=[], unk_token="<unk>"))
    library.decoder = tokenizers.decoders.Fuse()
    library.add_special_tokens(["<end>"])
    return HFTokenizer(library, end_token="<end>")


def tokenizer_of(problem: Problem) -> TextTokenizer:
    return make_tokenizer("char") if problem.letters is None else make_letters(problem.letters)


def make_env(problem: Problem, tokenizer: TextTokenizer) -> TokenVectorEnv:
    return TokenVectorEnv(
        problem.task, num_envs=problem.rows, autoreset_mode="DISABLED", tokenizer=tokenizer, split="train"
    )


def make_start(problem: Problem, seed: int, folder: Path) -> Policy:
    """Returns the weights that all learners of a seed start from; a warm start is made once and kept."""
    tokenizer = tokenizer_of(problem)
    env = make_env(problem, tokenizer)
    if problem.letters is not None:
        model = make_tiny_model(
            tokenizer.vocab_size, hidden_size=32, layers=2, heads=2, context=env.context_length, seed=seed,
            config={"initializer_range": 0.1},
        )  # fmt: skip
        return Policy(model)
    kept = folder / f"warm-{problem.name.lower()}-{seed}"
    if not (kept / "done").exists():
        demo = make_config(Demo(seed=seed, out=Path("unused")))
        policy = demo.model.make_policy(tokenizer, context=env.context_length, seed=seed)
        sft: SFTConfig = dataclasses.replace(demo.sft, seed=seed, until_accuracy=demo.warm_start)
        data = TaskDemonstrations(problem.task, seed=seed, tokenizer=tokenizer)
        for _ in SFT(policy, data, sft, task=problem.task, tokenizer=tokenizer).iterations():
            pass
        save_policy(policy, kept, tokenizer=tokenizer)
        (kept / "done").touch()
    return load_policy(kept)


def success(problem: Problem, agent: Agent) -> float:
    """Returns the greedy rate of success: on the whole test split of Math, on 256 problems of a probe."""
    found = evaluate(
        agent, problem.task, split=problem.split, num_problems=2000 if problem.letters is None else 256,
        env_options={"tokenizer": tokenizer_of(problem)}, num_transcripts=0,
    )  # fmt: skip
    return found.success.mean


Curve = list[list[float]]
"""[tokens acted, seconds of wall clock (worth little where programs share the cores), greedy success]"""


def run_one(problem: Problem, learner: str, seed: int, folder: Path) -> dict[str, Any]:
    """Trains one learner; returns its curve and what became of it."""
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    policy = make_start(problem, seed, folder)
    if learner == "dqn":
        return _run_dqn(problem, policy, seed)
    env = make_env(problem, tokenizer_of(problem))
    if learner == "ppo":
        ppo = PPO(policy, env, dataclasses.replace(problem.ppo, seed=seed))
        curve = follow(problem, ppo.iterations(), lambda: LMAgent(policy, env.tokenizer))
        return {"curve": curve}
    config: QLearningConfig = dataclasses.replace(getattr(problem, learner), seed=seed)
    model = QModel(
        policy, kind=config.parametrisation, beta=config.beta, num_heads=config.num_heads, seed=seed
    )
    algorithm = QLearning(model, env, config)
    support = config.rule.support
    curve = follow(problem, algorithm.iterations(), lambda: QAgent(model, env.tokenizer, support=support))
    found: dict[str, Any] = {"curve": curve}
    if problem.letters is not None:
        measured = QComparison(model, env, config).measure()
        found["diagnosis"] = {name.removeprefix("diagnosis/"): x for name, x in measured.items()}
    return found


def follow(problem: Problem, updates: Iterator[Any], make_agent: Callable[[], Agent]) -> Curve:
    """Returns the learning curve of an algorithm, evaluated every so often."""
    curve: Curve = [[0, 0.0, success(problem, make_agent())]]
    tokens, seconds, since = 0.0, 0.0, time.perf_counter()
    for update in updates:
        tokens += update.metrics["episodes"] * update.metrics["num_actions"]
        if update.step % problem.every == 0:
            seconds += time.perf_counter() - since
            curve.append([round(tokens), round(seconds, 2), success(problem, make_agent())])
            since = time.perf_counter()
    return curve


def _run_dqn(problem: Problem, policy: Policy, seed: int) -> dict[str, Any]:
    start = time.perf_counter()
    points = run_dqn(
        problem.env_id, {**problem.options, "tokenizer": tokenizer_of(problem)}, problem.dqn_steps, seed,
        model=policy.model, num_points=6, num_problems=256, split=problem.split,
    )  # fmt: skip
    seconds = time.perf_counter() - start
    return {
        # Its evaluations are few and short; time is shared out by tokens.
        "curve": [[tokens, round(seconds * tokens / problem.dqn_steps, 2), rate] for tokens, rate in points]
    }


def run_and_keep(name: str, learner: str, seed: int, folder: Path) -> Path:
    """Runs one learner on one task unless its result is there already."""
    path = folder / f"{name.lower()}-{learner}-{seed}.json"
    if not path.exists():
        result = run_one(make_problems()[name], learner, seed, folder)
        part = path.with_suffix(f".{os.getpid()}.part")
        part.write_text(json.dumps({"task": name, "learner": learner, "seed": seed, **result}), "utf-8")
        os.replace(part, path)
    return path


# The record ---------------------------------------------------------------------------------------------


def first_reaching(curve: Sequence[Sequence[float]], rate: float) -> float | None:
    """Returns the tokens at the first point of at least this success, None if there is none."""
    return next((point[0] for point in curve if point[2] >= rate), None)


def make_marks(rows: Sequence[Mapping[str, Any]]) -> list[Mark]:
    """Returns the marks of what was run."""
    by = {(row["task"], row["learner"], row["seed"]): row for row in rows}
    marks: list[Mark] = []
    for learner in ("heads", "logits"):
        best = [max(p[2] for p in row["curve"]) for (task, who, _), row in by.items()
                if (task, who) == ("Math", learner)]  # fmt: skip
        if best:
            name = f"q_learning: worst seed of {NAMES[learner]} on Math, best point"
            marks.append(make_mark(name, min(best), "accuracy", at_least=GOAL))
        ratios = []
        for (task, who, seed), row in by.items():
            ppo = by.get(("Math", "ppo", seed))
            if (task, who) != ("Math", learner) or ppo is None:
                continue
            ours, theirs = (first_reaching(each["curve"], GOAL) for each in (row, ppo))
            # A learner that never gets there counts as infinitely slow; PPO's whole run as its least cost.
            ratios.append(0.0 if ours is None else (theirs or ppo["curve"][-1][0]) / ours)
        if ratios:
            name = f"q_learning: PPO's tokens to 95 % on Math over those of {NAMES[learner]}, worst seed"
            marks.append(make_mark(name, min(ratios), "times", at_least=2.0))
        errors = [row["diagnosis"]["q_error_mean"] for row in rows
                  if row["learner"] == learner and "diagnosis" in row]  # fmt: skip
        if errors:
            name = f"q_learning: 0.05 over the largest mean |Q - Q*| of {NAMES[learner]} on the probes"
            marks.append(make_mark(name, 0.05 / max(max(errors), 1e-9), "times", at_least=1.0))
    return marks


def make_table(rows: Sequence[Mapping[str, Any]]) -> Table:
    table = Table("task", "learner", "seed", "start", "best", "end", "tokens to 95 %", "|Q-Q*|")
    for row in rows:
        curve = row["curve"]
        tokens = first_reaching(curve, GOAL)
        table.add_row(
            row["task"], NAMES[row["learner"]], str(row["seed"]), f"{curve[0][2]:.1%}",
            f"{max(p[2] for p in curve):.1%}", f"{curve[-1][2]:.1%}",
            "never" if tokens is None else f"{tokens:,.0f}",
            f"{row['diagnosis']['q_error_mean']:.3f}" if "diagnosis" in row else "",
        )  # fmt: skip
    return table


def draw(rows: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Draws greedy success against tokens, a panel a task, a line a seed."""
    names = [name for name in make_problems() if any(row["task"] == name for row in rows)]
    columns = min(3, len(names))
    lines = -(-len(names) // columns)
    figure = Figure(figsize=(3.3 * columns, 2.7 * lines + 0.4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = list(figure.subplots(lines, columns, squeeze=False).flat)
    for axis, name in zip(axes, names, strict=False):
        for row in rows:
            if row["task"] == name:
                xs = [point[0] / 1000 for point in row["curve"]]
                label = NAMES[row["learner"]] if row["seed"] == 0 else None
                axis.plot(
                    xs, [p[2] for p in row["curve"]], color=COLOURS[row["learner"]], lw=1.3, label=label
                )
        axis.axhline(GOAL, color="#BBBBBB", lw=0.8, dashes=(4, 3))
        axis.set_title(f"{name}, thousand tokens acted", fontsize=9)
        axis.set_ylim(0, 1.02)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].legend(fontsize=8, frameon=False)
    for axis in axes[len(names) :]:
        axis.set_visible(False)
    figure.suptitle("Greedy success of Q-learning, PPO and DQN from the same weights", fontsize=11)
    figure.savefig(path, dpi=110)


def main(options: Options) -> None:
    """Runs, records, draws."""
    console = Console(highlight=False)
    problems = make_problems()
    for kind, given, allowed in (("task", options.only, problems), ("learner", options.learners, LEARNERS)):
        for name in given:
            if name not in allowed:
                raise UnknownNameError(kind, name, allowed)
    names = [name for name in problems if not options.only or name in options.only]
    todo = [(n, who, seed) for n in names for seed in range(options.seeds) for who in options.learners]
    options.out.mkdir(parents=True, exist_ok=True)
    if not options.draw_only:
        if "Math" in names:
            for seed in range(options.seeds):
                make_start(problems["Math"], seed, options.out)
        with ProcessPoolExecutor(options.jobs, mp_context=get_context("spawn")) as pool:
            futures = {pool.submit(run_and_keep, *each, options.out): each for each in todo}
            for number, future in enumerate(as_completed(futures), 1):
                row = json.loads(future.result().read_text("utf-8"))
                name, learner, seed = futures[future]
                console.print(
                    f"{number}/{len(todo)} {name} {NAMES[learner]} {seed}: {row['curve'][-1][2]:.1%} in "
                    f"{row['curve'][-1][1]:.0f} s"
                )
    paths = [options.out / f"{name.lower()}-{who}-{seed}.json" for name, who, seed in todo]
    rows = [json.loads(path.read_text("utf-8")) for path in paths if path.exists()]
    if not rows:
        return
    console.print(make_table(rows))
    marks = make_marks(rows)
    for mark in marks:
        console.print(f"{'holds' if mark['holds'] else 'MISSED'}  {mark['name']}: {mark['value']:.3g}")
    if not options.only and options.learners == LEARNERS:
        write_record("q_learning", rows, marks)
        draw(rows, ROOT / "docs" / "q_learning.png")


if __name__ == "__main__":
    main(tyro.cli(Options, description=__doc__))
