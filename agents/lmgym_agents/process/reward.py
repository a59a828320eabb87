r"""A trained process reward model in use: as a reward of environments, and as a heuristic of searches.

    reward = LearnedSteps(load_policy("runs/prm/model"), tokenizer)
    env = gym.make("lmgym/Math-v0", style="worked", reward=reward)
    values = reward.values(["12+34="], ["\n10+30=40\n"])

In: prompts and what was written so far. Out: probabilities that all is well so far. Left out: training
(``algorithms.process_reward_model``).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, Self, get_args

import numpy as np
import torch
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError
from lmgym.grading.derivation import cut_lines
from lmgym.records import Scores, Transcript
from lmgym.rewards import Pay
from lmgym.rewards.compose import Term, check_pay
from lmgym.rewards.payments import state_before
from lmgym.tokenization import TextTokenizer
from lmgym_agents.accumulate import micro_batches
from lmgym_agents.algorithms.process_reward_model import step_logits
from lmgym_agents.policy import Policy
from lmgym_agents.process.step_labels import step_ends

Aggregate = Literal["last", "min", "product"]


@dataclass(frozen=True, eq=False)
class LearnedSteps(Term):
    """What a process reward model thinks of the steps so far, paid as it changes.

    ``aggregate`` makes one number in [0, 1] of the values of all steps: the last, the smallest, the product.
    A payment is that number now less that number at the payment before (0 before the first step), so an
    episode earns the number at its end, and more steps earn nothing by themselves.

    Single-turn tasks only: of several turns the last is looked at. The term is called "learned_steps".

    Raises:
        InvalidValueError: an unknown ``aggregate`` or ``pay``.
    """

    policy: Policy
    """with the head that ``ProcessRewardModel`` has trained"""
    tokenizer: TextTokenizer
    aggregate: Aggregate = "min"
    pay: Pay = "step"
    max_tokens: int = 32768
    """padded tokens in one forward pass"""

    def __post_init__(self) -> None:
        check_pay(self.pay)
        if self.aggregate not in get_args(Aggregate):
            allowed = ", ".join(get_args(Aggregate))
            raise InvalidValueError(f"aggregate must be one of {allowed}, got {self.aggregate!r}.")

    @property
    def name(self) -> str:
        return "learned_steps"

    def paid(self, pay: Pay) -> Self:
        return replace(self, pay=pay)

    def __call__(self, transcripts: Sequence[Transcript]) -> Scores:
        before = [state_before(transcript, self.pay) for transcript in transcripts]
        both = self.potential([*before, *transcripts])
        values = both[len(before) :] - both[: len(before)]
        return Scores(values, {self.name: values}, np.zeros(len(values), np.bool_))

    def potential(self, states: Sequence[Transcript]) -> NDArray[np.float64]:
        """Returns the number of each state, float64[B] in [0, 1]; fit for ``lmgym.rewards.Shaped``."""
        responses = [state.response for state in states]
        ended = [bool(state.turns) and state.turns[-1].is_complete for state in states]
        steps = self.step_values([state.problem.prompt for state in states], responses, ended)
        return np.array([self._combine(values) for values in steps], np.float64)

    def values(
        self, prompts: Sequence[str], prefixes: Sequence[str], is_complete: Sequence[bool] | None = None
    ) -> NDArray[np.float64]:
        """Returns the number of each prefix, float64[B] in [0, 1]: a heuristic for search.

        Args:
            prompts: B prompts.
            prefixes: B responses as far as they are written, ended where a step ends.
            is_complete: where the agent has ended its turn; default: nowhere.
        """
        return np.array([self._combine(v) for v in self.step_values(prompts, prefixes, is_complete)])

    @torch.no_grad()
    def step_values(
        self, prompts: Sequence[str], prefixes: Sequence[str], is_complete: Sequence[bool] | None = None
    ) -> list[NDArray[np.float64]]:
        """Returns the value after each step of each prefix; arguments as ``values``.

        Returns:
            B arrays float64[n], numbers in [0, 1], one for each of a prefix's n steps.
        """
        found: list[NDArray[np.float64]] = [np.zeros(0) for _ in prompts]
        ended = [False] * len(prompts) if is_complete is None else is_complete
        rows = [i for i, prefix in enumerate(prefixes) if prefix]
        if not rows:
            return found
        tokenizer = self.tokenizer
        heads = [[*tokenizer.prefix_ids, *tokenizer.encode(prompts[i])] for i in rows]
        ids = [
            [*head, *tokenizer.encode(prefixes[i]), *([tokenizer.end_id] if ended[i] else [])]
            for head, i in zip(heads, rows, strict=True)
        ]
        lengths = torch.tensor([len(row) for row in ids])
        table = torch.zeros(len(ids), int(lengths.max()), dtype=torch.int64)
        for place, row in enumerate(ids):
            table[place, : len(row)] = torch.tensor(row)
        for part in micro_batches(lengths, self.max_tokens):
            chances = step_logits(self.policy, table[part], lengths[part]).sigmoid().double().cpu().numpy()
            for at, place in enumerate(part.tolist()):
                num_steps = len(cut_lines(prefixes[rows[place]]))
                ends = step_ends(ids[place], len(heads[place]), tokenizer, num_steps=num_steps)
                found[rows[place]] = chances[at, ends]
        return found

    def _combine(self, values: NDArray[np.float64]) -> float:
        if not len(values):
            return 0.0
        if self.aggregate == "last":
            return float(values[-1])
        return float(values.min() if self.aggregate == "min" else values.prod())
