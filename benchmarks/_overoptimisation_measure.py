"""What benchmarks/overoptimisation.py runs: a seed's policy and preferences, then a proxy and its policies.

In: a seed, a condition. Out: plain numbers, kept in files so that nothing is done twice. Every random choice
is a function of the seed, so that a run that was killed ends with the same numbers.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from lmgym.envs.vector import TokenVectorEnv
from lmgym.preferences import Comparison, Preference, SimulatedAnnotator, make_preferences
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task
from lmgym.tasks.sentiment import Sentiment
from lmgym.tokenization import HFTokenizer, TextTokenizer, train_tokenizer
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.reward_model import RewardModelConfig, RewardModelTraining
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.models import Policy, load_policy, make_tiny_model, save_policy
from lmgym_agents.reward_models.ensemble import RewardEnsemble
from lmgym_agents.reward_models.lm import make_lm_reward_model
from lmgym_agents.reward_models.pairs import PreferencePairs, make_pairs, split_by_prompt
from lmgym_agents.reward_models.reward import LearnedReward
from lmgym_agents.reward_models.scorer import ResponseScorer, measure_statistics
from lmgym_agents.rlhf.episodes import Episode, read_episodes, sample_episodes
from lmgym_agents.rlhf.measuring import gold_of
from lmgym_agents.rlhf.watched import Watched, WatchedPPO
from lmgym_agents.search.states import Transitions

SIZES: Mapping[str, Mapping[str, Any]] = {
    "0.05 M": {"hidden_size": 32, "layers": 1, "heads": 4},
    "0.2 M": {"hidden_size": 64, "layers": 2, "heads": 4},
    "0.9 M": {"hidden_size": 128, "layers": 4, "heads": 4},
}
"""Backbones of reward models, by about how many parameters they have; the second is also the policy's."""
POLICY_SIZE = "0.2 M"
_SHAPE = {
    "tie_word_embeddings": False,
    "initializer_range": 0.1,
    "rope_parameters": {"rope_type": "default", "rope_theta": 10.0},
}
MAX_NEW_TOKENS = 32
MAX_PAIRS = 4000
"""Prompts, two responses each, that preferences are made from; a condition takes the first ones of them."""
NUM_POOL_PROMPTS, POOL = 64, 256
"""Best of n is read off so many responses to each of so many held-out prompts."""
NUM_ENVS = 128
MAX_KL = 64.0
"""Nats from SFT at which PPO ends: far beyond where the gold has turned."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """One proxy and how it is optimised."""

    size: str = POLICY_SIZE
    """of the reward model"""
    num_pairs: int = 2000
    """prompts whose two responses were compared"""
    noise: float = 0.0
    """probability that a verdict is turned round"""
    members: int = 1
    """reward models in the ensemble"""
    pessimism: float = 0.0
    """standard deviations of the members taken off their mean"""
    kl_coefficient: float = 0.0
    """of the KL penalty in PPO's reward"""

    @property
    def name(self) -> str:
        """For files."""
        return "-".join(f"{key}_{value}" for key, value in asdict(self).items()).replace(" ", "")


class Base:
    """What all conditions of a seed share: tokenizer, models after SFT, responses and what they are worth."""

    def __init__(self, seed: int, folder: Path) -> None:
        self.seed, self.folder = seed, folder
        self.task: Task = Sentiment()
        self.tokenizer: TextTokenizer = self._tokenizer()
        self.transitions = Transitions(self.task, self.tokenizer, max_new_tokens=MAX_NEW_TOKENS)
        for size in SIZES:
            self._fine_tune(size)
        self.compared = self._sample("train", MAX_PAIRS, 2)
        self.pool = self._sample("test", NUM_POOL_PROMPTS, POOL)

    def policy(self) -> Policy:
        """Returns a new copy of the policy after SFT."""
        return load_policy(self.model_folder(POLICY_SIZE))

    def model_folder(self, size: str) -> Path:
        """Returns where the language model of a size is kept."""
        return self.folder / f"sft-{size.replace(' ', '')}"

    def _tokenizer(self) -> TextTokenizer:
        path = self.folder / "tokenizer"
        if not path.exists():
            rng = make_generator(0, "overoptimisation", "tokenizer")
            problems = self.task.problems("train", range(2000))
            texts = [p.prompt for p in problems] + [self.task.demonstrations(p, rng)[0] for p in problems]
            train_tokenizer(texts, 512).save(path)
        return HFTokenizer(path)

    def _fine_tune(self, size: str) -> None:
        folder = self.model_folder(size)
        if folder.exists():
            return
        tokenizer = self.tokenizer
        model = make_tiny_model(
            tokenizer.vocab_size, seed=self.seed, context=128, pad_id=tokenizer.pad_id,
            end_id=tokenizer.end_id, config=_SHAPE, **SIZES[size],
        )  # fmt: skip
        policy = Policy(model)
        data = TaskDemonstrations(
            self.task, seed=self.seed, tokenizer=tokenizer, max_new_tokens=MAX_NEW_TOKENS
        )
        config = SFTConfig(
            seed=self.seed, iterations=240, batch_rows=128, optimizer="muon", learning_rate=4e-3,
            schedule="linear",
        )  # fmt: skip
        for _ in SFT(policy, data, config).iterations():
            pass
        part = folder.with_name(f".{folder.name}")
        save_policy(policy, part, tokenizer=tokenizer)
        part.rename(folder)

    def _sample(self, split: str, num_prompts: int, count: int) -> list[list[Episode]]:
        path = self.folder / f"responses-{split}.jsonl"
        if not path.exists():
            engine = Engine(self.policy().model, max_rows=512, pad_id=self.tokenizer.pad_id)
            lines: list[str] = []
            for start in range(0, num_prompts, 64):
                problems = self.task.problems(split, range(start, min(start + 64, num_prompts)))
                groups = sample_episodes(
                    engine, self.transitions, problems, count=count, temperature=1.0, seed=self.seed
                )
                lines += [episode.to_json() for group in groups for episode in group]
            part = path.with_name(f".{path.name}")
            part.write_text("".join(line + "\n" for line in lines), "utf-8")
            part.rename(path)
        episodes = read_episodes(path.read_text("utf-8").splitlines(), self.task)
        return [episodes[start : start + count] for start in range(0, len(episodes), count)]


