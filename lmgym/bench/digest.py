"""Digests of the problems that an environment poses, which a suite's hash is made from.

In: an environment's id, its options, splits. Out: a SHA-256. It covers sizes, reward, prompts, references
and demonstrations of the first problems, so that none of them changes unnoticed. Left out: how answers are
judged.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any, cast

import gymnasium as gym

from lmgym.bench.fields import canonical_json
from lmgym.envs.vector import TokenVectorEnv
from lmgym.seeding import make_generator

NUM_PROBLEMS = 8
"""Of each split."""


def digest_problems(env_id: str, options: Mapping[str, Any], splits: Sequence[str]) -> str:
    """Returns the SHA-256, in hexadecimal, of the first ``NUM_PROBLEMS`` problems of each split.

    The same in every process, whatever Python's hash seed is.
    """
    env = cast(TokenVectorEnv, gym.make_vec(env_id, num_envs=1, **{"autoreset_mode": "DISABLED", **options}))
    setup = env.setup
    found: list[Any] = [
        env_id, setup.max_new_tokens, setup.max_prompt_tokens, setup.context_length, repr(setup.reward),
    ]  # fmt: skip
    for split in splits:
        for problem in setup.task.problems(split, range(NUM_PROBLEMS)):
            turns = setup.task.demonstrations(problem, make_generator(0, "digest", problem.index))
            found.append([split, problem.prompt, _plain(problem.reference), problem.key, list(turns)])
    env.close()
    return hashlib.sha256(canonical_json(found).encode()).hexdigest()


def _plain(value: Any) -> Any:
    """Returns plain values that say what a problem's reference says, in one order."""
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, Mapping):
        return sorted(([_plain(name), _plain(item)] for name, item in value.items()), key=canonical_json)
    if isinstance(value, set | frozenset):
        return sorted((_plain(item) for item in value), key=canonical_json)
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in dataclasses.fields(value) if field.compare]
        return [type(value).__name__, *([name, _plain(getattr(value, name))] for name in names)]
    return [type(value).__name__, str(value)]
