"""Untrusted text put between delimiters that it cannot close, with everything inert that could act.

Comes in: any text whatever. Goes out: a block between two lines that hold a code of the content's hash, in
which special tokens of chat templates, tags of thinking, look-alikes of our own lines and of verdicts, and
characters that can't be seen are written out as ``⟪U+003C⟫``. That can be read by a person and turned back
(``revive``): nothing is lost, nothing else is changed.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

_WORDS: Final = (
    "s|bos|eos|pad|unk|mask|cls|sep|sop|eop|eot|eod|sys|system|user|assistant|human|ai|bot|model|tool|tools|"
    "think|thinking|thought|thoughts|reasoning|reflection|scratchpad|answer|final|verdict|score|judge|"
    "instruction|instructions|inst|prompt|data|input|output|response|question|context|function|functions"
)
_DANGERS: Final = re.compile(
    "|".join(
        [
            # Of each only the first character is written out: any token that begins there is broken.
            r"[⟪⟫]",
            # <|im_end|>, <｜User｜>; <s>, </think>, <user name="x">; <start_of_turn>; <0x0A>; <<SYS>>
            r"<(?=[\s/]{0,3}[|｜])",
            rf"<(?=[\s/!]{{0,3}}(?:{_WORDS})(?:\s[^<>\n]{{0,80}})?[\s/]{{0,3}}>)",
            r"<(?=[\s/]{0,3}[a-z0-9▁]{1,24}(?:_[a-z0-9▁]{1,24}){1,4}\s{0,3}>)",
            r"<(?=0x[0-9a-f]{2}>)",
            r"<(?=<[\s/]{0,3}SYS)",
            # [INST], [/INST], [TOOL_CALLS]; our own delimiters, whatever code they hold
            r"\[(?=[\s/]{0,3}(?-i:[A-Z]{2,24}(?:[_ ][A-Z]{1,24}){0,4})\s{0,3}\])",
            r"[\[［【](?=\s{0,3}(?:begin|end)\b)",
            # a verdict, which a judge could repeat at the end of its reply
            r"\{(?=\s{0,3}\\{0,2}[\"'“”]?\s{0,3}verdict)",
            # What can't be seen or moves what is seen: controls (not newline, tab), zero-width, directions,
            # tags, variation selectors, private use, noncharacters, surrogates, exotic line ends.
            r"[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd\U00013430-\U0001345f"
            r"\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f"
            r"\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ue000-\uf8ff\ufdd0-\ufdef\ufe00-\ufe0e\ufeff\uffa0"
            r"\ufff0-\ufffb\ufffe\uffff\U000e0000-\U000e0fff\U000f0000-\U0010ffff]",
        ]
    ),
    re.IGNORECASE,
)
_WRITTEN_OUT: Final = re.compile("⟪U\\+([0-9A-F]{4,6})⟫")
_CUT: Final = re.compile("⟪[^⟫]*$")

MAX_CHARS: Final = 8000
"""Characters of one answer that a judge is shown, unless told otherwise."""


def defuse(text: str, code: str = "") -> str:
    """Returns ``text`` with everything inert that could act; see the module. Bounded by 10 * len(text).

    Args:
        text: any text.
        code: the code of the delimiters, which must not stand in the text either.
    """
    inert = _DANGERS.sub(_write_out, text)
    return re.sub(re.escape(code), _write_out, inert, flags=re.IGNORECASE) if code else inert


def revive(text: str) -> str:
    """Returns the text that ``defuse`` was given."""
    return _WRITTEN_OUT.sub(lambda found: chr(int(found[1], 16)), text)


def make_code(texts: Sequence[str], secret: str = "") -> str:
    """Returns 16 hexadecimal digits that depend on every text and on ``secret``.

    A text that held its own code would have to be found by trying 2**64 of them, even where the
    secret is known; ``defuse`` would write it out all the same.
    """
    hasher = hmac.new(secret.encode("utf-8", "surrogatepass"), digestmod=hashlib.sha256)
    for text in texts:
        data = text.encode("utf-8", "surrogatepass")
        hasher.update(len(data).to_bytes(8, "little") + data)
    return hasher.hexdigest()[:16]


def quote(name: str, text: str, code: str, *, max_chars: int = MAX_CHARS) -> str:
    """Returns ``text`` as a block of data: a line that begins it, the inert text, a line that ends it.

    Args:
        name: what it is, "answer A" for instance; trusted.
        text: any text.
        code: see ``make_code``.
        max_chars: more of the text, counted after writing out, is left out; the first line says so.
    """
    inert = defuse(text[:max_chars], code)
    shown = _CUT.sub("", inert[:max_chars])
    is_cut = len(text) > max_chars or len(shown) < len(inert)
    note = f", cut: the rest of {len(text)} characters is not shown" if is_cut else ""
    return f"[begin {name} {code}{note}]\n{shown}\n[end {name} {code}]"


def _write_out(found: re.Match[str]) -> str:
    first, rest = found[0][0], found[0][1:]
    return f"⟪U+{ord(first):04X}⟫{rest}"
