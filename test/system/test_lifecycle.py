"""Transitions through the change_state service: what each does, how fast, and how failures are mended."""

from __future__ import annotations

import time

from robot_harness import picture, wait_until


def colour_at(robot, colour: str, second: int) -> None:
    robot.raw(picture(colour), second)
    assert robot.answer("classification", second).results[0].class_id == colour


def test_autostart_false_waits_for_a_manager_and_every_transition_works(robot):
    robot.start("-p", "autostart:=false")
    robot.status(
        lambda level, message, _: (level, message) == (b"\x00", "unconfigured: not labelling"), "unconfigured"
    )
    assert robot.state() == "unconfigured"
    assert not robot.change_state("activate"), "activate is not possible before configure"
    assert robot.change_state("configure")
    assert robot.state() == "inactive"
    assert robot.node.count_subscribers("/robot/image") == 0, "an inactive node must not keep a camera busy"
    assert robot.change_state("activate")
    colour_at(robot, "green", 10)
    assert not robot.change_state("configure"), "configure is not possible while active"
    assert robot.state() == "active"
    assert robot.change_state("deactivate")
    assert robot.change_state("cleanup")
    assert robot.state() == "unconfigured"
    assert robot.node.count_publishers("/robot/labels") == 0
    assert robot.change_state("configure") and robot.change_state("activate")
    colour_at(robot, "blue", 11)


def test_failed_configure_says_why_and_is_mended_by_a_parameter(robot):
    node = robot.start("-p", "model:=/no/such/folder")
    _, message, values = robot.status(lambda level, _m, _v: level == b"\x02", "an error")
    assert (
        message == "configure failed: model: expected a folder, got '/no/such/folder', which does not exist"
    )
    assert values["state"] == "unconfigured"
    assert robot.state() == "unconfigured"
    assert "configure failed (FileNotFoundError): model: expected a folder" in node.output
    assert not robot.change_state("configure"), "nothing has changed yet"
    assert robot.set_parameter("model", str(robot.tmp_path)) == (True, "")
    assert robot.change_state("configure") and robot.change_state("activate")
    colour_at(robot, "red", 20)
    robot.status(lambda level, _m, _v: level == b"\x00", "that all is well")


def test_a_guide_limits_what_is_said_and_a_missing_file_is_named(robot):
    guide = robot.tmp_path / "guide.txt"
    node = robot.start("-p", f"vocabulary.guide:=['@{guide}']")
    robot.status(
        lambda level, message, _: level == b"\x02" and str(guide) in message, "that the guide file is missing"
    )
    guide.write_text("# what this robot may say\nblue\n\nred # the alarm\n", encoding="utf-8")
    assert robot.change_state("configure") and robot.change_state("activate")
    robot.raw(picture("green"), 25)
    assert [result.class_id for result in robot.answer("classification", 25).results] == ["blue", "red"]
    assert "Traceback" not in node.output


def test_deactivate_returns_at_once_and_the_frame_in_work_is_not_published(robot):
    robot.start(NOVIC_TEST_DELAY="1.2")
    robot.raw(picture("red"), 30)
    robot.status(lambda _l, _m, values: values["received"] == "1", "one image")
    start = time.monotonic()
    assert robot.change_state("deactivate")
    assert time.monotonic() - start < 0.8, "deactivate waited for the model"
    robot.status(lambda _l, _m, values: values.get("dropped: deactivated") == "1", "the frame thrown away")
    assert robot.heard["labels"] == robot.heard["classification"] == robot.heard["label"] == []
    assert robot.change_state("activate")
    colour_at(robot, "blue", 31)
    assert [m.header.stamp.sec for m in robot.heard["labels"]] == [31]


def test_services_answer_while_the_model_loads(robot):
    node = robot.start(NOVIC_TEST_LOAD="4")
    wait_until(lambda: "loading model" in node.output, "the model to load")
    assert robot.state() == "configuring"
    start = time.monotonic()
    assert robot.get_parameters(["top_k"])[0].integer_value == 5
    assert robot.set_parameter("top_k", 3) == (True, "")
    accepted, reason = robot.set_parameter("model", "other")
    assert not accepted and "configure" in reason
    assert not robot.change_state("configure"), "one configure at a time"
    assert robot.state() == "configuring"
    assert time.monotonic() - start < 2.5
    wait_until(lambda: robot.state() == "active", "autostart to finish")


def test_many_cycles_leave_nothing_behind(robot):
    node = robot.start("-p", "autostart:=false")
    threads = []
    for cycle in range(12):
        assert robot.change_state("configure") and robot.change_state("activate")
        if cycle % 4 == 3:
            colour_at(robot, "green", 40 + cycle)
        assert robot.change_state("deactivate") and robot.change_state("cleanup")
        with open(f"/proc/{node.process.pid}/status", encoding="ascii") as file:
            threads.append(next(int(line.split()[1]) for line in file if line.startswith("Threads:")))
    assert threads[-1] < threads[0] + 4, f"threads after each cycle: {threads}"
    assert "Traceback" not in node.output


def test_shutdown_transition_frees_the_node(robot):
    from lifecycle_msgs.msg import Transition
    from lifecycle_msgs.srv import ChangeState

    node = robot.start()
    wait_until(lambda: robot.state() == "active", "autostart")
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_ACTIVE_SHUTDOWN))
    assert robot.call(ChangeState, "change_state", request).success
    assert robot.state() == "finalized"
    assert robot.node.count_subscribers("/robot/image") == 0
    assert node.stop() == 0


def test_outside_manager_and_autostart_do_not_break_each_other(robot):
    """A manager that configures while autostart does gets a refusal, and the node still comes up."""
    node = robot.start(NOVIC_TEST_LOAD="4")
    wait_until(lambda: "loading model" in node.output, "autostart")
    assert not robot.change_state("configure")
    wait_until(lambda: robot.state() == "active", "the node to come up")
    colour_at(robot, "red", 50)
    assert "Traceback" not in node.output
