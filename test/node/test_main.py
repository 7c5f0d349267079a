"""The loop that runs the node: it outlives what rclpy trips over, and hands on what a callback raises."""

from __future__ import annotations

import threading

import pytest

pytest.importorskip("rclpy", reason="this loop needs ROS 2 (rclpy)")

import rclpy
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.impl.implementation_singleton import rclpy_implementation
from rclpy.node import Node
from rclpy.waitable import NumberOfEntities, Waitable

from novic_ros.node.main import spin


class Tripwire(Waitable):
    """Like the QoS events of a subscription that is destroyed while the executor collects what to wait for."""

    def __init__(self) -> None:
        super().__init__(ReentrantCallbackGroup())
        self.times = 0

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass

    def get_num_entities(self) -> NumberOfEntities:
        return NumberOfEntities()

    def is_ready(self, wait_set) -> bool:
        return False

    def add_to_wait_set(self, wait_set) -> None:
        self.times += 1
        if self.times in (2, 3):
            raise rclpy_implementation.InvalidHandle("cannot use Destroyable because destruction was requested")


class Ticking(Node):
    """A node with a timer, and the two methods that `spin` calls at the end."""

    def __init__(self, on_tick) -> None:
        super().__init__("ticking")
        self.ended: list[str] = []
        self.create_timer(0.01, on_tick)

    def interrupt(self) -> None:
        self.ended.append("interrupt")

    def close(self) -> None:
        self.ended.append("close")


@pytest.fixture
def ros():
    rclpy.init()
    yield
    rclpy.try_shutdown()


def test_an_entity_that_is_destroyed_meanwhile_does_not_end_the_node(ros):
    ticks, stop = [], threading.Event()

    def tick() -> None:
        ticks.append(tripwire.times)
        if tripwire.times > 5:
            stop.set()

    node, tripwire = Ticking(tick), Tripwire()
    node.add_waitable(tripwire)
    too_late = threading.Timer(20.0, stop.set)
    too_late.start()
    spin(node, stop)
    too_late.cancel()
    assert tripwire.times > 5 and ticks[-1] > 5, "nothing ran after the executor had tripped"
    assert node.ended == ["interrupt", "close"]
    node.destroy_node()


def test_what_a_callback_raises_ends_the_node_in_order(ros):
    def tick() -> None:
        raise ValueError("a fault of this program")

    node = Ticking(tick)
    with pytest.raises(ValueError, match="a fault of this program"):
        spin(node, threading.Event())
    assert node.ended == ["interrupt", "close"]
    node.destroy_node()
