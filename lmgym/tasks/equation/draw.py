"""Drawing claims that are true by construction, each with a proof."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from lmgym.logic.equations.chains import By, Chain, Claim, Refusal, begin, extend
from lmgym.logic.equations.rewriting import find_rewriting, places_of, replace_at
from lmgym.logic.equations.theories import ELEMENTS, THEORIES, Equation, Theory, make_equation
from lmgym.logic.kernel import Term, variable
from lmgym.tasks.base import HASHED_SPLITS, split_of
from lmgym.tasks.equation.keys import key_of
from lmgym.tasks.equation.knobs import EXTRA_LINES, Knobs
from lmgym.tasks.equation.theorems import Lines, Proved, instance_of, load_theorems
from lmgym.tasks.equation.walks import Uses, choose, draw_term, evaluate, shorten, take_step, uses_of, walk
from lmgym.tasks.stream import Words

OOD = "ood_length"
MAX_WALK = 4
"""Steps of a walk from an instance of a theorem."""
_MAX_VARIANTS = 12


class Drawn(NamedTuple):
    """A claim, a proof of it, and the canonical text that decides its split."""

    claim: Claim
    lines: Lines
    """The laws left out."""
    key: str


def is_kept_for_length(key: str) -> bool:
    """Returns whether the problem is kept for the split "ood_length": one in ten, by a hash of its own."""
    digest = hashlib.blake2b(key.encode(), digest_size=8, person=b"ood_length").digest()
    return int.from_bytes(digest, "little") % 10 == 0


def draw_claim(knobs: Knobs, split: str, words: Words) -> Drawn | None:
    """Returns a claim for ``split``, None if what was drawn can't be used there."""
    low, high = knobs.min_lines, knobs.max_lines
    if split == OOD:
        low, high = high + 1, high + EXTRA_LINES
    draw = {"walk": _draw_walk, "theorem": _draw_theorem, "computation": _draw_computation}[knobs.source]
    proved = draw(knobs, low, high, words)
    if proved is None or not _fits(proved, knobs):
        return None
    is_walk = knobs.source == "walk"
    if is_walk and knobs.num_distractors:
        proved = _tidy(proved)
    found = proved and _put_into(split, _vary(proved, knobs, low, high, words))
    if found is None:
        return None
    proved, key = found
    if is_walk and not knobs.num_distractors:
        proved = _tidy(proved)
    if proved is None or proved.left is proved.right or not low <= proved.num_lines <= high:
        return None
    if not _is_short(proved, knobs):
        return None
    claim = Claim(proved.theory, proved.left, proved.right, _name(proved.hypotheses, words), knobs.max_size)
    return Drawn(claim, proved.lines, key) if _is_proof(claim, proved.lines) else None


def _vary(proved: Proved, knobs: Knobs, low: int, high: int, words: Words) -> Iterator[Proved]:
    """Yields claims that are cheap to make of ``proved``, so that one of them may belong to the split.

    Other distractors, or else pieces of a walk or computation, or else ``proved`` alone.
    """
    if knobs.num_distractors:
        for _ in range(_MAX_VARIANTS):
            new = _draw_hypotheses(proved.theory, knobs.num_distractors, words)
            yield proved._replace(hypotheses=(*proved.hypotheses, *new))
    elif knobs.source != "theorem":
        steps = [proved.left, *(line.term for line in proved.lines if isinstance(line, By))]
        pieces = [(at, at + size) for size in range(low, high + 1) for at in range(len(steps) - size)]
        while pieces:
            at, to = pieces.pop(words.below(len(pieces)))
            yield proved._replace(
                left=steps[at], right=steps[to], lines=tuple(map(By, steps[at + 1 : to + 1]))
            )
    else:
        yield proved


def _put_into(split: str, variants: Iterable[Proved]) -> tuple[Proved, str] | None:
    """Returns the first that belongs to ``split``, with its key."""
    for proved in variants:
        key = key_of(proved)
        is_here = split not in HASHED_SPLITS or split_of(key) == split
        if is_here and is_kept_for_length(key) == (split == OOD):
            return proved, key
    return None


def _fits(proved: Proved, knobs: Knobs) -> bool:
    terms = [proved.left, *(line.term for line in proved.lines if isinstance(line, By))]
    is_small = max(term.size for term in terms) <= knobs.max_size
    return is_small and not any(each.left is each.right for each in proved.hypotheses)


def _is_short(proved: Proved, knobs: Knobs) -> bool:
    write = proved.theory.write
    sides = (proved.left, proved.right)
    terms = (proved.left, *(line.term for line in proved.lines if isinstance(line, By)))
    texts = (*map(write, sides), *map(proved.theory.write_equation, proved.hypotheses))
    is_short = sum(map(len, texts)) + len(texts) <= knobs.max_claim_chars
    return is_short and all(len(write(term)) <= knobs.max_term_chars for term in terms)


def _tidy(proved: Proved) -> Proved | None:
    """Returns the walk without detours; None if it has hypotheses and then needs none of them."""
    laws, used = proved.theory.equations, proved.hypotheses
    steps = [proved.left, *(line.term for line in proved.lines if isinstance(line, By))]
    steps = shorten(steps, (*laws, *used))
    if used and all(find_rewriting(one, other, laws) for one, other in pairwise(steps)):
        return None
    return proved._replace(lines=tuple(map(By, steps[1:])))


