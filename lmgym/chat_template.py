"""Conversations as tokens: a tokenizer that writes the marks of a conversation as its chat template does.

Comes in: text with the marks of ``lmgym.conversation``. Goes out: ids in which the template's special tokens
are real, and what anybody said is plain text: "<|im_end|>" typed by a user never ends a turn. Text without
marks is encoded as ever. Left out: how a template is cut into pieces (``lmgym.template_pieces``).
"""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lmgym.conversation import (
    AGENT,
    END,
    MARKS,
    ROLE_OF,
    Message,
    Part,
    Role,
    cut_at_marks,
    plain,
    write_conversation,
)
from lmgym.errors import TokenizerError
from lmgym.small_template import SMALL_TEMPLATE, small_pieces
from lmgym.template_pieces import Neighbour, cut_template, render
from lmgym.template_reading import read_row, stand_ins
from lmgym.template_tokens import (
    Piece,
    find_end_token,
    merge,
    protect,
    read_variables,
    specials_of,
    split_piece,
)
from lmgym.tokenization import HFTokenizer, TextTokenizer

_TRIALS = (
    (Message("user", "What is 2 + 2?"),),
    (Message("user", "Hello there"), Message("assistant", "Hi!\n\nYes?"), Message("user", " 12\n")),
    (
        Message("system", "Be brief."),
        Message("user", "\n\nWhy"),
        Message("assistant", "é."),
        Message("user", "So"),
    ),
)


