"""One job of the benchmark, in this process: an agent, an entry, a seed in; a ``Result`` out.

    run_job(Job(suite_id="lmgym-quick-1", ..., agent="ppo", seed=0, warm=Path("warm/model")), Path("out"))

The agent is made, measured, trained and measured again. Left in ``folder``: metrics.jsonl, what the agent
saves (model/), and token records of language models (start.tokens.jsonl, end.tokens.jsonl). The same job has
the same numbers in every process; one that was killed goes on from its checkpoint. Whatever an agent raises
becomes a result of status "failed". Left out: time limits and processes that die, see the scheduler.

An agent may have, beyond ``lmgym.agent``: ``acting``, what is measured in its place (a language model's own
engine is faster than ``act``); ``config``, a mapping of plain values; ``module``, whose weights are checked
and hashed; ``records``, what token records are made of.
"""

from __future__ import annotations

import platform
import resource
import shlex
import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import torch

from lmgym.bench.fields import check_plain
from lmgym.bench.result_record import Failure, Result, Score
from lmgym.bench.suites import Entry
from lmgym.errors import BudgetSpentError, InvalidValueError
from lmgym.seeding import make_key
from lmgym.tokenization import make_tokenizer
from lmgym_agents.agent_specs import make_agent, parse_agent_spec
from lmgym_agents.bench.failures import describe_error, kind_of, place_of
from lmgym_agents.bench.measuring import measure
from lmgym_agents.bench.observing import observe_until_spent
from lmgym_agents.bench.training import BenchTraining
from lmgym_agents.bench.warm_start import check_warm_start, make_warm_start, prepare_torch
from lmgym_agents.runs.random_state import seed_rngs
from lmgym_agents.runs.versions import collect_versions
from lmgym_agents.token_records import record_tokens, write_token_records
from lmgym_agents.weights import check_finite, hash_weights

NUM_RECORDS: Final = 64
"""Episodes in each file of token records."""

OnProgress = Callable[[str, float], None]
"""Told "start", "train" or "end", and how much of it is done, in [0, 1]."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a job is."""

    suite_id: str
    suite_hash: str
    entry: Entry
    agent: str
    """Its spec, see ``lmgym_agents.agent_specs``."""
    seed: int
    warm: Path | None
    """Folder of the model that everybody starts from; None: it is made in the job's folder."""
    device: str = "cpu"
    threads: int = 1
    """Of torch."""


def run_job(job: Job, folder: Path, *, on_progress: OnProgress | None = None) -> Result:
    """Does a job, or goes on with one that was killed in ``folder``; returns its result.

    Args:
        job: what is done.
        folder: of the job; made if missing.
        on_progress: see ``OnProgress``.

    Raises:
        OSError: the folder can't be made.
    """
    start = time.perf_counter()
    folder.mkdir(parents=True, exist_ok=True)
    prepare_torch(job.threads)
    key = make_key(job.seed, "bench", job.entry.name, "process")
    seed_rngs(key % 2**63)
    np.random.seed(key % 2**32)  # foreign agents draw from it
    run = _Run(job, folder, on_progress or (lambda phase, share: None))
    failure = None
    try:
        run.go()
    # The one place where foreign code's exceptions end: whatever an agent raises is its result.
    except Exception as error:
        failure = Failure(kind=kind_of(error), message=describe_error(error), where=run.place(error))
    finally:
        run.close()
    return run.result(failure, time.perf_counter() - start)


def discard_checkpoints(folder: Path) -> None:
    """Removes what only a killed job needs; call it when the job's result is on the disk."""
    shutil.rmtree(folder / "checkpoints", ignore_errors=True)


