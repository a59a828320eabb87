"""Speed of Rocq: start of a process, tactic steps a second, branching, final checks a second.

The tactics are the known proofs of the suite's own lemmas. Nothing is answered from memory: each measurement
has a pool of its own, and every statement is asked once. Beside the pool stands the compiler alone, which
checks a file of one lemma: what a final check costs at least.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

from _record import Mark, make_mark, write_record
from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lmgym.errors import MissingDependencyError  # noqa: E402
from lmgym.logic.rocq import Goals, Rocq, Statement  # noqa: E402
from lmgym.logic.rocq.pool import Pool  # noqa: E402
from lmgym.logic.rocq.programs import find_programs  # noqa: E402
from lmgym.tasks.rocq.sets import load_set  # noqa: E402

NUM_CORES = 2


def measure_start(repeats: int) -> float:
    """Returns the mean seconds from nothing to the first goals of a statement without context."""
    statement = Statement(name="a", context="", statement="True")
    total = 0.0
    for _ in range(repeats):
        pool = Pool(size=1)
        begun = time.perf_counter()
        Rocq(pool=pool).run(statement)
        total += time.perf_counter() - begun
        pool.close()
    return total / repeats


class Speed(NamedTuple):
    """Tactics a second."""

    wall: float
    """of the clock, once the processes have started"""
    cpu: float
    """of all processor time, ours and the prover's, its start included: says the same on a busy machine"""


def measure_steps(statements: list[Statement], size: int) -> Speed:
    """Returns the speed of whole known proofs, each tactic asked for as in an episode."""
    pool = Pool(size=size)
    used = _cpu_s()
    prover = Rocq(pool=pool)
    contexts = {statement.context: statement for statement in statements}
    by_context = [[s for s in statements if s.context == context] for context in contexts]
    for statement in contexts.values():
        prover.run(statement)  # so that processes have started
    begun = time.perf_counter()
    with ThreadPoolExecutor(size) as threads:
        steps = sum(threads.map(lambda group: _play(prover, group), by_context))
    seconds = time.perf_counter() - begun
    pool.close()  # waits for the processes, so that their time is counted
    return Speed(steps / seconds, steps / (_cpu_s() - used))


def _cpu_s() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def _play(prover: Rocq, statements: list[Statement]) -> int:
    num_steps = 0
    for statement in statements:
        for end in range(1, len(statement.proof) + 1):
            answer = prover.run(statement, statement.proof[:end])
            assert isinstance(answer, Goals), (statement.name, answer)
            num_steps += 1
        assert answer.is_closed, statement.name
    return num_steps


def measure_branches(count: int) -> float:
    """Returns the tactics a second of a search that tries many tactics from one state."""
    pool = Pool(size=1)
    prover = Rocq(pool=pool)
    statement = Statement(name="a", context="", statement="forall n m : nat, n + m = m + n")
    first = ("intros n m.", "induction n as [| n IH].")
    prover.run(statement, first)
    begun = time.perf_counter()
    for number in range(count):
        prover.run(statement, (*first, f"pose (x{number} := n)."))
    seconds = time.perf_counter() - begun
    pool.close()
    return count / seconds


def measure_checks(statements: list[Statement], recheck: bool) -> float:
    """Returns the final checks a second with as many threads as cores."""
    prover = Rocq(pool=Pool(size=1))
    begun = time.perf_counter()
    with ThreadPoolExecutor(NUM_CORES) as threads:
        checks = list(threads.map(lambda s: prover.final_check(s, s.proof, recheck=recheck), statements))
    seconds = time.perf_counter() - begun
    assert all(check.is_proved for check in checks)
    return len(checks) / seconds


def measure_compiler(count: int) -> float:
    """Returns the files a second that the compiler alone gets through, one after the other."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "a.v").write_text("Theorem a : True. Proof. exact I. Qed.\n")
        begun = time.perf_counter()
        for _ in range(count):
            subprocess.run([find_programs().compiler, "-q", "a.v"], cwd=folder, check=True)
        return count / (time.perf_counter() - begun)


def main() -> None:
    """Measures, prints a table and writes benchmarks/results/rocq.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lemmas", type=int, default=240, help="lemmas whose proofs are played")
    parser.add_argument("--checks", type=int, default=24, help="final checks")
    options = parser.parse_args()
    lemmas = list(load_set("lmgym"))
    played = lemmas[:: max(1, len(lemmas) // options.lemmas)]
    plain = [lemma for lemma in played if not lemma.context]
    checked = lemmas[:: max(1, len(lemmas) // options.checks)][: options.checks]
    one, two = measure_steps(played, 1), measure_steps(played, NUM_CORES)
    rows: list[dict[str, Any]] = [
        {"what": "start of a process", "value": measure_start(5), "unit": "s"},
        {"what": "known proofs, 1 process", "value": one.wall, "unit": "tactics/s"},
        {"what": "known proofs, processor time", "value": one.cpu, "unit": "tactics/cpu s"},
        {"what": "known proofs, 2 processes", "value": two.wall, "unit": "tactics/s"},
        {"what": "branches of one state, 1 process", "value": measure_branches(2_000), "unit": "tactics/s"},
        {"what": "final check", "value": measure_checks(checked, False), "unit": "proofs/s"},
        {"what": "final check with coqchk", "value": measure_checks(checked, True), "unit": "proofs/s"},
        {"what": "compiler alone, one lemma a file", "value": measure_compiler(10), "unit": "files/s"},
    ]
    if plain:
        speed = measure_steps(plain, NUM_CORES).wall
        rows.append(
            {"what": "known proofs without context, 2 processes", "value": speed, "unit": "tactics/s"}
        )
    table = Table("what", "value", "unit", title=f"Rocq {find_programs().version}, {os.cpu_count()} cores")
    for row in rows:
        table.add_row(row["what"], f"{row['value']:.3g}", row["unit"])
    Console().print(table)
    rows.append({"what": "version", "value": find_programs().version, "unit": ""})
    steps = {row["what"]: row["value"] for row in rows}
    marks: list[Mark] = [
        make_mark(
            "tactics of known proofs, 2 processes",
            steps["known proofs, 2 processes"],
            "tactics/s",
            at_least=200,
        ),
        make_mark(
            "branches of one state", steps["branches of one state, 1 process"], "tactics/s", at_least=500
        ),
    ]
    write_record("rocq", rows, marks)


if __name__ == "__main__":
    try:
        main()
    except MissingDependencyError as error:  # the other benchmarks need no prover
        Console().print(f"not measured: {error}", style="yellow")
