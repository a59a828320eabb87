"""Mutates right proofs 100,000 times and holds two checkers that share no code against each other.

One is the kernel's (lmgym.logic.fitch), the other was written from docs/proofs.md alone
(tests/reference/line_checker.py). One thing of a generated proof is changed: a formula, a rule, a
citation, a depth, a number, a character or a space of a line, or a line is dropped, doubled, moved or put in.
Counted:

1. disagreements: lines accepted by one checker only, or goals that one finds proved;
2. unsound lines: accepted, but false in a row of the truth table in which premises and open assumptions are
   true (propositional problems; for others the agreement stands alone).

    python benchmarks/proof_mutations.py               # about a minute of one quiet core
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from _record import Mark, make_mark, write_record
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.cross_checks.mutations import KINDS, compare, draw_given, mutations  # noqa: E402

console = Console(highlight=False)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs all mutations, prints a row for each kind, and writes the record."""
    parser = argparse.ArgumentParser(description="Hold two checkers of proofs against each other.")
    parser.add_argument("--count", type=int, default=100_000, help="mutations")
    parser.add_argument("--problems", type=int, default=32, help="problems of each level")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(arguments)
    problems = draw_given(options.problems, options.seed)
    counts: Counter[tuple[str, str]] = Counter()
    start = time.perf_counter()
    for given, kind, text in mutations(problems, options.count, options.seed):
        outcome = compare(given, text)
        counts[kind, "mutations"] += 1
        counts[kind, "changed"] += text != "\n".join(given.lines)
        counts[kind, "proved"] += outcome.is_proved
        counts[kind, "disagreements"] += not outcome.agrees
        counts[kind, "unsound"] += not outcome.is_sound
        if not (outcome.agrees and outcome.is_sound):
            console.print(f"{given.level}, {kind}: {outcome.note}\n{text}\n", style="red", markup=False)
    seconds = time.perf_counter() - start
    rows = [{"kind": kind} | {name: counts[kind, name] for name in _NAMES} for kind in KINDS]
    total = {name: sum(counts[kind, name] for kind in KINDS) for name in _NAMES}
    rows.append({"kind": "all", **total, "problems": len(problems), "seconds": round(seconds, 1)})
    console.print(make_table(rows))
    write_record("proof_mutations", rows, make_marks(total))


_NAMES = ("mutations", "changed", "proved", "disagreements", "unsound")


def make_marks(total: dict[str, int]) -> list[Mark]:
    """Returns the promises: so many mutations, no disagreement, nothing unsound."""
    none = [
        Mark(name=name, value=total[key], unit="mutations", goal="<= 0", holds=total[key] == 0)
        for name, key in (
            ("the two checkers disagree", "disagreements"),
            ("unsound lines accepted", "unsound"),
        )
    ]
    return [make_mark("mutated proofs", total["mutations"], "mutations", at_least=100_000), *none]


def make_table(rows: Sequence[dict[str, object]]) -> Table:
    """Returns a table of the rows."""
    table = Table(box=None, pad_edge=False)
    for name in ("kind", *_NAMES):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for row in rows:
        table.add_row(*(str(row[name]) for name in ("kind", *_NAMES)))
    return table


if __name__ == "__main__":
    main()
