"""``lmgym preferences``: says what a file of preferences holds, and writes it in another format.

Comes in: a file in any format. Goes out: counts, agreement and biases in tables or as JSON, or a new file
with the count of what it could not hold. Left out: how any of this is measured.
"""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final, Literal, NamedTuple

import tyro
from rich.console import Console
from rich.table import Table

from lmgym.errors import EmptyProblemSetError
from lmgym.preferences.agreement import Agreement, Estimate, measure_agreement, measure_pairwise
from lmgym.preferences.biases import Share, first_wins, gold_wins, longer_wins, says_the_same
from lmgym.preferences.formats import (
    explain_empty,
    iterate_preferences_as,
    read_preferences_as,
    write_preferences,
)
from lmgym.preferences.record import Preference

MAX_PAIRS_OF_RATERS: Final = 15
"""Most pairs of raters that are compared one by one; beyond it only all together."""

Name = Literal[
    "lmgym", "hh-rlhf", "trl", "trl-explicit", "trl-implicit", "trl-unpaired", "llmbar", "qa_feedback"
]


@dataclass(frozen=True, kw_only=True)
class ShowConfig:
    """Says what a file of preferences holds: counts, agreement between raters, and what verdicts follow."""

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """The file; .gz is unpacked."""

    format: Name = "lmgym"
    """The format of FILE."""

    json: bool = False
    """Print one JSON object instead of tables."""

    seed: int = 0
    """Of the bootstrap."""


@dataclass(frozen=True, kw_only=True)
class ConvertConfig:
    """Writes preferences in another format, and says what it could not hold."""

    file: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="FILE")]
    """The file to be read; .gz is unpacked."""

    out: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="OUT")]
    """The file to be made; an existing one is never replaced, .gz is packed."""

    source: Annotated[Name, tyro.conf.arg(name="from")]
    """The format of FILE."""

    target: Annotated[Name, tyro.conf.arg(name="to")]
    """The format of OUT."""

    annotator: str | None = None
    """Who judged, where FILE doesn't say it; default: the name of its format."""


@dataclass(frozen=True, kw_only=True)
class PreferencesConfig:
    """Shows files of preferences, and converts them between formats (HH-RLHF, TRL, LLMBar ...)."""

    action: tyro.conf.OmitSubcommandPrefixes[
        Annotated[ShowConfig, tyro.conf.subcommand("show")]
        | Annotated[ConvertConfig, tyro.conf.subcommand("convert")]
    ]


class Summary(NamedTuple):
    """What a file holds."""

    num_records: int
    num_prompts: int
    num_ties: int
    """Pairs of responses that were judged equal."""
    num_without_verdict: int
    raters: dict[str, int]
    """Records of each rater."""
    skipped: dict[str, int]
    """What could not be read, by reason."""
    agreement: list[Agreement]
    """Of all raters first, then of every two; empty for one rater."""
    shares: dict[str, Share | None]
    """What verdicts follow, by name."""


def run_preferences(config: PreferencesConfig) -> None:
    """Carries the subcommand out.

    Raises:
        EmptyProblemSetError: nothing could be read from the file.
        InvalidValueError: the file can't be read at all, or OUT can't be written.
    """
    if isinstance(config.action, ShowConfig):
        show(config.action)
    else:
        convert(config.action)


def show(config: ShowConfig) -> None:
    """Prints what a file holds."""
    found = read_preferences_as(config.format, config.file)
    _check_some(found, found.skipped, config.file, config.format)
    summary = summarise(found, found.skipped, seed=config.seed)
    if config.json:
        print(json.dumps(_plain(summary)))
        return
    console = _make_console()
    console.print(_show_counts(summary))
    if summary.agreement:
        console.print(_show_agreement(summary.agreement))
    console.print(_show_shares(summary.shares))


