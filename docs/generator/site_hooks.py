"""What the site has beside the pages: the changelog, and words in place of links that lead out of it.

Called by mkdocs (``hooks`` in mkdocs.yml). Comes in: pages as they stand in the repository, where they may
link to any of its files. Goes out: pages whose links stay inside the site.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath
from typing import Any

from mkdocs.exceptions import PluginError
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
        target = (ROOT / folder / link[2]).resolve()
        if not target.exists():
            raise PluginError(f"{page.file.src_uri} links to {link[2]}, which is not there.")
        return f"{link[1]} (`{target.relative_to(ROOT)}`)"

    return re.sub(r"\[([^\]]+)\]\(((?:\.\./)+[^)#\s]+)\)", name, markdown)
