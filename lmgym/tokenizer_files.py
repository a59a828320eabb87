"""Tokenizers as they are found and kept: objects of transformers and tokenizers, folders, files.

Comes in: whatever a caller names as a tokenizer. Goes out: its backend, its settings, and folders that
``transformers.AutoTokenizer`` loads. Left out: what is done with them (``lmgym.tokenization``).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, NamedTuple

import tokenizers

from lmgym.errors import InvalidValueError, TokenizerError

TEMPLATE_FILE = "chat_template.jinja"
MAX_FILE_BYTES = 32 << 20
"""Of a file of settings, or of a chat template."""
"""Where transformers keeps a chat template; it goes before the one in tokenizer_config.json."""


class Source(NamedTuple):
    """A tokenizer as found."""

    name: str
    backend: tokenizers.Tokenizer
    config: dict[str, Any]
    more_end_ids: tuple[int, ...] = ()


def read_source(tokenizer: Any) -> Source:
    """Returns what ``tokenizer``, an object or a path, is made of.

    Raises:
        TokenizerError: it is no fast tokenizer, or its files can't be read.
    """
    if isinstance(tokenizer, tokenizers.Tokenizer):
        return Source("tokenizers", tokenizer, {})
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
    return Source(str(getattr(tokenizer, "name_or_path", "") or type(tokenizer).__name__), backend, kept)


def _read_folder(path: Path) -> Source:
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
    if (folder / TEMPLATE_FILE).is_file():
        config["chat_template"] = _read_bytes(folder / TEMPLATE_FILE).decode("utf-8", "replace")
    more = _read_json(folder / "generation_config.json").get("eos_token_id")
    more_end_ids = tuple(more) if isinstance(more, list) else (more,) if isinstance(more, int) else ()
    return Source(str(path), backend, config, tuple(i for i in more_end_ids if backend.id_to_token(i)))


def _read_json(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    data = _read_bytes(path)
    try:
        content = json.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise TokenizerError(f"{path} is not valid JSON: {error}") from error
    if not isinstance(content, dict):
        raise TokenizerError(f"{path} must hold a JSON object, got {type(content).__name__}.")
    return content


def _read_bytes(path: Path) -> bytes:
    """Returns what the file of an untrusted folder holds, in bounded memory."""
    if path.stat().st_size > MAX_FILE_BYTES:
        raise TokenizerError(f"{path} is larger than {MAX_FILE_BYTES} bytes, too large to be a tokenizer's.")
    return path.read_bytes()


def write_folder(folder: Path, backend: tokenizers.Tokenizer, config: dict[str, Any]) -> None:
    """Writes tokenizer.json and tokenizer_config.json, which hold ``backend`` and the settings ``config``.

    Unless ``config`` says otherwise, transformers will read special tokens in a text as plain text.

    Raises:
        InvalidValueError: ``folder`` is a file.
    """
    if folder.exists() and not folder.is_dir():
        raise InvalidValueError(f"{folder} is a file; give a folder to save the tokenizer in.")
    folder.mkdir(parents=True, exist_ok=True)
    backend.save(str(folder / "tokenizer.json"))
    fixed = {"tokenizer_class": "PreTrainedTokenizerFast", "clean_up_tokenization_spaces": False}
    # Without the first, transformers would read "<|end|>" in a text as the end token.
    settings = {"split_special_tokens": True, **config, **fixed}
    (folder / "tokenizer_config.json").write_text(
        json.dumps(settings, indent=2, ensure_ascii=False) + "\n", "utf-8"
    )


def token_text(token: Any) -> str | None:
    """Returns the text of a token as settings name it, a string or an object; None where there is none."""
    content = token.get("content") if isinstance(token, dict) else token
    return content if isinstance(content, str) else None
