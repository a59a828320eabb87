"""Agreement with what is right, and speed, of lmgym's grader beside Math-Verify: one corpus, one run.

The corpus is tests/lmgym/grading/corpus. Math-Verify judges it in a child process that is ended when it
hangs; its own time limits are set to two seconds. Left out of the comparison, because Math-Verify has no word
for them: cases with a policy, rules or a prompt, and answers that are equal but still to be worked out.
Speed is measured in one process, by a hundred pairs in turns, gold answers read beforehand on both sides.
"""

from __future__ import annotations

import argparse
import json
import operator
import os
import random
import selectors
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from _record import Mark, make_mark, write_record
from rich.console import Console
from rich.progress import track
from rich.table import Table

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
from lmgym.grading import Policy, Rules, grade, read_gold  # noqa: E402
from tests.lmgym.grading.cases import Case, read_cases  # noqa: E402

PEER_TIMEOUT_S = 2
HANG_S = 10.0
BLOCK = 100
Pair = tuple[str, str]


def peer_reader() -> tuple[Callable[[str], Any], Callable[[Any, str], bool]]:
    """Returns Math-Verify's reading of a gold answer, and its verdict on a response."""
    from math_verify import parse, verify

    def read(gold: str) -> Any:
        return parse(f"\\boxed{{{gold}}}", parsing_timeout=PEER_TIMEOUT_S)

    def judge(gold: Any, response: str) -> bool:
        answer = parse(response, parsing_timeout=PEER_TIMEOUT_S)
        return bool(verify(gold, answer, timeout_seconds=PEER_TIMEOUT_S))

    return read, judge


def serve() -> None:
    """The child: reads pairs from standard input and writes Math-Verify's verdicts, a JSON line each."""
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # whatever prints does not end up among the verdicts
    read, judge = peer_reader()
    out.write('"ready"\n')
    for line in sys.stdin:
        gold, response = json.loads(line)
        try:
            outcome = "correct" if judge(read(gold), response) else "wrong"
        except BaseException as error:  # foreign code; whatever comes out of it is a crash
            outcome = f"crash {type(error).__name__}"
        out.write(json.dumps(outcome) + "\n")


