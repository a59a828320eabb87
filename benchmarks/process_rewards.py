"""Process rewards on two-digit addition, line by line: how well wrong steps are found, and what it is worth.

A process reward model (nano, 0.15 million parameters) learns from demonstrations of which half end wrongly by
a near miss, labelled by the task's checker. It is measured on the test split, whose problems it has not met:

1. AUC and accuracy over all steps, and over the last step alone (right or wrong half of the time);
2. reranking four demonstrations of a problem, against a choice by chance;
3. reranking eight answers of a policy (another nano model, after a little SFT), also against a majority;
4. the same after the model has gone on learning from that policy's answers to other problems, checked too.

Then the same policy's wrong answers: where its roll-outs stop succeeding, by a scan of all prefixes and by
binary search, against the checker's first wrong step.

    python benchmarks/process_rewards.py            # about 2 minutes of one core
"""

from __future__ import annotations

import dataclasses
import time
from collections import Counter
from typing import Any

import numpy as np
import torch
import tyro
from _record import make_mark, write_record
from rich.console import Console

from lmgym.grading.derivation import first_wrong_step
from lmgym.records import Problem, Transcript, Turn
from lmgym.seeding import make_generator
from lmgym.tasks.arithmetic.task import Math
from lmgym.tokenization import CharTokenizer
from lmgym_agents.algorithms.process_reward_model import (
    ProcessRewardModel,
    ProcessRewardModelConfig,
    measure_steps,
)
from lmgym_agents.algorithms.sft import SFT, SFTConfig
from lmgym_agents.demonstrations import TaskDemonstrations
from lmgym_agents.engine import Engine
from lmgym_agents.evaluation import distinct_problems
from lmgym_agents.models import load_model
from lmgym_agents.policy import Policy
from lmgym_agents.process.first_error import scan_first_error, search_first_error
from lmgym_agents.process.reward import LearnedSteps
from lmgym_agents.process.rollout_labels import sample_labelled, sample_responses
from lmgym_agents.process.step_labels import FixedSteps, TaskSteps
from lmgym_agents.process.values import RolloutValues, cut_prefixes
from lmgym_agents.sampling import SamplingParams

TOKENIZER = CharTokenizer()
TASK = Math(level=2, style="worked", demonstration_quality=0.5)
CONTEXT = 128
console = Console(highlight=False)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Measures process rewards on two-digit addition."""

    seed: int = 0
    """of the models, the data and the sampling"""
    iterations: int = 600
    """of the process reward model"""
    sft_iterations: int = 175
    """of the policy"""
    answers: int = 3000
    """of the policy to problems of the train split, which the process reward model then learns from"""
    answer_iterations: int = 250
    """of that"""
    problems: int = 400
    """of the test split, for reranking"""
    wrong_answers: int = 60
    """of the policy, in which the first error is looked for"""
    num_rollouts: int = 16
    """from each prefix"""


def make_policy(seed: int) -> Policy:
    """Returns a fresh nano model."""
    return Policy(load_model("nano", tokenizer=TOKENIZER, context=CONTEXT, seed=seed))


def train_reward_model(seed: int, iterations: int) -> Policy:
    """Returns a process reward model trained on checked demonstrations of the train split."""
    config = ProcessRewardModelConfig(seed=seed, iterations=iterations, learning_rate=6e-3)
    trainer = ProcessRewardModel(make_policy(seed), TaskSteps(TASK, TOKENIZER, seed=seed), config)
    for update in trainer.iterations():
        if update.step % 50 == 0:
            console.print(f"process reward model, step {update.step}: loss {update.metrics['loss']:.3f}")
    return trainer.policy


def measure_held_out(policy: Policy, seed: int, rows: int = 1024) -> dict[str, float]:
    """Returns AUC and accuracy over steps of demonstrations of the test split."""
    return measure_steps(policy, TaskSteps(TASK, TOKENIZER, seed=seed, split="test").rows(0, rows))


def rerank(reward: LearnedSteps, problems: list[Problem], answers: list[list[str]]) -> dict[str, float]:
    """Returns the share of problems solved by the best answer, a majority's, any, and one taken by chance.

    Args:
        reward: chooses the best.
        problems: P problems.
        answers: P lists of complete responses, equally many each.
    """
    prompts = [problem.prompt for problem, texts in zip(problems, answers, strict=True) for _ in texts]
    flat = [text for texts in answers for text in texts]
    values = reward.values(prompts, flat, [True] * len(flat)).reshape(len(problems), -1)
    is_right = np.array(
        [[is_correct(p, text) for text in texts] for p, texts in zip(problems, answers, strict=True)]
    )
    rows = np.arange(len(problems))
    majority = [vote(texts) for texts in answers]
    return {
        "best": float(is_right[rows, values.argmax(axis=1)].mean()),
        "majority": float(is_right[rows, majority].mean()),
        "any": float(is_right.any(axis=1).mean()),
        "chance": float(is_right.mean()),
    }


def is_correct(problem: Problem, text: str) -> bool:
    """Returns the verifier's word on a complete response."""
    return TASK.verify(Transcript(problem, (Turn("agent", text),), terminated=True)).status == "correct"


def vote(texts: list[str]) -> int:
    """Returns the place of the first response that gives the most frequent last line."""
    finals = [text.rstrip("\n").rpartition("\n")[2] for text in texts]
    return finals.index(Counter(finals).most_common(1)[0][0])


