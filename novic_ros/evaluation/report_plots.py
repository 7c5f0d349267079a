"""The report's charts as PNG files, for slides and papers: reliability, times, confusion, timeline.

matplotlib is a development requirement; without it no file is written, and the page is complete all the same. What is
drawn is computed elsewhere. The same numbers give the same bytes.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from novic_ros.evaluation.confusion import ELSEWHERE, Confusion
from novic_ros.evaluation.report_timeline import Timeline
from novic_ros.evaluation.results import Evaluation

__all__ = ["PLOT_FILES", "draw_plots"]

log = logging.getLogger(__name__)

PLOT_FILES = ("reliability.png", "times.png", "confusion.png", "timeline.png")
INK, SOFT, ACCENT, MARK = "#1c1e22", "#646870", "#0b6e8f", "#c67f16"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#b8639a", "#3f9bd1", "#c28a00", "#7d5fb2", "#8a8a2a")  # as in report.css
OTHER = "#80858d"


def draw_plots(evaluation: Evaluation, timeline: Timeline | None, confusion: Confusion | None,
               folder: Path) -> list[Path]:
    """Write those of PLOT_FILES that there is something to draw for, and remove the others; returns the written.

    Raises OSError.
    """
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        log.warning("no PNG plots are drawn, as matplotlib is not installed (pip install matplotlib); the page has all")
        return []
    bins = evaluation.curves.get("reliability", ())
    timing = {name: seconds for name, seconds in evaluation.timing.items() if len(seconds)}
    drawers = (bins and (_reliability, bins), timing and (_times, timing), confusion and (_confusion, confusion),
               timeline and (_timeline, timeline))
    written = []
    for name, drawer in zip(PLOT_FILES, drawers):
        path = folder / name
        if not drawer:
            path.unlink(missing_ok=True)
            continue
        draw, what = drawer
        figure = Figure(layout="constrained")
        FigureCanvasAgg(figure)
        draw(figure, what)
        beside = folder / f".{name}.{os.getpid()}"
        figure.savefig(beside, dpi=120, format="png", metadata={"Software": None})
        os.replace(beside, path)
        written.append(path)
    return written


def _reliability(figure: Any, bins: Sequence[Mapping[str, float]]) -> None:
    figure.set_size_inches(4.8, 4.8)
    axes = figure.add_subplot()
    scores = [one["score"] for one in bins]
    shares = [one["k"] / one["n"] for one in bins]
    errors = [[share - one["low"] for share, one in zip(shares, bins)],
              [one["high"] - share for share, one in zip(shares, bins)]]
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
    axes.errorbar(scores, shares, np.maximum(errors, 0), fmt="o-", color=ACCENT, capsize=2.5, markersize=5,
                  linewidth=1.2, elinewidth=0.9)
    axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal", xlabel="score of the label",
             ylabel="share that is right", title=f"{sum(one['n'] for one in bins)} labels")


def _times(figure: Any, timing: Mapping[str, Sequence[float]]) -> None:
    figure.set_size_inches(7, 0.9 + 0.5 * len(timing))
    axes = figure.add_subplot()
    names = list(timing)
    milliseconds = [1000 * np.asarray(timing[name], dtype=float) for name in names]
    rows = np.arange(len(names))
    for percent, alpha in ((95, 0.3), (50, 0.8)):
        axes.barh(rows, [np.percentile(values, percent) for values in milliseconds], color=ACCENT, alpha=alpha)
    axes.plot([np.percentile(values, 99) for values in milliseconds], rows, "|", color=MARK, markersize=14,
              markeredgewidth=2)
    axes.set(yticks=rows, yticklabels=names, xlabel="milliseconds: median (dark), 95 % (light), 99 % (line)")
    axes.invert_yaxis()


def _confusion(figure: Any, confusion: Confusion) -> None:
    rows, columns = len(confusion.rows), len(confusion.columns)
    figure.set_size_inches(2.6 + 0.46 * columns, 2.2 + 0.4 * rows)
    axes = figure.add_subplot()
    counts = np.array(confusion.counts)
    shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
    same = np.array([[row == column != ELSEWHERE for column in confusion.columns] for row in confusion.rows])
    image = np.ones((rows, columns, 3))
    for mask, colour in ((same, (0.09, 0.49, 0.43)), (~same, (0.75, 0.22, 0.17))):
        strength = np.where(mask & (counts > 0), 0.15 + 0.75 * shares, 0)[..., None]
        image = image * (1 - strength) + np.array(colour) * strength
    axes.imshow(image, aspect="auto")
    for row, column in zip(*np.nonzero(counts)):
        axes.text(column, row, str(counts[row, column]), ha="center", va="center", color=INK, fontsize=9)
    axes.set(xticks=range(columns), yticks=range(rows), ylabel="what the pictures show")
    axes.set_xticklabels(confusion.columns, rotation=60, ha="right")
    axes.set_yticklabels(confusion.rows)
    axes.set_xlabel("what the best labels say")
    axes.tick_params(length=0)


def _timeline(figure: Any, timeline: Timeline) -> None:
    from matplotlib.patches import Patch

    colours = dict(zip(timeline.labels, COLOURS))
    figure.set_size_inches(9, 1.6 + 0.55 * len(timeline.lanes))
    axes = figure.add_subplot()
    for row, lane in enumerate(timeline.lanes):
        said = [span for span in lane.spans if span.label]
        shades = [(*_rgb(colours.get(span.label, OTHER)), 0.55 + 0.45 * span.score) for span in said]
        axes.broken_barh([(span.begin, span.end - span.begin) for span in said], (row - 0.38, 0.76), linewidth=0,
                         facecolors=shades)
    axes.set(xlim=(0, timeline.length), yticks=range(len(timeline.lanes)), xlabel="seconds from the first frame")
    axes.set_yticklabels([_short(lane.name) for lane in timeline.lanes], color=SOFT)
    axes.invert_yaxis()
    keys = [Patch(color=colour, label=_short(label)) for label, colour in colours.items()]
    if keys:
        axes.legend(handles=keys, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4, frameon=False, fontsize=9)


def _short(text: str, most: int = 28) -> str:
    """Text for an axis; a dollar sign would start a formula."""
    text = text if len(text) <= most else "…" + text[1 - most:]
    return text.replace("$", r"\$")


def _rgb(colour: str) -> tuple[float, float, float]:
    return tuple(int(colour[at:at + 2], 16) / 255 for at in (1, 3, 5))
