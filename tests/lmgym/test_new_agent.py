"""``lmgym new-agent`` writes projects that run as they are, and never over anything."""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import re
import subprocess
import sys
import tomllib

import pytest

from lmgym.cli import main
from lmgym.errors import InvalidValueError
from lmgym.new_agent import NewAgentConfig, write_agent

KINDS = ["response", "token", "learning"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_new_agent_passes_its_own_test_and_is_evaluated(kind, tmp_path, capsys, monkeypatch):
    pytest.importorskip("torch")
    assert main(["new-agent", "d7_mine", "--kind", kind, "--out", str(tmp_path)]) == 0
    folder = tmp_path / "d7_mine"
    assert f"cd {folder}" in capsys.readouterr().out.replace("\n", "")
    assert sorted(path.name for path in folder.iterdir()) == [
        "README.md", "d7_mine.py", "pyproject.toml", "test_d7_mine.py",
    ]  # fmt: skip
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    importlib.invalidate_caches()
    command = re.search(r"lmgym (eval .*)", (folder / "README.md").read_text())[1]
    try:
        importlib.import_module("test_d7_mine").test_it_keeps_the_laws_of_agents()
        assert main([*command.split(), "--num-problems", "40", "--json-out", "result.json"]) == 0
    finally:
        for name in ("d7_mine", "test_d7_mine"):
            sys.modules.pop(name, None)
    success = json.loads((folder / "result.json").read_text())["success"]["mean"]
    assert success == (0 if kind == "learning" else 1)


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_clean(kind, tmp_path):
    folder = write_agent("some_agent", kind, tmp_path)
    for path in folder.iterdir():
        text = path.read_text("utf-8")
        assert "$" not in text and text.endswith("\n") and not text.endswith("\n\n")
    options = ["--isolated", "--line-length", "110", str(folder)]
    for command in (["check", "--select", "E,F,UP,B,RUF"], ["format", "--check"]):
        done = subprocess.run(
            [sys.executable, "-m", "ruff", *command, *options], capture_output=True, text=True
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_the_project_registers_its_agent(tmp_path):
    folder = write_agent("some_agent", "token", tmp_path)
    project = tomllib.loads((folder / "pyproject.toml").read_text())
    group = project["project"]["entry-points"]["lmgym.agents"]
    point = importlib.metadata.EntryPoint("some_agent", group["some_agent"], "lmgym.agents")
    assert (point.module, point.attr) == ("some_agent", "SomeAgent")
    assert project["project"]["name"] == "some-agent"
    assert project["tool"]["hatch"]["build"]["targets"]["wheel"]["include"] == ["some_agent.py"]


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "some_agent").write_text("mine")
    with pytest.raises(InvalidValueError, match="exists already"):
        write_agent("some_agent", "token", tmp_path)
    assert (tmp_path / "some_agent").read_text() == "mine"
    (tmp_path / "other_agent").mkdir()
    with pytest.raises(InvalidValueError, match="exists already"):
        write_agent("other_agent", "token", tmp_path)
    assert not list((tmp_path / "other_agent").iterdir())


@pytest.mark.parametrize(
    "name",
    ["", "a", "My", "a-b", "a.b", "../a", "a/b", "_a", "a_", "1a", "class", "json", "lmgym", "é1", "a" * 51],
)
def test_names_that_no_module_can_have(name):
    with pytest.raises(InvalidValueError, match=r"NewAgentConfig\.name"):
        NewAgentConfig(name=name)


def test_the_current_folder_has_no_say(tmp_path, monkeypatch):
    (tmp_path / "d7_folder").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    assert NewAgentConfig(name="d7_folder").name == "d7_folder"
