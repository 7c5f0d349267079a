"""What the system tests share: a camera, a listener and a remote control in this process, the node in another.

Where the rate or the death of a camera matters, it runs in a process of its own too (camera_process.py). Imported by
the tests of this folder, which are skipped where ROS is not there, and by benchmarks/node.py and benchmarks/soak.py.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from camera_process import COLOURS, compressed_message, image_message

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
CAMERA = Path(__file__).with_name("camera_process.py")
LARGE_IMAGES = REPOSITORY / "config" / "fastdds_large_images.xml"
TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}
DOMAINS = range(10, 100)  # above 101, ports may be taken


# Processes announce themselves ten times a second for the first five seconds. By default they do so five times in
# half a second and then every three seconds, which is what half of the tests would wait for.
QUICK_DISCOVERY = """<builtin><discovery_config><initialAnnouncements>
  <count>50</count><period><nanosec>100000000</nanosec></period>
</initialAnnouncements></discovery_config></builtin>"""


class Domain:
    """A ROS domain that no other run of these tests on this machine has while this one has it."""

    def __init__(self) -> None:
        for self.number in random.SystemRandom().sample(DOMAINS, len(DOMAINS)):
            self._file = open(Path(tempfile.gettempdir()) / f"novic_ros_domain_{self.number}.lock", "w")
            try:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return
            except BlockingIOError:
                self._file.close()
        pytest.fail(f"all ROS domains from {DOMAINS[0]} to {DOMAINS[-1]} are taken by other runs of these tests")

    def free(self) -> None:
        """Let others have it."""
        self._file.close()


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
    return compressed_message(image).data.tobytes()


class NodeProcess:
    """The node under test as a child process."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path, **options) -> None:
        self._log = log
        with log.open("wb") as file:
            self.process = subprocess.Popen(
                command, env=environment, stdout=file, stderr=subprocess.STDOUT, **options
            )

    @property
    def output(self) -> str:
        """Everything it printed so far."""
        return self._log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGINT, timeout: float = 15.0) -> int:
        """Send a signal once and return the exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(timeout)

    def kill(self) -> None:
        """End it as a crash does. What Fast DDS would have removed at the end is removed here."""
        maps = Path(f"/proc/{self.process.pid}/maps").read_text()
        own = {line.split()[-1] for line in maps.splitlines() if "/dev/shm/fastdds_" in line}
        self.process.kill()
        self.process.wait()
        for segment in map(Path, own):
            lock = segment.with_name(segment.name + "_el")
            if lock.exists() and unlocked(lock):  # neither a port, which all share, nor somebody else's
                segment.unlink(missing_ok=True)
                lock.unlink(missing_ok=True)

    def memory_mb(self) -> float:
        """Resident memory, in MB (10^6 bytes)."""
        pages = int(Path(f"/proc/{self.process.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6

    def cpu_seconds(self) -> float:
        """Processor time used so far, its own and the kernel's for it."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Arrivals(list):
    """Messages with the time at which they came: (nanoseconds of the monotonic clock, message) in order."""

    def append(self, message) -> None:
        super().append((time.monotonic_ns(), message))


def unlocked(path: Path) -> bool:
    """Whether no process holds the lock on a file."""
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@dataclass(frozen=True)
class Sent:
    """One frame as a camera process logged it, just before it left."""

    number: int
    stamp: int  # nanoseconds
    kind: str  # "good", or the name of a bad frame with underscores
    left: int  # nanoseconds of the monotonic clock


