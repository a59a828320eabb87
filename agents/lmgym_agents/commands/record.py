"""``lmgym record``: plays episodes and keeps them as trajectories for offline learning."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple, cast

import gymnasium as gym
import numpy as np
import tyro
from numpy.typing import NDArray

from lmgym.envs.vector import TokenVectorEnv
from lmgym.errors import InvalidValueError
from lmgym.seeding import make_generator, make_key
from lmgym.tokenization import TextTokenizer
from lmgym_agents.agent import AgentEngine
from lmgym_agents.agent_specs import make_lone_agent
from lmgym_agents.engine import Engine
from lmgym_agents.errors import TrajectoryError
from lmgym_agents.offline.jsonl import append_jsonl
from lmgym_agents.offline.trajectories import (
    ScriptEngine,
    Trajectories,
    Trajectory,
    from_rollout,
    make_source,
)
from lmgym_agents.q.agent import QAgent
from lmgym_agents.q.files import is_q_model, load_q_model
from lmgym_agents.rollout import collect
from lmgym_agents.run_options import EnvOptions, ModelOptions
from lmgym_agents.runs.progress import TrainingDisplay
from lmgym_agents.sampling import SamplingParams

_QUALITY = "demonstration_quality"
_MAX_INDEX: Final = 2**62


@dataclass(frozen=True, kw_only=True)
class Record:
    """Records whole episodes of a model, of any agent or of demonstrations into a file of JSON lines.

    A file that exists is added to, so data of mixed quality are recorded in several calls: with models of
    several --temperature, say, or demonstrations of several --demonstration-quality. What was recorded before
    an interruption stays.
    """

    out: Path
    """file to make or to add to"""
    env: Annotated[EnvOptions, tyro.conf.OmitArgPrefixes] = field(default_factory=EnvOptions)
    model: Annotated[ModelOptions, tyro.conf.OmitArgPrefixes] = field(default_factory=ModelOptions)
    agent: str | None = None
    """in place of a model; named as in `lmgym eval`"""
    demonstration_quality: float | None = None
    """play the task's demonstrations of this quality, in [0, 1], in place of a model"""
    episodes: int = 1000
    """how many to record"""
    first_problem: int = 0
    """index of the first problem of the split; the others follow"""
    split: str = "train"
    """where problems come from"""
    temperature: float = 1.0
    """of a model's sampling; 0 is greedy. A Q model acts by prior · exp(Q / temperature)"""
    rows: int = 256
    """episodes at once"""
    seed: int = 0
    """of the sampling, and of the places where a demonstration errs"""

    def __post_init__(self) -> None:
        for name, least in (("episodes", 1), ("rows", 1), ("first_problem", 0)):
            if getattr(self, name) < least:
                raise InvalidValueError(
                    f"Record.{name} is {getattr(self, name)!r}; allowed: integers from {least}."
                )
        if self.first_problem >= _MAX_INDEX:
            raise InvalidValueError(
                f"Record.first_problem is {self.first_problem}; allowed: integers below {_MAX_INDEX}."
            )
        if self.agent is not None and self.demonstration_quality is not None:
            raise InvalidValueError("--agent and --demonstration-quality were both given; take one.")
        if self.model != ModelOptions() and self.agent is not None:
            raise InvalidValueError("--agent and options of a model were both given; take one.")


class _Actor(NamedTuple):
    """Who is recorded."""

    name: str
    engine: Engine | None
    """None: demonstrations, which are written anew for every batch."""
    params: SamplingParams
    has_logps: bool


