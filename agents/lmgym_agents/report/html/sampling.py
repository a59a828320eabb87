"""Which of many episodes a page holds: a choice that is the same every time, and can be said in a sentence.

In: what is known of each episode. Out: the places of those that are shown, and why each is. Left out:
reading them.

Every source (a file and a label) gets the same share of the places, what a small one leaves goes to the
others. Of its share a tenth goes to the longest episodes, a tenth to the most surprising ones, a quarter each
to wrong and to right ones, the rest to any. Where there is a choice it goes by a hash of the problem, so
different checkpoints show the same problems.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Final

from lmgym_agents.report.html.episodes import Episode

RULE: Final = (
    "every file has the same share; of it a tenth are the longest, a tenth the most surprising, a quarter "
    "each wrong and right ones, the rest drawn uniformly, the same problems in every file"
)
_SHARES: Final = (("longest", 0.1), ("surprising", 0.1), ("wrong", 0.25), ("right", 0.25), ("any", 1.0))


def share_out(counts: Sequence[int], total: int) -> list[int]:
    """Returns how many places each source gets: equal shares, none more than it can use.

    >>> share_out([1, 10, 10], 9)
    [1, 4, 4]
    """
    shares = [0] * len(counts)
    open_sources = sorted(range(len(counts)), key=lambda place: counts[place])
    left = min(total, sum(counts))
    for done, place in enumerate(open_sources):
        shares[place] = min(counts[place], left // (len(open_sources) - done))
        left -= shares[place]
    return shares


def choose(episodes: Sequence[Episode], size: int) -> dict[int, str]:
    """Returns by place of the chosen episodes of one source why they are shown, at most ``size`` of them."""
    if size >= len(episodes):
        return dict.fromkeys(range(len(episodes)), "all")
    order = sorted(range(len(episodes)), key=lambda place: (problem_hash(episodes[place]), place))
    orders: dict[str, tuple[Callable[[Episode], bool], Sequence[int]]] = {
        "longest": (lambda _: True, sorted(order, key=lambda place: -episodes[place].num_tokens)),
        "surprising": (
            lambda episode: episode.surprise is not None,
            sorted(order, key=lambda place: -(episodes[place].surprise or 0.0)),
        ),
        "wrong": (lambda episode: episode.success is False, order),
        "right": (lambda episode: episode.success is True, order),
        "any": (lambda _: True, order),
    }
    chosen: dict[int, str] = {}
    for name, share in _SHARES:
        fits, candidates = orders[name]
        room = min(max(1, round(share * size)), size - len(chosen))
        fresh = (place for place in candidates if place not in chosen and fits(episodes[place]))
        for place, _ in zip(fresh, range(room), strict=False):
            chosen[place] = name
    return chosen


def problem_hash(episode: Episode) -> bytes:
    """Returns a number that depends on the problem alone, for a draw that is the same in every source."""
    text = "\0".join((episode.env, episode.split, episode.options, episode.problem))
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
