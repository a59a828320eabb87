"""RLHF from end to end: warm start, feedback, reward model, optimisation, measurement, again.

    result = run_rlhf(RLHFConfig(folder=FolderOptions(out=Path("runs/rlhf"))))
    print(result.measured["round-1"]["sampled"]["gold"])

In: a configuration. Out: a run folder with everything that was made (``rlhf.run``), and the numbers. Every
stage is one of ``run_stages``: it is shown, saved and resumed in the middle like any training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lmgym_agents.algorithms.dpo import DPO
from lmgym_agents.evaluation import distinct_problems
from lmgym_agents.models import PRESETS
from lmgym_agents.policy import Policy
from lmgym_agents.rlhf import feedback, optimising, proxy
from lmgym_agents.rlhf.checks import check_options
from lmgym_agents.rlhf.chunked_work import ChunkedWork
from lmgym_agents.rlhf.config import RLHFConfig
from lmgym_agents.rlhf.measurement import BestOf, make_measurement, summarise
from lmgym_agents.rlhf.run import Run, make_task, open_folder, open_run
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.train import Algorithm, Stage, run_stages

WAITING = 3
"""Exit code of a run that waits for people."""


@dataclass(frozen=True, kw_only=True)
class RLHFResult:
    """How a run ended."""

    exit_code: int
    """0: done; 3: waits for people; 128 + the number of the signal that asked it to stop."""
    path: Path
    """The run's folder."""
    message: str = ""
    """What to do, where it is not done."""
    measured: Mapping[str, Any]
    """By name ("sft", "round-1" ...): numbers on held-out prompts, "sampled" and "greedy"; what
    ``rlhf.json`` holds."""
    reward_models: Mapping[str, Any]
    """By name of the round: how well the reward model orders pairs."""
    records: list[dict[str, Any]]
    """The metrics of every update; those of PPO hold ``gold``, ``proxy`` and ``kl_episode``."""