def measure(base: Base, condition: Condition, iterations: int) -> dict[str, Any]:
    """Returns what came of one proxy: how right it is, best of n by it, and PPO against it."""
    start = time.perf_counter()
    proxy, findings = learn_proxy(base, condition)
    learned = time.perf_counter()
    findings |= {"best_of_n": best_of_n(base, proxy), "ppo": run_ppo(base, condition, proxy, iterations)}
    done = time.perf_counter()
    seconds = {"proxy_s": learned - start, "policies_s": done - learned}
    return {"seed": base.seed, **asdict(condition), **findings, **seconds}


def learn_proxy(base: Base, condition: Condition) -> tuple[LearnedReward, dict[str, Any]]:
    """Returns the learned reward, 0 and 1 being mean and standard deviation of SFT, and its accuracy."""
    records = annotate(base, condition)
    pairs = make_pairs(records)
    train, held_out = split_by_prompt(pairs, (0.9, 0.1))
    members = []
    for member in range(condition.members):
        seed = 1000 * base.seed + member
        scorer = make_lm_reward_model(
            base.model_folder(condition.size), base.tokenizer, seed=seed, max_tokens=128
        )
        data = PreferencePairs(train, seed=seed, bootstrap=condition.members > 1)
        config = RewardModelConfig(seed=seed, iterations=300, batch_pairs=64)
        for _ in RewardModelTraining(scorer, data, config, validation=held_out).iterations():
            pass
        scorer.statistics = measure_statistics(score(scorer, base.compared))
        members.append(scorer)
    proxy: Any = members[0]
    if condition.members > 1:
        proxy = RewardEnsemble(members, pessimism=condition.pessimism)
        proxy.statistics = measure_statistics(score(proxy, base.compared))
    return LearnedReward(proxy), {
        "num_train_pairs": len(train),
        "num_held_out_pairs": len(held_out),
        "agreement_with_labels": order_agreement(proxy, held_out),
        "agreement_with_gold": gold_agreement(base, proxy),
    }


def annotate(base: Base, condition: Condition) -> list[Preference]:
    """Returns the verdicts of simulated raters on the first comparisons of the seed."""
    groups = base.compared[: condition.num_pairs]
    comparisons = [
        Comparison(g[0].problem.prompt, tuple(e.response for e in g), tuple(e.transcript for e in g))
        for g in groups
        if g[0].response != g[1].response
    ]
    annotator = SimulatedAnnotator(base.task, noise=condition.noise, seed=base.seed)
    return make_preferences(annotator, comparisons, now="2000-01-01T00:00:00Z")


def score(scorer: ResponseScorer, groups: Sequence[Sequence[Episode]]) -> NDArray[np.float64]:
    """Returns the scores of all episodes, in order."""
    episodes = [episode for group in groups for episode in group]
    return scorer.score([e.problem.prompt for e in episodes], [e.response for e in episodes])


def order_agreement(scorer: ResponseScorer, pairs: Sequence[Any]) -> float | None:
    """Returns the share of decided pairs that the scores order as their verdict does."""
    decided = [pair for pair in pairs if not pair.is_tie]
    if not decided:
        return None
    prompts = [pair.prompt for pair in decided]
    gap = scorer.score(prompts, [p.better for p in decided]) - scorer.score(
        prompts, [p.worse for p in decided]
    )
    return float(((gap > 0) + 0.5 * (gap == 0)).mean())


