"""What the system tests share: a camera, a listener and a remote control in this process, the node in another.

Imported by the tests of this folder only, after conftest.py has made sure that ROS is there.
"""

from __future__ import annotations

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="system tests need ROS 2 (rclpy)")
pytest.importorskip("vision_msgs.msg", reason="system tests need the vision_msgs package")

import rclpy
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter as ParameterMessage
from rcl_interfaces.srv import DescribeParameters, GetParameters, SetParameters
from rclpy.executors import SingleThreadedExecutor
from rclpy.parameter import Parameter
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import CompressedImage, Image
from std_msgs.msg import String
from vision_msgs.msg import Classification, Detection2DArray

REPOSITORY = Path(__file__).resolve().parents[2]
FAKE_NODE = Path(__file__).with_name("fake_labeller_node.py")
LARGE_IMAGES = REPOSITORY / "config" / "fastdds_large_images.xml"
COLOURS = {"red": (230, 20, 10), "green": (10, 230, 20), "blue": (20, 10, 230), "white": (255, 255, 255)}
TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}
_domains = itertools.cycle(random.SystemRandom().sample(range(10, 100), 90))  # above 101, ports may be taken


# Processes announce themselves ten times a second for the first five seconds. By default they do so five times in
# half a second and then every three seconds, which is what half of the tests would wait for.
QUICK_DISCOVERY = """<builtin><discovery_config><initialAnnouncements>
  <count>50</count><period><nanosec>100000000</nanosec></period>
</initialAnnouncements></discovery_config></builtin>"""


def system_environment(patch: pytest.MonkeyPatch, folder: Path) -> None:
    """Set what this process and its children need: stay on this machine, and the shipped transports."""
    shipped = LARGE_IMAGES.read_text(encoding="utf-8")
    profile = folder / LARGE_IMAGES.name
    profile.write_text(shipped.replace("<rtps>", f"<rtps>{QUICK_DISCOVERY}"), encoding="utf-8")
    patch.setenv("ROS_AUTOMATIC_DISCOVERY_RANGE", "LOCALHOST")
    patch.setenv("ROS_LOG_DIR", str(folder / "ros_log"))
    patch.setenv("AMENT_PREFIX_PATH", os.environ.get("AMENT_PREFIX_PATH") or sys.prefix)
    patch.setenv("FASTDDS_DEFAULT_PROFILES_FILE", str(profile))
    if os.environ.get("ROS_DISTRO") == "humble":
        patch.setenv("ROS_LOCALHOST_ONLY", "1")
        patch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(profile))


def wait_until(condition, what: str, timeout: float = 20.0):
    """Poll until `condition()` is true and return it; fail with `what` after `timeout` seconds."""
    end = time.monotonic() + timeout
    while time.monotonic() < end:
        result = condition()
        if result:
            return result
        time.sleep(0.01)
    pytest.fail(f"waited {timeout:.0f} s in vain for {what}")


def picture(colour: str, height: int = 120, width: int = 160) -> np.ndarray:
    """RGB uint8 [height, width, 3] of one colour."""
    return np.full((height, width, 3), COLOURS[colour], np.uint8)


