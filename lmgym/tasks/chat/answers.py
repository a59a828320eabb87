"""Judging one answer exactly: is what was asked for told, in the tone and form asked for, in sound sentences?

Comes in: an agent's turn and the request that it answers. Goes out: the parts of its utility, a reason.
Everything is counted on words: nothing of a response is ever looked up by a model. Left out: conversations
(``lmgym.tasks.chat.task`` takes the mean over their requests).

The utility of an answer is the sum of its parts:

    information  0.6 if the value is told and nothing else of the world is; -0.3 if anything else is; else 0
    tone         share * half if the tone is the one asked for; -0.2 if a rude word is said; else 0
    constraint   share * half for every constraint that is kept
    gibberish    -(1 - soundness) * (what the three parts above give where they are positive)
    overlong     -0.02 for every word above 12, at most -0.4; -0.2 at least if the budget cut the turn

where share = 0.4 / (1 + number of constraints), half is 1 if the information is given and 0.5 if not, and
soundness is the number of different pairs of neighbouring words that occur in the set's sentences, divided by
the number of all pairs of the answer, its beginning and its end included; half of that if a sign of
punctuation follows another one or begins the answer.
"""

from __future__ import annotations

import re
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from lmgym.records import Turn
from lmgym.tasks.chat.goals import Constraint, Request
from lmgym.tasks.chat.world import nouns, numbers, read_words, words_of

PARTS = ("information", "tone", "constraint", "gibberish", "overlong")
"""Names of the parts of an answer's utility."""
MAX_WORDS = 12
MAX_BRIEF_WORDS = 4
MAX_CHARS = 400
"""What is longer is not read: it counts as gibberish, and as overlong as can be."""
INFORMATION, MISINFORMATION, MANNER, RUDENESS = 0.6, -0.3, 0.4, -0.2
WORD_COST, MAX_LENGTH_COST, CUT_COST = 0.02, 0.4, 0.2

_BEGIN, _END, _ENTITY, _VALUE = "^", "$", "{e}", "{v}"
_WORD = re.compile(r"[a-z0-9:]+|[,.!?]|  +|[^ ]")
_PUNCTUATION = frozenset(",.!?")


class Judged(NamedTuple):
    """What an answer is worth to the user who asked."""

    information: float
    tone: float
    constraint: float
    gibberish: float
    overlong: float
    reason: str
    """"" if the request is met in full, else the first of: overlong, misinformed, gibberish, uninformed,
    rude, tone, constraint."""

    @property
    def utility(self) -> float:
        """The sum of the parts, in [-0.9, 1]."""
        return self.information + self.tone + self.constraint + self.gibberish + self.overlong


NOTHING = Judged(0.0, 0.0, 0.0, 0.0, 0.0, "uninformed")
"""An answer that was never given."""


def judge(turn: Turn, request: Request) -> Judged:
    """Returns what ``turn`` is worth as the answer to ``request``; any text whatever, in bounded time."""
    if len(turn.text) > MAX_CHARS:
        return Judged(0.0, 0.0, 0.0, 0.0, -MAX_LENGTH_COST, "overlong")
    words, is_punctuated = _cut(turn.text)
    if not words:
        return NOTHING._replace(overlong=0.0 if turn.is_complete else -CUT_COST)
    marked = _mark(words, request)
    informed = _informed(marked, request)
    tone = _tone(words, request.tone)
    kept = [_is_kept(constraint, turn.text, words) for constraint in request.constraints]
    share = MANNER / (1 + len(kept)) * (1.0 if informed > 0 else 0.5)
    told = {1: INFORMATION, 0: 0.0, -1: MISINFORMATION}[informed]
    manner = RUDENESS if tone < 0 else share * tone
    form = share * sum(kept)
    soundness = _soundness(marked, request.fact.kind) * (1.0 if is_punctuated else 0.5)
    lost = -(1.0 - soundness) * (max(told, 0.0) + max(manner, 0.0) + form)
    cost = min(MAX_LENGTH_COST, WORD_COST * max(0, len(words) - MAX_WORDS))
    cost = cost if turn.is_complete else max(cost, CUT_COST)
    reason = _reason(cost, soundness, informed, tone, kept)
    return Judged(told, manner, form, lost, -cost, reason)


