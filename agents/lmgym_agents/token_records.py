"""Token records: episodes of a model with what it made of each token, one JSON line an episode.

In: a model, an environment, a split. Out: plain dicts, and files of them, which ``lmgym report`` shows as
heat maps: log-prob, entropy, value, Q, advantage, reward with its terms, KL. Left out: showing them.

A record::

    {"schema": 1, "label": "end", "env": "lmgym/Math-v0", "options": "{}", "split": "test",
     "problem_index": 17, "prompt": "12+7=", "tokens": ["1", "9", "■"], "is_action": [true, true, true],
     "num_tokens": 3,
     "logp": [...], "entropy": [...], "value": [...], "q": null, "advantage": [...],
     "advantage_kind": "gae", "reward": [0, 0, 1], "kl": null, "terms": {"correct": [0, 0, 1]},
     "success": true, "score": 1.0, "reward_total": 1.0, "surprise": 0.21, "stopped": true,
     "terminated": true, "failed": false}

``tokens`` is what stands behind the prompt, replies of the environment included (``is_action`` false); lists
of numbers are as long, null where nothing is known. A long episode keeps its beginning and its end. The same
model, problems and seed give the same records, byte for byte.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, cast

import gymnasium as gym
import numpy as np
from torch import Tensor

import lmgym  # noqa: F401  # registers the environments
from lmgym.conversation import readable
from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.records import Problem
from lmgym.seeding import make_key
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import LMAgent
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import distinct_problems
from lmgym_agents.policy import Policy
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.model import QModel
from lmgym_agents.reference import Reference
from lmgym_agents.rollout import Rollout, collect
from lmgym_agents.runs.durable_files import FILES, write_atomically
from lmgym_agents.sampling import SamplingParams
from lmgym_agents.token_measures import TokenMeasures, measure_tokens
from lmgym_agents.token_terms import Payments, reward_payments
from lmgym_agents.token_texts import token_texts

SCHEMA: Final = 1
MAX_PROMPT_CHARS: Final = 8192
MAX_TOKENS: Final = 2048
"""Tokens that a record keeps of an episode: half from its beginning, half from its end."""

Model: TypeAlias = Policy | QModel | LMAgent | QAgent


def record_tokens(
    model: Model,
    tokenizer: TextTokenizer,
    env_id: str,
    *,
    options: Mapping[str, Any] | None = None,
    split: str = "test",
    num_problems: int = 64,
    seed: int = 0,
    reference: Policy | Reference | None = None,
    temperature: float = 0.0,
    label: str = "",
) -> list[dict[str, Any]]:
    """Returns one record for each of the first different problems of a split.

    Args:
        model: a policy, a Q model, or an agent of one, which answers with its own rule and temperature.
        tokenizer: the model's.
        env_id: id of an environment.
        options: of the environment.
        split: of its task.
        num_problems: fewer where the split has no more.
        seed: of the sampling.
        reference: what KL is measured from.
        temperature: of a policy's sampling (0 is greedy), and of a Q model's (0: its best action, else
            prior · exp(Q / temperature)).
        label: says which records belong together, e.g. "start" or an agent's name.

    Raises:
        InvalidValueError: no problem was asked for, or ``model`` is something else.
    """
    if num_problems < 1:
        raise InvalidValueError(f"num_problems must be at least 1, got {num_problems}.")
    agent = _make_agent(model, tokenizer, temperature, num_problems)
    made = {"tokenizer": tokenizer, "split": split, "autoreset_mode": "DISABLED", **(options or {})}
    probe = cast("TokenVectorEnv", gym.make_vec(env_id, num_envs=1, **made))
    problems = distinct_problems(probe.task, split, num_problems)
    env = cast("TokenVectorEnv", gym.make_vec(env_id, num_envs=len(problems), **made))
    rollout = collect(
        env, agent.engine, agent.params, seed=make_key(seed, "token records"),
        problem_index=np.array([problem.index for problem in problems], np.int64), max_failed=1.0,
    )  # fmt: skip
    own = agent.policy if isinstance(agent, LMAgent) else agent.model
    measures = measure_tokens(own, rollout, reference)
    payments = reward_payments(env, rollout, problems)
    told = json.dumps(dict(options or {}), sort_keys=True, default=lambda value: type(value).__name__)
    head = {"schema": SCHEMA, "label": label, "env": env_id, "options": told, "split": split}
    return [
        head | _make_record(rollout, measures, payments[row], row, problem, env.tokenizer)
        for row, problem in enumerate(problems)
    ]


def write_token_records(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Writes the records, a line each; an existing file is replaced in one step."""
    write_atomically(path.absolute(), to_json_lines(records), FILES)


