"""The live view: what is kept of a run, and what is drawn of it."""

from __future__ import annotations

import io
import math
import re
import sys

import pytest
from rich.console import Console

from lmgym.errors import MissingDependencyError
from lmgym_agents.report.live import draw_frame, in_words
from lmgym_agents.report.live_run import MAX_POINTS, MAX_SERIES, LiveRun, Series, to_number


def record(step, **more):
    found = {
        "step": step, "stage": "grpo", "stage_step": step, "stage_total": 100, "success": step / 100,
        "reward": 1.0, "kl_reference": 0.01, "entropy": 2.0 - step / 100, "value_loss": 0.5,
        "sample_prompt": f"12+{step}=", "sample_response": f"{12 + step}", "sample_reward": 1.0,
        "timing": {"total_s": 2.0, "generated_tokens_per_s": 5000.0},
    }  # fmt: skip
    return found | more


def run_of(*records):
    run = LiveRun()
    for one in records:
        run.add(one)
    return run


def frame(run, *, width=120, height=40, name="runs/math", age_s=3.0):
    console = Console(width=width, height=height, record=True, file=io.StringIO())
    console.print(draw_frame(run, name=name, age_s=age_s, width=width, height=height))
    return console.export_text()


def test_a_frame_says_how_far_how_well_and_what_the_model_says():
    text = frame(run_of(*(record(step) for step in range(1, 41))))
    first, second = text.splitlines()[:2]
    assert first.rstrip() == "runs/math"
    assert second.split("  ")[0] == "grpo" and "40/100  40%  2 min 0 s left  written 3 s ago" in second
    titles = (
        "success  40.0%", "reward  1.000", "KL to the reference  0.0100", "entropy of a token  1.600",
        "loss  0.5000", "tokens/s  5,000",
    )  # fmt: skip
    for title in titles:
        assert title in text
    assert re.search("[\u2801-\u28ff]", text)  # braille: something was drawn
    assert text.index("step 40  reward 1") < text.index("step 39") < text.index("step 38")
    assert "asked: 12+40=" in text and "said:  52" in text and "step 37" not in text


@pytest.mark.parametrize(("width", "height"), [(40, 12), (80, 24), (100, 30), (200, 60), (20, 5)])
def test_a_frame_fits_the_terminal(width, height):
    lines = frame(run_of(*map(record, range(1, 9))), width=width, height=height).splitlines()
    assert max(map(len, lines)) <= width
    if height >= 24:
        assert len(lines) <= height


def test_what_is_not_there_yet_is_waited_for():
    assert "its metrics file is not there yet" in frame(LiveRun(), age_s=None)
    assert "its metrics file holds no record yet" in frame(LiveRun(), age_s=1.0)


def test_what_a_model_wrote_is_shown_and_never_obeyed():
    evil = "\x1b]0;owned\x07\x1b[2J\u202e\u009b31m\r\n[bold red]x[/]"
    one = record(1, sample_prompt=evil, sample_response=evil, stage=evil, skipped=evil, skipped_steps=1)
    text = frame(run_of(one), name=evil)
    inside = text.replace("\n", "")
    assert inside.isprintable() and "\u202e" not in inside
    assert "[bold red]x[/]" in text and "␛" in text
    text = frame(run_of({"step": 1, evil: 3.0, "timing": {}}))
    assert text.replace("\n", "").isprintable() and "␛" in text


def test_numbers_of_an_agent_that_logs_none_of_ours_are_drawn_by_their_names():
    text = frame(run_of(*({"step": n, "my_return": float(n), "timing": {}} for n in range(5))))
    assert "my_return  4" in text and "step 4" in text


def test_curves_begin_anew_with_a_stage_and_samples_stay():
    run = run_of(record(1, stage="sft", accuracy=0.1), record(2), record(3))
    assert run.stage == "grpo" and "accuracy" not in run.series
    assert run.series["success"].steps == [2.0, 3.0] and len(run.samples) == 3
    run.forget()
    assert not run.series and not run.samples and run.num_records == 0


def test_time_left_is_that_of_the_latest_updates():
    run = run_of(*(record(step, timing={"total_s": 60.0}) for step in range(1, 40)))
    assert run.seconds_left == pytest.approx(61 * 60.0)
    for step in range(40, 70):
        run.add(record(step, timing={"total_s": 1.0}))
    assert run.seconds_left == pytest.approx(31.0)
    assert run_of(record(5, stage_total=None)).seconds_left is None


def test_faults_are_named():
    run = run_of(
        record(3, skipped_steps=4, skipped="gradient of lm_head"),
        record(4, entropy=None, not_finite={"entropy": "nan"}),
    )
    text = frame(run)
    assert "step 3 was skipped: gradient of lm_head" in text and "not finite at step 4: entropy" in text


def test_a_long_curve_keeps_its_shape_in_bounded_memory():
    series = Series()
    for step in range(100_000):
        series.add(step, math.sin(step / 10_000))
    assert MAX_POINTS // 2 <= len(series.steps) == len(series.values) <= MAX_POINTS
    assert series.last == math.sin(99_999 / 10_000)
    for step, value in zip(series.steps, series.values, strict=True):
        assert value == pytest.approx(math.sin(step / 10_000), abs=1e-3)
    assert series.steps[0] < 300 and series.steps[-1] > 99_000


def test_a_record_may_hold_anything():
    run = run_of(
        {"step": 1, "timing": "soon", "stage": 5, "stage_step": -3, "stage_total": 10**400, "success": True,
         "sample_prompt": 3, "sample_response": "x", "not_finite": {}, "reward": 10**400, "entropy": [1]},
        {"step": 2, "timing": {"total_s": -1}, "sample_prompt": "a" * 10**6, "sample_response": "b" * 10**6,
         **{f"name {n}": n for n in range(1000)}, "n" * 10**5: 1.0},
    )  # fmt: skip
    assert len(run.series) == MAX_SERIES and run.seconds_left is None
    assert len(run.samples[-1].prompt) == 300
    assert frame(run)
    given = (True, "1", None, math.nan, math.inf, 10**400, 1e200)
    assert [to_number(value) for value in given] == [None] * 7 and to_number(3) == 3.0


def test_durations_in_words():
    assert [in_words(x) for x in (0, 59.4, 61, 3700, 400_000)] == [
        "0 s", "59 s", "1 min 1 s", "1 h 1 min", "111 h 6 min",
    ]  # fmt: skip


def test_a_missing_plotext_is_named_with_what_installs_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "plotext", None)
    with pytest.raises(MissingDependencyError, match=r'pip install "lmgym\[agents\]"'):
        frame(run_of(record(1)))


def test_samples_count_as_the_curves_do():
    run = LiveRun()
    run.add(record(26, stage_step=6))
    assert run.samples[-1].step == 6 and run.series["success"].steps == [6.0]
    run.add({**record(27), "stage_step": None})
    assert run.samples[-1].step == 27
