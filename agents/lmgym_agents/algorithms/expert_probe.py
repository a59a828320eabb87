"""What a policy can do between two rounds of expert iteration.

In: the policy as it is. Out: its greedy success on held-out and on harder problems, and the numbers of a
probe: samples on the same problems with the same seeds every time.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from lmgym.envs.vector import TokenVectorEnv
from lmgym.seeding import make_key
from lmgym.tasks.base import HASHED_SPLITS, Task
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.algorithms.expert_iteration_config import ExpertIterationConfig
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import distinct_problems, evaluate
from lmgym_agents.policy import Policy
from lmgym_agents.ranking import auc
from lmgym_agents.rollout import Rollout, collect
from lmgym_agents.round_diagnosis import ProbeNumbers, measure_probe
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.solution_pool import canonical_text


class PolicyNumbers(NamedTuple):
    """What the probe has measured."""

    probe: ProbeNumbers
    entropy: float
    held_out: float
    ood: tuple[tuple[str, float], ...]
    auc: float | None


class Probe:
    """Measures one policy on one task, always on the same problems with the same seeds."""

    def __init__(
        self,
        policy: Policy,
        task: Task,
        tokenizer: TextTokenizer,
        config: ExpertIterationConfig,
        *,
        engine: Engine,
        env_options: Mapping[str, Any],
    ) -> None:
        self._task, self._tokenizer, self._config, self._engine = task, tokenizer, config, engine
        self._options = {**env_options, "tokenizer": tokenizer}
        self._agent = LMAgent(policy, tokenizer, engine=engine)
        ood = tuple(split for split in task.splits if split not in HASHED_SPLITS)
        self._ood = ood if config.ood_splits is None else config.ood_splits
        problems = distinct_problems(task, config.probe_split, config.probe_problems)
        self._index = np.repeat([problem.index for problem in problems], config.probe_samples)
        self._env = TokenVectorEnv(
            task,
            num_envs=len(self._index),
            split=config.probe_split,
            autoreset_mode="DISABLED",
            **self._options,
        )

    def __call__(self) -> PolicyNumbers:
        """Returns the numbers of the policy as it is."""
        params = SamplingParams(max_new_tokens=1, temperature=1.0)
        seed = make_key(self._config.seed, "expert", "probe")
        rollout = collect(self._env, self._engine, params, seed=seed, problem_index=self._index)
        held_out = self._greedy(self._config.eval_split)
        ood = tuple((split, self._greedy(split)) for split in self._ood)
        entropy = -float(rollout.logp_behaviour[rollout.is_action].double().mean())
        return PolicyNumbers(self._read(rollout), entropy, held_out, ood, _discrimination(rollout))

    def _greedy(self, split: str) -> float:
        found = evaluate(
            self._agent, self._task, split=split, num_problems=self._config.eval_problems,
            env_options=self._options, num_transcripts=0,
        )  # fmt: skip
        return float(found.success.mean)

    def _read(self, rollout: Rollout) -> ProbeNumbers:
        texts = [
            canonical_text(self._tokenizer.decode(ids[acts].numpy()))
            for ids, acts in zip(rollout.input_ids, rollout.is_action, strict=True)
        ]
        shape = (-1, self._config.probe_samples)
        _, names = np.unique(np.array(texts, object), return_inverse=True)
        return measure_probe(
            rollout.success.numpy().reshape(shape), ~rollout.failed.numpy().reshape(shape),
            names.reshape(shape),
        )  # fmt: skip


def _discrimination(rollout: Rollout) -> float | None:
    """Returns how well log-probs tell right samples from wrong ones; None where all are alike."""
    valid = rollout.select(~rollout.failed)
    if valid.success.all() or not valid.success.any():
        return None
    scores = valid.logp_behaviour.sum(dim=1).double()
    return auc(scores, valid.success)
