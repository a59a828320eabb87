"""What of this machine a bench may use: tasks at a time, devices, memory."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, Literal

import torch

from lmgym.errors import DeviceError, InvalidValueError
from lmgym_agents.bench.options import Device

MEMORY_SHARE: Final = 0.8
"""Of the machine's memory, what one job may use unless it is said otherwise."""
_CGROUP_LIMITS: Final = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def find_gpus() -> tuple[str, ...]:
    """Returns what CUDA_VISIBLE_DEVICES calls each GPU that this process may use."""
    count = torch.cuda.device_count()  # without starting CUDA in this process
    named = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    names = [name.strip() for name in named.split(",") if name.strip()]
    return tuple(names[:count]) if names else tuple(map(str, range(count)))


def count_cores() -> int:
    """Returns how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def choose_device(device: Device, gpus: Sequence[str]) -> Literal["cpu", "cuda"]:
    """Returns what "auto" means here.

    Raises:
        DeviceError: "cuda" is asked for and there is no GPU.
    """
    if device == "cuda" and not gpus:
        raise DeviceError(
            "--device cuda was given, and there is no GPU that torch can use. Give --device cpu."
        )
    if device == "auto":
        return "cuda" if gpus else "cpu"
    return device


def make_slots(
    jobs: int | None, device: Literal["cpu", "cuda"], gpus: Sequence[str]
) -> tuple[Mapping[str, str], ...]:
    """Returns the environment variables of each task that runs at a time.

    Args:
        jobs: how many; None: one for each GPU, or core.
        device: "cpu" hides all GPUs; "cuda" gives each slot one, in turn.
        gpus: see ``find_gpus``.

    Raises:
        InvalidValueError: fewer than one.
    """
    if jobs is None:
        jobs = len(gpus) if device == "cuda" else count_cores()
    if jobs < 1:
        raise InvalidValueError(f"--jobs is how many jobs run at a time, at least 1; got {jobs}.")
    if device == "cpu":
        return ({"CUDA_VISIBLE_DEVICES": ""},) * jobs
    return tuple({"CUDA_VISIBLE_DEVICES": gpus[slot % len(gpus)]} for slot in range(jobs))


def find_memory_bytes() -> float:
    """Returns the memory of this machine or container."""
    limits = [float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))]
    for path in map(Path, _CGROUP_LIMITS):
        text = path.read_text("ascii").strip() if path.is_file() else ""
        if text.isdigit():
            limits.append(float(text))
    return min(limits)
