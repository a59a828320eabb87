"""Turns a lemma's binders into a ``forall``: ``(n : nat) : n = n`` says ``forall (n : nat), n = n``."""

from __future__ import annotations

import re

_BEGIN = re.compile(r"`?[({\[]|[^\W\d][\w']*")


def close_proposition(text: str) -> str | None:
    """Returns as one closed proposition what stands between a lemma's name and its dot; None: not readable.

    Implicit arguments become explicit ones: a proposition that nobody applies has none.
    """
    binders, rest = list[str](), text.lstrip()
    while not rest.startswith(":") or rest.startswith(":="):
        binder = _first_binder(rest)
        if binder is None:
            return None
        binders.append(_explicit(binder))
        rest = rest[len(binder) :].lstrip()
    proposition = rest[1:].strip()
    if not proposition:
        return None
    return f"forall {' '.join(binders)}, {proposition}" if binders else proposition


def _first_binder(text: str) -> str | None:
    """Returns the bracket or name with which ``text`` begins."""
    begin = _BEGIN.match(text)
    if begin is None or begin[0][-1] not in "({[":
        return begin[0] if begin else None
    depth = 0
    for end in range(begin.end() - 1, len(text)):
        depth += (text[end] in "({[") - (text[end] in ")}]")
        if not depth:
            return text[: end + 1]
    return None


def _explicit(binder: str) -> str:
    if binder[0] not in "{[":
        return binder
    inside = binder[1:-1].strip()
    return f"({inside})" if ":" in inside else inside
