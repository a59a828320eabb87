"""How fast `lmgym report` is with many transcripts: making the page, its size, opening it, searching it.

    python benchmarks/report_page.py --transcripts 100000

Ten files of token records (40 tokens each, seven quantities and two terms of the reward), made by a formula,
of which the page shows 2,000. The page is opened in headless Chromium from the disk: "ready" is when the list
of transcripts stands and can be used, counted from the beginning of the navigation; "search" is a word that
is in one transcript alone, typed into the open page for the first time.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.insert(0, str(Path(__file__).resolve().parent))
from _record import write_record

from lmgym_agents.report.html.report import make_report
from tests.browser.chromium import find_programs, open_browser

NUM_FILES, NUM_TOKENS, NUM_OPENINGS = 10, 40, 5


def make_line(number: int, label: str) -> str:
    """Returns the record of one transcript."""
    columns = {
        name: [round(((number * 31 + at * 17 + k) % 1009) / 100 - 5, 5) for at in range(NUM_TOKENS)]
        for k, name in enumerate(("logp", "entropy", "value", "q", "advantage", "reward", "kl", "a", "b"))
    }
    terms = {name: columns.pop(name) for name in ("a", "b")}
    record = {
        "label": label, "env": "lmgym/Math-v0", "split": "test", "problem_index": number,
        "prompt": f"{number}+{number}=", "tokens": [chr(97 + (number + at) % 26) for at in range(NUM_TOKENS)],
        "is_action": [True] * NUM_TOKENS, "num_tokens": NUM_TOKENS, "success": number % 3 == 0,
        "score": 1.0, "reward_total": 1.0, "surprise": number % 97 / 10, "stopped": True,
        "terminated": True, "failed": False, "terms": terms, **columns,
    }  # fmt: skip
    return json.dumps(record, separators=(",", ":"))


def write_folder(folder: Path, num_transcripts: int) -> float:
    """Writes the token files; returns their size in MB."""
    size = 0
    for k in range(NUM_FILES):
        path = folder / f"checkpoint{k}.tokens.jsonl"
        with path.open("w") as file:
            file.writelines(make_line(n, path.name) + "\n" for n in range(num_transcripts // NUM_FILES))
        size += path.stat().st_size
    return size / 1e6


def open_page(path: Path) -> dict[str, float]:
    """Returns medians of what a user waits for, in seconds."""
    ready, search = [], []
    with open_browser() as driver:
        for _ in range(NUM_OPENINGS):
            driver.get("about:blank")
            driver.get(f"file://{path}#transcripts")
            mark = "return performance.getEntriesByName('ready')[0].startTime"
            ready.append(driver.execute_script(mark) / 1000)
            script = """
                const box = document.getElementById('search');
                const start = performance.now();
                box.value = '0+0=';
                box.dispatchEvent(new Event('input'));
                return performance.now() - start;"""
            search.append(driver.execute_script(script) / 1000)
    return {"ready_s": statistics.median(ready), "search_s": statistics.median(search)}


def measure(num_transcripts: int) -> dict[str, Any]:
    """Returns one row of the table."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = write_folder(folder, num_transcripts)
        start, cpu = time.perf_counter(), time.process_time()
        report = make_report(folder)
        wall_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu
        page = folder / "report.html"
        page.write_text(report.html, "utf-8")
        row = {
            "transcripts": report.num_transcripts, "shown": report.num_shown, "files_mb": round(size, 1),
            "make_wall_s": round(wall_s, 2), "make_cpu_s": round(cpu_s, 2),
            "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
            "page_mb": round(page.stat().st_size / 1e6, 2),
        }  # fmt: skip
        waits = open_page(page) if find_programs() else {}  # without a browser the rest is still measured
        return row | {name: round(value, 3) for name, value in waits.items()}


def main() -> None:
    """Measures, prints a table, writes benchmarks/results/report_page.json."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--transcripts", type=int, nargs="+", default=[1000, 100_000])
    rows = [measure(count) for count in parser.parse_args().transcripts]
    table = Table(*rows[0], title="lmgym report")
    for row in rows:
        table.add_row(*map(str, row.values()))
    Console(width=150).print(table)
    print(write_record("report_page", rows, []))


if __name__ == "__main__":
    main()
