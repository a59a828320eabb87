"""The report as a file: escaping, the policy, sampling, comparison counts, damage, figures."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from html.parser import HTMLParser

import pytest

from lmgym.bench.suites import load_suite
from lmgym.errors import InvalidValueError
from lmgym_agents.commands.report import ReportConfig, run_report
from lmgym_agents.report.html import runs
from lmgym_agents.report.html.bench_figures import figure_text
from lmgym_agents.report.html.episodes import Episode
from lmgym_agents.report.html.folder import MAX_LINE_BYTES
from lmgym_agents.report.html.page import CHUNK, make_block
from lmgym_agents.report.html.report import make_report
from lmgym_agents.report.html.runs import thin
from lmgym_agents.report.html.sampling import choose, share_out
from tests.agents.report.folders import (
    HASH,
    PAYLOADS,
    fail,
    make_record,
    make_results,
    write_bench,
    write_lines,
    write_metrics,
)


@pytest.fixture(autouse=True)
def small_plotly(monkeypatch):
    """Plotly's program is 5 MB, and what is tested here is around it."""
    monkeypatch.setattr("lmgym_agents.report.html.page._plotly", lambda: "window.Plotly = {};\n")


class Blocks(HTMLParser):
    """What an HTML reader takes for scripts, and every tag and attribute."""

    def __init__(self, page):
        super().__init__()
        self.scripts, self.tags, self._open = [], [], None
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))
        if tag == "script":
            self._open = [dict(attributes), ""]

    def handle_data(self, data):
        if self._open is not None:
            self._open[1] += data

    def handle_endtag(self, tag):
        if tag == "script" and self._open is not None:
            self.scripts.append(tuple(self._open))
            self._open = None

    def data(self, name):
        return next(json.loads(text) for attributes, text in self.scripts if attributes.get("id") == name)


def left_out(report):
    return [f"{item['what']}: {item['why']}" for item in report.left_out]


def test_what_anybody_wrote_is_data_and_no_element(tmp_path):
    write_lines(
        tmp_path / "a.tokens.jsonl",
        [
            make_record(index, prompt=text, tokens=(text, "x", text), label=text, env=text, split=text)
            for index, text in enumerate(PAYLOADS)
        ],
    )
    (tmp_path / "tree.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg'><script>hacked()</script></svg>"
    )
    report = make_report(tmp_path, title=PAYLOADS[1])
    blocks = Blocks(report.html)
    own = "html head meta title link style body a header h1 nav main p footer code script"
    assert {tag for tag, _ in blocks.tags} == set(own.split())
    assert not any(name.startswith("on") for _, attributes in blocks.tags for name in attributes)
    kinds = [attributes.get("type") for attributes, _ in blocks.scripts]
    assert kinds.count(None) == 2 and set(kinds) == {None, "application/json"}
    shown = blocks.data("transcripts-0")
    assert sorted(item["prompt"] for item in shown) == sorted(PAYLOADS)  # nothing lost either
    data = re.sub(r"<script>.*?</script>", "", report.html, flags=re.DOTALL)
    assert "<script>window" not in data and "hacked()" not in data


def test_a_block_ends_where_it_should_whatever_it_holds():
    for text in (*PAYLOADS, "\u2028\u2029", "&lt;/script&gt;"):
        block = make_block("x", {text: [text]})
        inside = block.removeprefix('<script type="application/json" id="x">').removesuffix("</script>")
        assert json.loads(inside) == {text: [text]}
        assert inside.isascii() and not re.search("[<>&]", inside)