def _is_proof(claim: Claim, lines: Lines) -> bool:
    """Returns whether the kernel accepts the proof; an instance may say something twice, as 0 for a and b."""
    chain: Chain | Refusal = begin(claim)
    for line in lines:
        chain = extend(chain, line) if isinstance(chain, Chain) else chain
    return isinstance(chain, Chain) and chain.is_proved


def _name(hypotheses: tuple[Equation, ...], words: Words) -> tuple[tuple[str, Equation], ...]:
    left, found = list(hypotheses), list[tuple[str, Equation]]()
    while left:
        found.append((f"h{len(found) + 1}", left.pop(words.below(len(left)))))
    return tuple(found)


def _draw_walk(knobs: Knobs, low: int, high: int, words: Words) -> Proved | None:
    theory = THEORIES[choose(knobs.theories, words)]
    letters = ELEMENTS[: 2 + words.below(3)]
    hypotheses = _draw_hypotheses(theory, knobs.num_hypotheses, words, letters)
    own = Uses(hypotheses) if hypotheses else None
    start = draw_term(theory, letters, 3 + words.below(knobs.size - 2), words)
    if hypotheses:
        start = _plant(start, choose(hypotheses, words), words)
    num_steps = low + words.below(high - low + 1) if knobs.num_distractors else high + 2
    steps = walk(start, num_steps, uses_of(theory), own, letters, knobs.max_size, words)
    if steps is None:
        return None
    if words.below(2):
        steps.reverse()
    return Proved(theory, hypotheses, steps[0], steps[-1], tuple(map(By, steps[1:])))


def _plant(term: Term, equation: Equation, words: Words) -> Term:
    """Returns ``term`` with the left side of ``equation`` somewhere in it."""
    leaves = [place for place, part in places_of(term) if not part.parts]
    return replace_at(term, choose(leaves, words), equation.left)


def _draw_hypotheses(
    theory: Theory, count: int, words: Words, letters: str = ELEMENTS
) -> tuple[Equation, ...]:
    found = list[Equation]()
    for _ in range(count):
        left = draw_term(theory, letters, 3 + words.below(2), words)
        found.append(make_equation(left, draw_term(theory, letters, 1 + words.below(2), words)))
    return tuple(found)


@cache
def _theorems(theories: tuple[str, ...], low: int, high: int) -> tuple[Proved, ...]:
    return tuple(
        each for each in load_theorems() if each.theory.name in theories and low <= each.num_lines <= high
    )


def _draw_theorem(knobs: Knobs, low: int, high: int, words: Words) -> Proved | None:
    most = MAX_WALK if knobs.has_walk else 0
    theorem = choose(_theorems(knobs.theories, low - most, high), words)
    found = instance_of(theorem, _draw_terms(theorem, knobs.size, words))
    fewest = max(0, low - found.num_lines)
    most = min(most, high - found.num_lines)
    return _walk_on(found, knobs, fewest + words.below(most - fewest + 1), words)


def _draw_terms(theorem: Proved, max_size: int, words: Words) -> dict[str, Term]:
    """Returns what to put for each letter; letters of inductions become letters that occur nowhere else."""
    names = dict(zip(ELEMENTS, _shuffled(ELEMENTS, words), strict=True))
    others = "".join(names[letter] for letter in ELEMENTS if letter not in theorem.inductive)
    terms: dict[str, Term] = {}
    for letter, name in names.items():
        is_filled = letter not in theorem.inductive and words.below(3)
        size = 1 + words.below(max_size)
        terms[letter] = draw_term(theorem.theory, others, size, words) if is_filled else variable(name)
    return terms


def _walk_on(found: Proved, knobs: Knobs, num_steps: int, words: Words) -> Proved | None:
    """Returns the instance with a random walk before or behind it."""
    letters = "".join(sorted(found.left.free | found.right.free)) or "a"
    is_before = bool(words.below(2))
    start = found.left if is_before else found.right
    steps = walk(start, num_steps, uses_of(found.theory), None, letters, knobs.max_size, words)
    said = {found.left, *(line.term for line in found.lines if isinstance(line, By))}
    if steps is None or said.intersection(steps[1:]):
        return None
    if is_before:
        lines = (*map(By, steps[-2::-1]), *found.lines)
        return found._replace(left=steps[-1], lines=lines)
    return found._replace(right=steps[-1], lines=(*found.lines, *map(By, steps[1:])))


def _shuffled(letters: str, words: Words) -> str:
    left, found = list(letters), ""
    while left:
        found += left.pop(words.below(len(left)))
    return found


def _draw_computation(knobs: Knobs, low: int, high: int, words: Words) -> Proved | None:
    theory = THEORIES[choose(knobs.theories, words)]
    letters = ELEMENTS[: words.below(3)]
    start = draw_term(theory, letters, 3 + low // 2 + words.below(knobs.size - 3), words)
    steps = evaluate(start, theory.equations, high + 2)
    if words.below(3) == 0:  # so that not every right side is a value
        new = take_step(steps[-1], uses_of(theory), None, letters, knobs.max_size, words)
        steps = shorten([*steps, new], theory.equations) if new is not None and new not in steps else steps
    if words.below(4) == 0:
        steps.reverse()
    return Proved(theory, (), steps[0], steps[-1], tuple(map(By, steps[1:])))
