"""Self-play: one policy plays both sides of a game and learns from who won, from top to bottom.

    algorithm = SelfPlay(policy, TicTacToe(), tokenizer, SelfPlayConfig(iterations=100))
    for update in algorithm.iterations():
        print(update.step, update.metrics.get("optimal/lost"))

One iteration: play a set of games from openings of the training split, some against an earlier self; turn
results into advantages, by the value head or by the running mean result of the side (Liu et al. 2025,
"SPIRAL", role-conditioned advantages); update. Earlier selves are kept as opponents and to be rated. Every
random choice is drawn from (seed, iteration, ...), so a restored run goes on bit for bit.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym.games.players import Player
from lmgym.games.rules import Rules
from lmgym.records import Problem
from lmgym.seeding import make_generator, make_key
from lmgym.tokenization import TextTokenizer
from lmgym_agents.advantages import explained_variance, gae, whiten
from lmgym_agents.algorithms.policy_gradient import Lesson, PolicyGradient
from lmgym_agents.algorithms.sample_transcript import sample_metrics
from lmgym_agents.algorithms.self_play_config import SelfPlayConfig
from lmgym_agents.algorithms.statistics import mean_of
from lmgym_agents.algorithms.update import Update
from lmgym_agents.chunks import evaluate_in_chunks
from lmgym_agents.engine import Engine
from lmgym_agents.policy import Policy
from lmgym_agents.rollout import Rollout
from lmgym_agents.self_play.elo import Crosstable
from lmgym_agents.self_play.opponents import ModelSeat, PlayerSeat, Seat
from lmgym_agents.self_play.rollout import Games, make_rollout, play_games


class GameTask(Protocol):
    """What self-play needs of ``lmgym/Nim-v0`` or ``lmgym/TicTacToe-v0``; their opponents play no part."""

    @property
    def rules(self) -> Rules: ...
    @property
    def default_max_new_tokens(self) -> int: ...
    def problems(self, split: str, indices: Sequence[int]) -> list[Problem]: ...


class SelfPlay:
    """Trains a policy against itself; see the module and ``SelfPlayConfig``."""

    def __init__(
        self,
        policy: Policy,
        task: GameTask,
        tokenizer: TextTokenizer,
        config: SelfPlayConfig,
        *,
        engine: Engine | None = None,
        on_message: Callable[[str], None] | None = None,
    ) -> None:
        """Prepares a run; ``load_state_dict`` may follow.

        Args:
            policy: is changed.
            task: gives rules and openings.
            tokenizer: the policy's.
            config: the options.
            engine: over ``policy.model``.
            on_message: told in words what a user should know.
        """
        self.policy, self.task, self.tokenizer, self.config = policy, task, tokenizer, config
        self.engine = engine or Engine(policy.model, max_rows=1024, pad_id=tokenizer.pad_id)
        self.learner = PolicyGradient(policy, config.update, on_message=on_message)
        self.iteration = 0
        self.snapshots: list[tuple[int, dict[str, Tensor]]] = []
        """(iterations done, weights) of earlier selves, oldest first; the untrained one is the first."""
        self.mean_results = [0.0, 0.0]
        """Running mean result of the side that moves first, and second."""
        self._past_model = copy.deepcopy(policy.model).requires_grad_(False)
        self._past_engine = Engine(self._past_model, max_rows=1024, pad_id=tokenizer.pad_id)

    # The run ------------------------------------------------------------------------------------------

    def iterations(self) -> Iterator[Update]:
        """Yields after each iteration; the state may be saved whenever it has yielded."""
        while self.iteration < self.config.iterations:
            yield self.iterate()

    def iterate(self) -> Update:
        """Does one iteration."""
        config, start = self.config, time.perf_counter()
        if not self.snapshots:
            self._keep_snapshot()
        games, is_own = self._play()
        rollout, sides = make_rollout(
            games, is_own, pad_id=self.tokenizer.pad_id, illegal_penalty=config.illegal_penalty
        )
        played = time.perf_counter()
        lesson, metrics = self._make_lesson(rollout, sides)
        metrics |= _describe(games, is_own, rollout)
        metrics |= sample_metrics(
            rollout, self.tokenizer, iteration=self.iteration, iterations=config.iterations
        )
        metrics |= self.learner.update(
            lesson, self.iteration, config.iterations, config.seed, "self-play", self.iteration, "order"
        )
        self.engine.weights_changed()
        updated = time.perf_counter()
        self.iteration += 1
        is_last = self.iteration == config.iterations
        if self.iteration % config.snapshot_every == 0 or is_last:
            self._keep_snapshot()
        if self.iteration % config.evaluate_every == 0 or is_last:
            metrics |= self.measure("optimal", Player(self.task.rules), split=config.evaluation_split)
        timing = {
            "total_s": time.perf_counter() - start, "rollout_s": played - start, "update_s": updated - played,
            "evaluation_s": time.perf_counter() - updated,
        }  # fmt: skip
        return Update(self.iteration, metrics, timing)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later iterations depend on: tensors and plain values."""
        return {
            "iteration": self.iteration,
            "learner": self.learner.state_dict(),
            "mean_results": list(self.mean_results),
            "snapshots": [{"iteration": at, "weights": weights} for at, weights in self.snapshots],
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned in a run of the same configuration."""
        self.learner.load_state_dict(state["learner"])
        self.iteration = int(state["iteration"])
        self.mean_results = [float(mean) for mean in state["mean_results"]]
        self.snapshots = [(int(one["iteration"]), dict(one["weights"])) for one in state["snapshots"]]
        self.engine.weights_changed()

    # Games --------------------------------------------------------------------------------------------

    def _seat(self, engine: Engine, temperature: float) -> ModelSeat:
        budget = self.task.default_max_new_tokens
        return ModelSeat(engine, self.tokenizer, temperature=temperature, max_new_tokens=budget)

    def _play(self) -> tuple[Games, NDArray[np.bool_]]:
        """Returns the games of this iteration, and which sides of them were the present policy's."""
        config, number = self.config, self.iteration
        problems = self.task.problems("train", range(number * config.games, (number + 1) * config.games))
        rng = make_generator(config.seed, "self-play", number, "seating")
        seating = np.zeros((config.games, 2), np.int64)
        seats: list[Seat] = [self._seat(self.engine, config.temperature)]
        num_past = int(config.past_share * config.games) if len(self.snapshots) > 1 else 0
        if num_past:
            self._load_past(self.snapshots[int(rng.integers(len(self.snapshots) - 1))][1])
            seats.append(self._seat(self._past_engine, config.temperature))
            seating[np.arange(num_past), rng.integers(0, 2, num_past)] = 1
        games = play_games(
            self.task.rules, [problem.reference.position for problem in problems], seats, seating,
            self.tokenizer, seed=make_key(config.seed, "self-play", number, "moves"),
        )  # fmt: skip
        return games, seating == 0

    def measure(
        self, name: str, player: Player, *, split: str = "validation", temperature: float = 0.0
    ) -> dict[str, float]:
        """Returns how often the present policy wins, draws, loses and errs against a known player.

        It is to move in each opening, which perfect play does not lose; ``as_expected`` is the share of games
        in which it got at least what perfect play gets there.
        """
        config, rules = self.config, self.task.rules
        problems = self.task.problems(split, range(config.evaluation_games))
        seats: list[Seat] = [self._seat(self.engine, temperature), PlayerSeat(player)]
        seating = np.tile(np.array([0, 1]), (len(problems), 1))
        games = play_games(
            rules, [problem.reference.position for problem in problems], seats, seating, self.tokenizer,
            seed=make_key(config.seed, "self-play", "measure"),
        )  # fmt: skip
        expected = np.array([problem.reference.value for problem in problems])
        return {
            f"{name}/won": float((games.results > 0).mean()),
            f"{name}/drawn": float((games.results == 0).mean()),
            f"{name}/lost": float((games.results < 0).mean()),
            f"{name}/as_expected": float((games.results >= expected).mean()),
            f"{name}/illegal": float(games.is_illegal[:, 0].mean()),
        }

    def tournament(
        self, *, games_a_pair: int = 64, split: str = "test", temperature: float = 1.0
    ) -> Crosstable:
        """Returns the results of all kept selves, a random and a perfect player, each against each.

        Each opening is played twice, with sides changed. The random player comes first, the perfect one last.
        """
        rules, count = self.task.rules, max(1, games_a_pair // 2)
        names = ["random", *(f"{at}" for at, _ in self.snapshots), "perfect"]
        table = Crosstable(names)
        starts = [p.reference.position for p in self.task.problems(split, range(count))] * 2
        seating = np.repeat(np.array([[0, 1], [1, 0]]), count, axis=0)
        other_model = copy.deepcopy(self._past_model)
        other_engine = Engine(other_model, max_rows=1024, pad_id=self.tokenizer.pad_id)
        for one in range(len(names)):
            for other in range(one + 1, len(names)):
                seats = [
                    self._rated_seat(one, len(names), temperature, self._past_model, self._past_engine),
                    self._rated_seat(other, len(names), temperature, other_model, other_engine),
                ]
                seed = make_key(self.config.seed, "self-play", "tournament", one, other)
                games = play_games(rules, starts, seats, seating, self.tokenizer, seed=seed)
                for number, result in enumerate(games.results.tolist()):
                    table.add(one, other, result if seating[number, 0] == 0 else -result)
        return table

    def _rated_seat(
        self, number: int, count: int, temperature: float, model: torch.nn.Module, engine: Engine
    ) -> Seat:
        if number in (0, count - 1):
            return PlayerSeat(Player(self.task.rules, 1.0 if number == 0 else 0.0))
        model.load_state_dict(self.snapshots[number - 1][1])
        return self._seat(engine, temperature)

    def _keep_snapshot(self) -> None:
        weights = {
            name: tensor.detach().cpu().clone() for name, tensor in self.policy.model.state_dict().items()
        }
        self.snapshots.append((self.iteration, weights))
        if len(self.snapshots) > self.config.max_snapshots:
            half = len(self.snapshots) // 2
            self.snapshots = self.snapshots[:half:2] + self.snapshots[half:]

    def _load_past(self, weights: Mapping[str, Tensor]) -> None:
        self._past_model.load_state_dict(dict(weights))
        self._past_engine.weights_changed()

    # Targets ------------------------------------------------------------------------------------------

    def _make_lesson(self, rollout: Rollout, sides: NDArray[np.int64]) -> tuple[Lesson, dict[str, Any]]:
        config = self.config
        if config.baseline == "role":
            return self._role_lesson(rollout, torch.from_numpy(sides)), {}

        def evaluate(rows: Tensor) -> tuple[Tensor]:
            found = self.policy.evaluate(
                rollout.input_ids[rows], rollout.lengths[rows], is_action=rollout.is_action[rows],
                need_logps=False,
            )  # fmt: skip
            return (found.values,)

        (values,), self.learner.token_budget = evaluate_in_chunks(
            evaluate, rollout.lengths, self.learner.token_budget
        )
        values = values[:, :-1]
        advantages, returns = gae(
            rewards=rollout.rewards, values=values, is_action=rollout.is_action, lengths=rollout.lengths,
            terminated=rollout.terminated, bootstrap_values=torch.zeros(len(values)), gamma=1.0,
            lam=config.gae_lambda, lam_value=1.0,
        )  # fmt: skip
        metrics = {"explained_variance": explained_variance(values, returns, rollout.is_action)}
        lesson = Lesson(
            rollout,
            whiten(advantages, rollout.is_action),
            config.temperature,
            returns=returns,
            old_values=values,
        )
        return lesson, metrics

    def _role_lesson(self, rollout: Rollout, sides: Tensor) -> Lesson:
        """Returns the lesson in which each side is compared with the running mean of its role."""
        decay = self.config.role_decay if self.iteration else 0.0
        for side in (0, 1):
            now = rollout.returns[sides == side]
            if len(now):
                self.mean_results[side] = decay * self.mean_results[side] + (1 - decay) * float(now.mean())
        gap = rollout.returns - torch.tensor(self.mean_results)[sides]
        return Lesson(rollout, gap[:, None] * rollout.is_action, self.config.temperature)


def _describe(games: Games, is_own: NDArray[np.bool_], rollout: Rollout) -> dict[str, Any]:
    """Returns what the games say; ``first_won`` is of those in which both sides are the policy."""
    both = is_own.all(axis=1)
    past = ~both
    own_side = is_own.argmax(axis=1)
    against_past = np.where(own_side == 0, games.results, -games.results)[past]
    metrics: dict[str, Any] = {
        "first_won": float((games.results[both] > 0).mean()) if both.any() else 0.0,
        "drawn": float((games.results == 0).mean()),
        "illegal": float(games.is_illegal[is_own].mean()),
        "num_moves": float(games.num_moves.mean()),
        "entropy": -mean_of(rollout.logp_behaviour, rollout.is_action),
        "episodes": len(rollout.lengths),
        "num_tokens_row": float(rollout.lengths.float().mean()),
    }
    if past.any():
        metrics["points_against_past"] = float((against_past.mean() + 1) / 2)
    return metrics
