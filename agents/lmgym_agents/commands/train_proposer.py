"""``lmgym train proposer``: a proposer–solver loop in a run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console
from rich.table import Table

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator
from lmgym.tasks.arithmetic import Math
from lmgym.tasks.base import Task
from lmgym.tasks.countdown import Countdown
from lmgym.tasks.proposals import CountdownProposals, ProposalForm, SumProposals
from lmgym.tokenization import TextTokenizer
from lmgym_agents.algorithms.proposer_config import ProposerConfig
from lmgym_agents.algorithms.proposer_solver import PROPOSER_PROMPT, ProposerSolver
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.commands.train import open_run
from lmgym_agents.demonstrations import Rows
from lmgym_agents.models import save_policy
from lmgym_agents.prompted_rows import make_rows
from lmgym_agents.report.curves import draw_curves
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.train import Stage, TrainingResult, run_stages

Flat = tyro.conf.OmitArgPrefixes
FormName = Literal["sums", "countdown"]


@dataclass(frozen=True, kw_only=True)
class TrainProposer:
    """Trains a language model on problems that it poses itself.

    First it learns what a problem looks like, and to answer some; then the loop begins, and no problem is
    given to it any more. The run's folder is that of `train ppo`.
    """

    form: FormName = "sums"
    """what is proposed: sums (12+34=, of lmgym/Math-v0) or countdown (8 from 3 5:, of lmgym/Countdown-v0)"""
    size: int = 2
    """digits of the longest number, or level of countdown"""
    warm_size: int | None = None
    """the same of the problems whose answers the warm start imitates; none: one less"""
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    loop: Annotated[ProposerConfig, tyro.conf.arg(name="")] = field(default_factory=ProposerConfig)
    eval_problems: int = 1000
    """problems of the test split that are measured before and after the loop"""
    sft: SFTConfig = field(default_factory=lambda: SFTConfig(iterations=150))
    """options of the warm start"""

    def __post_init__(self) -> None:
        if self.eval_problems < 1:
            raise InvalidValueError(
                f"TrainProposer.eval_problems is {self.eval_problems}; allowed: integers from 1."
            )

    @property
    def env(self) -> EnvOptions:
        """The environment whose problems are proposed, for the name of the run's folder."""
        return EnvOptions(env="lmgym/Math-v0" if self.form == "sums" else "lmgym/Countdown-v0")

    def make_form(self) -> ProposalForm:
        """Returns what is proposed.

        Raises:
            InvalidValueError: ``size`` is out of its range.
        """
        if self.form == "sums":
            return SumProposals(max_digits=self.size)
        return CountdownProposals(level=self.size)

    def make_easier_task(self) -> Task:
        """Returns the task whose demonstrations the warm start imitates."""
        size = max(1, self.size - 1) if self.warm_size is None else self.warm_size
        if self.form == "sums":
            return Math(level=1, num_digits=size, operators="+")
        return Countdown(level=size)


class WarmStart:
    """Rows to imitate: half of them texts of problems, half answers to problems of a task."""

    def __init__(self, form: ProposalForm, easier: Task, tokenizer: TextTokenizer, *, seed: int) -> None:
        self._form, self._easier, self._tokenizer, self._seed = form, easier, tokenizer, seed

    def rows(self, step: int, count: int) -> Rows:
        """Returns the rows of an optimiser step, a pure function of the seed and the arguments."""
        rng = make_generator(self._seed, "warm start", step)
        num_proposals = count // 2
        pairs = [(PROPOSER_PROMPT, self._form.example(rng)) for _ in range(num_proposals)]
        answered = range(step * (count - num_proposals), (step + 1) * (count - num_proposals))
        for problem in self._easier.problems("train", answered):
            pairs.append((problem.prompt, self._easier.demonstrations(problem, rng)[0]))
        return make_rows(self._tokenizer, pairs)


def train_proposer(config: TrainProposer) -> int:
    """Runs ``lmgym train proposer``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    seed, form = config.loop.seed, config.make_form()
    tokenizer = config.model.make_tokenizer()
    env = TokenVectorEnv(form.task, num_envs=1, autoreset_mode="DISABLED", tokenizer=tokenizer)
    context = max(env.context_length, len(PROPOSER_PROMPT) + form.max_chars + 1)
    policy = config.model.make_policy(tokenizer, context=context, seed=seed)
    with open_run(config, "proposer", env, policy, seed) as run, TrainingDisplay() as display:
        display.say(f"Run folder: {run.path}")
        loop = ProposerSolver(policy, form, tokenizer, config.loop, on_message=display.say)
        data = WarmStart(form, config.make_easier_task(), tokenizer, seed=seed)

        def make_sft() -> SFT:
            return SFT(policy, data, dataclasses.replace(config.sft, seed=seed))

        def make() -> ProposerSolver:
            return loop

        def measure() -> Mapping[str, Any]:
            return {"accuracy": loop.measure("test", config.eval_problems)}

        stages = [
            Stage(name="sft", total=config.sft.iterations, make=make_sft, finish=measure),
            Stage(name="proposer", total=config.loop.iterations, make=make, finish=measure),
        ]
        result = run_stages(
            stages, run, display, seed=seed, checkpoint_every=config.folder.checkpoint_every,
            keep_checkpoints=config.folder.keep_checkpoints, tensorboard=config.folder.tensorboard,
        )  # fmt: skip
        if result.exit_code == 0:
            run.write_folder("model", lambda folder: save_policy(policy, folder, tokenizer=tokenizer))
            run.write_json("evaluation.json", result.findings)
            records = [one for one in read_metrics(run.metrics).records if one["stage"] == "proposer"]
            title = f"Proposer and solver: {config.form}"
            run.write_bytes("curves.png", draw_curves(records, title=title, subtitle=f"seed {seed}"))
    _report(result, str(run.path))
    return result.exit_code


def _report(result: TrainingResult, path: str) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    if result.exit_code:
        console.print(f"Interrupted after {result.num_updates} updates; everything is saved in {path}.")
        console.print(f"Go on with the same command and:\n  --out {path} --resume", soft_wrap=True)
        return
    table = Table(title="Greedy success on held-out problems", title_justify="left")
    for column in ("", "test"):
        table.add_column(column, justify="right")
    for stage in ("sft", "proposer"):
        table.add_row(f"after {stage}", f"{result.findings[stage]['accuracy']:.1%}")
    console.print(table)
    console.print(
        f"\nRun folder: {path}\n  model/ (Hugging Face format), curves.png, evaluation.json", soft_wrap=True
    )
