"""How the programs of a prover are started: under limits, and knowing nothing of us. Needs no prover."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest

from lmgym.logic.rocq.programs import Limits, kill_group, start

pytestmark = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="limits are those of Linux")

LIMITS = Limits(memory_bytes=1 << 30, cpu_s=77, file_bytes=100)


def said_by(code: str, folder: Path) -> list[str]:
    """Returns the words that a Python program prints which is started as a prover is."""
    command = [sys.executable, "-I", "-S", "-c", code]
    process = start(command, str(folder), LIMITS, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT)
    try:
        output, _ = process.communicate(timeout=60)
        return output.decode().split()
    finally:
        kill_group(process)


def test_a_program_is_started_under_its_limits(tmp_path: Path) -> None:
    names = ("AS", "CPU", "FSIZE", "CORE", "NOFILE")
    code = f"import resource\nfor n in {names}: print(*resource.getrlimit(getattr(resource, 'RLIMIT_' + n)))"
    given = [1 << 30, 77, 100, 0, 256]
    assert said_by(code, tmp_path) == [str(limit) for limit in given for _ in range(2)]  # soft and hard


def test_a_program_gets_no_more_than_its_limits(tmp_path: Path) -> None:
    assert said_by("try: bytearray(1 << 30)\nexcept MemoryError: print('no')", tmp_path) == ["no"]
    code = "try:\n with open('f', 'w') as f: f.write('x' * 101)\nexcept OSError as e: print(e.errno)"
    assert said_by(code, tmp_path) == [str(errno.EFBIG)]
    assert (tmp_path / "f").stat().st_size == 100


def test_a_program_is_told_nothing_of_our_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_SECRET", "s")
    monkeypatch.setenv("COQLIB", "lib")
    code = "import os\nfor n in ('A_SECRET', 'COQLIB', 'HOME', 'TMPDIR'): print(os.environ.get(n))"
    assert said_by(code, tmp_path) == ["None", "lib", str(tmp_path), str(tmp_path)]
    assert said_by("import os; print(os.getcwd(), os.getpgrp() == os.getpid())", tmp_path) == [
        str(tmp_path),
        "True",
    ]
