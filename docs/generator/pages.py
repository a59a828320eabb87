"""The pages that have generated blocks, and what writes each kind of block."""

from __future__ import annotations

import re
from pathlib import Path

from docs.generator.blocks import Writer, make_table, rewrite
from docs.generator.environments import write_facts
from docs.generator.options import write_options
from lmgym.registration import TABLE

DOCS = Path(__file__).resolve().parent.parent

WRITERS: dict[str, Writer] = {
    "facts": write_facts,
    "options": write_options,
    "index": lambda *_: write_index(),
}
"""What writes a block, by the word in its first comment."""


def write_index() -> str:
    """Returns the table of all environments with links to their pages."""
    pages = {}
    for page in (DOCS / "environments").glob("*.md"):
        pages |= {
            env_id: page.name for env_id in re.findall(r"<!-- facts: (\S+) -->", page.read_text("utf-8"))
        }
    rows = [
        (f"[{entry.id}](environments/{pages[entry.id]})", entry.summary, entry.success)
        for entry in sorted(TABLE, key=lambda entry: entry.id)
    ]
    return make_table(("id", "what it is", "success"), rows)


def find_pages() -> list[Path]:
    """Returns the pages with at least one generated block."""
    marks = tuple(f"<!-- {kind}: " for kind in WRITERS)
    pages = sorted(DOCS.rglob("*.md"))
    return [page for page in pages if any(mark in page.read_text("utf-8") for mark in marks)]


def write_page(text: str) -> str:
    """Returns the page with all its blocks written anew."""
    return rewrite(text, WRITERS)
