"""What the worker does with a batch: ages, drops, versions, steady labels, debug images, and that all is counted.

Node, clock, cameras and labeller are stand-ins; messages, intake, measurements and the announcer are the real ones.
"""

from __future__ import annotations

import time
from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (rclpy)")
pytest.importorskip("vision_msgs.msg", reason="needs the vision_msgs package")

from sensor_msgs.msg import Image
from vision_msgs.msg import Detection2D, Detection2DArray

from novic_ros.labels import Label, Labels
from novic_ros.node.frame_work import FrameWork, wishes
from novic_ros.node.frames import Frame
from novic_ros.node.intake import Intake
from novic_ros.node.measurements import Measurements
from novic_ros.node.parameters import PARAMETERS, Settings
from novic_ros.node.vocabulary_swap import Announcer

DEFAULTS = Settings(*(parameter.default for parameter in PARAMETERS.values()))
NOW = 1000.0  # seconds, the node's clock


class Robot:
    """A FrameWork with everything around it; `events` is what happened, in order."""

    def __init__(self, *names: str, **settings) -> None:
        self.settings = DEFAULTS._replace(**settings)
        self.events: list = []
        self.log: list[str] = []
        self.now, self.scores, self.version, self.fault = NOW, {"cup": 0.8, "lamp": 0.1}, 1, None
        clock = SimpleNamespace(now=lambda: SimpleNamespace(nanoseconds=round(self.now * 1e9)))
        logger = SimpleNamespace(warning=self.log.append, error=self.log.append)
        node = SimpleNamespace(
            get_clock=lambda: clock, get_logger=lambda: logger, context=SimpleNamespace(ok=lambda: True)
        )
        self.debug = SimpleNamespace(wanted=False, offer=lambda *shown: self.events.append(("debug", *shown)))
        self.cameras = {
            name: SimpleNamespace(
                debug_images=self.debug, publish=lambda said, name=name: self.events.append((name, said))
            )
            for name in names or ("",)
        }
        self.measurements = Measurements()
        self.intake = Intake(self.cameras, keep_all=True, room=100, replaced=self.measurements.replaced)
        self.intake.begin()
        announcer = Announcer(lambda version: self.events.append(("version", version)))
        self.work = FrameWork(
            node, lambda: self.settings, self, self.cameras, self.intake, self.measurements, announcer
        )

    def label_timed(self, images, *, top_k, min_score, on_unsure):
        """The labeller: the same of everything."""
        if self.fault:
            raise self.fault
        self.asked = (len(images), top_k, min_score, on_unsure)
        labels = Labels(tuple(Label(text, score) for text, score in self.scores.items()))
        return SimpleNamespace(labels=[labels] * len(images), stages={"embed": 0.1}, vocabulary_version=self.version)

    def frame(self, stamp: float, camera: str = "", boxes=None) -> Frame:
        message = Image(height=8, width=10, encoding="rgb8", step=30)
        message.data.frombytes(np.zeros((8, 10, 3), np.uint8).tobytes())
        message.header.stamp.sec, message.header.stamp.nanosec = divmod(round(stamp * 1e9), 10**9)
        message.header.frame_id = "lens"
        self.measurements.received(camera)
        return Frame(camera, message, time.perf_counter(), self.intake.epoch, boxes)

    def handle(self, *frames: Frame) -> list:
        """What was published: (camera, messages) and (what, value)."""
        self.events.clear()
        self.work.handle(frames)
        return list(self.events)

    def said(self, *frames: Frame) -> list[list[tuple[str, float]]]:
        """The results of `classification`, per message."""
        published = [said for name, said in self.handle(*frames) if name in self.cameras]
        return [
            [(one.class_id, round(one.score, 9)) for one in said.classification.results] for said in published
        ]

    def counts(self):
        seen = self.measurements.snapshot()
        assert seen.inside == 0, "every frame is counted"
        return seen


def detections(*ids: str) -> Detection2DArray:
    """Boxes in the middle of the frame."""
    array = Detection2DArray()
    for number, id in enumerate(ids):
        one = Detection2D(id=id)
        one.bbox.center.position.x = one.bbox.center.position.y = 4.0
        one.bbox.size_x = one.bbox.size_y = 4.0 + number
        array.detections.append(one)
    return array


