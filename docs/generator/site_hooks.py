"""What the site has beside the pages: the changelog, words for links that lead out, search without a server.

Called by mkdocs (``hooks`` in mkdocs.yml). Comes in: pages as they stand in the repository, where they may
link to any of its files. Goes out: pages whose links stay inside the site.
"""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[2]


def on_files(files: Files, config: Any) -> Files:
    """Adds the changelog, which stands above docs/."""
    files.append(File.generated(config, "changelog.md", abs_src_path=str(ROOT / "CHANGELOG.md")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Turns links to files of the repository outside docs/ into their names."""
    folder = PurePosixPath("docs") / PurePosixPath(page.file.src_uri).parent
    levels = len(folder.parts)

    def name(link: re.Match[str]) -> str:
        if link[2].count("../") < levels:
            return link[0]
        target = Path(os.path.normpath(ROOT / folder / link[2]))
        if not target.exists():
            raise PluginError(f"{page.file.src_uri} links to {link[2]}, which is not there.")
        return f"{link[1]} (`{target.relative_to(ROOT)}`)"

    return re.sub(r"\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+)\)", name, markdown)


def on_page_content(html: str, **_: Any) -> str:
    """Drops the second colon with which docstrings announce a block of code."""
    return re.sub(r":?:</p>(?=\s*<div class=\"[^\"]*highlight)", ":</p>", html).replace("<p>:</p>", "")


@event_priority(-100)  # behind the search, which writes the index
def on_post_build(config: Any, **_: Any) -> None:
    """Writes the search index as a script too: pages opened from a folder may not read a JSON file."""
    index = Path(config.site_dir, "search", "search_index.json")
    index.with_suffix(".js").write_text(f"var __index = {index.read_text('utf-8')};\n", "utf-8")
