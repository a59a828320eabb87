"""``lmgym check-agent``: an agent by its name, checked."""

from __future__ import annotations

import pytest

from lmgym.cli import main


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
