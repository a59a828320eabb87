"""Replay: whole trajectories that are learned from several times, drawn uniformly or by their errors.

In: rollouts. Out: batches of rows. The oldest rows go first. Nothing random is kept here: whoever draws
brings a generator of its own for each draw, so ``state_dict`` holds rows and priorities; a restored replay
gives the same batches. Rows whose reward failed never enter.

Source of the priorities: Schaul et al. 2016, "Prioritized experience replay", in its proportional form; a sum
over all rows takes the place of its tree, as it costs nothing beside a forward pass.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from lmgym.errors import InvalidValueError
from lmgym_agents.rollout import Rollout


@dataclass(frozen=True, kw_only=True)
class ReplayRows:
    """B whole episodes to learn from; see ``rollout.Rollout`` for the first ones."""

    input_ids: Tensor
    """int64[B, L], padded on the right."""
    lengths: Tensor
    """int64[B]"""
    is_action: Tensor
    """bool[B, L]"""
    logp_behaviour: Tensor
    """float32[B, L]"""
    rewards: Tensor
    """float32[B, L]"""
    terminated: Tensor
    """bool[B]"""
    truncated: Tensor
    """bool[B]"""
    success: Tensor
    """bool[B]"""
    problem_index: Tensor
    """int64[B]"""
    group: Tensor
    """int64[B], rows that answered the same problem in the same rollout share a number, unique in the run."""
    born: Tensor
    """int64[B], the iteration that played it."""
    extras: dict[str, Tensor] = field(default_factory=dict)
    """What a learner keeps with the rows, each [B, L]."""

    def __len__(self) -> int:
        return len(self.lengths)

    def select(self, rows: Tensor) -> ReplayRows:
        """Returns these rows alone, int64[n] or bool[B], without the columns that none of them needs."""
        lengths = self.lengths[rows]
        width = int(lengths.max()) if len(lengths) else 0

        def pick(x: Tensor) -> Tensor:
            return x[rows][:, :width] if x.ndim == 2 else x[rows]

        return self.map(pick)

    def map(self, function: Callable[[Tensor], Tensor]) -> ReplayRows:
        """Returns what ``function`` makes of each array."""
        plain = {name: function(x) for name, x in vars(self).items() if isinstance(x, Tensor)}
        return ReplayRows(**plain, extras={name: function(x) for name, x in self.extras.items()})


def make_replay_rows(rollout: Rollout, *, born: int) -> ReplayRows:
    """Returns the rows of a rollout that did not fail and hold an action."""
    kept = rollout.select(~rollout.failed & rollout.is_action.any(dim=1))
    names = {entry.name for entry in dataclasses.fields(ReplayRows)} - {"born", "group", "extras"}
    arrays = {name: getattr(kept, name) for name in names}
    # A rollout numbers its groups from 0; 2**32 of them in one rollout do not occur.
    return ReplayRows(
        **arrays, group=kept.group + (born << 32), born=torch.full_like(kept.lengths, born)
    ).select(torch.arange(len(kept.lengths)))


class ReplayBatch(NamedTuple):
    """Rows that were drawn."""

    rows: ReplayRows
    places: Tensor
    """int64[B], where they lie in the replay: valid until rows are added."""
    weights: Tensor
    """float32[B] in (0, 1], what each row's loss is to be multiplied by (1 throughout if drawn uniformly)."""