def demonstrate(problems: list[Problem], count: int, seed: int) -> list[list[str]]:
    """Returns ``count`` demonstrations of each problem, each right with a probability of one half."""
    rng = make_generator(seed, "candidates")
    return [[TASK.demonstrations(problem, rng)[0] for _ in range(count)] for problem in problems]


def train_policy(seed: int, iterations: int) -> Policy:
    """Returns a policy that solves some problems, by a little SFT on right demonstrations."""
    data = TaskDemonstrations(Math(level=2, style="worked"), seed=seed, tokenizer=TOKENIZER)
    config = SFTConfig(
        seed=seed,
        iterations=iterations,
        batch_rows=128,
        optimizer="muon",
        learning_rate=4e-3,
        schedule="linear",
    )
    sft = SFT(make_policy(seed + 1), data, config)
    for _ in sft.iterations():
        pass
    return sft.policy


def adapt(model: Policy, engine: Engine, options: Options, params: SamplingParams) -> None:
    """Goes on training the process reward model, on a policy's own checked answers."""
    problems = TASK.problems("train", range(options.answers))
    labelled = sample_labelled(
        engine, TASK, TOKENIZER, problems, kind="checked", params=params, seed=options.seed
    )
    config = ProcessRewardModelConfig(
        seed=options.seed, iterations=options.answer_iterations, learning_rate=4e-3
    )
    for _ in ProcessRewardModel(model, FixedSteps(labelled, TOKENIZER), config).iterations():
        pass


def find_errors(rollouts: RolloutValues, wrong: list[tuple[Problem, str]]) -> list[dict[str, Any]]:
    """Returns, for each wrong response, the first error by scan, by search and by the checker."""
    found = []
    for problem, text in wrong:
        prefixes = cut_prefixes(problem, text)
        values = rollouts.measure(prefixes)
        scan = scan_first_error(values.__getitem__, len(values) - 1)
        search = search_first_error(values.__getitem__, len(values) - 1)
        verdicts = TASK.verify_steps(Transcript(problem, (Turn("agent", text),), terminated=True))
        found.append(
            {
                "num_steps": len(values) - 1,
                "scan": scan.step,
                "search": search.step,
                "checker": first_wrong_step(verdicts or ()),
                "measured": len(search.values),
            }
        )
    return found


def main(options: Options) -> None:
    torch.set_num_threads(1)
    torch.set_flush_denormal(True)
    start = time.process_time()
    model = train_reward_model(options.seed, options.iterations)
    trained = time.process_time()
    held_out = measure_held_out(model, options.seed)
    console.print(f"{trained - start:.0f} s of CPU; held out: {held_out}")
    problems = distinct_problems(TASK, "test", options.problems)
    reward = LearnedSteps(model, TOKENIZER)
    demonstrations = rerank(reward, problems, demonstrate(problems, 4, options.seed))
    console.print(f"reranking 4 demonstrations: {demonstrations}")

    policy = train_policy(options.seed, options.sft_iterations)
    engine = Engine(policy.model, max_rows=512, pad_id=TOKENIZER.pad_id)
    params = SamplingParams(max_new_tokens=64)
    texts = sample_responses(
        engine, TOKENIZER, [problem for problem in problems for _ in range(8)], params, seed=options.seed
    )
    answers = [texts[8 * i : 8 * i + 8] for i in range(len(problems))]
    sampled = rerank(reward, problems, answers)
    console.print(f"reranking 8 answers of a policy: {sampled}")

    adapt(model, engine, options, params)
    adapted = rerank(reward, problems, answers)
    console.print(f"the same after learning from the policy's answers: {adapted}")

    wrong = [
        (p, group[0])
        for p, group in zip(problems, answers, strict=True)
        if group[0] and not is_correct(p, group[0])
    ]
    rollouts = RolloutValues(
        engine, TASK, TOKENIZER, params, num_rollouts=options.num_rollouts, seed=options.seed
    )
    errors = find_errors(rollouts, wrong[: options.wrong_answers])
    located = [error for error in errors if error["scan"] is not None]
    summary = {
        "wrong_answers": len(errors),
        "hopeful_from_the_start": len(located),
        "search_agrees_with_scan": sum(e["search"] == e["scan"] for e in located),
        "scan_agrees_with_checker": sum(e["scan"] == e["checker"] for e in located),
        "prefixes_of_scan": sum(e["num_steps"] + 1 for e in located),
        "prefixes_of_search": sum(e["measured"] for e in located),
    }
    console.print(f"first errors: {summary}")
    rows = [
        {"what": "training", "cpu_s": trained - start, **dataclasses.asdict(options)},
        {"what": "held-out steps", **held_out},
        {"what": "reranking 4 demonstrations", **demonstrations},
        {"what": "reranking 8 answers of a policy", **sampled},
        {"what": "the same, after learning from the policy's answers", **adapted},
        {"what": "first errors of a policy", **summary},
    ]
    marks = [
        make_mark("AUC over held-out steps", held_out["auc"], "", at_least=0.9),
        make_mark("AUC over held-out last steps", held_out["last_auc"], "", at_least=0.9),
        make_mark(
            "best of 4 demonstrations over chance",
            demonstrations["best"] - demonstrations["chance"],
            "",
            at_least=0.2,
        ),
        make_mark("best of 8 answers over chance", sampled["best"] - sampled["chance"], "", at_least=0.05),
        make_mark(
            "best of 8 answers over chance, adapted", adapted["best"] - adapted["chance"], "", at_least=0.05
        ),
    ]
    console.print(f"Written: {write_record('process_rewards', rows, marks).name}")


if __name__ == "__main__":
    main(tyro.cli(Options))
