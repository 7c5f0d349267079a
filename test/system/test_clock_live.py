"""Time by a simulation's clock: ages, max_age, a clock that stands still, jumps back, or never comes."""

from __future__ import annotations

import pytest
from robot_harness import picture, wait_until
from rosgraph_msgs.msg import Clock

SIM = ("-p", "use_sim_time:=true")


@pytest.fixture
def clock(robot):
    """A function that sets the simulated time, in seconds, and waits until the node goes by it."""
    publisher = robot.node.create_publisher(Clock, "/clock", 10)

    def set_to(seconds: float) -> None:
        wait_until(lambda: publisher.get_subscription_count() > 0, "the node to listen to /clock", 60.0)
        message = Clock()
        message.clock.sec, fraction = divmod(seconds, 1)
        message.clock.sec, message.clock.nanosec = int(message.clock.sec), int(fraction * 1e9)

        def reached() -> bool:
            publisher.publish(message)
            last = robot.heard["diagnostics"][-1:]
            return bool(last) and last[0].header.stamp == message.clock

        wait_until(reached, f"the node to say that it is {seconds}")

    return set_to


def labelled(robot, second: int) -> None:
    robot.raw(picture("red"), second)
    assert robot.answer("classification", second).results[0].class_id == "red"


def ages(robot, processed: int) -> dict[str, str]:
    """The pairs of the diagnostics once so many frames are processed."""
    return robot.status(lambda _l, _m, values: values["processed"] == str(processed), f"{processed} frames")[2]


def test_frame_age_goes_by_the_simulated_clock_also_when_it_jumps_back(robot, clock):
    node = robot.start(*SIM, "-p", "temporal.mode:=frame")
    clock(1000.0)
    labelled(robot, 999)  # stamped 999.123
    assert float(ages(robot, 1)["frame age p50 (ms)"]) == pytest.approx(876.5, abs=1.0)
    labelled(robot, 1000)  # ahead of the clock, which stands still
    clock(500.0)
    labelled(robot, 499)
    labelled(robot, 700)  # on its way since before the jump
    values = ages(robot, 4)
    assert float(values["frame age p99 (ms)"]) == pytest.approx(876.5, abs=1.0)
    assert float(values["frame age p50 (ms)"]) == pytest.approx(-123.5, abs=1.0)
    assert values["dropped"] == "0"
    clock(501.0)
    labelled(robot, 500)
    assert [message.header.stamp.sec for message in robot.heard["labels"]] == [999, 1000, 499, 700, 500]
    assert "Traceback" not in node.output


def test_max_age_goes_by_the_simulated_clock(robot, clock):
    node = robot.start(*SIM, "-p", "max_age:=0.5")
    clock(1000.0)
    robot.raw(picture("red"), 998)
    _, message, _ = robot.status(lambda _l, _m, values: values.get("dropped: too old") == "1", "the old frame")
    assert "max_age" in message and "frame dropped, cause too old" in node.output
    labelled(robot, 1000)
    clock(600.0)  # frames from before the jump seem to come from the future; they are not old
    labelled(robot, 1001)
    labelled(robot, 600)
    robot.raw(picture("red"), 599)
    robot.status(lambda _l, _m, values: values.get("dropped: too old") == "2", "the next old frame")
    message = robot.image_message(picture("blue"))  # no stamp: its age is not known, so it is not too old
    robot.camera(type(message), "image").publish(message)
    wait_until(lambda: robot.heard["label"][-1].data == "blue", "labels of the frame without a stamp")
    assert robot.set_parameter("max_age", 0.0) == (True, "")
    labelled(robot, 1)
    assert [message.header.stamp.sec for message in robot.heard["labels"]] == [1000, 1001, 600, 0, 1]


def test_without_any_clock_frames_are_labelled_and_diagnostics_come(robot):
    """use_sim_time, but nobody publishes /clock: the time is zero, and nothing waits for it."""
    robot.start(*SIM, "-p", "max_age:=0.5", "-p", "no_image_warn_seconds:=0.4")
    labelled(robot, 1_000_000)
    labelled(robot, 1_000_001)
    before = len(robot.heard["diagnostics"])
    wait_until(lambda: len(robot.heard["diagnostics"]) > before + 5, "diagnostics by a clock of their own")
    robot.status(lambda level, m, _v: level == b"\x01" and "no image" in m, "the silence, by a clock of its own")


def test_boxes_meet_frames_while_the_clock_stands_still(robot, clock):
    """Waiting for boxes goes by real time, or a paused simulation would hold the frame for ever."""
    robot.start(*SIM, "-p", "crop.enabled:=true", "-p", "crop.wait:=0.3")
    clock(10.0)
    labelled(robot, 10)
    robot.status(lambda _l, _m, values: values.get("boxes skipped: never came") == "1", "a frame without boxes")
