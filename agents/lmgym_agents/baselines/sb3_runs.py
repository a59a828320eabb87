"""Training runs of Stable-Baselines3 as learning curves, for benchmarks to set beside our own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from transformers import PreTrainedModel

from lmgym.errors import InvalidValueError
from lmgym_agents.baselines.sb3_agent import SB3Agent
from lmgym_agents.baselines.sb3_models import make_dqn, make_ppo
from lmgym_agents.evaluation import evaluate

Curve = list[tuple[int, float]]
"""(tokens that the agent has acted so far, greedy success on held-out problems); first: before training."""


class _EveryPart(BaseCallback):
    """Calls a function after each of ``num_points`` equal parts of the steps."""

    def __init__(self, total_steps: int, num_points: int, measure: Callable[[], object]) -> None:
        super().__init__()
        self._marks = [total_steps * (place + 1) // num_points for place in range(num_points)]
        self._measure = measure

    def _on_step(self) -> bool:
        if self._marks and self.num_timesteps >= self._marks[0]:
            while self._marks and self.num_timesteps >= self._marks[0]:
                self._marks.pop(0)
            self._measure()
        return True


def run_dqn(
    env_id: str,
    env_options: Mapping[str, Any] | None = None,
    total_steps: int = 50_000,
    seed: int = 0,
    *,
    model: PreTrainedModel | None = None,
    num_points: int = 10,
    num_problems: int = 256,
    split: str = "test",
    **settings: Any,
) -> Curve:
    """Trains a DQN and returns its learning curve.

    Args:
        env_id: of a token environment.
        env_options: its further options.
        total_steps: tokens that the agent acts.
        seed: of everything.
        model: causal language model whose weights the network starts from; by default a fresh "nano".
        num_points: evaluations on the way, the last at the end.
        num_problems: of each evaluation.
        split: that evaluations take problems from.
        **settings: see ``make_dqn``.

    Raises:
        InvalidValueError: ``total_steps`` or ``num_points`` below 1.
    """
    _check(total_steps, num_points)
    algorithm = make_dqn(env_id, env_options=env_options, model=model, seed=seed, **settings)
    return _learn(algorithm, env_id, env_options, total_steps, num_points, num_problems, split)


def run_ppo(
    env_id: str,
    env_options: Mapping[str, Any] | None = None,
    total_steps: int = 50_000,
    seed: int = 0,
    *,
    model: PreTrainedModel | None = None,
    num_points: int = 10,
    num_problems: int = 256,
    split: str = "test",
    **settings: Any,
) -> Curve:
    """Trains a PPO of Stable-Baselines3 and returns its learning curve; see ``run_dqn``."""
    _check(total_steps, num_points)
    algorithm = make_ppo(env_id, env_options=env_options, model=model, seed=seed, **settings)
    return _learn(algorithm, env_id, env_options, total_steps, num_points, num_problems, split)


def _learn(
    algorithm: BaseAlgorithm,
    env_id: str,
    env_options: Mapping[str, Any] | None,
    total_steps: int,
    num_points: int,
    num_problems: int,
    split: str,
) -> Curve:
    agent = SB3Agent(algorithm)
    options = {name: value for name, value in (env_options or {}).items() if name != "split"}

    def measure() -> tuple[int, float]:
        result = evaluate(
            agent, env_id, split=split, num_problems=num_problems, env_options=options, num_transcripts=0
        )
        return algorithm.num_timesteps, result.success.mean

    curve = [measure()]
    evaluation = _EveryPart(total_steps, num_points, lambda: curve.append(measure()))
    algorithm.learn(total_steps, callback=evaluation)
    if curve[-1][0] < algorithm.num_timesteps:
        curve.append(measure())
    return curve


def _check(total_steps: int, num_points: int) -> None:
    if total_steps < 1 or num_points < 1:
        raise InvalidValueError(
            f"total_steps and num_points must be at least 1, got {total_steps} and {num_points}."
        )
