"""Metamath databases read and verified, and made into problems, beside the program ``metamath``.

Seconds are processor time of one process, the least of several rounds. The program's include its start and
its reading of the file; where it is not installed, its column is empty. Every proof must be right, or the
benchmark fails.
"""

from __future__ import annotations

import argparse
import gzip
import resource
import shutil
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from _record import write_record
from rich.console import Console
from rich.table import Table

from lmgym.errors import EmptyProblemSetError
from lmgym.logic.metamath import read_database, verify_database
from lmgym.tasks.metamath import Metamath
from lmgym.tasks.metamath.collection import PRESETS, Collection

NAME = "metamath"
NUM_PROBLEMS = 1024


def time_of_program(program: str, path: Path, folder: Path) -> float:
    """Returns the processor seconds in which ``metamath`` reads and verifies a database."""
    plain = folder / "database.mm"
    plain.write_bytes(gzip.decompress(path.read_bytes()))
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    commands = ["set scroll continuous", f'read "{plain}"', "verify proof *", "exit"]
    done = subprocess.run([program, *commands], stdin=subprocess.DEVNULL, capture_output=True, check=True)
    assert b"All proofs in the database were verified" in done.stdout, done.stdout[-500:]
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def time_of_collection(preset: str, proof_format: str) -> float | None:
    """Returns the processor seconds that problems of a database take to prepare once it is read."""
    database = read_database(PRESETS[preset])
    start = time.process_time()
    try:
        _ = Collection(preset, database, proof_format).bounds
    except EmptyProblemSetError:
        return None
    return time.process_time() - start


def problems_per_s(preset: str) -> float:
    """Returns problems drawn a second of processor time, at the first level's first split that has any."""
    task = Metamath(preset=preset)
    split = next(split for split, count in task.num_problems.items() if count)
    task.problems(split, range(64))
    start = time.process_time()
    task.problems(split, range(64, 64 + NUM_PROBLEMS))
    return NUM_PROBLEMS / (time.process_time() - start)


def measure(preset: str, num_rounds: int) -> dict[str, Any]:
    """Returns a row."""
    program, reading, verifying, others = shutil.which("metamath"), [], [], []
    for _ in range(num_rounds):
        start = time.process_time()
        database = read_database(PRESETS[preset])
        middle = time.process_time()
        assert not verify_database(database)
        reading.append(middle - start)
        verifying.append(time.process_time() - middle)
        if program is not None:
            with tempfile.TemporaryDirectory() as folder:
                others.append(time_of_program(program, PRESETS[preset], Path(folder)))
    essential = time_of_collection(preset, "essential")
    return {
        "database": preset,
        "theorems": len(database.theorems),
        "read_s": round(min(reading), 4),
        "verify_s": round(min(verifying), 4),
        "theorems_per_s": round(len(database.theorems) / (min(reading) + min(verifying))),
        "program_s": round(min(others), 4) if others else None,
        "normal_s": round(time_of_collection(preset, "normal") or 0.0, 3),
        "essential_s": None if essential is None else round(essential, 3),
        "problems_per_s": round(problems_per_s(preset)),
    }


def print_rows(rows: list[dict[str, Any]]) -> None:
    table = Table(title="processor seconds")
    for name in rows[0]:
        table.add_column(name.replace("_", " "), justify="right")
    for row in rows:
        table.add_row(*("–" if value is None else str(value) for value in row.values()))
    Console(width=140).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="one round; nothing is recorded")
    options = parser.parse_args()
    rows = [measure(preset, 1 if options.quick else 5) for preset in PRESETS]
    print_rows(rows)
    if not options.quick:
        write_record(NAME, rows, [])


if __name__ == "__main__":
    main()
