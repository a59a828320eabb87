"""Text to token ids and back: a character tokenizer of our own, and any fast tokenizer of Hugging Face.

Comes in: text. Goes out: ids without any special token added, and text without pad and end tokens. Text is
always plain text: "<|end|>" typed into a prompt is seven characters, never the end token. Left out: chat
templates (``lmgym.chat_template``), models.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import numpy as np
import tokenizers
from numpy.typing import NDArray

from lmgym.conversation import cut_at_marks
from lmgym.errors import InvalidValueError, TokenizerError, UnknownNameError
from lmgym.tokenizer_files import read_source, token_text, write_folder

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
SIGNS = "×÷−±·√²³°π∞≤≥≠≈≡∧∨¬→←↔⇒⇔⊢⊨⊤⊥∀∃∈∉∅∪∩⊂⊆∴…–—‘’“”✓✗"
"""What the character tokenizer knows beyond newline and printable ASCII."""


@runtime_checkable
class TextTokenizer(Protocol):
    """What a token environment needs of a tokenizer; V is ``vocab_size``, ids are in [0, V)."""

    name: str
    fingerprint: str
    """Short hash of vocabulary and special ids: equal for tokenizers that give equal ids."""
    vocab_size: int
    pad_id: int
    end_id: int
    """The end-of-turn token that demonstrations and replies use."""
    end_ids: tuple[int, ...]
    """Every token that ends a turn, ``end_id`` first."""
    prefix_ids: tuple[int, ...]
    """Tokens that every row starts with: the model's begin-of-text token, or none."""
    max_token_chars: int
    """The longest token, in characters."""

    def encode(self, text: str) -> list[int]:
        """Returns the ids of any ``str`` whatever, lone surrogates included; no special tokens are added."""

    def decode(self, ids: Sequence[int] | NDArray[Any]) -> str:
        """Returns the text of ids, special tokens dropped."""

    def encode_batch(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        """Returns ``encode`` of each text as int32 arrays of their own."""

    def encode_joined(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        """Returns the ids of all texts behind one another, and how many each text has, int64[N]."""

    def decode_batch(self, ids: NDArray[Any], lengths: NDArray[Any]) -> list[str]:
        """Returns ``decode(ids[i, :lengths[i]])`` for each row of int[N, T]."""

    def save(self, folder: str | Path) -> None:
        """Writes a folder that ``transformers.AutoTokenizer`` loads with the same ids."""


class CharTokenizer:
    """One token a character: printable ASCII, newline and the signs of mathematics and logic.

    Whatever else is read as one unknown token, which is the character U+FFFD. ``encode`` and ``decode`` are
    table look-ups over whole batches; ``backend`` is the same tokenizer built with ``tokenizers``.
    """

    name = "char"
    pad_id = 0
    end_id = 1
    end_ids: tuple[int, ...] = (1,)
    prefix_ids: tuple[int, ...] = ()
    max_token_chars = 1
    specials = ("<|pad|>", "<|end|>")

    def __init__(self) -> None:
        chars = [UNKNOWN, "\n", *map(chr, range(32, 127)), *SIGNS]
        self.vocabulary: tuple[str, ...] = (*self.specials, *chars)
        """The text of every token, pad and end included, by id."""
        self.vocab_size = len(self.vocabulary)
        self.fingerprint = _fingerprint(
            {token: i for i, token in enumerate(self.vocabulary)}, self.end_ids, 0
        )
        first = len(self.specials)
        # Code points beyond the table are clipped to its last entry, which stays unknown.
        self._id_of = np.full(max(map(ord, SIGNS)) + 2, first, np.int32)
        self._code_of = np.zeros(self.vocab_size, np.uint32)
        for i, char in enumerate(chars):
            self._code_of[first + i] = ord(char)
            if char != UNKNOWN:
                self._id_of[ord(char)] = first + i

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._encode(text).tolist()
        return ids

    def decode(self, ids: Sequence[int] | NDArray[Any]) -> str:
        row = np.asarray(ids, np.int64).reshape(-1)
        codes = self._code_of[row[row >= len(self.specials)]]
        return codes.tobytes().decode("utf-32-le")

    def encode_batch(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        ids, lengths = self.encode_joined(texts)
        ends = lengths.cumsum().tolist()
        return [ids[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def encode_joined(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        return self._encode("".join(texts)), np.fromiter(map(len, texts), np.int64, len(texts))

    def decode_batch(self, ids: NDArray[Any], lengths: NDArray[Any]) -> list[str]:
        ids = np.asarray(ids)
        kept = (np.arange(ids.shape[1]) < np.asarray(lengths)[:, None]) & (ids >= len(self.specials))
        text = self._code_of[ids[kept]].tobytes().decode("utf-32-le")
        ends = kept.sum(axis=1).cumsum().tolist()
        return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]

    def save(self, folder: str | Path) -> None:
        pad, end = self.specials
        write_folder(Path(folder), self.backend(), {"pad_token": pad, "eos_token": end})

    def backend(self) -> tokenizers.Tokenizer:
        """Returns this tokenizer as an object of the ``tokenizers`` library."""
        vocabulary = {token: i for i, token in enumerate(self.vocabulary)}
        backend = tokenizers.Tokenizer(
            tokenizers.models.BPE(vocab=vocabulary, merges=[], unk_token=UNKNOWN, fuse_unk=False)
        )
        backend.decoder = tokenizers.decoders.Fuse()
        backend.add_special_tokens(
            [tokenizers.AddedToken(token, special=True, normalized=False) for token in self.specials]
        )
        backend.encode_special_tokens = True
        return backend

    def _encode(self, text: str) -> NDArray[np.int32]:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
        return self._id_of[np.minimum(codes, len(self._id_of) - 1)]

    def __repr__(self) -> str:
        return f"CharTokenizer(vocab_size={self.vocab_size})"


class HFTokenizer:
    """A fast tokenizer of Hugging Face: a ``transformers`` object, or a folder or file with tokenizer.json.

    The end token is the tokenizer's ``eos_token``; a generation_config.json beside it may name more. Without
    a pad token the end token pads: rows know their lengths, so nothing is ever read off the padding.
    """

    def __init__(self, tokenizer: Any, *, end_token: str | None = None, pad_token: str | None = None) -> None:
        """Reads the tokenizer; ``transformers`` is needed only where the caller gives its object.

        Args:
            tokenizer: object with a ``backend_tokenizer``, a ``tokenizers.Tokenizer``, or a path.
            end_token: text of the end-of-turn token, where it is not the tokenizer's ``eos_token``.
            pad_token: text of the pad token, likewise.

        Raises:
            TokenizerError: no tokenizer.json, a slow tokenizer, or one without an end token.
        """
        source = read_source(tokenizer)
        self.name = source.name
        self._config = source.config
        # A copy, because the caller's own object must keep reading special tokens in text.
        self._backend = tokenizers.Tokenizer.from_str(source.backend.to_str())
        self._backend.no_padding()
        self._backend.no_truncation()
        self._backend.encode_special_tokens = True
        vocabulary = self._backend.get_vocab(with_added_tokens=True)
        self.vocab_size = max(vocabulary.values()) + 1
        end_token = end_token or token_text(source.config.get("eos_token"))
        if end_token is None or end_token not in vocabulary:
            raise TokenizerError(
                f"tokenizer {self.name!r} has no end token (eos_token: {end_token!r}), which turns need. "
                f"Name one of its tokens: HFTokenizer({self.name!r}, end_token=...)."
            )
        pad_token = pad_token or token_text(source.config.get("pad_token"))
        self.end_id = vocabulary[end_token]
        self.pad_id = vocabulary.get(pad_token or end_token, self.end_id)
        self._config = {**source.config, "eos_token": end_token, "pad_token": pad_token or end_token}
        self.end_ids = tuple(dict.fromkeys((self.end_id, *source.more_end_ids)))
        self.prefix_ids = self._find_prefix()
        self.max_token_chars = max(map(len, vocabulary))
        self.fingerprint = _fingerprint(vocabulary, self.end_ids, self.pad_id)

    def encode(self, text: str) -> list[int]:
        ids: list[int] = self._backend.encode(_without_surrogates(text), add_special_tokens=False).ids
        return ids

    def decode(self, ids: Sequence[int] | NDArray[Any]) -> str:
        row = np.asarray(ids, np.int64).reshape(-1).tolist()
        text: str = self._backend.decode(row, skip_special_tokens=True)
        return text

    def encode_batch(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        plain = [_without_surrogates(text) for text in texts]
        encodings = self._backend.encode_batch_fast(plain, add_special_tokens=False)
        return [np.array(encoding.ids, np.int32) for encoding in encodings]

    def encode_joined(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        rows = self.encode_batch(texts)
        joined = np.concatenate(rows) if rows else np.zeros(0, np.int32)
        return joined, np.fromiter(map(len, rows), np.int64, len(rows))

    def decode_batch(self, ids: NDArray[Any], lengths: NDArray[Any]) -> list[str]:
        rows = [row[:length].tolist() for row, length in zip(ids, lengths, strict=True)]
        texts: list[str] = self._backend.decode_batch(rows, skip_special_tokens=True)
        return texts

    def save(self, folder: str | Path) -> None:
        write_folder(Path(folder), self._backend, self._config)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What lay beside the tokenizer: names of tokens, a chat template if there is one."""
        return self._config

    @property
    def added_tokens(self) -> dict[str, int]:
        """The tokens that stand outside the vocabulary proper, special ones above all, by their text."""
        return {token.content: i for i, token in self._backend.get_added_tokens_decoder().items()}

    def encode_rendered(self, texts: Sequence[str]) -> list[list[int]]:
        """Returns the ids of texts in which special tokens are what they say, as in ``transformers``."""
        reader = tokenizers.Tokenizer.from_str(self._backend.to_str())
        reader.encode_special_tokens = False
        plain = [_without_surrogates(text) for text in texts]
        return [encoding.ids for encoding in reader.encode_batch_fast(plain, add_special_tokens=False)]

    def with_special(self, tokens: Collection[str], end_token: str) -> HFTokenizer:
        """Returns a copy in which no text gives the added tokens ``tokens``, and ``end_token`` ends turns."""
        added = self._backend.get_added_tokens_decoder().values()
        common = {token.content for token in added if not token.special}.intersection(tokens)
        if not common and self._config["eos_token"] == end_token:
            return self
        content = json.loads(self._backend.to_str())
        for token in content["added_tokens"]:
            token["special"] = token["special"] or token["content"] in common
        copy = HFTokenizer(tokenizers.Tokenizer.from_str(json.dumps(content)), end_token=end_token)
        ends = (copy.end_id, *self.end_ids)
        copy.name, copy.pad_id, copy.end_ids = self.name, self.pad_id, tuple(dict.fromkeys(ends))
        copy._config = {**self._config, "eos_token": end_token}
        copy.fingerprint = _fingerprint(
            copy._backend.get_vocab(with_added_tokens=True), copy.end_ids, copy.pad_id
        )
        return copy

    def _find_prefix(self) -> tuple[int, ...]:
        bare = self._backend.encode("a", add_special_tokens=False).ids
        full = self._backend.encode("a", add_special_tokens=True).ids
        for start in range(len(full) - len(bare) + 1):
            if full[start : start + len(bare)] == bare:
                return tuple(full[:start])
        return ()

    def __repr__(self) -> str:
        return f"HFTokenizer({self.name!r}, vocab_size={self.vocab_size})"


def make_tokenizer(spec: object) -> TextTokenizer:
    """Returns the tokenizer that ``spec`` stands for.

    Args:
        spec: "char"; a path to a folder or file with tokenizer.json; a ``TextTokenizer``, returned as it is;
            a fast tokenizer of ``transformers`` or ``tokenizers``.

    Raises:
        UnknownNameError: a string that is neither "char" nor a path that exists.
        TokenizerError: something that can't be used as a tokenizer.
    """
    if isinstance(spec, TextTokenizer):
        return spec
    if spec == "char":
        return CharTokenizer()
    if isinstance(spec, str) and not Path(spec).exists():
        raise UnknownNameError("tokenizer (neither a name nor a path that exists)", spec, ["char"])
    return HFTokenizer(spec)


def train_tokenizer(texts: Iterable[str], vocab_size: int) -> HFTokenizer:
    """Returns a byte-level BPE tokenizer of ``vocab_size`` tokens, made of ``texts``.

    It holds a pad token, an end token, all 256 bytes, and the words and parts of words that occur most
    often; fewer where the texts have no more. So it encodes any text whatever and gives it back. Each digit
    is a token of its own. The same texts in the same order give the same tokenizer.

    Args:
        texts: what to learn from; conversations are cut at their marks, as they are when encoded.
        vocab_size: at least 258.

    Raises:
        InvalidValueError: ``vocab_size`` is too small, or no integer.
    """
    smallest = len(CharTokenizer.specials) + 256
    if isinstance(vocab_size, bool) or not isinstance(vocab_size, int) or vocab_size < smallest:
        raise InvalidValueError(
            f"vocab_size must be an integer of at least {smallest} (pad, end and every byte), "
            f"got {vocab_size!r}."
        )
    backend = tokenizers.Tokenizer(tokenizers.models.BPE())
    backend.pre_tokenizer = tokenizers.pre_tokenizers.Sequence([
        tokenizers.pre_tokenizers.Digits(individual_digits=True),
        tokenizers.pre_tokenizers.ByteLevel(add_prefix_space=False),
    ])  # fmt: skip
    backend.decoder = tokenizers.decoders.ByteLevel()
    trainer = tokenizers.trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=list(CharTokenizer.specials),
        initial_alphabet=tokenizers.pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    pieces = (_without_surrogates(part.content) for text in texts for part in cut_at_marks(text))
    backend.train_from_iterator(pieces, trainer)
    pad, end = CharTokenizer.specials
    return HFTokenizer(backend, end_token=end, pad_token=pad)


def _fingerprint(vocabulary: dict[str, int], end_ids: tuple[int, ...], pad_id: int) -> str:
    content = json.dumps([sorted(vocabulary.items()), end_ids, pad_id])
    return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()


def _without_surrogates(text: str) -> str:
    return re.sub("[\ud800-\udfff]", UNKNOWN, text)
