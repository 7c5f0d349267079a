"""Turns an evaluation into one HTML page that needs nothing else: no network, no other file.

All text is escaped by the template engine, since labels and names of topics come from elsewhere; the page's
Content-Security-Policy lets run no script but its own and load nothing. Which pictures are worth showing is decided in
`report_sheets.py` and `report_timeline.py`; files are `report.py`'s.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from novic_ros.evaluation.confusion import ELSEWHERE, Confusion
from novic_ros.evaluation.pages import inline_page
from novic_ros.evaluation.report_charts import nice_step, reliability_chart, time_histogram
from novic_ros.evaluation.report_sheets import VERDICTS, Sheet, frequent_mistakes, said, true_name, verdict
from novic_ros.evaluation.report_timeline import Lane, Span, Timeline
from novic_ros.evaluation.results import Evaluation, Figure

__all__ = ["percentiles", "render"]

COLOURS = 8  # for the labels that were said longest; the others share one
NAMED_SHARE = 0.04  # of the timeline: spans at least this long bear their label, where the screen is wide enough
MOST_ROWS = 20_000
THINGS = {"images": "pictures", "classes": "pictures", "labels": "pictures", "bag": "frames and crops"}


def render(evaluation: Evaluation, sheets: Sequence[Sheet], timeline: Timeline | None, strips: Sequence[Sequence[Span]],
           confusion: Confusion | None, thumbs: Mapping[str, str]) -> str:
    """The page. strips: of each lane of the timeline, the spans shown as pictures; thumbs: item id -> `data:` address.

    The same input gives the same text.
    """
    judged = any(item.score is not None for item in evaluation.items)
    context = {
        "evaluation": evaluation, "sheets": sheets, "thumbs": thumbs, "judged": judged, "confusion": confusion,
        "about": _about(evaluation), "things": THINGS[evaluation.kind], "most_rows": MOST_ROWS,
        "all_verdicts": list(VERDICTS), "verdicts": _verdicts(evaluation) if judged else [],
        "mistakes": frequent_mistakes(evaluation.items), "matrix": _matrix(confusion) if confusion else [],
        "rows": _rows(evaluation, timeline, judged),
        "environment": [(name, _plain(value)) for name, value in evaluation.environment.items()],
        "frequent": _frequent(evaluation), "shares": {one.name for one in evaluation.figures if _is_share(one)},
        **_timeline(timeline, strips), **_reliability(evaluation), **_times(evaluation.timing),
    }
    context["sections"] = _sections(context)
    return inline_page("report", context, FILTERS)[0]


def percentiles(seconds: Sequence[float]) -> tuple[float, float, float, float]:
    """Median, 95th and 99th percentile, and the most."""
    return tuple(float(value) for value in np.percentile(np.asarray(seconds, dtype=float), (50, 95, 99, 100)))


def _is_share(one: Figure) -> bool:
    return 0 <= one.value <= 1 and one.interval is not None and 0 <= one.interval[0] and one.interval[1] <= 1


def _figure(value: float, one: Figure) -> str:
    """A figure's value or an end of its interval: counts without decimals, small values with three."""
    if one.interval is None and one.k is None and value == int(value):
        return f"{int(value):,}"
    return f"{value:.3f}" if abs(one.value) < 10 else f"{value:,.1f}"