def test_only_the_scripts_of_the_page_may_run_and_no_network_is_allowed(tmp_path):
    write_metrics(tmp_path)
    blocks = Blocks(make_report(tmp_path).html)
    policy = next(a["content"] for tag, a in blocks.tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'" and rules["connect-src"] == "'none'"
    programs = [text for attributes, text in blocks.scripts if not attributes]
    hashes = [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in programs]
    assert rules["script-src"].split() == [f"'sha256-{digest}'" for digest in hashes]
    links = [a.get("src") or a.get("href") for _, a in blocks.tags if "src" in a or "href" in a]
    assert set(links) == {"#content", "data:,"}


def test_the_same_folder_gives_the_same_bytes(tmp_path):
    write_bench(tmp_path)
    assert make_report(tmp_path).html == make_report(tmp_path).html


def test_comparison_counts_are_of_all_problems(tmp_path):
    write_lines(tmp_path / "start.tokens.jsonl", [make_record(k, success=k < 2) for k in range(9)])
    after = [make_record(k, success=k in (1, 3, 4), failed=k == 8) for k in range(3, 12)]
    write_lines(tmp_path / "end.tokens.jsonl", [*after, make_record(3, success=False), make_record(1)])
    report = make_report(tmp_path, max_transcripts=2)
    data = Blocks(report.html).data("data")
    (group,) = data["transcripts"]["groups"]
    assert group["problems"] == [str(k) for k in range(12)]
    assert data["transcripts"]["sources"][0]["name"] == "end"
    assert group["outcomes"] == {"0": ".1.11000x000", "1": "110000000..."}
    assert report.num_shown == 2 and report.num_transcripts == 20


def test_problems_of_other_options_are_other_problems(tmp_path):
    for name, options in (("a", "{}"), ("b", "{}"), ("c", '{"level": 2}'), ("jobs/easy/x/seed0/d", "")):
        records = [make_record(k, options=options) for k in range(3)]
        write_lines(tmp_path / f"{name}.tokens.jsonl", records)
    groups = Blocks(make_report(tmp_path).html).data("data")["transcripts"]["groups"]
    found = {group["options"]: len(group["outcomes"]) for group in groups}
    assert found == {"easy": 1, '{"level": 2}': 1, "{}": 2}


def test_shares_are_fair_and_used_up():
    assert share_out([5, 100, 100], 50) == [5, 22, 23]
    assert share_out([1, 2], 50) == [1, 2]
    assert share_out([], 50) == [] and share_out([3, 3], 0) == [0, 0]
    assert sum(share_out([7] * 501, 2000)) == 2000


def episodes(count):
    return [
        Episode(
            "e",
            "test",
            "",
            str(k),
            "",
            k % 4 == 0,
            num_tokens=k % 50,
            surprise=(k * 37 % 101) / 10,
            reward=0.0,
        )
        for k in range(count)
    ]


def test_the_choice_holds_the_longest_the_most_surprising_wrong_and_right_ones():
    found = episodes(1000)
    chosen = choose(found, 100)
    assert len(chosen) == 100 and chosen == choose(found, 100)
    by = {why: [found[k] for k, w in chosen.items() if w == why] for why in chosen.values()}
    assert {why: len(some) for why, some in by.items()} == {
        "longest": 10, "surprising": 10, "wrong": 25, "right": 25, "any": 30,
    }  # fmt: skip
    assert {one.num_tokens for one in by["longest"]} == {49}
    assert min(one.surprise for one in by["surprising"]) >= sorted(one.surprise for one in found)[-25]
    assert not any(one.success for one in by["wrong"]) and all(one.success for one in by["right"])


def test_different_checkpoints_show_the_same_problems():
    one = episodes(400)
    other = [episode._replace(label="end", success=True) for episode in reversed(one)]
    problems = [
        {some[k].problem for k, why in choose(some, 80).items() if why == "any"} for some in (one, other)
    ]
    drawn = len(problems[0] & problems[1])
    assert drawn > 8, "two draws of a quarter each would share a few only"


def test_a_page_of_many_says_how_they_were_chosen(tmp_path):
    write_lines(tmp_path / "x.tokens.jsonl", [make_record(k, success=k % 2 == 0) for k in range(500)])
    report = make_report(tmp_path, max_transcripts=120)
    data = Blocks(report.html).data("data")
    assert (report.num_shown, report.num_transcripts) == (120, 500)
    assert data["transcripts"]["total"] == 500 and "a tenth are the longest" in data["transcripts"]["rule"]
    assert data["transcripts"]["sources"][0]["right"] == 250
    sizes = [len(Blocks(report.html).data(f"transcripts-{k}")) for k in range(3)]
    assert sizes == [CHUNK, CHUNK, 120 - 2 * CHUNK]


BROKEN = {
    "torn": b'{"tokens": ["a"',
    "no object": b"[1, 2]\n",
    "deep": b"[" * 100_000 + b"\n",
    "not text": b"\xff\xfe\n",
    "numbers for tokens": json.dumps(make_record(0, tokens=("a",)) | {"tokens": [1]}).encode() + b"\n",
    "one number too few": json.dumps(make_record(0) | {"logp": [0.5]}).encode() + b"\n",
    "no outcome": json.dumps(make_record(0) | {"success": "yes"}).encode() + b"\n",
    "text for an index": json.dumps(make_record(0) | {"problem_index": [1]}).encode() + b"\n",
    "a huge line": b'{"tokens": "' + b"x" * (MAX_LINE_BYTES + 10) + b'"}\n',
}


@pytest.mark.parametrize("damage", BROKEN.values(), ids=BROKEN)
def test_a_damaged_line_is_named_and_the_others_are_shown(tmp_path, damage):
    whole = json.dumps(make_record(7)).encode() + b"\n"
    (tmp_path / "x.tokens.jsonl").write_bytes(whole + whole + damage)
    (tmp_path / "metrics.jsonl").write_bytes(b'{"step": 1, "reward": 1e400, "loss": 0.5}\n' + damage)
    report = make_report(tmp_path)
    assert report.num_shown == 2 and report.num_runs == 1
    assert any("x.tokens.jsonl" in text for text in left_out(report))


def test_extreme_numbers_are_left_empty(tmp_path):
    (tmp_path / "metrics.jsonl").write_text(
        '{"step": 1, "a": 1e999, "b": NaN, "c": %s, "d": 2.0}\n' % ("9" * 400)
    )
    record = make_record(0) | {"value": [1e999, None, 10**400], "surprise": float("nan")}
    write_lines(tmp_path / "x.tokens.jsonl", [record])
    blocks = Blocks(make_report(tmp_path).html)
    assert blocks.data("run-0")["metrics"] == {"d": [2.0]}
    assert "value" not in blocks.data("transcripts-0")[0]["of"]
    assert blocks.data("data")["index"][0][4] is None


def test_links_and_pipes_are_not_followed(tmp_path):
    outside = tmp_path / "outside"
    write_lines(outside / "secret.tokens.jsonl", [make_record(0, prompt="secret")])
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link.tokens.jsonl").symlink_to(outside / "secret.tokens.jsonl")
    (inside / "folder").symlink_to(outside)
    (inside / "loop.svg").symlink_to(inside / "loop.svg")
    os.mkfifo(inside / "pipe.tokens.jsonl")
    report = make_report(inside)
    assert "secret" not in Blocks(report.html).data("data").__repr__() and report.num_transcripts == 0
    assert {text.split(":")[0] for text in left_out(report)} == {
        "link.tokens.jsonl", "folder", "loop.svg", "pipe.tokens.jsonl",
    }  # fmt: skip


def test_damaged_results_are_named_and_the_rest_compared(tmp_path):
    write_bench(tmp_path)
    good = (tmp_path / "results.jsonl").read_text()
    lines = good.splitlines(keepends=True)
    broken = lines[0].replace('"seed": 0', '"seed": "zero"') + "".join(lines[1:]) + '{"suite": 3}\n{"torn": '
    (tmp_path / "results.jsonl").write_text(broken)
    report = make_report(tmp_path)
    assert report.num_results == len(lines) - 1
    assert any("seed" in text and "results.jsonl" in text for text in left_out(report))


def test_results_of_an_unknown_suite_are_named(tmp_path):
    write_bench(tmp_path)
    text = (tmp_path / "results.jsonl").read_text().replace("lmgym-quick-1", "lmgym-secret-9")
    (tmp_path / "results.jsonl").write_text(text)
    report = make_report(tmp_path)
    assert report.num_results == 0 and any("lmgym-secret-9" in line for line in left_out(report))


def test_a_suite_of_ones_own_is_read_from_the_benchmark(tmp_path):
    write_bench(tmp_path)
    lines = (tmp_path / "results.jsonl").read_text().replace("lmgym-quick-1", "lmgym-mine-3").splitlines()
    kept = [line for line in lines if '"entry": "sums"' in line]
    (tmp_path / "results.jsonl").write_text("\n".join(kept) + "\n")
    entry = load_suite("quick").to_dict()["entries"][0]
    described = {"suite": "lmgym-mine-3", "suite_hash": HASH, "entries": {"sums": entry}}
    (tmp_path / "bench.json").write_text(json.dumps(described))
    report = make_report(tmp_path)
    (bench,) = Blocks(report.html).data("data")["bench"]
    assert bench["suite"] == "lmgym-mine-3" and bench["rows"][0]["rank"] and not report.left_out
    (tmp_path / "bench.json").write_text(json.dumps(described | {"entries": {"sums": {"name": "sums"}}}))
    assert any("bench.json" in text for text in left_out(make_report(tmp_path)))


def test_the_leaderboard_and_its_failures(tmp_path):
    write_bench(tmp_path)
    (bench,) = Blocks(make_report(tmp_path).html).data("data")["bench"]
    assert [row["agent"] for row in bench["rows"]][:2] == ["ppo", "grpo?group_size=8"]
    assert [(job["agent"], job["kind"], job["seed"]) for job in bench["failures"]] == [
        ("grpo?group_size=8", "raised", 1), ("random", "timeout", 2),
    ]  # fmt: skip
    sums = next(entry for entry in bench["entries"] if entry["name"] == "sums")
    grpo = next(row for row in sums["table"] if row["agent"].startswith("grpo"))
    assert (grpo["num_runs"], grpo["num_failed"]) == (2, 1)
    ppo = next(row for row in sums["table"] if row["agent"] == "ppo")
    assert (ppo["num_tokens"], ppo["num_read"], ppo["num_steps"]) == (60000, 0, 200)
    assert ppo["start"] == [0.255] * 3  # of the headline, "test"; there is also one of "ood_digits"


def test_every_figure_is_one_that_plotly_accepts(tmp_path):
    graph_objects = pytest.importorskip("plotly.graph_objects")
    write_bench(tmp_path)
    (figures,) = Blocks(make_report(tmp_path).html).data("figures")["bench"]
    flat = [figures[name] for name in ("aggregate", "profile", "improvement", "abilities")]
    flat += [*figures["curves"].values()]
    flat += [figure for by_axis in figures["entries"].values() for figure in by_axis.values()]
    assert len(figures["curves"]) == 3 and len(figures["entries"]) == 4
    for figure in flat:
        graph_objects.Figure(figure)


def test_curves_over_all_entries_leave_out_who_lacks_some(tmp_path):
    results = make_results(agents={"ppo": 0.7, "<half>": 0.9})
    write_bench(tmp_path, results=[r for r in results if r.agent == "ppo" or r.entry == "reverse"])
    (figures,) = Blocks(make_report(tmp_path).html).data("figures")["bench"]
    curves, reverse = figures["curves"]["num_tokens"], figures["entries"]["reverse"]["num_tokens"]
    assert {trace["name"] for trace in curves["data"] if trace.get("showlegend", True)} == {"ppo"}
    assert curves["layout"]["title"]["text"] == "without &lt;half&gt;, which lack entries"
    assert "title" not in reverse["layout"] and "half" in json.dumps(reverse["data"])


def test_names_in_figures_are_no_html(tmp_path):
    results = make_results(agents=dict.fromkeys(PAYLOADS[:5], 0.5))
    write_bench(tmp_path, results=[fail(results[0], PAYLOADS[0]), *results[1:]])
    figures = json.dumps(Blocks(make_report(tmp_path).html).data("figures"))
    assert "<" not in figures.replace("<br>", "").replace("<extra></extra>", "")
    assert figure_text("<a href='javascript:x'>a</a>\u202e") == (
        "&lt;a href=&#x27;javascript:x&#x27;&gt;a&lt;/a&gt;⟨202E⟩"
    )


def test_long_runs_are_thinned_and_keep_their_end():
    records = [{"step": k} for k in range(1001)]
    kept = [record["step"] for record in thin(records, 100)]
    assert kept[:3] == [0, 11, 22] and kept[-1] == 1000 and len(kept) <= 102
    assert thin([], 10) == []


def test_metrics_are_read_up_to_a_size(tmp_path, monkeypatch):
    lines = [{"step": step, "loss": 0.5} for step in range(10)]
    write_lines(tmp_path / "metrics.jsonl", lines)
    monkeypatch.setattr(runs, "MAX_METRICS_BYTES", 5 * len(json.dumps(lines[0])))
    report = make_report(tmp_path)
    assert Blocks(report.html).data("data")["runs"][0]["num_updates"] == 5
    assert left_out(report) == ["metrics.jsonl: what is behind line 6: more than can be shown"]


def test_an_empty_folder_and_none_at_all(tmp_path):
    report = make_report(tmp_path)
    assert report[1:] == (0, 0, 0, 0, 0, [])
    with pytest.raises(InvalidValueError, match="there is nothing to show in"):
        run_report(ReportConfig(folder=tmp_path))
    assert not list(tmp_path.iterdir())
    with pytest.raises(InvalidValueError, match="there is no folder"):
        make_report(tmp_path / "nowhere")
    with pytest.raises(InvalidValueError, match="at least 0, got -1"):
        make_report(tmp_path, max_transcripts=-1)
