"""A hundred times up and down leaves no memory, thread or topic behind, and SIGINT ends the node in every state."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import pytest
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from robot_harness import TRANSITIONS, picture, wait_until

from novic_ros.node.main import THREADS

BOUND_MB = 20.0
SETTLED = 5  # cycles after which everything that stays for good is there


def threads(node) -> int:
    return len(list(Path(f"/proc/{node.process.pid}/task").iterdir()))


def cycle(robot, number: int, label: bool) -> None:
    """Up, perhaps one frame, and down."""
    assert robot.change_state("configure") and robot.change_state("activate")
    if label:
        robot.raw(picture("green", 480, 640), number)
        robot.answer("labels", number, 60.0)
    assert robot.change_state("deactivate") and robot.change_state("cleanup")


def test_a_hundred_cycles_give_the_memory_back(robot):
    """The fake holds 60 MB, which have to be there when it is configured and gone when it is cleaned up."""
    crops = ("-p", "crop.enabled:=true", "-p", "crop.wait:=0.0", "-p", "temporal.mode:=frame")
    node = robot.start("-p", "autostart:=false", *crops, NOVIC_TEST_WEIGHTS="60")
    memory, tasks = [], []
    for number in range(100):
        cycle(robot, number + 1, label=number % 10 == 0)
        memory.append(node.memory_mb())
        tasks.append(threads(node))
    assert robot.change_state("configure")
    assert node.memory_mb() - memory[-1] > 50, "the fake's weights do not show, so this test sees nothing"
    assert robot.change_state("cleanup")
    assert max(memory[-10:]) - memory[SETTLED] < BOUND_MB, f"MB after each cycle: {[round(mb) for mb in memory]}"
    # The executor's pool starts its threads one by one, when it needs them.
    assert tasks[-1] <= tasks[SETTLED] + THREADS, f"threads after each cycle: {tasks}"
    assert robot.node.count_publishers("/robot/labels") == robot.node.count_subscribers("/robot/image") == 0
    assert node.stop() == 0 and "Traceback" not in node.output


def test_a_hundred_pauses_under_load(robot):
    """Subscriptions come and go while frames and boxes pour in; every frame that was received is accounted for."""
    node = robot.start("-p", "image_transport:=compressed", "-p", "crop.enabled:=true", "-p", "crop.wait:=0.02")
    camera = robot.cameras("image/compressed", "--rate", "100", "--boxes")
    camera.go()
    for _ in range(100):
        assert robot.change_state("deactivate") and robot.change_state("activate")
    heard = len(robot.heard["labels"])
    wait_until(lambda: len(robot.heard["labels"]) > heard + 10, "labels after the last pause")
    assert camera.stop() == 0
    counts = robot.counts()
    assert counts["received"] == counts["processed"] + counts["replaced"] + counts["dropped"]
    wait_until(lambda: len(robot.heard["labels"]) == counts["processed"], "every label that was counted")
    assert node.stop() == 0 and "Traceback" not in node.output


@pytest.mark.slow
def test_the_embedded_model_gives_its_memory_back(robot):
    node = robot.start(
        "-p", "autostart:=false", "-p", "model:=novic_mini", "-p", "device:=cpu",
        command=[sys.executable, "-m", "novic_ros.node"], OMP_NUM_THREADS="1",
    )  # fmt: skip
    memory = []
    for number in range(6):
        cycle(robot, number + 1, label=True)
        memory.append(node.memory_mb())
    assert max(memory[2:]) - memory[1] < BOUND_MB, f"MB after each cycle: {[round(mb) for mb in memory]}"
    assert robot.change_state("configure")
    assert node.memory_mb() - memory[-1] > 50, "a model that is loaded does not show"
    assert node.stop() == 0 and "Traceback" not in node.output


def shut_down(robot) -> None:
    request = ChangeState.Request(transition=Transition(id=Transition.TRANSITION_UNCONFIGURED_SHUTDOWN))
    assert robot.call(ChangeState, "change_state", request).success


def ask(robot, transition: str) -> None:
    """Request a transition and do not wait for it."""
    client = robot.node.create_client(ChangeState, "/robot/novic/change_state")
    assert client.wait_for_service(20.0)
    client.call_async(ChangeState.Request(transition=Transition(id=TRANSITIONS[transition])))


def bring_up(robot) -> None:
    assert robot.change_state("configure") and robot.change_state("activate")


def keep_busy(robot) -> None:
    """Active, with a frame in work for a second."""
    bring_up(robot)
    robot.raw(picture("red"), 1)
    robot.status(lambda _l, _m, values: values["received"] == "1", "one image")


def cleaning_up(robot) -> None:
    keep_busy(robot)
    assert robot.change_state("deactivate")
    ask(robot, "cleanup")
    wait_until(lambda: robot.state() == "cleaningup", "the cleanup, which waits for the frame in work")


STATES = {
    "unconfigured": lambda robot: None,
    "configuring": lambda robot: (ask(robot, "configure"), wait_until(lambda: robot.state() == "configuring", "it")),
    "inactive": lambda robot: robot.change_state("configure"),
    "active": bring_up,
    "active and busy": keep_busy,
    "inactive and busy": lambda robot: (keep_busy(robot), robot.change_state("deactivate")),
    "cleaning up": cleaning_up,
    "unconfigured again": lambda robot: (bring_up(robot), *map(robot.change_state, ("deactivate", "cleanup"))),
    "finalized": shut_down,
}


@pytest.mark.parametrize("state", STATES)
def test_sigint_ends_the_node_in_every_state(robot, state):
    slow = {"NOVIC_TEST_DELAY": "1.0"} if "busy" in state or state == "cleaning up" else {}
    slow |= {"NOVIC_TEST_LOAD": "3.0"} if state == "configuring" else {}
    node = robot.start("-p", "autostart:=false", **slow)
    wait_until(lambda: "autostart is off" in node.output, "the node to be there")
    STATES[state](robot)
    assert node.process.poll() is None
    assert node.stop(signal.SIGINT) == 0, node.output
    for word in ("Traceback", "Exception", "rror:", "fatal"):
        assert word not in node.output, node.output
