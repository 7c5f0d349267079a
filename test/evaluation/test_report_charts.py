"""Charts as SVG: points where the numbers are, axes that end at round values."""

import re
import xml.etree.ElementTree as ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.evaluation.report_charts import nice_step, reliability_chart, time_histogram

BINS = [{"score": 0.0, "k": 0, "n": 4, "low": 0.0, "high": 0.5},
        {"score": 1.0, "k": 4, "n": 4, "low": 0.5, "high": 1.0}]


def test_points_are_where_score_and_share_say():
    chart = ElementTree.fromstring(reliability_chart(BINS, [0.1, 0.9, 0.95]))
    plot = chart.find("rect[@class='plot']")
    left, top, side = (float(plot.get(name)) for name in ("x", "y", "width"))
    first, last = [(float(dot.get("cx")), float(dot.get("cy"))) for dot in chart.iter("circle")]
    assert first == (left, top + side)
    assert last == (left + side, top)
    assert [title.text for title in chart.iter("title")][1] == "score 1.000: 4 of 4 right, 0.500 to 1.000"
    spread = [float(bar.get("height")) for bar in chart.findall("rect[@class='spread']")]
    assert len(spread) == 20
    assert max(spread) == pytest.approx(0.25 * side)


def test_a_diagram_without_scores_has_no_bars():
    chart = ElementTree.fromstring(reliability_chart(BINS, []))
    assert not chart.findall("rect[@class='spread']")


def bars(text):
    return [re.fullmatch(r"([\d.]+) to ([\d.]+) ms( or more)?: (\d+)", title.text).groups()
            for title in ElementTree.fromstring(text).iter("title")]


def test_a_histogram_counts_every_time_and_says_where_slow_ones_went():
    seconds = [0.010] * 500 + [0.020] * 499 + [9.0]
    found = bars(time_histogram(seconds, {"median": 0.010, "95 %": 0.020}))
    assert sum(int(count) for *_, count in found) == 1000
    assert float(found[-1][1]) < 30  # the axis is not stretched by one slow frame
    assert found[-1][2] == " or more"


@given(st.lists(st.floats(0, 1e4), min_size=1, max_size=300))
def test_any_times_make_a_valid_chart(seconds):
    chart = time_histogram(seconds, {"median": sorted(seconds)[len(seconds) // 2], "95 %": max(seconds)})
    assert sum(int(count) for *_, count in bars(chart)) == len(seconds)


@given(st.floats(1e-6, 1e9), st.integers(2, 12))
def test_steps_are_round_and_not_too_many(length, most):
    step = nice_step(length, most)
    assert length / step <= most * (1 + 1e-9)
    assert length / step >= most / 2.51 or most < 3
    assert f"{step:.0e}"[0] in "125"
