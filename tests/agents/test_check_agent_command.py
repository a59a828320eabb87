"""``lmgym check-agent``: an agent by its name, checked."""

from __future__ import annotations

import pytest

from lmgym import check_agent
from lmgym.cli import main
from lmgym.errors import CheckError


class NeedsModel:
    granularity = "response"

    def act(self, observations):
        return [self.word] * len(observations)

    def begin(self, training):
        self.word = "yes"


class BeginsAlone(NeedsModel):
    def begin(self):
        self.word = "yes"


def test_a_sound_agent_is_described(capsys):
    assert main(["check-agent", "tests.lmgym.test_agent_checker:Copyist", "--env", "lmgym/Echo-v0"]) == 0
    assert "Copyist keeps the laws of agents" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("First", "expected 64 texts, one for each observation"),
        ("GlobalDice", "two agents made with seed=0"),
        ("NeedsWidth", "needs width; write tests.lmgym.test_agent_checker:NeedsWidth?width="),
    ],
)
def test_a_broken_agent_is_named(name, match, capsys):
    assert main(["check-agent", f"tests.lmgym.test_agent_checker:{name}", "--env", "lmgym/Echo-v0"]) == 2
    assert match in capsys.readouterr().err


def test_an_agent_that_begins_from_a_suites_model_is_sent_to_the_benchmark(capsys):
    assert main(["check-agent", "ppo"]) == 2
    assert "compare it by `lmgym bench --agents ppo`" in capsys.readouterr().err
    with pytest.raises(CheckError, match="only after begin"):
        check_agent(NeedsModel)
    with pytest.raises(CheckError, match=r"begin\(training\): expected a method of one argument"):
        check_agent(BeginsAlone)
