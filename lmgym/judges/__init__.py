"""Judges: language models that are asked which answer is better, or how good one is.

``EndpointJudge`` asks a model over HTTP; a local model that judges by the log-probs of its options lives in
``lmgym_agents.judging``. Both are annotators (``lmgym.preferences``), and both feed the rewards ``Judged``
and ``WinRate`` (``lmgym.rewards.judged``).
"""

from lmgym.judges.comparing import Judge, Pair, PairVerdict
from lmgym.judges.constitution import Constitution, load_constitution, parse_constitution
from lmgym.judges.costs import Budget, Costs, Prices
from lmgym.judges.endpoint import EndpointJudge

__all__ = [
    "Budget",
    "Constitution",
    "Costs",
    "EndpointJudge",
    "Judge",
    "Pair",
    "PairVerdict",
    "Prices",
    "load_constitution",
    "parse_constitution",
]
