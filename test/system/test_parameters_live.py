"""Parameters of a running node: answered while it labels, refused with a reason, described in words."""

from __future__ import annotations

import sys
import time

import pytest
from robot_harness import FAKE_NODE, REPOSITORY, picture, wait_until

from novic_ros.node.parameters import PARAMETERS


def test_parameters_are_answered_and_take_effect_while_a_frame_is_in_work(robot):
    robot.start(NOVIC_TEST_DELAY="1.0")
    robot.raw(picture("red"), 1)
    robot.status(lambda _l, _m, values: values["received"] == "1", "one image")
    start = time.monotonic()
    assert robot.set_parameter("top_k", 1) == (True, "")
    assert robot.set_parameter("min_score", 0.7) == (True, "")
    took = time.monotonic() - start
    assert robot.heard["labels"] == [], "the frame was still in work"
    assert took < 0.9, f"two parameter services took {took:.2f} s while a frame was in work"
    assert [result.class_id for result in robot.answer("classification", 1).results] == ["red"]
    assert robot.set_parameter("min_score", 0.85) == (True, "")
    robot.raw(picture("red"), 2)
    assert robot.answer("classification", 2).results == []


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("top_k", 0, "top_k out of range"),
        ("top_k", 11, "top_k out of range"),
        ("top_k", 2.5, "Wrong parameter type"),
        ("min_score", -0.1, "min_score out of range"),
        ("min_score", float("nan"), "min_score out of range"),
        ("model", "other", "model: used when the node is configured; deactivate and clean it up"),
        ("image_transport", "theora", "expected one of raw, compressed, got 'theora'"),
        ("image_transport", "compressed", "image_transport: used when the node is configured"),
        ("autostart", False, "read-only"),
        ("cameras", ["front"], "cameras: used when the node is configured"),
        ("cameras", ["2nd"], "cameras: expected relative topic names such as front or arm/wrist"),
        ("crop.margin", 2.5, "crop.margin out of range"),
        ("crop.enabled", True, "crop.enabled: used when the node is configured"),
        ("temporal.mode", "steady", "temporal.mode: expected one of none, track, frame, got 'steady'"),
        ("vocabulary.remap", ["couch"], "vocabulary: remap: expected FROM=TO, got 'couch'"),
        ("vocabulary.guide", ["@/no/such/file"], "/no/such/file: expected a text file"),
        ("vocabulary.deny", "couch", "Wrong parameter type"),
    ],
)
def test_refused_with_a_reason(shared_robot, name, value, reason):
    before = shared_robot.get_parameters([name])
    accepted, why = shared_robot.set_parameter(name, value)
    assert not accepted and reason in why
    assert shared_robot.get_parameters([name]) == before


UNCALIBRATED = """
import sys
from fake_labeller_node import FakeLabeller, main
FakeLabeller.calibrated = False
sys.exit(main(make_labeller=FakeLabeller))
"""


def test_on_unsure_changes_while_labelling_where_the_model_is_calibrated(robot, shared_robot):
    assert shared_robot.set_parameter("on_unsure", "empty") == (True, "")
    assert shared_robot.set_parameter("on_unsure", "best") == (True, "")
    robot.start(
        "-p", f"model:={robot.tmp_path}",
        command=[sys.executable, "-c", UNCALIBRATED], PYTHONPATH=f"{REPOSITORY}:{FAKE_NODE.parent}",
    )  # fmt: skip
    wait_until(lambda: robot.state() == "active", "autostart")
    accepted, reason = robot.set_parameter("on_unsure", "hypernym")
    assert not accepted and reason == "on_unsure: hypernym needs a calibrated model, which fake is not"
    assert robot.get_parameters(["on_unsure"])[0].string_value == "best"


def test_every_parameter_is_described_with_a_sentence_and_its_range(shared_robot):
    descriptors = shared_robot.describe_parameters(list(PARAMETERS))
    for parameter, descriptor in zip(PARAMETERS.values(), descriptors, strict=True):
        assert descriptor.description == parameter.description
        assert descriptor.read_only == parameter.read_only
        ranges = [*descriptor.integer_range, *descriptor.floating_point_range]
        assert [(r.from_value, r.to_value) for r in ranges] == (
            [parameter.bounds] if parameter.bounds else []
        )
        if parameter.one_of:
            assert ", ".join(parameter.one_of) in descriptor.additional_constraints


@pytest.fixture(scope="module")
def shared_robot(tmp_path_factory):
    """One running node for the tests that only ask."""
    from robot_harness import Robot, system_environment

    with pytest.MonkeyPatch.context() as patch:
        folder = tmp_path_factory.mktemp("robot")
        system_environment(patch, folder)
        robot = Robot(folder)
        robot.start()
        wait_until(lambda: robot.state() == "active", "autostart")
        yield robot
        robot.close()
