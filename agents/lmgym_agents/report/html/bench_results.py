"""The results of a benchmark below a folder: read line by line, compared suite by suite.

In: a folder. Out: a ``BenchPart`` for each suite and hash, with everything its pages show. Left out: figures
(``bench_figures``) and how the numbers come about (``lmgym.bench``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from lmgym.bench.comparison import improvements
from lmgym.bench.leaderboard import LeaderboardRow, leaderboard_rows
from lmgym.bench.result_record import Result, parse_result
from lmgym.bench.results import merge_results
from lmgym.bench.scores import ScoreTable, group_by_suite, score_table
from lmgym.bench.statistics import Estimate
from lmgym.bench.suites import Entry, Suite, load_suite, parse_suite
from lmgym.errors import LmgymError
from lmgym_agents.report.html.folder import Folder, say_lines

MAX_RESULTS: Final = 20_000
MAX_AGENTS: Final = 40
"""Compared on a page; of more the first by name."""


@dataclass(frozen=True, kw_only=True)
class BenchPart:
    """The results of one suite and hash, compared."""

    suite: Suite
    suite_hash: str
    results: tuple[Result, ...]
    table: ScoreTable
    rows: tuple[LeaderboardRow, ...]
    """The leaderboard, the best agent first."""
    improvement: Mapping[tuple[str, str], Estimate]


def gather_bench(folder: Folder) -> list[BenchPart]:
    """Returns the benchmarks of a folder; what is damaged or can't be compared is noted and left out."""
    results = _read_results(folder)
    described = _own_suites(folder)
    parts = []
    for (name, suite_hash), group in group_by_suite(results).items():
        what = f"results of {name} ({suite_hash[:12]})"
        try:
            parts.append(_compare(folder, group, _suite_of(group, described)))
        except LmgymError as error:
            folder.left_out.add(what, str(error))
    return parts


def _compare(folder: Folder, results: tuple[Result, ...], suite: Suite) -> BenchPart:
    known = {entry.name for entry in suite.entries}
    kept = tuple(result for result in results if result.entry in known)
    if len(kept) < len(results):
        folder.left_out.add(f"{len(results) - len(kept)} results", f"{suite.id} has no entry of their name")
    agents = sorted({result.agent for result in kept})
    for agent in agents[MAX_AGENTS:]:
        folder.left_out.add(f"agent {agent}", f"more than {MAX_AGENTS} agents")
    kept = tuple(result for result in kept if result.agent in set(agents[:MAX_AGENTS]))
    table = score_table(kept, suite)
    return BenchPart(
        suite=suite,
        suite_hash=kept[0].suite_hash,
        results=kept,
        table=table,
        rows=leaderboard_rows(kept, suite),
        improvement=improvements(table),
    )


def _read_results(folder: Folder) -> tuple[Result, ...]:
    """Returns the results of all results.jsonl, or merged.jsonl where there is one beside it."""
    found: list[Result] = []
    for name in folder.files:
        place, _, file = name.rpartition("/")
        merged = f"{place}/merged.jsonl" if place else "merged.jsonl"
        if file == "merged.jsonl" or (file == "results.jsonl" and merged not in folder.files):
            found += _read_file(folder, name, MAX_RESULTS - len(found))
    try:
        return merge_results(found, allow_other_hashes=True)
    except LmgymError as error:
        folder.left_out.add("some results", f"{error} The first of each job is shown")
        return tuple({result.key: result for result in reversed(found)}.values())[::-1]


def _read_file(folder: Folder, name: str, room: int) -> list[Result]:
    found: list[Result] = []
    bad: list[int] = []
    why = ""
    for line, value in folder.objects(name):
        if not found and not bad and "suite" not in value:
            return []  # other commands write files of this name, too
        if len(found) >= room:
            folder.left_out.add(name, f"what is behind line {line.number}: more than {MAX_RESULTS:,} results")
            break
        try:
            found.append(parse_result(value, f"line {line.number}"))
        except LmgymError as error:
            bad.append(line.number)
            why = why or str(error)
    if bad:
        folder.left_out.add(name, f"{say_lines(bad)}: {why}")
    return found


def _own_suites(folder: Folder) -> dict[str, dict[str, Any]]:
    """Returns what bench.json files say of their suites, by the suites' hashes."""
    found: dict[str, dict[str, Any]] = {}
    for name in folder.files:
        value = folder.read_json(name) if name.rpartition("/")[2] == "bench.json" else None
        if value is not None and isinstance(value.get("entries"), dict):
            found.setdefault(str(value.get("suite_hash")), value)
    return found


