"""Stages that make a policy better: PPO against a reward, DPO on verdicts, imitation of the best of n.

In: a run, the policy of the round before, and a reward or verdicts. Out: algorithms for ``run_stages``.
Left out: where the reward comes from (``rlhf.proxy``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from lmgym.errors import EmptyProblemSetError
from lmgym.preferences import Preference
from lmgym.rewards import Reward
from lmgym.tokenization import TextTokenizer
from lmgym_agents.algorithms.dpo import DPO
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.sft import SFT
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.policy import Policy
from lmgym_agents.preference_rows import PreferenceRows
from lmgym_agents.reference import Reference
from lmgym_agents.reward_models.pairs import split_by_prompt
from lmgym_agents.rlhf.chunked_work import Chunk, ChunkedWork
from lmgym_agents.rlhf.episodes import EpisodeRows, read_episodes, sample_episodes
from lmgym_agents.rlhf.feedback import collected_episodes
from lmgym_agents.rlhf.measurement import choose_best
from lmgym_agents.rlhf.measuring import Floats, gold_of, proxy_of
from lmgym_agents.rlhf.run import Run
from lmgym_agents.rlhf.watched import Watched, WatchedPPO


def make_sft(run: Run, policy: Policy) -> SFT:
    """Returns the warm start on the task's demonstrations."""
    seed = run.seed("sft")
    data = TaskDemonstrations(run.task, seed=seed, tokenizer=run.tokenizer, **run.budgets)
    config = dataclasses.replace(run.config.sft, seed=seed)
    return SFT(policy, data, config, task=run.task, tokenizer=run.tokenizer, on_message=run.display.say)


def make_ppo(run: Run, number: int, policy: Policy, reward: Reward) -> WatchedPPO:
    """Returns PPO against ``reward``, measured and held by its distance from the policy after SFT."""
    watched = Watched(reward)
    env = run.make_env(run.config.num_envs, watched)
    config = dataclasses.replace(run.config.ppo, seed=run.seed("ppo", number))
    ppo = PPO(
        policy, env, config, engine=run.engine(policy), reference=Reference(run.policy("sft")),
        on_message=run.display.say,
    )  # fmt: skip
    return WatchedPPO(ppo, watched, max_kl=run.config.max_kl, on_message=run.display.say)


def make_dpo(run: Run, number: int, policy: Policy, preferences: Sequence[Preference]) -> DPO:
    """Returns DPO on all verdicts so far; the reference is the policy after SFT."""
    config, share = run.config, run.config.proxy.held_out_share
    train, held_out = list(preferences), list[Preference]()
    if share:
        train, held_out = split_by_prompt(train, (1 - share, share), seed=run.seed("held_out"))
    seed = run.seed("dpo", number)
    known = {(e.problem.prompt, e.response): e.row for e in collected_episodes(run, number)}
    options: dict[str, Any] = {"seed": seed, "max_tokens": run.context_length, "known": known}
    return DPO(
        policy, PreferenceRows(train, run.tokenizer, with_ties=config.dpo.ties == "half", **options),
        dataclasses.replace(config.dpo, seed=seed), reference=run.policy("sft"), on_message=run.display.say,
        held_out=make_held_out(held_out, run.tokenizer, **options),
    )  # fmt: skip


def make_held_out(
    preferences: Sequence[Preference], tokenizer: TextTokenizer, **options: Any
) -> PreferenceRows | None:
    """Returns the decided pairs of held-out preferences; None where there is none to measure on."""
    try:
        return PreferenceRows(preferences, tokenizer, **options)
    except EmptyProblemSetError:
        return None


def best_file(number: int) -> str:
    """Returns the name of the file with the best responses of a round."""
    return f"round-{number}-best.jsonl"


def make_selection(run: Run, number: int, policy: Policy, reward: Reward) -> ChunkedWork:
    """Returns the work that samples n responses to each prompt and keeps the one that the reward likes best.

    For tasks of one turn: best episodes of several can't be imitated from a file.
    """
    options, chunk_prompts = run.config.best_of_n, run.config.collect.chunk_prompts
    engine = run.engine(policy)
    # Far away from the prompts whose responses were judged.
    first = (1 << 20) + (number - 1) * options.num_prompts

    def select(chunk: int) -> Chunk:
        start = chunk * chunk_prompts
        stop = min(start + chunk_prompts, options.num_prompts)
        problems = run.task.problems("train", range(first + start, first + stop))
        groups = sample_episodes(
            engine, run.transitions, problems, count=options.n, temperature=1.0,
            seed=run.seed("round", number, "best_of_n"),
        )  # fmt: skip
        best = choose_best(run, groups, reward)
        proxy, gold = proxy_of(reward, run.task, best), gold_of(run.task, best)
        return [one.to_json() for one in best], {"proxy": _mean(proxy), "gold": _mean(gold)}

    return ChunkedWork(-(-options.num_prompts // chunk_prompts), select)


def make_imitation(run: Run, number: int, policy: Policy) -> SFT:
    """Returns the imitation of the best responses of a round."""
    seed = run.seed("imitation", number)
    data = EpisodeRows(read_episodes(run.read_lines(best_file(number)), run.task), seed=seed)
    config = dataclasses.replace(run.config.best_of_n.imitation, seed=seed)
    return SFT(policy, data, config, on_message=run.display.say)


def _mean(values: Floats) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
