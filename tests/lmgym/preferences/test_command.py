"""``lmgym preferences``: what it prints, what it converts, what it refuses."""

from __future__ import annotations

import json

import pytest

from lmgym.cli import main
from lmgym.preferences import Comparison, Preference, PreferenceLog, SimulatedAnnotator, make_preferences
from lmgym.preferences.command import Name
from lmgym.preferences.formats import FORMATS, read_preferences_as, write_preferences
from tests.real_data import real_file

TIME = "2026-01-31T12:00:00Z"


@pytest.fixture(autouse=True)
def wide(monkeypatch):
    monkeypatch.setenv("COLUMNS", "140")


@pytest.fixture
def panel(tmp_path):
    """A log of three raters on sixty questions, the first of whom is asked all of them twice."""
    annotator = SimulatedAnnotator(lambda transcript: len(transcript.response), noise=0.2, num_raters=3)
    questions = [Comparison(f"q{n}", ("a" * (1 + n % 3), "b" * (1 + n % 2))) for n in range(60)]
    path = tmp_path / "log.jsonl"
    with PreferenceLog(path) as log:
        for rater in annotator.raters:
            log.extend(make_preferences(rater, questions, now=TIME))
        again = [question._replace(repetition=1) for question in questions]
        log.extend(make_preferences(annotator.raters[0], again, now=TIME), duplicates="keep")
    return path


def lines_of(capsys):
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_show_prints_counts_agreement_and_shares(panel, capsys):
    assert main(["preferences", "show", str(panel)]) == 0
    lines = lines_of(capsys)
    assert lines[:4] == ["records 240", "prompts 60", "ties (pairs) 80", "no verdict 0"]
    assert "by simulated-0 120" in lines
    assert any(line.startswith("all raters 60 0.") for line in lines)
    assert any(line.startswith("simulated-1 and simulated-2 60 0.") for line in lines)
    assert any(line.startswith("the same said again 1.000 0.") and line.endswith(" 60") for line in lines)


def test_show_prints_the_same_as_json(panel, capsys):
    assert main(["preferences", "show", str(panel), "--json"]) == 0
    values = json.loads(capsys.readouterr().out)
    assert values["num_records"] == 240 and values["raters"]["simulated-0"] == 120
    assert [item["num_pairs"] for item in values["agreement"]] == [60] * 4
    assert values["agreement"][0]["kappa"] is None and 0 < values["agreement"][1]["kappa"]["value"] < 1
    better, longer = values["shares"]["the truly better wins"], values["shares"]["the longer wins"]
    assert better == longer and better["num"] == 160 and better["low"] < 0.8 < better["high"]


def test_show_says_what_could_not_be_read(tmp_path, capsys):
    path = tmp_path / "p.jsonl"
    path.write_text('{"prompt": "p", "chosen": "a", "rejected": "b"}\nnot\n{"chosen": 1}\n')
    assert main(["preferences", "show", str(path), "--format", "trl"]) == 0
    lines = lines_of(capsys)
    assert "not read: not JSON 1" in lines and "not read: no field 'rejected' 1" in lines
    assert "the truly better wins - 0" in lines


def test_names_of_raters_do_not_reach_the_terminal_as_they_are(tmp_path, capsys):
    record = Preference("p", ("a", "b"), "\x1b]0;owned\x07", (0, 1), None, TIME)
    write_preferences([record], "lmgym", tmp_path / "p.jsonl")
    assert main(["preferences", "show", str(tmp_path / "p.jsonl")]) == 0
    out = capsys.readouterr().out
    assert "\x1b" not in out and "\\x1b" in out


def test_convert_and_what_got_lost(panel, tmp_path, capsys):
    out = tmp_path / "out.jsonl.gz"
    assert main(["preferences", "convert", str(panel), str(out), "--from", "lmgym", "--to", "trl"]) == 0
    assert lines_of(capsys) == ["240 preferences read, 160 rows written.", "not written: 80 x tie"]
    assert len(read_preferences_as("trl", out)) == 160


def test_the_real_file_there_and_back(tmp_path, capsys):
    path = real_file("hh_rlhf_harmless/test.jsonl.gz")
    trl, back = str(tmp_path / "trl.jsonl"), str(tmp_path / "back.jsonl")
    assert main(["preferences", "convert", str(path), trl, "--from", "hh-rlhf", "--to", "trl"]) == 0
    assert lines_of(capsys) == [
        "2307 preferences read, 2307 rows written.",
        "not read: 5 x dialogues that differ before the last answer",
    ]
    assert main(["preferences", "convert", trl, back, "--from", "trl", "--to", "hh-rlhf"]) == 0
    assert read_preferences_as("hh-rlhf", back) == read_preferences_as("hh-rlhf", path)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["show", "none.jsonl"], "none.jsonl"),
        (["show", "empty.jsonl"], "holds no preferences"),
        (["show", "odd.jsonl", "--format", "trl"], "1 x not an object"),
        (["show", "odd.jsonl", "--format", "trl"], "Formats: lmgym, hh-rlhf, trl"),
        (["show", "trl.jsonl"], "in the format 'lmgym' (1 x no record). It can be read as 'trl'"),
        (["convert", "odd.jsonl", "out", "--from", "trl", "--to", "hh-rlhf"], "1 x not an object"),
        (["convert", "good.jsonl", "good.jsonl", "--from", "lmgym", "--to", "trl"], "exists"),
        (["convert", "good.jsonl", "out", "--from", "lmgym", "--to", "qa_feedback"], "only be read"),
        (["convert", "good.jsonl", "no/out", "--from", "lmgym", "--to", "trl"], "no/"),
    ],
)
def test_mistakes_are_one_message(words, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "odd.jsonl").write_text("[]\n")
    (tmp_path / "trl.jsonl").write_text('{"prompt": "p", "chosen": "a", "rejected": "b"}\n')
    write_preferences([Preference("p", ("a", "b"), "x", (0, 1), None, TIME)], "lmgym", "good.jsonl")
    before = sorted(item.name for item in tmp_path.iterdir())
    assert main(["preferences", *words]) == 2
    assert message in capsys.readouterr().err
    assert sorted(item.name for item in tmp_path.iterdir()) == before


def test_the_command_knows_every_format():
    assert set(Name.__args__) == set(FORMATS)
