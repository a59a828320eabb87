"""The agents of the page on agents learn what the page says, alone and in the benchmark."""

from __future__ import annotations

import importlib
import json
import sys

import gymnasium as gym
import numpy as np
import pytest

from lmgym.agent_checker.episodes import play_episodes
from lmgym.cli import main
from tests.docs.pages import DOCS, find_blocks

CODE = [b.code for b in find_blocks((DOCS / "agents.md").read_text("utf-8")) if b.language == "python"]

CRASH = """class Crash:
    granularity = "response"

    def act(self, observations):
        return 1 / 0
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with the page's agents in files, and one that fails; the current one."""
    (tmp_path / "pointer.py").write_text(next(code for code in CODE if "class Pointer:" in code))
    favourite = next(code for code in CODE if "class Favourite:" in code)
    (tmp_path / "favourite.py").write_text(f"import numpy as np\n{favourite}")
    (tmp_path / "crash.py").write_text(CRASH)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    importlib.invalidate_caches()
    yield tmp_path
    for name in ("pointer", "favourite", "crash"):
        sys.modules.pop(name, None)


def test_the_agent_that_observes_learns(folder):
    agent = importlib.import_module("pointer").Pointer(seed=0)
    env = gym.make_vec("lmgym/Echo-v0", num_envs=256, autoreset_mode="DISABLED")
    first = play_episodes(agent, env, 0).experience
    assert first.success.mean() < 0.1
    for seed in range(1, 9):
        agent.observe(play_episodes(agent, env, seed).experience)
    agent.explores = False
    tested = gym.make_vec("lmgym/Echo-v0", num_envs=64, autoreset_mode="DISABLED", split="test")
    assert play_episodes(agent, tested, 0).experience.success.mean() == 1


class Rounds:
    """As much of ``Training`` as the page's agent asks for."""

    def __init__(self, rounds):
        self.left, self.rewards = rounds, []

    def make_env(self, num_envs, **options):
        return gym.make_vec("lmgym/Count-v0", num_envs=num_envs, autoreset_mode="DISABLED", **options)

    def advance(self, metrics):
        self.rewards.append(metrics["reward"])
        self.left -= 1
        return self.left > 0


def test_the_agent_that_trains_itself_learns(folder):
    agent = importlib.import_module("favourite").Favourite(seed=0)
    training = Rounds(20)
    agent.learn(training)
    assert len(training.rewards) == 20 and 0 < np.mean(training.rewards) < 0.3
    assert agent.best in set("0123456") and agent.act(["a in b=", ""]) == [agent.best] * 2


@pytest.mark.slow
def test_they_appear_in_the_benchmark_and_the_one_that_fails_is_named(folder):
    pytest.importorskip("torch")
    agents = "pointer:Pointer,crash:Crash"
    words = f"bench --suite quick --only reverse --agents {agents} --seeds 1 --device cpu --out first"
    assert main(words.split()) == 1
    results = {
        line["agent"]: line
        for line in map(json.loads, (folder / "first/results.jsonl").read_text().splitlines())
    }
    learned, failed = results["pointer:Pointer"], results["crash:Crash"]
    assert learned["status"] == "ok" and learned["start_scores"]["test"]["mean"] == 0
    assert learned["scores"]["test"]["mean"] > 0.95
    assert failed["status"] == "failed" and failed["failure"]["kind"] == "raised"
    assert "ZeroDivisionError" in failed["failure"]["message"] and "crash.py:5" in failed["failure"]["where"]