def run_record(config: Record) -> int:
    """Runs ``lmgym record``; returns the exit code.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    if not config.out.absolute().parent.is_dir():
        raise TrajectoryError(f"the folder of {config.out} does not exist; make it first.")
    options = config.env.make_options()
    if config.demonstration_quality is not None:
        options[_QUALITY] = config.demonstration_quality
    agent = None if config.agent is None else make_lone_agent(config.agent, seed=config.seed)
    tokenizer = getattr(agent, "tokenizer", None) or config.model.make_tokenizer()
    rows = min(config.rows, config.episodes)
    env = _make_env(config, options, rows, tokenizer)
    actor = _make_actor(config, agent, env, env.tokenizer)
    # How good a demonstration is says nothing about what its tokens and rewards mean.
    source = make_source(env, config.env.env, {k: v for k, v in options.items() if k != _QUALITY})
    starts = range(0, config.episodes, rows)
    returns: list[float] = []
    with TrainingDisplay() as display:
        display.begin("record", len(starts))
        for start in starts:
            begun = time.perf_counter()
            index = np.arange(start, min(start + rows, config.episodes)) + config.first_problem
            new = Trajectories(source=source, episodes=play(env, actor, index, config))
            append_jsonl(config.out, new, on_message=display.say)
            returns += new.returns.tolist()
            num_tokens = sum(int(episode.is_action.sum()) for episode in new.episodes)
            seconds = max(time.perf_counter() - begun, 1e-9)
            success = float(np.mean([episode.success for episode in new.episodes])) if new.episodes else 0.0
            display.advance({"success": success}, {"generated_tokens_per_s": num_tokens / seconds})
        display.finish()
        mean = float(np.mean(returns)) if returns else float("nan")
        display.say(
            f"{len(returns):,} episodes of {actor.name} in {config.out}, mean return {mean:.4g}, "
            f"{config.episodes - len(returns)} left out because their reward failed."
        )
    return 0


def play(
    env: TokenVectorEnv, actor: _Actor, index: NDArray[np.int64], config: Record
) -> tuple[Trajectory, ...]:
    """Returns one episode for each problem index; the last batch is filled up and cut again."""
    filled = np.resize(index, env.num_envs)
    engine = actor.engine
    if engine is None:
        rng = make_generator(config.seed, "demonstrations", int(index[0]))
        problems = env.task.problems(config.split, filled.tolist())
        turns = [env.task.demonstrations(problem, rng) for problem in problems]
        engine = cast("Engine", ScriptEngine(turns, env.tokenizer))
    rollout = collect(
        env, engine, actor.params, seed=make_key(config.seed, "record", int(index[0])),
        problem_index=filled, split=config.split, max_failed=1.0,
    )  # fmt: skip
    kept = rollout.failed.new_zeros(env.num_envs)
    kept[: len(index)] = True
    return from_rollout(rollout.select(kept), split=config.split, actor=actor.name, has_logps=actor.has_logps)


def _make_env(
    config: Record, options: Mapping[str, Any], rows: int, tokenizer: TextTokenizer
) -> TokenVectorEnv:
    keywords = {"tokenizer": tokenizer, **options}
    made = gym.make_vec(config.env.env, num_envs=rows, autoreset_mode="DISABLED", **keywords)
    return cast("TokenVectorEnv", made)


def _make_actor(config: Record, agent: Any, env: TokenVectorEnv, tokenizer: TextTokenizer) -> _Actor:
    greedy = SamplingParams(max_new_tokens=1, temperature=0)
    if config.demonstration_quality is not None:
        return _Actor(f"demonstrations of quality {config.demonstration_quality:g}", None, greedy, False)
    if agent is not None:
        return _Actor(str(config.agent), cast("Engine", AgentEngine(agent, tokenizer)), greedy, False)
    name = f"{config.model.model} at temperature {config.temperature:g}"
    if is_q_model(config.model.model):
        return _make_q_actor(config, name, tokenizer)
    policy = config.model.make_policy(tokenizer, context=env.context_length, seed=config.seed)
    engine = Engine(policy.model, max_rows=min(env.num_envs, 1024), pad_id=tokenizer.pad_id)
    params = SamplingParams(max_new_tokens=1, temperature=config.temperature)
    return _Actor(name, engine, params, True)


def _make_q_actor(config: Record, name: str, tokenizer: TextTokenizer) -> _Actor:
    """Returns a Q model that acts by Q, as `lmgym eval` lets it."""
    SamplingParams(max_new_tokens=1, temperature=config.temperature)  # checks the temperature
    agent = QAgent(
        load_q_model(config.model.model, config.model.device, dtype=config.model.torch_dtype), tokenizer,
        acting="prior" if config.temperature else "greedy", temperature=config.temperature or None,
    )  # fmt: skip
    return _Actor(name, agent.engine, agent.params, False)
