"""One tick: frames of several cameras and the boxes in them, in one batch through the labeller.

A frame that cannot be read is left out of the batch. If the batch fails, each frame is tried alone, so that one that
the model cannot bear harms only itself. No ROS: messages are anything shaped like theirs. Nothing is computed here;
`images.py`, `regions.py` and the labeller do the work. Nothing is published or counted either.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from novic_ros import images
from novic_ros.labels import Labels, Region
from novic_ros.node.frames import Frame
from novic_ros.node.model_loading import Labeller
from novic_ros.regions import Box, CropRules, choose_regions


@dataclass(frozen=True)
class Wishes:
    """What the parameters ask of one tick."""

    top_k: int
    min_score: float
    on_unsure: str
    crops: CropRules | None = None  # None: boxes are not asked for
    include_frame: bool = True  # label the whole frame as well


@dataclass(frozen=True)
class LabelledFrame:
    """What was said about one frame."""

    frame: Frame
    image: Any  # RGB uint8 [H, W, 3]
    whole: Labels | None  # None: the whole frame was not to be labelled
    crops: Sequence[tuple[int, Labels]] = ()  # (index in frame.boxes.detections, labels with their region), in order
    skipped: Mapping[str, int] = field(default_factory=dict)  # boxes that were left out, by cause
    stages: Mapping[str, float] = field(default_factory=dict)  # stage -> seconds: wait, convert, then the labeller's
    vocabulary_version: int | None = None  # None: there was nothing to label


@dataclass(frozen=True)
class FailedFrame:
    """A frame that gave no labels. `cause` is a short word to count by; `reason` is empty if nothing went wrong."""

    frame: Frame
    cause: str
    reason: str = ""


@dataclass(frozen=True)
class _Prepared:
    """A frame with everything in it that is to be labelled."""

    frame: Frame
    image: Any
    regions: Sequence[tuple[int, Region]]
    skipped: Mapping[str, int]
    stages: Mapping[str, float]
    include_frame: bool

    def pictures(self) -> list[Any]:
        """RGB uint8 [H, W, 3] each: the whole frame if asked for, then the crops."""
        crops = [images.crop(self.image, region) for _, region in self.regions]
        return [self.image, *crops] if self.include_frame else crops


def label_tick(
    frames: Sequence[Frame],
    labeller: Labeller,
    wishes: Wishes,
    *,
    convert: Callable[[Any], Any] = images.from_message,
    wanted: Callable[[Frame], bool] = lambda frame: True,
) -> list[LabelledFrame | FailedFrame]:
    """Label all frames; one entry for each, in their order. Raises nothing that a frame or the model can cause.

    `convert` makes RGB uint8 [H, W, 3] of a message, or raises ImageError. `wanted` says whether a frame's labels are
    still of use; it is asked before the model is asked about a frame alone.
    """
    prepared = [_prepare(frame, wishes, convert) for frame in frames]
    good = [one for one in prepared if isinstance(one, _Prepared)]
    try:
        labelled = _label(good, labeller, wishes)
    except Exception as error:  # a model may raise anything; the node must outlive it
        labelled = [_failed(one, error) for one in good]
        if len(good) > 1:
            labelled = [_label_alone(one, labeller, wishes, wanted) for one in good]
    results = iter(labelled)
    return [next(results) if isinstance(one, _Prepared) else one for one in prepared]


def _prepare(frame: Frame, wishes: Wishes, convert: Callable[[Any], Any]) -> _Prepared | FailedFrame:
    start = time.perf_counter()
    if wishes.crops and not wishes.include_frame and frame.boxes is None:
        return FailedFrame(frame, "no boxes", "no detections came for the frame within crop.wait")
    try:
        image = convert(frame.message)
    except images.ImageError as error:
        return FailedFrame(frame, "image", str(error))
    except Exception as error:  # out of memory, or a fault below; either way it is this frame's alone
        return FailedFrame(frame, "image", f"{type(error).__name__}: {error}")
    regions: Sequence[tuple[int, Region]] = ()
    skipped: Mapping[str, int] = {}
    if wishes.crops and frame.boxes is not None:
        found = frame.boxes.detections
        height, width = image.shape[:2]
        boxes, ids = [_box(one.bbox) for one in found], [one.id for one in found]
        regions, skipped = choose_regions(boxes, width, height, wishes.crops, ids)
    stages = {"wait": start - frame.received, "convert": time.perf_counter() - start}
    return _Prepared(frame, image, regions, skipped, stages, wishes.include_frame or not wishes.crops)


def _box(bbox: Any) -> Box:
    center = bbox.center
    return Box(center.position.x, center.position.y, bbox.size_x, bbox.size_y, center.theta)


def _label(prepared: Sequence[_Prepared], labeller: Labeller, wishes: Wishes) -> list[LabelledFrame]:
    pictures = [picture for one in prepared for picture in one.pictures()]
    said, stages, version = [], {}, None
    if pictures:
        timed = labeller.label_timed(
            pictures, top_k=wishes.top_k, min_score=wishes.min_score, on_unsure=wishes.on_unsure
        )
        said, stages, version = list(timed.labels), timed.stages, timed.vocabulary_version
    if len(said) != len(pictures):
        raise ValueError(f"expected labels for {len(pictures)} pictures, got {len(said)}")
    results = iter(said)
    labelled = []
    for one in prepared:
        whole = next(results) if one.include_frame else None
        crops = [(index, dataclasses.replace(next(results), region=region)) for index, region in one.regions]
        stages_of_frame = {**one.stages, **stages}
        labelled.append(
            LabelledFrame(one.frame, one.image, whole, crops, one.skipped, stages_of_frame, version)
        )
    return labelled


def _label_alone(
    one: _Prepared, labeller: Labeller, wishes: Wishes, wanted: Callable[[Frame], bool]
) -> LabelledFrame | FailedFrame:
    if not wanted(one.frame):
        return FailedFrame(one.frame, "deactivated")
    try:
        (labelled,) = _label([one], labeller, wishes)
    except Exception as error:  # as above
        return _failed(one, error)
    return labelled


def _failed(one: _Prepared, error: Exception) -> FailedFrame:
    return FailedFrame(one.frame, "labeller", f"{type(error).__name__}: {error}")
