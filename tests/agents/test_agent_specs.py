"""Agents by name: what is said is what is made, and a mistake is told with its place."""

from __future__ import annotations

import importlib
import json
import sys
from importlib.metadata import EntryPoint, EntryPoints

import pytest

from lmgym.cli import main
from lmgym.errors import InvalidValueError, LmgymError, UnknownNameError
from lmgym_agents import agent_specs
from lmgym_agents.agent_specs import make_agent, parse_agent_spec
from lmgym_agents.bench.measuring import GuardedAgent

MODULE = """
from lmgym.errors import ModelError

class Mine:
    granularity = "response"

    def __init__(self, width, seed=0, *, deep=False):
        self.given = (width, seed, deep)
        if width == 7:
            raise RuntimeError("seven\\nis bad")
        if width == 8:
            raise ModelError("eight")

    def act(self, observations):
        return ["x"] * len(observations)

class Open:
    granularity = "token"

    def __init__(self, **options):
        self.given = options

    def act(self, observations):
        return []

class Plain:
    pass

TEXT = "text"
"""


@pytest.fixture
def mine(tmp_path, monkeypatch):
    """A module in the current folder, which is not on the path."""
    (tmp_path / "d_specs_mine.py").write_text(MODULE)
    (tmp_path / "d_specs_raises.py").write_text("x = 1\n\ny = x.foo\n")
    (tmp_path / "d_specs_needs.py").write_text("\nimport no_such_module_at_all\n")
    (tmp_path / "d_specs_syntax.py").write_text("ok = 1\ndef f(:\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [place for place in sys.path if place not in ("", ".")])
    importlib.invalidate_caches()
    yield
    for name in [name for name in sys.modules if name.startswith("d_specs_")]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("text", "kind", "name", "options"),
    [
        ("a.b:C", "module", "a.b:C", {}),
        ("a:C.make", "module", "a:C.make", {}),
        ("a:C?x=1&y=2.5e-4&z=true&w=word&v=null", "module", "a:C",
         {"x": 1, "y": 2.5e-4, "z": True, "w": "word", "v": None}),
        ("a:C?x=[1,2]&y=1%262&z=", "module", "a:C", {"x": [1, 2], "y": "1&2", "z": ""}),
        ('a:C?x="3"&y=a=b', "module", "a:C", {"x": "3", "y": "a=b"}),
        ("http://h:8000/v1#org/model:7b?temperature=0", "endpoint", "http://h:8000/v1#org/model:7b",
         {"temperature": 0}),
        ("https://h/v1#m", "endpoint", "https://h/v1#m", {}),
    ],
)  # fmt: skip
def test_what_a_name_says(text, kind, name, options):
    spec = parse_agent_spec(text)
    assert (spec.text, spec.kind, spec.name, spec.options) == (text, kind, name, options)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("http://h:8000/v1", "http://HOST:PORT/v1#MODEL"),
        ("http://h:8000/v1#", "http://HOST:PORT/v1#MODEL"),
        ("a b:C", "an agent is a built-in name"),
        (":C", "an agent is a built-in name"),
        ("a:", "an agent is a built-in name"),
        ("a:C?x", r"got 'x' in"),
        ("a:C?x=1&x=2", r"each once; got 'x=2'"),
        ("a:C?x-y=1", r"got 'x-y=1'"),
        ("mine.py:C", r"as in 'mine:C'"),
        ("./deep/mine.py:C", r"as in 'deep.mine:C'"),
        ("a:C?x=\x1b[31m", "printable"),
        ("a:C?x=" + "9" * 5000, "4096"),
    ],
)
def test_names_of_no_form(text, match):
    with pytest.raises(InvalidValueError, match=match):
        parse_agent_spec(text)


def test_a_deep_value_is_text():
    deep = "[" * 4000
    assert parse_agent_spec(f"a:C?x={deep}").options == {"x": deep}


def test_an_unknown_name_is_told_the_nearest(monkeypatch):
    monkeypatch.setattr(agent_specs, "BUILTIN", {"ppo": "a:C", "q_learning": "a:C"})
    with pytest.raises(UnknownNameError, match="Did you mean 'q_learning'"):
        parse_agent_spec("q-learning")


def test_a_builtin_has_options_of_its_own_which_the_caller_overrides(mine, monkeypatch):
    table = {"wide": "d_specs_mine:Mine?width=30&deep=true", "open": "d_specs_mine:Open"}
    monkeypatch.setattr(agent_specs, "BUILTIN", table)
    monkeypatch.syspath_prepend(".")
    assert parse_agent_spec("wide").kind == "builtin"
    assert make_agent("wide", seed=3).given == (30, 3, True)
    assert make_agent("wide?width=2&seed=9", seed=3).given == (2, 9, True)
    assert make_agent("open?anything=1", seed=3).given == {"anything": 1}


def test_every_builtin_is_written_as_a_reference():
    for name, reference in agent_specs.BUILTIN.items():
        assert parse_agent_spec(name).kind == "builtin"
        assert parse_agent_spec(reference).kind == "module"