def convert(config: ConvertConfig) -> None:
    """Writes a file in another format and prints what has become of its records."""
    skipped: Counter[str] = Counter()
    records = iterate_preferences_as(config.source, config.file, annotator=config.annotator, skipped=skipped)
    first = list(itertools.islice(records, 1))
    _check_some(first, skipped, config.file, config.source)
    written = write_preferences(itertools.chain(first, records), config.target, config.out)
    console = _make_console()
    console.print(f"{written.num_preferences} preferences read, {written.num_rows} rows written.")
    for title, counts in (("not read", skipped), ("not written", written.left_out)):
        for reason, count in counts.most_common():
            console.print(f"{title}: {count} x {_visible(reason)}")


def summarise(preferences: Sequence[Preference], skipped: Counter[str], *, seed: int = 0) -> Summary:
    """Returns what is worth knowing of some preferences."""
    raters = Counter(preference.annotator for preference in preferences)
    agreement = [measure_agreement(preferences, seed=seed)] if len(raters) > 1 else []
    if 2 < len(raters) and len(raters) * (len(raters) - 1) // 2 <= MAX_PAIRS_OF_RATERS:
        agreement += measure_pairwise(preferences, seed=seed)
    return Summary(
        num_records=len(preferences),
        num_prompts=len({preference.prompt for preference in preferences}),
        num_ties=sum(is_tie for preference in preferences for _, _, is_tie in preference.pairs()),
        num_without_verdict=sum(preference.ranks is None for preference in preferences),
        raters=dict(sorted(raters.items())),
        skipped=dict(skipped),
        agreement=agreement,
        shares={
            "the first shown wins": first_wins(preferences),
            "the longer wins": longer_wins(preferences),
            "the truly better wins": gold_wins(preferences),
            "the same said again": says_the_same(preferences),
        },
    )


def _check_some(found: Sequence[Preference], skipped: Counter[str], path: Path, format: str) -> None:
    if not found:
        reasons = {_visible(reason): count for reason, count in skipped.items()}
        raise EmptyProblemSetError(explain_empty(path, format, reasons))


def _show_counts(summary: Summary) -> Table:
    table = _make_table("", "")
    table.add_row("records", str(summary.num_records))
    table.add_row("prompts", str(summary.num_prompts))
    table.add_row("ties (pairs)", str(summary.num_ties))
    table.add_row("no verdict", str(summary.num_without_verdict))
    for rater, count in summary.raters.items():
        table.add_row(f"by {_visible(rater)}", str(count))
    for reason, count in summary.skipped.items():
        table.add_row(f"not read: {_visible(reason)}", str(count))
    return table


def _show_agreement(agreement: Iterable[Agreement]) -> Table:
    table = _make_table("agreement of", "pairs", "raw", "Cohen's kappa", "Krippendorff's alpha")
    for number, item in enumerate(agreement):
        names = " and ".join(_visible(name) for name in item.raters)
        table.add_row(
            "all raters" if number == 0 else names,
            str(item.num_pairs),
            *(_show_estimate(estimate) for estimate in (item.raw, item.kappa, item.alpha)),
        )
    return table


def _show_shares(shares: dict[str, Share | None]) -> Table:
    table = _make_table("how often", "share", "95 % interval", "p (one half)", "records")
    for name, share in shares.items():
        if share is None:
            table.add_row(name, "-", "", "", "0")
        else:
            interval = f"{share.low:.3f} to {share.high:.3f}"
            table.add_row(name, f"{share.value:.3f}", interval, f"{share.p_value:.2g}", str(share.num))
    return table


def _show_estimate(estimate: Estimate | None) -> str:
    return "-" if estimate is None else f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def _make_table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, show_header=any(columns), title_justify="left")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", no_wrap=number > 0)
    return table


def _make_console() -> Console:
    return Console(markup=False, emoji=False, highlight=False)


def _visible(text: str) -> str:
    """Returns text of a file as a terminal may be given it: escapes instead of what doesn't print."""
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= 80 else shown[:79] + "…"


def _plain(value: Any) -> Any:
    """Returns named tuples as objects, through and through."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(item) for name, item in value._asdict().items()}
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
