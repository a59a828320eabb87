"""Evaluates rows without gradients, a chunk at a time; when memory runs out the chunks are halved."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from lmgym_agents.accumulate import is_out_of_memory, micro_batches

RowFunction = Callable[[Tensor], tuple[Tensor, ...]]


@torch.no_grad()
def evaluate_in_chunks(
    function: RowFunction,
    lengths: Tensor,
    token_budget: int,
    *,
    on_message: Callable[[str], None] | None = None,
) -> tuple[tuple[Tensor, ...], int]:
    """Returns the results of ``function`` on all rows, on the CPU, and the budget that fitted into memory.

    Args:
        function: takes row numbers int64[n] and gives arrays of n rows.
        lengths: int64[B], tokens in each row.
        token_budget: padded tokens in a chunk.
        on_message: told in words when the budget is halved.
    """
    while True:
        groups = micro_batches(lengths, token_budget)
        parts = _try(function, groups)
        if parts is not None:
            break
        token_budget = max(1, max(len(rows) * int(lengths[rows].max()) for rows in groups) // 2)
        if torch.cuda.is_available():
            torch.cuda.empty_cache()
        if on_message is not None:
            on_message(f"Out of memory: going on with {token_budget} padded tokens at once.")
    order = torch.cat(groups)
    back = torch.empty_like(order)
    back[order] = torch.arange(len(order))
    return tuple(torch.cat(column)[back] for column in zip(*parts, strict=True)), token_budget


def _try(function: RowFunction, groups: list[Tensor]) -> list[tuple[Tensor, ...]] | None:
    """Returns the results of each group, None when memory ran out."""
    try:
        return [tuple(part.cpu() for part in function(rows)) for rows in groups]
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error) or max(map(len, groups)) == 1:
            raise
    return None
