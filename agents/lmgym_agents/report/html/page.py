"""The page: one HTML file with its data, its program and its looks in it, that asks the network for nothing.

In: what was gathered. Out: the text of the file. Left out: gathering.

What models and other people wrote goes into the page in two ways alone: as JSON in blocks that no browser
runs, in which ``<``, ``>`` and ``&`` are spelt as escapes; and through ``html.escape``. Which scripts may run
is said by their hashes in the page's Content-Security-Policy, so a script from anywhere else would not.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources
from typing import Any, Final

from lmgym.errors import MissingDependencyError
from lmgym_agents.report.visible_text import visible_text

SCRIPTS: Final = (
    "base.js", "figures.js", "overview.js", "environments.js", "runs.js", "tokens.js", "transcripts.js",
    "compare.js", "main.js",
)  # fmt: skip
CHUNK: Final = 50
"""Transcripts in one block of data, which is read when it is needed."""
_ESCAPES: Final = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"})


def make_page(
    title: str,
    data: Mapping[str, Any],
    *,
    figures: Mapping[str, Any],
    runs: Sequence[Mapping[str, Any]],
    transcripts: Sequence[Mapping[str, Any]],
    trees: Sequence[Mapping[str, str]],
) -> str:
    """Returns the HTML file.

    Args:
        title: of the page; any text.
        data: what the page's program knows from the start.
        figures: by name, read when they are looked at, as is all that follows.
        runs: with their curves.
        transcripts: the chosen episodes, in the order of ``data["index"]``.
        trees: name and data URI of each.

    Raises:
        MissingDependencyError: Plotly is not installed.
    """
    program = "(() => {\n'use strict';\n" + "\n".join(map(_asset, SCRIPTS)) + "\n})();\n"
    plotly = _plotly()
    blocks = [make_block("data", data), make_block("figures", figures)]
    blocks += [
        make_block(f"transcripts-{place // CHUNK}", transcripts[place : place + CHUNK])
        for place in range(0, len(transcripts), CHUNK)
    ]
    blocks += [make_block(f"run-{place}", run) for place, run in enumerate(runs)]
    blocks += [make_block(f"tree-{place}", tree) for place, tree in enumerate(trees)]
    parts = {
        "policy": make_policy([program, plotly]),
        "title": html.escape(visible_text(title, max_chars=200)),
        "style": _asset("page.css"),
        "data": "\n".join(blocks),
        "program": program,
        "plotly": plotly,
    }
    return re.sub(r"\{\{ (\w+) \}\}", lambda found: parts[found[1]], _asset("page.html"))


def make_block(name: str, value: object) -> str:
    """Returns a block of data; whatever it holds, the block ends where it should and nothing in it runs."""
    text = json.dumps(value, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return f'<script type="application/json" id="{name}">{text.translate(_ESCAPES)}</script>'


def make_policy(scripts: Sequence[str]) -> str:
    """Returns a Content-Security-Policy: these scripts, inline styles, pictures in the page, no network."""
    hashes = " ".join(f"'sha256-{_hash(script)}'" for script in scripts)
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data: blob:; "
        "connect-src 'none'; base-uri 'none'; form-action 'none'"
    )


def _hash(script: str) -> str:
    return base64.b64encode(hashlib.sha256(script.encode()).digest()).decode("ascii")


def _asset(name: str) -> str:
    return resources.files("lmgym_agents.report.html").joinpath("assets", name).read_text("utf-8")


def _plotly() -> str:
    """Returns the program of Plotly, which comes with its Python package."""
    try:
        from plotly.offline import get_plotlyjs  # takes half a second, and few commands need it
    except ImportError as error:
        raise MissingDependencyError(
            '`lmgym report` draws with plotly, which is not installed: pip install "lmgym[agents]"'
        ) from error
    program: str = get_plotlyjs()
    # A carriage return is read by browsers as a newline, and the hash would not fit.
    program = program.replace("\r\n", "\n").replace("\r", "\n")
    if re.search(r"<(?:/script|script|!--)", program, re.IGNORECASE):
        program = re.sub(r"<(?=/script|script|!--)", r"\\x3c", program, flags=re.IGNORECASE)
    return program
