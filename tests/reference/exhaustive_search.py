"""The slow truth about searches: every leaf of a tree, best-first search over plain lists. It shares no code.

A tree is a function ``children(said) -> {letter: logp}`` over what was said so far, empty where it is over.
"""

from __future__ import annotations

import math
from collections.abc import Callable

END = "$"

Children = Callable[[str], dict[str, float]]


def step_cost(logp: float, cost: str) -> float:
    return 1.0 if cost == "steps" else -logp


def leaves(children: Children, cost: str, said: str = "", spent: float = 0.0) -> list[tuple[str, float]]:
    """Returns every leaf with its cost."""
    below = children(said)
    if not below:
        return [(said, spent)]
    return [
        leaf
        for letter, logp in below.items()
        for leaf in leaves(children, cost, said + letter, spent + step_cost(logp, cost))
    ]


def least_cost(children: Children, is_goal: Callable[[str], bool], cost: str, said: str = "") -> float:
    """Returns the least cost from here to a goal, inf if there is none below."""
    return min((spent for leaf, spent in leaves(children, cost, said) if is_goal(leaf)), default=math.inf)


def expansions(
    children: Children,
    is_goal: Callable[[str], bool],
    f: Callable[[str, str], float],
) -> tuple[list[str], str | None]:
    """Returns what is expanded, in order, and the first goal popped; a list is looked through for each pop.

    Args:
        children: the tree.
        is_goal: of leaves.
        f: of the edge from what was said, by a letter; the least goes first. Equals: the deeper, then the
            one whose parent was expanded first, then the likelier letter.
    """
    order, edges = [""], []
    found = None

    def add(said: str) -> None:
        ranked = sorted(children(said).items(), key=lambda item: -item[1])
        rank = {letter: place for place, (letter, _) in enumerate(ranked)}
        for letter in rank:
            edges.append((f(said, letter), -len(said), len(order), rank[letter], said + letter))

    add("")
    while edges and found is None:
        edge = min(edges)
        edges.remove(edge)
        said = edge[-1]
        if children(said):
            order.append(said)
            add(said)
        elif is_goal(said):
            found = said
    return order, found