class ChatTokenizer:
    """A tokenizer that knows a chat template; for text without marks it is the tokenizer that it wraps.

    A text that begins with ``END`` goes on behind an agent's turn: the end token, which the agent has
    written, is not repeated. Whoever decodes gets text without marks, whatever the ids.
    """

    prefix_ids: tuple[int, ...] = ()
    """None: what a row begins with is the template's business."""

    def __init__(self, tokenizer: TextTokenizer, template: str | None = None) -> None:
        """Cuts the template.

        Args:
            tokenizer: what to wrap.
            template: Jinja source, anybody's; default: the small template.

        Raises:
            TokenizerError: the template can't be cut into pieces, or its turns don't end with a token.
            MissingDependencyError: it is not the small template, and jinja2 is not installed.
        """
        self.template = SMALL_TEMPLATE if template is None else template
        variables = read_variables(tokenizer)
        is_small = self.template == SMALL_TEMPLATE
        if not (is_small or isinstance(tokenizer, HFTokenizer)):
            raise TokenizerError(f"{tokenizer!r} takes no chat template; only tokenizers of Hugging Face do.")
        pieces = small_pieces(variables["eos_token"]) if is_small else cut_template(self.template, variables)
        specials = specials_of(tokenizer)
        end_token = find_end_token(pieces, specials)
        self.inner = protect(tokenizer, [*pieces.between.values()], specials, end_token)
        self._pieces = {pair: split_piece(text, specials) for pair, text in pieces.between.items()}
        self._strips, self._refusal = pieces.strips, pieces.refusal
        self._stand_ins = stand_ins(self._pieces, self.inner.end_id)
        self._any_mark = re.compile(f"[{MARKS}]")
        self.name, self.vocab_size, self.pad_id = self.inner.name, self.inner.vocab_size, self.inner.pad_id
        self.end_id, self.end_ids = self.inner.end_id, self.inner.end_ids
        self.max_token_chars = self.inner.max_token_chars
        self.fingerprint = self._make_fingerprint()
        self.max_piece_tokens = max(len(self._encode_pieces(piece)) for piece in self._pieces.values())
        """The longest piece between two messages, or before the first."""
        if not is_small:
            self._check(variables)

    def encode(self, text: str) -> list[int]:
        if not self._any_mark.search(text):
            return self.inner.encode(text)
        return self._encode_pieces(self._write(text))

    def decode(self, ids: Sequence[int] | NDArray[Any]) -> str:
        return plain(self.inner.decode(ids))

    def encode_batch(self, texts: Sequence[str]) -> list[NDArray[np.int32]]:
        written = [self._write(text) if self._any_mark.search(text) else (text,) for text in texts]
        said = [part for pieces in written for part in pieces if isinstance(part, str)]
        rows = iter(self.inner.encode_batch(said))
        return [_join(next(rows) if isinstance(part, str) else part for part in pieces) for pieces in written]

    def encode_joined(self, texts: Sequence[str]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
        rows = self.encode_batch(texts)
        joined = np.concatenate(rows) if rows else np.zeros(0, np.int32)
        return joined, np.fromiter(map(len, rows), np.int64, len(rows))

    def decode_batch(self, ids: NDArray[Any], lengths: NDArray[Any]) -> list[str]:
        return [plain(text) for text in self.inner.decode_batch(ids, lengths)]

    def read(self, ids: Sequence[int] | NDArray[Any], *, is_continuation: bool = False) -> str:
        """Returns the text with marks that a row was made of, as far as it can be told.

        Args:
            ids: a row from its beginning; trailing pad tokens are nothing.
            is_continuation: True: ``ids`` begin in the agent's turn.
        """
        row = np.asarray(ids, np.int64).reshape(-1).tolist()
        spelt = ""
        for is_special, group in itertools.groupby(row, self._stand_ins.__contains__):
            tokens = list(group)
            spelt += "".join(self._stand_ins[i] for i in tokens) if is_special else self.decode(tokens)
        pieces = {
            pair: "".join(self._stand_ins[part] if isinstance(part, int) else part for part in piece)
            for pair, piece in self._pieces.items()
        }
        return read_row(spelt, pieces, self._stand_ins[self.end_id], is_continuation=is_continuation)

    def save(self, folder: str | Path) -> None:
        """Writes a folder whose ``apply_chat_template``, in ``transformers``, gives the same ids.

        Therefore ``transformers`` reads special tokens in texts that it encodes from there.
        """
        self.inner.save(folder)
        file = Path(folder) / "tokenizer_config.json"
        settings = json.loads(file.read_text("utf-8"))
        settings |= {"chat_template": self.template, "split_special_tokens": False}
        file.write_text(json.dumps(settings, indent=2, ensure_ascii=False) + "\n", "utf-8")

    def _write(self, text: str) -> Piece:
        """Returns ids of special tokens and stretches of text; neighbouring stretches are one."""
        out: list[int | str] = []
        parts = cut_at_marks(text)
        last: Neighbour = ""
        is_open = False  # whether a message has begun and not ended
        for place, (mark, content) in enumerate(parts):
            if mark in ROLE_OF:
                is_asked = mark == AGENT and place + 1 == len(parts)
                role: Neighbour = "reply" if is_asked else ROLE_OF[mark]
                skip_end = place == 1 and parts[0] == (END, "")
                out += self._between(last, role, skip_end=skip_end)
                content = content if is_asked else self._strip(content, ROLE_OF[mark])
                last, is_open = ROLE_OF[mark], True
            else:
                last, is_open = last or _guess_speaker(parts), mark != END
            out.append(content)
        if not is_open:
            out += self._between(last, "close", skip_end=len(parts) == 1)
        return merge(out)

    def _strip(self, content: str, role: Role) -> str:
        at_left, at_right = self._strips.get(role, (False, False))
        content = content.lstrip() if at_left else content
        return content.rstrip() if at_right else content

    def _between(self, last: Neighbour, following: Neighbour, *, skip_end: bool) -> Piece:
        piece = self._pieces.get((last, following))
        if piece is None and not last and following in ("assistant", "reply"):
            # The end of a longer conversation: as behind a message of the user's that is not there.
            piece, skip_end = self._pieces.get(("user", following)), True
        if piece is None:
            reason = f" ({self._refusal})" if self._refusal and "system" in (last, following) else ""
            raise TokenizerError(
                f"the chat template of {self.name!r} has no {_say(following)} behind {_say(last)}{reason}; "
                "use another tokenizer or other conversations."
            )
        if skip_end and self.end_id in piece:
            return piece[piece.index(self.end_id) + 1 :]
        return piece

    def _encode_pieces(self, pieces: Piece) -> list[int]:
        ids: list[int] = []
        for part in pieces:
            ids += self.inner.encode(part) if isinstance(part, str) else [part]
        return ids

    def _make_fingerprint(self) -> str:
        pieces = sorted((pair, list(piece)) for pair, piece in self._pieces.items())
        content = json.dumps([self.inner.fingerprint, pieces, sorted(self._strips.items())])
        return hashlib.blake2b(content.encode(), digest_size=6).hexdigest()

    def _check(self, variables: dict[str, str]) -> None:
        """Raises TokenizerError unless conversations get the ids that ``transformers`` gives them."""
        assert isinstance(self.inner, HFTokenizer), self.inner
        trials = [trial for trial in _TRIALS if not (self._refusal and trial[0].role == "system")]
        answers = render(self.template, variables, [(trial, True) for trial in trials])
        theirs = self.inner.encode_rendered([answer.get("text", "") for answer in answers])
        for trial, answer, ids in zip(trials, answers, theirs, strict=True):
            if "error" in answer or self.encode(write_conversation(trial)) != ids:
                raise TokenizerError(
                    f"the chat template of {self.name!r} can't be used turn by turn: of {trial!r} it makes "
                    f"{answer.get('text', answer.get('error'))!r}, which is not the sum of its pieces. Give "
                    "a tokenizer with a simpler template."
                )

    def __repr__(self) -> str:
        return f"ChatTokenizer({self.inner!r})"


def _guess_speaker(parts: Sequence[Part]) -> Role:
    """Returns who speaks where a text begins within a message, or with its end: whom the next one answers."""
    following = next((part.mark for part in parts if part.mark in ROLE_OF), "")
    return "user" if following == AGENT else "assistant"


def make_chat_tokenizer(tokenizer: TextTokenizer) -> ChatTokenizer:
    """Returns ``tokenizer`` with its own chat template, or with the small one if it has none.

    Raises:
        TokenizerError: its template can't be used turn by turn.
        MissingDependencyError: it has a template, and jinja2 is not installed.
    """
    if isinstance(tokenizer, ChatTokenizer):
        return tokenizer
    found = tokenizer.settings.get("chat_template") if isinstance(tokenizer, HFTokenizer) else None
    if isinstance(found, list):  # several, by name
        found = next((each.get("template") for each in found if each.get("name") == "default"), None)
    return ChatTokenizer(tokenizer, found if isinstance(found, str) else None)


def _join(parts: Iterable[int | NDArray[np.int32]]) -> NDArray[np.int32]:
    return np.concatenate(
        [np.zeros(0, np.int32), *(np.atleast_1d(np.asarray(part, np.int32)) for part in parts)]
    )


def _say(neighbour: Neighbour) -> str:
    names = {"": "the beginning", "reply": "request for a reply", "close": "end"}
    return names.get(neighbour, f"{neighbour} message")
