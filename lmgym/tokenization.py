"""Text to token ids and back: a character tokenizer of our own, and any fast tokenizer of Hugging Face.

Comes in: text. Goes out: ids without any special token added, and text without pad and end tokens. Text is
always plain text: "<|end|>" typed into a prompt is seven characters, never the end token. Left out: chat
templates, models.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import numpy as np
import tokenizers
from numpy.typing import NDArray

from lmgym.errors import InvalidValueError, TokenizerError, UnknownNameError

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
        _write_folder(Path(folder), self.backend(), {"pad_token": pad, "eos_token": end})

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
        source = _read_source(tokenizer)
        self.name = source.name
        self._config = source.config
        # A copy, because the caller's own object must keep reading special tokens in text.
        self._backend = tokenizers.Tokenizer.from_str(source.backend.to_str())
        self._backend.no_padding()
        self._backend.no_truncation()
        self._backend.encode_special_tokens = True
        vocabulary = self._backend.get_vocab(with_added_tokens=True)
        self.vocab_size = max(vocabulary.values()) + 1
        end_token = end_token or _token_text(source.config.get("eos_token"))
        if end_token is None or end_token not in vocabulary:
            raise TokenizerError(
                f"tokenizer {self.name!r} has no end token (eos_token: {end_token!r}), which turns need. "
                f"Name one of its tokens: HFTokenizer({self.name!r}, end_token=...)."
            )
        pad_token = pad_token or _token_text(source.config.get("pad_token"))
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
        _write_folder(Path(folder), self._backend, self._config)

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


class _Source(NamedTuple):
    """A tokenizer as found."""

    name: str
    backend: tokenizers.Tokenizer
    config: dict[str, Any]
    more_end_ids: tuple[int, ...] = ()


def _read_source(tokenizer: Any) -> _Source:
    if isinstance(tokenizer, tokenizers.Tokenizer):
        return _Source("tokenizers", tokenizer, {})
    if isinstance(tokenizer, str | Path):
        return _read_folder(Path(tokenizer))
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if not isinstance(backend, tokenizers.Tokenizer):
        raise TokenizerError(
            f"{type(tokenizer).__name__} is not a fast tokenizer; give 'char', a folder with tokenizer.json, "
            "or a fast tokenizer of transformers (one that has .backend_tokenizer)."
        )
    names = ("eos_token", "pad_token", "bos_token", "unk_token", "chat_template")
    config = {name: getattr(tokenizer, name, None) for name in names}
    kept = {name: value for name, value in config.items() if isinstance(value, str)}
    return _Source(str(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__), backend, kept)


def _read_folder(path: Path) -> _Source:
    folder = path if path.is_dir() else path.parent
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise TokenizerError(
            f"no tokenizer.json at {path}; save a fast tokenizer there with save_pretrained, or use "
            "tokenizer='char'."
        )
    try:
        backend = tokenizers.Tokenizer.from_file(str(file))
    except Exception as error:  # the backend raises bare Exception for whatever it can't read
        raise TokenizerError(f"{file} can't be read by the tokenizers library: {error}") from error
    config = _read_json(folder / "special_tokens_map.json") | _read_json(folder / "tokenizer_config.json")
    more = _read_json(folder / "generation_config.json").get("eos_token_id")
    more_end_ids = tuple(more) if isinstance(more, list) else (more,) if isinstance(more, int) else ()
    return _Source(str(path), backend, config, tuple(i for i in more_end_ids if backend.id_to_token(i)))


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise TokenizerError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise TokenizerError(f"{path} must hold a JSON object, got {type(content).__name__}.")
    return content


def _write_folder(folder: Path, backend: tokenizers.Tokenizer, config: dict[str, Any]) -> None:
    if folder.exists() and not folder.is_dir():
        raise InvalidValueError(f"{folder} is a file; give a folder to save the tokenizer in.")
    folder.mkdir(parents=True, exist_ok=True)
    backend.save(str(folder / "tokenizer.json"))
    fixed = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    # Without this, transformers would read "<|end|>" in a text as the end token.
    settings = {**config, **fixed, "split_special_tokens": True}
    (folder / "tokenizer_config.json").write_text(
        json.dumps(settings, indent=2, ensure_ascii=False) + "\n", "utf-8"
    )


def _token_text(token: Any) -> str | None:
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None


def _fingerprint(vocabulary: dict[str, int], end_ids: tuple[int, ...], pad_id: int) -> str:
    content = json.dumps([sorted(vocabulary.items()), end_ids, pad_id])
    return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()


def _without_surrogates(text: str) -> str:
    return re.sub("[\ud800-\udfff]", UNKNOWN, text)
