"""One run of the demo: starts node, camera and listener, and matches every frame with its labels by header stamp.

It prints nothing (it tells a `Watcher`) and writes no result; `demo.py` does both, and stops the processes.
"""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from novic_ros.cli.demo_report import DemoFrame, DemoReport
from novic_ros.cli.ros_process import Events, RosProcess, last_lines
from novic_ros.cli.shared_files import shared_file
from novic_ros.labels import Label, Labels

CAMERA = "/camera/image"
PLAYER_SECONDS = 15.0
"""How long the camera may take to start and find its subscriber, once the node has its model."""
LAST_LABEL_SECONDS = 5.0
"""How long to wait, after the last frame was sent, for a label that has not come."""
CONFIGURE_FAILED = "configure failed"
"""What the node logs when it cannot load its model; it stays alive then, so the log is watched for it."""
LOG_LINES = 12


class DemoError(RuntimeError):
    """The demo failed; the message is one line. `log` holds the last lines of the process to blame, if any."""

    def __init__(self, message: str, log: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.log = tuple(log)


@dataclass(frozen=True)
class DemoOptions:
    """What to run: `node_command` gets ROS arguments added, `load_seconds` is how long the model may take."""

    output: Path
    rate_hz: float = 5.0
    model: str = "novic_mini"
    keep: bool = False
    load_seconds: float = 60.0
    node_command: tuple[str, ...] = (sys.executable, "-m", "novic_ros.node")


class Watcher(Protocol):
    """Who is told how the run goes."""

    def waiting(self, what: str) -> AbstractContextManager[Any]:
        """Nothing moves while this context is open, because of `what`."""

    def frame(self, frame: DemoFrame) -> None:
        """The labels of this frame have just come."""


class DemoRun:
    """The processes, and what has come from them so far. `processes` are the caller's to stop, whatever happens."""

    def __init__(
        self, options: DemoOptions, bag: Path, photos: Sequence[str], logs: Path, environment: dict[str, str]
    ) -> None:
        """`photos` holds the photo's name of every frame in `bag`; `environment` is what every process gets."""
        self.processes: list[RosProcess] = []
        self._options, self._bag, self._photos = options, bag, photos
        self._logs, self._environment = logs, environment
        self._events: Events = queue.SimpleQueue()
        self._sent: dict[int, int] = {}  # stamp -> index, not yet answered
        self._early: dict[int, dict[str, Any]] = {}  # stamp -> labels that overtook the news of their frame
        self._frames: list[DemoFrame] = []  # by index

    def play(self, watcher: Watcher) -> DemoReport:
        """Start everything and follow every frame. Raises DemoError if a process fails or is too slow to start."""
        limit = self._options.load_seconds
        with watcher.waiting(f"loading {self._options.model}"):
            self._start_node()
            self._start("listener", "novic_ros.node.label_listener")
            self._await("ready", limit, f"the node published no labels topic within {limit:.0f} s")
            rate = str(self._options.rate_hz)
            wait = str(PLAYER_SECONDS)
            self._start("camera", "novic_ros.node.bag_player", str(self._bag), "--rate", rate, "--wait", wait)
            first = self._await("sent", 2 * PLAYER_SECONDS, "the camera sent nothing")
        self._take(first, watcher)
        quiet_since = None
        while quiet_since is None or (self._sent and time.monotonic() - quiet_since < LAST_LABEL_SECONDS):
            event = self._next_event()
            if event is not None:
                self._take(event, watcher)
                quiet_since = time.monotonic() if quiet_since or event["event"] == "done" else None
        self.processes[-1].wait(2)  # the camera ends by itself now
        return DemoReport(self._options.model, self._options.rate_hz, tuple(self._frames))

    def _start_node(self) -> None:
        config = shared_file("config/novic_mini.yaml")
        ros = ["--ros-args", "--params-file", str(config), "-r", f"image:={CAMERA}"]
        ros += ["-p", f"model:={self._options.model}", "-p", "image_transport:=compressed"]
        ros += ["-p", "frame_policy:=all", "-p", "image_qos:=reliable"]  # every frame of the recording
        self._launch("node", [*self._options.node_command, *ros], None)

    def _start(self, name: str, module: str, *arguments: str) -> None:
        self._launch(name, [sys.executable, "-m", module, *arguments], self._events)

    def _launch(self, name: str, command: list[str], events: Events | None) -> None:
        log = self._logs / f"{name}.log"
        self.processes.append(RosProcess(name, command, self._environment, log, events))

    def _next_event(self) -> dict[str, Any] | None:
        """The next event, or None after a tenth of a second without one. Raises DemoError if a process has failed."""
        try:
            return self._events.get(timeout=0.1)[1]
        except queue.Empty:
            pass
        for process in self.processes:
            text = process.log_text()
            if process.name == "node" and CONFIGURE_FAILED in text:
                raise DemoError("the node could not load its model", last_lines(text, LOG_LINES))
            done = process.name == "camera" and process.exit_code == 0
            if process.exit_code is not None and not done:
                log = last_lines(text, LOG_LINES)
                raise DemoError(f"the {process.name} ended early, with exit code {process.exit_code}", log)
        return None

    def _await(self, wanted: str, seconds: float, otherwise: str) -> dict[str, Any]:
        """The next event of that name; other events are passed over. Raises DemoError, saying `otherwise`."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            event = self._next_event()
            if event is not None and event["event"] == wanted:
                return event
        raise DemoError(otherwise, last_lines(self.processes[0].log_text(), LOG_LINES))

    def _take(self, event: dict[str, Any], watcher: Watcher) -> None:
        """Note one event; labels and the news of their frame may come in either order."""
        stamp = event.get("stamp")
        if event["event"] == "sent":
            index = event["index"]
            self._frames.append(DemoFrame(index + 1, self._photos[index]))
            self._sent[stamp] = index
            event = self._early.pop(stamp, {"event": ""})
        if event["event"] == "labels":
            if stamp not in self._sent:
                self._early[stamp] = event
                return
            labels = Labels(tuple(Label(text, score) for text, score in event["results"]))
            index = self._sent.pop(stamp)
            latency = (event["received"] - stamp) * 1e-6
            self._frames[index] = DemoFrame(index + 1, self._photos[index], labels, latency)
            watcher.frame(self._frames[index])
