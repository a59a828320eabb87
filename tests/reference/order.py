"""The slow truth about comparisons: every order of the objects, one by one. It shares no code."""

from __future__ import annotations

import itertools


def answer(premises: list[tuple[str, str]], kind: str, asked: tuple[str, ...]) -> str:
    """Returns what is the same in all orders that agree with the premises."""
    names = sorted({name for fact in premises for name in fact})
    orders = [
        order
        for order in itertools.permutations(names)
        if all(order.index(greater) < order.index(lesser) for greater, lesser in premises)
    ]
    if not orders:
        return "contradiction"
    if kind == "compare":
        said = {"yes" if order.index(asked[0]) < order.index(asked[1]) else "no" for order in orders}
    elif kind in ("largest", "smallest"):
        said = {order[0 if kind == "largest" else -1] for order in orders}
    else:
        kept = set(asked) or set(names)
        said = {">".join(name for name in order if name in kept) for order in orders}
    return said.pop() if len(said) == 1 else "unknown"
