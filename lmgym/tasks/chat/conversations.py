"""What a whole conversation is worth, from its answers: parts, utility, verdict.

Comes in: a transcript of the procedural set. Goes out: pure functions of it. Left out: prompts of other
sources, and users who failed (``lmgym.tasks.chat.task``).
"""

from __future__ import annotations

from lmgym.errors import InvalidValueError
from lmgym.records import Transcript, Verdict
from lmgym.tasks.chat.answers import PARTS
from lmgym.tasks.chat.reference import ChatReference
from lmgym.tasks.chat.scripted import Standing, best_answers, follow

ASKED_AGAIN_COST = 0.1
MAX_PARTIAL_SCORE = 0.99


def utility_parts(transcript: Transcript) -> dict[str, float]:
    """Returns the named parts of the utility of a transcript of the procedural set.

    Each part of an answer's utility is the mean over the requests (one that got no answer gives 0);
    "patience" is -0.1 for every time that the user had to ask again.

    Raises:
        InvalidValueError: the prompt is of another source, and so nothing is known.
    """
    reference = transcript.problem.reference
    if not isinstance(reference, ChatReference) or not reference.goal.requests:
        raise InvalidValueError("only conversations of Chat-v0's procedural set have parts of a utility.")
    standing = standing_of(transcript)
    num_requests = len(reference.goal.requests)
    parts = {name: sum(getattr(judged, name) for judged in standing.judged) / num_requests for name in PARTS}
    parts["patience"] = 0.0 - ASKED_AGAIN_COST * standing.num_asked_again
    return parts


def standing_of(transcript: Transcript) -> Standing:
    """Returns how far the agent's turns have taken the conversation."""
    reference: ChatReference = transcript.problem.reference
    said = [turn for turn in transcript.turns if turn.role == "agent"]
    return (best_answers if reference.asks_freely else follow)(reference.goal, said)


def grade(transcript: Transcript) -> Verdict:
    """Returns the verdict on a conversation that no budget has truncated; see ``Chat.verify``."""
    standing = standing_of(transcript)
    answer = transcript.response or None
    faults = [judged.reason for judged in standing.judged if judged.reason]
    if not faults and len(standing.judged) == len(transcript.problem.reference.goal.requests):
        return Verdict("correct", "", answer, 1.0)
    score = min(MAX_PARTIAL_SCORE, max(0.0, sum(utility_parts(transcript).values())))
    return Verdict("wrong", faults[0] if faults else "unfinished", answer, score)
