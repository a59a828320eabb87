"""Published measurements say how to repeat them, and whether they keep what was promised."""

from __future__ import annotations

import json
import operator
import re
from pathlib import Path

import pytest

from benchmarks import marks

FILES = sorted(marks.RESULTS.glob("*.json"))
FIELDS = {
    "command": str,
    "commit": str,
    "machine": str,
    "versions": dict,
    "date": str,
    "marks": list,
    "rows": list,
}
MARK = {"name": str, "value": int | float, "unit": str, "goal": str, "holds": bool}
COMPARE = {">=": operator.ge, "<=": operator.le}


def refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no JSON")


def check_record(record: object) -> None:
    assert isinstance(record, dict)
    for field, kind in FIELDS.items():
        assert isinstance(record.get(field), kind), f"{field} must be a {kind.__name__}"
        assert record[field] or field in ("marks", "rows"), f"{field} is empty"
    assert re.match(r"\d{4}-\d{2}-\d{2}", record["date"])
    assert record["rows"] and all(isinstance(row, dict) for row in record["rows"])
    for mark in record["marks"]:
        assert mark.keys() == MARK.keys()
        for field, kind in MARK.items():
            assert isinstance(mark[field], kind) and isinstance(mark[field], bool) == (kind is bool), (
                mark,
                field,
            )
        sign, number = re.fullmatch(r"(>=|<=) ([-+.e\d]+)", mark["goal"]).groups()
        assert mark["holds"] == COMPARE[sign](mark["value"], float(number)), mark


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_published_result_can_be_repeated_and_its_marks_are_honest(path):
    check_record(json.loads(path.read_text("utf-8"), parse_constant=refuse))
    assert (marks.RESULTS.parent / f"{path.stem}.py").exists(), (
        "results carry the name of the script that made them"
    )


def make_record(**changes: object) -> dict[str, object]:
    record = {
        "command": "python benchmarks/x.py", "commit": "abc", "machine": "m", "versions": {"lmgym": "0.1.0"},
        "date": "2026-11-21T00:00:00+00:00", "rows": [{"rows": 64}],
        "marks": [{"name": "speed", "value": 2.0, "unit": "steps/s", "goal": ">= 3", "holds": False}],
    }  # fmt: skip
    return record | changes


def test_the_check_accepts_a_missed_mark_that_says_so():
    check_record(make_record())


@pytest.mark.parametrize(
    "changes",
    [
        {"command": ""},
        {"versions": None},
        {"rows": []},
        {"date": "yesterday"},
        {"marks": [{"name": "speed", "value": 2.0, "unit": "steps/s", "goal": ">= 3", "holds": True}]},
        {"marks": [{"name": "speed", "value": True, "unit": "steps/s", "goal": ">= 3", "holds": False}]},
        {"marks": [{"name": "speed", "value": 2.0, "unit": "steps/s", "goal": ">= 3"}]},
    ],
)
def test_the_check_refuses(changes):
    with pytest.raises(AssertionError):
        check_record(make_record(**changes))


def test_the_table_has_a_row_for_every_mark(tmp_path: Path, capsys):
    (tmp_path / "x.json").write_text(json.dumps(make_record()))
    marks.main(tmp_path)
    line = capsys.readouterr().out.splitlines()[1]
    assert line.split()[:7] == ["x", "speed", "2", "steps/s", ">=", "3", "no"]


def test_without_results_it_says_what_to_run(tmp_path: Path, capsys):
    marks.main(tmp_path)
    assert "make bench" in capsys.readouterr().out
