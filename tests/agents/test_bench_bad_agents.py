"""Bad agents in a real benchmark are reported by name with the reason, and the others finish."""

import json

import pytest

from lmgym.bench.results import read_results
from lmgym.bench.suites import load_suite
from lmgym_agents.commands.bench import Bench, run_bench

pytestmark = pytest.mark.slow

EXPECTED = {
    "TooFew": ("bad_action", ""),
    "NoText": ("bad_action", ""),
    "NoTokens": ("bad_action", ""),
    "Raises": ("raised", "KeyError: 'forgotten'"),
    "RaisesWhenMade": ("raised", "no licence"),
    "Hangs": ("timeout", "was not done after 0.5 minutes"),
    "Leaves": ("died", "exit code 7"),
    "Quits": ("raised", "SystemExit: enough"),
    "WritesNaN": ("not_finite", "loss"),
    "NoAgent": ("raised", ""),
    "Missing": ("raised", "Missing"),
}


def test_each_is_named_with_its_reason(tmp_path, capsys):
    plain = load_suite("quick").to_dict()
    entry = next(each for each in plain["entries"] if each["name"] == "delayed")
    entry |= {"budget": 500, "curve_points": 1, "curve_problems": 8, "num_problems": 8, "warm_start": None}
    (tmp_path / "small.json").write_text(json.dumps(plain | {"entries": [entry], "name": "small"}))
    agents = ",".join(f"tests.agents.bad_agents:{name}" for name in ("Fine", *EXPECTED))
    options = {"suite": str(tmp_path / "small.json"), "seeds": 1, "jobs": 2, "device": "cpu"}
    code = run_bench(Bench(agents=agents, out=tmp_path / "out", timeout_minutes=0.5, **options))
    found = {r.agent.rpartition(":")[2]: r for r in read_results(tmp_path / "out" / "results.jsonl")}
    text = capsys.readouterr().out
    for name, result in found.items():
        print(name, result.failure)
    assert code == 1 and found.pop("Fine").is_ok
    assert set(found) == set(EXPECTED)
    for name, (kind, words) in EXPECTED.items():
        failure = found[name].failure
        assert failure.kind == kind and words in failure.message, name
        assert f"bad_agents:{name}" in text
    for name in ("Raises", "Hangs", "Quits"):
        assert "bad_agents.py:" in found[name].failure.where, name
