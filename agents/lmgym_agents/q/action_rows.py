"""Rows of tokens seen as rows of actions: what lies between two actions is skipped.

A row of tokens [L] holds prompts, actions and replies; the decision process that Q-learning sees has only the
actions. Here arrays [B, L] over tokens become arrays [B, A] over actions: column j is the row's j-th action,
whatever stands between it and the next. Arrays over states have one column more: column j is the state before
action j, and column n that after a row's last token, which exists where the row was truncated (a terminated
row has no further state).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Shaped


class ActionRows(NamedTuple):
    """Where the actions and the states of B rows are; A is the largest number of actions."""

    is_action: Bool[Tensor, "B L"]
    """True at the tokens that are actions."""
    is_state: Bool[Tensor, "B L"]
    """True at the last token of each state that is needed: before each action, and at the end of a truncated
    row."""
    has_action: Bool[Tensor, "B A"]
    """True in the first n columns of a row with n actions."""
    has_state: Bool[Tensor, "B A+1"]
    """True in the first n columns, and in column n where the row was truncated."""

    def of_actions(self, flat: Shaped[Tensor, " N"]) -> Shaped[Tensor, "B A"]:
        """Returns values of all actions, given row by row, as an array; 0 where there is no action."""
        return _spread(flat, self.has_action)

    def of_states(self, flat: Shaped[Tensor, " M"]) -> Shaped[Tensor, "B A+1"]:
        """Returns values of all states, given row by row, as an array; 0 where there is no state."""
        return _spread(flat, self.has_state)

    def actions_among_states(self) -> Bool[Tensor, " M"]:
        """Returns, for each state in order, whether an action follows it."""
        follows = torch.zeros_like(self.has_state)
        follows[:, :-1] = self.has_action
        return follows[self.has_state]


def find_actions(
    is_action: Bool[Tensor, "B L"], lengths: Int[Tensor, " B"], truncated: Bool[Tensor, " B"]
) -> ActionRows:
    """Returns where the actions and states of rows are.

    Args:
        is_action: never True at position 0 nor at or after a row's length.
        lengths: tokens in each row.
        truncated: the row has a state after its last token from which the episode would have gone on.
    """
    counts = is_action.sum(dim=1)
    ends = truncated & (counts > 0)
    is_state = torch.zeros_like(is_action)
    is_state[:, :-1] = is_action[:, 1:]
    rows = ends.nonzero(as_tuple=True)[0]
    is_state[rows, lengths[rows] - 1] = True
    columns = torch.arange(int(counts.max()) + 1 if len(counts) else 1, device=is_action.device)
    has_state = columns < (counts + ends)[:, None]
    return ActionRows(is_action, is_state, columns[:-1] < counts[:, None], has_state)


def sum_rewards(
    rewards: Float[Tensor, "B L"], rows: ActionRows, lengths: Int[Tensor, " B"]
) -> Float[Tensor, "B A"]:
    """Returns what each action earned: its own reward and those of the tokens up to the next action.

    A reward before the first action belongs to no action and is left out.
    """
    number = rows.is_action.long().cumsum(dim=1) - 1
    in_row = torch.arange(rewards.shape[1], device=rewards.device) < lengths[:, None]
    earned = torch.where(in_row & (number >= 0), rewards, 0)
    total = torch.zeros(rows.has_action.shape, dtype=rewards.dtype, device=rewards.device)
    return total.scatter_add(1, number.clamp(min=0), earned) if total.shape[1] else total


def _spread(flat: Tensor, exists: Tensor) -> Tensor:
    spread = torch.zeros(exists.shape, dtype=flat.dtype, device=flat.device)
    return spread.masked_scatter(exists, flat)
