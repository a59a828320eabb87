r"""Finds the one final answer of a response, where a policy says that it stands.

Comes in: any text at all. Goes out: the final answer, the other answers that were given as final, and why
there is none. Every step takes linear time; nothing is parsed here.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from lmgym.grading.boxes import Box, find_boxes, unwrap
from lmgym.grading.choices import read_choice, said_choices
from lmgym.grading.masking import LEAD_IN, cut_code, cut_comments, cut_copies, cut_thinking
from lmgym.grading.policies import Policy

MAX_OTHERS = 8
"""So many different answers are several without comparing them."""
MAX_WINDOWS = 50
"""A response of more than so many times ``Budgets.max_chars``, thinking aside, is refused."""

_HEDGES = frozenset(
    ("or", "not", "isn't", "isn’t", "never", "cannot", "maybe", "perhaps", "possibly", "probably", "either")
)
_LINKS = frozenset(("be", "equal", "equals", "exactly", "simply", "the", "answer", "to", "value"))
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z'’]+")  # but no command such as \not
_OR = re.compile(r"[$).,*:;\]\\ ]{0,8}\(?or\b(?! (?:equivalently|simply|just|rather)\b)", re.IGNORECASE)
_PART_BEFORE = re.compile(
    r"(?:[0-9/^_]|(?<![-A-Za-z:])[-\u2212]|(?:≠|\\(?:neq?|not|cdot|times|div|pm)) ?"
    r"|\\(?:sqrt|[dt]?frac(?:\{[^{}]{0,16}\})?)\{ ?)\Z"
)
_PART_AFTER = re.compile(
    r" ?(?:\^(?! ?\{? ?\\?(?:circ|degree|prime))|\\(?:cdot|times|div|pm)\b|[+*/] ?[0-9(\\])|[0-9]|-[0-9(\\]"
)
"""What makes a box a part of something larger: ``-\\boxed{7}``, ``1/\\boxed{7}``, ``\\boxed{7}^2``."""
_EMPHASIS = ("**", "__", "*", "`")
_AROUND = (
    ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"), ("<answer>", "</answer>"),
    *((sign, sign) for sign in _EMPHASIS),
)  # fmt: skip
_HEADING = re.compile(r"^\s*#{1,6} +")


class Extraction(NamedTuple):
    """What ``extract`` found."""

    answer: str | None
    """The last final answer, None if there is none."""
    others: tuple[str, ...] = ()
    """Earlier final answers that are written differently; more than ``MAX_OTHERS`` are not listed."""
    reason: str = ""
    """"" if there is an answer, else "no_answer", "several_answers", "echo", "hedged" or "limit"."""


_NO_ANSWER = Extraction(None, (), "no_answer")
_LIMIT = Extraction(None, (), "limit")
_HEDGED = Extraction(None, (), "hedged")


def extract(response: str, policy: Policy, prompt: str | None = None) -> Extraction:
    """Returns the final answer of ``response``.

    Thinking is cut first, then copies of ``prompt``, then code; of what is left only the last
    ``policy.budgets.max_chars`` characters are looked at, from the first whole line of these on.

    Args:
        response: what the agent wrote.
        policy: where the answer stands.
        prompt: what the agent read; None: nothing counts as copied.
    """
    text = cut_thinking(response, policy.thinking)
    if len(text) > MAX_WINDOWS * policy.budgets.max_chars:
        return _LIMIT
    if prompt is None:
        return _find(text, policy)
    own = cut_copies(text, prompt, policy.marker)
    found = _find(own, policy)
    if found.answer is None and found.reason == "no_answer" and len(own) < len(text):
        return found if _find(text, policy).answer is None else Extraction(None, (), "echo")
    return found


def clean(answer: str) -> str:
    """Returns ``answer`` without what stands around it: white space, math and bold signs, a final period."""
    answer = answer.strip()
    for _ in range(4):
        before = answer
        for left, right in _AROUND:
            inner = answer[len(left) : len(answer) - len(right)]
            if inner and answer.startswith(left) and answer.endswith(right) and left not in inner:
                answer = inner.strip()
        if answer.endswith(".") and not answer.endswith(".."):
            answer = answer[:-1].rstrip()
        answer = unwrap(answer)
        if answer == before:
            break
    return answer


def is_hedged(answer: str, *, may_say_or: bool = False) -> bool:
    """Returns whether ``answer`` takes back or leaves open what it says: "7 or 8", "not 7", "~7", "yes?"."""
    if answer.endswith("?") or answer.startswith("~"):
        return True
    hedges = _HEDGES - {"or"} if may_say_or else _HEDGES
    return any(word.lower() in hedges for word in _WORD.findall(answer))


def _find(text: str, policy: Policy) -> Extraction:
    max_chars = policy.budgets.max_chars
    where = policy.where
    if where == "whole":
        return _one(clean(text)) if len(text) <= max_chars else _LIMIT
    text = cut_code(text)
    is_part_of_line = False
    if len(text) > max_chars:
        text = text[len(text) - max_chars :]
        is_part_of_line = "\n" not in text
        text = text[text.find("\n") + 1 :]
    text = cut_comments(text)
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if where == "choice":
        return _LIMIT if is_part_of_line else _find_choice(text, policy)
    if where in ("final", "boxed"):
        found = _find_boxed(text)
        if found is not None or where == "boxed":
            return found or _NO_ANSWER
    if where in ("final", "marker"):
        found = _find_marked(text, policy.marker, are_headings_skipped=where == "final")
        if found is not None or where == "marker":
            return found or _NO_ANSWER
    return _LIMIT if is_part_of_line else _find_last_line(text)


def _one(answer: str) -> Extraction:
    return Extraction(answer) if answer else _NO_ANSWER


def _last_of(answers: list[str]) -> Extraction:
    """Returns the last one, with all others that are written differently."""
    last = answers[-1]
    if len(answers) == 1 or not last:
        return _one(last)
    others = tuple(dict.fromkeys(answer for answer in answers[:-1] if answer and answer != last))
    if len(others) > MAX_OTHERS:
        return Extraction(None, (), "several_answers")
    return Extraction(last, others)


def _find_boxed(text: str) -> Extraction | None:
    """Returns the last box's answer, None if the text has no box at all."""
    boxes, is_last_open = find_boxes(text)
    if is_last_open:
        return _NO_ANSWER
    if not boxes:
        return None
    last = boxes[-1]
    if _is_box_hedged(text, last):
        return _HEDGED
    if _PART_BEFORE.search(text[max(0, last.begin - 30) : last.begin]) or _PART_AFTER.match(text, last.end):
        return _NO_ANSWER
    return _last_of([clean(box.content) for box in boxes])


