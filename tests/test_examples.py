"""Every example runs from the command line, prints something, and warns of nothing."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).resolve().parent.parent / "examples").glob("[0-9]*.py"))

SAYS = {
    "01_play.py": "reward 1.0, terms {'correct': 1.0}",
    "02_write_a_task.py": "correct, reward 1.0",
    "03_custom_reward.py": "'even': 0.2",
    "04_train_ppo.py": "after PPO: 9",
    "05_plug_in_your_agent.py": "29+29= 48 wrong",
    "06_stable_baselines3.py": "tokens: 100%",
    "07_learn_from_preferences.py": ": learned",
    "08_single_file_ppo.py": "after 20 updates: 100%",
    "09_trl_grpo.py": "after GRPO: 9",
    "10_pettingzoo_games.py": "theory begins: 100 of 100",
    "11_torchrl.py": "torchrl: learned",
    "12_tianshou.py": "tianshou: learned",
}

NEEDS = {
    "09_trl_grpo.py": "trl",
    "10_pettingzoo_games.py": "pettingzoo",
    "11_torchrl.py": "torchrl",
    "12_tianshou.py": "tianshou",
}
"""Libraries that an example shows at work; where one is not installed its example is skipped."""

SHORTER = {"08_single_file_ppo.py": ["--length", "2", "--updates", "20"]}
"""Arguments for examples that take longer by themselves."""


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_runs(path, tmp_path):
    needed = NEEDS.get(path.name)
    if needed and importlib.util.find_spec(needed) is None:
        pytest.skip(f"{needed} is not installed: pip install {needed}")
    done = subprocess.run(
        [sys.executable, "-W", "error", str(path), *SHORTER.get(path.name, [])],
        cwd=tmp_path,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert SAYS.get(path.name, "") in done.stdout
    assert done.stdout.strip()


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_an_example_says_what_it_shows_and_how_to_run_it(path):
    text = path.read_text("utf-8")
    assert text.startswith('"""')
    assert f"python examples/{path.name}" in text.split('"""')[1]
