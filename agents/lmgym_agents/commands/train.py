"""``lmgym train ppo`` and ``lmgym train sft``: configurations in, a run folder and a report out."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Protocol, cast

import tyro

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.commands.token_files import first_policy, write_run_tokens
from lmgym_agents.demonstrations import FileDemonstrations, TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import EvaluationResult, evaluate
from lmgym_agents.models import save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.report.curves import draw_curves
from lmgym_agents.report.tables import print_outcome
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.folder import RunFolder
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.train import Algorithm, Stage, TrainingResult, run_stages
from lmgym_agents.weights import hash_weights

Flat = tyro.conf.OmitArgPrefixes


class RunConfig(Protocol):
    """What the configurations of all training commands, dataclasses, have in common."""

    @property
    def env(self) -> EnvOptions: ...
    @property
    def folder(self) -> FolderOptions: ...


class RolloutRunConfig(RunConfig, Protocol):
    """What those have in common whose algorithm plays episodes and may begin with a warm start."""

    @property
    def model(self) -> ModelOptions: ...
    @property
    def evaluation(self) -> EvaluationOptions: ...
    @property
    def num_envs(self) -> int: ...
    @property
    def warm_start(self) -> float | None: ...
    @property
    def sft(self) -> SFTConfig: ...


MakeAlgorithm = Callable[[Policy, TokenVectorEnv, Engine, Callable[[str], None]], Algorithm]
"""Makes an algorithm from a policy, an environment, an engine, and what it tells messages to."""


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How a run is measured, before and after."""

    eval_splits: tuple[str, ...] = ("test",)
    """splits to measure on"""
    eval_problems: int = 1000
    """different problems of each split; fewer where it has no more"""
    num_transcripts: int = 8
    """responses to print at the end, half of them right"""

    def __post_init__(self) -> None:
        if not self.eval_splits:
            raise InvalidValueError("--eval-splits is empty; allowed: one split at least, such as test.")
        if self.eval_problems < 1 or self.num_transcripts < 0:
            raise InvalidValueError(
                f"--eval-problems is {self.eval_problems} and --num-transcripts {self.num_transcripts}; "
                "allowed: integers from 1, and from 0."
            )


@dataclass(frozen=True, kw_only=True)
class TrainPPO:
    """Trains a language model by PPO in an environment.

    The run's folder holds the model in Hugging Face format, config.json, versions.json, metrics.jsonl,
    TensorBoard events, curves.png, evaluation.json, transcripts.jsonl, start.tokens.jsonl, end.tokens.jsonl
    and checkpoints. Ctrl-c saves and leaves; --resume goes on. `lmgym report FOLDER` shows it.
    """

    env: Annotated[EnvOptions, Flat] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    evaluation: Annotated[EvaluationOptions, Flat] = field(default_factory=EvaluationOptions)
    num_envs: int = 1024
    """episodes in each rollout"""
    warm_start: float | None = None
    """first train on the task's demonstrations until this greedy rate of success on the validation split"""
    ppo: Annotated[PPOConfig, Flat] = field(default_factory=PPOConfig)
    sft: SFTConfig = field(default_factory=SFTConfig)
    """options of the warm start"""

    def __post_init__(self) -> None:
        if self.num_envs < 1 or self.num_envs % self.ppo.group_size:
            raise InvalidValueError(
                f"TrainPPO.num_envs is {self.num_envs}; allowed: positive multiples of group_size "
                f"({self.ppo.group_size})."
            )


@dataclass(frozen=True, kw_only=True)
class TrainSFT:
    """Trains a language model on an environment's demonstrations or on a JSONL file.

    A line of the file is {"prompt": "...", "response": "..."}. The run's folder is that of `train ppo`.
    """

    env: Annotated[EnvOptions, Flat] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    evaluation: Annotated[EvaluationOptions, Flat] = field(default_factory=EvaluationOptions)
    data: Path | None = None
    """JSONL file to train on; none: the demonstrations of the environment's task"""
    sft: Annotated[SFTConfig, Flat] = field(default_factory=SFTConfig)


