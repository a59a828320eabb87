"""One optimiser step from a batch of any size: micro-batches, summed gradients, memory, numbers gone wrong.

In: the lengths of the batch's rows, a token budget, and a function that gives the loss of some of the rows.
Out: gradients in the parameters, equal to those of the whole batch at once up to rounding. That holds because
the losses divide by a denominator of the whole batch (see ``losses``): shares add up, nothing is averaged.
"""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor, nn

from lmgym.errors import InvalidValueError, OutOfMemoryError
from lmgym_agents.losses import Loss, merge_stats

if TYPE_CHECKING:
    from jaxtyping import Int


class Accumulation(NamedTuple):
    """What ``accumulate_gradients`` did."""

    loss: float
    """The batch's loss: the sum of the parts'."""
    stats: dict[str, float]
    """Statistics of the whole batch."""
    token_budget: int
    """The budget that fitted into memory: hand it to the next call."""
    num_micro_batches: int


class StepResult(NamedTuple):
    """What ``optimizer_step`` did."""

    grad_norm: float
    """Before clipping; may be infinite or NaN when the step was skipped."""
    skipped: str | None
    """None: the weights were updated. Otherwise what was not finite, by name."""


def micro_batches(lengths: Int[Tensor, " B"], token_budget: int) -> list[Int[Tensor, " n"]]:
    """Returns the rows 0..B-1 cut into groups of at most ``token_budget`` padded tokens (rows * longest).

    Rows of like length go together, longest first, which keeps padding small and makes memory run out at
    once if at all. A row that is longer than the budget is a group of its own.

    Raises:
        InvalidValueError: ``token_budget`` is below 1.
    """
    if token_budget < 1:
        raise InvalidValueError(f"token_budget must be at least 1, got {token_budget}.")
    order = torch.argsort(lengths.cpu(), descending=True, stable=True)
    groups: list[Tensor] = []
    start = 0
    while start < len(order):
        longest = max(1, int(lengths[order[start]]))
        stop = start + max(1, token_budget // longest)
        groups.append(order[start:stop].sort().values)
        start = stop
    return groups


def accumulate_gradients(
    loss_of_rows: Callable[[Tensor], Loss],
    lengths: Int[Tensor, " B"],
    token_budget: int,
    parameters: Iterable[nn.Parameter],
    *,
    on_message: Callable[[str], None] | None = None,
) -> Accumulation:
    """Fills the parameters' gradients with those of the sum of ``loss_of_rows`` over all micro-batches.

    When memory runs out, the partial gradients are dropped, the budget is halved and the batch starts over,
    so the gradient is always that of the whole batch.

    Args:
        loss_of_rows: takes row numbers int64[n] and gives these rows' share of the loss and its statistics.
        lengths: tokens in each row.
        token_budget: padded tokens in a micro-batch.
        parameters: their gradients are discarded first.
        on_message: told in words when the budget is halved.

    Raises:
        OutOfMemoryError: a micro-batch of one row does not fit into memory.
    """
    parameters = list(parameters)
    while True:
        groups = micro_batches(lengths, token_budget)
        # The budget that is really used: halving a far larger one would repeat the same groups.
        used = max(len(rows) * max(1, int(lengths[rows].max())) for rows in groups)
        done = _try_accumulate(loss_of_rows, groups, parameters)
        if not isinstance(done, str):
            losses, stats = done
            return Accumulation(sum(losses), merge_stats(stats), token_budget, len(groups))
        # Only here, outside the handler, does no traceback hold the tensors of the failed attempt any more.
        _drop(parameters)
        largest = max(len(rows) for rows in groups)
        if largest == 1:
            raise OutOfMemoryError(
                f"out of memory with one row in a micro-batch (at most {int(lengths.max())} tokens): {done} "
                "Use shorter episodes, gradient checkpointing, LoRA, a smaller model or a larger device."
            )
        token_budget = max(1, used // 2)
        if on_message is not None:
            on_message(
                f"Out of memory with {largest} rows at once: the update starts over with {token_budget} "
                "padded tokens in a micro-batch. The gradient does not change by it."
            )


def _try_accumulate(
    loss_of_rows: Callable[[Tensor], Loss], groups: Sequence[Tensor], parameters: Sequence[nn.Parameter]
) -> tuple[list[float], list[Mapping[str, Tensor]]] | str:
    """Returns the losses and statistics of the groups, or what was said when memory ran out."""
    for parameter in parameters:
        parameter.grad = None
    losses, stats = [], []
    try:
        for rows in groups:
            part = loss_of_rows(rows)
            part.loss.backward()
            losses.append(part.loss.detach())
            stats.append(part.stats)
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        return str(error).strip().split("\n")[0][:300]
    return [float(loss) for loss in losses], stats


def _drop(parameters: Iterable[nn.Parameter]) -> None:
    for parameter in parameters:
        parameter.grad = None
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()


def is_out_of_memory(error: BaseException) -> bool:
    """Returns whether an exception says that memory ran out, on a GPU or in torch's CPU allocator."""
    if isinstance(error, torch.OutOfMemoryError | MemoryError):
        return True
    if not isinstance(error, RuntimeError):
        return False
    text = str(error)
    on_cpu = "DefaultCPUAllocator" in text and (
        "can't allocate memory" in text or "not enough memory" in text
    )
    return on_cpu or "CUBLAS_STATUS_ALLOC_FAILED" in text


def optimizer_step(
    optimizer: torch.optim.Optimizer,
    named_parameters: Iterable[tuple[str, nn.Parameter]],
    *,
    loss: float,
    max_grad_norm: float | None = 1.0,
) -> StepResult:
    """Clips the gradient's norm and takes the optimiser's step, unless anything is not finite.

    A step with a non-finite loss or gradient is skipped entirely: neither the weights nor the optimiser's
    moments see it. The gradients are dropped either way.

    Args:
        optimizer: over (some of) the named parameters.
        named_parameters: as ``module.named_parameters()`` gives them.
        loss: the batch's loss.
        max_grad_norm: total norm to clip to; None: no clipping.
    """
    named = [(name, parameter) for name, parameter in named_parameters if parameter.grad is not None]
    gradients = [parameter.grad for _, parameter in named]
    norm = nn.utils.get_total_norm(gradients)
    grad_norm = float(norm)
    skipped = None
    if not _is_finite(loss):
        skipped = f"loss = {loss}"
    elif not _is_finite(grad_norm):
        skipped = "gradient of " + next(_non_finite_names(named), "no single parameter (the norm overflows)")
    else:
        if max_grad_norm is not None:
            parameters = [parameter for _, parameter in named]
            nn.utils.clip_grads_with_norm_(parameters, max_grad_norm, norm)
        optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return StepResult(grad_norm, skipped)


def find_non_finite(arrays: Mapping[str, Tensor]) -> str | None:
    """Returns the name of the first array that holds NaN or an infinity, with their number; None if none."""
    for name, array in arrays.items():
        num_bad = int((~torch.isfinite(array)).sum())
        if num_bad:
            return f"{name} ({num_bad} of {array.numel()} not finite)"
    return None


def _non_finite_names(named: Iterable[tuple[str, nn.Parameter]]) -> Iterator[str]:
    for name, parameter in named:
        if parameter.grad is not None and not bool(torch.isfinite(parameter.grad).all()):
            yield name


def _is_finite(number: float) -> bool:
    return number - number == 0.0
