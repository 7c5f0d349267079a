"""Labels to messages: contents, boxes, and what is sent when nothing is sure enough."""

from __future__ import annotations

import pytest

pytest.importorskip("std_msgs.msg", reason="needs ROS 2 messages")
pytest.importorskip("vision_msgs.msg", reason="needs the vision_msgs package")

from hypothesis import given
from hypothesis import strategies as st
from rclpy.serialization import serialize_message
from std_msgs.msg import Header
from vision_msgs.msg import Detection2D, ObjectHypothesisWithPose

from novic_ros.labels import Label, Labels
from novic_ros.node import messages

LABELS = Labels((Label("bird feeder", 0.7), Label("cup", 0.2), Label("lamp", 0.1)))


def header(frame_id="camera") -> Header:
    result = Header(frame_id=frame_id)
    result.stamp.sec, result.stamp.nanosec = 12, 34
    return result


def results(detection) -> list[tuple[str, float]]:
    return [(result.hypothesis.class_id, result.hypothesis.score) for result in detection.results]


def test_whole_frame():
    source = header()
    frame = messages.whole_frame(source, width=641, height=480)
    said = messages.chosen(LABELS, top_k=2, min_score=0.0)
    sent = messages.label_messages(source, [(frame, said)], said)
    (detection,) = sent.labels.detections
    assert sent.labels.header == detection.header == sent.classification.header == source
    assert (detection.bbox.center.position.x, detection.bbox.center.position.y) == (320.5, 240.0)
    assert (detection.bbox.size_x, detection.bbox.size_y, detection.bbox.center.theta) == (641.0, 480.0, 0.0)
    assert detection.id == ""
    expected = [("bird feeder", 0.7), ("cup", 0.2)]
    assert results(detection) == expected
    assert [(r.class_id, r.score) for r in sent.classification.results] == expected
    assert sent.label.data == "bird feeder"


@given(st.floats(), st.floats(), st.text("ab 7", max_size=5))
def test_a_detection_keeps_its_own_header_box_and_id_whatever_they_are(x, theta, id):
    """The header is the detector's, the box the one it sent (turned, beyond the edge, NaN), not the part cut out."""
    source = Detection2D(header=header("detector"), id=id)
    source.bbox.center.position.x, source.bbox.center.theta = x, theta
    source.bbox.size_x, source.bbox.size_y = 1e300, -3.0
    source.results = [ObjectHypothesisWithPose()]
    sent = messages.label_messages(header(), [(source, LABELS.labels)], ())
    (detection,) = sent.labels.detections
    assert serialize_message(detection.bbox) == serialize_message(source.bbox)
    assert serialize_message(detection.header) == serialize_message(source.header)
    assert detection.id == id and len(source.results) == 1
    assert results(detection) == [("bird feeder", 0.7), ("cup", 0.2), ("lamp", 0.1)]
    assert sent.labels.header == header()


def test_nothing_sure_enough_is_said_with_empty_messages():
    frame = messages.whole_frame(header(), width=640, height=480)
    sent = messages.label_messages(header(), [(frame, [])], [])
    assert sent.labels.header == sent.classification.header == header()
    assert sent.labels.detections == [] and sent.classification.results == [] and sent.label.data == ""


def test_detections_keep_their_order_and_those_without_labels_are_left_out():
    sources = [Detection2D(id=name) for name in "abc"]
    said = [(sources[0], LABELS.labels[:1]), (sources[1], []), (sources[2], LABELS.labels[1:])]
    sent = messages.label_messages(header(), said, ())
    assert [(one.id, results(one)[0][0]) for one in sent.labels.detections] == [("a", "bird feeder"), ("c", "cup")]
    assert sent.classification.results == [] and sent.label.data == "", "the whole frame was not labelled"


@given(
    st.lists(st.floats(0, 1), max_size=12),
    st.integers(1, 10),
    st.floats(0, 1),
)
def test_chosen_are_the_best_few_that_reach_the_threshold(scores, top_k, min_score):
    labels = Labels(tuple(Label(f"noun {number}", score) for number, score in enumerate(scores)))
    said = [label.score for label in messages.chosen(labels, top_k, min_score)]
    assert said == sorted((score for score in scores if score >= min_score), reverse=True)[:top_k]
    assert messages.chosen(None, top_k, min_score) == []


def test_vision_info():
    info = messages.vision_info(header(), "novic_ros: novic_mini", "parameters of /novic", 7)
    assert (info.header, info.method) == (header(), "novic_ros: novic_mini")
    assert (info.database_location, info.database_version) == ("parameters of /novic", 7)
