"""``lmgym grade``: the verdict, its explanation, its exit code."""

from __future__ import annotations

import io
import json
import sys

import pytest

from lmgym.cli import main
from lmgym.grading import workers
from lmgym.grading.decisions import forget_decisions
from lmgym.grading.workers import Outcome


def rows_of(out):
    """The printed table as a dict; a folded line belongs to the row above it."""
    rows, name = {}, ""
    for line in out.splitlines():
        head, _, rest = line.partition("  ")
        name = head or name
        rows[name] = (rows.get(name, "") + " " + rest.strip()).strip()
    return rows


def grade(capsys, *arguments):
    code = main(["grade", *arguments])
    return code, rows_of(capsys.readouterr().out)


def test_a_right_answer_is_explained(capsys):
    code, rows = grade(capsys, "5/2", r"Half of five is \boxed{2.5}.")
    assert code == 0
    time = rows.pop("time")
    assert time.endswith(" ms") and float(time.removesuffix(" ms")) >= 0
    assert rows == {
        "verdict": "correct",
        "looked for": "final",
        "answer": "2.5",
        "gold read as": "divide: 5/2   LaTeX: \\frac{5}{2}",
        "answer read as": "number: 2.5   LaTeX: 2.5",
        "decided by": "exact values of plain numbers",
    }


@pytest.mark.parametrize(
    ("arguments", "code", "verdict", "decided_by"),
    [
        (["7", "8"], 1, "wrong (wrong)", "exact values of plain numbers"),
        (["-5", "-5"], 0, "correct", "exact values of plain numbers"),
        (["x+1", "1+x"], 0, "correct", "exact rules"),
        (["408", "12*34"], 1, "wrong (unsolved)", "exact rules"),
        (["408", "12*34", "--rule", "must_be_solved=false"], 0, "correct", "exact rules"),
        (["0.7", "70", "--rule", "percent=optional"], 1, "wrong (wrong)", "exact values of plain numbers"),
        (["0.33", "1/3", "--rule", "decimals=2"], 0, "correct", "exact rules"),
        (["0.33", "1/3", "--rule", "decimals=none"], 1, "wrong (wrong)", "exact values of plain numbers"),
        (["7", "((7"], 1, "wrong (unparsed)", "the parser, which refused the answer"),
        (["7", "7 or 8"], 1, "wrong (hedged)", "a word that leaves the answer open"),
        (["7", ""], 1, "wrong (no_answer)", "the search for a final answer"),
        (["7", r"\boxed{7}\boxed{8}"], 1, "wrong (several_answers)", "the search for a final answer"),
        (["7^", "7"], 3, "error (gold)", "the gold answer, which is not usable"),
        (["B", "It is (B).", "--policy", "choice"], 1, "wrong (no_answer)", "the search for a final answer"),
        (["B", "The answer is (B).", "--policy", "choice"], 0, "correct", "letters of the choices"),
        (["9*2=18\n#### 18", "18", "--solution"], 0, "correct", "exact values of plain numbers"),
    ],
)
def test_verdicts_and_exit_codes(capsys, arguments, code, verdict, decided_by):
    found_code, rows = grade(capsys, *arguments)
    assert (found_code, rows["verdict"], rows["decided by"]) == (code, verdict, decided_by)


def test_changed_rules_are_shown(capsys):
    _, rows = grade(capsys, "1", "1", "--rule", "units=refused", "--rule", "ignore_case=false")
    assert rows["rules"] == "units=refused, ignore_case=False"


def test_a_prompt_s_copy_is_an_echo(capsys):
    prompt = "What is 3+4? Write it like \\boxed{7}."
    _, rows = grade(capsys, "7", prompt, "--prompt", prompt)
    assert rows["verdict"] == "wrong (echo)"


@pytest.mark.parametrize(("failure", "code"), [("timeout", 1), ("overloaded", 3)])
def test_what_happened_to_a_worker(capsys, monkeypatch, failure, code):
    monkeypatch.setattr("lmgym.grading.equality.equivalence.compare", lambda *_: None)
    monkeypatch.setattr(workers, "run", lambda request, timeout_s: Outcome(failure, {}))
    forget_decisions()
    found_code, rows = grade(capsys, "\\sin 2x", "\\cos x", "--timeout-s", "1")
    forget_decisions()
    assert found_code == code
    assert rows["verdict"] == f"{'wrong' if code == 1 else 'error'} ({failure})"
    assert rows["decided by"] == "a worker process"


def test_json_is_one_object(capsys):
    assert main(["grade", "5/2", "2.5", "--json"]) == 0
    out = capsys.readouterr().out
    found = json.loads(out)
    assert out.count("\n") == 1
    assert (found["status"], found["answer"], found["decided_by"]) == ("correct", "2.5", "numbers")
    assert found["given"] == {"written": "2.5", "read": "2.5", "latex": "2.5", "kind": "number"}
    assert found["seconds"] > 0 and found["rules"]["lists"] == "any_order"


@pytest.mark.parametrize("extra", [[], ["--json"]])
def test_a_hostile_response_comes_from_a_pipe_and_leaves_the_terminal_alone(capsys, monkeypatch, extra):
    piped = io.TextIOWrapper(io.BytesIO(b"7 \xff\x1b[31m\x00\xe2\x80\xae"), "utf-8")
    monkeypatch.setattr(sys, "stdin", piped)
    assert main(["grade", "7", "-", *extra]) == 1
    out = capsys.readouterr().out
    assert out.isascii() and "\x1b" not in out and "\x00" not in out
    assert "\\u202e" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["7", "7", "--rule", "unit=optional"], "unknown rule 'unit'. Did you mean 'units'?"),
        (["7", "7", "--rule", "units"], "GradeConfig.rule must be NAME=VALUE, got 'units'"),
        (["7", "7", "--rule", "units=no"], "Rules.units must be one of"),
        (["7", "7", "--rule", "decimals=x"], "Rules.decimals must be a whole number or none, got 'x'"),
        (["7", "7", "--timeout-s", "0"], "timeout_s must be a number in (0, 600], got 0"),
    ],
)
def test_a_mistake_is_one_message_and_exit_code_2(capsys, arguments, message):
    assert main(["grade", *arguments]) == 2
    assert message in capsys.readouterr().err