def train_ppo(config: TrainPPO) -> int:
    """Runs ``lmgym train ppo``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """

    def make(policy: Policy, env: TokenVectorEnv, engine: Engine, say: Callable[[str], None]) -> PPO:
        return PPO(policy, env, config.ppo, engine=engine, on_message=say)

    seed, iterations = config.ppo.seed, config.ppo.iterations
    return train_on_rollouts(config, make, name="ppo", title="PPO", seed=seed, iterations=iterations)


def train_on_rollouts(
    config: RolloutRunConfig, make: MakeAlgorithm, *, name: str, title: str, seed: int, iterations: int
) -> int:
    """Runs a training command whose algorithm plays episodes; returns the exit code.

    Args:
        config: options of the command.
        make: makes the algorithm, once the warm start is done.
        name: of the algorithm's stage, and in the folder's name.
        title: of the algorithm, over the curves.
        seed: of the algorithm.
        iterations: of the algorithm.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    tokenizer = config.model.make_tokenizer()
    env = config.env.make_env(config.num_envs, tokenizer)
    tokenizer = env.tokenizer  # with its chat template where the task is a chat
    policy = config.model.make_policy(tokenizer, context=env.context_length, seed=seed)
    engine = _make_engine(policy, tokenizer, config.num_envs)
    with open_run(config, name, env, policy, seed) as run, TrainingDisplay() as display:
        measure = _Measure(config.env, config.evaluation, policy, tokenizer, engine)

        def make_algorithm() -> Algorithm:
            return make(policy, env, engine, display.say)

        stages = [Stage(name=name, total=iterations, make=make_algorithm, finish=measure)]
        if config.warm_start is not None:
            sft = dataclasses.replace(config.sft, seed=seed, until_accuracy=config.warm_start)

            def make_sft() -> SFT:
                data = TaskDemonstrations(env.task, seed=seed, tokenizer=tokenizer)
                return SFT(
                    policy, data, sft, task=env.task, tokenizer=tokenizer, engine=engine,
                    on_message=display.say,
                )  # fmt: skip

            stages.insert(0, Stage(name="sft", total=sft.iterations, make=make_sft, finish=measure))
        result = _run(stages, run, display, config.folder, seed, measure)
        if result.exit_code == 0:
            measure.write_tokens(run, "end", first_policy(config.model, measure.agent, seed=seed))
            _write_products(run, policy, tokenizer, result)
            _draw(run, result, f"{title} on {config.env.env}", f"{config.model.model}, seed {seed}")
    return _report(run, result, config.evaluation)


def train_sft(config: TrainSFT) -> int:
    """Runs ``lmgym train sft``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    seed = config.sft.seed
    tokenizer = config.model.make_tokenizer()
    env = config.env.make_env(1, tokenizer)
    tokenizer = env.tokenizer  # with its chat template where the task is a chat
    policy = config.model.make_policy(tokenizer, context=env.context_length, seed=seed)
    engine = _make_engine(policy, tokenizer, 1024)
    with open_run(config, "sft", env, policy, seed) as run, TrainingDisplay() as display:
        measure = _Measure(config.env, config.evaluation, policy, tokenizer, engine)

        def make_sft() -> SFT:
            data = (
                TaskDemonstrations(env.task, seed=seed, tokenizer=tokenizer)
                if config.data is None
                else FileDemonstrations(config.data, tokenizer, seed=seed)
            )
            return SFT(
                policy, data, config.sft, task=env.task, tokenizer=tokenizer, engine=engine,
                on_message=display.say,
            )  # fmt: skip

        stages = [Stage(name="sft", total=config.sft.iterations, make=make_sft, finish=measure)]
        result = _run(stages, run, display, config.folder, seed, measure)
        if result.exit_code == 0:
            _write_products(run, policy, tokenizer, result)
            measure.write_tokens(run, "end", first_policy(config.model, measure.agent, seed=seed))
            _draw(run, result, f"SFT on {config.env.env}", f"{config.model.model}, seed {seed}")
    return _report(run, result, config.evaluation)


