"""What was said when: the frames of each source as spans of time in which the best label stayed the same.

A lane is one camera, or one crop that its detector gave an id. Frames without a stamp, and crops without an id, have no
place on a timeline. It computes spans from items and draws nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from novic_ros.evaluation.report_sheets import said, verdict
from novic_ros.evaluation.results import Item

__all__ = ["Lane", "Span", "Timeline", "lay_out"]

MOST_LANES = 12
GAP = 5  # frames come in one stretch if they are at most this many usual steps apart


@dataclass(frozen=True)
class Span:
    """Frames in a row with one best label ("" for none). Times in seconds from the timeline's start; end > begin."""

    label: str
    begin: float
    end: float
    frames: int
    score: float  # mean of the best labels' scores, 0 where nothing was said
    verdicts: dict[str, int]  # verdict -> frames
    middle: Item

    @property
    def verdict(self) -> str:
        """The verdict on most of its frames."""
        return max(self.verdicts, key=lambda word: (self.verdicts[word], word))


@dataclass(frozen=True)
class Lane:
    """The spans of one source, in order of time; changes: how often the label changed within a stretch of frames."""

    name: str
    spans: tuple[Span, ...]
    changes: int

    def worth_a_look(self, most: int) -> list[Span]:
        """At most `most` spans, in order of time: the longest of each label before the second longest of any."""
        seen: Counter[str] = Counter()
        ranked = []
        for span in sorted(self.spans, key=lambda span: (span.begin - span.end, span.begin)):
            ranked.append((seen[span.label], len(ranked), span))
            seen[span.label] += 1
        chosen = sorted(ranked, key=lambda one: one[:2])[:most]
        return sorted((span for *_, span in chosen), key=lambda span: span.begin)


@dataclass(frozen=True)
class Timeline:
    """All lanes share one start (a stamp in seconds) and length. left_out: what is not shown -> how much of it."""

    start: float
    length: float
    lanes: tuple[Lane, ...]
    left_out: dict[str, int]

    @property
    def labels(self) -> list[str]:
        """The labels in order of the time that they were said, the longest first."""
        seconds: Counter[str] = Counter()
        for span in (span for lane in self.lanes for span in lane.spans if span.label):
            seconds[span.label] += span.end - span.begin
        return sorted(seconds, key=lambda label: (-seconds[label], label))


def lay_out(items: Sequence[Item]) -> Timeline | None:
    """The timeline of all items that have a stamp; None if there are not at least two of them."""
    lanes: dict[str, list[Item]] = {}
    left_out: Counter[str] = Counter()
    for item in items:
        if item.stamp is None:
            left_out["frames without a stamp"] += 1
        elif item.region is not None and not item.region.id:
            left_out["crops without an id"] += 1
        else:
            name = item.source if item.region is None else f"{item.source} · {item.region.id}"
            lanes.setdefault(name, []).append(item)
    stamps = [item.stamp for lane in lanes.values() for item in lane]
    if len(stamps) < 2 or min(stamps) == max(stamps):
        return None
    largest = sorted(lanes, key=lambda name: (-len(lanes[name]), name))
    if len(largest) > MOST_LANES:
        left_out["cameras or tracks with fewer frames"] = len(largest) - MOST_LANES
    shown = sorted(largest[:MOST_LANES])
    start = min(stamps)
    made = tuple(_lane(name, sorted(lanes[name], key=lambda item: item.stamp), start) for name in shown)
    return Timeline(start, max(span.end for lane in made for span in lane.spans), made, dict(left_out))


def _lane(name: str, items: list[Item], start: float) -> Lane:
    times = np.array([item.stamp for item in items]) - start
    steps = np.diff(times)
    step = float(np.median(steps[steps > 0])) if (steps > 0).any() else 1.0
    spans, changes, begin = [], 0, 0
    for after in range(1, len(items) + 1):
        last = after == len(items)
        gap = not last and steps[after - 1] > GAP * step
        change = not last and said(items[after]) != said(items[begin])
        if last or gap or change:
            end = float(times[after - 1]) + step if last or gap else float(times[after])
            spans.append(_span(items[begin:after], float(times[begin]), max(end, float(times[begin]) + 1e-6)))
            changes += change and not gap
            begin = after
    return Lane(name, tuple(spans), changes)


def _span(items: list[Item], begin: float, end: float) -> Span:
    scores = [item.best.score for item in items if item.best]
    return Span(said(items[0]), begin, end, len(items), float(np.mean(scores)) if scores else 0.0,
                dict(Counter(verdict(item) for item in items)), items[len(items) // 2])