def _suite_of(group: Sequence[Result], described: Mapping[str, dict[str, Any]]) -> Suite:
    """Returns the suite as the folder describes it, else the one of that id that comes with lmgym.

    Raises:
        LmgymError: the description is damaged, or there is none and the id is not known.
    """
    name, suite_hash = group[0].suite, group[0].suite_hash
    parts = re.fullmatch(r"lmgym-([a-z0-9_]+)-([0-9]{1,4})", name)
    if suite_hash not in described or parts is None:
        return load_suite(name)
    seeds = sorted({result.seed for result in group})
    entries = list(described[suite_hash]["entries"].values())
    plain = {"name": parts[1], "version": int(parts[2]), "summary": name, "seeds": seeds, "entries": entries}
    return parse_suite(plain, "bench.json")


def describe_part(part: BenchPart) -> dict[str, Any]:
    """Returns what the page's tables show, plain values."""
    return {
        "suite": part.suite.id,
        "hash": part.suite_hash,
        "summary": part.suite.summary,
        "num_results": len(part.results),
        "commits": sorted({result.commit for result in part.results if result.commit})[:8],
        "machines": sorted({result.machine for result in part.results})[:8],
        "commands": sorted({result.command for result in part.results})[:40],
        "rows": [_describe_row(row) for row in part.rows],
        "entries": [
            {
                "name": entry.name, "env": entry.env, "options": dict(entry.options), "metric": entry.metric,
                "splits": list(entry.eval_splits), "budget": entry.budget,
                "abilities": list(entry.abilities), "anchors": {
                    split: list(anchor) for split, anchor in entry.anchors.items()
                },
                "table": _entry_table(part, entry),
            }
            for entry in part.suite.entries
        ],
        "failures": [
            {
                "agent": result.agent, "entry": result.entry, "seed": result.seed,
                "kind": result.failure.kind, "where": result.failure.where[:2000],
                "message": result.failure.message[:4000],
            }
            for row in part.rows for result in row.failures if result.failure is not None
        ],
    }  # fmt: skip


def _describe_row(row: LeaderboardRow) -> dict[str, Any]:
    return {
        "agent": row.agent,
        "rank": row.rank,
        "iqm": _plain(row.iqm),
        "median": _plain(row.median),
        "mean": _plain(row.mean),
        "gap": _plain(row.optimality_gap),
        "mean_rank": _plain(row.mean_rank),
        "runs": row.runs,
        "num_failed": row.num_failed,
        "num_unfinished": row.num_unfinished,
        "wall_s": row.wall_s,
        "entries": {name: str(cell) for name, cell in row.entries.items()},
        "abilities": {name: _plain(found) for name, found in row.abilities.items()},
    }


def _plain(found: Estimate | None) -> list[float] | None:
    return None if found is None else [float(f"{value:.4g}") for value in found[:3]]


def _entry_table(part: BenchPart, entry: Entry) -> list[dict[str, Any]]:
    """Returns for each agent, the best first, what its runs of an entry measured on each split."""
    table = []
    for row in part.rows:
        mine = [result for result in part.results if (result.agent, result.entry) == (row.agent, entry.name)]
        good = [result for result in mine if result.is_ok]
        splits = {
            split: _spread([result.scores[split].mean for result in good if split in result.scores])
            for split in dict.fromkeys(split for result in good for split in result.scores)
        }
        start = _spread(
            [r.start_scores[entry.headline].mean for r in good if entry.headline in r.start_scores]
        )
        table.append(
            {
                "agent": row.agent, "num_runs": len(good), "num_failed": len(mine) - len(good),
                "splits": splits, "start": start,
                "num_tokens": _mean([result.num_tokens for result in good]),
                "num_read": _mean([result.num_read_tokens for result in good]),
                "num_steps": _mean([result.num_gradient_steps for result in good]),
                "wall_s": _mean([r.timing["wall_s"] for r in good if "wall_s" in r.timing]),
            }
        )  # fmt: skip
    return table


def _spread(values: Sequence[float]) -> list[float] | None:
    """Returns mean, smallest and largest."""
    if not values:
        return None
    return [float(f"{value:.4g}") for value in (sum(values) / len(values), min(values), max(values))]


def _mean(values: Sequence[float]) -> float | None:
    return float(f"{sum(values) / len(values):.4g}") if values else None
