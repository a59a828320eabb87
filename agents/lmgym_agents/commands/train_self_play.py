"""``lmgym train self-play``: a policy against itself in a run folder, with ratings of its earlier selves."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, cast

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from lmgym.errors import InvalidValueError
from lmgym.games.players import Player
from lmgym.tasks.base import Task
from lmgym.tasks.nim import Nim
from lmgym.tasks.tic_tac_toe import TicTacToe
from lmgym.tokenization import TextTokenizer
from lmgym_agents.algorithms.self_play import SelfPlay
from lmgym_agents.algorithms.self_play_config import SelfPlayConfig
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.commands.train import open_run
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.models import save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.report.ratings import draw_ratings
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.self_play.elo import Ratings, rate
from lmgym_agents.train import Stage, TrainingResult, run_stages

Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True, kw_only=True)
class TrainSelfPlay:
    """Trains a language model at a two-player game by playing against itself.

    First it learns from random legal moves what a move looks like, then from nothing but who won. At the end
    its earlier selves play each other, a random and a perfect player, and are rated. The run's folder is that
    of `train ppo`, with ratings.json and ratings.png in the place of the curves.
    """

    env: Annotated[EnvOptions, Flat] = field(default_factory=lambda: EnvOptions(env="lmgym/TicTacToe-v0"))
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    self_play: Annotated[SelfPlayConfig, Flat] = field(default_factory=SelfPlayConfig)
    games_a_pair: int = 64
    """games between each two players that are rated"""
    legal_moves: bool = True
    """first train on random legal moves, by the options of sft; False: begin with the model as it is"""
    sft: SFTConfig = field(default_factory=lambda: SFTConfig(iterations=100))
    """options of that training"""

    def __post_init__(self) -> None:
        if self.games_a_pair < 2:
            raise InvalidValueError(
                f"TrainSelfPlay.games_a_pair is {self.games_a_pair}; allowed: integers from 2."
            )


def train_self_play(config: TrainSelfPlay) -> int:
    """Runs ``lmgym train self-play``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    seed = config.self_play.seed
    tokenizer = config.model.make_tokenizer()
    env = config.env.make_env(1, tokenizer)
    task = check_game(env.task)
    policy = config.model.make_policy(tokenizer, context=env.context_length, seed=seed)
    engine = Engine(policy.model, max_rows=1024, pad_id=tokenizer.pad_id)
    with open_run(config, "self-play", env, policy, seed) as run, TrainingDisplay() as display:
        display.say(f"Run folder: {run.path}")
        made: list[SelfPlay] = []

        def make() -> SelfPlay:
            made[:] = [
                SelfPlay(
                    policy, task, tokenizer, config.self_play, engine=engine, on_message=display.say
                )
            ]  # fmt: skip
            return made[0]

        def finish() -> Mapping[str, Any]:
            return measure(made[0]) | _rate(made[0], config)

        def make_sft() -> SFT:
            return make_warm_start(policy, task, tokenizer, config.sft, seed, engine)

        stages = [Stage(name="self_play", total=config.self_play.iterations, make=make, finish=finish)]
        if config.legal_moves:
            stages.insert(0, Stage(name="sft", total=config.sft.iterations, make=make_sft))
        result = run_stages(
            stages, run, display, seed=seed, checkpoint_every=config.folder.checkpoint_every,
            keep_checkpoints=config.folder.keep_checkpoints, tensorboard=config.folder.tensorboard,
        )  # fmt: skip
        if result.exit_code == 0:
            found = result.findings["self_play"]
            run.write_folder("model", lambda folder: save_policy(policy, folder, tokenizer=tokenizer))
            run.write_json("ratings.json", found)
            title = f"Self-play at {config.env.env}, seed {seed}"
            run.write_bytes("ratings.png", draw_ratings(found["ratings"], title=title))
    _report(result, str(run.path))
    return result.exit_code


def check_game(task: Task) -> Nim | TicTacToe:
    """Returns the task if it is a game of two players.

    Raises:
        InvalidValueError: it is not.
    """
    if not isinstance(task, Nim | TicTacToe):
        raise InvalidValueError(
            f"self-play needs a game of two players, got {type(task).__name__}; use --env lmgym/Nim-v0 or "
            "lmgym/TicTacToe-v0."
        )
    return task


def make_warm_start(
    policy: Policy,
    task: Nim | TicTacToe,
    tokenizer: TextTokenizer,
    config: SFTConfig,
    seed: int,
    engine: Engine,
) -> SFT:
    """Returns training on games of two random players: what a move looks like, and nothing of how to win."""
    options = {"opponent": "random", "demonstration_quality": 0.0, "level": task.level}
    if isinstance(task, Nim):
        options |= {"num_heaps": task.num_heaps, "max_heap": task.max_heap}
    data = TaskDemonstrations(type(task)(**cast("Any", options)), seed=seed, tokenizer=tokenizer)
    return SFT(policy, data, dataclasses.replace(config, seed=seed), engine=engine)


def measure(algorithm: SelfPlay) -> dict[str, Any]:
    """Returns results against a perfect and a random player, playing greedily, by split of the openings."""
    rules = algorithm.task.rules
    found: dict[str, Any] = {}
    for split in ("train", "test"):
        found[split] = {}
        for name, mistakes in (("optimal", 0.0), ("random", 1.0)):
            found[split] |= algorithm.measure(name, Player(rules, mistakes), split=split)
    return found


def _rate(algorithm: SelfPlay, config: TrainSelfPlay) -> dict[str, Any]:
    table = algorithm.tournament(games_a_pair=config.games_a_pair)
    return {"ratings": describe_ratings(rate(table, seed=config.self_play.seed), table.points)}


def describe_ratings(ratings: Ratings, points: np.typing.NDArray[np.float64]) -> dict[str, Any]:
    """Returns ratings and crosstable as plain values; the random player has rating 0."""
    return {
        "names": list(ratings.names),
        "elo": ratings.elo.tolist(),
        "low": ratings.low.tolist(),
        "high": ratings.high.tolist(),
        "points": points.tolist(),
    }


def _report(result: TrainingResult, path: str) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    if result.exit_code:
        console.print(f"Interrupted after {result.num_updates} updates; everything is saved in {path}.")
        console.print(f"Go on with the same command and:\n  --out {path} --resume", soft_wrap=True)
        return
    found = result.findings["self_play"]
    table = Table(title="Greedy", title_justify="left")
    columns = ("won", "drawn", "lost", "as_expected", "illegal")
    for column in ("openings", "against", *columns):
        table.add_column(column.replace("_", " "), justify="right" if column in columns else "left")
    for split in ("train", "test"):
        for name in ("optimal", "random"):
            table.add_row(split, name, *(f"{found[split][f'{name}/{column}']:.1%}" for column in columns))
    console.print(table)
    rated = Table(title="Elo; the random player has 0", title_justify="left")
    for column in ("after iteration", "Elo", "95 %"):
        rated.add_column(column, justify="right")
    of = found["ratings"]
    for name, elo, low, high in zip(of["names"], of["elo"], of["low"], of["high"], strict=True):
        rated.add_row(name, f"{elo:.0f}", f"{low:.0f} to {high:.0f}")
    console.print(rated)
    console.print(
        f"\nRun folder: {path}\n  model/ (Hugging Face format), ratings.png, ratings.json", soft_wrap=True
    )
