"""Slow truth of formulas: in finite models, and in Kripke models for intuitionistic logic.

Knows the shape of formulas and nothing of the rules. In every model here each thing is reached from 0 by
successors, so that induction holds, too.
"""

from __future__ import annotations

import random
from itertools import product
from typing import NamedTuple

from lmgym.logic.kernel import Expression, Formula


class Model(NamedTuple):
    size: int
    successor: tuple[int, ...]
    relations: dict[tuple[str, int], frozenset[tuple[int, ...]]]
    """What is true of each (predicate, number of arguments)."""
    functions: dict[tuple[str, int], dict[tuple[int, ...], int]]
    variables: dict[str, int]


def draw_model(rng: random.Random, formulas: list[Formula], max_size: int = 3) -> Model:
    """Returns a random model of all symbols and free variables in ``formulas``."""
    size = rng.randint(1, max_size)
    successor = (*range(1, size), rng.randrange(size))
    symbols, names = _symbols(formulas)
    relations, functions = {}, {}
    for kind, name, arity in sorted(symbols):
        things = list(product(range(size), repeat=arity))
        if kind == "predicate":
            relations[name, arity] = frozenset(each for each in things if rng.random() < 0.5)
        else:
            functions[name, arity] = {each: rng.randrange(size) for each in things}
    functions["s", 1] = {(thing,): successor[thing] for thing in range(size)}
    functions["0", 0] = {(): 0}
    return Model(size, successor, relations, functions, {name: rng.randrange(size) for name in sorted(names)})


def _symbols(formulas: list[Formula]) -> tuple[set[tuple[str, str, int]], set[str]]:
    symbols, names, stack = set(), set(), list(formulas)
    while stack:
        part = stack.pop()
        stack += part.parts
        if part.kind in ("predicate", "function"):
            symbols.add((part.kind, part.name, len(part.parts)))
        elif part.kind == "variable":
            names.add(part.name)
    return symbols, names


def value(part: Expression, model: Model, bound: tuple[int, ...] = ()) -> int:
    """Returns the thing a term means, or whether a formula is true."""
    kind = part.kind
    if kind == "variable":
        return model.variables[part.name]
    if kind == "bound":
        return bound[-1 - int(part.name)]
    if kind in ("forall", "exists"):
        cases = [value(part.parts[0], model, (*bound, thing)) for thing in range(model.size)]
        return all(cases) if kind == "forall" else any(cases)
    inside = tuple(value(each, model, bound) for each in part.parts)
    if kind == "function":
        return model.functions[part.name, len(inside)][inside]
    if kind == "predicate":
        return inside in model.relations[part.name, len(inside)]
    table = {
        "equal": lambda: inside[0] == inside[1],
        "true": lambda: True,
        "false": lambda: False,
        "not": lambda: not inside[0],
        "and": lambda: inside[0] and inside[1],
        "or": lambda: inside[0] or inside[1],
        "implies": lambda: not inside[0] or inside[1],
        "iff": lambda: bool(inside[0]) == bool(inside[1]),
    }
    return table[kind]()


def follows(hypotheses: list[Formula], conclusion: Formula, rng: random.Random, num_models: int) -> bool:
    """Returns False if a random model makes the hypotheses true and the conclusion false."""
    formulas = [*hypotheses, conclusion]
    models = (draw_model(rng, formulas) for _ in range(num_models))
    return all(value(conclusion, m) or not all(value(each, m) for each in hypotheses) for m in models)


def entails(hypotheses: list[Formula], conclusion: Formula) -> bool:
    """Returns the truth about propositional formulas, from their whole truth table."""
    names = sorted({name for _, name, _ in _symbols([*hypotheses, conclusion])[0]})
    for truths in product((False, True), repeat=len(names)):
        pairs = zip(names, truths, strict=True)
        relations = {(name, 0): frozenset([()] if is_true else []) for name, is_true in pairs}
        model = Model(1, (0,), relations, {}, {})
        if all(value(each, model) for each in hypotheses) and not value(conclusion, model):
            return False
    return True


CHAINS_AND_FORK = (((0, 1), (1,)), ((0, 1, 2), (1, 2), (2,)), ((0, 1, 2), (1,), (2,)))
"""For each world of three Kripke frames, the worlds that can come of it."""


def kripke_follows(hypotheses: list[Formula], conclusion: Formula) -> bool:
    """Returns False if a small Kripke model refutes the propositional sequent intuitionistically."""
    names = sorted({name for _, name, _ in _symbols([*hypotheses, conclusion])[0]})
    for frame in CHAINS_AND_FORK:
        worlds = range(len(frame))
        persistent = [
            truth for truth in product((False, True), repeat=len(frame))
            if all(truth[v] or not truth[w] for w in worlds for v in frame[w])
        ]  # fmt: skip
        for chosen in product(persistent, repeat=len(names)):
            forced = dict(zip(names, chosen, strict=True))
            if all(_forces(each, 0, frame, forced) for each in hypotheses):
                if not _forces(conclusion, 0, frame, forced):
                    return False
    return True


def _forces(part: Formula, world: int, frame: tuple, forced: dict[str, tuple[bool, ...]]) -> bool:
    def here(which: int, at: int = world) -> bool:
        return _forces(part.parts[which], at, frame, forced)

    if part.kind == "predicate":
        return forced[part.name][world]
    if part.kind in ("true", "false"):
        return part.kind == "true"
    if part.kind == "and":
        return here(0) and here(1)
    if part.kind == "or":
        return here(0) or here(1)
    if part.kind == "not":
        return not any(here(0, later) for later in frame[world])
    if part.kind == "implies":
        return all(here(1, later) or not here(0, later) for later in frame[world])
    return all(here(0, later) == here(1, later) for later in frame[world])