class Peer:
    """Math-Verify in a child process that is replaced when it hangs or dies."""

    def __init__(self) -> None:
        """Starts nothing yet; the child works in an empty folder, so that what it writes there is seen."""
        self.folder = Path(tempfile.mkdtemp(prefix="grader-peer-"))
        self._child: subprocess.Popen[bytes] | None = None

    def judge(self, gold: str, response: str) -> str:
        """Returns "correct", "wrong", "hang", or "crash" with its kind."""
        if self._child is None:
            command = [sys.executable, __file__, "--serve"]
            self._child = subprocess.Popen(
                command,
                cwd=self.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            self._read_line(60.0)
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(json.dumps([gold, response]).encode() + b"\n")
            self._child.stdin.flush()
            line = self._read_line(HANG_S)
        except BrokenPipeError:
            line = b""
        if line is None or not line:
            self.close()
            return "hang" if line is None else "crash of the process"
        return str(json.loads(line))

    def _read_line(self, timeout_s: float) -> bytes | None:
        """Returns a line of the child, b"" if it has ended, None if it says nothing in time."""
        assert self._child is not None and self._child.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._child.stdout, selectors.EVENT_READ)
            if not selector.select(timeout_s):
                return None
        return self._child.stdout.readline()

    def close(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child.wait()
            self._child = None


def is_for_both(case: Case) -> bool:
    """Whether the case asks for nothing that Math-Verify does not know."""
    if case.policy != Policy() or case.prompt is not None:
        return False
    if case.expect == "correct":
        return True
    loose = Policy(rules=Rules(must_be_solved=False))
    return grade(case.gold, case.response, policy=loose).status != "correct"


def judge_corpus() -> list[dict[str, Any]]:
    """Returns a line a grader: counts of right and wrong verdicts on the corpus."""
    cases = read_cases()
    shared = {case.name for case in cases if is_for_both(case)}
    ours = {case.name: our_verdict(case) for case in track(cases, "lmgym")}
    peer = Peer()
    theirs = {
        case.name: peer.judge(case.gold, case.response)
        for case in track([case for case in cases if case.name in shared], "Math-Verify")
    }
    peer.close()
    both = [case for case in cases if case.name in shared]
    return [
        count_verdicts("lmgym, the whole corpus", cases, ours, []),
        count_verdicts("lmgym, cases for both", both, ours, []),
        count_verdicts("Math-Verify, cases for both", both, theirs, sorted(peer.folder.iterdir())),
    ]


def our_verdict(case: Case) -> str:
    start = time.perf_counter()
    try:
        status = case.grade(timeout_s=PEER_TIMEOUT_S).status
    except Exception as error:  # there must be none, and this is where it would be counted
        return f"crash {type(error).__name__}"
    return "hang" if time.perf_counter() - start > HANG_S else status


def count_verdicts(
    name: str, cases: Sequence[Case], verdicts: dict[str, str], written: Sequence[Path]
) -> dict[str, Any]:
    """Returns the counts, of wrong accepts and rejects by kind too; ``written``: files that code has made."""
    accepts: dict[str, int] = {}
    rejects: dict[str, int] = {}
    for case in cases:
        is_accepted = verdicts[case.name] == "correct"
        if is_accepted != (case.expect == "correct"):
            counts = accepts if is_accepted else rejects
            counts[case.kind] = counts.get(case.kind, 0) + 1
    return {
        "name": name,
        "cases": len(cases),
        "to_accept": sum(case.expect == "correct" for case in cases),
        "wrong_accepts": sum(accepts.values()),
        "wrong_rejects": sum(rejects.values()),
        "crashes": sum(verdicts[case.name].startswith("crash") for case in cases),
        "hangs": sum(verdicts[case.name] == "hang" for case in cases),
        "errors": sum(verdicts[case.name] == "error" for case in cases),
        "files_written": len(written),
        "wrong_accepts_by_kind": accepts,
        "wrong_rejects_by_kind": rejects,
    }


def numeric_pairs(num_pairs: int) -> list[Pair]:
    """Returns golds and responses, half of them right: integers, decimals and fractions."""
    rng = random.Random(0)
    pairs = []
    for row in range(num_pairs):
        whole, other = rng.randint(-(10**6), 10**6), rng.randint(2, 99)
        golds = (str(whole), f"{whole / 100:.2f}", f"\\frac{{{other}}}{{{other * abs(whole) + 1}}}")
        wrong = (str(whole + 1), f"{whole / 100 + 1:.2f}", f"\\frac{{{other}}}{{{other * abs(whole) + 2}}}")
        kind = row % 3
        answer = golds[kind] if row % 2 else wrong[kind]
        pairs.append((golds[kind], f"The answer is $\\boxed{{{answer}}}$."))
    return pairs


def gold_pairs(golds: Sequence[str], num_others: int) -> list[Pair]:
    """Returns each gold against itself and against ``num_others`` others."""
    rng = random.Random(0)
    answers = [(gold, gold) for gold in golds]
    answers += [(gold, other) for gold in golds for other in rng.sample(golds, num_others)]
    return [(gold, f"The answer is $\\boxed{{{answer}}}$.") for gold, answer in answers]


def measure_speed(name: str, pairs: Sequence[Pair]) -> dict[str, Any]:
    """Returns verdicts per second and median latencies of both, measured by blocks of pairs in turns."""
    read, judge = peer_reader()
    golds = list(dict.fromkeys(gold for gold, _ in pairs))
    ours = {gold: read_gold(gold) for gold in golds}
    theirs = {gold: read(gold) for gold in golds}
    grade(r"\cot x", r"\boxed{\frac{1}{\tan x}}", timeout_s=30.0)  # imports, and a worker process
    judge(read("1"), "\\boxed{2}")
    our_times: list[float] = []
    their_times: list[float] = []
    num_agreeing = 0
    for first in track(range(0, len(pairs), BLOCK), name):
        block = pairs[first : first + BLOCK]
        ours_are, theirs_are = [], []
        for gold, response in block:
            start = time.perf_counter()
            ours_are.append(grade(ours[gold], response).status == "correct")
            our_times.append(time.perf_counter() - start)
        for gold, response in block:
            start = time.perf_counter()
            theirs_are.append(judge(theirs[gold], response))
            their_times.append(time.perf_counter() - start)
        num_agreeing += sum(map(operator.eq, ours_are, theirs_are))
    return {
        "name": name,
        "verdicts": len(pairs),
        "agreement": round(num_agreeing / len(pairs), 4),
        "lmgym_per_s": round(len(pairs) / sum(our_times), 1),
        "math_verify_per_s": round(len(pairs) / sum(their_times), 1),
        "ratio": round(sum(their_times) / sum(our_times), 2),
        "lmgym_p50_ms": round(1e3 * statistics.median(our_times), 4),
        "math_verify_p50_ms": round(1e3 * statistics.median(their_times), 4),
        "lmgym_max_ms": round(1e3 * max(our_times), 2),
        "math_verify_max_ms": round(1e3 * max(their_times), 2),
    }


def show(title: str, rows: Sequence[dict[str, Any]]) -> None:
    """Prints ``rows`` as a table, a column a grader or speed."""
    table = Table(title=title)
    table.add_column("")
    for row in rows:
        table.add_column(row["name"], justify="right")
    for key, value in rows[0].items():
        if key != "name" and not isinstance(value, dict):
            table.add_row(key.replace("_", " "), *(f"{row[key]:,}" for row in rows))
    Console(width=120).print(table)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = os.environ.get("LMGYM_DATA")
    parser.add_argument(
        "--data", type=Path, default=folder and Path(folder) / "math500" / "test500.jsonl",
        help="MATH-500 as JSON lines; else that in the folder LMGYM_DATA, else the golds of the corpus",
    )  # fmt: skip
    parser.add_argument("--num-pairs", type=int, default=2000, help="plain numeric pairs that are timed")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
        return
    verdicts = judge_corpus()
    show("the corpus", verdicts)
    if options.data is None:
        name, golds = "golds of the corpus", sorted({c.gold for c in read_cases() if c.policy == Policy()})
    else:
        lines = options.data.read_text("utf-8").splitlines()
        name, golds = "golds of MATH-500", sorted({json.loads(line)["answer"] for line in lines})
    speeds = [
        measure_speed("plain numbers", numeric_pairs(options.num_pairs)),
        measure_speed(name, gold_pairs(golds, 3)),
    ]
    show("verdicts, golds read beforehand", speeds)
    whole = verdicts[0]
    num_bad = whole["wrong_accepts"] + whole["crashes"] + whole["hangs"]
    share_kept = 1 - whole["wrong_rejects"] / whole["to_accept"]
    marks = [
        Mark(
            name="grader: wrong accepts, crashes and hangs on the corpus",
            value=num_bad, unit="cases", goal="<= 0", holds=num_bad == 0,
        ),
        make_mark("grader: right answers of the corpus accepted", share_kept, "share", at_least=0.95),
        make_mark("grader: plain numbers against Math-Verify", speeds[0]["ratio"], "times", at_least=20),
        make_mark(f"grader: {name} against Math-Verify", speeds[1]["ratio"], "times", at_least=3),
        make_mark("grader: plain numbers on one core", speeds[0]["lmgym_per_s"], "verdicts/s", at_least=2000),
    ]  # fmt: skip
    for mark in marks:
        print(f"{mark['name']}: {mark['value']:,.3f} {mark['unit']} ({mark['goal']}: {mark['holds']})")
    print(f"written to {write_record('grader', [*verdicts, *speeds], marks)}")


if __name__ == "__main__":
    main()
