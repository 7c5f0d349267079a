"""Which parts of a frame to look at: a detector's boxes become whole-pixel regions inside the frame, by fixed rules.

Detectors send what they like: boxes that are rotated, without area, beyond the picture, not finite, thousands at once.
Each box is either chosen or counted under the reason why it was not. This file cuts nothing (`images.crop` does), and
knows no messages and no frames: numbers in, `Region`s out.
"""

from __future__ import annotations

import numbers
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from novic_ros.labels import Region

__all__ = ["Box", "ChosenRegions", "CropRules", "choose_regions"]

CAUSES = ("not finite", "no area", "outside", "too small", "over max_count")
SLACK = 1e-6  # pixels; a box that ends this close to a pixel's edge ends there


class Box(NamedTuple):
    """A box as in vision_msgs/BoundingBox2D: pixels, and the angle in radians; any float, sensible or not."""

    center_x: float
    center_y: float
    size_x: float
    size_y: float
    theta: float = 0.0


@dataclass(frozen=True)
class CropRules:
    """How boxes become regions. Raises ValueError for values that make no sense.

    margin: this share of the box's width and height is added on each of its sides, from 0 to 10. max_count: of more
    boxes, the largest are taken. min_size: fewest pixels of a region's shorter side.
    """

    margin: float = 0.0
    max_count: int = 32
    min_size: int = 1

    def __post_init__(self) -> None:
        if isinstance(self.margin, bool) or not isinstance(self.margin, numbers.Real) or not 0 <= self.margin <= 10:
            raise ValueError(f"margin: expected a share of the box's size from 0 to 10, got {self.margin!r}")
        for name in ("max_count", "min_size"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, numbers.Integral) or value < 1:
                raise ValueError(f"{name}: expected a whole number of at least 1, got {value!r}")


class ChosenRegions(NamedTuple):
    """regions: (index of the box, its region inside the frame), in the order of the boxes, with the detection's id.

    skipped: cause -> how many boxes were left out for it. Every box is in one of the two.
    """

    regions: tuple[tuple[int, Region], ...]
    skipped: dict[str, int]


def choose_regions(boxes: Sequence[Box], width: int, height: int, rules: CropRules,
                   ids: Sequence[str] | None = None) -> ChosenRegions:
    """The regions of a frame of width x height pixels that `boxes` stand for; ids: one for each box.

    A rotated box stands for the upright rectangle around it. To that the margin is added, then it is grown to whole
    pixels and cut off at the frame's edge. Causes to leave a box out, of which the first counts: "not finite" (a number
    is NaN or infinite), "no area" (a size is 0 or negative), "outside" (nothing of it, its margin not counted, lies in
    the frame), "too small" (a side of the region is shorter than min_size), "over max_count" (there are max_count
    regions with more pixels, or as many and an earlier box).

    Raises ValueError for a frame without pixels or another number of ids than boxes.
    """
    if width < 1 or height < 1:
        raise ValueError(f"expected a frame with at least one pixel, got {width} x {height}")
    if ids is not None and len(ids) != len(boxes):
        raise ValueError(f"expected one id for each of {len(boxes)} boxes, got {len(ids)}")
    numbers_of = np.array(boxes, dtype=np.float64).reshape(-1, 5)  # [N, 5]
    frame = np.array([width, height], dtype=np.float64)

    finite = np.isfinite(numbers_of).all(axis=1)
    center, size, theta = np.split(np.where(finite[:, None], numbers_of, 0.0), [2, 4], axis=1)  # [N, 2], [N, 2], [N, 1]
    area = (size > 0).all(axis=1)
    with np.errstate(over="ignore"):  # what grows beyond float64 is infinite, and cut off at the frame's edge
        cos, sin = np.abs(np.cos(theta)), np.abs(np.sin(theta))
        half = cos * (size / 2) + sin * (size[:, ::-1] / 2)  # of the upright rectangle around it
        inside = ((center + half > 0) & (center - half < frame)).all(axis=1)
        half = half * (1 + 2 * rules.margin)
        begin = np.floor(np.clip(center - half, 0, frame) + SLACK)
        end = np.ceil(np.clip(center + half, 0, frame) - SLACK)
    sides = (end - begin).astype(np.int64)  # [N, 2], at most the frame's
    large = (sides >= rules.min_size).all(axis=1)

    passed = np.flatnonzero(finite & area & inside & large)
    pixels = sides[passed].prod(axis=1)
    chosen = np.sort(passed[np.argsort(-pixels, kind="stable")[:rules.max_count]])
    left = [len(boxes), finite.sum(), (finite & area).sum(), (finite & area & inside).sum(), len(passed), len(chosen)]
    skipped = {cause: int(before - after) for cause, before, after in zip(CAUSES, left, left[1:])}
    regions = tuple(
        (index, Region(*begin[index].astype(int).tolist(), *sides[index].tolist(), "" if ids is None else ids[index]))
        for index in chosen.tolist()
    )
    return ChosenRegions(regions, {cause: count for cause, count in skipped.items() if count})
