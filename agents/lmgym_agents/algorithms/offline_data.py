"""Recorded episodes as transitions between the states in which the agent acts.

In: padded rows of whole episodes. Out: for each action its state, its reward and its next state. What the
environment says in between belongs to the next state: no state lies inside it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from lmgym.seeding import make_generator
from lmgym_agents.rollout import Rollout

if TYPE_CHECKING:
    from jaxtyping import Float, Int


class ActionSteps(NamedTuple):
    """N actions in M >= N states: first the states of the actions, row by row, then the ends of cut rows."""

    rows: Int[Tensor, " M"]
    columns: Int[Tensor, " M"]
    """Of the last token of each state."""
    actions: Int[Tensor, " N"]
    rewards: Float[Tensor, " N"]
    next_state: Int[Tensor, " N"]
    """Which of the M states follows; -1: the task has ended."""

    def next_values(self, values: Float[Tensor, " M"]) -> Float[Tensor, " N"]:
        """Returns V(s') of each action, 0 where the task has ended."""
        return torch.where(self.next_state >= 0, values[self.next_state], 0)

    def discounted_returns(self, values: Float[Tensor, " M"], gamma: float) -> Float[Tensor, " N"]:
        """Returns the discounted sum of the rewards from each action on; V stands for what was cut off.

        The discount is once an action: G_n = r_n + γ G_{n+1}, ending in 0, or in V of the state a budget
        left.
        """
        known = values.double().tolist()
        found = [0.0] * len(self.actions)
        steps = list(zip(self.rewards.double().tolist(), self.next_state.tolist(), strict=True))
        for n in range(len(steps) - 1, -1, -1):
            reward, following = steps[n]
            found[n] = reward
            if following >= 0:  # an action's own state comes later in its row; beyond them are the ends
                found[n] += gamma * (found[following] if following < len(found) else known[following])
        return torch.tensor(found, dtype=values.dtype, device=values.device)


def action_steps(rollout: Rollout) -> ActionSteps:
    """Returns the transitions of all rows; a row without an action has none."""
    rows, columns = rollout.is_action.nonzero(as_tuple=True)
    number = torch.arange(len(rows))
    is_last = torch.ones(len(rows), dtype=torch.bool)
    is_last[:-1] = rows[1:] != rows[:-1]
    is_cut = is_last & ~rollout.terminated[rows]
    ends = rows[is_cut]
    next_state = torch.where(is_last, -1, number + 1)
    next_state[is_cut] = len(rows) + torch.arange(len(ends))
    return ActionSteps(
        rows=torch.cat([rows, ends]),
        columns=torch.cat([columns - 1, rollout.lengths[ends] - 1]),
        actions=rollout.input_ids[rows, columns],
        rewards=rollout.rewards[rows, columns],
        next_state=next_state,
    )


def epoch_rows(num_rows: int, step: int, count: int, seed: int) -> Int[Tensor, " count"]:
    """Returns which rows step ``step`` learns from: epochs, each in an order of its own, cut into batches.

    A pure function of its arguments; a batch may reach into the next epoch.
    """
    places = np.arange(step * count, (step + 1) * count)
    epochs, offsets = np.divmod(places, num_rows)
    orders = {
        epoch: make_generator(seed, "offline", epoch).permutation(num_rows)
        for epoch in np.unique(epochs).tolist()
    }
    picked = [orders[epoch][offset] for epoch, offset in zip(epochs.tolist(), offsets.tolist(), strict=True)]
    return torch.tensor(picked)