def test_frames_of_two_cameras_are_one_batch_and_go_out_on_their_own_topics():
    robot = Robot("front", "rear")
    published = robot.handle(robot.frame(999.5, "front"), robot.frame(999.0, "rear"))
    assert robot.asked == (2, 5, 0.0, "best")
    assert published[0] == ("version", 1)
    assert [(name, said.labels.header.stamp.sec, said.label.data) for name, said in published[1:]] == [
        ("front", 999, "cup"), ("rear", 999, "cup"),
    ]  # fmt: skip
    seen = robot.counts()
    assert [seen.camera(name).processed for name in ("front", "rear")] == [1, 1]
    assert seen.camera("front").frame_age == pytest.approx([0.5])
    assert {"wait", "convert", "embed", "publish", "total"} <= seen.latency.keys()


def test_too_old_frames_are_dropped_and_frames_from_the_future_and_without_stamp_are_not():
    robot = Robot(max_age=0.5)
    frames = [robot.frame(stamp) for stamp in (999.4, 999.6, 1030.0, 0.0)]
    assert len(robot.said(*frames)) == 3
    seen = robot.counts()
    assert seen.dropped == {"too old": 1} and seen.processed == 3
    assert "max_age is 0.5 s" in seen.last_error
    assert min(seen.frame_age) == pytest.approx(-30.0) and seen.from_future == 1


def test_a_zero_stamp_is_warned_about_once_per_camera():
    robot = Robot("front", "rear", max_age=1.0)
    for _ in range(3):
        robot.handle(robot.frame(0.0, "front"), robot.frame(0.0, "rear"))
    assert sorted(robot.log) == [
        f"images of {name} carry a zero stamp; labels carry it too, and cannot be matched by time"
        for name in ("front", "rear")
    ]
    assert robot.counts().frame_age == ()


def test_a_clock_that_jumps_back_drops_nothing():
    robot = Robot(max_age=0.5)
    assert len(robot.said(robot.frame(999.9))) == 1
    robot.now = 10.0
    assert len(robot.said(robot.frame(999.9))) == 1
    assert robot.counts().dropped == {}


def test_a_frame_of_a_past_activation_is_not_published():
    robot = Robot()
    frame = robot.frame(999.0)
    robot.intake.end()
    robot.intake.begin()
    assert robot.handle(frame) == []
    assert robot.counts().dropped == {"deactivated": 1}
    assert robot.log == []


def test_a_fault_of_the_model_is_logged_once_per_period_and_counted_each_time():
    robot = Robot()
    robot.fault = RuntimeError("out of memory")
    for _ in range(3):
        assert robot.handle(robot.frame(999.0)) == []
    assert robot.counts().dropped == {"labeller": 3}
    assert robot.log == ["frame dropped, cause labeller: RuntimeError: out of memory"]


def test_a_fault_of_the_node_itself_loses_no_count():
    robot = Robot()
    frames = [robot.frame(999.0), robot.frame(999.1)]

    def broken(_said):
        raise KeyError("publisher")

    robot.cameras[""].publish = broken
    with pytest.raises(KeyError) as caught:
        robot.work.handle(frames)
    robot.work.failed(frames, caught.value)
    assert robot.counts().dropped == {"internal": 2}


def test_crops_keep_index_id_and_box_and_what_was_left_out_is_counted():
    robot = Robot(crop_enabled=True, crop_max_count=1, crop_min_size=1, crop_margin=0.0)
    boxes = detections("small", "large")
    (_, (_, said)) = robot.handle(robot.frame(999.0, boxes=boxes))
    whole, crop = said.labels.detections
    assert whole.id == "" and crop.id == "large" and crop.bbox == boxes.detections[1].bbox
    assert robot.asked[0] == 2
    assert robot.counts().skipped_boxes == {"over max_count": 1}


