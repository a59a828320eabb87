"""The words of a problem: made-up kinds, real kinds in a made-up order, or real kinds as in the world.

Words and the small taxonomy are in ``words.json``. A vocabulary is used up by one problem: no word is drawn
twice, so nothing is connected that is not meant to be.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from lmgym.tasks.entailment.sentences import Literal
from lmgym.tasks.stream import Words

MAX_TRIES = 50


class Chain(NamedTuple):
    """Literals of which each is to lead to the next."""

    literals: tuple[Literal, ...]
    spare: tuple[Literal, ...]
    """A second root; none in the true ontology."""


@cache
def load_words() -> Mapping[str, Any]:
    """Returns words, taxonomy and wordings."""
    data: dict[str, Any] = json.loads((Path(__file__).parent / "words.json").read_text("utf-8"))
    return data


@cache
def adjectives() -> frozenset[str]:
    """Returns every word that is no kind but a property."""
    data = load_words()
    return frozenset((*data["properties"]["seen"], *data["properties"]["unseen"], *data["true_properties"]))


class Vocabulary:
    """Words that are still free."""

    def __init__(self, ontology: str, *, are_seen: bool) -> None:
        """Takes the words of all splits but "ood_names", or of that split."""
        data, side = load_words(), "seen" if are_seen else "unseen"
        self._is_true = ontology == "true"
        self._kinds = list(data["kinds"]["fictional" if ontology == "fictional" else "real"][side])
        self._properties = list(data["properties"][side])
        self._names = list(data["names"][side])
        self._used: set[str] = set()

    def draw_names(self, count: int, words: Words) -> list[str]:
        """Returns names of different people."""
        return [_take(self._names, words) for _ in range(count)]

    def draw_word(self, words: Words) -> str:
        """Returns a kind or a property."""
        return _take(self._kinds if words.below(2) else self._properties, words)

    def draw_chains(self, count: int, signs: Sequence[bool], words: Words) -> list[Chain] | None:
        """Returns chains: the first ends in a word that holds, the second in its opposite.

        Args:
            count: of chains; a third ends in something else.
            signs: of the literals in the middle: how many there are, and which of them hold.
            words: randomness.
        """
        if self._is_true:
            return _true_chains(count, len(signs) + 1, self._used, words)
        asked = self.draw_word(words) if words.below(4) == 0 else _take(self._properties, words)
        other = Literal(_take(self._properties, words), words.below(2) == 0)
        ends = (Literal(asked), Literal(asked, False), other)[:count]
        return [self._chain(end, signs, words) for end in ends]

    def _chain(self, end: Literal, signs: Sequence[bool], words: Words) -> Chain:
        root, spare = (Literal(_take(self._kinds, words)) for _ in range(2))
        middle = [Literal(_take(self._kinds, words), holds) for holds in signs]
        return Chain((root, *middle, end), (spare,))

    def draw_beside(self, literal: Literal, words: Words) -> Literal | None:
        """Returns something that can be said of what ``literal`` holds of, with no part in any chain."""
        if not self._is_true:
            return Literal(self.draw_word(words), words.below(2) == 0)
        said = [Literal(*each) for each in load_words()["true_rules"].get(literal.word, ())]
        free = [each for each in said if each.word not in self._used]
        if not free:
            return None
        found = free[words.below(len(free))]
        self._used.add(found.word)
        return found


def _take(items: list[str], words: Words) -> str:
    return items.pop(words.below(len(items)))


@cache
def _true_paths(num_hops: int) -> tuple[tuple[Literal, ...], ...]:
    """Returns every chain of so many true rules: kinds, each of the next, and last a property."""
    data = load_words()
    above: Mapping[str, str] = data["taxonomy"]
    found: list[tuple[Literal, ...]] = []
    for kind in dict.fromkeys((*above, *above.values())):
        path = [kind]
        while len(path) < num_hops and path[-1] in above:
            path.append(above[path[-1]])
        if len(path) == num_hops:
            ends = [Literal(*each) for each in data["true_rules"].get(path[-1], ())]
            found += [(*map(Literal, path), end) for end in ends]
    return tuple(found)


@cache
def _true_ends(num_hops: int) -> tuple[str, ...]:
    """Returns the properties that chains of so many rules affirm of some kinds and deny of others."""
    ends = {path[-1] for path in _true_paths(num_hops)}
    return tuple(sorted({word for word, holds in ends if (word, not holds) in ends}))


def _true_chains(count: int, num_hops: int, used: set[str], words: Words) -> list[Chain] | None:
    paths, asked = _true_paths(num_hops), _true_ends(num_hops)
    word = asked[words.below(len(asked))]
    used.add(word)
    chains: list[Chain] = []
    for place in range(count):
        end = Literal(word, place == 0)
        for _ in range(MAX_TRIES):
            path = paths[words.below(len(paths))]
            is_end = path[-1] == end if place < 2 else path[-1].word != word
            if is_end and not used.intersection(each.word for each in path[:-1]):
                break
        else:
            return None
        used.update(each.word for each in path)
        chains.append(Chain(path, ()))
    return chains
