"""Which device a name means."""

from __future__ import annotations

import torch

from lmgym.errors import DeviceError


def resolve_device(device: str | torch.device = "auto") -> torch.device:
    """Returns the device that is meant; ``"auto"`` is the first GPU if there is one, else the CPU.

    Raises:
        DeviceError: the name is no device's, or this machine does not have it.
    """
    num_gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if str(device) == "auto":
        return torch.device("cuda:0" if num_gpus else "cpu")
    allowed = ["auto", "cpu", *(f"cuda:{index}" for index in range(num_gpus))]
    try:
        wanted = torch.device(device)
    except (RuntimeError, TypeError) as error:
        raise DeviceError(f"unknown device {device!r}. Allowed here: {', '.join(allowed)}.") from error
    if wanted.type == "cuda" and wanted.index is None and num_gpus:
        wanted = torch.device("cuda", torch.cuda.current_device())
    if str(wanted) not in allowed:
        raise DeviceError(f"this machine has no device {str(wanted)!r}. Allowed here: {', '.join(allowed)}.")
    return wanted
