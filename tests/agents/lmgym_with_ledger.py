"""The ``lmgym`` command, which here also writes into its metrics which problems each rollout posed."""

import sys

from lmgym.cli import main
from lmgym_agents.algorithms import ppo
from lmgym_agents.runs.metrics import MetricsWriter


def keep_a_ledger():
    """Adds ``prompts`` to the record of every PPO update; changes nothing else."""
    seen = []
    collect, write = ppo.collect, MetricsWriter.write

    def collect_and_remember(*arguments, **options):
        seen.append(collect(*arguments, **options))
        return seen[-1]

    def write_with_prompts(self, step, metrics, timing=None):
        rollouts = [seen.pop() for _ in range(len(seen))]
        prompts = [str(index) for rollout in rollouts for index in rollout.problem_index.tolist()]
        write(self, step, {**metrics, "prompts": " ".join(prompts)}, timing)

    ppo.collect, MetricsWriter.write = collect_and_remember, write_with_prompts


if __name__ == "__main__":
    keep_a_ledger()
    sys.exit(main())
