"""One line of a token file as an episode: checked, cut to a size that can be shown.

In: a JSON object from anybody. Out: ``Episode``. Left out: files, and the choice of episodes.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

QUANTITIES: Final = ("logp", "entropy", "value", "q", "advantage", "reward", "kl")
"""What a heat map can show, besides the terms of the reward."""
MAX_TOKENS: Final = 4096
MAX_TOKEN_CHARS: Final = 200
MAX_PROMPT_CHARS: Final = 20_000
MAX_TERMS: Final = 24


class BadEpisodeError(ValueError):
    """A line of a token file is no episode; the message says why."""


class Episode(NamedTuple):
    """What is known of an episode before its tokens are read."""

    env: str
    split: str
    options: str
    """Of the environment, as the file tells them; problems of other options are other problems."""
    problem: str
    """Its index in the split."""
    label: str
    success: bool | None
    """None: the reward or the verifier failed."""
    num_tokens: int
    surprise: float | None
    reward: float | None


def read_episode(record: Mapping[str, Any]) -> Episode:
    """Returns what a record says of its episode as a whole.

    Raises:
        BadEpisodeError: a field is missing or of another type.
    """
    tokens = record.get("tokens")
    if not isinstance(tokens, list):
        raise BadEpisodeError("tokens is no list")
    success = record.get("success")
    if not isinstance(success, bool):
        raise BadEpisodeError("success is neither true nor false")
    index = record.get("problem_index")
    if isinstance(index, bool) or not isinstance(index, int | str):
        raise BadEpisodeError("problem_index is no integer")
    return Episode(
        env=_text(record, "env"),
        split=_text(record, "split"),
        options=_text(record, "options"),
        problem=str(index)[:40],
        label=_text(record, "label"),
        success=None if record.get("failed") is True else success,
        num_tokens=_count(record.get("num_tokens"), len(tokens)),
        surprise=_number(record.get("surprise")),
        reward=_number(record.get("reward_total")),
    )


def read_tokens(record: Mapping[str, Any]) -> dict[str, Any]:
    """Returns what is shown of a record's tokens: texts and columns of numbers, plain values.

    Raises:
        BadEpisodeError: lists of different lengths, or something else than texts and numbers in them.
    """
    tokens = record["tokens"]
    if not all(isinstance(token, str) for token in tokens):
        raise BadEpisodeError("tokens holds something else than texts")
    size = len(tokens)
    shown: dict[str, Any] = {
        "prompt": _cut(_text(record, "prompt", MAX_PROMPT_CHARS + 1), MAX_PROMPT_CHARS),
        "tokens": [_cut(token, MAX_TOKEN_CHARS) for token in tokens[:MAX_TOKENS]],
        "acts": _acts(record.get("is_action"), size),
        "score": _number(record.get("score")),
        "stopped": record.get("stopped") is True,
        "terminated": record.get("terminated") is not False,
        "advantage": str(record.get("advantage_kind", ""))[:20],
    }
    columns = {name: _column(record.get(name), size, name) for name in QUANTITIES}
    shown["of"] = {name: column for name, column in columns.items() if column is not None}
    terms = record.get("terms")
    if isinstance(terms, dict):
        for name, values in list(terms.items())[:MAX_TERMS]:
            column = _column(values, size, "terms")
            if column is not None:
                shown["of"]["term: " + _cut(str(name), 60)] = column
    return shown


def _text(record: Mapping[str, Any], name: str, limit: int = 400) -> str:
    value = record.get(name, "")
    if not isinstance(value, str):
        raise BadEpisodeError(f"{name} is no text")
    return value[:limit]


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _count(value: object, smallest: int) -> int:
    return value if type(value) is int and smallest <= value < 2**53 else smallest


def _number(value: object) -> float | None:
    """Returns four digits of a finite number, None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return float(f"{number:.4g}") if math.isfinite(number) else None


def _acts(value: object, size: int) -> str:
    if not isinstance(value, list) or len(value) != size:
        raise BadEpisodeError("is_action is not as long as tokens")
    return "".join("1" if act is True else "0" for act in value[:MAX_TOKENS])


def _column(value: object, size: int, name: str) -> list[float | None] | None:
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != size:
        raise BadEpisodeError(f"{name} is not as long as tokens")
    column = [_number(item) for item in value[:MAX_TOKENS]]
    return column if any(number is not None for number in column) else None