class CameraProcess(NodeProcess):
    """One or more cameras in one process of their own; see camera_process.py for what it may be told."""

    def __init__(self, environment: dict[str, str], log: Path, *arguments: str, namespace: str) -> None:
        self._sent_log = log.with_suffix(".sent")
        command = [sys.executable, str(CAMERA), *arguments, "--log", str(self._sent_log)]
        command += ["--ros-args", "-r", f"__ns:={namespace}"]
        super().__init__(command, environment, log, stdin=subprocess.PIPE)

    def go(self, timeout: float = 60.0) -> None:
        """Wait until all cameras have a subscriber, then let them send."""
        wait_until(lambda: "ready" in self.output, "the cameras to find subscribers", timeout)
        self.process.stdin.write(b"go\n")
        self.process.stdin.flush()

    def wait_done(self, timeout: float = 60.0) -> None:
        """Wait until the last frame has left."""
        wait_until(lambda: "done" in self.output, "the cameras to send their last frame", timeout)

    def sent(self) -> dict[str, list[Sent]]:
        """What left so far: topic as given -> frames by number."""
        frames: dict[str, list[Sent]] = {}
        text = self._sent_log.read_text(encoding="ascii")
        for line in text[: text.rfind("\n") + 1].splitlines():
            topic, number, stamp, kind, left = line.split()
            frames.setdefault(topic, []).append(Sent(int(number), int(stamp), kind, int(left)))
        return frames


class Robot:
    """A camera, a listener to everything the node says, and a remote control for its services."""

    def __init__(self, tmp_path: Path, heard: dict | None = None) -> None:
        """`heard` replaces some of the lists that messages are appended to, by topic."""
        self.tmp_path = tmp_path
        self._domain = Domain()
        self.domain = self._domain.number
        self.nodes: list[NodeProcess] = []
        self._numbers = itertools.count()
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=self.domain)
        self.node = rclpy.create_node("test_robot", namespace="/robot", context=self.context)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self.heard: dict[str, list] = {}
        for topic, message_type in (
            ("labels", Detection2DArray),
            ("classification", Classification),
            ("label", String),
            ("/diagnostics", DiagnosticArray),
        ):
            name = topic.lstrip("/")
            self.listen(message_type, topic, heard=(heard or {}).get(name), key=name)
        self._cameras, self._clients = {}, {}
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def listen(self, message_type, topic: str, qos=50, heard: list | None = None, key: str = "") -> list:
        """The list that every message on `topic` from now on is appended to; also heard[topic]."""
        heard = [] if heard is None else heard
        self.heard[key or topic] = heard
        self.node.create_subscription(message_type, topic, heard.append, qos)
        return heard

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
        log = self.tmp_path / f"node{next(self._numbers)}.log"
        self.nodes.append(NodeProcess(command, self.environment(**environment), log))
        return self.nodes[-1]

    def cameras(self, *arguments: str, namespace: str = "/robot", **environment: str) -> CameraProcess:
        """Start cameras in a process of their own; the arguments are those of camera_process.py."""
        log = self.tmp_path / f"camera{next(self._numbers)}.log"
        self.nodes.append(
            CameraProcess(self.environment(**environment), log, *arguments, namespace=namespace)
        )
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
        message = image_message(image)
        for name, value in changes.items():
            setattr(message, name, value)
        return self._send(message, seconds, topic)

    image_message = staticmethod(image_message)

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

    def counts(self, camera: str = "") -> dict[str, int]:
        """What became of a camera's frames, once none is inside: received, processed, replaced, dropped, and causes."""
        before = f"{camera}: " if camera else ""
        _, _, values = self.status(lambda _l, _m, values: values.get(f"{before}inside") == "0", "no frame inside")
        own = {key[len(before) :]: value for key, value in values.items() if key.startswith(before)}
        names = {"replaced by a newer frame": "replaced"}
        wanted = ("received", "processed", "replaced by a newer frame", "dropped")
        return {
            names.get(key, key): int(value)
            for key, value in own.items()
            if key in wanted or key.startswith("dropped: ")
        }

    def call(self, service_type, name: str, request, timeout: float = 20.0):
        """Call one service of the node and return its answer."""
        if name not in self._clients:
            self._clients[name] = self.node.create_client(service_type, f"/robot/novic/{name}")
        client = self._clients[name]
        assert client.wait_for_service(timeout), f"service {name} did not appear"
        answered = threading.Event()
        future = client.call_async(request)
        future.add_done_callback(lambda _: answered.set())
        if not answered.wait(timeout):
            pytest.fail(f"waited {timeout:.0f} s in vain for an answer from {name}")
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
        self._domain.free()
