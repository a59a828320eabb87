"""``lmgym train reward-model``: preferences in, a reward model and a report of its worth out."""

from __future__ import annotations

import dataclasses
import hashlib
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import tyro
from rich.console import Console
from rich.table import Table

from lmgym.errors import InvalidValueError
from lmgym.seeding import make_key
from lmgym_agents.algorithms.reward_model import RewardModelTraining
from lmgym_agents.algorithms.reward_model_config import RewardModelConfig
from lmgym_agents.report.calibration import draw_reliability
from lmgym_agents.report.curves import draw_curves
from lmgym_agents.reward_models.calibration import Bin
from lmgym_agents.reward_models.description import MAX_MEMBERS
from lmgym_agents.reward_models.ensemble import RewardEnsemble, member_name
from lmgym_agents.reward_models.evaluation import evaluate_scorer, measure_temperature
from lmgym_agents.reward_models.loading import RewardModel, load_reward_model
from lmgym_agents.reward_models.options import BackboneOptions, PairOptions, SplitPairs
from lmgym_agents.reward_models.pairs import PreferencePairs
from lmgym_agents.reward_models.scorer import ResponseScorer, ScoreStatistics, measure_statistics
from lmgym_agents.run_options import FolderOptions
from lmgym_agents.runs.folder import RunFolder
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.train import Stage, run_stages
from lmgym_agents.weights import hash_weights

Flat = tyro.conf.OmitArgPrefixes


@dataclass(frozen=True, kw_only=True)
class TrainRewardModel:
    """Trains a reward model on preferences.

    The run's folder holds model/ (a language model in Hugging Face format, one scalar label; or an encoder
    with a head; or an ensemble of these), evaluation.json, reliability.png and curves.png. Environments and
    other commands take it as a reward: --reward model:FOLDER/model. Ctrl-c saves, --resume goes on.
    """

    pairs: Annotated[PairOptions, Flat]
    model: Annotated[BackboneOptions, Flat] = field(default_factory=BackboneOptions)
    folder: Annotated[FolderOptions, Flat] = field(default_factory=FolderOptions)
    ensemble: int = 1
    """models of different heads, data orders and data, whose mean is the score"""
    bootstrap: bool = True
    """each member of an ensemble learns from prompts drawn with replacement, and not from all"""
    pessimism: float = 0.0
    """standard deviations of the ensemble to subtract from its mean"""
    training: Annotated[RewardModelConfig, Flat] = field(default_factory=RewardModelConfig)

    def __post_init__(self) -> None:
        if not 1 <= self.ensemble <= MAX_MEMBERS:
            raise InvalidValueError(
                f"--ensemble is {self.ensemble}; allowed: integers from 1 to {MAX_MEMBERS}."
            )
        if self.pessimism and self.ensemble == 1:
            raise InvalidValueError(
                "--pessimism needs an ensemble: one model has no opinion on its uncertainty."
            )


def train_reward_model(config: TrainRewardModel) -> int:
    """Runs ``lmgym train reward-model``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    seed = config.training.seed
    pairs = config.pairs.read(seed)
    first = hash_weights(_network(config.model.make(_member_seed(config, 0))))
    with _open_run(config, first) as run, TrainingDisplay() as display:
        display.say(f"Run folder: {run.path}")
        for reason, count in pairs.skipped.items():
            display.say(f"Left out: {count} rows ({reason})")
        members = [_Member(config, pairs, run, display, number) for number in range(config.ensemble)]
        total = config.training.iterations
        stages = [Stage(name=m.name, total=total, make=m.make, finish=m.finish) for m in members]
        result = run_stages(
            stages, run, display, seed=seed, checkpoint_every=config.folder.checkpoint_every,
            keep_checkpoints=config.folder.keep_checkpoints, tensorboard=config.folder.tensorboard,
            prepare=lambda: _count(pairs),
        )  # fmt: skip
        if result.exit_code:
            display.say(f"Interrupted; everything is saved. Go on with --out {run.path} --resume")
            return result.exit_code
        model = _join(config, pairs, run)
        findings = {"data": result.findings.pop("start"), "members": result.findings}
        findings["model"] = _evaluate(model, pairs)
        run.write_json("evaluation.json", findings)
        _draw(config, run, findings["model"])
    _report(findings, run)
    return 0


class _Member:
    """One model of the ensemble: the stage of the run in which it is trained."""

    def __init__(
        self,
        config: TrainRewardModel,
        pairs: SplitPairs,
        run: RunFolder,
        display: TrainingDisplay,
        number: int,
    ) -> None:
        self._config, self._pairs, self._run, self._display = config, pairs, run, display
        self._number = number
        self.name = "reward_model" if config.ensemble == 1 else member_name(number)
        self._training: RewardModelTraining | None = None

    def make(self) -> RewardModelTraining:
        config, seed = self._config, _member_seed(self._config, self._number)
        self._training = RewardModelTraining(
            config.model.make(seed),
            PreferencePairs(self._pairs.train, seed=seed, bootstrap=config.bootstrap and config.ensemble > 1),
            config.training,
            validation=self._pairs.validation,
            on_message=self._display.say,
        )
        return self._training

    def finish(self) -> Mapping[str, Any]:
        """Puts the trained model into its folder and measures it."""
        assert self._training is not None
        model: Any = self._training.model
        model.statistics = _statistics(model, self._pairs)
        self._run.write_folder("model" if self._config.ensemble == 1 else self.name, model.save)
        found = _evaluate(model, self._pairs) | {"best_iteration": self._training.best_iteration}
        self._training = None  # the next member needs the memory
        return found


def _open_run(config: TrainRewardModel, first_weights: str) -> RunFolder:
    """Returns the run's folder; preferences or a model that have changed since are refused on resume."""
    path = config.folder.choose(f"reward-model-{config.pairs.data.stem}-seed{config.training.seed}")
    plain = dataclasses.asdict(config)
    # The folder's own place and the wish to resume say nothing about what is learned.
    plain["folder"].pop("out")
    plain["folder"].pop("resume")
    with config.pairs.data.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    plain["identity"] = {"preferences": digest, "first_weights": first_weights}
    return RunFolder(path, plain, resume=config.folder.resume, may_grow=())


