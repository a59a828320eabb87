"""Prints every promised number of benchmarks/results as one table: what was measured, what was promised.

Comes in: the files that benchmarks write (see ``benchmarks/_record.py``). Goes out: a table; the exit code
is 0 whether or not the marks hold, since a number that was missed is recorded and not an error.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

RESULTS = Path(__file__).resolve().parent / "results"


def make_table(folder: Path) -> Table:
    """Returns the table of the marks in ``folder``, a row each."""
    table = Table(box=None, pad_edge=False)
    for column, justify in (("benchmark", "left"), ("mark", "left"), ("value", "right"), ("unit", "left")):
        table.add_column(column, justify=justify)  # type: ignore[arg-type]
    for column in ("goal", "holds", "date", "machine"):
        table.add_column(column)
    for path in sorted(folder.glob("*.json")):
        record = json.loads(path.read_text("utf-8"))
        for mark in record["marks"]:
            table.add_row(path.stem, *describe(mark), record["date"][:10], record["machine"])
    return table


def describe(mark: dict[str, Any]) -> tuple[str, str, str, str, Text]:
    """Returns the cells of one mark: name, value, unit, goal, holds."""
    value = mark["value"]
    number = f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    holds = Text("yes", "green") if mark["holds"] else Text("no", "bold red")
    return mark["name"], number, mark["unit"], mark["goal"], holds


def main(folder: Path = RESULTS) -> None:
    """Prints the table, or a line that says that there is nothing to print."""
    table = make_table(folder)
    console = Console(width=None if sys.stdout.isatty() else 200)
    console.print(table if table.row_count else f"No results in {folder}; run: make bench")


if __name__ == "__main__":
    main()
