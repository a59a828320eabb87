"""The options of expert iteration, and its presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal, get_args

from lmgym.errors import InvalidValueError
from lmgym_agents.algorithms.config_checks import check_numbers
from lmgym_agents.optimizers import Kind, Schedule
from lmgym_agents.round_diagnosis import AlarmRule
from lmgym_agents.solution_draw import Balance

Preset = Literal["rest_em", "star", "alphazero"]
Remedy = Literal["none", "temperature", "fresh_levels", "reset", "mixing"]
SearchName = Literal["best_of_n", "mcts", "levin"]
Learning = Literal["sft", "dpo"]


@dataclass(frozen=True, kw_only=True)
class RoundPlan:
    """What a preset decides."""

    search: SearchName
    samples: int
    temperature: float
    max_per_problem: int
    restart: bool
    rationalise: bool
    tree_share: float


PRESETS: Final[Mapping[Preset, RoundPlan]] = MappingProxyType(
    {
        "rest_em": RoundPlan(
            search="best_of_n", samples=8, temperature=1.0, max_per_problem=4, restart=True,
            rationalise=False, tree_share=0.0,
        ),
        "star": RoundPlan(
            search="best_of_n", samples=1, temperature=0.0, max_per_problem=1, restart=True, rationalise=True,
            tree_share=0.0,
        ),
        "alphazero": RoundPlan(
            search="mcts", samples=32, temperature=1.0, max_per_problem=4, restart=False, rationalise=False,
            tree_share=0.5,
        ),
    }
)  # fmt: skip
"""rest_em: samples that the verifier accepts, from the base model every round (Singh et al. 2023). star: one
greedy answer, and the demonstration of what was failed (Zelikman et al. 2022, whose hints these stand for).
alphazero: MCTS, whose visits and values are learned beside its solutions (Silver et al. 2017)."""


@dataclass(frozen=True, kw_only=True)
class ExpertIterationConfig:
    """Options of expert iteration; "none: the preset's" takes what ``preset`` decides."""

    seed: int = 0
    """names every random choice of the run"""
    preset: Preset = "rest_em"
    """rest_em: samples, from the base model every round; star: greedy with demonstrations of what was failed;
    alphazero: MCTS with policy and value targets"""
    rounds: int = 6
    """searches, each followed by learning and a measurement"""

    problems: int = 1024
    """posed in each round, at most one with the same prompt"""
    problems_per_update: int = 512
    """searched at a time; a run can be resumed between"""
    fresh: bool = True
    """pose new problems every round; otherwise always the first ones of the split"""
    retry_share: float = 0.0
    """share of the problems that were posed before, in vain"""
    search: SearchName | None = None
    """best_of_n samples; mcts grows a tree with the value head; levin tries the likeliest responses until one
    is right; none: the preset's"""
    samples: int | None = None
    """responses to each problem, or simulations, or expanded states; none: the preset's"""
    temperature: float | None = None
    """of the sampling, 0 is greedy; none: the preset's"""

    max_per_problem: int | None = None
    """different solutions of a problem that are kept, the shortest; none: the preset's"""
    replay_share: float = 0.3
    """least share of the rows that goes to solutions of earlier rounds and of problems that were failed at
    first; with restart they get what is theirs in proportion, if that is more"""
    balance: Balance = "none"
    """none: problems alike; band: those solved now and then alone; hard: more of the seldom solved. Rates of
    success are those of search=best_of_n; other searches keep no wrong responses"""
    band: tuple[float, float] = (0.3, 0.8)
    """rates of success of balance=band"""
    rationalise: bool | None = None
    """learn the task's demonstration of a training problem that was failed; none: the preset's"""
    demonstration_share: float = 0.0
    """share of the rows that are demonstrations of training problems"""

    learn: Learning = "sft"
    """imitate solutions, or prefer them to wrong responses of the same problem (dpo)"""
    restart: bool | None = None
    """learn from the base model's weights every round; none: the preset's"""
    tree_share: float | None = None
    """share of the rows that are states of search trees, with their visits as targets; none: the preset's"""
    tree_rounds: int = 2
    """rounds for which trees are kept"""
    max_tree_rows: int = 50_000
    """actions of trees that are kept, the newest"""
    min_visits: int = 3
    """of a state of a tree that is learned from"""
    value_coefficient: float = 0.5
    """weight of the squared error of the value head on states of trees"""
    dpo_beta: float = 0.1
    """the smaller, the further the policy may go from where the round began"""
    dpo_sft_coefficient: float = 0.2
    """weight of the right responses' cross-entropy beside it, which keeps them likely"""

    steps: int = 60
    """optimiser steps of a round"""
    steps_per_update: int = 20
    """optimiser steps at a time; a run can be resumed between"""
    batch_rows: int = 256
    """rows in each step; of pairs half as many"""
    max_tokens_per_micro_batch: int = 32768
    """padded tokens in one forward and backward pass; halved when memory runs out. Changes no gradient"""
    optimizer: Kind = "adamw"
    """"muon" moves the matrices inside the layers by orthogonalised momentum; takes the same rates"""
    learning_rate: float = 1e-3
    """after warm-up"""
    schedule: Schedule = "linear"
    """how the learning rate falls within a round"""
    end_rate: float = 0.1
    """share of the learning rate that is left at the end of a round"""
    warmup_steps: int = 5
    """steps of a round in which the learning rate rises"""
    max_grad_norm: float | None = 1.0
    """clips the norm of the gradient of each step"""
    weight_decay: float = 0.01
    """decoupled weight decay"""

    start_level: int | None = None
    """level of the first round's problems; none: the environment's"""
    last_level: int | None = None
    """up to which the level is raised; none: the environment's"""
    raise_at: float = 0.8
    """raises the level when a search solves this share of its problems"""

    probe_split: str = "validation"
    """of the task; where pass@1 and pass@k are measured"""
    probe_problems: int = 128
    """problems of it"""
    probe_samples: int = 8
    """k, at temperature 1"""
    eval_split: str = "test"
    """of the task; held out, answered greedily"""
    eval_problems: int = 512
    """problems of it and of each out-of-distribution split"""
    ood_splits: tuple[str, ...] | None = None
    """none: all the task's out-of-distribution splits"""

    remedy: Remedy = "none"
    """what is done when an alarm rings: nothing, sample hotter, raise the level and pose new problems, go
    back to the base model, or mix in demonstrations"""
    temperature_factor: float = 1.3
    """of remedy=temperature, up to max_temperature"""
    max_temperature: float = 1.5
    """where remedy=temperature ends"""
    mixing_share: float = 0.25
    """share of demonstrations of remedy=mixing"""
    min_newly_solved: float = 0.01
    """stagnation: fewer newly solved problems while pass@k - pass@1 shrinks"""
    patience: int = 2
    """stagnation: rounds in succession"""
    collapse_errors: float = 2.0
    """collapse: pass@k this many standard errors below its best"""

    def __post_init__(self) -> None:
        counts = (
            "rounds", "problems", "problems_per_update", "tree_rounds", "max_tree_rows", "min_visits",
            "steps", "steps_per_update", "batch_rows", "max_tokens_per_micro_batch", "probe_problems",
            "probe_samples", "eval_problems",
        )  # fmt: skip
        for name in counts:
            _require(getattr(self, name) >= 1, name, getattr(self, name), "integers from 1")
        for name in ("retry_share", "replay_share", "demonstration_share", "mixing_share", "raise_at"):
            _require(0 <= getattr(self, name) <= 1, name, getattr(self, name), "numbers in [0, 1]")
        _require(self.preset in PRESETS, "preset", self.preset, ", ".join(PRESETS))
        _require(self.remedy in get_args(Remedy), "remedy", self.remedy, ", ".join(get_args(Remedy)))
        _require(self.learn in get_args(Learning), "learn", self.learn, ", ".join(get_args(Learning)))
        _require(
            self.band[0] <= self.band[1] and 0 <= self.band[0] and self.band[1] <= 1, "band", self.band,
            "two rising numbers in [0, 1]",
        )  # fmt: skip
        _require(self.temperature_factor > 1, "temperature_factor", self.temperature_factor, "more than 1")
        _require(self.learning_rate >= 0, "learning_rate", self.learning_rate, "numbers from 0")
        plan = self.plan
        for name in ("samples", "max_per_problem"):
            _require(getattr(plan, name) >= 1, name, getattr(plan, name), "integers from 1")
        _require(plan.temperature >= 0, "temperature", plan.temperature, "numbers from 0")
        _require(0 <= plan.tree_share <= 1, "tree_share", plan.tree_share, "numbers in [0, 1]")
        _require(
            self.learn == "sft" or (plan.search == "best_of_n" and plan.tree_share == 0), "learn", self.learn,
            "sft, as trees keep no wrong responses (dpo: with search=best_of_n and tree_share=0)",
        )  # fmt: skip
        _require(
            plan.search != "mcts" or plan.temperature > 0, "temperature", plan.temperature,
            "positive numbers, as priors are flattened by it (0 is for other searches than mcts)",
        )  # fmt: skip
        _require(self.dpo_beta > 0, "dpo_beta", self.dpo_beta, "positive numbers")
        check_numbers(self)
        _ = self.alarm_rule

    @property
    def plan(self) -> RoundPlan:
        """The preset with the given options in its place."""
        preset = PRESETS[self.preset]
        given: dict[str, Any] = {
            field.name: getattr(self, field.name)
            for field in dataclasses.fields(preset)
            if getattr(self, field.name) is not None
        }
        return dataclasses.replace(preset, **given)

    @property
    def alarm_rule(self) -> AlarmRule:
        """When alarms ring."""
        return AlarmRule(
            min_newly_solved=self.min_newly_solved, patience=self.patience,
            collapse_errors=self.collapse_errors,
        )  # fmt: skip

    @property
    def updates_per_round(self) -> int:
        """Parts of a round between which a run can be saved."""
        return self.num_searches + self.num_lessons + 1

    @property
    def num_searches(self) -> int:
        """Updates of a round that search."""
        return -(-self.problems // self.problems_per_update)

    @property
    def num_lessons(self) -> int:
        """Updates of a round that learn."""
        return -(-self.steps // self.steps_per_update)


def _require(holds: bool, field: str, given: object, allowed: str) -> None:
    if not holds:
        raise InvalidValueError(f"ExpertIterationConfig.{field} is {given!r}; allowed: {allowed}.")
