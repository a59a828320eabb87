"""Blocks of a page that are written by a program, between two comments, and the Markdown they are made of.

    <!-- facts: lmgym/Math-v0 -->
    ... rewritten as a whole ...
    <!-- end of facts -->

Comes in: the text of a page and a function that writes a block. Goes out: the text with its blocks written
anew. Left out: what stands in a block.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence

Writer = Callable[[str, str], str]
"""Takes what stands behind the colon, such as "lmgym/Math-v0", and the present block; returns the new one."""


def rewrite(page: str, writers: dict[str, Writer]) -> str:
    """Returns ``page`` with every block written anew by the writer of its kind ("facts", "options")."""
    for kind, write in writers.items():
        pattern = rf"(<!-- {kind}: (\S+) -->\n)(.*?)(<!-- end of {kind} -->)"

        def replace(found: re.Match[str], write: Writer = write) -> str:
            return f"{found[1]}\n{write(found[2], found[3].strip()).strip()}\n\n{found[4]}"

        page = re.sub(pattern, replace, page, flags=re.DOTALL)
    return page


def make_table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Returns a Markdown table; cells are Markdown without newlines."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


def make_listing(text: str) -> str:
    """Returns ``text`` as a block that shows it as it is, whatever it contains."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}text\n{text}\n{fence}"


def to_code(text: object) -> str:
    """Returns ``text`` as code inside a line, newlines written as escapes."""
    shown = str(text).replace("\n", "\\n")
    return f"`` {shown} ``" if "`" in shown else f"`{shown}`"


def to_sentence(text: str) -> str:
    """Returns a docstring's words as one line of Markdown: code in single backticks, no stray marks."""
    text = re.sub(r"\s+", " ", text).strip()
    pieces = re.split(r"(``.+?``|`.+?`)", text)
    for at, piece in enumerate(pieces):
        if at % 2:
            pieces[at] = to_code(piece.strip("`")) if "`" not in piece.strip("`") else piece
        else:
            pieces[at] = re.sub(r"([*_<\[\]])", r"\\\1", piece)
    return "".join(pieces)
