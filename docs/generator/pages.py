"""The pages that have generated blocks, and what writes each kind of block."""

from __future__ import annotations

from pathlib import Path

from docs.generator.blocks import Writer, rewrite
from docs.generator.environments import write_facts
from docs.generator.options import write_options

DOCS = Path(__file__).resolve().parent.parent

WRITERS: dict[str, Writer] = {"facts": write_facts, "options": write_options}
"""What writes a block, by the word in its first comment."""


def find_pages() -> list[Path]:
    """Returns the pages with at least one generated block."""
    marks = tuple(f"<!-- {kind}: " for kind in WRITERS)
    pages = sorted(DOCS.rglob("*.md"))
    return [page for page in pages if any(mark in page.read_text("utf-8") for mark in marks)]


def write_page(text: str) -> str:
    """Returns the page with all its blocks written anew."""
    return rewrite(text, WRITERS)
