"""How long learning takes: PPO here against TRL's GRPO, from the same warm start, problems and cores.

The task is level 2 of lmgym/Math-v0, the sum of two numbers from 0 to 99. For each seed a tiny Llama-type
model is trained by SFT until it solves 44 % of the validation split; both learners start from its weights.
The clock of a learner leaves the evaluations out (greedy, on the whole test split). TRL's learning rate
is tuned first, by short runs from the first seed's warm start.

    python benchmarks/learning.py                     # 3 seeds of each, TRL capped at 10 minutes a seed
    python benchmarks/learning.py --trl-seeds 0       # without TRL
"""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import tyro
from _record import make_mark, write_record
from rich.console import Console
from rich.table import Table

from lmgym.envs.vector import TokenVectorEnv
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.sft import SFT
from lmgym_agents.demo import Demo, make_config
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import evaluate
from lmgym_agents.models import load_policy, save_policy
from lmgym_agents.policy import Policy

GOAL = 0.95
TRL_GOAL = 0.90
WARM_START = 0.44
console = Console(highlight=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Measures how long PPO and TRL's GRPO take to learn two-digit addition."""

    seeds: int = 3
    """seeds of PPO"""
    trl_seeds: int = 3
    """seeds of TRL, the first of them; 0 leaves TRL out"""
    trl_cap_s: float = 600.0
    """seconds after which a run of TRL ends"""
    tune_s: float = 60.0
    """seconds for each learning rate that TRL is tried with"""
    trl_rates: tuple[float, ...] = (1e-4, 3e-4, 1e-3)
    """learning rates to try; a single one is taken as it is"""


class Clock:
    """Seconds that a learner has had, evaluations left out."""

    def __init__(self) -> None:
        self.seconds, self._since = 0.0, time.perf_counter()

    def stop(self) -> float:
        self.seconds += time.perf_counter() - self._since
        return self.seconds

    def go(self) -> None:
        self._since = time.perf_counter()


def make_env(rows: int) -> TokenVectorEnv:
    env = make_config(Demo(out=Path("unused"))).env
    return env.make_env(rows, make_config(Demo(out=Path("unused"))).model.make_tokenizer())


def accuracy(model: torch.nn.Module, env: TokenVectorEnv) -> float:
    """Returns the greedy rate of success on all problems of the test split."""
    policy = model if isinstance(model, Policy) else Policy(model)
    engine = Engine(policy.model, max_rows=1024, pad_id=env.tokenizer.pad_id)
    agent = LMAgent(policy, env.tokenizer, engine=engine)
    return evaluate(agent, env.task, split="test", num_problems=2000, num_transcripts=0).success.mean


def warm_start(seed: int, folder: Path, env: TokenVectorEnv) -> float:
    """Trains a fresh model by SFT, writes it to ``folder`` and returns its accuracy."""
    config = make_config(Demo(seed=seed, out=Path("unused")))
    policy = config.model.make_policy(env.tokenizer, context=env.context_length, seed=seed)
    sft = dataclasses.replace(config.sft, seed=seed, until_accuracy=WARM_START)
    data = TaskDemonstrations(env.task, seed=seed, tokenizer=env.tokenizer)
    for _ in SFT(policy, data, sft, task=env.task, tokenizer=env.tokenizer).iterations():
        pass
    save_policy(policy, folder, tokenizer=env.tokenizer)
    return accuracy(policy, env)


def run_ppo(seed: int, start: Path) -> list[tuple[float, float]]:
    """Returns (seconds, accuracy) along the demo's PPO, until the goal is reached twice running."""
    config = make_config(Demo(seed=seed, out=Path("unused")))
    env = make_env(config.num_envs)
    policy = load_policy(start)
    clock, curve = Clock(), [(0.0, accuracy(policy, env))]
    clock.go()
    for update in PPO(policy, env, config.ppo).iterations():
        if update.step % 5 == 0 or update.step == config.ppo.iterations:
            curve.append((clock.stop(), accuracy(policy, env)))
            console.print(f"  PPO seed {seed}: {curve[-1][0]:6.1f} s  {curve[-1][1]:.1%}")
            clock.go()
    return curve


def run_trl(seed: int, start: Path, rate: float, cap_s: float, folder: Path) -> list[tuple[float, float]]:
    """Returns (seconds, accuracy) along TRL's GRPO, until its goal or its time is reached."""
    import datasets
    import transformers
    import trl

    from lmgym.rewards import make_reward, to_trl, trl_dataset_rows

    env = make_env(1)
    tokenizer = transformers.AutoTokenizer.from_pretrained(start, padding_side="left")
    model = transformers.AutoModelForCausalLM.from_pretrained(start)
    clock, curve = Clock(), [(0.0, accuracy(model, env))]

    class Watch(transformers.TrainerCallback):
        last = 0.0

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> Any:
            seconds = clock.stop()
            if seconds - self.last > 10 or seconds > cap_s:
                self.last = seconds
                model.eval()
                curve.append((seconds, accuracy(model, env)))
                model.train()
                console.print(f"  TRL seed {seed}, rate {rate:g}: {seconds:6.1f} s  {curve[-1][1]:.1%}")
                control.should_training_stop = curve[-1][1] >= TRL_GOAL or seconds > cap_s
            clock.go()
            return control

    config = trl.GRPOConfig(
        output_dir=str(folder), use_cpu=True, bf16=False, seed=seed, report_to="none", save_strategy="no",
        disable_tqdm=True, logging_steps=10**6, dataloader_pin_memory=False, gradient_checkpointing=False,
        per_device_train_batch_size=512, gradient_accumulation_steps=1, num_generations=8, num_iterations=1,
        max_completion_length=env.max_new_tokens, temperature=1.0, beta=0.0, epsilon_high=0.28,
        learning_rate=rate, lr_scheduler_type="constant_with_warmup", warmup_steps=5, max_steps=10**6,
    )  # fmt: skip
    rows = trl_dataset_rows(env.task, "train", 100_000)
    reward = to_trl(make_reward("correct"), env.task, end_ids=(env.tokenizer.end_id,))
    trainer = trl.GRPOTrainer(
        model=model, reward_funcs=reward, args=config, train_dataset=datasets.Dataset.from_list(rows),
        processing_class=tokenizer, callbacks=[Watch()],
    )  # fmt: skip
    clock.go()
    trainer.train()
    return curve


def tune(options: Options, start: Path, folder: Path) -> float:
    """Returns the learning rate with which TRL gets furthest in a short run."""
    if len(options.trl_rates) == 1:
        return options.trl_rates[0]
    reached = {rate: run_trl(0, start, rate, options.tune_s, folder)[-1][1] for rate in options.trl_rates}
    return max(reached, key=lambda rate: reached[rate])


def time_to(curve: list[tuple[float, float]], goal: float) -> float | None:
    return next((seconds for seconds, rate in curve if rate >= goal), None)


def main(options: Options) -> None:
    torch.set_flush_denormal(True)
    rows: list[dict[str, Any]] = []
    env = make_env(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        starts = [folder / f"seed-{seed}" for seed in range(max(options.seeds, options.trl_seeds))]
        levels = [warm_start(seed, start, env) for seed, start in enumerate(starts)]
        runs: list[tuple[str, int, float | None, Callable[[], list[tuple[float, float]]]]] = [
            ("lmgym PPO", seed, None, lambda seed=seed: run_ppo(seed, starts[seed]))
            for seed in range(options.seeds)
        ]
        if options.trl_seeds:
            rate = tune(options, starts[0], folder / "trl")
            runs += [
                (
                    "TRL GRPO", seed, rate,
                    lambda seed=seed: run_trl(seed, starts[seed], rate, options.trl_cap_s, folder / "trl"),
                )
                for seed in range(options.trl_seeds)
            ]  # fmt: skip
        for learner, seed, rate_used, run in runs:
            curve = run()
            rows.append(
                {
                    "learner": learner, "seed": seed, "learning_rate": rate_used, "warm_start": levels[seed],
                    "seconds_to_90": time_to(curve, TRL_GOAL), "seconds_to_95": time_to(curve, GOAL),
                    "best": max(rate for _, rate in curve), "final": curve[-1][1], "seconds": curve[-1][0],
                    "curve": curve,
                }
            )  # fmt: skip
    ours = [row for row in rows if row["learner"] == "lmgym PPO"]
    theirs = [row["seconds_to_90"] or row["seconds"] for row in rows if row["learner"] == "TRL GRPO"]
    marks = [
        make_mark("learning: worst seed of PPO", min(row["final"] for row in ours), "accuracy", at_least=GOAL)
    ]
    if theirs:
        # Where TRL did not get to 90 %, the time it was given stands for the time it needs: a lower bound.
        slowest = max(row["seconds_to_95"] or float("inf") for row in ours)
        ratio = min(theirs) / slowest if slowest < float("inf") else 0.0
        marks.append(
            make_mark("learning: TRL's time to 90 % over PPO's slowest to 95 %", ratio, "times", at_least=5)
        )
    print_table(rows)
    write_record("learning", rows, marks)


def print_table(rows: list[dict[str, Any]]) -> None:
    table = Table(title="Greedy accuracy on the test split of two-digit addition")
    for column in ("learner", "seed", "at the start", "s to 90 %", "s to 95 %", "final", "s in all"):
        table.add_column(column, justify="right")
    for row in rows:
        times = [
            "-" if row[name] is None else f"{row[name]:.0f}" for name in ("seconds_to_90", "seconds_to_95")
        ]
        table.add_row(
            row["learner"], str(row["seed"]), f"{row['warm_start']:.1%}", *times, f"{row['final']:.1%}",
            f"{row['seconds']:.0f}",
        )  # fmt: skip
    console.print(table)


if __name__ == "__main__":
    main(tyro.cli(Options))
