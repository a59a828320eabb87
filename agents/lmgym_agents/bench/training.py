"""What an agent that learns is given by the benchmark: counted environments, a curve, checkpoints.

``BenchTraining`` is a ``lmgym.agent.Training``. A killed job goes on bit for bit from its newest checkpoint,
which holds the agent's state, the counters, the curve and the generators of the process; how often it saves
changes no number. The time that measuring and saving take is not training time.
"""

from __future__ import annotations

import math
import operator
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from lmgym.bench.fields import MAX_COUNT
from lmgym.bench.result_record import CurvePoint
from lmgym.bench.suites import Entry
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.tokenization import TextTokenizer
from lmgym_agents.bench.counted_env import TokenBudget, make_counted_env
from lmgym_agents.runs import checkpoint
from lmgym_agents.runs.metrics import MetricsWriter
from lmgym_agents.runs.random_state import rng_state, set_rng_state
from lmgym_agents.weights import NotFiniteError

CHECKPOINT_EVERY_S: Final = 10.0
MAX_FLOPS: Final = 1e30
"""Of one piece of work; more is a mistake."""


class BenchTraining:
    """One training of one agent; see the module and ``lmgym.agent.Training``."""

    def __init__(
        self,
        entry: Entry,
        *,
        seed: int,
        model: Path | None,
        tokenizer: TextTokenizer,
        folder: Path,
        device: str = "cpu",
        measure: Callable[[], float],
        on_progress: Callable[[str, float], None] | None = None,
        checkpoint_every_s: float | None = None,
    ) -> None:
        """Prepares a training, or finds the one that a kill left in ``folder``.

        Args:
            entry: which environment, and how much may be spent in it.
            seed: of the agent.
            model: folder of the model to start from.
            tokenizer: of that model.
            folder: of the job; made if missing. Metrics, checkpoints and the agent's files lie there.
            device: for agents that use torch.
            measure: returns the agent's score on the validation split, as it is now.
            on_progress: told "train" and the share of the budget that is spent, in [0, 1].
            checkpoint_every_s: seconds between two checkpoints; 0: after each piece of work; None: as usual.
        """
        self.env_id, self.options, self.seed = entry.env, dict(entry.options), seed
        self.model, self.tokenizer, self.device = model, tokenizer, device
        self.folder = folder / "agent"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.curve: list[CurvePoint] = []
        self.start_scores: dict[str, Any] = {}
        """Kept in checkpoints, so that nothing is measured twice."""
        self.num_gradient_steps = 0
        self.flops: float | None = None
        self.train_s = 0.0
        """Seconds of training so far, those before a kill included."""
        self._entry, self._measure, self._on_progress = entry, measure, on_progress
        self._tokens = TokenBudget(entry.budget)
        self._marks = [
            math.ceil(entry.budget * k / entry.curve_points) for k in range(1, entry.curve_points + 1)
        ]
        self._step = 0
        self._checkpoints = folder / "checkpoints"
        self._every_s = CHECKPOINT_EVERY_S if checkpoint_every_s is None else checkpoint_every_s
        self._agent_state: dict[str, Any] | None = None
        self._random: dict[str, Any] | None = None
        if checkpoint.list_steps(self._checkpoints):
            self._load(checkpoint.load(self._checkpoints).state)
        self._metrics = MetricsWriter(folder / "metrics.jsonl", resume_step=self._step)
        self._since = self._saved_at = time.perf_counter()

    @property
    def budget(self) -> int:
        """Tokens that may be spent."""
        return self._tokens.limit

    @property
    def num_tokens(self) -> int:
        """Tokens spent: acted, and read."""
        return self._tokens.num_spent

    @property
    def num_acted_tokens(self) -> int:
        """Tokens acted in the environments."""
        return self._tokens.num_acted

    @property
    def num_read_tokens(self) -> int:
        """Tokens of demonstrations that were learned from."""
        return self._tokens.num_read

    @property
    def is_resumed(self) -> bool:
        """Whether a checkpoint was found."""
        return self._step > 0

    def make_env(self, num_envs: int, *, autoreset_mode: str = "DISABLED", **options: Any) -> TokenVectorEnv:
        """Returns rows of the train split, whose tokens count; see ``Training``."""
        return make_counted_env(
            self.env_id, self.options, self._tokens, num_envs=num_envs, tokenizer=self.tokenizer,
            own={"autoreset_mode": autoreset_mode, **options},
        )  # fmt: skip

    def charge(self, num_tokens: int) -> None:
        """Takes tokens from the budget that were acted elsewhere: in a search, which steps no environment.

        Raises:
            InvalidValueError: a number below 0.
        """
        self._tokens.num_acted += _count("charge", "num_tokens", num_tokens)

    def begin(self) -> None:
        """Takes the first point of the curve, unless it was taken before a kill."""
        if not self.curve:
            self._add_point()

    def resume_clock(self) -> None:
        """Says that training begins now."""
        self._since = self._saved_at = time.perf_counter()

    def restore(self) -> dict[str, Any] | None:
        """Returns the state of the newest checkpoint, and puts the process's generators where they were."""
        if self._random is not None:
            set_rng_state(self._random["process"])
            _set_numpys(self._random["numpy"])
        return self._agent_state

    def advance(
        self,
        metrics: Mapping[str, Any] | None = None,
        *,
        timing: Mapping[str, float] | None = None,
        num_gradient_steps: int = 0,
        flops: float | None = None,
        num_read_tokens: int = 0,
        state: Callable[[], dict[str, Any]] | None = None,
    ) -> bool:
        """Logs, measures and saves; see ``Training``.

        Raises:
            NotFiniteError: a metric is NaN or infinite.
            InvalidValueError: a count that is no integer from 0, FLOPs that are no number from 0, or more
                was read than there is a budget for.
        """
        self._pause()
        num_steps = _count("advance", "num_gradient_steps", num_gradient_steps)
        num_read = _count("advance", "num_read_tokens", num_read_tokens)
        if flops is not None and not 0 <= flops <= MAX_FLOPS:
            raise InvalidValueError(
                f"advance got flops={flops}; allowed: numbers from 0 to {MAX_FLOPS:g}, and None."
            )
        self._step += 1
        self._tokens.read(num_read)
        self.num_gradient_steps += num_steps
        if flops is not None:
            self.flops = (self.flops or 0.0) + flops
        self._log(dict(metrics or {}), timing)
        if self._marks and self.num_tokens >= self._marks[0]:
            self._marks = [mark for mark in self._marks if mark > self.num_tokens]
            self._add_point()
        if state is not None and time.perf_counter() - self._saved_at >= self._every_s:
            self._save(state())
        if self._on_progress is not None:
            self._on_progress("train", min(1.0, self.num_tokens / self.budget))
        self._since = time.perf_counter()
        return not self._tokens.is_spent

    def finish(self) -> None:
        """Takes the last point of the curve, if the training has gone on since the last one."""
        self._pause()
        now = (self.num_tokens, self.num_gradient_steps)
        if not self.curve or (self.curve[-1].num_tokens, self.curve[-1].num_gradient_steps) != now:
            self._add_point()
        self._metrics.close()

    def close(self) -> None:
        """Closes the file of metrics."""
        self._metrics.close()

    def _pause(self) -> None:
        now = time.perf_counter()
        self.train_s += now - self._since
        self._since = now

    def _log(self, metrics: dict[str, Any], timing: Mapping[str, float] | None) -> None:
        counters = {"num_tokens": self.num_tokens, "num_gradient_steps": self.num_gradient_steps}
        # The job's counters go under the job's names; an agent's own of the same names stay beside them.
        kept = {f"agent/{name}" if name in counters else name: value for name, value in metrics.items()}
        self._metrics.write(self._step, kept | counters, timing)
        for name, value in metrics.items():
            if _is_not_finite(value):
                raise NotFiniteError(f"the metric {name} of update {self._step} is {value}")

    def _add_point(self) -> None:
        score = self._measure()
        self.curve.append(
            CurvePoint(
                num_tokens=self.num_tokens, num_gradient_steps=self.num_gradient_steps, flops=self.flops,
                score=score,
            )
        )  # fmt: skip

    def _save(self, agent_state: dict[str, Any]) -> None:
        state = {
            "agent": agent_state, "num_acted": self._tokens.num_acted, "num_read": self._tokens.num_read,
            "num_gradient_steps": self.num_gradient_steps, "flops": self.flops, "step": self._step,
            "curve": [vars(point) for point in self.curve], "start_scores": self.start_scores,
            "marks": self._marks, "train_s": self.train_s,
            "random": {"process": rng_state(), "numpy": _numpys()},
        }  # fmt: skip
        checkpoint.save(self._checkpoints, step=self._step, state=state, keep=2)
        self._saved_at = time.perf_counter()

    def _load(self, state: dict[str, Any]) -> None:
        self._tokens.num_acted, self._tokens.num_read = state["num_acted"], state["num_read"]
        self.num_gradient_steps, self.flops = state["num_gradient_steps"], state["flops"]
        self._step, self.start_scores = state["step"], state["start_scores"]
        self.curve = [CurvePoint(**point) for point in state["curve"]]
        self._marks, self.train_s = state["marks"], state["train_s"]
        self._agent_state, self._random = state["agent"], state["random"]


def _count(method: str, name: str, value: Any) -> int:
    """Returns an integer from 0 as Python's own."""
    try:
        count = operator.index(value)
    except TypeError:  # also NaN, which no comparison would catch
        count = -1
    if not 0 <= count < MAX_COUNT:
        raise InvalidValueError(f"{method} got {name}={value}; allowed: integers, numbers from 0.")
    return count


def _is_not_finite(value: Any) -> bool:
    item = value.item() if hasattr(value, "item") and getattr(value, "ndim", 1) == 0 else value
    return isinstance(item, float) and not math.isfinite(item)


def _numpys() -> dict[str, Any]:
    """Returns the state of numpy's global generator, which nothing here draws from but foreign agents may."""
    name, words, position, has_gauss, gauss = np.random.get_state()
    return {"name": name, "words": words, "rest": [position, has_gauss, gauss]}


def _set_numpys(state: dict[str, Any]) -> None:
    np.random.set_state((state["name"], state["words"], *state["rest"]))
