"""Rows of tokens read back as the conversation that they are: the inverse of writing with a chat template.

Comes in: the text of a row with its special tokens, and the pieces of a template. Goes out: text with marks.
Special tokens are told from what is only spelt like them. Left out: tokens.
"""

from __future__ import annotations

from collections.abc import Mapping

from lmgym.conversation import AGENT, END, MARK_OF, plain
from lmgym.template_pieces import Neighbour, Pair
from lmgym.template_tokens import Piece

_NOT_SAID = {(role, "close") for role in MARK_OF} | {("assistant", "reply")}
_FIRST_STAND_IN = 0xDC00  # lone surrogates can't come out of decoding


def stand_ins(pieces: Mapping[Pair, Piece], end_id: int) -> dict[int, str]:
    """Returns a character for each special token in ``pieces`` that no decoded text contains."""
    found = {end_id} | {part for piece in pieces.values() for part in piece if isinstance(part, int)}
    return {token: chr(_FIRST_STAND_IN + place) for place, token in enumerate(sorted(found))}


def read_row(text: str, pieces: Mapping[Pair, str], end: str, *, is_continuation: bool) -> str:
    """Returns the conversation of a row as text with marks.

    Args:
        text: the row, special tokens as their stand-ins.
        pieces: what the template puts between neighbours, likewise.
        end: stand-in of the token that ends the agent's turns.
        is_continuation: True: the row begins in the agent's turn.
    """
    last: Neighbour = "assistant"
    said, place = "", 0
    if not is_continuation:
        begun = [
            (len(piece), pair[1]) for pair, piece in pieces.items() if not pair[0] and text.startswith(piece)
        ]
        if not begun:
            return _clean(text)
        place, last = max(begun)
        said = MARK_OF[last]  # type: ignore[index]  # after the beginning comes a role
    while True:
        following = [
            (at, -len(piece), pair[1])
            for pair, piece in pieces.items()
            if pair[0] == last and pair not in _NOT_SAID and (at := text.find(piece, place)) >= 0
        ]
        if not following:
            break
        at, length, role = min(following)
        said += _clean(text[place:at]) + END + (AGENT if role == "reply" else MARK_OF[role])  # type: ignore[index]
        place, last = at - length, "assistant" if role == "reply" else role
    content, found, _ = text[place:].partition(end)
    return said + _clean(content) + (END if found else "")


def _clean(text: str) -> str:
    return plain("".join(char for char in text if not "\ud800" <= char <= "\udfff"))
