"""The training of agents that ``observe``: episodes played by ``act``, and told with what they earned."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any, Final, cast

import numpy as np

from lmgym.agent import Experience
from lmgym.errors import BudgetSpentError
from lmgym.seeding import make_key
from lmgym_agents.agent import AgentEngine
from lmgym_agents.bench.counted_env import CountedVectorEnv
from lmgym_agents.bench.measuring import GuardedAgent
from lmgym_agents.bench.training import BenchTraining
from lmgym_agents.engine import Engine
from lmgym_agents.rollout import Rollout, collect
from lmgym_agents.sampling import SamplingParams

MAX_ROWS: Final = 256
MIN_BATCHES: Final = 32
"""Batches that the budget is good for at least, if every turn takes all the tokens it may."""


def observe_until_spent(agent: Any, training: BenchTraining) -> None:
    """Plays training episodes in batches, which ``agent.observe`` is told, until the budget is spent.

    A batch in which it ends is not told. Agents with ``save`` and ``load`` go on after a kill, others begin
    again.
    """
    env = cast("CountedVectorEnv", training.make_env(choose_rows(training)))
    number = 0
    state = training.restore()
    if state is not None:
        load_files(agent, state["files"])
        env.set_state(state["env"])
        number = int(state["number"])

    def keep() -> dict[str, Any]:
        return {"files": save_files(agent), "env": env.get_state(), "number": number}

    can_go_on = callable(getattr(agent, "save", None)) and callable(getattr(agent, "load", None))
    engine = cast("Engine", AgentEngine(GuardedAgent(agent), env.tokenizer))
    params = SamplingParams(max_new_tokens=1, temperature=0)
    while training.num_tokens < training.budget:
        if hasattr(agent, "explores"):
            agent.explores = True
        try:
            rollout = collect(
                env, engine, params, seed=make_key(training.seed, "observe", number),
                env_seed=make_key(training.seed, "observe") if number == 0 else None,
            )  # fmt: skip
        except BudgetSpentError:
            return
        agent.observe(make_experience(rollout, env))
        number += 1
        training.advance(
            {"reward": float(rollout.returns.mean()), "success": float(rollout.success.float().mean())},
            state=keep if can_go_on else None,
        )


def choose_rows(training: BenchTraining) -> int:
    """Returns how many episodes are played at once: many, but few enough that agents are told often."""
    setup = training.make_env(1).setup
    longest = setup.max_new_tokens * max(1, setup.task.max_turns)
    return max(1, min(MAX_ROWS, training.budget // (MIN_BATCHES * longest)))


def make_experience(rollout: Rollout, env: CountedVectorEnv) -> Experience:
    """Returns what an agent is told of the episodes that ``env`` has just finished."""
    stopped = np.zeros(env.num_envs, np.bool_)
    rows, last = np.arange(env.num_envs), rollout.lengths.numpy() - 1
    ids = rollout.input_ids.numpy()
    # An episode that ends in a reply has no open turn, whose end token could be among the text.
    stopped[:] = np.isin(ids[rows, last], env.tokenizer.end_ids) & rollout.is_action.numpy()[rows, last]
    kept = (~rollout.failed).numpy()
    transcripts = [each for each, is_kept in zip(env.transcripts(stopped), kept, strict=True) if is_kept]
    ended = [
        each._replace(terminated=bool(terminated), truncated=bool(truncated))
        for each, terminated, truncated in zip(
            transcripts, rollout.terminated[kept].tolist(), rollout.truncated[kept].tolist(), strict=True
        )
    ]
    prompts = [prompt for prompt, is_kept in zip(env.prompts(), kept, strict=True) if is_kept]
    return Experience(
        prompts=tuple(prompts),
        responses=tuple(tuple(t.text for t in each.turns if t.role == "agent") for each in ended),
        transcripts=tuple(ended),
        rewards=rollout.returns.double().numpy()[kept],
        success=rollout.success.numpy()[kept],
        input_ids=ids[kept].astype(np.int32),
        lengths=rollout.lengths.numpy()[kept].astype(np.int32),
        is_action=rollout.is_action.numpy()[kept],
        token_rewards=rollout.rewards.double().numpy()[kept],
        terminated=rollout.terminated.numpy()[kept],
    )


def save_files(agent: Any) -> dict[str, bytes]:
    """Returns the files that ``agent.save`` writes, by their path within its folder."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        agent.save(folder)
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def load_files(agent: Any, files: dict[str, bytes]) -> None:
    """Writes the files of ``save_files`` into a folder and has the agent load it."""
    with tempfile.TemporaryDirectory() as name:
        for path, data in files.items():
            target = Path(name, path)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(data)
        agent.load(Path(name))
