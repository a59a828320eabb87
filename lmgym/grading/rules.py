"""What counts as the same answer: the choices that a policy makes explicit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from lmgym.errors import InvalidValueError

Form = Literal["any", "expanded", "factored", "simplified"]

_CHOICES = {
    "thousands": ("comma", "none"),
    "log_base": ("10", "e"),
    "lists": ("any_order", "in_order"),
    "percent": ("value", "optional"),
    "units": ("optional", "required", "refused"),
    "form": ("any", "expanded", "factored", "simplified"),
}


@dataclass(frozen=True, kw_only=True)
class Rules:
    """How an answer is read and when it is the same as the gold answer."""

    must_be_solved: bool = True
    """a value still to be worked out (12*34, 10/4, sqrt(16)) is not an answer; False: equal is enough"""
    thousands: Literal["comma", "none"] = "comma"
    """"comma": 1,234,567 is one number where the groups are whole; "none": the comma always separates"""
    log_base: Literal["10", "e"] = "10"
    """what log without a base means"""
    lists: Literal["any_order", "in_order"] = "any_order"
    """whether "1, 2" is "2, 1"; tuples always keep their order, sets never"""
    percent: Literal["value", "optional"] = "value"
    """"value": 70 % is 0.7 and never 70; "optional": a percent sign that one side alone has is ignored"""
    units: Literal["optional", "required", "refused"] = "optional"
    """"optional": a unit that one side alone has is ignored, two different ones are wrong"""
    assignments: bool = True
    """x = 5 is read as 5 where the gold answer is a bare value"""
    ignore_case: bool = True
    """of words"""
    form: Form = "any"
    """a form that the answer must have besides being equal"""
    decimals: int | None = None
    """compare numbers after rounding both to so many decimals; None: exactly"""

    def __post_init__(self) -> None:
        for name, allowed in _CHOICES.items():
            given = getattr(self, name)
            if given not in allowed:
                raise InvalidValueError(f"Rules.{name} must be one of {', '.join(allowed)}, got {given!r}.")
        if self.decimals is not None and not 0 <= self.decimals <= 100:
            raise InvalidValueError(f"Rules.decimals must be None or in [0, 100], got {self.decimals!r}.")
