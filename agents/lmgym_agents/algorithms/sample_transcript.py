"""One episode in words beside the numbers of an update, for whoever watches a run.

In: a rollout. Out: ``sample_prompt``, ``sample_response`` and ``sample_reward`` for the metrics. Which row it
is depends on the iteration alone, so metrics stay the same in every run of a seed.
"""

from __future__ import annotations

from typing import Any, Final

from lmgym.seeding import make_generator
from lmgym.tokenization import TextTokenizer
from lmgym_agents.report.visible_text import visible_text
from lmgym_agents.rollout import Rollout

MAX_CHARS: Final = 300
"""Of each of the two texts."""
MAX_SAMPLES: Final = 200
"""In a run: a long one keeps one every few updates."""


def sample_metrics(
    rollout: Rollout, tokenizer: TextTokenizer, *, iteration: int, iterations: int
) -> dict[str, Any]:
    """Returns the texts and the return of one row, control characters made visible; nothing if it is not due.

    Args:
        rollout: of which failed rows are passed over.
        tokenizer: reads the tokens.
        iteration: from 0.
        iterations: of the run.
    """
    every = -(-iterations // MAX_SAMPLES)
    rows = (~rollout.failed).nonzero()[:, 0]
    if iteration % every or not len(rows):
        return {}
    row = int(rows[make_generator(0, "sample transcript", iteration).integers(len(rows))])
    ids = rollout.input_ids[row, : int(rollout.lengths[row])].tolist()
    actions = rollout.is_action[row].nonzero()[:, 0]
    start = int(actions[0]) if len(actions) else len(ids)
    return {
        "sample_prompt": visible_text(tokenizer.decode(ids[:start]), max_chars=MAX_CHARS),
        "sample_response": visible_text(tokenizer.decode(ids[start:]), max_chars=MAX_CHARS),
        "sample_reward": float(rollout.returns[row]),
    }
