"""The scripted user: a persona who follows her goal and says what was wrong with an answer.

Comes in: a goal and the agent's turns. Goes out: where the conversation stands, and what the user says next.
Left out: text for models (``lmgym.tasks.chat.task`` writes it). All is a pure function of its arguments.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from lmgym.records import Turn
from lmgym.tasks.chat.answers import NOTHING, Judged, judge
from lmgym.tasks.chat.goals import Goal, write_request
from lmgym.tasks.chat.world import fill, read_words, words_of


class Standing(NamedTuple):
    """Where a conversation stands."""

    judged: tuple[Judged, ...]
    """The last answer to every request that was answered; the last one may still be asked again."""
    num_asked_again: int
    """How often the user had to ask again."""
    place: int
    """The request that waits for an answer; their number if the user has left."""


def follow(goal: Goal, said: Sequence[Turn]) -> Standing:
    """Returns how far the agent's turns ``said`` take the conversation.

    A request that is met in full, or for which there is no patience left, is followed by the next one.
    """
    judged: list[Judged] = []
    place = num_asked_again = 0
    is_again = False
    for turn in said:
        if place == len(goal.requests):
            break
        found = judge(turn, goal.requests[place])
        judged[place:] = [found]
        is_again = bool(found.reason) and num_asked_again < goal.patience
        num_asked_again += is_again
        place += not is_again
    return Standing(tuple(judged), num_asked_again, place)


def best_answers(goal: Goal, said: Sequence[Turn]) -> Standing:
    """Returns the best answer to each request, for users who ask in an order of their own.

    Whatever turn gives it counts; turns beyond the number of requests count as asked again.
    """
    judged = []
    for request in goal.requests:
        found = [judge(turn, request) for turn in said]
        judged.append(max(found, key=lambda one: (not one.reason, one.utility), default=NOTHING))
    return Standing(tuple(judged), max(0, len(said) - len(goal.requests)), len(goal.requests))


def next_message(goal: Goal, said: Sequence[Turn], variants: Sequence[int]) -> str | None:
    """Returns what the user says after the agent's turns ``said``, None if the user leaves.

    Args:
        goal: what the user wants.
        said: every turn of the agent.
        variants: which of two wordings each request has.
    """
    standing = follow(goal, said)
    if standing.place == len(goal.requests):
        return None
    request, variant = goal.requests[standing.place], variants[standing.place]
    if len(standing.judged) <= standing.place:
        return write_request(request, variant)
    reason = standing.judged[-1].reason
    asked = fill(words_of(request.fact.kind)["ask"][variant], request.fact)
    demands = [read_words()["tones"][request.tone][variant]] if reason in ("tone", "rude") else []
    if reason in ("constraint", "overlong"):
        demands = [constraint.sentence for constraint in request.constraints]
    return " ".join((read_words()["complaints"][reason], asked, *demands))
