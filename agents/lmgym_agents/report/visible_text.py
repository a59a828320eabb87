"""Text from a model as it can safely be shown: nothing invisible, nothing that breaks XML or the line."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence

from lmgym.tokenization import TextTokenizer

END_MARK = "■"
_NAMED = {"\n": "⏎", "\t": "⇥", "\r": "␍", "\x7f": "␡"}


def visible_text(text: str, *, max_chars: int = 40) -> str:
    r"""Returns ``text`` on one line, control, format and combining characters spelt out, its middle cut.

    >>> visible_text(" a\n\x00")
    '␣a⏎␀'
    """
    if len(text) > 4 * max_chars:  # the middle would be cut anyway
        text = text[: 2 * max_chars] + text[-2 * max_chars :]
    text = unicodedata.normalize("NFC", text)
    inner = text.strip(" ")
    before = len(text) - len(text.lstrip(" "))
    shown = "␣" * before + "".join(map(_shown, inner))
    shown += "␣" * (len(text) - before - len(inner)) if inner else ""
    if len(shown) <= max_chars:
        return shown
    head, tail = max_chars // 2, max_chars - 1 - max_chars // 2
    return shown[:head] + "…" + shown[len(shown) - tail :]


def _shown(char: str) -> str:
    if char in _NAMED:
        return _NAMED[char]
    if ord(char) < 0x20:
        return chr(0x2400 + ord(char))
    category = unicodedata.category(char)
    is_plain = category[0] not in "CM" and category not in ("Zl", "Zp")
    return char if is_plain else f"⟨{ord(char):X}⟩"


def action_text(action: Sequence[int], tokenizer: TextTokenizer, *, max_chars: int = 40) -> str:
    """Returns an action as it can be shown; an end token is ``■``, one without text its number."""
    tokens, is_end = list(action), bool(action) and action[-1] in tokenizer.end_ids
    if is_end:
        tokens.pop()
    text = visible_text(tokenizer.decode(tokens), max_chars=max_chars) if tokens else ""
    if tokens and not text:
        text = "⟨" + " ".join(map(str, tokens[:4])) + "⟩"
    return text + END_MARK if is_end else text


def width_in_cells(text: str) -> int:
    """Returns the width of a text in a monospaced font, in characters."""
    return sum(2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)
