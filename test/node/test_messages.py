"""Labels to messages: contents, boxes, and what is sent when nothing is sure enough."""

from __future__ import annotations

import pytest

pytest.importorskip("std_msgs.msg", reason="needs ROS 2 messages")
pytest.importorskip("vision_msgs.msg", reason="needs the vision_msgs package")

from hypothesis import given
from hypothesis import strategies as st
from std_msgs.msg import Header

from novic_ros.labels import Label, Labels, Region
from novic_ros.node import messages

LABELS = Labels((Label("bird feeder", 0.7), Label("cup", 0.2), Label("lamp", 0.1)))


def header() -> Header:
    result = Header(frame_id="camera")
    result.stamp.sec, result.stamp.nanosec = 12, 34
    return result


def test_whole_frame():
    source = header()
    sent = messages.whole_frame(source, LABELS, width=641, height=480, top_k=2, min_score=0.0)
    (detection,) = sent.labels.detections
    assert sent.labels.header == detection.header == sent.classification.header == source
    assert (detection.bbox.center.position.x, detection.bbox.center.position.y) == (320.5, 240.0)
    assert (detection.bbox.size_x, detection.bbox.size_y, detection.bbox.center.theta) == (641.0, 480.0, 0.0)
    assert detection.id == ""
    expected = [("bird feeder", 0.7), ("cup", 0.2)]
    assert [(r.hypothesis.class_id, r.hypothesis.score) for r in detection.results] == expected
    assert [(r.class_id, r.score) for r in sent.classification.results] == expected
    assert sent.label.data == "bird feeder"


def test_nothing_sure_enough_is_said_with_empty_messages():
    sent = messages.whole_frame(header(), LABELS, width=640, height=480, top_k=5, min_score=0.71)
    assert sent.labels.header == sent.classification.header == header()
    assert sent.labels.detections == [] and sent.classification.results == [] and sent.label.data == ""


def test_a_region_keeps_its_box_and_id():
    message = messages.detection(
        header(), Region(x=10, y=20, width=30, height=41, id="track 7"), LABELS.labels
    )
    assert (message.bbox.center.position.x, message.bbox.center.position.y) == (25.0, 40.5)
    assert (message.bbox.size_x, message.bbox.size_y, message.id) == (30.0, 41.0, "track 7")


@given(
    st.lists(st.floats(0, 1), max_size=12),
    st.integers(1, 10),
    st.floats(0, 1),
)
def test_chosen_are_the_best_few_that_reach_the_threshold(scores, top_k, min_score):
    labels = Labels(tuple(Label(f"noun {number}", score) for number, score in enumerate(scores)))
    said = [label.score for label in messages.chosen(labels, top_k, min_score)]
    assert said == sorted((score for score in scores if score >= min_score), reverse=True)[:top_k]
