"""``lmgym report``: one HTML page of a benchmark's or a run's folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro
from rich.console import Console

from lmgym.errors import InvalidValueError
from lmgym_agents.report.html.report import MAX_TRANSCRIPTS, Report, make_report
from lmgym_agents.report.visible_text import visible_text
from lmgym_agents.runs.durable_files import write_atomically


@dataclass(frozen=True, kw_only=True)
class ReportConfig:
    """Makes one HTML page of a folder: leaderboard, figures, runs, transcripts with heat maps, search trees.

    The folder is that of `lmgym bench`, of a run of `lmgym train`, `rlhf` or `search`, or one that holds
    several of them. The page is one file, which asks the network for nothing.
    """

    folder: Annotated[Path, tyro.conf.Positional]
    """what to show"""
    out: Path | None = None
    """file to write; none: report.html in the folder"""
    title: str | None = None
    """of the page; none: the folder's name"""
    max_transcripts: int = MAX_TRANSCRIPTS
    """transcripts in the page at most; of more a part is chosen, and the page says how"""

    def __post_init__(self) -> None:
        if self.max_transcripts < 0:
            raise InvalidValueError(f"--max-transcripts is {self.max_transcripts}; allowed: integers from 0.")


def run_report(config: ReportConfig) -> int:
    """Runs ``lmgym report``; returns the exit code.

    Raises:
        LmgymError: there is no such folder, nothing in it to show, or Plotly is not installed.
    """
    report = make_report(config.folder, title=config.title, max_transcripts=config.max_transcripts)
    if not any(
        (report.num_results, report.num_runs, report.num_transcripts, report.num_trees, report.left_out)
    ):
        raise InvalidValueError(
            f"there is nothing to show in '{config.folder}': no results of `lmgym bench` (they come with the "
            "first job that is done), no run of `lmgym train`, no *.tokens.jsonl, no search trees."
        )
    out = config.out or config.folder / "report.html"
    data = report.html.encode()
    write_atomically(out.absolute(), data)
    console = Console(highlight=False, markup=False, emoji=False)
    for line in _describe(report, len(data)):
        console.print(line, soft_wrap=True)
    console.print(f"Written: {out}", soft_wrap=True)
    return 0


def _describe(report: Report, num_bytes: int) -> list[str]:
    shown = f", {report.num_shown:,} of them shown" if report.num_shown < report.num_transcripts else ""
    lines = [
        f"{report.num_results:,} results, {report.num_runs:,} runs, {report.num_transcripts:,} transcripts"
        f"{shown}, {report.num_trees:,} search trees; {num_bytes / 1e6:.1f} MB"
    ]
    if report.left_out:
        lines.append(f"Left out, as the page says: {len(report.left_out)} things, such as")
        items = [f"{item['what']}: {item['why']}" for item in report.left_out[:5]]
        lines += [f"  {visible_text(item, max_chars=300)}" for item in items]
    return lines
