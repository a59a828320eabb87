"""PPO that is watched: what its responses are really worth is logged beside what they were paid.

In: a reward and a task. Out: a reward that notes the gold utility of whatever it pays, and PPO whose updates
carry it in ``gold``, beside ``proxy`` (what the learned reward gave) and ``kl_episode``. No response is
sampled for it that PPO did not see anyway, and nothing that is learned depends on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from lmgym.records import Scores, Transcript
from lmgym.rewards import Reward, bind
from lmgym.rewards.base import Pay
from lmgym.rewards.compose import Term, paid
from lmgym.tasks.base import Task
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.update import Update


@dataclass(frozen=True)
class Watched(Term):
    """``reward``, which notes the utility of every finished episode that it pays."""

    reward: Reward
    golds: list[float] = field(default_factory=list, compare=False, repr=False)
    """Of the episodes paid since ``take``; NaN where nobody can say."""
    task: Task | None = field(default=None, compare=False, repr=False)
    pay: Pay = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "pay", self.reward.pay)

    @property
    def inner(self) -> tuple[Reward, ...]:
        return (self.reward,)

    def paid(self, pay: Pay) -> Watched:
        return replace(self, reward=paid(self.reward, pay))

    def bound_to(self, task: Task) -> Watched:
        """Returns the reward for transcripts of ``task``; it notes into the same list."""
        return replace(self, reward=bind(self.reward, task), task=task)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        scores = self.reward(transcripts)
        if self.task is not None:
            ended = [t for t in transcripts if t.terminated or t.truncated]
            found = [self.task.utility(transcript) for transcript in ended]
            self.golds.extend(np.nan if gold is None else float(gold) for gold in found)
        return scores

    def take(self) -> list[float]:
        """Returns what was noted, and forgets it."""
        golds = list(self.golds)
        self.golds.clear()
        return golds


class WatchedPPO:
    """PPO with the gold utility in its log, ended by a budget of KL; see ``lmgym_agents.train.Algorithm``."""

    def __init__(
        self, ppo: PPO, watched: Watched, *, max_kl: float | None = None,
        on_message: Callable[[str], None] | None = None,
    ) -> None:  # fmt: skip
        """Joins the parts.

        Args:
            ppo: trains in an environment that pays ``watched``.
            watched: the reward.
            max_kl: training ends after the first rollout whose episodes are further than this from the
                reference, in nats; None: never.
            on_message: told when that happens.
        """
        self.ppo, self.watched, self.max_kl = ppo, watched, max_kl
        self.is_stopped = False
        self._say = on_message or (lambda message: None)

    @property
    def iteration(self) -> int:
        """Iterations done."""
        return self.ppo.iteration

    def iterations(self) -> Iterator[Update]:
        """Yields after each iteration of PPO."""
        while self.ppo.iteration < self.ppo.config.iterations and not self.is_stopped:
            self.watched.take()
            update = self.ppo.iterate()
            golds = np.array(self.watched.take(), np.float64)
            known = golds[np.isfinite(golds)]
            metrics: dict[str, Any] = {
                **update.metrics,
                "proxy": update.metrics["reward"],
                "gold": float(known.mean()) if len(known) else None,
                "gold_unknown": len(golds) - len(known),
            }
            kl = update.metrics.get("kl_episode")
            if self.max_kl is not None and isinstance(kl, float) and kl > self.max_kl:
                self.is_stopped = True
                self._say(f"PPO ends: it is {kl:.2f} nats from the reference (--max-kl {self.max_kl:g}).")
            yield Update(update.step, metrics, update.timing)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that later iterations depend on."""
        return {"ppo": self.ppo.state_dict(), "is_stopped": self.is_stopped}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to such a state."""
        self.ppo.load_state_dict(state["ppo"])
        self.is_stopped = bool(state["is_stopped"])
