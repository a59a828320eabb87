"""Search trees as pictures: SVG files below a folder, as data URIs for <img>, in which nothing of them runs.

In: a folder. Out: name and data URI of each picture. Left out: drawing trees (``report.tree_picture``).
"""

from __future__ import annotations

import base64
from typing import Final

from lmgym_agents.report.html.folder import Folder

MAX_TREES: Final = 60
MAX_TREE_BYTES: Final = 2_000_000
MAX_TOTAL_BYTES: Final = 20_000_000


def gather_trees(folder: Folder) -> list[dict[str, str]]:
    """Returns the pictures in the order of their paths, as many and as large as a page can bear."""
    found: list[dict[str, str]] = []
    room = MAX_TOTAL_BYTES
    for name in folder.files:
        if not name.endswith(".svg"):
            continue
        data = folder.read_bytes(name, MAX_TREE_BYTES)
        if data is None:
            continue
        if b"<svg" not in data[:4096]:
            folder.left_out.add(name, "holds no picture")
        elif len(found) >= MAX_TREES or len(data) > room:
            folder.left_out.add(name, f"more than {MAX_TREES} pictures, or {MAX_TOTAL_BYTES:,} bytes of them")
        else:
            room -= len(data)
            uri = "data:image/svg+xml;base64," + base64.b64encode(data).decode("ascii")
            found.append({"name": name.removesuffix(".svg"), "uri": uri})
    return found
