"""``lmgym train expert-iteration``: search makes data, round by round, in a run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro
from rich.console import Console

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.algorithms.expert_iteration import ExpertIteration
from lmgym_agents.algorithms.expert_iteration_config import ExpertIterationConfig
from lmgym_agents.algorithms.expert_search import search_named
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.commands.train import open_run
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.models import save_policy
from lmgym_agents.report.rounds import draw_rounds, make_round_table
from lmgym_agents.round_diagnosis import RoundRecord
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.search.states import Transitions
from lmgym_agents.train import Stage, TrainingResult, run_stages

Flat = tyro.conf.OmitArgPrefixes
BUDGETS = ("max_new_tokens", "max_prompt_tokens", "max_episode_tokens")


@dataclass(frozen=True, kw_only=True)
class TrainExpertIteration:
    """Trains a language model on what its own searches find: search, verify, learn, measure, again.

    Each round poses training problems, keeps verified solutions without duplicates, learns from new and old
    ones, and measures held-out and out-of-distribution success. The run's folder holds the model in Hugging
    Face format, rounds.json, curves.png, metrics.jsonl and checkpoints. Ctrl-c saves and leaves; --resume
    goes on.
    """

    env: Annotated[EnvOptions, Flat] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    warm_start: float | None = None
    """first train on the task's demonstrations until this greedy rate of success on the validation split"""
    expert: Annotated[ExpertIterationConfig, Flat] = field(default_factory=ExpertIterationConfig)
    sft: SFTConfig = field(default_factory=SFTConfig)
    """options of the warm start"""


def train_expert(config: TrainExpertIteration) -> int:
    """Runs ``lmgym train expert-iteration``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    seed = config.expert.seed
    tokenizer = config.model.make_tokenizer()
    env = config.env.make_env(1, tokenizer)
    tokenizer = env.tokenizer  # with its chat template where the task is a chat
    budgets = {name: value for name, value in config.env.make_options().items() if name in BUDGETS}
    context = _longest_context(config, env, tokenizer, budgets)
    policy = config.model.make_policy(tokenizer, context=context, seed=seed)
    engine = Engine(policy.model, max_rows=1024, pad_id=tokenizer.pad_id)
    made: list[ExpertIteration] = []
    with open_run(config, "expert-iteration", env, policy, seed) as run, TrainingDisplay() as display:
        display.say(f"Run folder: {run.path}")
        for change in run.changes:
            display.say(f"Changed since the run was begun: {change}")

        def make_expert() -> ExpertIteration:
            algorithm = ExpertIteration(
                policy, env.task, tokenizer, config.expert, engine=engine, env_options=budgets,
                make_search=search_named(config.expert.plan.search), on_message=display.say,
                on_round=lambda record: display.say(describe_round(record)),
            )  # fmt: skip
            made[:] = [algorithm]
            return algorithm

        def finish() -> Mapping[str, Any]:
            return {"rounds": [record.to_dict() for record in made[0].history]}

        total = 1 + config.expert.rounds * config.expert.updates_per_round
        stages = [Stage(name="expert", total=total, make=make_expert, finish=finish)]
        if config.warm_start is not None:
            sft = dataclasses.replace(config.sft, seed=seed, until_accuracy=config.warm_start)

            def make_sft() -> SFT:
                data = TaskDemonstrations(env.task, seed=seed, tokenizer=tokenizer, **budgets)
                return SFT(
                    policy, data, sft, task=env.task, tokenizer=tokenizer, engine=engine,
                    env_options=budgets, on_message=display.say,
                )  # fmt: skip

            stages.insert(0, Stage(name="sft", total=sft.iterations, make=make_sft))
        result = run_stages(
            stages, run, display, seed=seed, checkpoint_every=config.folder.checkpoint_every,
            keep_checkpoints=config.folder.keep_checkpoints, tensorboard=config.folder.tensorboard,
        )  # fmt: skip
        if result.exit_code == 0:
            run.write_folder("model", lambda folder: save_policy(policy, folder, tokenizer=tokenizer))
            run.write_json("rounds.json", result.findings["expert"]["rounds"])
            title = f"Expert iteration ({config.expert.preset}) on {config.env.env}"
            subtitle = f"{config.model.model}, seed {seed}"
            run.write_bytes("curves.png", draw_rounds(made[0].history, title=title, subtitle=subtitle))
    _report(result, made, str(run.path))
    return result.exit_code


def describe_round(record: RoundRecord) -> str:
    """Returns a line for the screen."""
    ood = "".join(f"  {name} {rate:.1%}" for name, rate in record.ood)
    solved = "" if record.newly_solved is None else f"  newly solved {record.newly_solved:.1%}"
    return (
        f"round {record.round}, level {record.level}: held out {record.held_out:.1%}{ood}  "
        f"pass@1 {record.pass_1:.1%}  pass@{record.k} {record.pass_k:.1%}{solved}"
    )


def _longest_context(
    config: TrainExpertIteration, env: TokenVectorEnv, tokenizer: TextTokenizer, budgets: Mapping[str, Any]
) -> int:
    """Returns the longest row of all levels that the run may come to.

    Raises:
        InvalidValueError: a level that the task does not have, or the first above the last.
    """
    first, last = config.expert.start_level, config.expert.last_level
    low = env.task.level if first is None else first
    high = env.task.level if last is None else last
    if low > high:
        raise InvalidValueError(f"start_level is {low} and last_level {high}; allowed: rising levels.")
    tasks = [env.task, *(env.task.at_level(level) for level in range(low, high + 1))]
    return max(Transitions(task, tokenizer, **budgets).context_length for task in tasks)


def _report(result: TrainingResult, made: list[ExpertIteration], path: str) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    if result.exit_code:
        console.print(f"Interrupted after {result.num_updates} updates; everything is saved in {path}.")
        console.print(f"Go on with the same command and:\n  --out {path} --resume", soft_wrap=True)
        return
    console.print(make_round_table(made[0].history))
    console.print(
        f"\nRun folder: {path}\n  model/ (Hugging Face format), curves.png, rounds.json, metrics.jsonl",
        soft_wrap=True,
    )
