"""Rewrites the generated blocks of the pages: ``python -m docs.generator``, from the top of a clone.

With names of pages, such as ``docs/environments/math.md``, these alone; with ``--check`` nothing is written
and the exit code is 1 if a page has drifted.
"""

from __future__ import annotations

import sys
from pathlib import Path

from docs.generator.pages import find_pages, write_page


def main(arguments: list[str]) -> int:
    """Rewrites pages and returns the exit code."""
    is_check = "--check" in arguments
    chosen = [Path(name).resolve() for name in arguments if name != "--check"]
    drifted = []
    for page in chosen or find_pages():
        before = page.read_text("utf-8")
        after = write_page(before)
        if after != before:
            drifted.append(page.name)
            if not is_check:
                page.write_text(after, "utf-8")
    print(("drifted: " if is_check else "rewritten: ") + (", ".join(drifted) or "none"))
    return int(is_check and bool(drifted))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
