"""The leaderboard of a suite: its rows, and the same as Markdown and as a table for the terminal.

    results = read_results("out/results.jsonl")
    rich.print(leaderboard_table(results))

In: results of one suite and hash. Out: agents in their order, with how many runs stand behind each number.
What others wrote (names of agents, messages of failures) is escaped. Left out: pages
(``lmgym.bench.leaderboard_page``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from rich.table import Table
from rich.text import Text

from lmgym.bench.comparison import ability_scores, mean_ranks, rank_agents
from lmgym.bench.result_record import Result
from lmgym.bench.scores import Runs, ScoreTable, score_table
from lmgym.bench.statistics import Estimate, estimate, mean, median, optimality_gap
from lmgym.bench.suites import Metric, Suite

Align = Literal["left", "right"]

_MAX_NAME = 120
_MAX_MESSAGE = 200
_RISKY = re.compile(r"[^A-Za-z0-9 .,:;/?=+%()'_\x80-\U0010ffff-]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
"""Characters that Markdown or HTML may take for marks; an underscore inside a word is none."""


class EntryCell(NamedTuple):
    """What an agent's runs of an entry measured on the headline split, not normalised."""

    mean: float
    low: float
    """The worst run."""
    high: float
    """The best run."""
    num_runs: int
    metric: Metric

    def __str__(self) -> str:
        scale, sign = (100, " %") if self.metric != "reward" else (1, "")
        digits = 1 if self.metric != "reward" else 3
        low, centre, high = (f"{scale * value:.{digits}f}" for value in (self.low, self.mean, self.high))
        return f"{centre}{sign} ({low} to {high})" if self.num_runs > 1 else f"{centre}{sign}"


@dataclass(frozen=True, kw_only=True)
class LeaderboardRow:
    """One agent."""

    agent: str
    rank: str
    """"1", "2=" where agents are tied, "" where entries lack."""
    iqm: Estimate | None
    median: Estimate | None
    mean: Estimate | None
    optimality_gap: Estimate | None
    """These four are of normalised scores; None where there is no run, or entries lack."""
    mean_rank: Estimate | None
    num_runs: int
    num_failed: int
    num_unfinished: int
    entries: Mapping[str, EntryCell]
    """By name, where there is a run."""
    abilities: Mapping[str, Estimate | None]
    wall_s: float | None
    """Mean over runs, where they tell."""
    failures: tuple[Result, ...]

    @property
    def runs(self) -> str:
        """How many runs were finished, and what lacks."""
        notes = [f"{self.num_failed} failed"] if self.num_failed else []
        notes += [f"{self.num_unfinished} missing"] if self.num_unfinished else []
        return f"{self.num_runs} ({', '.join(notes)})" if notes else str(self.num_runs)


def leaderboard_rows(results: Iterable[Result], suite: Suite | None = None) -> tuple[LeaderboardRow, ...]:
    """Returns the agents in the order of ``rank_agents``; the same for the same results in any order.

    Args:
        results: of one suite and hash.
        suite: of the results; default: the packaged one of that id.

    Raises:
        EmptyProblemSetError: there are no results.
        InvalidValueError: results that can't be compared.
        UnknownNameError: an unknown suite or entry.
    """
    results = tuple(results)
    table = score_table(results, suite)
    ranks, abilities = mean_ranks(table), ability_scores(table)
    rows = []
    for ranked in rank_agents(table):
        agent = ranked.agent
        strata = table.strata(agent)
        is_complete = table.is_complete(agent)
        rows.append(
            LeaderboardRow(
                agent=agent,
                rank=ranked.label,
                iqm=ranked.iqm if is_complete else None,
                median=estimate(median, strata) if is_complete else None,
                mean=estimate(mean, strata) if is_complete else None,
                optimality_gap=estimate(optimality_gap, strata) if is_complete else None,
                mean_rank=ranks.get(agent),
                num_runs=table.num_runs(agent),
                num_failed=len(table.failed[agent]),
                num_unfinished=table.num_unfinished[agent],
                entries=_cells(table, agent),
                abilities={ability: found[agent] for ability, found in abilities.items()},
                wall_s=_wall_s(results, agent),
                failures=table.failed[agent],
            )
        )
    return tuple(rows)


def _cells(table: ScoreTable, agent: str) -> dict[str, EntryCell]:
    found = ((entry, table.runs.get((agent, entry.name))) for entry in table.suite.entries)
    return {entry.name: _cell(runs, entry.metric) for entry, runs in found if runs is not None}


def _cell(runs: Runs, metric: Metric) -> EntryCell:
    values = runs.values
    return EntryCell(float(values.mean()), float(values.min()), float(values.max()), len(values), metric)


def _wall_s(results: Sequence[Result], agent: str) -> float | None:
    told = [
        result.timing["wall_s"]
        for result in results
        if result.agent == agent and result.is_ok and "wall_s" in result.timing
    ]
    return sum(told) / len(told) if told else None


