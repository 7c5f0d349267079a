"""What the worker thread does with the frames it takes: label them, steady the labels, publish, and count.

It ties the parts together and holds no rule of its own but two: frames that are too old are dropped, and labels of
another vocabulary are not fused with the present one's.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from novic_ros.labels import Labels
from novic_ros.node import messages
from novic_ros.node.cameras import Camera
from novic_ros.node.conversion import to_rgb
from novic_ros.node.frames import Frame
from novic_ros.node.intake import Intake
from novic_ros.node.measurements import Measurements
from novic_ros.node.model_loading import Labeller
from novic_ros.node.parameters import PARAMETERS, Settings
from novic_ros.node.throttle import Throttle
from novic_ros.node.tick import FailedFrame, LabelledFrame, Wishes, label_tick
from novic_ros.node.vocabulary_swap import Announcer
from novic_ros.regions import CropRules
from novic_ros.steady_labels import SteadyLabels

LOG_PERIOD = 5.0  # seconds between two log lines about the same kind of trouble


def wishes(settings: Settings) -> Wishes:
    """What the parameters ask of a tick. Labels that are fused over time are cut afterwards, not before."""
    steady = settings.temporal_mode != "none"
    crops = CropRules(settings.crop_margin, settings.crop_max_count, settings.crop_min_size)
    return Wishes(
        top_k=int(PARAMETERS["top_k"].bounds[1]) if steady else settings.top_k,
        min_score=0.0 if steady else settings.min_score,
        on_unsure=settings.on_unsure,
        crops=crops if settings.crop_enabled else None,
        include_frame=settings.crop_include_frame,
    )


class FrameWork:
    """The body of the worker thread. Its methods are for that thread only, but for `drop`."""

    def __init__(
        self,
        node: Any,
        settings: Callable[[], Settings],
        labeller: Labeller,
        cameras: Mapping[str, Camera],
        intake: Intake,
        measurements: Measurements,
        announcer: Announcer,
    ) -> None:
        """`settings()` gives the values of this moment; `node` its clock and its log."""
        self._node, self._settings, self._labeller = node, settings, labeller
        self._cameras, self._intake = cameras, intake
        self._measurements, self._announcer = measurements, announcer
        self._throttle = Throttle(LOG_PERIOD)
        self._stampless: set[str] = set()  # cameras that were warned about
        self._open: list[Frame] = []  # frames in work that are not counted yet
        self._steady: dict[str, SteadyLabels] = {}  # by camera, as each has its own clock
        self._steady_for: Any = None  # the parameters and the vocabulary that they were made for

    def handle(self, frames: Sequence[Frame]) -> None:
        """Label and publish frames of different cameras in one batch."""
        settings = self._settings()
        self._open = list(frames)
        young = [frame for frame in frames if self._is_young(frame, settings.max_age)]
        with self._announcer.turn():
            wanted = self._intake.is_current
            for outcome in label_tick(young, self._labeller, wishes(settings), convert=to_rgb, wanted=wanted):
                if isinstance(outcome, FailedFrame):
                    self._drop(outcome.frame, outcome.cause, outcome.reason)
                else:
                    self._publish(outcome, self._settings())  # a stricter top_k or min_score holds at once

    def failed(self, frames: Sequence[Frame], error: Exception) -> None:
        """`handle` raised, which is a fault of the node: count what is not counted yet, and say so."""
        for frame in list(self._open):
            self._drop(frame, "internal", f"{type(error).__name__}: {error}")

    def _publish(self, outcome: LabelledFrame, settings: Settings) -> None:
        start = time.perf_counter()
        frame, camera = outcome.frame, self._cameras[outcome.frame.camera]
        whole, crops = self._steadied(outcome, settings)
        said = self._messages(outcome, whole, crops, settings)
        with self._intake.publishing(frame) as wanted:
            if not wanted or not self._node.context.ok():
                self._drop(frame, "deactivated")
                return
            if outcome.vocabulary_version is not None:
                self._announcer.before_labels_of(outcome.vocabulary_version)
            camera.publish(said)
        end = time.perf_counter()
        stages = {**outcome.stages, "publish": end - start, "total": end - frame.received}
        self._measurements.processed(frame.camera, stages, self._age(frame))
        self._open.remove(frame)
        for cause, count in outcome.skipped.items():
            self._measurements.skipped(cause, count)
        if settings.crop_enabled and frame.boxes is None:
            self._measurements.skipped("never came")
        if camera.debug_images.wanted:
            shown = [one for one in (whole, *crops) if one is not None]
            camera.debug_images.offer(frame.message.header, outcome.image, shown)

    def _messages(
        self, outcome: LabelledFrame, whole: Labels | None, crops: Sequence[Labels], settings: Settings
    ) -> messages.LabelMessages:
        header, top_k, min_score = outcome.frame.message.header, settings.top_k, settings.min_score
        height, width = outcome.image.shape[:2]
        of_frame = messages.chosen(whole, top_k, min_score)
        said = [(messages.whole_frame(header, width, height), of_frame)]
        for (index, _), labels in zip(outcome.crops, crops):
            said.append((outcome.frame.boxes.detections[index], messages.chosen(labels, top_k, min_score)))
        return messages.label_messages(header, said, of_frame)

    def _steadied(self, outcome: LabelledFrame, settings: Settings) -> tuple[Labels | None, list[Labels]]:
        """The labels of the whole frame and of its crops, fused with earlier ones as the parameters ask."""
        crops = [labels for _, labels in outcome.crops]
        if settings.temporal_mode == "none" or outcome.vocabulary_version is None:
            return outcome.whole, crops
        how = (settings.temporal_mode, settings.temporal_half_life, settings.temporal_forget_after)
        made_for = (how, outcome.vocabulary_version, outcome.frame.epoch)
        if made_for != self._steady_for:
            self._steady_for, self._steady = made_for, {}
        steady = self._steady.setdefault(outcome.frame.camera, SteadyLabels(*how))
        stamp = (outcome.frame.stamp or self._node.get_clock().now().nanoseconds) * 1e-9
        cut = {"top_k": settings.top_k, "min_score": settings.min_score}
        whole = outcome.whole and steady.update("", stamp, outcome.whole, **cut)
        return whole, [steady.update(labels.region.id, stamp, labels, **cut) for labels in crops]

    def _is_young(self, frame: Frame, max_age: float) -> bool:
        """Whether a frame may be labelled by its age; if not, it is dropped."""
        age = self._age(frame) if max_age else None
        if age is None or age <= max_age:
            return True
        self._drop(frame, "too old", f"its stamp is {age:.2f} s old when its turn comes, max_age is {max_age:g} s")
        return False

    def _age(self, frame: Frame) -> float | None:
        """Seconds between the stamp and now, by the node's clock; None if the camera left the stamp at zero."""
        if frame.stamp:
            return (self._node.get_clock().now().nanoseconds - frame.stamp) * 1e-9
        if frame.camera not in self._stampless:
            self._stampless.add(frame.camera)
            self._node.get_logger().warning(
                f"images{f' of {frame.camera}' if frame.camera else ''} carry a zero stamp; labels carry it too, and "
                f"cannot be matched by time"
            )
        return None

    def _drop(self, frame: Frame, cause: str, reason: str = "") -> None:
        self._open.remove(frame)
        self._measurements.dropped(cause, reason, camera=frame.camera)
        held_back = self._throttle.allow(cause) if reason else None
        if held_back is not None and self._node.context.ok():
            more = f" (and {held_back} more since the last such line)" if held_back else ""
            of = f" of {frame.camera}" if frame.camera else ""
            self._node.get_logger().error(f"frame{of} dropped, cause {cause}: {reason}{more}")
