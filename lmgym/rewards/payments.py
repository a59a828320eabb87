"""When rewards are paid: what a payment is for, and how an episode stood at the payment before it.

Comes in: a transcript as a reward sees it. Goes out: the transcript of the payment before, or of all payments
so far. Left out: amounts.

Environments show a reward the turns up to the payment: the agent's unfinished turn up to a newline (a step),
or the agent's turn (its end). Replies to a turn are added after its payment. A turn that ends right after a
newline ends with an empty step, because the line before it has been paid already.
"""

from __future__ import annotations

from lmgym.records import Transcript, Turn
from lmgym.rewards.base import Pay


def cut_last_step(turn: Turn) -> tuple[str, str]:
    """Returns what stood in the turn at the payment before, and the step that is paid for now."""
    text = turn.text
    if turn.is_complete and text.endswith("\n"):
        return text, ""
    start = text.rfind("\n", 0, max(len(text) - 1, 0)) + 1
    return text[:start], text[start:]


def state_of(transcript: Transcript) -> Transcript:
    """Returns the turns alone: not whether the episode is over, and no verdict."""
    return Transcript(transcript.problem, transcript.turns)


def state_before(transcript: Transcript, pay: Pay) -> Transcript:
    """Returns ``state_of`` the transcript at the payment before; without turns at the episode's start."""
    turns = transcript.turns
    last = next((i for i in reversed(range(len(turns))) if turns[i].role == "agent"), None)
    if last is None or pay == "episode":
        return Transcript(transcript.problem, ())
    kept = turns[:last]
    if pay == "step":
        rest, _ = cut_last_step(turns[last])
        if rest:
            return Transcript(transcript.problem, (*kept, Turn("agent", rest, False)))
    while kept and kept[-1].role == "environment":  # the reply came after the payment before
        kept = kept[:-1]
    return Transcript(transcript.problem, kept)


def payments_since(transcript: Transcript, pay: Pay, since: Pay) -> list[Transcript]:
    """Returns the states at all payments by ``pay`` after the last one by ``since``, the first one first.

    The last of them is the transcript itself, as it is.
    """
    stop = state_before(transcript, since).turns
    states = [transcript]
    while (before := state_before(states[-1], pay)).turns and before.turns != stop:
        states.append(before)
    return states[::-1]
