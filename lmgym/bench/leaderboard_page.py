"""Writes the leaderboard between the markers of a page: ``python -m lmgym.bench.leaderboard_page``.

    python -m lmgym.bench.leaderboard_page                              # docs/leaderboard.md, from a clone
    python -m lmgym.bench.leaderboard_page --check                      # 1 if the page has drifted
    python -m lmgym.bench.leaderboard_page --results mine.jsonl theirs.jsonl --page board.md

In: files of results, a page with the markers. Out: the page with the tables of every suite and hash, and how
the results were made. Text outside the markers stays.
"""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from lmgym.bench.leaderboard import escape_markdown, leaderboard_markdown
from lmgym.bench.result_record import Result
from lmgym.bench.results import merge_results, read_results
from lmgym.bench.scores import group_by_suite
from lmgym.bench.suites import load_suite, recorded_hash, suite_ids
from lmgym.errors import InvalidValueError

BEGIN, END = "<!-- leaderboard -->", "<!-- end of leaderboard -->"
_MAX_LISTED = 12


@dataclass(frozen=True, kw_only=True)
class Options:
    """Writes the leaderboard between the markers of a page."""

    results: Annotated[tuple[Path, ...], tyro.conf.arg(metavar="FILE...")] = ()
    """files of results, or folders with results.jsonl; none: every .jsonl in benchmarks/results"""
    page: Path = Path("docs/leaderboard.md")
    """with the two markers"""
    check: bool = False
    """write nothing; the exit code is 1 if the page would change"""


def render_leaderboards(results: Iterable[Result]) -> str:
    """Returns Markdown with a section for each packaged suite (and hash) that there are results of.

    Raises:
        UnknownNameError: results of a suite that does not come with lmgym.
    """
    parts = [_section(*key, group) for key, group in group_by_suite(results).items()]
    return "\n\n".join(parts) if parts else "No results yet."


def _section(suite_id: str, suite_hash: str, results: Sequence[Result]) -> str:
    suite = load_suite(suite_id)
    note = ""
    if suite_hash != recorded_hash(suite_id):
        note = "\n\nThese results are of other problems than the suite's, and can't be compared with its own."
    entries = ", ".join(f"{entry.name} (`{entry.env}`)" for entry in suite.entries)
    return (
        f"## {suite.id}\n\n{suite.summary} {len(suite.entries)} entries, {len(suite.seeds)} seeds. "
        f"Entries: {entries}. Hash `{suite_hash[:16]}`.{note}\n\n"
        f"{leaderboard_markdown(results, suite)}\n{_origin(results)}"
    )


def _origin(results: Sequence[Result]) -> str:
    """Returns how, where and when the results were made."""
    lines = ["How they were made:", ""]
    for what, values in (
        ("command", {_command(results)}),
        ("machine", {result.machine for result in results}),
        ("commit", {result.commit or "unknown" for result in results}),
        ("days", {result.date[:10] for result in results}),
    ):
        listed = [escape_markdown(value) for value in sorted(values)]
        more = [f"and {len(listed) - _MAX_LISTED} more"] if len(listed) > _MAX_LISTED else []
        lines.append(f"- {what}: {'; '.join(listed[:_MAX_LISTED] + more)}")
    return "\n".join(lines)


def _command(results: Sequence[Result]) -> str:
    """Returns one command that makes all of these results; each of them also holds its own."""
    agents = shlex.quote(",".join(sorted({result.agent.replace(",", "%2C") for result in results})))
    entries = {result.entry for result in results}
    is_whole = entries == {entry.name for entry in load_suite(results[0].suite).entries}
    only = "" if is_whole else f" --only {' '.join(sorted(entries))}"
    seeds = " ".join(map(str, sorted({result.seed for result in results})))
    wanted = f"--agents {agents}{only} --seed-list {seeds}"
    return f"lmgym bench --suite {results[0].suite} {wanted} --out runs/bench"


def fill_page(page: str, content: str) -> str:
    """Returns the page with ``content`` between its markers.

    Raises:
        InvalidValueError: a marker is missing, twice there, or they are in the wrong order.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(BEGIN) > page.index(END):
        raise InvalidValueError(
            f"the page must hold the markers {BEGIN} and {END}, once each and in this order."
        )
    before, rest = page.split(BEGIN)
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{rest.split(END)[1]}"


def find_results(options: Options) -> tuple[Result, ...]:
    """Returns the results that the options name, those of packaged suites, each job once."""
    paths = options.results or tuple(sorted(Path("benchmarks/results").glob("*.jsonl")))
    merged = merge_results(*(read_results(path) for path in paths), allow_other_hashes=True)
    return tuple(result for result in merged if result.suite in suite_ids())


def main(arguments: Sequence[str] | None = None) -> int:
    """Writes or checks the page and returns the exit code."""
    options = tyro.cli(Options, args=arguments, description=__doc__)
    before = options.page.read_text("utf-8")
    after = fill_page(before, render_leaderboards(find_results(options)))
    if options.check:
        print(f"{options.page} {'has drifted; run without --check' if after != before else 'is up to date'}")
        return int(after != before)
    if after != before:
        options.page.write_text(after, "utf-8")
    print(f"{options.page} {'written' if after != before else 'is up to date'}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