@pytest.mark.parametrize("include_frame", [True, False])
def test_boxes_that_never_came_are_counted(include_frame):
    robot = Robot(crop_enabled=True, crop_include_frame=include_frame)
    said = robot.said(robot.frame(999.0))
    seen = robot.counts()
    if include_frame:
        assert len(said) == 1 and seen.skipped_boxes == {"never came": 1} and seen.dropped == {}
    else:
        assert said == [] and seen.skipped_boxes == {} and seen.dropped == {"no boxes": 1}


def test_a_stricter_min_score_holds_for_the_frame_in_work():
    robot = Robot()
    robot.label_timed, ask = None, robot.label_timed

    def change_while_labelling(images, **options):
        robot.settings = robot.settings._replace(min_score=0.5)
        return ask(images, **options)

    robot.label_timed = change_while_labelling
    assert robot.said(robot.frame(999.0)) == [[("cup", 0.8)]]


def test_each_version_is_said_before_its_first_labels():
    robot = Robot()
    robot.handle(robot.frame(999.0))
    assert [name for name, *_ in robot.handle(robot.frame(999.1))] == [""]
    robot.version = 2
    assert [name for name, *_ in robot.handle(robot.frame(999.2))] == ["version", ""]


def test_labels_are_steadied_per_camera_and_cut_afterwards():
    robot = Robot("front", "rear", temporal_mode="frame", top_k=1, min_score=0.4)
    robot.said(robot.frame(990.0, "front"))
    assert robot.asked[1:] == (10, 0.0, "best")
    robot.scores = {"lamp": 0.7, "cup": 0.3}
    front, rear = robot.said(robot.frame(990.2, "front"), robot.frame(990.2, "rear"))
    assert [text for text, _ in front] == ["cup"], "the past still counts"
    assert rear == [("lamp", 0.7)], "the other camera has no past"


def test_tracks_are_steadied_by_id_and_the_frame_is_left_alone():
    robot = Robot(temporal_mode="track", crop_enabled=True, crop_min_size=1)
    robot.handle(robot.frame(990.0, boxes=detections("seven")))
    robot.scores = {"lamp": 0.7, "cup": 0.3}
    (_, said), *_ = robot.handle(robot.frame(990.2, boxes=detections("seven", "eight")))
    best = [detection.results[0].hypothesis.class_id for detection in said.labels.detections]
    assert best == ["lamp", "cup", "lamp"]


@pytest.mark.parametrize("change", ["vocabulary", "activation", "parameter"])
def test_a_new_vocabulary_activation_or_rule_starts_afresh(change):
    robot = Robot(temporal_mode="frame")
    robot.said(robot.frame(990.0))
    robot.scores = {"lamp": 0.7, "cup": 0.3}
    if change == "vocabulary":
        robot.version = 2
    elif change == "activation":
        robot.intake.end()
        robot.intake.begin()
    else:
        robot.settings = robot.settings._replace(temporal_half_life=9.0)
    assert robot.said(robot.frame(990.2)) == [[("lamp", 0.7), ("cup", 0.3)]]


def test_without_stamps_steady_labels_go_by_the_time_of_labelling():
    robot = Robot(temporal_mode="frame")
    robot.said(robot.frame(0.0))
    robot.scores = {"lamp": 0.7, "cup": 0.3}
    robot.now += 0.2
    ((best, *_),) = robot.said(robot.frame(0.0))
    assert best[0] == "cup"


def test_debug_images_are_offered_only_while_somebody_looks_and_after_publishing():
    robot = Robot(crop_enabled=True, crop_min_size=1)
    assert len(robot.handle(robot.frame(990.0, boxes=detections("a")))) == 2
    robot.debug.wanted = True
    (_, published), (_, header, image, labels) = robot.handle(robot.frame(990.1, boxes=detections("a")))
    assert header == published.labels.header and image.shape == (8, 10, 3)
    assert [one.region and one.region.id for one in labels] == [None, "a"]


def test_wishes():
    asked = wishes(DEFAULTS._replace(top_k=3, min_score=0.2, on_unsure="hypernym"))
    assert (asked.top_k, asked.min_score, asked.on_unsure, asked.crops) == (3, 0.2, "hypernym", None)
    asked = wishes(DEFAULTS._replace(crop_enabled=True, crop_margin=0.5, crop_include_frame=False))
    assert asked.crops.margin == 0.5 and not asked.include_frame
