"""Expert iteration: a policy searches, a verifier judges, and the policy learns what the search has found.

    algorithm = ExpertIteration(policy, task, tokenizer, ExpertIterationConfig(rounds=6), make_search=...)
    for update in algorithm.iterations():
        if update.metrics["phase"] == "measure":
            print(update.metrics["round"], update.metrics["held_out"])

One round: search on training problems; verified solutions go into a pool without duplicates; learn from the
pool, new finds beside replayed ones; measure; raise the level if the search solves it; warn if the loop
stalls. An iteration is a part of a round (some problems searched, some steps learned, or the measurement), so
that a run can be saved often. Every random choice is drawn from (seed, round, part), so ``state_dict`` needs
no generator and a restored run goes on bit for bit.

Sources: Anthony et al. 2017; Singh et al. 2023 (ReST-EM); Zelikman et al. 2022 (STaR); Silver et al. 2017;
Rafailov et al. 2023 (DPO); Zeng et al. 2024 (B-STaR, why to watch exploration).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from lmgym.errors import InvalidValueError
from lmgym.records import Problem
from lmgym.seeding import make_generator, make_key
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer
from lmgym_agents.algorithms.expert_iteration_config import ExpertIterationConfig
from lmgym_agents.algorithms.expert_lessons import Lessons
from lmgym_agents.algorithms.expert_probe import Probe
from lmgym_agents.algorithms.expert_rows import (
    TreeBuffer,
    append_rows,
    join_rows,
    read_attempts,
    tree_rows,
)
from lmgym_agents.algorithms.posed_problems import PosedProblems, demonstrate
from lmgym_agents.algorithms.update import Update
from lmgym_agents.demonstrations import Rows, TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.policy import Policy
from lmgym_agents.reference import Reference
from lmgym_agents.round_diagnosis import AlarmKind, RoundRecord, describe_alarm, find_alarms
from lmgym_agents.search.results import Progress, SearchMethod, SearchResult
from lmgym_agents.search.states import Transitions
from lmgym_agents.solution_draw import Draw
from lmgym_agents.solution_pool import AddedCounts, SolutionPool, merge_counts


class SearchSetting(NamedTuple):
    """What a search for solutions is made from, anew for each part of a round."""

    policy: Policy
    engine: Engine
    transitions: Transitions
    """At the present level."""
    temperature: float
    samples: int


MakeSearch = Callable[[SearchSetting], SearchMethod]


class ExpertIteration:
    """Trains a policy on what its own searches find; see the module and ``ExpertIterationConfig``."""

    def __init__(
        self,
        policy: Policy,
        task: Task,
        tokenizer: TextTokenizer,
        config: ExpertIterationConfig,
        *,
        make_search: MakeSearch,
        engine: Engine | None = None,
        env_options: Mapping[str, Any] | None = None,
        on_message: Callable[[str], None] | None = None,
        on_progress: Progress | None = None,
        on_round: Callable[[RoundRecord], None] | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            policy: is changed; as it is now it is the base that rounds restart from.
            task: what is measured, and what is trained on at ``start_level`` to ``last_level``.
            tokenizer: of the policy.
            config: the options.
            make_search: makes the search of each part of a round.
            engine: samples from ``policy.model``; by default one of at most 1024 rows at once.
            env_options: budgets, as ``gym.make`` takes them.
            on_message: told in words what a user should know: alarms, remedies, skipped steps.
            on_progress: called while a search runs.
            on_round: told the numbers of the start and of every round.

        Raises:
            InvalidValueError: a level that the task does not have.
        """
        self.policy, self.task, self.tokenizer, self.config = policy, task, tokenizer, config
        self.engine = engine or Engine(policy.model, max_rows=1024, pad_id=tokenizer.pad_id)
        self._make_search, self._options = make_search, dict(env_options or {})
        self._say = on_message or (lambda message: None)
        self._on_progress, self._on_round = on_progress, on_round or (lambda record: None)
        plan = config.plan
        self.pool = SolutionPool(
            max_per_problem=plan.max_per_problem,
            max_wrong=plan.max_per_problem if config.learn == "dpo" else 0,
        )
        self.trees = TreeBuffer(max_rows=config.max_tree_rows, rounds=config.tree_rounds)
        self.lessons = Lessons(policy, config, self._say)
        self.posed = PosedProblems(config)
        self.level = task.level if config.start_level is None else config.start_level
        self.last_level = task.level if config.last_level is None else config.last_level
        if self.level > self.last_level:
            raise InvalidValueError(
                f"the levels go from {self.level} to {self.last_level}; last_level must not be the smaller."
            )
        self.temperature = plan.temperature
        self.demonstration_share = config.demonstration_share
        self.history: list[RoundRecord] = []
        """A record for the start and for each round."""
        self.iteration = 0
        self._counts: list[AddedCounts] = []
        self._is_reset_due = False
        self._base = {name: tensor.clone() for name, tensor in policy.state_dict().items()}
        self._reference: Reference | None = None
        self._probe = Probe(policy, task, tokenizer, config, engine=self.engine, env_options=self._options)
        self._set_level(self.level)

    # The run ------------------------------------------------------------------------------------------

    @property
    def num_iterations(self) -> int:
        """Of a whole run: the first measurement, and the parts of all rounds."""
        return 1 + self.config.rounds * self.config.updates_per_round

    @property
    def round(self) -> int:
        """The round that is under way or comes next, from 1."""
        return max(0, self.iteration - 1) // self.config.updates_per_round + 1

    def iterations(self) -> Iterator[Update]:
        """Yields after each part of a round; the state may be saved whenever it has yielded."""
        while self.iteration < self.num_iterations:
            yield self.iterate()

    def iterate(self) -> Update:
        """Does one part: the first measurement, then in each round searches, lessons and a measurement."""
        start = time.perf_counter()
        config = self.config
        part = (
            (self.iteration - 1) % config.updates_per_round
            if self.iteration
            else config.updates_per_round - 1
        )
        if part < config.num_searches:
            phase, metrics = "search", self._search(part)
        elif part < config.num_searches + config.num_lessons:
            phase, metrics = "learn", self._learn(part - config.num_searches)
        else:
            phase, metrics = "measure", self._measure()
        common = {
            "phase": phase, "round": self.round if self.iteration else 0, "level": self.level,
            "temperature": self.temperature,
        }  # fmt: skip
        self.iteration += 1
        seconds = time.perf_counter() - start
        timing = {f"{phase}_s": seconds, "total_s": seconds}
        if "num_tokens" in metrics:
            name = "searched" if phase == "search" else "updated"
            timing[f"{name}_tokens_per_s"] = metrics["num_tokens"] / max(seconds, 1e-9)
        return Update(self.iteration, common | metrics, timing)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later iterations depend on: tensors, arrays and plain values."""
        return {
            "iteration": self.iteration,
            "policy": self.policy.state_dict(),
            "base": dict(self._base),
            "optimizer": self.lessons.optimizer.state_dict(),
            "token_budget": self.lessons.token_budget,
            "reference": None if self._reference is None else dict(self._reference.state_dict()),
            "pool": self.pool.state(),
            "trees": self.trees.state(),
            "posed": self.posed.state(),
            "counts": [dict(vars(counts)) for counts in self._counts],
            "history": [record.to_dict() for record in self.history],
            "level": self.level,
            "temperature": self.temperature,
            "demonstration_share": self.demonstration_share,
            "is_reset_due": self._is_reset_due,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self.policy.load_state_dict(state["policy"])
        self._base = {name: tensor.clone() for name, tensor in state["base"].items()}
        self.lessons.restart()
        self.lessons.optimizer.load_state_dict(state["optimizer"])
        self.lessons.token_budget = int(state["token_budget"])
        self._reference = None
        if state["reference"] is not None:
            self._reference = Reference(self.policy)
            self._reference.load_state_dict(state["reference"])
        self.pool.restore(state["pool"])
        self.trees.restore(state["trees"])
        self.posed.restore(state["posed"])
        self._counts = [AddedCounts(**counts) for counts in state["counts"]]
        self.history = [RoundRecord.from_dict(record) for record in state["history"]]
        self.temperature = float(state["temperature"])
        self.demonstration_share = float(state["demonstration_share"])
        self._is_reset_due = bool(state["is_reset_due"])
        self.iteration = int(state["iteration"])
        self._set_level(int(state["level"]))
        self.engine.weights_changed()

    # Search -------------------------------------------------------------------------------------------

    def _search(self, part: int) -> dict[str, Any]:
        config, number = self.config, self.round
        if part == 0:
            self._counts = []
            self.posed.choose(self._train_task, self.pool, number)
        problems = self.posed.problems(self._train_task, part)
        if not problems:  # a split with few problems
            return {"problems": 0}
        setting = SearchSetting(
            self.policy, self.engine, self._transitions, self.temperature, config.plan.samples
        )
        method = self._make_search(setting)
        seed = make_key(config.seed, "expert", "search", number)
        results = method.search(problems, seed=seed, on_progress=self._on_progress)
        counts = merge_counts([self._keep(result, number) for result in self._judge(results)])
        self._counts.append(counts)
        trees = self._keep_trees(results, number) if config.plan.tree_share else 0
        return {
            "success": counts.solved / counts.problems,
            **vars(counts),
            "num_nodes": sum(result.num_nodes for result in results),
            "num_tokens": sum(result.num_tokens for result in results),
            "tree_rows": trees,
            "pool_solutions": self.pool.num_solutions,
            "pool_problems": self.pool.num_solved,
        }

    def _judge(self, results: list[SearchResult]) -> list[tuple[Problem, list[Any]]]:
        attempts = read_attempts(results, self._transitions)
        return [(result.problem, found) for result, found in zip(results, attempts, strict=True)]

    def _keep(self, found: tuple[Problem, list[Any]], number: int) -> AddedCounts:
        problem, attempts = found
        hint = None
        if self.config.plan.rationalise and not any(a.status == "correct" for a in attempts):
            rng = make_generator(self.config.seed, "expert", "hint", number, problem.index)
            hint = demonstrate(self._transitions, problem, rng)
        return self.pool.add(
            problem.prompt, attempts, round=number, level=self.level, index=problem.index, hint=hint
        )

    def _keep_trees(self, results: list[SearchResult], number: int) -> int:
        rows = [
            row
            for result in results
            if result.root is not None
            for row in tree_rows(result.root, min_visits=self.config.min_visits)
        ]
        self.trees.add(rows, round=number)
        return len(rows)

    # Learning -----------------------------------------------------------------------------------------

    def _learn(self, part: int) -> dict[str, Any]:
        config = self.config
        if part == 0:
            self._begin_lessons()
        first = part * config.steps_per_update
        steps = range(first, min(first + config.steps_per_update, config.steps))
        draw = Draw(
            self.pool, round=self.round, replay_share=config.replay_share,
            in_proportion=config.plan.restart, balance=config.balance, band=config.band,
            with_wrong=config.learn == "dpo",
        )  # fmt: skip
        done = [found for step in steps if (found := self._take_step(draw, step)) is not None]
        self.engine.weights_changed()
        if not done:
            self._say(f"Round {self.round}: nothing to learn from, as no solution that fits was found.")
            return {"skipped_steps": len(steps), "num_rows": 0}
        # A step without values has no value error: means are over the steps that have a number.
        names = sorted({name for found in done for name in found})
        means = {name: float(np.mean([found[name] for found in done if name in found])) for name in names}
        sums = {name: sum(found[name] for found in done) for name in ("num_tokens", "skipped_steps")}
        return means | sums | {"num_rows": len(draw)}

    def _begin_lessons(self) -> None:
        config = self.config
        if config.plan.restart or self._is_reset_due:
            self.policy.load_state_dict(self._base)
            self.lessons.restart()
            self._is_reset_due = False
        if config.learn == "dpo":
            self._reference = Reference(self.policy)

    def _take_step(self, draw: Draw, step: int) -> dict[str, Any] | None:
        config = self.config
        rng = make_generator(config.seed, "expert", "learn", self.round, step)
        if config.learn == "dpo":
            assert self._reference is not None
            pairs = draw.pairs(rng, max(1, config.batch_rows // 2))
            return self.lessons.prefer(pairs, self._reference, step) if pairs else None
        num_trees = int(config.batch_rows * config.plan.tree_share) if self.trees.rows else 0
        num_shown = int((config.batch_rows - num_trees) * self.demonstration_share)
        responses = draw.draw(rng, max(1, config.batch_rows - num_trees - num_shown))
        trees = self.trees.draw(rng, num_trees) if num_trees else []
        if not responses and not trees:
            return None
        batch = join_rows(responses, trees)
        if num_shown:
            batch = append_rows(batch, self._demonstrations(num_shown, step))
        return self.lessons.imitate(batch, step)

    def _demonstrations(self, count: int, step: int) -> Rows:
        config = self.config
        source = TaskDemonstrations(
            self._train_task, seed=config.seed, tokenizer=self.tokenizer, **self._options
        )
        return source.rows(self.round * config.steps + step, count)

    # Measurement --------------------------------------------------------------------------------------

    def _measure(self) -> dict[str, Any]:
        """Measures the policy, then raises the level or applies the remedy for the next round."""
        found, counts = self._probe(), merge_counts(self._counts)
        record = RoundRecord(
            round=self.round if self.iteration else 0, level=self.level, temperature=self.temperature,
            pass_1=found.probe.pass_1, pass_k=found.probe.pass_k, pass_k_error=found.probe.pass_k_error,
            k=found.probe.k, distinct=found.probe.distinct, entropy=found.entropy, held_out=found.held_out,
            ood=found.ood, auc=found.auc,
            newly_solved=counts.newly_solved / counts.problems if counts.problems else None,
            search_success=counts.solved / counts.problems if counts.problems else None,
            pool_solutions=self.pool.num_solutions,
        )  # fmt: skip
        alarms = find_alarms([*self.history, record], self.config.alarm_rule)
        for alarm in alarms:
            self._say(describe_alarm([*self.history, record], alarm))
        if alarms:
            record = replace(record, alarms=alarms, remedy=self._apply_remedy(alarms))
        elif (record.search_success or 0) >= self.config.raise_at and self.level < self.last_level:
            self._say(
                f"Round {record.round} solved {record.search_success:.1%}: level {self.level + 1} next."
            )
            self._set_level(self.level + 1)
        self.history.append(record)
        self._on_round(record)
        plain = record.to_dict()
        ood, names = plain.pop("ood"), ", ".join(plain.pop("alarms"))
        return plain | {f"ood/{name}": rate for name, rate in ood.items()} | {"alarms": names}

    def _apply_remedy(self, alarms: Sequence[AlarmKind]) -> str:
        """Returns in words what was done, "" for nothing."""
        config = self.config
        if config.remedy == "temperature":
            hotter = max(self.temperature, 0.5) * config.temperature_factor
            self.temperature = max(self.temperature, min(hotter, config.max_temperature))
            done = f"temperature {self.temperature:.2f}"
        elif config.remedy == "fresh_levels":
            self.posed.is_fresh = True
            # A policy that has lost what it could do needs no harder problems.
            self._set_level(min(self.level + ("collapse" not in alarms), self.last_level))
            done = f"new problems at level {self.level}"
        elif config.remedy == "reset":
            self._is_reset_due = True
            done = "the base model learns from the pool"
        elif config.remedy == "mixing":
            self.demonstration_share = max(self.demonstration_share, config.mixing_share)
            done = f"{self.demonstration_share:.0%} demonstrations"
        else:
            return ""
        self._say(f"From the next round on: {done}.")
        return done

    def _set_level(self, level: int) -> None:
        self.level = level
        self._train_task = self.task.at_level(level)
        self._transitions = Transitions(self._train_task, self.tokenizer, **self._options)