def jpeg(image: np.ndarray) -> bytes:
    """RGB [H, W, 3] as JPEG bytes."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    assert done
    return data.tobytes()


class NodeProcess:
    """The node under test as a child process."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(command, env=environment, stdout=file, stderr=subprocess.STDOUT)

    @property
    def output(self) -> str:
        """Everything it printed so far."""
        return self._log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGINT, timeout: float = 15.0) -> int:
        """Send a signal once and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout)


class Robot:
    """A camera, a listener to everything the node says, and a remote control for its services."""

    def __init__(self, tmp_path: Path) -> None:
        self.tmp_path = tmp_path
        self.domain = next(_domains)
        self.nodes: list[NodeProcess] = []
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=self.domain)
        self.node = rclpy.create_node("test_robot", namespace="/robot", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.heard: dict[str, list] = {"labels": [], "classification": [], "label": [], "diagnostics": []}
        for topic, message_type in (
            ("labels", Detection2DArray),
            ("classification", Classification),
            ("label", String),
            ("/diagnostics", DiagnosticArray),
        ):
            self.node.create_subscription(message_type, topic, self.heard[topic.lstrip("/")].append, 50)
        self._cameras, self._clients = {}, {}
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def environment(self, **more: str) -> dict[str, str]:
        """The whole environment of this process (the ROS wheels need it), in this robot's domain."""
        return {
            **os.environ,
            "ROS_DOMAIN_ID": str(self.domain),
            "PYTHONPATH": os.pathsep.join([str(REPOSITORY), *filter(None, [os.environ.get("PYTHONPATH")])]),
            **more,
        }

    def start(
        self, *arguments: str, command: list[str] | None = None, namespace: str = "/robot", **environment: str
    ) -> NodeProcess:
        """Start the node with ROS arguments; on the fake labeller unless `command` says otherwise."""
        if command is None:
            command = [sys.executable, str(FAKE_NODE)]
            arguments = ("-p", f"model:={self.tmp_path}", *arguments)
        standing = ("-r", f"__ns:={namespace}", "-p", "diagnostics_period:=0.1")
        return self.run([*command, "--ros-args", *standing, *arguments], **environment)

    def run(self, command: list[str], **environment: str) -> NodeProcess:
        """Start any command line as the node under test."""
        log = self.tmp_path / f"node{len(self.nodes)}.log"
        self.nodes.append(NodeProcess(command, self.environment(**environment), log))
        return self.nodes[-1]

    def camera(self, message_type, topic: str, qos=qos_profile_sensor_data):
        """A publisher that has found the node and that the node has found, so that its first frame is not lost."""
        if topic not in self._cameras:
            self._cameras[topic] = self.node.create_publisher(message_type, topic, qos)
        camera = self._cameras[topic]
        wait_until(lambda: camera.get_subscription_count() > 0, f"the node to subscribe to {topic}", 60.0)
        self.status(
            lambda _level, _message, values: values["image publishers"] != "0", "that the camera was found"
        )
        return camera

    def compressed(self, data: bytes, seconds: int, topic: str = "image/compressed") -> CompressedImage:
        """Publish one compressed image stamped `seconds`.123456789 and return it."""
        message = CompressedImage(format="jpeg", data=data)
        return self._send(message, seconds, topic)

    def raw(self, image: np.ndarray, seconds: int, topic: str = "image", **changes) -> Image:
        """Publish one rgb8 image, with some fields changed, and return it."""
        message = self.image_message(image)
        for name, value in changes.items():
            setattr(message, name, value)
        return self._send(message, seconds, topic)

    @staticmethod
    def image_message(image: np.ndarray) -> Image:
        """An rgb8 message with an empty header."""
        height, width = image.shape[:2]
        message = Image(height=height, width=width, encoding="rgb8", step=3 * width)
        message.data.frombytes(np.ascontiguousarray(image).tobytes())
        return message

    def _send(self, message, seconds: int, topic: str):
        message.header.stamp.sec, message.header.stamp.nanosec = seconds, 123456789
        message.header.frame_id = "head/camera optical"
        self.camera(type(message), topic).publish(message)
        return message

    def answer(self, topic: str, seconds: int, timeout: float = 20.0):
        """The message on `topic` with this stamp."""

        def find():
            return next((m for m in list(self.heard[topic]) if m.header.stamp.sec == seconds), None)

        return wait_until(find, f"{topic} of the frame stamped {seconds}", timeout)

    def status(self, accept, what: str):
        """The first diagnostic status from now on that `accept`s, as (level, message, {key: value})."""
        seen = len(self.heard["diagnostics"])

        def find():
            for array in self.heard["diagnostics"][seen:]:
                for status in array.status:
                    found = (status.level, status.message, {pair.key: pair.value for pair in status.values})
                    if accept(*found):
                        return found
            return None

        return wait_until(find, f"diagnostics that say {what}")

    def call(self, service_type, name: str, request, timeout: float = 20.0):
        """Call one service of the node and return its answer."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(service_type, f"/robot/novic/{name}")
        client = self._clients[name]
        assert client.wait_for_service(timeout), f"service {name} did not appear"
        future = client.call_async(request)
        wait_until(future.done, f"an answer from {name}", timeout)
        return future.result()

    def change_state(self, transition: str) -> bool:
        """Request a lifecycle transition; whether it succeeded."""
        request = ChangeState.Request(transition=Transition(id=TRANSITIONS[transition]))
        return self.call(ChangeState, "change_state", request, timeout=60.0).success

    def state(self) -> str:
        """The lifecycle state the node reports."""
        return self.call(GetState, "get_state", GetState.Request()).current_state.label

    def set_parameter(self, name: str, value) -> tuple[bool, str]:
        """Set one parameter; (accepted, reason)."""
        message: ParameterMessage = Parameter(name, value=value).to_parameter_msg()
        (result,) = self.call(
            SetParameters, "set_parameters", SetParameters.Request(parameters=[message])
        ).results
        return result.successful, result.reason

    def get_parameters(self, names: list[str]):
        """The values of some parameters, as ParameterValue messages."""
        return self.call(GetParameters, "get_parameters", GetParameters.Request(names=names)).values

    def describe_parameters(self, names: list[str]):
        """Their descriptors."""
        return self.call(
            DescribeParameters, "describe_parameters", DescribeParameters.Request(names=names)
        ).descriptors

    def close(self) -> None:
        """End the node, whatever its state, and leave the domain."""
        for node in self.nodes:
            try:
                node.stop()
            except (
                subprocess.TimeoutExpired
            ):  # killing leaves shared memory behind, which slows later discovery
                node.process.kill()
                node.process.wait()
        self._executor.shutdown()
        self._thread.join()
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)
