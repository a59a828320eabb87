"""Pieces of chat templates as tokens: which special tokens they hold, which of them ends a turn.

Comes in: a tokenizer and the text of pieces. Goes out: pieces as ids and text. Left out: conversations
(``lmgym.chat_template``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from lmgym.errors import TokenizerError
from lmgym.template_pieces import Pieces
from lmgym.tokenization import CharTokenizer, HFTokenizer, TextTokenizer
from lmgym.tokenizer_files import token_text

_NAMES = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")
Piece = tuple["int | str", ...]
"""What stands between two messages: ids of special tokens, and text."""


def read_variables(tokenizer: TextTokenizer) -> dict[str, str]:
    """Returns the tokens that a template may name."""
    if not isinstance(tokenizer, HFTokenizer):
        pad, end = CharTokenizer.specials
        return {"pad_token": pad, "eos_token": end}
    tokens = {name: token_text(tokenizer.settings.get(name)) for name in _NAMES}
    return {name: token for name, token in tokens.items() if token is not None}


def specials_of(tokenizer: TextTokenizer) -> dict[str, int]:
    """Returns the ids of the tokens that are cut out of a template's text, by their own text."""
    if not isinstance(tokenizer, HFTokenizer):
        pad, end = CharTokenizer.specials
        return {pad: tokenizer.pad_id, end: tokenizer.end_id}
    return {**tokenizer.added_tokens, str(tokenizer.settings["eos_token"]): tokenizer.end_id}


def find_end_token(pieces: Pieces, specials: Mapping[str, int]) -> str:
    """Returns the text of the token that ends the agent's turns: the first behind what it says."""
    text = pieces.between["assistant", "user"]
    found = _any_of(specials).search(text)
    if found is None or text[: found.start()].strip():
        raise TokenizerError(
            f"the chat template ends the assistant's messages with {text!r}, which does not begin with a "
            "special token of the tokenizer, so no token could end a turn. Give another tokenizer."
        )
    return found.group()


def protect(
    tokenizer: TextTokenizer, texts: Sequence[str], specials: Mapping[str, int], end_token: str
) -> TextTokenizer:
    """Returns the tokenizer in a form in which nothing that is said gives the template's special tokens."""
    if not isinstance(tokenizer, HFTokenizer):
        return tokenizer
    used = {token for text in texts for token in _any_of(specials).findall(text)}
    return tokenizer.with_special(used, end_token)


def split_piece(text: str, specials: Mapping[str, int]) -> Piece:
    """Returns ``text`` with the special tokens in it as ids."""
    pattern = _any_of(specials)
    out: list[int | str] = []
    place = 0
    for found in pattern.finditer(text):
        out += [text[place : found.start()], specials[found.group()]]
        place = found.end()
    return merge([*out, text[place:]])


def merge(pieces: Iterable[int | str]) -> Piece:
    """Returns ``pieces`` with neighbouring texts joined and empty ones left out."""
    merged: list[int | str] = []
    for piece in pieces:
        if isinstance(piece, str) and merged and isinstance(merged[-1], str):
            merged[-1] += piece
        else:
            merged.append(piece)
    return tuple(piece for piece in merged if piece != "")


def _any_of(specials: Iterable[str]) -> re.Pattern[str]:
    return re.compile("|".join(re.escape(token) for token in sorted(specials, key=len, reverse=True)))
