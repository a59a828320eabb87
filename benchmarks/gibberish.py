"""A lexicon pays gibberish: does a policy find that, and which reward stops it?

A nano model learns lmgym/Sentiment-v0 from demonstrations of mixed feelings. From there PPO optimises
(without a KL penalty) one of three rewards:

- lexicon: VADER's score of the response alone (``gold="lexicon"``), which gibberish exploits;
- natural: the same score, halved for every fault (``gold="natural"``);
- composed: the lexicon's score with the terms of ``lmgym.rewards`` against gibberish, which know no grammar.

Whatever was optimised, samples for problems of the test split (temperature 1) are judged by the natural gold.
A hill climber over words attacks the same rewards without any model.

    python benchmarks/gibberish.py                 # 3 seeds, about 10 minutes on a quiet core
    python benchmarks/gibberish.py --seeds 1
"""

from __future__ import annotations

import copy
import dataclasses
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
import tyro
from _record import Mark, make_mark, write_record
from rich.console import Console
from rich.table import Table

from lmgym.envs.vector import TokenVectorEnv
from lmgym.records import Problem, Transcript, Turn
from lmgym.rewards import Crowding, Familiarity, Format, Repetition, Reward, Utility, bind, score
from lmgym.seeding import make_generator
from lmgym.tasks.sentiment import Sentiment, kinds_of_words, loaded_words
from lmgym.tokenization import TextTokenizer, train_tokenizer
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.models import load_model
from lmgym_agents.policy import Policy
from lmgym_agents.prompted_rows import sample_answers

