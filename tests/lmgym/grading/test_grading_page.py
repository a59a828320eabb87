"""The page on grading: its examples print what it says, and its tables name all that there is."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from lmgym.grading import POLICIES, Budgets
from lmgym.grading.decisions import MAX_QUICK_DEPTH, MAX_QUICK_NODES, MAX_REMEMBERED
from lmgym.grading.extraction import MAX_WINDOWS
from lmgym.grading.worker_main import MEMORY_BYTES
from lmgym.records import Status

DOCS = Path(__file__).resolve().parents[3] / "docs"
PAGE = (DOCS / "grading.md").read_text("utf-8")
EXAMPLES = re.findall(r"^```python\n(.*?)^```\n+```text\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
REASONS = {
    "no_answer", "several_answers", "hedged", "echo", "unparsed", "unsolved", "form", "unit", "limit",
    "timeout", "wrong", "gold", "worker", "overloaded",
}  # fmt: skip


def test_the_page_has_examples():
    assert len(EXAMPLES) == PAGE.count("```python") == 2


@pytest.mark.parametrize(("code", "output"), EXAMPLES)
def test_an_example_prints_what_the_page_says(code, output):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    assert (done.stdout, done.stderr) == (output, "")


def test_the_tables_are_complete():
    tables = [line.split("|") for line in PAGE.splitlines() if line.startswith("|")]
    named = {name for row in tables for name in re.findall(r"`(\w+)`", row[1] + row[2])}
    assert POLICIES.keys() <= named
    assert REASONS <= named
    assert set(get_args(Status)) <= {row[1].strip() for row in tables}


def test_the_numbers_on_the_page_are_those_of_the_code():
    text = " ".join(PAGE.split())
    assert "(20,000; thinking is cut first)" in text and Budgets().max_chars == 20_000
    assert f"more than {MAX_WINDOWS} times as many" in text
    assert f"more than {MAX_QUICK_NODES} nodes or a depth above {MAX_QUICK_DEPTH}" in text
    assert f"may allocate {MEMORY_BYTES >> 20} MiB" in text
    assert f"The last {MAX_REMEMBERED} decisions" in text


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE))))
def test_a_link_leads_somewhere(target):
    assert (DOCS / target).exists()
