"""Tokenizers of reward models: wrapped for conversations, with padding that no row ends in.

Left out: what a token is (``lmgym.tokenization``), chat templates (``lmgym.chat_template``).
"""

from __future__ import annotations

import json
from pathlib import Path

import tokenizers

from lmgym.tokenization import TextTokenizer


def pad_id_of(tokenizer: TextTokenizer) -> int:
    """Returns the id that pads rows: the tokenizer's own unless that is the end token, which rows end in."""
    if tokenizer.pad_id != tokenizer.end_id:
        return tokenizer.pad_id
    return 0 if tokenizer.end_id else 1


def save_tokenizer(tokenizer: TextTokenizer, folder: Path) -> None:
    """Writes the tokenizer, with the pad token of ``pad_id_of`` as its own."""
    tokenizer.save(folder)
    if tokenizer.pad_id == tokenizer.end_id:
        backend = tokenizers.Tokenizer.from_file(str(folder / "tokenizer.json"))
        path = folder / "tokenizer_config.json"
        settings = json.loads(path.read_text("utf-8"))
        settings["pad_token"] = backend.id_to_token(pad_id_of(tokenizer))
        path.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", "utf-8")
