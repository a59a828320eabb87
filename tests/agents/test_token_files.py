"""Runs and evaluations leave token records, and `lmgym report` makes a page of them."""

from __future__ import annotations

import json

import pytest

from lmgym.cli import main
from lmgym.errors import InvalidValueError
from lmgym_agents.commands.eval import Eval
from lmgym_agents.commands.report import ReportConfig

ENV = ("--env", "lmgym/Echo-v0", "--reward", "length", "--threads", "1", "--num-transcripts", "0")


def read(path):
    return [json.loads(line) for line in path.read_text("ascii").splitlines()]


@pytest.mark.parametrize("kind", ["ppo", "q", pytest.param("sft", marks=pytest.mark.slow)])
def test_a_training_keeps_its_beginning_and_its_end(tmp_path, kind, capsys, monkeypatch):
    monkeypatch.setattr("lmgym_agents.report.html.page._plotly", lambda: "")
    run = tmp_path / "run"
    rows = () if kind == "sft" else ("--num-envs", "8")
    rows += ("--value-warmup-iterations", "0") if kind == "ppo" else ()
    model = ("--model", "nano", "--iterations", "2", "--eval-problems", "3", "--no-tensorboard")
    assert main(["train", kind, *ENV, *rows, *model, "--out", str(run)]) == 0
    start, end = read(run / "start.tokens.jsonl"), read(run / "end.tokens.jsonl")
    assert [r["problem_index"] for r in start] == [r["problem_index"] for r in end] and len(end) == 3
    assert {r["label"] for r in start} == {"start"} and {r["label"] for r in end} == {"end"}
    assert [r["logp"] for r in start] != [r["logp"] for r in end]
    # It began with noise, which is nothing to measure from; logits as Q know what they are compared with.
    assert (end[0]["kl"] is None) == (kind != "q")
    assert (end[0]["q"] is not None) == (kind == "q")
    assert main(["report", str(run)]) == 0
    assert "1 runs, 6 transcripts" in capsys.readouterr().out
    assert (run / "report.html").read_text("utf-8").startswith("<!doctype html>")
    if kind == "ppo":  # a run that begins with a model knows how far it went from there
        begun = ("--model", str(run / "model"), "--iterations", "1", "--eval-problems", "3")
        more = (*rows, "--no-tensorboard", "--out", str(tmp_path / "more"))
        assert main(["train", kind, *ENV, *begun, *more]) == 0
        assert any(value for r in read(tmp_path / "more" / "end.tokens.jsonl") for value in r["kl"])
        out = tmp_path / "x.tokens.jsonl"
        tokens = ("--tokens-out", str(out), "--reference", "nano", "--num-problems", "2")
        assert main(["eval", *ENV, "--model", str(run / "model"), *tokens]) == 0
        assert len(read(out)) == 2 and any(value for r in read(out) for value in r["kl"])


def test_what_can_not_be_is_refused(tmp_path, capsys):
    with pytest.raises(InvalidValueError, match=r"names that end in \.tokens\.jsonl"):
        Eval(tokens_out=tmp_path / "x.jsonl")
    with pytest.raises(InvalidValueError, match="nobody knows the probabilities"):
        Eval(tokens_out=tmp_path / "x.tokens.jsonl", agent="random")
    with pytest.raises(InvalidValueError, match="--reference is for --tokens-out"):
        Eval(reference="nano")
    with pytest.raises(InvalidValueError, match="allowed: integers from 0"):
        ReportConfig(folder=tmp_path, max_transcripts=-1)
    assert main(["report", str(tmp_path / "nowhere")]) == 2
    assert "there is no folder" in capsys.readouterr().err
