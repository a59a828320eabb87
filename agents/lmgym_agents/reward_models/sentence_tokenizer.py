"""Texts as an encoder of sentences reads them: any text whatever, in bounded time."""

from __future__ import annotations

import tokenizers

from lmgym.errors import InvalidValueError, TokenizerError


class SentenceTokenizer:
    """Texts as ids with the encoder's special tokens around them; special tokens in a text are plain text."""

    def __init__(self, tokenizer: tokenizers.Tokenizer, max_tokens: int) -> None:
        self.tokenizer = tokenizers.Tokenizer.from_str(tokenizer.to_str())
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokenizer.encode_special_tokens = True
        bare = self.tokenizer.encode("a", add_special_tokens=False).ids
        full = self.tokenizer.encode("a", add_special_tokens=True).ids
        starts = [i for i in range(len(full)) if full[i : i + len(bare)] == bare]
        if not bare or not starts:
            raise TokenizerError(
                "the encoder's tokenizer gives no token for 'a'; it is no tokenizer of text."
            )
        self._before, self._after = full[: starts[0]], full[starts[0] + len(bare) :]
        self.max_tokens = max_tokens
        self._room = max_tokens - len(self._before) - len(self._after)
        if self._room < 1:
            raise InvalidValueError(
                f"max_tokens is {max_tokens}; allowed: {max_tokens - self._room + 1} and more."
            )
        self._window = max_tokens * max(map(len, self.tokenizer.get_vocab()))

    def encode(self, text: str) -> list[int]:
        ids = self.tokenizer.encode(_whole(text[-self._window :]), add_special_tokens=False).ids
        return [*self._before, *ids[-self._room :], *self._after]

    def count(self, text: str) -> int:
        return len(self.encode(text))


def _whole(text: str) -> str:
    """Returns text without lone surrogates, which no tokenizer takes."""
    return text.encode("utf-8", "replace").decode("utf-8")
