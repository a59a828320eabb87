"""Reads which letter of a multiple choice a text gives as the answer.

Comes in: the final answer, or all of a response. Goes out: letters. Where the final answer stands is said by
``extraction``. Every step takes linear time.
"""

from __future__ import annotations

import re

_SAYS = re.compile(
    r"(?:(?:so|thus|hence|therefore|option|choice|i (?:choose|pick|select)),? ){1,3}", re.IGNORECASE
)
_CHOICE = re.compile(
    r"[\"'“‘*]{0,3}(?:\\(?:text|textbf|mathrm|mathbf)\{)?(?:\(([A-Za-z])\)|([A-Za-z])"
    r"(?=[.):}\"'”’*]|$| [-–—] | is (?:the )?(?:correct|right)\b))"
)
_SAID = re.compile(
    r"(?<!wrong )(?<!incorrect )\b(?i:answer|(?:correct|right|best) (?:option|choice))(?: is|:){1,2} {0,2}"
    r"[\"'“‘*$]{0,3}(?:\(([A-Z])\)|([A-Z])(?![\w'’]| (?!because|since)[a-z]))"
)
_NEXT = re.compile(r"[)\"'”’*$]{0,4}(?: ?[,/&]|,? (?:or|and)) ?\(?[A-Z](?![\w'’]| [a-z])")
_OTHER = re.compile(r"\(([A-Z])\)|(?<![A-Za-z0-9(])([A-Z])[.):](?![A-Za-z0-9])")
_ONLY_LETTERS = re.compile(r"(?:[^A-Za-z0-9]*[A-Z](?![A-Za-z0-9]))+[^A-Za-z0-9]*")
_OR = re.compile(r"\b(?:or|and) \(?[A-Z](?![\w'’])")


def said_choices(text: str) -> list[str] | None:
    """Returns the letters of all "the answer is (B)" in ``text``, None if one of these gives two at once."""
    letters = []
    for said in _SAID.finditer(text):
        if _NEXT.match(text, said.end()):
            return None
        letters.append(said[1] or said[2])
    return letters


def read_choice(answer: str, choices: str) -> tuple[str, str]:
    """Returns the letter that ``answer`` begins with, "" if none, and a reason against it, "" if none.

    Args:
        answer: a final answer: ``B``, ``(B)``, ``B. Paris``, ``Option B``.
        choices: the letters that there are.
    """
    if len(answer) == 1:
        return (answer.upper() if answer.upper() in choices else ""), ""
    says = _SAYS.match(answer)
    answer = answer[says.end() :] if says else answer
    match = _CHOICE.match(answer)
    letter = (match[1] or match[2]).upper() if match else answer[: not answer[1:2].isalpha()]
    rest = answer[match.end() if match else 1 :]
    if not letter or letter not in choices:
        return "", ""
    if _OR.search(answer):
        return "", "hedged"
    if match is None:
        return "", ""
    others = {first or second for first, second in _OTHER.findall(rest)} - {letter}
    is_several = others & set(choices) or _ONLY_LETTERS.fullmatch(rest)
    return ("", "several_answers") if is_several else (letter, "")
