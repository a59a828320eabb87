"""Answers that say nothing, and must earn nothing whatever a judge or a reward model thinks of them.

Language models that judge are known to accept "master keys": a colon, the word "Solution", an opening such
as "Let's think step by step" with nothing behind it. They are recognised here before anything is asked.
Left out: answers that say something, however bad.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

OPENINGS: Final = frozenset(
    {
        "", "answer", "the answer", "the answer is", "final answer", "the final answer",
        "the final answer is", "my answer", "my answer is", "here is the answer", "here is my answer",
        "solution", "the solution", "solution is", "the solution is", "here is the solution",
        "explanation", "reasoning", "thought", "thought process", "thoughts", "analysis", "response",
        "output", "result", "step by step", "lets solve this step by step",
        "lets solve this problem step by step", "let us solve this problem step by step",
        "lets think step by step", "let us think step by step", "lets think", "lets begin", "lets start",
        "let me think", "let me think step by step", "hmm", "sure here is the answer", "sure here you go",
        "here you go", "solución", "la solución", "respuesta", "la respuesta", "lösung", "die lösung",
        "antwort", "die antwort", "réponse", "la réponse", "かいせつ", "解説", "解", "解答", "解析",
        "回答", "答案", "答え", "답", "정답", "ответ", "решение",
    }
)  # fmt: skip
"""What is left of an empty answer without its signs, in lower case."""

MAX_CHARS: Final = 20_000
"""More of a text is not looked at: what stands behind so many signs is not read by anybody."""
_MAX_OPENING_CHARS: Final = 200

_APOSTROPHES: Final = re.compile("['’`´ʼ]")
_TAG: Final = re.compile(r"</?[a-z_|｜ ]{1,40}>|\\boxed|\\text|<\|[a-z_]{1,40}\|>", re.IGNORECASE)
_LETTERS: Final = re.compile(r"\w", re.UNICODE)
_SIGNS: Final = re.compile(r"[\W_]+", re.UNICODE)


def is_empty_answer(text: str) -> bool:
    """Returns whether ``text`` says nothing: white space, signs alone, or an opening with nothing behind it.

    Numbers are answers ("7", "-1"), and so are single letters ("A") and emoji; ":" is not. Any text whatever,
    in bounded time.
    """
    if not text.strip():
        return True
    if not _LETTERS.search(text):
        return not any(unicodedata.category(char) == "So" for char in text)
    plain = _TAG.sub(" ", unicodedata.normalize("NFKC", text[:MAX_CHARS]))
    words = _SIGNS.sub(" ", _APOSTROPHES.sub("", plain)).strip()
    return len(words) <= _MAX_OPENING_CHARS and words.casefold() in OPENINGS