def _clock(seconds: float) -> str:
    """Minutes and seconds; tenths below a minute."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(inner)}" for name, inner in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_plain, value))
    if value is None or isinstance(value, bool):
        return {None: "none", True: "yes", False: "no"}[value]
    return str(value)


def _about(evaluation: Evaluation) -> list[str]:
    known = evaluation.environment
    number = f"{len(evaluation.items):,} {THINGS[evaluation.kind]}"
    return [number, *(_plain(known[name]) for name in ("model", "device", "package") if known.get(name))]


def _verdicts(evaluation: Evaluation) -> list[dict[str, Any]]:
    counts = Counter(map(verdict, evaluation.items))
    return [{"name": name, "count": counts[name], "meaning": meaning}
            for name, meaning in VERDICTS.items() if counts[name]]


def _matrix(confusion: Confusion) -> list[dict[str, Any]]:
    return [{"name": name, "total": sum(counts), "cells": [
        {"count": count, "column": column, "share": round(count / max(1, sum(counts)), 3),
         "fit": "unsorted" if column == name == ELSEWHERE else "same" if column == name else "off"}
        for column, count in zip(confusion.columns, counts)]} for name, counts in zip(confusion.rows, confusion.counts)]


def _frequent(evaluation: Evaluation) -> list[dict[str, Any]]:
    """Labels said more than once, with the length of their bars."""
    often = [one for one in evaluation.curves.get("frequent labels", ()) if one["n"] > 1]
    return [{**one, "share": one["n"] / often[0]["n"]} for one in often]


def _timeline(timeline: Timeline | None, strips: Sequence[Sequence[Span]]) -> dict[str, Any]:
    if timeline is None:
        return {"timeline": None, "lanes": [], "colours": {}, "ticks": []}
    colours = {label: number for number, label in enumerate(timeline.labels[:COLOURS])}
    step = nice_step(timeline.length, 8)
    return {"timeline": timeline, "colours": colours,
            "lanes": [_lane(lane, number, shown, timeline.length, colours)
                      for number, (lane, shown) in enumerate(zip(timeline.lanes, strips))],
            "ticks": [{"left": tick / timeline.length, "text": _clock(tick).replace(".0 s", " s")}
                      for tick in np.arange(0, timeline.length, step).tolist()]}


def _lane(lane: Lane, number: int, shown: Sequence[Span], length: float, colours: Mapping[str, int]) -> dict[str, Any]:
    spans = [{
        "key": f"span{number}-{place}", "item": span.middle, "label": span.label, "begin": span.begin,
        "seconds": span.end - span.begin, "verdict": span.verdict, "left": span.begin / length,
        "width": (span.end - span.begin) / length, "strength": f"{0.55 + 0.45 * span.score:.2f}",
        "colour": colours.get(span.label, 9) if span.label else "n",
        "named": bool(span.label) and span.end - span.begin >= NAMED_SHARE * length,
        "text": f"{span.label or 'no label'}: {_clock(span.begin)} to {_clock(span.end)}, {span.frames:,} frames"
                + (f", mean score {span.score:.2f}" if span.label else ""),
    } for place, span in enumerate(lane.spans)]
    keys = {id(span): place for place, span in enumerate(lane.spans)}
    return {"name": lane.name, "changes": lane.changes, "frames": sum(span.frames for span in lane.spans),
            "spans": spans, "shown": [spans[keys[id(span)]] for span in shown]}


def _reliability(evaluation: Evaluation) -> dict[str, Any]:
    bins = evaluation.curves.get("reliability", ())
    scores = [item.best.score for item in evaluation.items if item.best and item.score is not None]
    return {"reliability": reliability_chart(bins, scores) if len(bins) else None}


def _times(timing: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    stages = {name: (seconds, percentiles(seconds)) for name, seconds in timing.items() if len(seconds)}
    if not stages:
        return {"stages": []}
    drawn = "total" if "total" in stages else max(stages, key=lambda name: stages[name][1][0])
    longest = max(values[1] for _, values in stages.values()) or 1.0
    seconds, (median, high, _, _) = stages[drawn]
    return {
        "histogram": time_histogram(seconds, {"median": median, "95 %": high}),
        "drawn_stage": drawn, "drawn_count": len(seconds),
        "stages": [{"name": name, "reach50": values[0] / longest, "reach95": values[1] / longest,
                    "milliseconds": [f"{1000 * value:.1f}" for value in values]}
                   for name, (_, values) in stages.items()],
    }


def _rows(evaluation: Evaluation, timeline: Timeline | None, judged: bool) -> Markup:
    """The list of all items as JSON that may stand inside a <script> element."""
    numbers = {name: number for number, name in enumerate(VERDICTS)}
    rows = [[said(item), f"{item.best.score:.2f}" if item.best else "", numbers[verdict(item)], true_name(item),
             "" if timeline is None or item.stamp is None else _clock(item.stamp - timeline.start), item.id]
            for item in evaluation.items[:MOST_ROWS]]
    text = json.dumps({"judged": judged, "timed": timeline is not None, "rows": rows}, separators=(",", ":"))
    return Markup(text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"))


def _sections(context: Mapping[str, Any]) -> list[tuple[str, str]]:
    """(anchor, short title) of the sections that the page has."""
    evaluation = context["evaluation"]
    found = [("scores", "Scores", bool(evaluation.figures or context["verdicts"])),
             ("timeline", "Timeline", context["timeline"] is not None),
             *((f"sheet{number}", sheet.title, True) for number, sheet in enumerate(context["sheets"], 1)),
             ("frequent", "Frequent labels", bool(context["frequent"])),
             ("confusion", "Confusion", bool(context["confusion"] or context["mistakes"])),
             ("reliability", "Reliability", context["reliability"] is not None),
             ("times", "Speed", bool(context["stages"])),
             ("list", f"All {context['things']}", bool(evaluation.items)), ("how", "How made", True)]
    return [(name, title) for name, title, there in found if there]


FILTERS = {
    "figure": _figure, "score": lambda value: f"{value:.2f}", "thousands": lambda value: f"{value:,}",
    "percent": lambda share: f"{100 * share:.3f}%", "clock": _clock, "seconds": lambda value: f"{value:.1f} s",
    "stamp": lambda value: f"{value:.3f}", "truth": true_name,
}