def _member_seed(config: TrainRewardModel, number: int) -> int:
    if config.ensemble == 1:
        return config.training.seed
    return make_key(config.training.seed, "member", number) % 2**31


def _network(model: Any) -> Any:
    return model.encoder if hasattr(model, "encoder") else model.model


def _join(config: TrainRewardModel, pairs: SplitPairs, run: RunFolder) -> RewardModel:
    """Returns the model of the run, put together from its members if that has not been done yet."""
    device = config.model.device
    if config.ensemble > 1 and not run.model.exists():
        members: list[Any] = [
            load_reward_model(run.path / member_name(number), device=device)
            for number in range(config.ensemble)
        ]
        ensemble = RewardEnsemble(members, pessimism=config.pessimism)
        ensemble.statistics = _statistics(ensemble, pairs)
        run.write_folder("model", ensemble.save)
    for number in range(config.ensemble):
        shutil.rmtree(run.path / member_name(number), ignore_errors=True)
    return load_reward_model(run.model, device=device)


def _statistics(model: ResponseScorer, pairs: SplitPairs) -> ScoreStatistics:
    texts = [(pair.prompt, text) for pair in pairs.validation for text in (pair.better, pair.worse)]
    return measure_statistics(model.score([prompt for prompt, _ in texts], [text for _, text in texts]))


def _evaluate(model: ResponseScorer, pairs: SplitPairs) -> dict[str, Any]:
    assert model.statistics is not None
    return {"statistics": model.statistics._asdict()} | evaluate_scorer(
        model, pairs.test, temperature=measure_temperature(model, pairs.validation)
    )


def _count(pairs: SplitPairs) -> dict[str, Any]:
    parts = {"train": pairs.train, "validation": pairs.validation, "test": pairs.test}
    counts: dict[str, Any] = {"num_records": pairs.num_records, "skipped": pairs.skipped}
    for name, part in parts.items():
        prompts = len({pair.prompt for pair in part})
        ties = sum(pair.is_tie for pair in part)
        counts[name] = {"num_pairs": len(part), "num_prompts": prompts, "num_ties": ties}
    return counts


def _draw(config: TrainRewardModel, run: RunFolder, found: Mapping[str, Any]) -> None:
    records = read_metrics(run.metrics).records
    shown = [record for record in records if record["stage"] == records[-1]["stage"]]
    title, subtitle = f"Reward model on {config.pairs.data.name}", f"seed {config.training.seed}"
    run.write_bytes("curves.png", draw_curves(shown, title=title, subtitle=subtitle))
    if found["num_pairs"]:
        curves = {"as trained": [Bin(**each) for each in found["calibration"]["bins"]]}
        if "calibration_at_temperature" in found:
            name = f"at temperature {found['temperature']:.2f}"
            curves[name] = [Bin(**each) for each in found["calibration_at_temperature"]["bins"]]
        run.write_bytes("reliability.png", draw_reliability(curves, title=title, subtitle="held-out pairs"))


def _report(findings: Mapping[str, Any], run: RunFolder) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    table = Table(title="Held-out pairs", title_justify="left")
    for column in ("", "pairs", "accuracy", "95 % interval", "log loss", "ECE", "longer wins", "gold"):
        table.add_column(column, justify="right" if column else "left")
    rows = findings["members"] if len(findings["members"]) > 1 else {}
    for name, found in {**rows, "model": findings["model"]}.items():
        if not found["num_pairs"]:
            continue
        accuracy, gold = found["accuracy"], found["gold"]
        table.add_row(
            name, str(found["num_pairs"]), f"{accuracy['mean']:.1%}",
            f"{accuracy['low']:.1%} to {accuracy['high']:.1%}",
            f"{found['calibration']['log_loss']:.3f}", f"{found['calibration']['ece_equal_mass']:.3f}",
            f"{found['length']['longer_wins']:.1%}",
            f"{gold['agreement']['mean']:.1%}" if gold else "",
        )  # fmt: skip
    is_measured = table.row_count > 0
    if is_measured:
        console.print(table)
    else:
        console.print("No held-out pair has a winner, so nothing could be measured.")
    picture = "reliability.png, " if is_measured else ""
    console.print(
        f"\nRun folder: {run.path}\n  model/, evaluation.json, {picture}curves.png\n"
        f"As a reward: --reward model:{run.model}",
        soft_wrap=True,
    )
