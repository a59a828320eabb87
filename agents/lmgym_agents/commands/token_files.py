"""Token records in a run's folder: LABEL.tokens.jsonl, such as start.tokens.jsonl and end.tokens.jsonl.

In: an agent of a language model as it is now. Out: a file that ``lmgym report`` shows and compares. Left
out: what is in it (``token_records``).
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from lmgym_agents.agent import LMAgent
from lmgym_agents.policy import Policy
from lmgym_agents.q.agent import QAgent
from lmgym_agents.reference import Reference
from lmgym_agents.run_options import EnvOptions, ModelOptions
from lmgym_agents.runs.folder import RunFolder
from lmgym_agents.token_records import record_tokens, to_json_lines

NUM_EPISODES: Final = 64


def write_run_tokens(
    run: RunFolder,
    label: str,
    agent: LMAgent | QAgent,
    env: EnvOptions,
    *,
    split: str,
    num_problems: int = NUM_EPISODES,
    reference: Policy | Reference | None = None,
) -> None:
    """Writes what the agent makes of each token of some episodes, answered by its own rule.

    Args:
        run: open run folder; the file of this label is replaced.
        label: "start", "end" or the name of a stage.
        agent: as it is now.
        env: which environment.
        split: where the problems are from; the same ones for every label.
        num_problems: at most ``NUM_EPISODES`` of them are played.
        reference: what KL is measured from.
    """
    records = record_tokens(
        agent, agent.tokenizer, env.env, options=env.make_options(), split=split,
        num_problems=min(num_problems, NUM_EPISODES), reference=reference, label=label,
    )  # fmt: skip
    run.write_bytes(f"{label}.tokens.jsonl", to_json_lines(records))


def first_policy(model: ModelOptions, agent: LMAgent | QAgent, *, seed: int) -> Policy | None:
    """Returns the pretrained model that a run began with, to measure KL from; None if it began with noise."""
    if not (Path(model.model).is_dir() or Path(model.model).is_file()):
        return None
    policy = agent.policy if isinstance(agent, LMAgent) else agent.model.policy
    context = policy.model.config.get_text_config().max_position_embeddings
    return model.make_policy(agent.tokenizer, context=context, seed=seed)
