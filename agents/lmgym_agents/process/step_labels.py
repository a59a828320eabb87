"""Responses with a label on each step, as token rows: what a process reward model learns from.

In: demonstrations checked by the task, responses measured by roll-outs, or any labels. Out: right-padded rows
that say at which token a step ends and how good the state there is. Left out: losses.

The label of a step is the value of the state after it, in [0, 1]: from a checker 1 as long as no step was
wrong, then 0 for good; from roll-outs their rate of success. A step without a label (None: the checker could
not decide it or one before it) trains nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from lmgym.errors import EmptyProblemSetError, InvalidValueError
from lmgym.grading.derivation import cut_lines, first_wrong_step
from lmgym.records import Problem, Transcript, Turn
from lmgym.seeding import make_generator
from lmgym.tasks.base import Task
from lmgym.tokenization import TextTokenizer
from lmgym_agents.process.values import StepValue


class LabelledResponse(NamedTuple):
    """A response that the agent has ended, and what each of its n steps is worth."""

    prompt: str
    response: str
    labels: tuple[float | None, ...]
    """One for each line (``cut_lines``)."""


class StepRows(NamedTuple):
    """Labelled responses as tokens; L is the length of the longest."""

    input_ids: Tensor
    """int64[B, L], prompt, response and end token, padded on the right."""
    lengths: Tensor
    """int64[B]"""
    is_step_end: Tensor
    """bool[B, L], True for the last token of each step that has a label."""
    labels: Tensor
    """float32[B, L], in [0, 1]; 0 elsewhere."""
    is_good: Tensor
    """bool[B, L], True for the tokens of steps whose label is above 0.5: what may be imitated."""


class StepSource(Protocol):
    """Where a process reward model gets its rows from."""

    def rows(self, step: int, count: int) -> StepRows:
        """Returns the ``count`` rows of an optimiser step, a pure function of its arguments."""
        ...


def label_by_checker(task: Task, problem: Problem, response: str) -> LabelledResponse:
    """Returns ``response`` with the labels of ``task.verify_steps``.

    Raises:
        InvalidValueError: the task can't check steps.
    """
    verdicts = task.verify_steps(Transcript(problem, (Turn("agent", response),), terminated=True))
    if verdicts is None:
        raise InvalidValueError(
            f"{type(task).__name__} with these options can't check steps; use one that can, such as Math "
            "with style='worked', or label steps by roll-outs."
        )
    wrong = first_wrong_step(verdicts)
    labels: list[float | None] = []
    is_known = True
    for place, verdict in enumerate(verdicts):
        is_known = is_known and verdict.status != "undecided"
        if wrong is not None and place >= wrong:
            labels.append(0.0)
        else:
            labels.append(1.0 if is_known else None)
    return LabelledResponse(problem.prompt, response, tuple(labels))


def label_by_values(
    problem: Problem, response: str, values: Sequence[StepValue], *, kind: Literal["soft", "hard"] = "soft"
) -> LabelledResponse:
    """Returns ``response`` with the labels of ``RolloutValues.measure_steps``.

    Args:
        problem: that was answered.
        response: of n steps.
        values: n + 1 values, that of the prompt first.
        kind: "soft": the rate of success; "hard": whether any roll-out succeeds.
    """
    labels = tuple(value.rate if kind == "soft" else float(value.is_hopeful) for value in values[1:])
    return LabelledResponse(problem.prompt, response, labels)


def make_step_rows(responses: Sequence[LabelledResponse], tokenizer: TextTokenizer) -> StepRows:
    """Returns the rows of labelled responses.

    A step ends with the token that holds its newline; the last one, without a newline, with the end token.

    Raises:
        InvalidValueError: labels that do not fit the lines, or lie outside [0, 1].
    """
    heads = [[*tokenizer.prefix_ids, *tokenizer.encode(item.prompt)] for item in responses]
    rows = [
        [*head, *tokenizer.encode(item.response), tokenizer.end_id]
        for head, item in zip(heads, responses, strict=True)
    ]
    shape = (len(rows), max(map(len, rows)))
    table, labels = np.zeros(shape, np.int64), np.zeros(shape, np.float32)
    is_end, is_good = np.zeros((2, *shape), np.bool_)
    for row, (item, head, ids) in enumerate(zip(responses, heads, rows, strict=True)):
        table[row, : len(ids)] = ids
        start = len(head)
        places = step_ends(ids, start, tokenizer, num_steps=len(cut_lines(item.response)))
        _check_labels(item, len(places))
        for place, label in zip(places, item.labels, strict=True):
            if label is not None:
                is_end[row, place], labels[row, place] = True, label
                is_good[row, start : place + 1] = label > 0.5
            start = place + 1
    lengths = torch.tensor([len(ids) for ids in rows])
    return StepRows(torch.from_numpy(table), lengths, *map(torch.from_numpy, (is_end, labels, is_good)))


def step_ends(ids: Sequence[int], start: int, tokenizer: TextTokenizer, *, num_steps: int) -> list[int]:
    """Returns the position of the last token of each step of a row whose response begins at ``start``.

    A token that holds several newlines ends several steps. Whatever has no newline ends with the row.
    """
    places: list[int] = []
    for position in range(start, len(ids)):
        places += [position] * tokenizer.decode([ids[position]]).count("\n")
    return [*places, *[len(ids) - 1] * (num_steps - len(places))]


def _check_labels(item: LabelledResponse, num_steps: int) -> None:
    if len(item.labels) != num_steps or not all(x is None or 0 <= x <= 1 for x in item.labels):
        raise InvalidValueError(
            f"labels must be {num_steps} numbers in [0, 1] or None, one for each line of "
            f"{item.response[:80]!r}, got {item.labels}."
        )


class TaskSteps:
    """The task's demonstrations, right and wrong ones, labelled by its checker of steps."""

    def __init__(self, task: Task, tokenizer: TextTokenizer, *, seed: int = 0, split: str = "train") -> None:
        """Keeps the parts.

        Args:
            task: can check steps; its ``demonstration_quality`` should be below 1, else no step is wrong.
            tokenizer: of the model.
            seed: of what a demonstration draws.
            split: of the task.

        Raises:
            InvalidValueError: a task of several turns.
        """
        if task.max_turns > 1:
            raise InvalidValueError(
                f"{type(task).__name__} has up to {task.max_turns} turns; steps are labelled within one."
            )
        self._task, self._tokenizer, self._seed, self._split = task, tokenizer, seed, split

    def responses(self, step: int, count: int) -> list[LabelledResponse]:
        """Returns demonstrations of problems step * count to (step + 1) * count - 1."""
        rng = make_generator(self._seed, "steps", self._split, step)
        problems = self._task.problems(self._split, range(step * count, (step + 1) * count))
        return [label_by_checker(self._task, p, self._task.demonstrations(p, rng)[0]) for p in problems]

    def rows(self, step: int, count: int) -> StepRows:
        return make_step_rows(self.responses(step, count), self._tokenizer)


class FixedSteps:
    """Labelled responses in a new random order every epoch."""

    def __init__(
        self, responses: Sequence[LabelledResponse], tokenizer: TextTokenizer, *, seed: int = 0
    ) -> None:
        """Keeps the responses.

        Raises:
            EmptyProblemSetError: there are none.
        """
        if not responses:
            raise EmptyProblemSetError("a process reward model needs at least one labelled response.")
        self._responses, self._tokenizer, self._seed = list(responses), tokenizer, seed

    def rows(self, step: int, count: int) -> StepRows:
        """Goes through the responses in epochs; a batch may reach into the next."""
        epochs, offsets = np.divmod(np.arange(step * count, (step + 1) * count), len(self._responses))
        orders = {
            epoch: make_generator(self._seed, "epoch", epoch).permutation(len(self._responses))
            for epoch in np.unique(epochs).tolist()
        }
        picked = [
            self._responses[orders[epoch][offset]]
            for epoch, offset in zip(epochs.tolist(), offsets.tolist(), strict=True)
        ]
        return make_step_rows(picked, self._tokenizer)