def test_a_class_is_found_in_the_current_folder_and_given_the_seed(mine):
    assert make_agent("d_specs_mine:Mine?width=3&deep=true", seed=5).given == (3, 5, True)
    assert make_agent(parse_agent_spec("d_specs_mine:Mine?width=3"), seed=6).given == (3, 6, False)


@pytest.mark.parametrize(
    ("text", "error", "match"),
    [
        ("d_specs_mine:Mine", InvalidValueError, r"needs width; write d_specs_mine:Mine\?width=…"),
        ("d_specs_mine:Mine?wdith=3", UnknownNameError, "Did you mean 'width'. Allowed: deep, seed, width"),
        ("d_specs_mine:Mime", UnknownNameError, "Did you mean 'Mine'. Allowed: Mine, Open, Plain"),
        (
            "d_specs_mine:Mine?width=7",
            InvalidValueError,
            r"RuntimeError: seven \(.*d_specs_mine.py, line 10\)",
        ),
        ("d_specs_mine:Mine?width=8", LmgymError, "^eight$"),
        ("d_specs_mine:Plain", InvalidValueError, "is no agent: it needs a method act"),
        ("d_specs_mine:TEXT", InvalidValueError, "is a str; name a class"),
        ("d_specs_mine.deep:C", InvalidValueError, "there is no module 'd_specs_mine.deep'"),
        ("d_specs_absent:C", InvalidValueError, "PYTHONPATH"),
        ("d_specs_raises:C", InvalidValueError, r"no attribute 'foo' \(.*d_specs_raises.py, line 3\)"),
        ("d_specs_needs:C", InvalidValueError, r"no_such_module_at_all' \(.*d_specs_needs.py, line 2\)"),
        ("d_specs_syntax:C", InvalidValueError, r"SyntaxError: .* \(.*d_specs_syntax.py, line 2\)"),
        ("collections:OrderedDict?x=1", InvalidValueError, "is no agent"),
    ],
)
def test_what_can_not_be_made(mine, text, error, match):
    with pytest.raises(error, match=match):
        make_agent(text)


def test_the_place_told_is_in_the_callers_code_not_in_the_library_it_calls(tmp_path, monkeypatch):
    (tmp_path / "d_specs_deep.py").write_text("import json\nvalue = json.loads('{')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(InvalidValueError, match=r"JSONDecodeError: .*d_specs_deep.py, line 2"):
        make_agent("d_specs_deep:C")


def test_a_package_registers_agents(mine, monkeypatch):
    def found(**params):
        points = [
            EntryPoint("clever", "d_specs_mine:Mine", "lmgym.agents"),
            EntryPoint("twice", "d_specs_mine:Mine", "lmgym.agents"),
            EntryPoint("twice", "d_specs_mine:Open", "lmgym.agents"),
            EntryPoint("other", "d_specs_mine:Open", "another.group"),
        ]
        return EntryPoints(points).select(**params)

    monkeypatch.setattr(agent_specs, "entry_points", found)
    monkeypatch.syspath_prepend(".")
    assert parse_agent_spec("clever?width=2").kind == "entry_point"
    assert make_agent("clever?width=2", seed=1).given == (2, 1, False)
    with pytest.raises(InvalidValueError, match="several packages register an agent 'twice'"):
        make_agent("twice")
    with pytest.raises(UnknownNameError, match="Did you mean 'clever'"):
        parse_agent_spec("clevr")
    with pytest.raises(UnknownNameError):
        parse_agent_spec("other")


class Explorer:
    """Is right unless it explores."""

    granularity = "response"
    explores = True

    def act(self, observations):
        return ["?" if self.explores else text.rstrip(">") for text in observations]


def test_an_agent_measured_by_its_name_does_not_explore(tmp_path):
    words = ["eval", "--env", "lmgym/Echo-v0", "--agent", f"{__name__}:Explorer", "--num-problems", "5"]
    assert main([*words, "--json-out", str(tmp_path / "found.json")]) == 0
    assert json.loads((tmp_path / "found.json").read_text())["success"]["mean"] == 1


def test_an_agent_that_needs_a_model_of_the_benchmark_is_told_so(capsys):
    assert main(["eval", "--env", "lmgym/Echo-v0", "--agent", "ppo?epochs=2"]) == 2
    assert "lmgym bench --agents ppo?epochs=2" in capsys.readouterr().err.replace("\n", " ")


def test_a_guarded_agent_still_says_that_it_reads_marks():
    agent = Explorer()
    assert not GuardedAgent(agent).reads_marks
    agent.reads_marks = True
    assert GuardedAgent(agent).reads_marks


def test_a_module_without_a_class_is_answered_with_how_to_name_one(mine):
    with pytest.raises(InvalidValueError, match="d_specs_raises:MyAgent"):
        parse_agent_spec("d_specs_raises")  # which raises when it is imported
    assert "d_specs_raises" not in sys.modules
