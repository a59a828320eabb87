"""``lmgym train ilql``: a Q model from recorded trajectories, in a run folder; also its baselines."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from lmgym.errors import InvalidValueError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import Agent, LMAgent
from lmgym_agents.algorithms.ilql import ILQL
from lmgym_agents.algorithms.ilql_config import ILQLConfig
from lmgym_agents.commands.train import EvaluationOptions, open_run
from lmgym_agents.errors import TrajectoryError
from lmgym_agents.evaluation import evaluate
from lmgym_agents.offline.jsonl import read_jsonl
from lmgym_agents.offline.trajectories import Trajectories
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.engine import Support
from lmgym_agents.q.files import save_q_model
from lmgym_agents.q.model import QModel
from lmgym_agents.report.curves import draw_curves
from lmgym_agents.report.tables import make_transcript_table
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.folder import RunFolder
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.train import Stage, TrainingResult, run_stages

Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True, kw_only=True)
class TrainILQL:
    """Learns offline from trajectories that `lmgym record` wrote: by ILQL, or by one of its baselines.

    The environment is only asked to measure the result, and must be the one that was recorded. Q acts by
    prior · exp(Q / temperature), the prior being the language head that imitates the data. The run's folder
    is that of `train sft`; its model/ is a Q model.
    """

    data: Path
    """file of trajectories"""
    env: Annotated[EnvOptions, Flat] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    evaluation: Annotated[EvaluationOptions, Flat] = field(default_factory=EvaluationOptions)
    acting_temperature: float = 0.1
    """of exp(Q / temperature), in the reward's unit; not used by "bc" and "filtered_bc" """
    prior_top_p: float = 0.95
    """Q chooses among the tokens that make up this mass of the prior"""
    ilql: Annotated[ILQLConfig, Flat] = field(default_factory=ILQLConfig)

    def __post_init__(self) -> None:
        if not 0 < self.acting_temperature < float("inf") or not 0 < self.prior_top_p <= 1:
            raise InvalidValueError(
                f"TrainILQL has acting_temperature={self.acting_temperature!r} and prior_top_p="
                f"{self.prior_top_p!r}; allowed: positive numbers, and numbers in (0, 1]."
            )


def train_ilql(config: TrainILQL) -> int:
    """Runs ``lmgym train ilql``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    seed = config.ilql.seed
    tokenizer = config.model.make_tokenizer()
    said: list[str] = []
    env = config.env.make_env(1, tokenizer)
    tokenizer = env.tokenizer  # with its chat template where the task is a chat
    data = read_jsonl(config.data, tokenizer=tokenizer, on_message=said.append)
    _check_task(data, env.task.fingerprint, config)
    policy = config.model.make_policy(tokenizer, context=env.context_length, seed=seed)
    # What the data earn is where Q begins: heads that start far off spend their first steps on a constant.
    start = float(data.returns.mean()) if data.episodes else 0.0
    model = QModel(policy, initial_value=start, seed=seed)
    with open_run(config, "ilql", env, policy, seed) as run, TrainingDisplay() as display:
        for message in (f"Run folder: {run.path}", *said):
            display.say(message)
        display.say(f"{len(data.episodes):,} episodes of mean return {start:.4g} in {config.data}.")

        def make() -> ILQL:
            return ILQL(model, data, config.ilql, on_message=display.say)

        def measure() -> Mapping[str, Any]:
            agent = make_acting(config, model, tokenizer)
            return {split: _measure(agent, config, split) for split in config.evaluation.eval_splits}

        result = run_stages(
            [Stage(name=config.ilql.method, total=config.ilql.iterations, make=make, finish=measure)], run,
            display, seed=seed, checkpoint_every=config.folder.checkpoint_every,
            keep_checkpoints=config.folder.keep_checkpoints, tensorboard=config.folder.tensorboard,
            prepare=measure,
        )  # fmt: skip
        if result.exit_code == 0:
            _write_products(run, model, tokenizer, result, config)
    _report(result, run, config.evaluation.num_transcripts)
    return result.exit_code


def make_acting(config: TrainILQL, model: QModel, tokenizer: TextTokenizer) -> Agent:
    """Returns how the method acts: by prior and Q, or by sampling from the language head alone."""
    if config.ilql.method in ("bc", "filtered_bc"):
        return LMAgent(model.policy, tokenizer, SamplingParams(max_new_tokens=256, temperature=1.0))
    return QAgent(
        model, tokenizer, acting="prior", temperature=config.acting_temperature,
        support=Support(top_p=config.prior_top_p),
    )  # fmt: skip


def _measure(agent: Agent, config: TrainILQL, split: str) -> dict[str, Any]:
    return evaluate(
        agent, config.env.env, split=split, num_problems=config.evaluation.eval_problems,
        env_options=config.env.make_options(), num_transcripts=config.evaluation.num_transcripts,
    ).to_dict()  # fmt: skip


def _check_task(data: Trajectories, task: str, config: TrainILQL) -> None:
    source = data.source
    if (source.env_id, source.task) != (config.env.env, task):
        options = " ".join(f"--option {name}={value}" for name, value in source.env_options.items())
        raise TrajectoryError(
            f"{config.data} was recorded in {source.env_id}, {source.task}, and is to be measured in "
            f"{config.env.env}, {task}. Give --env {source.env_id} {options}".rstrip()
            + "."
        )


def _write_products(
    run: RunFolder, model: QModel, tokenizer: TextTokenizer, result: TrainingResult, config: TrainILQL
) -> None:
    run.write_folder("model", lambda folder: save_q_model(model, folder, tokenizer))
    run.write_json("evaluation.json", result.findings)
    before, after = (result.findings[name] for name in ("start", config.ilql.method))
    lines = [
        json.dumps({"split": split, **transcript})
        for split, found in after.items()
        for transcript in found["transcripts"]
    ]
    run.write_bytes("transcripts.jsonl", "".join(line + "\n" for line in lines).encode())
    first = config.evaluation.eval_splits[0]
    picture = draw_curves(
        read_metrics(run.metrics).records, title=f"{config.ilql.method} on {config.env.env}",
        subtitle=f"{config.model.model}, seed {config.ilql.seed}", before=before[first]["success"]["mean"],
        after=after[first]["success"]["mean"],
    )  # fmt: skip
    run.write_bytes("curves.png", picture)


def _report(result: TrainingResult, run: RunFolder, num_transcripts: int) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    if result.exit_code:
        console.print(f"Interrupted after {result.num_updates} updates; everything is saved in {run.path}.")
        console.print(f"Go on with the same command and:\n  --out {run.path} --resume", soft_wrap=True)
        return
    table = Table(title="As the method acts, with 95 % intervals", title_justify="left")
    for column in ("", "split", "problems", "success", "return"):
        table.add_column(column)
    for stage, found in result.findings.items():
        for split, values in found.items():
            rate, reward = values["success"], values["reward"]
            table.add_row(
                stage, split, f"{values['num_problems']:,}",
                f"{rate['mean']:.1%} [{rate['low']:.1%}, {rate['high']:.1%}]",
                f"{reward['mean']:.3f} [{reward['low']:.3f}, {reward['high']:.3f}]",
            )  # fmt: skip
    console.print(table)
    last = next(iter(list(result.findings.values())[-1].values()))
    if num_transcripts:
        console.print(make_transcript_table(last["transcripts"]))
    console.print(
        f"\nRun folder: {run.path}\n  model/ (a Q model), curves.png, metrics.jsonl, evaluation.json",
        soft_wrap=True,
    )
