"""A thousand hostile answers in a row, and eight processes at once: nothing is lost and nothing is paid."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lmgym.grading import grade, workers
from lmgym.grading.decisions import forget_decisions

ROOT = Path(__file__).resolve().parents[3]

HONEST = (("\\sin 2x", "2\\sin x\\cos x"), ("\\tan^2 x", "\\sec^2 x - 1"), ("7", "7"), ("x+1", "1+x"))
HOSTILE = (
    "7^{7^{7^{7}}}", "(10^8)!", "\\binom{10^8}{5\\cdot 10^7}", "2e888888888", "(x+y+z)^{300}",
    "e^{e^{e^{e^{e}}}}", "\\sin(10^{100})", "\\cos(" * 60 + "x" + ")" * 60,
    "\\sqrt{x+" * 40 + "1" + "}" * 40, "\\sum_{k=1}^{10^{12}}k", "(" * 10_000, "{" * 10_000,
    "\\frac{1}{" * 3_000 + "2" + "}" * 3_000, "9" * 100_000, "1 " * 100_000, "\\boxed{" * 10_000,
    "__import__('os').system('id')", "\\pi^{\\pi^{\\pi^{\\pi}}}",
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_a_thousand_hostile_answers_in_a_row_lose_no_worker():
    workers.stop()
    for number in range(1000):
        forget_decisions()
        hostile = HOSTILE[number % len(HOSTILE)]
        assert grade("5\\cos x", f"\\boxed{{{hostile}}}", timeout_s=0.5).status != "correct"
    forget_decisions()
    for gold, answer in HONEST:
        assert grade(gold, answer, timeout_s=60.0).status == "correct"
    counts = workers.statistics()
    assert counts.bugs == counts.deaths == 0
    assert counts.restarts == counts.timeouts + counts.overloads
    assert 1 <= len(workers._pool.pids()) <= workers.num_workers()


PROGRAM = """
from lmgym.grading import grade
from tests.lmgym.grading.test_many_hostile_answers import HONEST, HOSTILE
for hostile in HOSTILE:
    assert grade("5\\\\cos x", "\\\\boxed{" + hostile + "}", timeout_s=0.2).status != "correct"
for gold, answer in HONEST:
    assert grade(gold, answer, timeout_s=120.0).status == "correct", answer
"""


@pytest.mark.slow
def test_eight_processes_at_once():
    command = [sys.executable, "-W", "error", "-c", PROGRAM]
    running = [subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) for _ in range(8)]
    for process in running:
        _, err = process.communicate(timeout=240)
        assert (err, process.returncode) == ("", 0)
