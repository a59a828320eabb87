"""The page docs/rewards.md: its examples run one after the other and print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import lmgym.rewards
from lmgym.rewards.functions import NAMED

PAGE = (Path(__file__).parents[3] / "docs" / "rewards.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_print_what_they_say(tmp_path):
    file = tmp_path / "page.py"
    file.write_text("\n".join(BLOCKS), "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(file)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines() == [
        "1.097 {'correct': 1.0, 'format': 0.1, 'length': -0.003}",
        "[1.0]",
        "'\\n' 0.0",
        "'90+60=150\\n' 0.1",
        "'4+3=8\\n' 0.0",
        "'150+8=158\\n' 0.0",
        "'158' 0.0",
        "2",
        "right wrong 1",
        "0.82 2.32 0.97 -0.2 ",
    ]


def test_every_name_is_in_the_table_and_every_class_exported():
    rows = re.findall(r'^\| "(\w+)" \| `(\w+)\(', PAGE, re.MULTILINE)
    for name, kind in rows:
        assert NAMED[name] is getattr(lmgym.rewards, kind)
    assert {name for name, _ in rows} >= NAMED.keys() - {"lmrl_wordle"}
