"""Every Python block of the README runs as it stands, and every file it links to is there."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")
BLOCKS = re.findall(r"^```python\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
SAYS = ("1.0 True", "hedged unsolved limit", "Interval(mean=", "tokens 64", "True\n->E: ")


def test_the_readme_shows_an_environment_the_grader_an_agent_a_search_and_a_proof():
    assert len(BLOCKS) == len(SAYS)


@pytest.mark.parametrize(
    ("code", "says"),
    list(zip(BLOCKS, SAYS, strict=False)),
    ids=("environment", "grader", "agent", "search", "proof"),
)
def test_a_block_runs(code, says, tmp_path):
    file = tmp_path / "block.py"
    file.write_text(code, "utf-8")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(file)],
        cwd=tmp_path, env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert says in done.stdout


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(((?!http)[^)#]+)\)", README))))
def test_a_link_leads_somewhere(target):
    assert (ROOT / target).exists()
