"""Runs algorithms one after another in a durable run folder: resumes, saves, logs, evaluates, leaves well.

Comes in: stages (such as a warm start by SFT, then PPO), each made when its turn comes. Goes out: a run
folder (see ``runs.folder``). Left out: what an algorithm does, and what a command prints at the end.

A run is a pure function of its configuration: killed at any moment and resumed, it goes on from the newest
checkpoint and ends bit for bit as an unbroken one (on a CPU, with the same number of threads).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from lmgym_agents.algorithms.update import Update
from lmgym_agents.runs import checkpoint
from lmgym_agents.runs.folder import RunFolder
from lmgym_agents.runs.interrupts import Interrupts
from lmgym_agents.runs.metrics import MetricsWriter
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.runs.random_state import rng_state, seed_rngs, set_rng_state


class Algorithm(Protocol):
    """What can be trained: see ``algorithms``."""

    iteration: int
    """Iterations done."""

    def iterations(self) -> Iterator[Update]:
        """Yields after each iteration until the algorithm is done; the state may be saved in between."""
        ...

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later iterations depend on."""
        ...

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to such a state."""
        ...


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One part of a run."""

    name: str
    """In the metrics and on the screen."""
    total: int
    """Iterations at most."""
    make: Callable[[], Algorithm]
    """Makes the algorithm, once the stages before are done."""
    finish: Callable[[], Mapping[str, Any]] = dict
    """Called when the stage is done (once more if the run is killed before the next checkpoint); what it
    returns, plain values, stands in ``TrainingResult.findings`` under the stage's name."""


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """How a run ended."""

    exit_code: int
    """0, or 128 + the number of the signal that asked the run to stop."""
    num_updates: int
    findings: dict[str, Any]
    """By name of the stage: what its ``finish`` returned."""


def run_stages(
    stages: Sequence[Stage],
    run: RunFolder,
    display: TrainingDisplay,
    *,
    seed: int,
    checkpoint_every: int,
    keep_checkpoints: int = 2,
    tensorboard: bool = True,
    prepare: Callable[[], Mapping[str, Any]] = dict,
) -> TrainingResult:
    """Runs the stages, from the newest checkpoint of ``run`` if it has one.

    Args:
        stages: in their order.
        run: open run folder.
        display: open display.
        seed: of torch's global generators, which nothing here draws from but foreign code may.
        checkpoint_every: updates between two checkpoints.
        keep_checkpoints: newest checkpoints that stay.
        tensorboard: write event files beside metrics.jsonl.
        prepare: called at the beginning of a new run; its findings are kept under ``"start"``.

    Raises:
        CheckpointError: no checkpoint can be read, or none written.
        LmgymError: whatever ends an algorithm; the checkpoints before stay.
    """
    seed_rngs(seed)
    state: dict[str, Any] = {"stage": 0, "updates": 0, "algorithm": None, "findings": {}}
    if checkpoint.list_steps(run.checkpoints):
        found = checkpoint.load(run.checkpoints)
        state = found.state
        for skipped in found.skipped:
            display.say(f"A newer checkpoint was damaged and left out: {skipped}")
        display.say(f"Going on from update {found.step}.")
    findings, done = state["findings"], state["updates"]
    with (
        Interrupts() as interrupts,
        MetricsWriter(
            run.metrics, resume_step=done, tensorboard=run.tensorboard if tensorboard else None
        ) as metrics,
    ):
        if "start" not in findings:
            findings["start"] = dict(prepare())

        def save(number: int, algorithm: Algorithm) -> None:
            kept = {"stage": number, "updates": done, "algorithm": algorithm.state_dict()}
            kept |= {"findings": findings, "rng": rng_state()}
            checkpoint.save(run.checkpoints, step=done, state=kept, keep=keep_checkpoints)

        for number, stage in enumerate(stages):
            if number < state["stage"]:
                continue
            algorithm = stage.make()
            if number == state["stage"] and state["algorithm"] is not None:
                algorithm.load_state_dict(state["algorithm"])
                set_rng_state(state["rng"])  # last, because making the algorithm may have drawn from them
            display.begin(stage.name, stage.total, algorithm.iteration)
            for update in algorithm.iterations():
                done += 1
                place = {"stage": stage.name, "stage_step": algorithm.iteration, "stage_total": stage.total}
                metrics.write(done, {**place, **update.metrics}, update.timing)
                display.advance(update.metrics, update.timing)
                if interrupts.requested or done % checkpoint_every == 0:
                    save(number, algorithm)
                if interrupts.requested:
                    return TrainingResult(exit_code=interrupts.exit_code, num_updates=done, findings=findings)
            display.finish()
            findings[stage.name] = dict(stage.finish())
            save(number, algorithm)
    return TrainingResult(exit_code=0, num_updates=done, findings=findings)
