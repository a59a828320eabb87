"""Which nodes of a search tree are drawn, and where: depth from left to right, siblings from top to bottom.

In: a tree. Out: boxes with places, and how much was left out below each. Left out: what boxes look like
(``tree_picture``).
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field

from lmgym_agents.search.tree import Node

ROW, GAP, CELL, PAD = 33.0, 46.0, 7.3, 9.0
"""Pixels: from leaf to leaf; between columns; a character; beside a label."""


@dataclass(slots=True, eq=False, kw_only=True)
class Box:
    """A node that is drawn."""

    node: Node
    label: str
    cells: int
    """Width of the label in characters."""
    parent: Box | None = None
    depth: int = 0
    x: float = 0.0
    """Left edge."""
    y: float = 0.0
    """Middle."""
    children: list[Box] = field(default_factory=list)
    num_hidden: int = 0
    """Children that are not drawn."""
    hidden_visits: int = 0
    hidden_y: float = 0.0
    """Where that is said."""

    @property
    def width(self) -> float:
        """In pixels."""
        return max(22.0, self.cells * CELL + 2 * PAD)


def choose_nodes(root: Node, path: Collection[Node], max_nodes: int) -> set[int]:
    """Returns the id() of the nodes to draw: the path, then the most visited, then the first expanded.

    A node is drawn only below a drawn parent. Where visits are counted, one without any is drawn only if it
    was pruned.
    """
    has_visits = root.visits > 0
    on_path = {id(node) for node in path} | {id(root)}
    chosen = set(on_path)
    waiting = [(_rank(child, number), child) for number, child in enumerate(_children(path, root))]
    heapq.heapify(waiting)
    number = len(waiting)
    while waiting and len(chosen) < max_nodes:
        _, node = heapq.heappop(waiting)
        if id(node) in chosen or (has_visits and not node.visits and node.status != "pruned"):
            continue
        chosen.add(id(node))
        for child in node.children:
            heapq.heappush(waiting, (_rank(child, number), child))
            number += 1
    return chosen


def _children(path: Collection[Node], root: Node) -> Iterator[Node]:
    nodes = {id(node): node for node in (root, *path)}
    for node in nodes.values():
        yield from node.children


def _rank(node: Node, number: int) -> tuple[bool, int, bool, int, float, int]:
    """Sorts first what mattered: ends accepted, visits, expanded early; at last the likelier."""
    return (
        node.status != "goal", -node.visits, node.order < 0, node.order, -node.path_logp, number
    )  # fmt: skip


def lay_out(root: Node, chosen: Collection[int], label: Callable[[Node], tuple[str, int]]) -> list[Box]:
    """Returns the boxes of the chosen nodes with their places, parents first; the corner is at (0, 0)."""
    text, cells = label(root)
    boxes = [Box(node=root, label=text, cells=cells)]
    for box in boxes:  # grows while it is walked
        for child in box.node.children:
            if id(child) in chosen:
                text, cells = label(child)
                box.children.append(Box(node=child, label=text, cells=cells, parent=box, depth=box.depth + 1))
            else:
                box.num_hidden += 1
                box.hidden_visits += child.visits
        boxes += box.children
    _place_columns(boxes)
    _place_rows(boxes[0])
    return boxes


def _place_columns(boxes: list[Box]) -> None:
    widths: dict[int, float] = {}
    for box in boxes:
        widths[box.depth] = max(widths.get(box.depth, 0.0), box.width)
    x, left = 0.0, list[float]()
    for depth in range(len(widths)):
        left.append(x)
        x += widths[depth] + GAP
    for box in boxes:
        box.x = left[box.depth]


def _place_rows(root: Box) -> None:
    """Gives leaves the next free row and parents the middle of what hangs on them, without recursion."""
    row = 0.0
    waiting = [(root, False)]
    while waiting:
        box, is_done = waiting.pop()
        if not is_done:
            waiting.append((box, True))
            waiting.extend((child, False) for child in reversed(box.children))
            continue
        places = [child.y for child in box.children]
        if box.num_hidden and box.children:
            box.hidden_y = row * ROW + ROW / 2 - 6
            row += 0.7
        if not places:
            box.y = row * ROW + ROW / 2
            row += 1
        else:
            box.y = (places[0] + places[-1]) / 2
        if box.num_hidden and not box.children:
            box.hidden_y = box.y
