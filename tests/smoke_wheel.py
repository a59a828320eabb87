"""Builds the wheel, installs it with its core dependencies alone into an environment of its own, and uses it.

Run by ``make test``. The environment (.venv-smoke) is made anew whenever the dependencies may have changed;
otherwise only the wheel is installed again, which takes seconds.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".venv-smoke"
PYTHON = HOME / "bin" / "python"

USE = """
import importlib.util, sys
import gymnasium, lmgym
from pathlib import Path

assert Path(lmgym.__file__).is_relative_to(Path(sys.prefix)), lmgym.__file__
for heavy in ("torch", "transformers", "stable_baselines3"):
    assert importlib.util.find_spec(heavy) is None, heavy

env = gymnasium.make("lmgym/Math-v0")
observation, info = env.reset(seed=0)
assert env.observation_space.contains(observation)
over = False
while not over:
    observation, reward, terminated, truncated, info = env.step(env.action_space.sample())
    over = terminated or truncated
assert {"success", "reason", "reward_terms"} <= set(info), info
envs = gymnasium.make_vec("lmgym/Math-v0", num_envs=3)
envs.reset(seed=0)
envs.step(envs.action_space.sample())

from lmgym.errors import MissingDependencyError
from lmgym.grading import grade
from lmgym.registration import TABLE

for entry in TABLE:  # what a task reads from files is in the wheel
    try:
        gymnasium.make(entry.id).reset(seed=0)
    except MissingDependencyError as error:
        needed = {
            "lmgym/ReasoningGym-v0": "lmgym[reasoning-gym]",
            "lmgym/Sentiment-v0": "lmgym[chat]",
            "lmgym/Rocq-v0": "apt-get install coq",
            "lmgym/Lean-v0": "LMGYM_LEAN_REPL",
        }
        assert entry.id in needed and needed[entry.id] in str(error).replace("\\n", " "), error
verdict = grade("cos(2x)", "1-2sin^2(x)", timeout_s=60)  # takes a worker process
assert verdict.status == "correct", verdict
assert "torch" not in sys.modules

from lmgym.preferences.label.app import read_page

assert b"<!doctype html>" in read_page()["index.html"]

from lmgym.bench.results import result_schema
from lmgym.bench.suites import load_suite, recorded_hash, suite_ids

assert load_suite("quick").hash == recorded_hash("lmgym-quick-1") and len(suite_ids()) >= 3
assert result_schema()["type"] == "object"
"""


def main() -> None:
    """Runs the smoke test; a failing step ends the program with its output."""
    with tempfile.TemporaryDirectory() as folder:
        wheel = build_wheel(Path(folder))
        install(wheel)
        elsewhere = Path(folder) / "elsewhere"
        elsewhere.mkdir()
        run(PYTHON, "-c", USE, cwd=elsewhere)
        listing = run(HOME / "bin" / "lmgym", "list", cwd=elsewhere)
        assert "lmgym/Math-v0" in listing, listing
        graded = run(HOME / "bin" / "lmgym", "grade", "1/2", "0.5", cwd=elsewhere)
        assert "correct" in graded, graded
        run(HOME / "bin" / "lmgym", "new-agent", "my_agent", "--kind", "learning", cwd=elsewhere)
        assert (elsewhere / "my_agent" / "my_agent.py").is_file()
        missing = run(HOME / "bin" / "lmgym", "train", "ppo", cwd=elsewhere, status=2)
        assert "lmgym[agents]" in missing and "Traceback" not in missing, missing


def build_wheel(folder: Path) -> Path:
    """Returns the path of the wheel, built with the pinned tools of the running environment."""
    run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT)
    (wheel,) = folder.glob("*.whl")
    return wheel


def install(wheel: Path) -> None:
    """Installs ``wheel``: from scratch, or by itself where the same dependencies are there already."""
    pip = ("-m", "pip", "--disable-pip-version-check", "-qq", "install", "--progress-bar", "off")
    sources = b"".join((ROOT / name).read_bytes() for name in ("pyproject.toml", "constraints.txt"))
    digest = hashlib.sha256(sources + sys.version.encode()).hexdigest()
    stamp = HOME / ".dependencies"
    if stamp.exists() and stamp.read_text() == digest:
        run(PYTHON, *pip, "--force-reinstall", "--no-deps", wheel)
        return
    shutil.rmtree(HOME, ignore_errors=True)
    venv.create(HOME, with_pip=True)
    run(PYTHON, *pip, "-c", ROOT / "constraints.txt", wheel)
    stamp.write_text(digest)


def run(*command: object, cwd: Path = ROOT, status: int = 0) -> str:
    """Returns what ``command`` prints; ends the program if its exit status is not ``status``."""
    dropped = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    environment = {name: value for name, value in os.environ.items() if name not in dropped}
    result = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    if result.returncode != status:
        print(result.stdout)
        raise SystemExit(f"wheel: {command[0]} ended with {result.returncode} instead of {status}")
    return result.stdout


if __name__ == "__main__":
    main()