class _Run:
    """A job under way; what it has found so far is kept when it fails."""

    def __init__(self, job: Job, folder: Path, on_progress: OnProgress) -> None:
        self.job, self.folder, self.tell = job, folder, on_progress
        self.phase = "making the agent"
        self.agent: Any = None
        self.training: BenchTraining | None = None
        self.scores: dict[str, Score] = {}
        self.start_scores: dict[str, Score] = {}
        self.seconds: dict[str, float] = {}
        self.weights_hash: str | None = None
        self.start = folder / "start"

    def go(self) -> None:
        job, entry = self.job, self.job.entry
        self.agent = make_agent(job.agent, seed=make_key(job.seed, "bench", entry.name, "agent") % 2**63)
        self.phase = "loading the start"
        self.training = training = self._make_training()
        if hasattr(self.agent, "begin"):
            self._begin(training)
        self.tell("start", 0.0)
        self.phase = "measuring before training"
        if not training.is_resumed:
            self._measure_start(training)
        self.start_scores = {split: Score(**score) for split, score in training.start_scores.items()}
        self.tell("start", 1.0)
        self.phase = "training"
        self._train(training)
        self.phase = "measuring after training"
        self._measure_end(training)
        check_warm_start(self.start)
        self.phase = "saving"
        self._keep()
        self.tell("end", 1.0)

    def _begin(self, training: BenchTraining) -> None:
        spent = training.num_tokens, training.num_gradient_steps
        self.agent.begin(training)
        if (training.num_tokens, training.num_gradient_steps) != spent:
            raise InvalidValueError(
                f"begin has spent {training.num_tokens - spent[0]} tokens and made "
                f"{training.num_gradient_steps - spent[1]} gradient steps; an agent is measured between "
                "begin and learn, so train in learn."
            )

    def _make_training(self) -> BenchTraining:
        job = self.job
        model = job.warm
        if model is None:
            model = make_warm_start(
                job.entry, job.seed, self.folder / "start", device=job.device, threads=job.threads
            )
        self.start = model
        check_warm_start(model)
        return BenchTraining(
            job.entry, seed=make_key(job.seed, "bench", job.entry.name, "training") % 2**63, model=model,
            tokenizer=make_tokenizer(str(model)), folder=self.folder, device=job.device,
            measure=lambda: self._measure("validation", job.entry.curve_problems).mean,
            on_progress=self.tell,
        )  # fmt: skip

    def _measure(self, split: str, num_problems: int) -> Score:
        assert self.training is not None
        return measure(
            self.agent, self.job.entry, split, num_problems, tokenizer=self.training.tokenizer,
            seed=make_key(self.job.seed, "bench", "measure", split),
        )  # fmt: skip

    def _measure_all(self) -> dict[str, Score]:
        start = time.perf_counter()
        found = {}
        for split in self.job.entry.eval_splits:
            found[split] = self._measure(split, self.job.entry.num_problems)
        self._took("measure_s", start)
        return found

    def _measure_start(self, training: BenchTraining) -> None:
        try:
            training.start_scores = {split: vars(score) for split, score in self._measure_all().items()}
            self._record("start")
            training.begin()
        except Exception:
            # A learner that loads nothing in ``begin`` can't act before ``learn``; every other must.
            if not hasattr(self.agent, "learn") or hasattr(self.agent, "begin"):
                raise
            training.start_scores = {}

    def _train(self, training: BenchTraining) -> None:
        agent = self.agent
        training.resume_clock()
        try:
            if callable(getattr(agent, "learn", None)):
                if hasattr(agent, "explores"):
                    agent.explores = True
                agent.learn(training)
            elif callable(getattr(agent, "observe", None)):
                observe_until_spent(agent, training)
        except BudgetSpentError:
            pass
        self.seconds["train_s"] = training.train_s
        module = getattr(agent, "module", None)
        if module is not None:
            check_finite(module)
            self.weights_hash = hash_weights(module)
        training.finish()

    def _measure_end(self, training: BenchTraining) -> None:
        if training.num_tokens == 0 and training.num_gradient_steps == 0 and training.start_scores:
            self.scores = self.start_scores  # nothing was learned: the same agent, the same numbers
            return
        self.tell("end", 0.0)
        self.scores = self._measure_all()
        self._record("end")

    def _record(self, label: str) -> None:
        """Writes token records, where the agent is a language model."""
        records = getattr(self.agent, "records", None)
        if records is None or self.training is None:
            return
        start = time.perf_counter()
        found = record_tokens(
            records, self.training.tokenizer, self.job.entry.env, options=self.job.entry.options,
            split=self.job.entry.headline, num_problems=NUM_RECORDS, label=label,
            seed=make_key(self.job.seed, "bench", "records"),
        )  # fmt: skip
        write_token_records(self.folder / f"{label}.tokens.jsonl", found)
        self._took("records_s", start)

    def _keep(self) -> None:
        if callable(getattr(self.agent, "save", None)):
            target = self.folder / "model"
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            self.agent.save(target)

    def _took(self, name: str, start: float) -> None:
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start

    def place(self, error: BaseException) -> str:
        """Returns where a failure happened: the phase, the tokens, the line of code."""
        spent = self.training.num_tokens if self.training is not None else 0
        after = f" after {spent} tokens" if self.phase == "training" else ""
        return ", ".join(filter(None, (self.phase + after, place_of(error))))

    def close(self) -> None:
        if self.training is not None:
            self.training.close()

    def result(self, failure: Failure | None, wall_s: float) -> Result:
        job, training = self.job, self.training
        versions = collect_versions()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024.0  # Linux counts in KiB
        self.seconds |= {"wall_s": wall_s, "peak_memory_bytes": memory}
        return Result(
            suite=job.suite_id, suite_hash=job.suite_hash, entry=job.entry.name, env=job.entry.env,
            options=job.entry.options, agent=job.agent, config=self._config(), seed=job.seed,
            status="ok" if failure is None else "failed", failure=failure,
            scores=self.scores if failure is None else {}, start_scores=self.start_scores,
            curve=tuple(training.curve) if training is not None else (),
            num_tokens=training.num_acted_tokens if training is not None else 0,
            num_read_tokens=training.num_read_tokens if training is not None else 0,
            num_gradient_steps=training.num_gradient_steps if training is not None else 0,
            flops=training.flops if training is not None else None, weights_hash=self.weights_hash,
            commit=versions.pop("commit"), versions=versions, command=command_of(job),
            machine=describe_machine(job.device), date=datetime.now(UTC).isoformat(timespec="seconds"),
            timing=self.seconds,
        )  # fmt: skip

    def _config(self) -> dict[str, Any]:
        given = getattr(self.agent, "config", None)
        if isinstance(given, Mapping):
            return cast("dict[str, Any]", check_plain(given, f"config of {self.job.agent}"))
        return dict(parse_agent_spec(self.job.agent).options)


def command_of(job: Job) -> str:
    """Returns what a stranger types to run a job again."""
    return shlex.join(
        ["lmgym", "bench", "--suite", job.suite_id, "--entries", job.entry.name, "--agents", job.agent,
         "--seed-list", str(job.seed)]
    )  # fmt: skip


def describe_machine(device: str) -> str:
    """Returns the processor, and the accelerator if one is used."""
    found = platform.processor() or platform.machine()
    cpus = Path("/proc/cpuinfo")
    if cpus.is_file():
        lines = [line for line in cpus.read_text().splitlines() if line.startswith("model name")]
        found = f"{lines[0].partition(':')[2].strip()} x{len(lines)}" if lines else found
    if device.startswith("cuda") and torch.cuda.is_available():
        found += f", {torch.cuda.get_device_name(device)}"
    return found