def show_estimate(found: Estimate | None) -> str:
    """Returns a number with its interval, such as "0.512 (0.471 to 0.555)"; a dash for none."""
    return "–" if found is None else f"{found.value:z.3f} ({found.low:z.3f} to {found.high:z.3f})"


_SUMMARY: tuple[tuple[str, Align], ...] = (
    ("rank", "right"), ("agent", "left"), ("IQM", "left"), ("median", "left"), ("mean", "left"),
    ("optimality gap", "left"), ("mean rank", "left"), ("runs", "left"), ("seconds a run", "right"),
)  # fmt: skip


def _summary(row: LeaderboardRow) -> list[str]:
    estimates = (row.iqm, row.median, row.mean, row.optimality_gap, row.mean_rank)
    seconds = "–" if row.wall_s is None else f"{row.wall_s:.0f}"
    return [row.rank or "–", row.agent, *map(show_estimate, estimates), row.runs, seconds]


def leaderboard_table(results: Iterable[Result], suite: Suite | None = None) -> Table:
    """Returns the leaderboard for a terminal: ranks, interquartile means, what each entry measured, runs.

    Raises:
        As ``leaderboard_rows``.
    """
    rows = leaderboard_rows(results, suite)
    names = list(dict.fromkeys(name for row in rows for name in row.entries))
    table = Table("rank", "agent", "IQM (95 %)", *names, "runs")
    for row in rows:
        cells = [_dash(row.entries.get(name)) for name in names]
        table.add_row(
            row.rank or "–", Text(_visible(row.agent, _MAX_NAME)), show_estimate(row.iqm), *cells, row.runs
        )
    return table


def failure_lines(results: Iterable[Result]) -> list[str]:
    """Returns a line for each failed job, for a terminal: agent, entry, seed, kind, message."""
    return [
        f"{_visible(result.agent, _MAX_NAME)}, {result.entry}, seed {result.seed}: {failure.kind} in "
        f"{_visible(failure.where, _MAX_NAME)}: {_visible(failure.message, _MAX_MESSAGE)}"
        for result in results
        if (failure := result.failure) is not None
    ]


def leaderboard_markdown(results: Iterable[Result], suite: Suite | None = None) -> str:
    """Returns the leaderboard as Markdown tables: agents, entries, abilities if there are several, failures.

    Raises:
        As ``leaderboard_rows``.
    """
    rows = leaderboard_rows(results, suite)
    parts = [_markdown(_SUMMARY, [_summary(row) for row in rows])]
    names = list(dict.fromkeys(name for row in rows for name in row.entries))
    header: list[tuple[str, Align]] = [("agent", "left"), *((name, "left") for name in names)]
    measured = [[row.agent, *(_dash(row.entries.get(name)) for name in names)] for row in rows]
    parts.append(
        "What each entry measured on its headline split (mean over runs; worst to best run):\n\n"
        + _markdown(header, measured)
    )
    abilities = [name for name in rows[0].abilities]
    if len(abilities) > 1:
        header = [("agent", "left"), *((name, "left") for name in abilities)]
        cells = [[row.agent, *(show_estimate(row.abilities[name]) for name in abilities)] for row in rows]
        parts.append("By ability (mean normalised score, 95 %):\n\n" + _markdown(header, cells))
    failures = [result for row in rows for result in row.failures]
    if failures:
        header = [("agent", "left"), ("entry", "left"), ("seed", "right"), ("failure", "left"),
                  ("where", "left"), ("message", "left")]  # fmt: skip
        cells = [
            [r.agent, r.entry, str(r.seed), r.failure.kind, r.failure.where, r.failure.message]
            for r in failures
            if r.failure is not None
        ]
        parts.append("Failed jobs, which are in no number above:\n\n" + _markdown(header, cells))
    return "\n\n".join(parts) + "\n"


def _dash(cell: EntryCell | None) -> str:
    return "–" if cell is None else str(cell)


def _markdown(header: Sequence[tuple[str, Align]], rows: Sequence[Sequence[str]]) -> str:
    rule = ["---:" if align == "right" else "---" for _, align in header]
    lines = [[name for name, _ in header], rule, *([escape_markdown(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def escape_markdown(text: str) -> str:
    """Returns text that Markdown and HTML show as it is, on one line, cut where it is long."""
    return _RISKY.sub(lambda found: f"&#{ord(found[0])};", _visible(text, _MAX_MESSAGE))


def _visible(text: str, max_chars: int) -> str:
    """Returns text on one line without control characters, cut where it is long."""
    short = text if len(text) <= max_chars else text[: max_chars - 1] + "…"
    return "".join(char if char.isprintable() else " " if char.isspace() else "�" for char in short)
