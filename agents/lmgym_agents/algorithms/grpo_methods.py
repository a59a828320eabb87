"""What tells the members of GRPO's family apart, and the members by name.

Each preset is a method as its paper has it, without the paper's rates and sizes, which belong to the model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal, get_args

from lmgym.errors import InvalidValueError
from lmgym_agents.group_advantages import GROUP_KINDS, Kind
from lmgym_agents.losses import Aggregation

Preset = Literal[
    "grpo", "deepseek_math", "dr_grpo", "dapo", "gspo", "rloo", "reinforce++", "reinforce++_baseline",
    "reinforce",
]  # fmt: skip
UniformGroups = Literal["keep", "drop", "resample"]
Overlong = Literal["keep", "punish", "mask"]
KLEstimator = Literal["k2", "k3", "k1+", "k3+"]


@dataclass(frozen=True, kw_only=True)
class Method:
    """One member of the family; the options of ``GRPOConfig`` say what each field means."""

    advantages: Kind = "grpo"
    group_size: int = 8
    uniform_groups: UniformGroups = "drop"
    overlong: Overlong = "keep"
    minibatches: int = 4
    aggregation: Aggregation = "token"
    ratio: Literal["token", "sequence"] = "token"
    clip_low: float = 0.2
    clip_high: float = 0.28
    dual_clip: float = 3.0
    kl_coefficient: float = 0.0
    kl_in: Literal["reward", "loss"] = "loss"
    kl_estimator: KLEstimator = "k3+"

    def __post_init__(self) -> None:
        for name, least in (("group_size", 1), ("minibatches", 1), ("kl_coefficient", 0), ("clip_high", 0)):
            _require(getattr(self, name) >= least, name, getattr(self, name), f"numbers from {least}")
        _require(0 <= self.clip_low < 1, "clip_low", self.clip_low, "numbers in [0, 1)")
        _require(
            self.dual_clip == 0 or self.dual_clip > 1 + self.clip_high, "dual_clip", self.dual_clip,
            f"0 (no bound), or numbers above 1 + clip_high = {1 + self.clip_high}",
        )  # fmt: skip
        for name, allowed in (
            ("advantages", Kind), ("uniform_groups", UniformGroups), ("overlong", Overlong),
            ("aggregation", Aggregation), ("ratio", Literal["token", "sequence"]),
            ("kl_in", Literal["reward", "loss"]), ("kl_estimator", KLEstimator),
        ):  # fmt: skip
            _require(
                getattr(self, name) in get_args(allowed), name, getattr(self, name),
                ", ".join(get_args(allowed)),
            )  # fmt: skip
        if self.advantages in GROUP_KINDS:
            _require(
                self.group_size > 1, "group_size", self.group_size,
                f"integers from 2 with advantages={self.advantages!r}, which compares the rows of a group",
            )  # fmt: skip
        else:
            _require(
                self.uniform_groups == "keep", "uniform_groups", self.uniform_groups,
                f"'keep' with advantages={self.advantages!r}, which learns from a group of equal returns too",
            )  # fmt: skip


def _require(holds: bool, field: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"GRPOConfig.{field} is {given!r}; allowed: {allowed}.")


_PLAIN: Final = {"clip_high": 0.2, "dual_clip": 0.0}
_WHOLE_BATCH: Final = {"group_size": 1, "uniform_groups": "keep"}

_METHODS: Final[Mapping[str, Mapping[str, object]]] = {
    "grpo": {},
    "deepseek_math": {
        **_PLAIN, "uniform_groups": "keep", "aggregation": "sequence", "kl_coefficient": 0.04,
        "kl_estimator": "k3",
    },
    "dr_grpo": {**_PLAIN, "advantages": "dr_grpo", "uniform_groups": "keep", "aggregation": "constant"},
    "dapo": {"dual_clip": 0.0, "uniform_groups": "resample", "overlong": "punish"},
    "gspo": {
        "ratio": "sequence", "aggregation": "sequence", "clip_low": 3e-4, "clip_high": 4e-4, "dual_clip": 0.0,
    },
    "rloo": {**_PLAIN, "advantages": "rloo", "minibatches": 1, "kl_in": "reward"},
    "reinforce++": {**_PLAIN, **_WHOLE_BATCH, "advantages": "reinforce++", "kl_in": "reward"},
    "reinforce++_baseline": {
        **_PLAIN, "advantages": "reinforce++_baseline", "uniform_groups": "keep", "kl_estimator": "k2",
    },
    "reinforce": {**_PLAIN, **_WHOLE_BATCH, "advantages": "reinforce", "minibatches": 1},
}  # fmt: skip


def make_method(preset: str, **options: object) -> Method:
    """Returns a method by its name, with some of its fields changed.

    Args:
        preset: "grpo" is the default of this library; the others are named after their papers.
        options: fields of ``Method``; None leaves one as it is.

    Raises:
        InvalidValueError: unknown ``preset``, or an option outside its range.
    """
    if preset not in _METHODS:
        raise InvalidValueError(f"GRPOConfig.preset is {preset!r}; allowed: {', '.join(_METHODS)}.")
    given = {name: value for name, value in options.items() if value is not None}
    return Method(**{**_METHODS[preset], **given})  # type: ignore[arg-type]