def run_rlhf(config: RLHFConfig, *, display: TrainingDisplay | None = None) -> RLHFResult:
    """Runs RLHF, or goes on with a run, and returns its numbers.

    Args:
        config: the options; ``folder`` says where, and whether to resume.
        display: shows the progress; by default one on standard output.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    check_options(config, make_task(config))
    with open_folder(config) as folder, display or TrainingDisplay() as shown:
        shown.say(f"Run folder: {folder.path}")
        for change in folder.changes:
            shown.say(f"Changed since the run was begun: {change}")
        run = open_run(config, folder, shown)
        stages = make_stages(run)
        try:
            result = run_stages(
                stages, folder, shown, seed=config.seed, checkpoint_every=config.folder.checkpoint_every,
                keep_checkpoints=config.folder.keep_checkpoints, tensorboard=config.folder.tensorboard,
            )  # fmt: skip
        except feedback.WaitingForPeople as waiting:
            return _result(run, {}, exit_code=WAITING, message=str(waiting))
        if result.exit_code:
            again = f"Interrupted; go on with the same command and:\n  --out {folder.path} --resume"
            return _result(run, result.findings, exit_code=result.exit_code, message=again)
        return _finish(run, result.findings)


def make_stages(run: Run) -> list[Stage]:
    """Returns all stages of a run, in order."""
    config, make = run.config, _StageMaker(run)
    stages = [make.warm_start(), make.measure("sft", "sft", 0)]
    before = "sft"
    for number in range(1, config.rounds + 1):
        if config.needs_preferences and config.feedback.annotator != "file":
            stages += [make.collect(number, before), make.annotate(number)]
        if config.needs_reward_model:
            stages += [make.reward_member(number, m) for m in range(config.proxy.reward_members)]
        after = f"round-{number}-model"
        if config.optimise == "best-of-n":
            n = config.best_of_n.n
            stages.append(make.measure(f"round-{number}-best-of-{n}", before, number, n=n))
            stages.append(make.select(number, before))
        stages += [make.optimise(number, before, after), make.measure(f"round-{number}", after, number)]
        before = after
    return stages


class _StageMaker:
    """Makes stages; what a stage needs is read from the run's folder when its turn has come."""

    def __init__(self, run: Run) -> None:
        self._run, self._config = run, run.config

    def warm_start(self) -> Stage:
        run = self._run
        is_preset = self._config.model.model in PRESETS
        policy: list[Policy] = []

        def make() -> Algorithm:
            policy.append(run.first_policy())
            return (
                optimising.make_sft(run, policy[0]) if is_preset else ChunkedWork(0, lambda chunk: ([], {}))
            )

        def finish() -> Mapping[str, Any]:
            run.save_policy("sft", policy[0])
            return {}

        return Stage(
            name="sft", total=self._config.sft.iterations if is_preset else 0, make=make, finish=finish
        )

    def collect(self, number: int, before: str) -> Stage:
        run, options = self._run, self._config.collect
        return self._chunked(
            f"collect {number}", -(-options.num_prompts // options.chunk_prompts),
            lambda: feedback.make_collection(run, number, before), feedback.responses_file(number),
        )  # fmt: skip

    def annotate(self, number: int) -> Stage:
        run = self._run
        is_human = self._config.feedback.annotator == "human"

        def make() -> ChunkedWork:
            if is_human:
                return feedback.make_human_annotation(run, number)
            return feedback.make_annotation(run, number, feedback.make_annotator(run))

        total = 1 if is_human else -(-self._config.collect.num_prompts // self._config.annotated_prompts)
        return Stage(name=f"annotate {number}", total=total, make=make)

    def reward_member(self, number: int, member: int) -> Stage:
        run, members = self._run, self._config.proxy.reward_members
        model: list[proxy.Backbone] = []

        def make() -> Algorithm:
            training, backbone = proxy.make_member(run, number, member, feedback.load_preferences(run))
            model.append(backbone)
            return training

        def finish() -> Mapping[str, Any]:
            preferences = feedback.load_preferences(run)
            proxy.save_member(run, number, member, model[0], preferences)
            return proxy.join_members(run, number, preferences) if member == members - 1 else {}

        name = f"reward model {number}" + (f".{member + 1}" if members > 1 else "")
        return Stage(name=name, total=self._config.reward_model.iterations, make=make, finish=finish)

    def select(self, number: int, before: str) -> Stage:
        run, options = self._run, self._config.best_of_n

        def make() -> ChunkedWork:
            reward = proxy.make_proxy(run, number)
            assert reward is not None
            return optimising.make_selection(run, number, run.policy(before), reward)

        total = -(-options.num_prompts // self._config.collect.chunk_prompts)
        return self._chunked(f"best of {options.n} {number}", total, make, optimising.best_file(number))

    def optimise(self, number: int, before: str, after: str) -> Stage:
        run, config = self._run, self._config
        policy: list[Policy] = []

        def make() -> Algorithm:
            policy.append(run.policy(before, is_trained=True))
            if config.optimise == "dpo":
                made: DPO = optimising.make_dpo(run, number, policy[0], feedback.load_preferences(run))
                return made
            if config.optimise == "best-of-n":
                return optimising.make_imitation(run, number, policy[0])
            reward = proxy.make_proxy(run, number)
            assert reward is not None
            return optimising.make_ppo(run, number, policy[0], reward)

        def finish() -> Mapping[str, Any]:
            run.save_policy(after, policy[0])
            return {}

        totals = {"ppo": config.ppo, "dpo": config.dpo, "best-of-n": config.best_of_n.imitation}
        total = totals[config.optimise].iterations
        return Stage(name=f"{config.optimise} {number}", total=total, make=make, finish=finish)

    def measure(self, name: str, policy_folder: str, number: int, *, n: int = 1) -> Stage:
        run, options = self._run, self._config.measure
        problems = distinct_problems(run.task, options.eval_split, options.eval_prompts)
        num_chunks = -(-len(problems) // self._config.collect.chunk_prompts)

        def make() -> ChunkedWork:
            reward = proxy.make_proxy(run, number) if n > 1 else None
            best_of = None if reward is None else BestOf(n, reward)
            return make_measurement(run, policy_folder, problems, best_of)

        def finish(lines: list[str]) -> Mapping[str, Any]:
            run.write_lines(f"measured-{name}.jsonl", lines)
            return summarise(run, name, None if number == 0 else proxy.make_proxy(run, number))

        return self._chunked(f"measure {name}", 2 * num_chunks, make, finish)

    def _chunked(
        self,
        name: str,
        total: int,
        make: Callable[[], ChunkedWork],
        then: str | Callable[[list[str]], Mapping[str, Any]],
    ) -> Stage:
        """Returns a stage of chunked work whose lines go into a file, or to a function."""
        made: list[ChunkedWork] = []

        def begin() -> ChunkedWork:
            made.append(make())
            return made[0]

        def finish() -> Mapping[str, Any]:
            if isinstance(then, str):
                self._run.write_lines(then, made[0].lines)
                return {}
            return then(made[0].lines)

        return Stage(name=name, total=total, make=begin, finish=finish)


def _finish(run: Run, findings: Mapping[str, Any]) -> RLHFResult:
    """Writes the products of a run that is done."""
    from lmgym_agents.rlhf.products import write_products

    result = _result(run, findings, exit_code=0)
    write_products(run, result.measured, result.reward_models, result.records)
    return result


def _result(run: Run, findings: Mapping[str, Any], *, exit_code: int, message: str = "") -> RLHFResult:
    measured = {
        name.removeprefix("measure "): found
        for name, found in findings.items()
        if name.startswith("measure ")
    }
    models = {name: found for name, found in findings.items() if name.startswith("reward model ") and found}
    records = read_metrics(run.folder.metrics).records if run.folder.metrics.exists() else []
    return RLHFResult(
        exit_code=exit_code, path=run.path, message=message, measured=measured, reward_models=models,
        records=records,
    )  # fmt: skip
