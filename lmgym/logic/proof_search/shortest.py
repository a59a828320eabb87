"""The fewest lines that finish a proof, by A* over proofs written backwards.

In: what is known at each level of open boxes, and the goal. Out: steps. A state is what the text after some
point still lacks: for each box that is open there the formulas and boxes that it cites and that stand
before that point. A move writes the line before: it justifies a formula or ends a box by the line that
does, or it opens the box (going backwards, leaves it), whereby all that is still lacking inside has to
stand outside. The estimate counts what is lacking, each once, and never exceeds the truth, so the first
proof found is a shortest one among those of which ``rules`` tells the lines. Source of the search: Hart,
Nilsson, Raphael 1968.

Lines that need nothing more ("free") are not searched over: they can stand directly after the assumption,
so they are written when their box is left.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, combinations
from typing import Final, NamedTuple

from lmgym.logic.proof_search.contexts import Context, Contexts
from lmgym.logic.proof_search.steps import Box, Step
from lmgym.logic.proof_search.table import bits

_Frame = tuple[tuple[int, ...], int, int]
"""Assumptions of the new boxes it is in, the own one last; formulas lacking; boxes lacking."""
_State = tuple[int, tuple[_Frame, ...]]
"""Level of the given lines on which it stands, and the frames from there."""
_Move = tuple[_State, tuple[Step, ...]]
"""The state before, and the lines written, in the order of the text."""

_DONE: Final[_State] = (-1, ())
NO_LIMIT: Final = 1 << 30


class Found(NamedTuple):
    """What a search knows in the end."""

    steps: list[Step] | None
    """The fewest steps; None if there are none or the budget was spent."""
    min_lines: int
    """No proof has fewer; ``below`` if there is none with fewer than that."""


def shortest_steps(contexts: Contexts, goal: int, max_states: int, below: int = NO_LIMIT) -> Found:
    """Returns the fewest steps that reach the goal at depth 0, if these are fewer than ``below``.

    It looks into ``max_states`` states at the most.
    """
    search = _Search(contexts)
    start, _ = search.settle((0, (((), 1 << goal, 0),)))
    cost: dict[_State, int] = {start: 0}
    before: dict[_State, _Move] = {}
    waiting = [(search.estimate(start), 0, 0, start, False)]
    count = num_states = 0
    while waiting:
        estimate, less_cost, _, state, is_sharp = heapq.heappop(waiting)
        if state is _DONE:
            return Found(_text(before, state), estimate)
        if -less_cost > cost[state]:
            continue
        if not is_sharp and (more := search.sharpen(state)):
            count += 1
            if estimate + more < below:
                heapq.heappush(waiting, (estimate + more, less_cost, count, state, True))
            continue
        if num_states >= max_states:
            return Found(None, estimate)
        num_states += 1
        for moved, steps in search.moves(state):
            after, early = search.settle(moved)
            new_cost = len(steps) + len(early) - less_cost
            if new_cost < cost.get(after, new_cost + 1):
                estimate = new_cost + search.estimate(after)
                if estimate < below:
                    cost[after] = new_cost
                    before[after] = (state, early + steps)
                    count += 1
                    heapq.heappush(waiting, (estimate, -new_cost, count, after, False))
    return Found(None, below)


def _text(before: dict[_State, _Move], state: _State) -> list[Step]:
    text: list[Step] = []
    while state in before:
        state, steps = before[state]
        text.extend(steps)
    return text


class _Search:
    def __init__(self, contexts: Contexts) -> None:
        self._contexts = contexts

    def settle(self, state: _State) -> tuple[_State, tuple[Step, ...]]:
        """Strikes out what is there already, and leaves boxes in which nothing is lacking."""
        level, frames = state
        early: tuple[Step, ...] = ()
        while True:
            inside, needs, boxes = frames[-1]
            context = self._contexts.at(level, inside)
            needs &= ~context.known
            boxes &= ~context.boxes
            if needs or boxes or not inside:
                break
            early = (Step(level + len(inside), inside[-1], "as"), *early)
            frames = frames[:-1]
        if not inside and not needs and not boxes & ~self._contexts.closing[level]:
            return _DONE, early
        return (level, (*frames[:-1], (inside, needs, boxes))), early

    def estimate(self, state: _State) -> int:
        """Returns a number of lines that are needed at the least."""
        level, frames = state
        if level < 0:
            return 0
        needs = boxes = 0
        for frame in frames:
            needs |= frame[1]
            boxes |= frame[2]
        if boxes:
            boxes &= ~self._contexts.closing[level]
            lines = boxes.bit_count() + (boxes & self._contexts.needs_two[level]).bit_count()
            return len(frames) - 1 + needs.bit_count() + lines
        return len(frames) - 1 + needs.bit_count()

    def sharpen(self, state: _State) -> int:
        """Returns how many lines more than ``estimate`` are needed at the least.

        Whatever justifies a formula that is lacking needs its own lines, unless these are lacking already.
        """
        level, frames = state
        needs = boxes = 0
        for frame in frames:
            needs |= frame[1]
            boxes |= frame[2]
        boxes |= self._contexts.closing[level]
        needs_two = self._contexts.needs_two[level]
        inside, lacking, _ = frames[-1]
        context = self._contexts.at(level, inside)
        most = 0
        for need in bits(lacking):
            least = NO_LIMIT
            for _, more, more_boxes in self._contexts.options(context, need):
                new = more_boxes & ~boxes
                lines = (more & ~needs).bit_count() + new.bit_count() + (new & needs_two).bit_count()
                least = min(least, lines)
                if least <= most:
                    break
            most = max(most, least)
        return most

    def moves(self, state: _State) -> Iterator[tuple[_State, tuple[Step, ...]]]:
        """Returns the states before, with the lines between."""
        level, frames = state
        inside, needs, boxes = frames[-1]
        context = self._contexts.at(level, inside)
        depth = level + len(inside)
        is_free = self._contexts.is_free
        free = sum(1 << need for need in bits(needs) if is_free(context, need))
        for need in bits(needs & ~free):
            yield from self._justify(state, context, need, depth)
        for number in bits(boxes):
            yield from self._end_box(state, context, number, depth)
        if inside:
            yield from self._leave(state, context, free, depth)
            return
        if needs != free:
            return
        written = tuple(self._write_free(context, free, depth))
        if not boxes & ~self._contexts.closing[level]:
            yield (level, (((), 0, 0),)), written
        elif boxes.bit_count() == 1 and level + 1 < len(self._contexts.scopes):
            yield from self._go_on_inside(level, self._contexts.box_parts[boxes.bit_length() - 1], written)

    def _justify(
        self, state: _State, context: Context, need: int, depth: int
    ) -> Iterator[tuple[_State, tuple[Step, ...]]]:
        level, frames = state
        inside, needs, boxes = frames[-1]
        for way, more, more_boxes in self._contexts.options(context, need):
            frame = (inside, needs & ~(1 << need) | more, boxes | more_boxes)
            yield (level, (*frames[:-1], frame)), (Step(depth, need, way.rule, way.needs, way.boxes),)

    def _end_box(
        self, state: _State, context: Context, number: int, depth: int
    ) -> Iterator[tuple[_State, tuple[Step, ...]]]:
        level, frames = state
        inside, needs, boxes = frames[-1]
        new, last = self._contexts.box_parts[number]
        opening = Step(depth + 1, new, "as")
        outer = (*frames[:-1], (inside, needs, boxes & ~(1 << number)))
        if new == last:
            yield (level, outer), (opening,)
            return
        repeated = (opening, Step(depth + 1, last, "R", (last,)))
        if context.known >> last & 1:
            yield (level, outer), repeated
            return
        within = (*inside, new)
        for way, more, more_boxes in self._contexts.options(self._contexts.at(level, within), last):
            step = Step(depth + 1, last, way.rule, way.needs, way.boxes)
            yield (level, (*outer, (within, more, more_boxes))), (step,)
        if self._contexts.is_reachable(context, last):
            again = (inside, needs | 1 << last, boxes & ~(1 << number))
            yield (level, (*frames[:-1], again)), repeated

    def _leave(
        self, state: _State, context: Context, free: int, depth: int
    ) -> Iterator[tuple[_State, tuple[Step, ...]]]:
        """Leaves the innermost box: what is lacking there is lacking outside, but for some free lines."""
        level, frames = state
        within, needs, boxes = frames[-1]
        contexts, outer = self._contexts, self._contexts.at(level, within[:-1])
        if not all(contexts.is_reachable(outer, need) for need in bits(needs & ~free)):
            return
        if not all(contexts.is_box_reachable(outer, box) for box in bits(boxes)):
            return
        inside = sum(1 << need for need in bits(free) if not contexts.is_reachable(outer, need))
        either = [need for need in bits(free & ~inside) if not contexts.is_free(outer, need)]
        opening = Step(depth, within[-1], "as")
        _, outer_needs, outer_boxes = frames[-2]
        for chosen in _subsets(either):
            written = inside | sum(1 << need for need in chosen)
            frame = (within[:-1], outer_needs | needs & ~written, outer_boxes | boxes)
            steps = (opening, *self._write_free(context, written, depth))
            yield (level, (*frames[:-2], frame)), steps

    def _write_free(self, context: Context, needs: int, depth: int) -> Iterator[Step]:
        for need in bits(needs):
            way, _, _ = self._contexts.options(context, need)[0]
            yield Step(depth, need, way.rule, way.needs, way.boxes)

    def _go_on_inside(
        self, level: int, box: Box, written: tuple[Step, ...]
    ) -> Iterator[tuple[_State, tuple[Step, ...]]]:
        """Goes back into the given box that is open on the next level: all that follows it is written."""
        new, last = box
        if self._contexts.scopes[level + 1].assumption != new:
            return
        inner = self._contexts.at(level + 1, ())
        for way, more, more_boxes in self._contexts.options(inner, last):
            step = Step(level + 1, last, way.rule, way.needs, way.boxes)
            yield (level + 1, (((), more, more_boxes),)), (step, *written)
        if inner.known >> last & 1:
            yield (level + 1, (((), 0, 0),)), (Step(level + 1, last, "R", (last,)), *written)


def _subsets(items: Sequence[int]) -> Iterable[tuple[int, ...]]:
    return chain.from_iterable(combinations(items, size) for size in range(len(items) + 1))
