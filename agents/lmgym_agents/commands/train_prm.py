"""``lmgym train prm``: a process reward model from checked steps or from roll-outs, in a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from lmgym.errors import InvalidValueError
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer
from lmgym_agents.algorithms.process_reward_model import (
    ProcessRewardModel,
    ProcessRewardModelConfig,
    measure_steps,
)
from lmgym_agents.commands.train import open_run
from lmgym_agents.engine import Engine
from lmgym_agents.models import load_policy, save_policy
from lmgym_agents.process.rollout_labels import LabelKind, sample_labelled
from lmgym_agents.process.step_labels import FixedSteps, StepRows, StepSource, TaskSteps
from lmgym_agents.report.curves import draw_curves
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.train import Stage, TrainingResult, run_stages

Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True, kw_only=True)
class TrainPRM:
    """Trains a process reward model: a head on a language model that tells right steps from wrong ones.

    By default the steps are those of the task's demonstrations, right and wrong ones, checked by the task:
    --option style=worked --option demonstration_quality=0.5. With --rollouts-of they are a policy's own, each
    labelled by how often the policy still succeeds from there. The run's folder is that of `train sft`.
    """

    env: Annotated[EnvOptions, Flat] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    rollouts_of: str | None = None
    """folder of a policy whose responses are labelled by its own roll-outs; none: checked demonstrations"""
    rollout_problems: int = 1024
    """problems that this policy answers once each"""
    num_rollouts: int = 8
    """completions sampled from each prefix"""
    labels: LabelKind = "soft"
    """what a step is worth then: rate of success, whether any completion succeeds, or the checker's word"""
    prm: Annotated[ProcessRewardModelConfig, Flat] = field(default_factory=ProcessRewardModelConfig)

    def __post_init__(self) -> None:
        for name in ("rollout_problems", "num_rollouts"):
            if getattr(self, name) < 1:
                raise InvalidValueError(
                    f"TrainPRM.{name} is {getattr(self, name)!r}; allowed: integers from 1."
                )


def train_prm(config: TrainPRM) -> int:
    """Runs ``lmgym train prm``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    seed = config.prm.seed
    tokenizer = config.model.make_tokenizer()
    env = config.env.make_env(1, tokenizer)
    tokenizer = env.tokenizer  # with its chat template where the task is a chat
    policy = config.model.make_policy(tokenizer, context=env.context_length, seed=seed)
    # What is refused at once leaves no folder behind; roll-outs take long and come once the folder is ours.
    checked = make_sources(config, env.task, tokenizer) if config.rollouts_of is None else None
    with open_run(config, "prm", env, policy, seed) as run, TrainingDisplay() as display:
        display.say(f"Run folder: {run.path}")
        train, held_out, probe = checked or make_sources(config, env.task, tokenizer)

        def make() -> ProcessRewardModel:
            return ProcessRewardModel(
                policy, train, config.prm, validation=held_out, on_message=display.say
            )  # fmt: skip

        def measure() -> Mapping[str, Any]:
            return measure_steps(policy, probe)

        result = run_stages(
            [Stage(name="prm", total=config.prm.iterations, make=make, finish=measure)], run, display,
            seed=seed, checkpoint_every=config.folder.checkpoint_every,
            keep_checkpoints=config.folder.keep_checkpoints, tensorboard=config.folder.tensorboard,
            prepare=measure,
        )  # fmt: skip
        if result.exit_code == 0:
            run.write_folder("model", lambda folder: save_policy(policy, folder, tokenizer=tokenizer))
            run.write_json("evaluation.json", result.findings)
            records = read_metrics(run.metrics).records
            title = f"Process reward model on {config.env.env}"
            run.write_bytes("curves.png", draw_curves(records, title=title, subtitle=f"seed {seed}"))
    _report(result, str(run.path))
    return result.exit_code


def make_sources(
    config: TrainPRM, task: Task, tokenizer: TextTokenizer
) -> tuple[StepSource, StepSource, StepRows]:
    """Returns the labelled steps of train and of validation, and the held-out rows that are measured.

    Raises:
        InvalidValueError: no step can be labelled, or none is wrong.
        ModelError: the folder of the policy can't be loaded.
    """
    train, held_out = (make_source(config, task, tokenizer, split) for split in ("train", "validation"))
    probe = held_out.rows(0, config.prm.validation_rows)
    if not ((probe.labels <= 0.5) & probe.is_step_end).any():
        raise InvalidValueError(
            "no step of the held-out responses is wrong, so there is nothing to learn; set "
            "--option demonstration_quality=0.5, or label the steps of a policy (--rollouts-of)."
        )
    return train, held_out, probe


def make_source(config: TrainPRM, task: Task, tokenizer: TextTokenizer, split: str) -> StepSource:
    """Returns where the labelled steps of a split come from.

    Raises:
        InvalidValueError: the task can't check steps, and no policy is given.
        ModelError: the folder of the policy can't be loaded.
    """
    seed = config.prm.seed
    if config.rollouts_of is None:
        return TaskSteps(task, tokenizer, seed=seed, split=split)
    sampler = load_policy(config.rollouts_of, device=config.model.device)
    engine = Engine(sampler.model, max_rows=1024, pad_id=tokenizer.pad_id)
    count = config.rollout_problems if split == "train" else config.prm.validation_rows
    problems = task.problems(split, range(count))
    responses = sample_labelled(
        engine, task, tokenizer, problems, num_rollouts=config.num_rollouts, kind=config.labels, seed=seed
    )
    return FixedSteps(responses, tokenizer, seed=seed)


def _report(result: TrainingResult, path: str) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    if result.exit_code:
        console.print(f"Interrupted after {result.num_updates} updates; everything is saved in {path}.")
        console.print(f"Go on with the same command and:\n  --out {path} --resume", soft_wrap=True)
        return
    table = Table(title="Steps of held-out responses", title_justify="left")
    for column in ("", *result.findings["prm"]):
        table.add_column(column.replace("_", " "), justify="right")
    for stage, found in result.findings.items():
        table.add_row(
            stage, *(f"{found[name]:.3f}" if name in found else "" for name in result.findings["prm"])
        )
    console.print(table)
    console.print(
        f"\nRun folder: {path}\n  model/ (Hugging Face format), curves.png, evaluation.json", soft_wrap=True
    )
