"""What every training configuration asks of its numbers, whatever they mean.

In: a dataclass of options. Out: an error, or nothing. Left out: the ranges of single options, which stand in
each configuration.
"""

from __future__ import annotations

import dataclasses
import math
from typing import Any

from lmgym.errors import InvalidValueError


def check_numbers(config: Any) -> None:
    """Refuses NaN and infinities, a negative seed, and a norm of gradients that lets nothing through.

    Raises:
        InvalidValueError: names the option, its value, and what is allowed.
    """
    for field in dataclasses.fields(config):
        value = getattr(config, field.name)
        if isinstance(value, float) and not math.isfinite(value):
            _refuse(config, field.name, "finite numbers")
        if field.name == "seed" and value < 0:
            _refuse(config, field.name, "integers from 0")
        if field.name == "max_grad_norm" and value is not None and value <= 0:
            _refuse(config, field.name, "positive numbers, or none")


def _refuse(config: Any, name: str, allowed: str) -> None:
    value = getattr(config, name)
    raise InvalidValueError(f"{type(config).__name__}.{name} is {value!r}; allowed: {allowed}.")
