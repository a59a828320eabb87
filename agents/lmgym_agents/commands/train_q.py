"""``lmgym train q``: online Q-learning in an environment, in a run folder, with a report."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.q_learning import QLearning
from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.commands.token_files import first_policy, write_run_tokens
from lmgym_agents.commands.train import EvaluationOptions, open_run
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import evaluate
from lmgym_agents.policy import Policy
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.files import save_q_model
from lmgym_agents.q.model import QModel
from lmgym_agents.report.curves import draw_curves
from lmgym_agents.report.tables import print_outcome
from lmgym_agents.run_options import EnvOptions, FolderOptions, ModelOptions
from lmgym_agents.runs.folder import RunFolder
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.train import Stage, TrainingResult, run_stages

Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True, kw_only=True)
class TrainQ:
    """Trains a language model by token-level Q-learning in an environment.

    Q is read off the language head's own logits, or off heads beside it. The run's folder is that of `train
    ppo`; its model/ holds the Q model, which `lmgym search` takes too. Ctrl-c saves and leaves; --resume goes
    on.
    """

    env: Annotated[EnvOptions, Flat] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, Flat] = field(default_factory=ModelOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    evaluation: Annotated[EvaluationOptions, Flat] = field(default_factory=EvaluationOptions)
    num_envs: int = 1024
    """episodes in each rollout"""
    warm_start: float | None = None
    """first train on the task's demonstrations until this greedy rate of success on the validation split"""
    q: Annotated[QLearningConfig, Flat] = field(default_factory=QLearningConfig)
    sft: SFTConfig = field(default_factory=SFTConfig)
    """options of the warm start"""

    def __post_init__(self) -> None:
        if self.num_envs < 1 or self.num_envs % self.q.group_size:
            raise InvalidValueError(
                f"TrainQ.num_envs is {self.num_envs}; allowed: positive multiples of group_size "
                f"({self.q.group_size})."
            )


def train_q(config: TrainQ) -> int:
    """Runs ``lmgym train q``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    seed = config.q.seed
    tokenizer = config.model.make_tokenizer()
    env = config.env.make_env(config.num_envs, tokenizer)
    tokenizer = env.tokenizer  # with its chat template where the task is a chat
    policy = config.model.make_policy(tokenizer, context=env.context_length, seed=seed)
    with open_run(config, "q", env, policy, seed) as run, TrainingDisplay() as display:
        parts = _Parts(config, env, policy, tokenizer, display)
        display.say(f"Run folder: {run.path}")
        for change in run.changes:
            display.say(f"Changed since the run was begun: {change}")
        result = run_stages(
            parts.stages(), run, display, seed=seed, checkpoint_every=config.folder.checkpoint_every,
            keep_checkpoints=config.folder.keep_checkpoints, tensorboard=config.folder.tensorboard,
            prepare=lambda: parts.prepare(run),
        )  # fmt: skip
        if result.exit_code == 0:
            _write_products(run, parts, result)
            parts.write_tokens(run, "end", first_policy(config.model, parts.agent, seed=seed))
    print_outcome(result, run.path, config.evaluation.num_transcripts)
    return result.exit_code


class _Parts:
    """What the stages of a run share."""

    def __init__(
        self,
        config: TrainQ,
        env: TokenVectorEnv,
        policy: Policy,
        tokenizer: TextTokenizer,
        display: TrainingDisplay,
    ) -> None:
        self.config, self.env, self.policy, self.tokenizer = config, env, policy, tokenizer
        self._display = display
        self._engine = Engine(policy.model, max_rows=min(config.num_envs, 1024), pad_id=tokenizer.pad_id)
        self.q_model: QModel | None = None
        """Made after the warm start, whose result is what logits as Q are compared with."""

    def stages(self) -> list[Stage]:
        """Returns the warm start, if there is one, and Q-learning."""
        q, sft = self.config.q, self.config.sft
        stages = [Stage(name="q", total=q.iterations, make=self._make_q, finish=self.measure)]
        if self.config.warm_start is not None:
            stages.insert(
                0, Stage(name="sft", total=sft.iterations, make=self._make_sft, finish=self.measure)
            )
        return stages

    def measure(self) -> Mapping[str, Any]:
        """Returns greedy success on every split that was asked for: of the language head, then of Q."""
        options, env = self.config.evaluation, self.config.env
        results = {
            split: evaluate(
                self.agent, env.env, split=split, num_problems=options.eval_problems,
                env_options=env.make_options(), num_transcripts=options.num_transcripts,
            )
            for split in options.eval_splits
        }  # fmt: skip
        return {split: result.to_dict() for split, result in results.items()}

    def prepare(self, run: RunFolder) -> Mapping[str, Any]:
        """Measures the language head before training, and writes its token records."""
        self.write_tokens(run, "start")
        return self.measure()

    def write_tokens(self, run: RunFolder, label: str, reference: Policy | None = None) -> None:
        """Writes the token records of the agent as it is."""
        options = self.config.evaluation
        write_run_tokens(
            run, label, self.agent, self.config.env, split=options.eval_splits[0],
            num_problems=options.eval_problems, reference=reference,
        )  # fmt: skip

    @property
    def agent(self) -> LMAgent | QAgent:
        """The language head before Q-learning begins, then Q."""
        if self.q_model is None:
            return LMAgent(self.policy, self.tokenizer, engine=self._engine)
        return QAgent(self.q_model, self.tokenizer, support=self.config.q.rule.support)

    def _make_sft(self) -> SFT:
        config, seed = self.config, self.config.q.seed
        options = dataclasses.replace(config.sft, seed=seed, until_accuracy=config.warm_start)
        data = TaskDemonstrations(self.env.task, seed=seed, tokenizer=self.tokenizer)
        return SFT(
            self.policy, data, options, task=self.env.task, tokenizer=self.tokenizer, engine=self._engine,
            on_message=self._display.say,
        )  # fmt: skip

    def _make_q(self) -> QLearning:
        q = self.config.q
        self.q_model = QModel(
            self.policy, kind=q.parametrisation, beta=q.beta, num_heads=q.num_heads,
            initial_value=q.initial_value, seed=q.seed,
        )  # fmt: skip
        return QLearning(self.q_model, self.env, q, on_message=self._display.say)


def _write_products(run: RunFolder, parts: _Parts, result: TrainingResult) -> None:
    """Writes what is left of a run when it is over: the Q model, evaluations, transcripts and curves."""
    model, config = parts.q_model, parts.config
    assert model is not None
    run.write_folder("model", lambda folder: save_q_model(model, folder, parts.tokenizer))
    run.write_json("evaluation.json", result.findings)
    rates = [next(iter(found.values()))["success"]["mean"] for found in result.findings.values()]
    last = result.findings["q"]
    lines = [
        json.dumps({"split": split, **transcript})
        for split in last
        for transcript in last[split]["transcripts"]
    ]
    run.write_bytes("transcripts.jsonl", "".join(line + "\n" for line in lines).encode())
    shown = [record for record in read_metrics(run.metrics).records if record["stage"] == "q"]
    what = config.q.variant if config.q.parametrisation == "logits" else config.q.backup
    title = f"Q-learning ({config.q.parametrisation}, {what}) on {config.env.env}"
    subtitle = f"{config.model.model}, seed {config.q.seed}"
    run.write_bytes(
        "curves.png", draw_curves(shown, title=title, subtitle=subtitle, before=rates[-2], after=rates[-1])
    )
