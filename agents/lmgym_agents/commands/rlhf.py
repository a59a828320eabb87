"""``lmgym rlhf``: the whole pipeline of learning from feedback, with a report at its end."""

from __future__ import annotations

import json
from dataclasses import dataclass

from rich.console import Console

from lmgym_agents.rlhf.config import RLHFConfig
from lmgym_agents.rlhf.pipeline import run_rlhf
from lmgym_agents.rlhf.products import print_result


@dataclass(frozen=True, kw_only=True)
class RLHF(RLHFConfig):
    """Learns from feedback: SFT, verdicts on responses, a reward model, then PPO, DPO or best-of-n.

    Feedback comes from simulated raters, a language model, people, a file, or is the ground truth itself. The
    run's folder holds preferences.jsonl, reward_model/, model/, rlhf.json, rlhf.png, curves.png and
    transcripts.jsonl. Ctrl-c saves and leaves; --resume goes on.
    """


def rlhf(config: RLHF) -> int:
    """Runs ``lmgym rlhf``; returns the exit code: 3 where the run waits for people.

    Raises:
        LmgymError: something that was asked for is not to be had; the message says what is allowed.
    """
    result = run_rlhf(config)
    if result.exit_code:
        Console(highlight=False, markup=False, emoji=False).print(result.message, soft_wrap=True)
        return result.exit_code
    lines = (result.path / "transcripts.jsonl").read_text("utf-8").splitlines()
    print_result(result.path, result.measured, [json.loads(line) for line in lines])
    return 0
