"""The leaderboard: what it says of made-up results; foreign text is harmless; its page has not drifted."""

from __future__ import annotations

import html
import re
from pathlib import Path

import pytest
from rich.console import Console

from lmgym.bench.leaderboard import (
    escape_markdown,
    failure_lines,
    leaderboard_markdown,
    leaderboard_rows,
    leaderboard_table,
)
from lmgym.bench.leaderboard_page import fill_page, main, render_leaderboards
from lmgym.bench.results import write_results
from lmgym.bench.suites import load_suite, recorded_hash
from lmgym.errors import InvalidValueError
from tests.lmgym.bench.made_results import make_entry, make_failure, make_result, make_results, make_suite

ROOT = Path(__file__).parents[3]
SUITE = make_suite("one", make_entry("two", metric="reward", abilities=("memory",)))
RESULTS = [
    *make_results({"ppo": {"one": [0.9, 0.8, 0.85], "two": [0.7, 0.75, 0.8]}}),
    *make_results({"sft": {"one": [0.2, 0.3, 0.25], "two": [0.1, 0.15, 0.2]}}),
    make_result("half", "one", 0, 1.0, timing={}),
    make_failure("half", "one", 1, "it broke"),
]
EVIL = "<script>alert(1)</script>|`x`|[red]\n\x1b[31m\u202e&amp;"


def test_rows_by_hand():
    ppo, sft, half = leaderboard_rows(RESULTS, SUITE)
    assert [row.agent for row in (ppo, sft, half)] == ["ppo", "sft", "half"]
    assert [row.rank for row in (ppo, sft, half)] == ["1", "2", ""]
    # 0.7 | 0.75 0.8 0.8 0.85 | 0.9
    assert ppo.iqm.value == pytest.approx(0.8) and ppo.mean.value == pytest.approx(0.8)
    assert ppo.optimality_gap.value == pytest.approx(0.2) and ppo.mean_rank.value == 1.0
    assert ppo.runs == "6" and ppo.wall_s == 2.0 and half.wall_s is None
    assert half.iqm is None and half.mean is None and half.runs == "1 (1 failed, 4 missing)"
    assert half.entries["one"].mean == 1.0 and "two" not in half.entries
    assert str(ppo.entries["one"]) == "85.0 % (80.0 to 90.0)" and str(half.entries["one"]) == "100.0 %"
    assert str(sft.entries["two"]) == "0.150 (0.100 to 0.200)", "a reward is no share"
    assert sft.abilities["memory"].value == pytest.approx(0.15) and half.abilities["memory"] is None


def test_the_order_of_results_changes_nothing():
    assert leaderboard_markdown(RESULTS[::-1], SUITE) == leaderboard_markdown(RESULTS, SUITE)


def test_markdown_has_a_row_for_each_agent_in_every_table():
    text = leaderboard_markdown(RESULTS, SUITE)
    tables = [part for part in text.split("\n\n") if part.startswith("| ")]
    assert len(tables) == 4, "agents, entries, abilities, failures"
    for table in tables:
        lines = table.splitlines()
        assert len({line.count("|") for line in lines}) == 1, "every row has as many cells"
    assert [line.split(" | ")[1] for line in tables[0].splitlines()[2:]] == ["ppo", "sft", "half"]
    assert "| 1 | ppo | 0.800 (" in tables[0] and "| – | half | – |" in tables[0]
    assert "| half | one | 1 | raised | training | it broke |" in tables[3]


def test_foreign_text_is_harmless_in_markdown():
    results = [*RESULTS, make_failure(EVIL, "one", 0, EVIL * 50)]
    text = leaderboard_markdown(results, SUITE)
    assert "<" not in text and "\x1b" not in text and "`" not in text and "\u202e" not in text
    for table in (part for part in text.split("\n\n") if part.startswith("| ")):
        assert len({line.count("|") for line in table.splitlines()}) == 1
    assert max(map(len, text.splitlines())) < 3000, "long messages are cut"
    shown = html.unescape(escape_markdown("a <b> & |c| _d_ e_f"))
    assert shown == "a <b> & |c| _d_ e_f" and escape_markdown("sb3_ppo?n=1") == "sb3_ppo?n=1"


def render(table):
    console = Console(width=200, force_terminal=False)
    with console.capture() as capture:
        console.print(table)
    return capture.get()


def test_the_terminal_shows_the_same_and_no_control_characters():
    text = render(leaderboard_table([*RESULTS, make_failure(EVIL, "one", 0)], SUITE))
    assert re.search(r"1 +│ ppo +│ 0.800 \(", text) and "1 (1 failed, 4 missing)" in text
    assert "[red]" in text, "markup of others is text"
    assert "\x1b" not in text and "\u202e" not in text
    line = failure_lines([make_failure(EVIL, "one", 0, EVIL)])[0]
    assert "\n" not in line and "\x1b" not in line and "raised in training" in line


PAGE = "# Board\n\nbefore\n\n<!-- leaderboard -->\nold\n<!-- end of leaderboard -->\n\nafter\n"


def test_a_page_is_filled_between_its_markers():
    filled = fill_page(PAGE, "new")
    assert filled == PAGE.replace("\nold\n", "\n\nnew\n\n") and fill_page(filled, "new") == filled
    with pytest.raises(InvalidValueError, match="must hold the markers"):
        fill_page("# Board\n", "new")
    with pytest.raises(InvalidValueError, match="must hold the markers"):
        fill_page(PAGE + "<!-- leaderboard -->", "new")


def test_the_program_writes_and_checks(tmp_path, capsys):
    suite = load_suite("quick")
    digest = recorded_hash(suite.id)
    results = [
        make_result("ppo", entry.name, seed, 0.9, suite=suite.id, suite_hash=digest, env=entry.env)
        for entry in suite.entries
        for seed in suite.seeds
    ]
    other = make_result("old", suite.entries[0].name, 0, 0.5, suite=suite.id, suite_hash="ab" * 32)
    write_results(tmp_path / "mine.jsonl", [*results, make_result("x", "one", 0)])
    write_results(tmp_path / "theirs.jsonl", [results[0], other])
    page = tmp_path / "page.md"
    page.write_text(PAGE, "utf-8")
    arguments = [
        "--page",
        str(page),
        "--results",
        str(tmp_path / "mine.jsonl"),
        str(tmp_path / "theirs.jsonl"),
    ]
    assert main([*arguments, "--check"]) == 1 and page.read_text("utf-8") == PAGE
    assert main(arguments) == 0 and main([*arguments, "--check"]) == 0
    text = page.read_text("utf-8")
    assert text.count("## lmgym-quick-1") == 2 and text.count("are of other problems") == 1
    assert "| 1 | ppo | 0.9" in text and "after" in text
    assert "- command: lmgym bench --suite lmgym-quick-1 --agents ppo --seed-list 0 1 2 --out" in text
    assert "- command: lmgym bench --suite lmgym-quick-1 --agents old --only " in text
    assert "has drifted" in capsys.readouterr().out


def test_no_results_are_no_error():
    assert render_leaderboards([]) == "No results yet."


def test_the_page_in_the_docs_has_not_drifted(monkeypatch, capsys):
    monkeypatch.chdir(ROOT)
    assert main(["--check"]) == 0, "run python -m lmgym.bench.leaderboard_page"
