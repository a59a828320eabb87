"""Trains PPO on a probe in a durable run folder: the smallest real program for the resume harness."""

import argparse
import sys

import gymnasium as gym
import torch

import lmgym  # noqa: F401  (registers the environments)
from lmgym_agents import checkpoint
from lmgym_agents.algorithms import ppo as ppo_page
from lmgym_agents.algorithms.ppo import PPO
from lmgym_agents.algorithms.ppo_config import PPOConfig
from lmgym_agents.interrupts import Interrupts
from lmgym_agents.metrics import MetricsWriter
from lmgym_agents.models import save_policy
from lmgym_agents.policy import Policy
from lmgym_agents.random_state import rng_state, seed_rngs, set_rng_state
from lmgym_agents.run_folder import RunFolder
from lmgym_agents.tiny_models import make_tiny_model


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--iterations", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--resume", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = PPOConfig(
        iterations=options.iterations, seed=options.seed, epochs=2, minibatches=2, kl_coefficient=0.01,
        kl_target=0.05, value_lambda=0.95, value_warmup_iterations=1, warmup_iterations=1,
    )  # fmt: skip
    whole = {"env": "lmgym/Echo-v0", "num_envs": 16, "ppo": config}
    with RunFolder(options.folder, whole, resume=options.resume) as run, Interrupts() as interrupts:
        code = train(run, config, interrupts)
    sys.exit(code)


def train(run, config, interrupts):
    seed_rngs(config.seed)
    env = gym.make_vec(
        "lmgym/Echo-v0", num_envs=16, autoreset_mode="DISABLED", reward=share_of_low_letters
    ).unwrapped
    tokenizer = env.tokenizer
    model = make_tiny_model(
        tokenizer.vocab_size, hidden_size=16, layers=1, heads=2, context=env.context_length, seed=config.seed,
        pad_id=tokenizer.pad_id, end_id=tokenizer.end_id,
    )  # fmt: skip
    ppo = PPO(Policy(model), env, config)
    collected = remember_rollouts()
    step = 0
    if checkpoint.list_steps(run.checkpoints):
        found = checkpoint.load(run.checkpoints)
        step = found.step
        ppo.load_state_dict(found.state["algorithm"])
        set_rng_state(found.state["rng"])
    with MetricsWriter(run.metrics, resume_step=step) as metrics:
        while ppo.iteration < config.iterations and not interrupts.requested:
            update = ppo.iterate()
            prompts = ",".join(str(index) for index in collected.pop().problem_index.tolist())
            metrics.write(ppo.iteration, {**update.metrics, "prompts": prompts}, update.timing)
            if ppo.iteration % 2 == 0 or ppo.iteration == config.iterations:
                save(run, ppo)
        if interrupts.requested:
            save(run, ppo)
            return interrupts.exit_code
    run.write_folder("model", lambda folder: save_policy(ppo.policy, folder, tokenizer=tokenizer))
    return 0


def share_of_low_letters(transcript):
    """A dense reward, so that there is something to learn from in the first updates."""
    return sum(letter < "n" for letter in transcript.response) / max(1, len(transcript.response))


def remember_rollouts():
    """Returns a list that every rollout is added to, for the ledger of prompts."""
    seen = []
    collect = ppo_page.collect

    def collect_and_remember(*arguments, **options):
        seen.append(collect(*arguments, **options))
        return seen[-1]

    ppo_page.collect = collect_and_remember
    return seen


def save(run, ppo):
    state = {"algorithm": ppo.state_dict(), "rng": rng_state()}
    checkpoint.save(run.checkpoints, step=ppo.iteration, state=state)


if __name__ == "__main__":
    main()
