"""A tiny training program that uses every piece of a durable run; the resume harness is tried on it."""

import argparse
import random
import sys

import numpy as np
import torch

from lmgym_agents.runs import checkpoint
from lmgym_agents.runs.folder import RunFolder
from lmgym_agents.runs.interrupts import Interrupts
from lmgym_agents.runs.metrics import MetricsWriter
from lmgym_agents.runs.random_state import rng_state, seed_rngs, set_rng_state

NUM_PROMPTS, BATCH = 8, 2  # an epoch is four updates


class Prompts:
    """Gives prompts in a new order every epoch; where it stands is part of the run's state."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)
        self.order = np.empty(0, dtype=np.int64)

    def take(self):
        if not len(self.order):
            self.order = self.generator.permutation(NUM_PROMPTS)
        batch, self.order = self.order[:BATCH], self.order[BATCH:]
        return batch


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--folder", required=True)
    parser.add_argument("--iterations", type=int, default=12)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--lr", type=float, default=0.05)
    parser.add_argument("--resume", action="store_true")
    parser.add_argument("--forget", choices=["rng", "optimizer", "prompts"], default=None)
    options = parser.parse_args()
    config = {"iterations": options.iterations, "seed": options.seed, "lr": options.lr}
    with RunFolder(options.folder, config, resume=options.resume) as run, Interrupts() as interrupts:
        code = train(run, options, interrupts)
    sys.exit(code)


def train(run, options, interrupts):
    torch.set_num_threads(1)
    seed_rngs(options.seed)
    model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Dropout(0.3), torch.nn.Linear(8, 1))
    optimizer = torch.optim.AdamW(model.parameters(), lr=options.lr)
    prompts = Prompts(options.seed)
    step = 0
    if checkpoint.list_steps(run.checkpoints):
        found = checkpoint.load(run.checkpoints)
        step, state = found.step, found.state
        model.load_state_dict(state["policy"])
        if options.forget != "optimizer":
            optimizer.load_state_dict(state["optimizer"])
        if options.forget != "prompts":
            prompts.generator.bit_generator.state = state["env"]["generator"]
            prompts.order = state["env"]["order"]
        if options.forget != "rng":
            set_rng_state(state["rng"])
    with MetricsWriter(run.metrics, resume_step=step) as metrics:
        while step < options.iterations and not interrupts.requested:
            step += 1
            batch = prompts.take()
            inputs = torch.tensor(batch)[:, None] * torch.ones(4) + torch.randn(BATCH, 4)
            loss = (model(inputs) - random.random()).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            metrics.write(step, {"loss": loss.item(), "prompts": ",".join(map(str, batch))}, {"s": id(loss)})
            if step % 2 == 0 or step == options.iterations:
                save(run, step, model, optimizer, prompts)
        if interrupts.requested:
            save(run, step, model, optimizer, prompts)
    return interrupts.exit_code


def save(run, step, model, optimizer, prompts):
    state = {
        "policy": model.state_dict(),
        "optimizer": optimizer.state_dict(),
        "env": {"generator": prompts.generator.bit_generator.state, "order": prompts.order},
        "rng": rng_state(),
    }
    checkpoint.save(run.checkpoints, step=step, state=state)


if __name__ == "__main__":
    main()