def _is_box_hedged(text: str, box: Box) -> bool:
    """Returns whether "not", "maybe" ... stands just before the box, or "or" just behind it."""
    if _OR.match(text, box.end):
        return True
    line = text[max(0, box.begin - 40) : box.begin]
    sentence = line.replace("\n", ".").replace(",", ".").rsplit(".", 1)[-1]
    for word in reversed(_WORD.findall(sentence)[-4:]):
        if word.lower() not in _LINKS:
            return word.lower() in _HEDGES - {"or"}
    return False


def _find_marked(text: str, marker: str, *, are_headings_skipped: bool) -> Extraction | None:
    """Returns what stands behind the last marker on its line, None if there is no marker."""
    if marker not in text:
        return None
    end = len(text.rstrip())
    answers = []
    for mark in _marker_pattern(marker).finditer(text):
        answer = clean(mark[1])
        if not (are_headings_skipped and mark.end() < end and _begins_with_a_word(answer)):
            answers.append(answer)
    return _last_of(answers) if answers else None


@lru_cache(maxsize=64)
def _marker_pattern(marker: str) -> re.Pattern[str]:
    sign = re.escape(marker[0])
    is_row = marker == marker[0] * len(marker)  # a longer row of signs is another marker
    edges = (f"(?<!{sign})", f"(?!{sign})") if is_row else ("", "")
    return re.compile(rf"{edges[0]}{re.escape(marker)}{edges[1]}([^\n]*)")


def _begins_with_a_word(text: str) -> bool:
    return len(text) > 1 and text[:2].isascii() and text[:2].isalpha()


def _find_last_line(text: str) -> Extraction:
    text = text.rstrip()
    line = _without_emphasis(clean(_HEADING.sub("", text[text.rfind("\n") + 1 :], count=1)))
    lead_in = LEAD_IN.match(line)
    if lead_in:
        line = _without_emphasis(clean(line[lead_in.end() :]))
    if line.startswith("="):
        line = clean(line[1:])
    return _one(line)


def _without_emphasis(line: str) -> str:
    """Returns ``line`` without the signs around its bold or slanted beginning: ``**Answer:** 42``."""
    for sign in _EMPHASIS:
        if line.startswith(sign) and sign in line[len(sign) :]:
            return clean(line[len(sign) :].replace(sign, "", 1))
    return line


def _find_choice(text: str, policy: Policy) -> Extraction:
    """Returns the letter that the last box, marker or line gives, and other letters given as the answer."""
    found = _find_boxed(text) or _find_marked(text, policy.marker, are_headings_skipped=True)
    if found is not None and found.answer is None:
        return found
    said = said_choices(text)
    if said is None:
        return _HEDGED
    answer = (found or _find_last_line(text)).answer or ""
    letter, reason = read_choice(answer, policy.choices)
    if reason:
        return Extraction(None, (), reason)
    if not letter and is_hedged(answer[:20]):
        return _HEDGED
    earlier = [read_choice(other, policy.choices)[0] for other in found.others] if found else []
    letters = [other for other in (*earlier, *said, letter) if other and other in policy.choices]
    return _last_of(letters) if letters else _NO_ANSWER
