"""The page docs/preferences.md: its examples run one after the other and print what they say."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from lmgym.preferences.formats import FORMATS

PAGE = (Path(__file__).parents[3] / "docs" / "preferences.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_examples_print_what_they_say(tmp_path):
    file = tmp_path / "page.py"
    file.write_text("\n".join(BLOCKS), "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(file)], cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = re.findall(r"^print\(.*\)(?:  |\n)# (.*)$", "\n".join(BLOCKS), re.MULTILINE)
    assert done.stdout.splitlines() == said


def test_every_format_is_in_the_table():
    rows = re.findall(r"^\| (`[^|]*`) \| ", PAGE.split("## Formats")[1], re.MULTILINE)
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row)} == set(FORMATS)
