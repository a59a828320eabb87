"""A policy's own responses with labels on their steps, for a process reward model of that policy.

In: a policy's engine and a task. Out: responses labelled by roll-outs, or by the task's checker of steps.
Left out: learning from them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from lmgym.records import Problem
from lmgym.seeding import make_key
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer
from lmgym_agents.engine import Engine
from lmgym_agents.process.step_labels import LabelledResponse, label_by_checker, label_by_values
from lmgym_agents.process.values import RolloutValues, cut_prefixes
from lmgym_agents.sampling import SamplingParams

LabelKind = Literal["soft", "hard", "checked"]


def sample_responses(
    engine: Engine,
    tokenizer: TextTokenizer,
    problems: Sequence[Problem],
    params: SamplingParams,
    *,
    seed: int,
) -> list[str]:
    """Returns one response to each problem; one that its budget has cut is left as it is."""
    prefix = np.array(tokenizer.prefix_ids, np.int64)
    prompts = [np.concatenate([prefix, ids]) for ids in tokenizer.encode_batch([p.prompt for p in problems])]
    params = dataclasses.replace(params, stop_ids=tokenizer.end_ids)
    generation = engine.generate(prompts, params, seed=make_key(seed, "responses"))
    return tokenizer.decode_batch(generation.tokens.numpy(), generation.lengths.numpy())


def sample_labelled(
    engine: Engine,
    task: Task,
    tokenizer: TextTokenizer,
    problems: Sequence[Problem],
    *,
    num_rollouts: int = 8,
    kind: LabelKind = "soft",
    params: SamplingParams | None = None,
    seed: int = 0,
) -> list[LabelledResponse]:
    """Returns one sampled response to each problem, its steps labelled by the task or by roll-outs.

    Args:
        engine: of the policy.
        task: verifies roll-outs; single-turn.
        tokenizer: of the policy.
        problems: of the task.
        num_rollouts: k, from each prefix.
        kind: "soft": rates of success of roll-outs; "hard": whether any succeeds; "checked": whether the
            task's checker has found no wrong step so far.
        params: how tokens are drawn; default: temperature 1 and the task's budget.
        seed: of all sampling.
    """
    params = params or SamplingParams(max_new_tokens=task.default_max_new_tokens)
    responses = sample_responses(engine, tokenizer, problems, params, seed=seed)
    if kind == "checked":
        return [label_by_checker(task, p, text) for p, text in zip(problems, responses, strict=True)]
    rollouts = RolloutValues(engine, task, tokenizer, params, num_rollouts=num_rollouts, seed=seed)
    cuts = [cut_prefixes(problem, text) for problem, text in zip(problems, responses, strict=True)]
    values = iter(rollouts.measure([prefix for prefixes in cuts for prefix in prefixes]))
    return [
        label_by_values(problem, text, [next(values) for _ in prefixes], kind=kind)
        for problem, text, prefixes in zip(problems, responses, cuts, strict=True)
    ]
