"""Cuts out of a response what is no answer: thinking, copies of the prompt, code, comments.

Comes in: any text. Goes out: what is left, in linear time whatever the text is.
"""

from __future__ import annotations

import re
from functools import lru_cache

MIN_COPY_CHARS = 12
"""A shorter piece of the prompt may well be what somebody answers by chance."""
MAX_PASSAGES = 64
"""So many pieces of a prompt are looked for."""

LEAD_IN = re.compile(
    r"(?:(?:so|thus|hence|therefore|and|then|finally),? )?(?:(?:the|my|our|your) )?(?:(?:final|correct) )?"
    r"(?:answer|result|solution)(?: is| are|:| =)+[: ]{0,4}(?:(?:therefore|thus|simply|exactly|just),? )?",
    re.IGNORECASE,
)
"""What may stand before an answer, matched at its beginning."""

_SPACES = re.compile(r"[ \t]+")
_FENCE = re.compile(r"```|^~~~", re.MULTILINE)
_HIDDEN = re.compile(r"<!--.*?(?:-->|\Z)|\\iffalse\b.*?(?:\\fi\b|\Z)", re.DOTALL)
_VERBATIM = re.compile(r"\\(begin|end)\{(?:verbatim|lstlisting|comment)\*?\}")
_SENTENCE_END = re.compile(r"(?<=[.?!:]) ")
_BOX = re.compile(r"[$*#= ]{0,8}\\(?:boxed|fbox)\b")


def cut_thinking(text: str, tags: tuple[str, ...]) -> str:
    """Returns what follows the last closing tag, up to an opening one that is never closed.

    A closing tag without an opening one closes what the prompt has opened, as many chat templates do.
    """
    if not tags or "<" not in text:
        return text
    begin, end = 0, len(text)
    for tag in _tag_pattern(tags).finditer(text):
        if tag[1]:
            begin, end = tag.end(), len(text)
        elif end == len(text):
            end = tag.start()
    return text[begin:end]


@lru_cache(maxsize=64)
def _tag_pattern(tags: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile(rf"<(/?)(?:{'|'.join(tags)})[ \t]{{0,8}}>", re.IGNORECASE)


def cut_copies(text: str, prompt: str, marker: str) -> str:
    r"""Returns ``text`` without copies of the prompt, or of its lines and sentences with a box or marker.

    The number of spaces may differ, and a final period be missing.
    A line such as "The answer is \boxed{4}.", which an example in the prompt may have in common with an
    honest response, stays.
    """
    if len(text) < MIN_COPY_CHARS:
        return text
    passages = _passages(prompt, marker)
    if passages and ("  " in text or "\t" in text):
        text = _SPACES.sub(" ", text)
    for passage in passages:
        text = text.replace(passage, "\n")
    return text


@lru_cache(maxsize=1024)
def _passages(prompt: str, marker: str) -> tuple[str, ...]:
    """Returns what counts as copied, the longest first."""
    whole = _SPACES.sub(" ", prompt.strip())
    pieces = {piece.strip() for line in whole.split("\n") for piece in (line, *_SENTENCE_END.split(line))}
    found = {piece for piece in pieces if _BOX.search(piece) or marker in piece}
    found = {piece for piece in found if not _says_an_answer(piece, marker)}
    found.add(whole)
    long = {passage.rstrip(" .?!:") for passage in found if len(passage) >= MIN_COPY_CHARS}
    return tuple(sorted(long, key=lambda passage: (-len(passage), passage))[:MAX_PASSAGES])


def _says_an_answer(piece: str, marker: str) -> bool:
    lead_in = LEAD_IN.match(piece)
    rest = piece[lead_in.end() :] if lead_in else piece
    return rest.startswith(marker) or _BOX.match(rest) is not None


def cut_code(text: str) -> str:
    r"""Returns what is outside of fenced code, verbatim environments, HTML comments and ``\iffalse``.

    What is left open reaches to the end.
    """
    if "```" in text or "~~~" in text:
        text = "\n".join(_FENCE.split(text)[::2])
    if "<!--" in text or "\\iffalse" in text:
        text = _HIDDEN.sub("\n", text)
    if "\\begin{" not in text:
        return text
    pieces, begin, is_open = [], 0, False
    for edge in _VERBATIM.finditer(text):
        if edge[1] == "begin" and not is_open:
            pieces.append(text[begin : edge.start()])
            is_open = True
        elif edge[1] == "end" and is_open:
            begin, is_open = edge.end(), False
    if not is_open:
        pieces.append(text[begin:])
    return "\n".join(pieces)


def cut_comments(text: str) -> str:
    r"""Returns ``text`` without LaTeX comments: from a ``%`` to the end of the line.

    The percent sign of "50%", "50 %", "\%" or "a % b" begins none: in front of a comment there is nothing
    on its line, or white space after something that is neither a letter nor a digit.
    """
    if "%" not in text:
        return text
    return "\n".join(map(_without_comment, text.split("\n")))


def _without_comment(line: str) -> str:
    at = line.find("%")
    while at >= 0:
        near = line[max(0, at - 64) : at]  # a bounded piece, or many signs would take quadratic time
        before = near.rstrip() if not near or near[-1].isspace() else None
        if before is not None and (not before or not (before[-1].isalnum() or before[-1] == ")")):
            return line[:at]
        at = line.find("%", at + 1)
    return line
