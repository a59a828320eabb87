"""What verdicts follow apart from quality, and how well they follow quality, where that is known.

Comes in: preferences. Goes out: shares with Wilson's 95 % interval and an exact sign test against one half:
how often the response shown first wins, or the longer one, or the truly better one, and how often a rater
says the same again. Left out: the agreement between raters (``lmgym.preferences.agreement``).

Each record counts once: with the share of its pairs that has the property, ties left out. So the pairs of one
record, which depend on each other, aren't taken for independent ones.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Final, NamedTuple

import numpy as np

from lmgym.preferences.agreement import label_pairs
from lmgym.preferences.record import Preference

Measure = Callable[[Preference, int], float | None]
"""Returns the size of a response in a record; None leaves the record out."""

_Z: Final = 1.959963984540054
"""Quantile of the normal distribution for 95 %."""


class Share(NamedTuple):
    """How often verdicts have a property."""

    value: float
    """Mean over records, in [0, 1]."""
    low: float
    """Of Wilson's 95 % interval."""
    high: float
    p_value: float
    """Of the two-sided exact sign test against one half, over the records that lean to either side."""
    num: int
    """Records that count."""


def first_wins(preferences: Iterable[Preference]) -> Share | None:
    """Returns how often the response that was shown earlier is preferred; one half is no position bias."""
    return _share(preferences, lambda preference, place: -place)


def longer_wins(preferences: Iterable[Preference]) -> Share | None:
    """Returns how often the longer response (in characters) is preferred, of those that differ in length."""
    return _share(preferences, lambda preference, place: len(preference.responses[place]))


def gold_wins(preferences: Iterable[Preference], utility: Measure | None = None) -> Share | None:
    """Returns how often the truly better response is preferred, of pairs that differ in truth.

    Args:
        preferences: the records.
        utility: the true utility of a response; default: ``extra["utilities"]``, as simulated raters note it.
    """
    return _share(preferences, recorded_utility if utility is None else utility)


def recorded_utility(preference: Preference, place: int) -> float | None:
    """Returns the true utility that a record notes in ``extra["utilities"]``, None if it doesn't."""
    utilities = preference.extra.get("utilities")
    if not isinstance(utilities, list) or len(utilities) != len(preference.responses):
        return None
    utility = utilities[place]
    return float(utility) if isinstance(utility, int | float) and not isinstance(utility, bool) else None


def says_the_same(preferences: Iterable[Preference]) -> Share | None:
    """Returns how often a rater who is asked a question again says of a pair what was said at first."""
    first: dict[str, Preference] = {}
    shares = []
    for preference in preferences:
        if preference.ranks is None:
            continue
        earlier = first.setdefault(preference.key, preference)
        if earlier is not preference:
            one, two = (label_pairs([record])[preference.annotator] for record in (earlier, preference))
            shares.extend([np.mean([label == two[unit] for unit, label in one.items()])] if one else [])
    return make_share([float(share) for share in shares])


def make_share(shares: Sequence[float]) -> Share | None:
    """Returns the mean of one number in [0, 1] a record with its interval and test; None for no record.

    Wilson's interval is meant for zeros and ones; numbers between vary less, so it is wide enough.
    """
    num = len(shares)
    if num == 0:
        return None
    value = sum(shares) / num
    centre = (value + _Z**2 / (2 * num)) / (1 + _Z**2 / num)
    half = _Z / (1 + _Z**2 / num) * math.sqrt(value * (1 - value) / num + _Z**2 / (4 * num**2))
    p_value = sign_test(sum(share > 0.5 for share in shares), sum(share < 0.5 for share in shares))
    return Share(value, max(0.0, centre - half), min(1.0, centre + half), p_value, num)


def sign_test(num_above: int, num_below: int) -> float:
    """Returns the two-sided exact probability of so uneven a split of fair coins; 1 for no coin."""
    num = num_above + num_below
    logs = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, num + 1)))])  # of factorials
    heads = np.arange(min(num_above, num_below) + 1)
    tail = np.exp(logs[num] - logs[heads] - logs[num - heads] - num * math.log(2)).sum()
    return min(1.0, 2 * float(tail))


def _share(preferences: Iterable[Preference], measure: Measure) -> Share | None:
    """Returns how often the response of the greater measure is preferred."""
    found = (_record_share(preference, measure) for preference in preferences)
    return make_share([share for share in found if share is not None])


def _record_share(preference: Preference, measure: Measure) -> float | None:
    wins = []
    for better, worse, is_tie in preference.pairs():
        winner, loser = measure(preference, better), measure(preference, worse)
        if not is_tie and winner is not None and loser is not None and winner != loser:
            wins.append(winner > loser)
    return sum(wins) / len(wins) if wins else None
