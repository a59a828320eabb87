"""Kills a training program at chosen or random moments, restarts it until it is done, and compares.

It works on every program that keeps its run in a ``RunFolder`` and takes ``--resume``.
"""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path

import torch

from lmgym_agents.runs import checkpoint
from lmgym_agents.runs.metrics import read_metrics
from lmgym_agents.runs.state_tree import pack

ROOT = Path(__file__).parents[2]
LIMIT_S = 240.0


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What two equal runs have equal."""

    step: int
    hashes: dict
    """SHA-256 of each part of the last checkpoint's state (weights, optimiser, environment, ...)."""
    metrics: list
    """All records without their timing."""
    files: dict
    """SHA-256 of each file of the final model, empty where there is none."""


def start(module, arguments, folder, *, resume):
    """Starts ``python -m module ARGUMENTS`` on a run folder."""
    command = [sys.executable, "-m", module, *arguments, str(folder), *(["--resume"] if resume else [])]
    environment = os.environ | {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false"}
    return subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def finish(process):
    """Waits for the end; returns (exit code, what was written to stderr)."""
    _, text = process.communicate(timeout=LIMIT_S)
    return process.returncode, text


def run_unbroken(module, arguments, folder):
    code, text = finish(start(module, arguments, folder, resume=False))
    assert code == 0, text
    return describe(folder)


def run_with_kills(module, arguments, folder, *, kill_steps, seed=0, signals=(signal.SIGKILL,)):
    """Runs until done, ended by a signal after each of ``kill_steps`` (and a random bit later).

    The n-th kill is by the n-th of ``signals``, which are repeated as needed.

    Returns:
        The outcome, and the exit codes of the processes.
    """
    rng = random.Random(seed)
    codes = []
    for number, step in enumerate((*kill_steps, None)):
        process = start(module, arguments, folder, resume=bool(codes))
        if step is not None:
            _wait_for_step(process, folder, step)
            for _ in range(rng.randrange(200_000)):  # somewhere inside what comes next; no clock
                pass
            process.send_signal(signals[number % len(signals)])
        code, text = finish(process)
        assert code == 0 or step is not None, f"could not go on by itself:\n{text}"
        codes.append(code)
        check_between(folder)
    return describe(folder), codes


def _wait_for_step(process, folder, step):
    """Returns when the metrics hold a record of the step (0: at once), or the process has ended."""
    pause, metrics = threading.Event(), folder / "metrics.jsonl"
    while process.poll() is None and step > 0:
        if metrics.exists() and any(record["step"] >= step for record in read_metrics(metrics).records):
            return
        pause.wait(0.002)


def check_between(folder):
    """After any kill: what was saved can be read, and it does not lag behind by more than its interval."""
    if checkpoint.list_steps(folder / "checkpoints"):
        checkpoint.load(folder / "checkpoints")


def describe(folder):
    """Returns what is to be compared of a run that is done."""
    last = checkpoint.load(folder / "checkpoints")
    log = read_metrics(folder / "metrics.jsonl")
    assert not log.problems and not last.skipped
    for record in log.records:
        record.pop("timing")
    model = folder / "model"
    files = sorted(path for path in model.rglob("*") if path.is_file()) if model.exists() else []
    return Outcome(
        step=last.step,
        hashes=hash_parts(without_timing(last.state)),
        metrics=[
            json.dumps(record, sort_keys=True) for record in log.records
        ],  # NaN is equal to itself as text
        files={str(p.relative_to(model)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files},
    )


def without_timing(tree):
    """Returns a state without the seconds and rates that an evaluation may have noted in it."""
    if isinstance(tree, dict):
        timing = ("seconds", "tokens_per_s")
        return {name: without_timing(part) for name, part in tree.items() if name not in timing}
    return tree


def hash_parts(state, path=""):
    """Returns SHA-256 by path of the parts of a state, two levels deep, so that a difference has a name."""
    hashes = {}
    for name, part in state.items():
        if isinstance(part, dict) and not path:
            hashes |= hash_parts(part, f"{name}/")
        else:
            hashes[f"{path}{name}"] = hash_tree(part)
    return hashes


def hash_tree(tree):
    """Returns the SHA-256 of a state tree: structure, names, dtypes, shapes and every bit."""
    tensors, structure = pack({"part": tree})
    digest = hashlib.sha256(json.dumps(structure).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        if tensor.numel():
            digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def assert_same(broken, unbroken):
    """Fails with the name of the first part that differs."""
    assert broken.step == unbroken.step
    for i, (a, b) in enumerate(zip(broken.metrics, unbroken.metrics, strict=False)):
        assert a == b, f"record {i} differs"
    assert len(broken.metrics) == len(unbroken.metrics)
    different = [name for name in unbroken.hashes if broken.hashes.get(name) != unbroken.hashes[name]]
    assert not different and broken.hashes.keys() == unbroken.hashes.keys(), different
    assert broken.files == unbroken.files