def _reason(cost: float, soundness: float, informed: int, tone: int, kept: list[bool]) -> str:
    faults = (
        (cost > 0, "overlong"), (informed < 0, "misinformed"), (soundness < 1, "gibberish"),
        (informed == 0, "uninformed"), (tone < 0, "rude"), (tone == 0, "tone"), (not all(kept), "constraint"),
    )  # fmt: skip
    return next((reason for is_so, reason in faults if is_so), "")


def _cut(text: str) -> tuple[list[str], bool]:
    """Returns the words in small letters, and whether every sign of punctuation follows a word.

    A character that belongs to no word of any sentence here is a word of its own, one that nobody knows.
    """
    # Beyond ASCII, small letters can come out that were never written (the Kelvin sign becomes a k).
    plain = text.strip(" ")
    lowered = plain.lower() if plain.isascii() else "".join(c.lower() if c < "\x80" else "�" for c in plain)
    words, is_punctuated, follows_word = [], True, False
    for piece in _WORD.findall(lowered):
        is_sign = piece in _PUNCTUATION
        is_punctuated = is_punctuated and (follows_word or not is_sign)
        follows_word = not is_sign
        if not is_sign:
            words.append(piece)
    return words, is_punctuated


def _mark(words: list[str], request: Request) -> list[str]:
    """Returns the words with ``{e}`` and ``{v}`` for the entity and the value that were asked for."""
    entity, value = request.fact.entity.lower().split(), request.fact.value
    marked, place = [], 0
    while place < len(words):
        if words[place : place + len(entity)] == entity:
            marked.append(_ENTITY)
            place += len(entity)
        else:
            marked.append(_VALUE if words[place] == value else words[place])
            place += 1
    return marked


def _informed(marked: list[str], request: Request) -> int:
    """Returns 1 if the value is told, -1 if another number or thing of the world is, else 0."""
    own = set(request.fact.entity.lower().split())
    for word in marked:
        is_number = word in numbers() or any(c.isdigit() for c in word)
        if is_number or (word in nouns() and word not in own):
            return -1
    return int(_VALUE in marked)


def _tone(words: list[str], tone: str) -> int:
    """Returns 1 if the words have the tone, -1 if one of them is rude, else 0."""
    listed = tone_words()
    said = set(words)
    if said & listed["rude"]:
        return -1
    if tone == "brief":
        courtesies = said & (listed["polite"] | listed["warm"])
        return int(len(words) <= MAX_BRIEF_WORDS and not courtesies)
    return int(bool(said & listed[tone]))


@cache
def tone_words() -> dict[str, frozenset[str]]:
    """Returns the word lists that decide what is polite, warm and rude."""
    return {tone: frozenset(words) for tone, words in read_words()["tone_words"].items()}


def _is_kept(constraint: Constraint, text: str, words: list[str]) -> bool:
    kind, value = constraint
    if kind == "max_words":
        return len(words) <= int(value)
    if kind == "use":
        return value in words
    if kind == "avoid":
        return value not in words
    if kind == "end":
        return text.rstrip(" ").endswith(value)
    return text.upper() == text


def _soundness(marked: list[str], kind: str) -> float:
    known = known_pairs(kind)
    pairs = list(pairwise((_BEGIN, *marked, _END)))
    return len(known.intersection(pairs)) / len(pairs)


@cache
def known_pairs(kind: str) -> frozenset[tuple[str, str]]:
    """Returns the pairs of neighbouring words of every sentence that may answer a question of ``kind``.

    A sentence is a body, with an opener before it or not, an adverb and a closer behind it or not; ``^`` is
    the beginning, ``$`` the end, ``{e}`` and ``{v}`` what was asked for and its value.
    """
    data = read_words()
    bodies = [form.lower().split() for form in (*words_of(kind)["forms"], *data["uninformed"])]
    openers = [text.split() for texts in data["openers"].values() for text in texts]
    closers = [text.split() for texts in data["closers"].values() for text in texts]
    adverbs: list[list[str]] = [[word] for word in data["adverbs"]]
    pairs: set[tuple[str, str]] = set()
    for phrase in (*bodies, *openers, *closers):
        pairs |= set(pairwise(phrase))
    for before, after in (
        ([[_BEGIN]], openers), ([[_BEGIN]], bodies), (openers, bodies), (bodies, adverbs), (bodies, closers),
        (adverbs, closers), (bodies, [[_END]]), (adverbs, [[_END]]), (closers, [[_END]]),
    ):  # fmt: skip
        pairs |= {(first[-1], second[0]) for first in before for second in after}
    return frozenset(pairs)