NATURAL, LEXICON = Sentiment(), Sentiment(gold="lexicon")
MAX_NEW_TOKENS = 32
CONTEXT = 96
ONE_SENTENCE = re.compile(r"[^.!?\n]+[.!]")
console = Console(highlight=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Measures what PPO makes of a lexicon's score, of the natural gold, and of a sum of terms."""

    seeds: int = 3
    """seeds of everything"""
    sft_iterations: int = 400
    """steps of 64 demonstrations"""
    ppo_iterations: int = 60
    """rollouts of 256 responses"""
    samples: int = 512
    """problems of the test split whose samples are measured"""
    climbs: int = 6
    """hill climbs on each reward"""


def make_rewards() -> dict[str, tuple[Sentiment, Reward]]:
    """Returns by name the task whose gold is meant, and the reward."""
    rng = make_generator(0, "gibberish", "texts")
    texts = [NATURAL.demonstrations(problem, rng)[0] for problem in NATURAL.problems("train", range(6400))]
    composed = (
        Utility()
        - Repetition(size=1)
        - 2.0 * Crowding(words=loaded_words())
        + Familiarity(texts=texts)
        + 0.5 * Format(pattern=ONE_SENTENCE)
    )
    return {"lexicon": (LEXICON, Utility()), "natural": (NATURAL, Utility()), "composed": (LEXICON, composed)}


def make_tokenizer() -> TextTokenizer:
    """Returns a BPE tokenizer of 512 tokens for the task."""
    rng, problems = make_generator(0, "gibberish", "tokenizer"), NATURAL.problems("train", range(6400))
    texts = [text for problem in problems for text in (problem.prompt, *NATURAL.demonstrations(problem, rng))]
    return train_tokenizer(texts, 512)


def transcript(problem: Problem, text: str, stopped: bool = True) -> Transcript:
    said = Transcript(problem, (Turn("agent", text, stopped),), terminated=True)
    return said._replace(verdict=NATURAL.verify(said))


def measure(texts: Sequence[str], stopped: Sequence[bool], problems: Sequence[Problem]) -> dict[str, Any]:
    """Returns what responses are worth by both golds, and how natural they are."""
    rows = [transcript(*row) for row in zip(problems, texts, stopped, strict=True)]
    found = [NATURAL.measure(row) for row in rows]
    return {
        "natural": float(np.mean([one.utility for one in found])),
        "lexicon": float(np.mean([one.compound for one in found])),
        "without_faults": float(np.mean([one.faults.total == 0 for one in found])),
        "different": len(set(texts)) / len(texts),
        "example": texts[0],
    }


def measure_policy(policy: Policy, tokenizer: TextTokenizer, options: Options, seed: int) -> dict[str, Any]:
    problems = NATURAL.problems("test", range(options.samples))
    engine = Engine(policy.model, max_rows=256, pad_id=tokenizer.pad_id)
    said = sample_answers(
        engine, tokenizer, [problem.prompt for problem in problems],
        temperature=1.0, max_new_tokens=MAX_NEW_TOKENS, seed=seed,
    )  # fmt: skip
    return measure(said.texts, said.stopped, problems)


def train_sft(tokenizer: TextTokenizer, options: Options, seed: int) -> Policy:
    policy = Policy(load_model("nano", tokenizer=tokenizer, seed=seed, context=CONTEXT))
    data = TaskDemonstrations(NATURAL, seed=seed, tokenizer=tokenizer, max_new_tokens=MAX_NEW_TOKENS)
    config = SFTConfig(seed=seed, iterations=options.sft_iterations, batch_rows=64, learning_rate=3e-3)
    for _ in SFT(policy, data, config).iterations():
        pass
    return policy


def train_ppo(
    start: Policy, goal: tuple[Sentiment, Reward], tokenizer: TextTokenizer, options: Options, seed: int
) -> tuple[Policy, float]:
    """Returns the policy after PPO, and how far in nats an episode of it lies from where it began."""
    policy, (task, reward) = copy.deepcopy(start), goal
    env = TokenVectorEnv(
        task, num_envs=256, autoreset_mode="DISABLED", reward=reward, tokenizer=tokenizer,
        max_new_tokens=MAX_NEW_TOKENS,
    )  # fmt: skip
    config = PPOConfig(seed=seed, iterations=options.ppo_iterations, learning_rate=1e-3)
    nats = 0.0
    for update in PPO(policy, env, config).iterations():
        nats = float(update.metrics["kl_episode"])
    return policy, nats


def climb(worth: Callable[[str], float], words: Sequence[str], rng: np.random.Generator) -> str:
    """Returns what 3000 random edits of words lead to, each kept unless it is worth less."""
    said = [str(word) for word in rng.choice(words, size=4)]

    def text() -> str:
        return (" " + " ".join(said)).replace(" .", ".").replace(" ,", ",").replace(" !", "!")

    best = worth(text())
    for _ in range(3000):
        before, place = list(said), int(rng.integers(len(said)))
        edit, word = rng.integers(4), str(rng.choice(words))
        if edit == 0 and len(said) < 12:
            said.insert(place, word)
        elif edit == 1 and len(said) > 1:
            said.pop(place)
        elif edit == 2:
            other = int(rng.integers(len(said)))
            said[place], said[other] = said[other], said[place]
        else:
            said[place] = word
        value = worth(text()) if len(text()) <= 61 else -np.inf
        if value >= best:
            best = value
        else:
            said = before
    return text()


def attack(name: str, goal: tuple[Sentiment, Reward], num_climbs: int) -> dict[str, Any]:
    """Returns the best text that hill climbing finds, beside the best of 1000 winning demonstrations."""
    task, reward = goal[0], bind(goal[1], goal[0])
    problem = task.problem("train", 3)

    def worth(text: str) -> float:
        return float(score(reward, [transcript(problem, text)]).values[0])

    rng, honest = make_generator(0, "gibberish", "honest"), Sentiment(demonstration_quality=1.0)
    shown = [honest.demonstrations(problem, rng)[0] for _ in range(1000)]
    words = [*kinds_of_words(), ".", ",", "!"]
    rngs = [make_generator(0, "gibberish", name, place) for place in range(num_climbs)]
    found = max((climb(worth, words, rng) for rng in rngs), key=worth)
    best = max(shown, key=worth)
    natural = [NATURAL.utility(transcript(problem, text)) for text in (found, best)]
    return {
        "stage": "hill climbing", "reward": name,
        "attack": found, "attack_reward": worth(found), "attack_natural": natural[0],
        "honest": best, "honest_reward": worth(best), "honest_natural": natural[1],
    }  # fmt: skip


def make_marks(rows: Sequence[dict[str, Any]]) -> list[Mark]:
    def mean(stage: str, key: str) -> float:
        return float(np.mean([row[key] for row in rows if row["stage"] == stage]))

    sft = mean("SFT", "natural")
    rises = {name: mean(f"PPO on {name}", "natural") - sft for name in ("lexicon", "composed", "natural")}
    paid = mean("PPO on lexicon", "lexicon")
    return [
        make_mark("PPO on the lexicon: the lexicon's score", paid, "compound", at_least=0.9),
        make_mark(
            "PPO on the lexicon: fall of the natural gold below SFT", -rises["lexicon"], "of 1", at_least=0.2
        ),
        make_mark(
            "PPO on the composed reward: rise of the natural gold", rises["composed"], "of 1", at_least=0.3
        ),
        make_mark("PPO on the natural gold: rise of it", rises["natural"], "of 1", at_least=0.3),
    ]


def print_rows(rows: Sequence[dict[str, Any]]) -> None:
    columns = ("natural", "lexicon", "without_faults", "different")
    table = Table("stage", "seed", "natural gold", "lexicon", "without faults", "different", "nats")
    trained = [row for row in rows if "seed" in row]
    for row in trained:
        numbers = [f"{row[key]:.3f}" for key in columns]
        table.add_row(row["stage"], str(row["seed"]), *numbers, f"{row['nats']:.1f}")
    console.print(table)
    for row in trained:
        console.print(f"{row['stage']}, seed {row['seed']}: {row['example']!r}", soft_wrap=True)
    for row in rows:
        if "attack" in row:
            for kind in ("attack", "honest"):
                numbers = f"{row[kind + '_reward']:.3f}, natural gold {row[kind + '_natural']:.3f}"
                console.print(f"{row['reward']}, {kind}: {numbers}: {row[kind]!r}", soft_wrap=True)


def main(options: Options) -> None:
    torch.set_num_threads(1)
    tokenizer, goals, rows = make_tokenizer(), make_rewards(), list[dict[str, Any]]()
    for seed in range(options.seeds):
        start = train_sft(tokenizer, options, seed)
        rows.append(
            {"stage": "SFT", "seed": seed, "nats": 0.0, **measure_policy(start, tokenizer, options, seed)}
        )
        for name, goal in goals.items():
            policy, nats = train_ppo(start, goal, tokenizer, options, seed)
            found = measure_policy(policy, tokenizer, options, seed)
            rows.append({"stage": f"PPO on {name}", "seed": seed, "nats": nats, **found})
            console.print(f"seed {seed}, PPO on {name}: natural gold {found['natural']:.3f}")
    rows += [attack(name, goal, options.climbs) for name, goal in goals.items()]
    print_rows(rows)
    marks = make_marks(rows)
    for mark in marks:
        console.print(f"{mark['name']}: {mark['value']:.3f} (goal {mark['goal']}): {mark['holds']}")
    console.print(f"written to {write_record('gibberish', rows, marks)}")


if __name__ == "__main__":
    main(tyro.cli(Options))
