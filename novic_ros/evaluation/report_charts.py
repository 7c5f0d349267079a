"""Charts of the report as SVG text that follows the page's colours: reliability, and a histogram of times.

SVG in the page needs no other file, is sharp on any screen, and turns dark with it; `report_plots.py` draws the same as
PNG files for other uses. Numbers in, text out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from markupsafe import Markup

__all__ = ["nice_step", "reliability_chart", "time_histogram"]

SIDE, LEFT, BOTTOM, TOP = 300, 46, 44, 8  # of the square that the reliability diagram fills; its margins


def reliability_chart(bins: Sequence[Mapping[str, float]], scores: Sequence[float]) -> Markup:
    """Share of right labels against their mean score, with 95 % intervals; how scores are spread, at the foot.

    bins: {score, k, n, low, high} each. scores: of all labels; may be empty.
    """
    def x(value: float) -> str:
        return f"{LEFT + value * SIDE:.1f}"

    def y(value: float) -> str:
        return f"{TOP + (1 - value) * SIDE:.1f}"

    parts = [f'<rect class="plot" x="{LEFT}" y="{TOP}" width="{SIDE}" height="{SIDE}"/>']
    if len(scores):
        counts = np.histogram(np.asarray(scores, dtype=float), bins=20, range=(0, 1))[0]
        for place, count in enumerate(counts.tolist()):
            height = 0.25 * count / max(counts)
            parts.append(f'<rect class="spread" x="{x(place / 20)}" y="{y(height)}" width="{SIDE / 20 - 1:.1f}" '
                         f'height="{height * SIDE:.1f}"/>')
    for tick in (0, 0.2, 0.4, 0.6, 0.8, 1):
        parts.append(f'<path class="grid" d="M{x(tick)} {y(0)}V{y(1)}M{x(0)} {y(tick)}H{x(1)}"/>'
                     f'<text x="{x(tick)}" y="{TOP + SIDE + 16}" text-anchor="middle">{tick:g}</text>'
                     f'<text x="{LEFT - 7}" y="{float(y(tick)) + 4:.1f}" text-anchor="end">{tick:g}</text>')
    parts.append(f'<path class="ideal" d="M{x(0)} {y(0)}L{x(1)} {y(1)}"/>')
    points = [(one["score"], one["k"] / one["n"], one["low"], one["high"], one) for one in bins]
    parts.append('<path class="line" d="M' + "L".join(f"{x(score)} {y(share)}" for score, share, *_ in points) + '"/>')
    for score, share, low, high, one in points:
        parts.append(f'<g><title>score {score:.3f}: {one["k"]} of {one["n"]} right, {low:.3f} to {high:.3f}</title>'
                     f'<path class="error" d="M{x(score)} {y(low)}V{y(high)}"/>'
                     f'<circle class="dot" cx="{x(score)}" cy="{y(share)}" r="4.5"/></g>')
    parts.append(f'<text class="name" x="{x(0.5)}" y="{TOP + SIDE + 36}" text-anchor="middle">score of the label</text>'
                 f'<text class="name" transform="translate(12 {y(0.5)}) rotate(-90)" text-anchor="middle">'
                 'share that is right</text>')
    return _svg(LEFT + SIDE + 12, TOP + SIDE + BOTTOM, "reliability", "Reliability diagram: share of right labels "
                "against their score", parts)


def time_histogram(seconds: Sequence[float], marks: Mapping[str, float]) -> Markup:
    """How often a stage took how long, in milliseconds; marks: name -> seconds, drawn as lines, the
    smaller first.

    The axis ends a little beyond the 99.5th percentile; slower ones count in the last bar.
    """
    width, height, left, foot = 640, 190, 16, 24
    times = 1000 * np.asarray(seconds, dtype=float)
    end = max(1.1 * float(np.percentile(times, 99.5)), 1e-3)
    counts = np.histogram(np.clip(times, 0, end), bins=min(60, max(8, len(times) // 4)), range=(0, end))[0]
    plain = (width - 2 * left) / len(counts)
    base, room = height - foot, height - foot - 26
    parts = []
    for place, count in enumerate(counts.tolist()):
        if count:
            tall = max(1.0, room * count / counts.max())
            low, high = place * end / len(counts), (place + 1) * end / len(counts)
            more = " or more" if place == len(counts) - 1 and times.max() > end else ""
            parts.append(f'<rect class="bar" x="{left + place * plain:.2f}" y="{base - tall:.1f}" '
                         f'width="{plain - 1:.2f}" height="{tall:.1f}">'
                         f"<title>{low:.1f} to {high:.1f} ms{more}: {count}</title></rect>")
    parts.append(f'<path class="axis" d="M{left} {base}H{width - left}"/>')
    step = nice_step(end, 6)
    for tick in np.arange(0, end, step):
        parts.append(f'<text x="{left + tick / end * (width - 2 * left):.1f}" y="{height - 6}" text-anchor="middle">'
                     f"{tick:g}{' ms' if tick == step else ''}</text>")
    at_marks = [left + min(1000 * value / end, 1) * (width - 2 * left) for value in marks.values()]
    for number, (name, at) in enumerate(zip(marks, at_marks)):
        parts.append(f'<path class="mark" d="M{at:.1f} 22V{base}"/>')
        to_left = number == 0 and at > 90
        if to_left or number or len(marks) == 1 or at_marks[1] - at > 90:  # the table has those without room here
            parts.append(f'<text class="name" x="{at + (-4 if to_left else 4):.1f}" y="15" '
                         f'text-anchor="{"end" if to_left else "start"}">{name}</text>')
    return _svg(width, height, "histogram", "Histogram of times in milliseconds", parts)


def nice_step(length: float, most: int) -> float:
    """A step of 1, 2 or 5 times a power of ten of which at most `most` fit into `length`."""
    least = length / most
    power = 10.0 ** np.floor(np.log10(least))
    return float(next(power * factor for factor in (1, 2, 5, 10) if power * factor >= least))


def _svg(width: int, height: int, kind: str, title: str, parts: list[str]) -> Markup:
    return Markup(f'<svg class="chart {kind}" viewBox="0 0 {width} {height}" role="img" aria-label="{title}">'
                  + "".join(parts) + "</svg>")
