"""Learning curves: what is drawn, what is left out, and the smoothing against a slow loop."""

import io
import math
import subprocess
import sys

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from lmgym_agents.errors import MetricsError
from lmgym_agents.report import curves
from lmgym_agents.report.curves import draw_curves, smooth


def make_records(count, names):
    rng = np.random.default_rng(0)
    return [{"step": i, "timing": {}} | {name: rng.random() for name in names} for i in range(1, count + 1)]


@pytest.fixture
def drawn(monkeypatch):
    """The figures that were drawn, to look into."""
    figures = []

    class Kept(Figure):
        def __init__(self, *args, **kwargs):
            super().__init__(*args, **kwargs)
            figures.append(self)

    monkeypatch.setattr(curves, "Figure", Kept)
    return figures


def titles_of(figure):
    return [axes.get_title("left") for axes in figure.axes]


def test_the_picture_is_a_png_with_a_panel_for_what_was_logged(drawn):
    names = ["success", "reward", "kl_reference", "approx_kl_k3", "entropy", "num_actions"]
    png = draw_curves(make_records(50, names), title="PPO", subtitle="seed 0", before=0.4, after=0.96)
    height, width, _ = imread(io.BytesIO(png)).shape
    assert height >= 600 and width >= 1000
    assert titles_of(drawn[0]) == ["Success", "Reward", "KL", "Entropy of a token", "Length of a response"]
    texts = [text.get_text() for text in drawn[0].axes[0].texts]
    assert texts == ["before: 40.0%", "after: 96.0%"]
    assert [text.get_text() for text in drawn[0].axes[2].get_legend().get_texts()] == [
        "to the reference", "of the update"
    ]  # fmt: skip


def test_the_lines_are_the_data(drawn):
    records = [{"step": 2 * i, "success": i / 40} for i in range(41)]
    draw_curves(records)
    raw, smoothed = drawn[0].axes[0].lines[:2]
    np.testing.assert_array_equal(raw.get_xdata(), range(0, 82, 2))
    np.testing.assert_allclose(raw.get_ydata(), np.arange(41) / 40)
    np.testing.assert_allclose(smoothed.get_ydata()[10:-10], np.arange(10, 31) / 40)


def test_x_may_count_tokens(drawn):
    records = [{"step": i, "success": 0.5, "episodes": 4, "num_actions": i} for i in (1, 2, 3)]
    draw_curves(records, x="tokens")
    np.testing.assert_array_equal(drawn[0].axes[0].lines[0].get_xdata(), [4, 12, 24])


def test_missing_and_not_finite_values_are_passed_over(drawn):
    records = make_records(30, ["success"])
    for i, value in enumerate([None, math.nan, math.inf, -math.inf, "text"]):
        records[i]["success"] = value
    del records[20]["success"]
    draw_curves(records)
    assert len(drawn[0].axes[0].lines[0].get_xdata()) == 24


def test_without_success_the_loss_is_large(drawn):
    draw_curves(make_records(20, ["loss", "grad_norm"]))
    assert titles_of(drawn[0]) == ["Loss", "Gradient norm"]


@pytest.mark.parametrize("count", [1, 2, 11, 12, 500])
def test_any_number_of_records_can_be_drawn(count):
    assert draw_curves(make_records(count, ["success", "reward"]), before=0.0, after=1.0)


@pytest.mark.parametrize("records", [[], [{"step": 1}], [{"step": 1, "success": None}]])
def test_nothing_to_draw_is_an_error(records):
    with pytest.raises(MetricsError, match="no curve to draw"):
        draw_curves(records)


def test_the_same_records_give_the_same_picture():
    records = make_records(20, ["success", "reward"])
    assert draw_curves(records) == draw_curves(records)


@pytest.mark.parametrize("count", [3, 10, 57])
@pytest.mark.parametrize("width", [0.5, 1.5, 4.0])
def test_smoothing_agrees_with_a_slow_loop(count, width):
    values = np.random.default_rng(1).normal(size=count)
    expected = []
    for i in range(count):
        reach = min(int(4 * width) + 1, count)
        near = [j for j in range(count) if abs(i - j) <= reach]
        weights = [math.exp(-((i - j) ** 2) / (2 * width**2)) for j in near]
        expected.append(sum(w * values[j] for w, j in zip(weights, near, strict=True)) / sum(weights))
    np.testing.assert_allclose(smooth(values, width), expected, rtol=1e-12)


def test_no_window_system_is_touched():
    code = (
        "import sys; from lmgym_agents.report.curves import draw_curves\n"
        "draw_curves([{'step': 1, 'success': 0.5}])\n"
        "assert 'matplotlib.pyplot' not in sys.modules and 'tkinter' not in sys.modules"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
