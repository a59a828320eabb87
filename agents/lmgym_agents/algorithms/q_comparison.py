"""Q against the exact Q* while it is learned, on tasks that know their optimal values."""

from __future__ import annotations

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.seeding import make_key
from lmgym_agents.algorithms.q_learning_config import QLearningConfig
from lmgym_agents.diagnosis.hidden import find_alike
from lmgym_agents.diagnosis.q_diagnosis import diagnose
from lmgym_agents.q.model import QModel, QStates
from lmgym_agents.search.states import Transitions

_NUM_SEARCHED = 256
"""Problems among which those that look alike are found."""


class QComparison:
    """Compares on the same problems each time: the first ones of the environment's split."""

    def __init__(self, model: QModel, env: TokenVectorEnv, config: QLearningConfig) -> None:
        """Prepares comparisons.

        Args:
            model: its present weights are compared.
            env: its task must know its optimal values, in success.
            config: says how many problems.

        Raises:
            InvalidValueError: the task does not know them.
        """
        task = env.task
        self._problems = task.problems("train", range(config.diagnose_problems))
        if task.optimal_value(self._problems[0], (), "") is None:
            raise InvalidValueError(
                f"{task.fingerprint} does not know its optimal values; set diagnose_every=0, or take a task "
                "that does (Echo, Count, Delayed, Guess, Countdown ...)."
            )
        self._alike = find_alike(task.problems("train", range(_NUM_SEARCHED)))
        self._transitions = Transitions(
            task, env.tokenizer, max_new_tokens=env.max_new_tokens, max_episode_tokens=env.context_length
        )
        self._model, self._seed = model, make_key(config.seed, "q", "diagnosis")

    def measure(self) -> dict[str, float]:
        """Returns the numbers of ``diagnosis.q_diagnosis.Diagnosis`` by name, after "diagnosis/"."""
        found = diagnose(
            QStates(self._model), self._transitions, self._problems, seed=self._seed,
            acting="policy" if self._model.kind == "logits" else "q", is_consistency_checked=False,
            alike=self._alike,
        )  # fmt: skip
        return found.metrics("diagnosis/")