class Replay:
    """The latest trajectories, at most ``capacity`` rows of them and ``max_tokens`` tokens."""

    def __init__(
        self,
        capacity: int,
        *,
        max_tokens: int | None = None,
        priority_exponent: float = 0.0,
        importance_exponent: float = 0.4,
        floor: float = 1e-3,
    ) -> None:
        """Makes an empty replay.

        Args:
            capacity: rows that are kept, the latest.
            max_tokens: tokens that are kept; the latest row stays in any case.
            priority_exponent: α; a row is drawn with probability proportional to (error + floor)^α; 0 draws
                uniformly.
            importance_exponent: β; rows are weighted by (N p)^-β over the batch's largest weight.
            floor: added to errors, in the reward's unit, so that every row can be drawn.

        Raises:
            InvalidValueError: a number out of its range.
        """
        if capacity < 1 or (max_tokens is not None and max_tokens < 1):
            raise InvalidValueError(
                f"a replay needs room for one row at least: got capacity={capacity!r}, {max_tokens=}."
            )
        if priority_exponent < 0 or not 0 <= importance_exponent <= 1 or floor <= 0:
            raise InvalidValueError(
                "a replay needs priority_exponent >= 0, importance_exponent in [0, 1] and floor > 0, got "
                f"{priority_exponent}, {importance_exponent} and {floor}."
            )
        self._capacity, self._max_tokens = capacity, max_tokens
        self._alpha, self._beta, self._floor = priority_exponent, importance_exponent, floor
        self.rows: ReplayRows | None = None
        """What is kept, the oldest first."""
        self._errors = torch.zeros(0, dtype=torch.float64)
        self._uses = torch.zeros(0, dtype=torch.int64)

    def __len__(self) -> int:
        return 0 if self.rows is None else len(self.rows)

    @property
    def uses(self) -> Tensor:
        """int64[N], how often each row was drawn so far."""
        return self._uses

    def add(self, new: ReplayRows) -> None:
        """Adds rows and drops the oldest beyond the capacity; a new row is as urgent as the most urgent."""
        urgent = float(self._errors.max()) if len(self._errors) else 1.0
        joined = new if self.rows is None else _join(self.rows, new)
        errors = torch.cat([self._errors, torch.full((len(new),), urgent, dtype=torch.float64)])
        uses = torch.cat([self._uses, torch.zeros(len(new), dtype=torch.int64)])
        start = max(0, len(joined) - self._capacity)
        if self._max_tokens is not None and len(joined):
            kept_tokens = joined.lengths.flip(0).cumsum(0)
            fitting = max(1, int((kept_tokens <= self._max_tokens).sum()))
            start = max(start, len(joined) - fitting)
        self.rows = joined.select(torch.arange(start, len(joined)))
        self._errors, self._uses = errors[start:].clone(), uses[start:].clone()

    def sample(self, rng: np.random.Generator, count: int, *, whole_groups: bool = False) -> ReplayBatch:
        """Returns ``count`` rows: different ones when drawn uniformly (all, if there are fewer).

        Args:
            rng: decides all.
            count: rows.
            whole_groups: draws groups instead, uniformly, and returns all rows of each, about ``count``.

        Raises:
            InvalidValueError: the replay is empty, or ``count`` is below 1.
        """
        if not len(self) or count < 1:
            raise InvalidValueError(f"{count} rows were asked of a replay that holds {len(self)}.")
        assert self.rows is not None
        weights = torch.ones(min(count, len(self)))
        if whole_groups:
            places = torch.from_numpy(self._draw_groups(rng, count))
            weights = torch.ones(len(places))
        elif self._alpha == 0:
            places = torch.from_numpy(rng.choice(len(self), min(count, len(self)), replace=False))
        else:
            chances = (self._errors + self._floor).pow(self._alpha)
            chances = chances / chances.sum()
            places = torch.from_numpy(rng.choice(len(self), count, p=chances.numpy()))
            weights = (len(self) * chances[places]).pow(-self._beta).float()
            weights = weights / weights.max()
        self._uses += torch.bincount(places, minlength=len(self))
        return ReplayBatch(self.rows.select(places), places, weights)

    def update(self, places: Tensor, errors: Tensor) -> None:
        """Notes the size of the rows' errors; what is not finite leaves a row as it was."""
        errors = errors.detach().double().abs().cpu()
        is_known = torch.isfinite(errors)
        self._errors[places[is_known]] = errors[is_known]

    def state_dict(self) -> dict[str, Any]:
        """Returns rows, errors and counts, as tensors."""
        rows = None if self.rows is None else dict(vars(self.rows))
        return {"rows": rows, "errors": self._errors.clone(), "uses": self._uses.clone()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes back to what ``state_dict`` returned."""
        self.rows = None if state["rows"] is None else ReplayRows(**state["rows"])
        self._errors, self._uses = state["errors"].clone(), state["uses"].clone()

    def _draw_groups(self, rng: np.random.Generator, count: int) -> NDArray[np.int64]:
        assert self.rows is not None
        names, place, size = np.unique(self.rows.group.numpy(), return_inverse=True, return_counts=True)
        num_groups = max(1, min(len(names), round(count / float(size.mean()))))
        chosen = np.zeros(len(names), np.bool_)
        chosen[rng.choice(len(names), num_groups, replace=False)] = True
        return np.flatnonzero(chosen[place])


def _join(old: ReplayRows, new: ReplayRows) -> ReplayRows:
    """Returns the rows of both, padded to the same width."""
    width = max(old.input_ids.shape[1], new.input_ids.shape[1])

    def join(first: Tensor, second: Tensor) -> Tensor:
        if first.ndim == 1:
            return torch.cat([first, second])
        pads = [torch.nn.functional.pad(x, (0, width - x.shape[1])) for x in (first, second)]
        return torch.cat(pads)

    extras = {name: join(x, new.extras[name]) for name, x in old.extras.items()}
    plain = {name: x for name, x in vars(old).items() if isinstance(x, Tensor)}
    return ReplayRows(**{n: join(x, getattr(new, n)) for n, x in plain.items()}, extras=extras)