@dataclass(frozen=True)
class _Measure:
    """Greedy evaluation of the policy as it is, on every split that was asked for."""

    env: EnvOptions
    options: EvaluationOptions
    policy: Policy
    tokenizer: TextTokenizer
    engine: Engine

    def __call__(self) -> Mapping[str, Any]:
        results: dict[str, EvaluationResult] = {}
        for split in self.options.eval_splits:
            results[split] = evaluate(
                self.agent, self.env.env, split=split, num_problems=self.options.eval_problems,
                env_options=self.env.make_options(), num_transcripts=self.options.num_transcripts,
            )  # fmt: skip
        return {split: result.to_dict() for split, result in results.items()}

    @property
    def agent(self) -> LMAgent:
        return LMAgent(self.policy, self.tokenizer, engine=self.engine)

    def write_tokens(self, run: RunFolder, label: str, reference: Policy | None = None) -> None:
        """Writes the token records of the policy as it is."""
        write_run_tokens(
            run, label, self.agent, self.env, split=self.options.eval_splits[0],
            num_problems=self.options.eval_problems, reference=reference,
        )  # fmt: skip


def _make_engine(policy: Policy, tokenizer: TextTokenizer, rows: int) -> Engine:
    return Engine(policy.model, max_rows=min(rows, 1024), pad_id=tokenizer.pad_id)


def open_run(config: RunConfig, kind: str, env: TokenVectorEnv, policy: Policy, seed: int) -> RunFolder:
    """Returns the run's folder; its config.json also says what the names in it stand for.

    A model folder or a tokenizer whose content has changed since is thus refused on resume.
    """
    folder = config.folder
    name = config.env.env.rpartition("/")[2].lower()
    path = folder.choose(f"{name}-{kind}-seed{seed}")
    plain = dataclasses.asdict(cast("Any", config))
    # The folder's own place and the wish to resume say nothing about what is learned.
    plain["folder"].pop("out")
    plain["folder"].pop("resume")
    plain["identity"] = {
        "task": env.task.fingerprint,
        "tokenizer": env.tokenizer.fingerprint,
        "first_weights": hash_weights(policy),
    }
    return RunFolder(path, plain, resume=folder.resume)


def _run(
    stages: Sequence[Stage],
    run: RunFolder,
    display: TrainingDisplay,
    folder: FolderOptions,
    seed: int,
    measure: _Measure,
) -> TrainingResult:
    display.say(f"Run folder: {run.path}")
    for change in run.changes:
        display.say(f"Changed since the run was begun: {change}")

    def prepare() -> Mapping[str, Any]:
        measure.write_tokens(run, "start")
        return measure()

    return run_stages(
        stages, run, display, seed=seed, checkpoint_every=folder.checkpoint_every,
        keep_checkpoints=folder.keep_checkpoints, tensorboard=folder.tensorboard, prepare=prepare,
    )  # fmt: skip


def _write_products(run: RunFolder, policy: Policy, tokenizer: TextTokenizer, result: TrainingResult) -> None:
    """Writes what is left of a run when it is over: the model, the evaluations and the transcripts."""
    run.write_folder("model", lambda folder: save_policy(policy, folder, tokenizer=tokenizer))
    run.write_json("evaluation.json", result.findings)
    last = list(result.findings.values())[-1]
    lines = [
        json.dumps({"split": split, **transcript})
        for split in last
        for transcript in last[split]["transcripts"]
    ]
    run.write_bytes("transcripts.jsonl", "".join(line + "\n" for line in lines).encode())


def _draw(run: RunFolder, result: TrainingResult, title: str, subtitle: str) -> None:
    records = read_metrics(run.metrics).records
    last = records[-1]["stage"]
    shown = [record for record in records if record["stage"] == last]
    names = list(result.findings)
    before, after = (_first_rate(result.findings[name]) for name in names[-2:])
    run.write_bytes(
        "curves.png", draw_curves(shown, title=title, subtitle=subtitle, before=before, after=after)
    )


def _first_rate(findings: Mapping[str, Any]) -> float:
    return float(next(iter(findings.values()))["success"]["mean"])


def _report(run: RunFolder, result: TrainingResult, options: EvaluationOptions) -> int:
    print_outcome(result, run.path, options.num_transcripts)
    return result.exit_code
