"""Worked answers: good ones, and bad ones of every sort for supervised learning to be improved on.

Comes in: a request, the facts that were told, randomness. Goes out: one answer. Left out: conversations.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from lmgym.records import Turn
from lmgym.tasks.chat.answers import MAX_WORDS, judge
from lmgym.tasks.chat.goals import Request
from lmgym.tasks.chat.world import Fact, capitalised, fill, numbers, read_words, words_of

FLAWS = ("uninformed", "misinformed", "rude", "tone", "overlong", "constraint")
"""What a bad answer lacks; "constraint" only where there is one."""
MAX_ANSWER_CHARS = 120
_MAX_TRIES = 2000


def write_answer(request: Request, rng: np.random.Generator) -> str:
    """Returns a random answer that meets ``request`` in full."""
    for _ in range(_MAX_TRIES):
        text = _draw(request, rng)
        if not judge(Turn("agent", text), request).reason:
            return text
    raise AssertionError(f"no answer meets {request}")


def write_flawed(request: Request, facts: Sequence[Fact], rng: np.random.Generator) -> str:
    """Returns an answer that is bad in one way, each way as likely."""
    flaws = FLAWS if request.constraints else FLAWS[:-1]
    flaw = flaws[int(rng.integers(len(flaws)))]
    for _ in range(_MAX_TRIES):
        text = _draw_flawed(request, flaw, facts, rng)
        if len(text) <= MAX_ANSWER_CHARS and judge(Turn("agent", text), request).reason:
            return text
    raise AssertionError(f"no answer to {request} is {flaw}")


def _draw(request: Request, rng: np.random.Generator) -> str:
    """Returns an answer with the tone and the form asked for, which may break a constraint all the same."""
    opener = closer = ""
    if request.tone != "brief":
        place = int(rng.integers(3))  # in front, behind, or both
        opener = _pick("openers", request.tone, rng) if place != 1 else ""
        closer = _pick("closers", request.tone, rng) if place != 0 else ""
    asked = {constraint.kind: constraint.value for constraint in request.constraints}
    text = _join(opener, _body(request.fact, rng), asked.get("use", ""), closer, asked.get("end", "."))
    return text.upper() if "capitals" in asked else text


def _draw_flawed(request: Request, flaw: str, facts: Sequence[Fact], rng: np.random.Generator) -> str:
    fact, tone = request.fact, request.tone
    other = {"brief": "polite", "polite": "brief", "warm": "brief"}[tone]
    if flaw == "misinformed":
        values = [each.value for each in facts if each != fact] or sorted(numbers() - {fact.value})
        return _draw(request._replace(fact=fact._replace(value=values[int(rng.integers(len(values)))])), rng)
    if flaw == "tone":
        return _draw(request._replace(tone=other), rng)
    if flaw == "constraint":
        return _draw(request._replace(constraints=()), rng)
    manner = tone if tone != "brief" else "polite"
    if flaw == "uninformed":
        bodies = read_words()["uninformed"]
        opener = "" if tone == "brief" else _pick("openers", manner, rng)
        return _join(opener, bodies[int(rng.integers(len(bodies)))], "", "", ".")
    if flaw == "rude":
        return _join(_pick("openers", "rude", rng), _body(fact, rng), "", _pick("closers", "rude", rng), ".")
    text = _join(_pick("openers", manner, rng), _body(fact, rng), "", _pick("closers", manner, rng), ".")
    while len(text.split()) <= MAX_WORDS:
        text += " " + _join(_pick("openers", manner, rng), _body(fact, rng), "", "", ".")
    return text


def _pick(group: str, tone: str, rng: np.random.Generator) -> str:
    texts: list[str] = read_words()[group][tone]
    return texts[int(rng.integers(len(texts)))]


def _body(fact: Fact, rng: np.random.Generator) -> str:
    forms: list[str] = words_of(fact.kind)["forms"]
    return fill(forms[int(rng.integers(len(forms)))], fact)


def _join(opener: str, body: str, adverb: str, closer: str, end: str) -> str:
    """Returns a sentence or two, such as ``Certainly, bus 4 leaves at 9 today. Thank you.``."""
    said = f"{body} {adverb}" if adverb else body
    said = capitalised(f"{opener}, {said}" if opener else said)
    return f"{said}. {capitalised(closer)}{end}" if closer else said + end