def gold_agreement(base: Base, scorer: ResponseScorer) -> float:
    """Returns the share of pairs of held-out responses that the scores order as the gold does."""
    scores = score(scorer, base.pool).reshape(NUM_POOL_PROMPTS, POOL)
    golds = pool_gold(base)
    wins, total = 0.0, 0
    for shift in (1, 2, 3, 4):
        gold_gap = golds - np.roll(golds, shift, axis=1)
        gap = scores - np.roll(scores, shift, axis=1)
        differs = gold_gap != 0
        agrees = (gap[differs] > 0) == (gold_gap[differs] > 0)
        wins, total = wins + float(agrees.sum()), total + int(differs.sum())
    return wins / total


def pool_gold(base: Base) -> NDArray[np.float64]:
    """Returns the utilities of the pool, float64[prompts, responses]."""
    flat = [episode for group in base.pool for episode in group]
    return gold_of(base.task, flat).reshape(NUM_POOL_PROMPTS, POOL)


def best_of_n(base: Base, proxy: LearnedReward) -> list[dict[str, float]]:
    """Returns, for n = 1, 2, 4 ..., the expected gold and proxy of the best of n by the proxy, and its KL.

    Expectations are over all subsets of n of a prompt's pool. The KL divergence from SFT is at most
    log n - (n - 1) / n nats. Source: Gao et al. 2023, appendix I (the estimator) and section 2 (KL).
    """
    scores = proxy(
        [episode.transcript for group in base.pool for episode in group]
    ).values.reshape(NUM_POOL_PROMPTS, POOL)  # fmt: skip
    golds = pool_gold(base)
    order = scores.argsort(axis=1, kind="stable")
    sorted_scores = np.take_along_axis(scores, order, axis=1)
    sorted_golds = np.take_along_axis(golds, order, axis=1)
    found = []
    for n in (2**k for k in range(int(math.log2(POOL)) + 1)):
        chance = best_chances(POOL, n)
        found.append(
            {
                "n": n,
                "kl": math.log(n) - (n - 1) / n,
                "gold": float((sorted_golds @ chance).mean()),
                "proxy": float((sorted_scores @ chance).mean()),
            }
        )
    return found


def best_chances(pool: int, n: int) -> NDArray[np.float64]:
    """Returns float64[pool]: the chance of the i-th lowest to be the highest of n that are drawn from all."""
    logs = [
        -math.inf
        if i < n - 1
        else math.lgamma(i + 1) - math.lgamma(n) - math.lgamma(i - n + 2)
        for i in range(pool)
    ]  # fmt: skip
    total = math.lgamma(pool + 1) - math.lgamma(n + 1) - math.lgamma(pool - n + 1)
    return np.exp(np.array(logs) - total)


def run_ppo(
    base: Base, condition: Condition, proxy: LearnedReward, iterations: int
) -> list[dict[str, float]]:
    """Returns proxy, gold, KL and length of PPO's responses in each iteration."""
    watched = Watched(proxy)
    env = TokenVectorEnv(
        base.task, num_envs=NUM_ENVS, autoreset_mode="DISABLED", tokenizer=base.tokenizer,
        max_new_tokens=MAX_NEW_TOKENS, reward=watched,
    )  # fmt: skip
    config = PPOConfig(
        seed=base.seed, iterations=iterations, learning_rate=3e-4, kl_coefficient=condition.kl_coefficient,
        gae_lambda=0.95, epochs=2, minibatches=1, kl_rows=NUM_ENVS, reward_clip=None,
    )  # fmt: skip
    ppo = WatchedPPO(PPO(base.policy(), env, config), watched, max_kl=MAX_KL)
    names = {"kl": "kl_episode", "proxy": "proxy", "gold": "gold"}
    curve = []
    for update in ppo.iterations():
        point = {name: float(update.metrics[key]) for name, key in names.items()}
        curve.append(point | {"tokens": float(update.metrics.get("num_actions", math.nan))})
    return curve


def save_json(path: Path, value: Any) -> None:
    """Writes a file that is whole or not there."""
    part = path.with_name(f".{path.name}")
    part.write_text(json.dumps(value) + "\n", "utf-8")
    part.rename(path)


def run_job(seed: int, condition: Condition | None, iterations: int, out: Path) -> Path | None:
    """Does the common part of a seed (no condition), or a condition of it, unless that was done already."""
    torch.set_num_threads(1)
    folder = out / f"seed-{seed}"
    folder.mkdir(parents=True, exist_ok=True)
    if condition is None:
        Base(seed, folder)
        return None
    path = folder / f"{condition.name}-{iterations}.json"
    if not path.exists():
        save_json(path, measure(Base(seed, folder), condition, iterations))
    return path
