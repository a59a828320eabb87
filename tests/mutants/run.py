"""Plants each known bug in a copy of the repository and runs the tests that must see it (``make mutants``).

A mutant is killed when at least one of its tests fails. The program ends with 1 if one survives, if its text
is no longer found, or if its tests do not pass, or do not exist, without it.

    python -m tests.mutants.run            all
    python -m tests.mutants.run 7 gae      those of kind 7, and those whose name holds "gae"
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.table import Table

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.table import MUTANTS

COPIED = ("lmgym", "agents", "tests", "benchmarks", "examples", "docs", "pyproject.toml")
TIMEOUT_S = 300
PASSED, FAILED = 0, 1  # exit codes of pytest; all others mean that the tests did not run


def main(words: Sequence[str]) -> int:
    """Returns the exit code: 0 if every chosen mutant is killed."""
    console = Console(highlight=False)
    chosen = [m for m in MUTANTS if not words or any(w == str(m.kind) or w in m.name for w in words)]
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        home = copy_tree(Path(folder) / "repository")
        check_copy_is_used(home)
        tests = sorted({test for mutant in chosen for test in mutant.tests})
        console.print(f"{len(chosen)} mutants; first their {len(tests)} tests on the code as it is")
        code, output = run_tests(home, tests)
        if code != PASSED:
            console.print(output, markup=False)
            console.print("The tests must exist and pass before a bug is planted.", style="bold red")
            return 1
        verdicts = [(mutant, *judge(mutant, home, console)) for mutant in chosen]
    console.print(make_table(verdicts))
    num_killed = sum(verdict == "killed" for _, verdict, _ in verdicts)
    console.print(f"{num_killed} of {len(verdicts)} killed")
    return 0 if num_killed == len(verdicts) else 1


def copy_tree(home: Path) -> Path:
    """Copies what tests need, without caches."""
    ignore = shutil.ignore_patterns("__pycache__", "*.pyc", ".*")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, home / name, ignore=ignore)
        elif source.exists():
            shutil.copy(source, home / name)
    return home


def check_copy_is_used(home: Path) -> None:
    """Makes sure that the tests import the copy, not the installed packages."""
    program = "import lmgym, lmgym_agents; print(lmgym.__file__); print(lmgym_agents.__file__)"
    command = [sys.executable, "-c", program]
    lines = subprocess.run(
        command, cwd=home, env=environment(home), capture_output=True, text=True, check=True
    )
    for line in lines.stdout.split():
        assert Path(line).is_relative_to(home), f"{line} is not in the copy"


def environment(home: Path) -> dict[str, str]:
    # Compiled files are told apart by second and size; a planted bug often changes neither.
    paths = f"{home}{os.pathsep}{home / 'agents'}"
    return {**os.environ, "PYTHONPATH": paths, "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}


def run_tests(home: Path, tests: Sequence[str]) -> tuple[int, str]:
    """Returns pytest's exit code and output; running out of time counts as failing."""
    # The expression for -m admits slow tests too: some bugs are seen by nothing faster.
    options = ["-q", "-x", "-p", "no:cacheprovider", "-m", "not gpu and not browser"]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *options, *tests],
            cwd=home,
            env=environment(home),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=TIMEOUT_S,
        )
    except subprocess.TimeoutExpired:
        return FAILED, f"no end within {TIMEOUT_S} s"
    return done.returncode, done.stdout


def judge(mutant: Mutant, home: Path, console: Console) -> tuple[str, float]:
    """Returns "killed", "survived", or what is wrong, and the seconds it took."""
    start = time.monotonic()
    if mutant.count(home) != 1:
        return f"its text occurs {mutant.count(home)} times", 0.0
    path = home / mutant.file
    original = path.read_text("utf-8")
    mutant.apply(home)
    code, output = run_tests(home, mutant.tests)
    path.write_text(original, "utf-8")
    verdict = {FAILED: "killed", PASSED: "survived"}.get(code, f"the tests did not run (pytest: {code})")
    if code not in (FAILED, PASSED):
        console.print(output[-2000:], markup=False)
    seconds = time.monotonic() - start
    console.print(f"{verdict:8} {mutant.kind:2} {mutant.name} ({seconds:.0f} s)")
    return verdict, seconds


def make_table(verdicts: Sequence[tuple[Mutant, str, float]]) -> Table:
    """Returns the table of what became of each mutant."""
    table = Table(box=None, pad_edge=False)
    for column in ("kind", "mutant", "bug", "verdict", "s"):
        table.add_column(column)
    for mutant, verdict, seconds in verdicts:
        style = "green" if verdict == "killed" else "bold red"
        row = (str(mutant.kind), mutant.name, mutant.bug, f"[{style}]{verdict}[/{style}]", f"{seconds:.0f}")
        table.add_row(*row)
    return table


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
