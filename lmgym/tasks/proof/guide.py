"""How much of a known proof is there already in another one, and which of its lines is to be written next.

A known proof guides whoever left its path, too: a line of it is there if its formula stands in scope, a box
if one from the same assumption to the same end does. What is missing can be written in the known proof's
order, so the number of missing lines is an upper bound on the lines that the proof still needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lmgym.logic.fitch import Line, ProofState
from lmgym.logic.kernel import Formula


class Guidance(NamedTuple):
    """What is missing of a known proof."""

    num_missing: int
    next_line: Line | None
    """The first missing line, its references renumbered; None if nothing is missing."""


class _Box:
    """An open box, or the outermost part of a proof."""

    def __init__(self, first: int, assumption: Formula | None) -> None:
        self.first = first
        self.assumption = assumption
        self.lines: dict[Formula, int] = {}
        self.closed: dict[tuple[Formula, Formula], tuple[int, int]] = {}
        self.last: tuple[Formula | None, int] = (None, 0)
        """The last line, None for its formula if it stands in a box further inside."""


def guide(state: ProofState, proof: Sequence[Line]) -> Guidance:
    """Returns what is missing of ``proof``, the lines after the premises of a proof of the same sequent."""
    return _Walk(_open_boxes(state.lines), len(state.sequent.premises), proof).run()


def _open_boxes(lines: Sequence[Line]) -> list[_Box]:
    """Returns the boxes that are open after ``lines``, outermost first; the first is no box."""
    boxes = [_Box(0, None)]
    for number, line in enumerate(lines, 1):
        opens = line.rule == "as"
        while len(boxes) - 1 > line.depth - opens:
            _close(boxes)
        if opens:
            boxes.append(_Box(number, line.formula))
        boxes[-1].lines.setdefault(line.formula, number)
        for box in boxes[:-1]:
            box.last = (None, number)
        boxes[-1].last = (line.formula, number)
    return boxes


def _close(boxes: list[_Box]) -> None:
    box = boxes.pop()
    end, number = box.last
    if box.assumption is not None and end is not None:
        boxes[-1].closed.setdefault((box.assumption, end), (box.first, number))


class _Walk:
    """One pass over a known proof."""

    def __init__(self, boxes: list[_Box], num_premises: int, proof: Sequence[Line]) -> None:
        self.boxes = boxes
        self.proof = proof
        self.first = num_premises + 1
        self.numbers = {number: number for number in range(1, self.first)}
        self.ranges: dict[tuple[int, int], tuple[int, int]] = {}
        self.num_missing = 0
        self.next_line: Line | None = None

    def run(self) -> Guidance:
        self._walk(0, len(self.proof), 0)
        return Guidance(self.num_missing, self.next_line)

    def _walk(self, start: int, stop: int, depth: int) -> None:
        """Passes over the lines [start, stop), which stand in ``depth`` boxes, all of them open here, too."""
        at = start
        while at < stop:
            line = self.proof[at]
            if line.depth > depth:
                end = self._end_of_box(at, stop)
                self._pass_box(at, end, depth)
                at = end
            else:
                self._pass_line(line, self.first + at)
                at += 1

    def _end_of_box(self, at: int, stop: int) -> int:
        depth = self.proof[at].depth
        for place in range(at + 1, stop):
            line = self.proof[place]
            if line.depth < depth or (line.depth == depth and line.rule == "as"):
                return place
        return stop

    def _pass_line(self, line: Line, number: int) -> None:
        for box in self.boxes[: line.depth + 1]:
            if line.formula in box.lines:
                self.numbers[number] = box.lines[line.formula]
                return
        self._miss_from(line)

    def _pass_box(self, start: int, end: int, depth: int) -> None:
        assumption, conclusion = self.proof[start].formula, self.proof[end - 1].formula
        whole = (self.first + start, self.first + end - 1)
        for box in self.boxes[: depth + 1]:
            if (assumption, conclusion) in box.closed:
                self.ranges[whole] = box.closed[assumption, conclusion]
                return
        inner = self.boxes[depth + 1] if len(self.boxes) > depth + 1 else None
        if inner is None or inner.assumption is not assumption:
            self._miss_from(self.proof[start])
            self.num_missing += end - start - 1
            return
        self.numbers[whole[0]] = inner.first
        self._walk(start + 1, end, depth + 1)
        self._leave(inner, conclusion, whole, depth)

    def _leave(self, inner: _Box, conclusion: Formula, whole: tuple[int, int], depth: int) -> None:
        """Ends a box that is open here: its last line has to be the conclusion."""
        if inner.last[0] is not conclusion and whole[1] in self.numbers:  # there, but not at the end
            self._miss(Line(depth + 1, conclusion, "R", (self.numbers[whole[1]],)))
        self.ranges[whole] = (inner.first, inner.last[1])
        del self.boxes[depth + 1 :]

    def _miss_from(self, line: Line) -> None:
        """Counts a line of the known proof that is missing."""
        lines = tuple(self.numbers.get(number, 0) for number in line.lines)
        boxes = tuple(self.ranges.get(box, (0, 0)) for box in line.boxes)
        self._miss(Line(line.depth, line.formula, line.rule, lines, boxes))

    def _miss(self, line: Line) -> None:
        """Counts a line; writing the first one closes the boxes further inside."""
        self.num_missing += 1
        if self.next_line is None:
            self.next_line = line
            del self.boxes[line.depth + (line.rule != "as") :]
