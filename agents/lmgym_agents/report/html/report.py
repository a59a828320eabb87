"""``make_report``: from a folder to the text of one HTML page.

In: the folder of a benchmark, of a run, or of several. Out: the page and what is in it, in numbers. Left
out: writing the file (``commands.report``).
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from lmgym.errors import InvalidValueError
from lmgym_agents.report.html.bench_figures import bench_figures
from lmgym_agents.report.html.bench_results import describe_part, gather_bench
from lmgym_agents.report.html.folder import Folder, LeftOut
from lmgym_agents.report.html.page import CHUNK, make_page
from lmgym_agents.report.html.runs import gather_runs, summarise_run
from lmgym_agents.report.html.transcripts import Transcripts, gather_transcripts, to_plain
from lmgym_agents.report.html.trees import gather_trees

MAX_TRANSCRIPTS = 2000


class Report(NamedTuple):
    """A page, and what it shows."""

    html: str
    num_results: int
    num_runs: int
    num_transcripts: int
    """In the folder."""
    num_shown: int
    """Of them, in the page."""
    num_trees: int
    left_out: list[dict[str, str]]
    """What was damaged or too large, and why it is not in the page."""


def make_report(folder: Path, *, title: str | None = None, max_transcripts: int = MAX_TRANSCRIPTS) -> Report:
    """Returns the page of all that is below a folder; the same for the same files, byte for byte.

    Args:
        folder: of `lmgym bench`, of a run, or one that holds several of them.
        title: of the page; default: the folder's name.
        max_transcripts: how many transcripts the page holds at most; of more a part is chosen, and the page
            says how.

    Raises:
        InvalidValueError: there is no such folder, or a negative number of transcripts.
        MissingDependencyError: Plotly is not installed.
    """
    if max_transcripts < 0:
        raise InvalidValueError(f"max_transcripts must be at least 0, got {max_transcripts}.")
    if not folder.is_dir():
        raise InvalidValueError(f"there is no folder {str(folder)!r}; give that of a bench or of a run.")
    left_out = LeftOut()
    files = Folder(folder, left_out)
    parts = gather_bench(files)
    runs = gather_runs(files)
    transcripts = gather_transcripts(files, max_transcripts=max_transcripts)
    trees = gather_trees(files)
    figures = {"bench": [bench_figures(part) for part in parts]}
    data = {
        "bench": [describe_part(part) for part in parts],
        "runs": [summarise_run(run) for run in runs],
        "transcripts": to_plain(transcripts),
        "index": _index(transcripts),
        "chunk": CHUNK,
        "trees": len(trees),
        "tree_names": [tree["name"] for tree in trees],
        "left_out": left_out.to_list(),
    }
    page = make_page(
        title if title is not None else f"Report: {folder.resolve().name}", data,
        figures=figures, runs=runs, trees=trees,
        transcripts=[_without_index(shown) for shown in transcripts.shown],
    )  # fmt: skip
    return Report(
        page, sum(len(part.results) for part in parts), len(runs), transcripts.total,
        len(transcripts.shown), len(trees), left_out.to_list(),
    )  # fmt: skip


_INDEXED = ("source", "problem", "success", "num_tokens", "surprise", "reward", "why")


def _index(transcripts: Transcripts) -> list[list[Any]]:
    """Returns what the page filters and sorts by, a row for each transcript, before it reads any of them."""
    return [[shown[name] for name in _INDEXED] for shown in transcripts.shown]


def _without_index(shown: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in shown.items() if name not in _INDEXED}