def to_json_lines(records: Sequence[Mapping[str, Any]]) -> bytes:
    """Returns the content of a file of records."""
    lines = [json.dumps(record, allow_nan=False, separators=(",", ":")) + "\n" for record in records]
    return "".join(lines).encode("ascii")


def _make_agent(model: Model, tokenizer: TextTokenizer, temperature: float, rows: int) -> LMAgent | QAgent:
    if isinstance(model, LMAgent | QAgent):
        return model
    if isinstance(model, QModel):
        return QAgent(
            model, tokenizer, acting="prior" if temperature else "greedy", temperature=temperature or None
        )
    if not isinstance(model, Policy):
        raise InvalidValueError(
            f"token records are made of a Policy, a QModel, an LMAgent or a QAgent, got "
            f"{type(model).__name__}: of another agent nobody knows the probabilities."
        )
    params = SamplingParams(max_new_tokens=256, temperature=temperature)
    engine = Engine(model.model, max_rows=min(rows, 1024), pad_id=tokenizer.pad_id)
    return LMAgent(model, tokenizer, params, engine=engine)


def _make_record(
    rollout: Rollout,
    measures: TokenMeasures,
    payments: Payments,
    row: int,
    problem: Problem,
    tokenizer: TextTokenizer,
) -> dict[str, Any]:
    kept, num_tokens = _kept_positions(rollout, row)
    acts = rollout.is_action[row]
    logps = measures.logps[row][acts].double()
    record: dict[str, Any] = {
        "problem_index": problem.index,
        "prompt": _cut(readable(problem.prompt)),
        "num_tokens": num_tokens,
        "tokens": token_texts(rollout.input_ids[row][kept].tolist(), tokenizer),
        "is_action": acts[kept].tolist(),
        "advantage_kind": measures.advantage_kind,
    }
    columns = {
        "logp": measures.logps, "entropy": measures.entropies, "value": measures.values, "q": measures.q,
        "advantage": measures.advantages, "kl": measures.kl,
    }  # fmt: skip
    record |= {name: _numbers(column, row, kept, acts) for name, column in columns.items()}
    record["reward"] = [_number(value) for value in rollout.rewards[row][kept].tolist()]
    record["terms"] = {name: _spread(paid, kept) for name, paid in payments.items()}
    record |= {
        "success": bool(rollout.success[row]),
        "score": _number(float(rollout.score[row])),
        "reward_total": _number(float(rollout.returns[row])),
        "surprise": _number(float(-logps.mean())) if len(logps) else None,
        "stopped": bool(rollout.stopped[row]),
        "terminated": bool(rollout.terminated[row]),
        "failed": bool(rollout.failed[row]),
    }
    return record


def _kept_positions(rollout: Rollout, row: int) -> tuple[list[int], int]:
    """Returns the positions that are written down, and how many there are behind the prompt."""
    length = int(rollout.lengths[row])
    start = int(rollout.is_action[row].int().argmax()) if rollout.is_action[row].any() else length
    places = list(range(start, length))
    half = MAX_TOKENS // 2
    return (places if len(places) <= MAX_TOKENS else places[:half] + places[-half:]), len(places)


def _cut(text: str) -> str:
    return text if len(text) <= MAX_PROMPT_CHARS else text[: MAX_PROMPT_CHARS - 1] + "…"


def _numbers(
    column: Tensor | None, row: int, kept: list[int], is_action: Tensor
) -> list[float | None] | None:
    """Returns the numbers of the kept positions, None where no action; None if there is no such column."""
    if column is None:
        return None
    acts = is_action[kept].tolist()
    values = column[row][kept].double().tolist()
    return [_number(value) if act else None for value, act in zip(values, acts, strict=True)]


def _spread(paid: Sequence[tuple[int, float]], kept: Sequence[int]) -> list[float | None]:
    amounts = dict.fromkeys(kept, 0.0)
    for position, amount in paid:
        if position in amounts:
            amounts[position] += amount
    return [_number(amounts[position]) for position in kept]


def _number(value: float) -> float | None:
    """Returns six digits of a number, None of what JSON has no word for."""
    return float(f"{value:.6g}") if math.isfinite(value) else None
