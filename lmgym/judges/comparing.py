"""From answers to pairs, and from the verdicts on pairs to ranks: what all judges have in common.

Each pair of answers is asked in both orders. A judge that prefers a place and not an answer contradicts
itself then: the two verdicts cancel, and the pair is a tie that is reported (``swap_disagrees``). More than
two answers are ranked by their points over all pairs. Empty answers lose without being asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np

from lmgym.preferences.annotators import Annotator, Comparison, Judgement
from lmgym.records import Scores
from lmgym.rewards.empty_answers import is_empty_answer


class Pair(NamedTuple):
    """Two answers of one comparison, as they are handed to a judge."""

    prompt: str
    first: str
    second: str
    repetition: int = 0


class PairVerdict(NamedTuple):
    """What a judge says of a pair, both orders taken together."""

    chance: float | None
    """Probability in [0, 1] that the first answer is the better one, 0.5 for a tie; None: no verdict."""
    reason: str = ""
    """Why there is no verdict."""
    confidence: float = 1.0
    """How sure, in [0, 1]."""
    swap_disagrees: bool = False
    """The verdict changed when the answers changed places."""
    extra: Mapping[str, Any] = {}


@runtime_checkable
class Judge(Annotator, Protocol):
    """An annotator that compares, gives marks and says how often an answer wins."""

    def score(self, prompts: Sequence[str], responses: Sequence[str]) -> Scores:
        """Returns marks in [0, 1]; rows without a verdict are ``failed`` with their reasons."""

    def win_rates(
        self, prompts: Sequence[str], responses: Sequence[str], references: Sequence[str]
    ) -> Scores:
        """Returns the chance that each response is better than its reference; rows may be ``failed``."""


AskPairs = Callable[[Sequence[Pair]], list[PairVerdict]]


def combine_orders(
    forward: float | None, backward: float | None, reasons: tuple[str, str] = ("", "")
) -> PairVerdict:
    """Returns the verdict on a pair that was asked as (first, second) and as (second, first).

    Args:
        forward: 1.0 if the first answer was found better, 0.5 for a tie, 0.0 if the second; None: no verdict.
        backward: the same (of the *first* answer) when it stood second.
        reasons: why there is no verdict.

    Returns:
        PairVerdict: the mean of the two; opposite verdicts give 0.5, a tie, with confidence 0. Without one
        of the two there is no verdict.
    """
    if forward is None or backward is None:
        missing = reasons[0] if forward is None else reasons[1]
        return PairVerdict(None, missing or "unparsed")
    agreement = 1.0 - abs(forward - backward)
    return PairVerdict((forward + backward) / 2, "", agreement, forward != backward)


def judge_comparisons(
    comparisons: Sequence[Comparison], ask: AskPairs, *, refuse_empty: bool = True, tie_margin: float = 0.0
) -> list[Judgement]:
    """Returns a judgement of each comparison from verdicts on all its pairs.

    Args:
        comparisons: of two or more responses.
        ask: gives the verdicts on pairs; asked once, for all pairs of all comparisons.
        refuse_empty: an answer that says nothing loses against one that says something, unasked.
        tie_margin: a chance this near to 0.5 is a tie.
    """
    pairs: list[Pair] = []
    places: list[list[tuple[int, int, int | PairVerdict]]] = []
    for comparison in comparisons:
        found: list[tuple[int, int, int | PairVerdict]] = []
        for i, j in combinations(range(len(comparison.responses)), 2):
            known = _known(comparison.responses[i], comparison.responses[j], refuse_empty)
            if known is None:
                found.append((i, j, len(pairs)))
                texts = comparison.responses
                pairs.append(Pair(comparison.prompt, texts[i], texts[j], comparison.repetition))
            else:
                found.append((i, j, known))
        places.append(found)
    verdicts = ask(pairs) if pairs else []
    return [
        _judge(
            len(comparison.responses),
            [(i, j, verdicts[v] if isinstance(v, int) else v) for i, j, v in found],
            tie_margin,
        )
        for comparison, found in zip(comparisons, places, strict=True)
    ]


def win_rates(
    ask: AskPairs,
    prompts: Sequence[str],
    responses: Sequence[str],
    references: Sequence[str],
    *,
    refuse_empty: bool = True,
) -> Scores:
    """Returns the chance that each response is better than its reference, float64[B] in [0, 1].

    An empty response has none (0.0, also against an empty reference); rows without a verdict are failed.
    """
    known = [_known_win(a, b, refuse_empty) for a, b in zip(responses, references, strict=True)]
    rows = [i for i, verdict in enumerate(known) if verdict is None]
    asked = ask([Pair(prompts[i], responses[i], references[i]) for i in rows]) if rows else []
    found = dict(zip(rows, asked, strict=True))
    return make_scores([found[i] if verdict is None else verdict for i, verdict in enumerate(known)])


def make_scores(verdicts: Sequence[PairVerdict]) -> Scores:
    """Returns chances as scores; what has none is failed. Reasons are kept for rows that did not fail too."""
    failed = np.array([verdict.chance is None for verdict in verdicts], np.bool_)
    values = np.array([verdict.chance or 0.0 for verdict in verdicts], np.float64)
    reasons = tuple(verdict.reason for verdict in verdicts)
    return Scores(values, {"judge": values.copy()}, failed, reasons if any(reasons) else ())


def _known_win(response: str, reference: str, refuse_empty: bool) -> PairVerdict | None:
    if refuse_empty and is_empty_answer(response):
        return PairVerdict(0.0, "empty")
    return _known(response, reference, refuse_empty)


def _known(first: str, second: str, refuse_empty: bool) -> PairVerdict | None:
    """Returns the verdict on a pair that needs no judge."""
    if first == second:
        return PairVerdict(0.5, "equal")
    if not refuse_empty:
        return None
    empty = is_empty_answer(first), is_empty_answer(second)
    if not any(empty):
        return None
    return PairVerdict(0.5 + 0.5 * (empty[1] - empty[0]), "empty")


def _judge(num_responses: int, pairs: Sequence[tuple[int, int, PairVerdict]], tie_margin: float) -> Judgement:
    points = [0.0] * num_responses
    sure = 1.0
    for i, j, verdict in pairs:
        if verdict.chance is None:
            return Judgement(None, None, verdict.reason, {**verdict.extra, "swap_disagrees": False})
        chance = 0.5 if abs(verdict.chance - 0.5) <= tie_margin else verdict.chance
        share = chance if num_responses == 2 else float(chance > 0.5) + 0.5 * (chance == 0.5)
        points[i] += share
        points[j] += 1 - share
        sure = min(sure, verdict.confidence)
    places = {total: place for place, total in enumerate(sorted(set(points), reverse=True))}
    extra = dict(pairs[0][2].extra) if len(pairs) == 1 else {}
    extra["swap_disagrees"] = any(verdict.swap_disagrees for _, _, verdict in pairs)
    reasons = {verdict.reason for _, _, verdict in pairs if verdict.reason}
    return Judgement(tuple(places[total] for total in points), sure, "; ".join(sorted(reasons)), extra)
