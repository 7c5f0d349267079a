"""A worker that has bags labelled by the real node: over DDS, in processes of their own, frame after frame.

It is what `novic evaluate bag --through-node` uses in place of a model in this process, to see that both say the same.
The node runs with `frame_policy: all`, one for raw and one for compressed images, each in a namespace of its own; this
end decides how many frames are on their way, so that none is lost. A frame that cannot be decoded is not sent.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import os
import socket
import sys
import tempfile
import time
from collections import deque
from collections.abc import Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from novic_ros.cli.ros_process import RosProcess, last_lines, ros_environment, stop_all
from novic_ros.evaluation.bag_frames import Frame, FrameWishes, frames
from novic_ros.evaluation.bag_reader import Bag
from novic_ros.evaluation.bag_run import BagJob, FrameLabels, Labelling
from novic_ros.evaluation.bag_workers import WorkerError, WorkerLost
from novic_ros.labels import Label, Labels

__all__ = ["NodeWorker"]

NEEDED_MODULES = ("rclpy", "vision_msgs")
IN_FLIGHT = 4  # frames on their way at once; fewer than any queue between holds
START_SECONDS = 120.0  # for processes, model and connections
ANSWER_SECONDS = 60.0  # for one frame
LOOK_SECONDS = 0.2  # between two looks at whether the processes are well
CONFIGURE_FAILED = "configure failed"  # what the node logs when it cannot load its model; it stays alive then
LOG_LINES = 8


class NodeWorker:
    """Labels through the node. `environment` names the model, not the device, which only the node knows."""

    def __init__(self, labelling: Labelling, node_command: Sequence[str] = (sys.executable, "-m", "novic_ros.node")):
        self.environment: dict[str, Any] = {}
        self._labelling, self._node_command = labelling, tuple(node_command)
        self._stack = contextlib.ExitStack()
        self._folder: Path | None = None
        self._lines: dict[str, _Line] = {}  # by transport
        self._wishes: FrameWishes | None = None

    def load(self) -> list[str]:
        """See that ROS is there and that the node can be asked for this; it is started with the first bag.

        Raises WorkerError.
        """
        from novic_ros.evaluation.environment import describe_environment, weights_hash

        missing = [module for module in NEEDED_MODULES if importlib.util.find_spec(module) is None]
        if missing:
            raise WorkerError(f"--through-node needs ROS 2, the Python module {missing[0]} is missing; source your ROS "
                              "installation")
        if self._labelling.embedder is not None or self._labelling.top_k > 10:
            raise WorkerError("--through-node: expected no --embedder and --top of at most 10, which the node has not")
        self.environment = describe_environment() | {"model": Path(self._labelling.model).name, "through": "node"}
        if (weights := weights_hash(self._labelling.model)) is not None:
            self.environment["weights"] = weights
        return []

    def label(self, job: BagJob, done: int, problems: list[str]) -> Iterator[FrameLabels]:
        """Have the node label a bag's frames without the first `done`. Raises BagError, WorkerError or WorkerLost."""
        if job.wishes != self._wishes:
            self.close()
            self._wishes = job.wishes
        with Bag(job.path) as bag:
            yield from self._replay(frames(bag, job.wishes, skip=done), done)
            problems += bag.problems

    def close(self) -> None:
        """End all processes."""
        for line in self._lines.values():
            line.close()
        self._lines = {}
        self._stack.close()
        self._folder = None

    def _replay(self, source: Iterator[Frame], first: int) -> Iterator[FrameLabels]:
        """Labels in the order of frames, with at most IN_FLIGHT of them on their way."""
        waiting: deque[tuple[int, Frame, _Line | None]] = deque()
        number = first
        for frame in source:
            line = None
            if frame.image is not None:
                line = self._line(frame)
                line.send(number, frame)
            waiting.append((number, frame, line))
            number += 1
            if len(waiting) == IN_FLIGHT:
                yield self._answer(*waiting.popleft())
        while waiting:
            yield self._answer(*waiting.popleft())

    def _answer(self, number: int, frame: Frame, line: _Line | None) -> FrameLabels:
        said = FrameLabels(frame.topic, frame.index, frame.stamp, frame.recorded, skipped=frame.skipped,
                           cause=frame.cause, reason=frame.reason, seconds={"read": frame.seconds})
        if line is None:
            return said
        begin = time.perf_counter()
        found = line.answer(number)
        said = dataclasses.replace(said, seconds={**said.seconds, "wait for the node": time.perf_counter() - begin})
        if found is None:
            return dataclasses.replace(said, cause="node", reason="the node published no labels for it")
        return dataclasses.replace(said, labels=_labels_of(found, frame, self._wishes.include_frame))

    def _line(self, frame: Frame) -> _Line:
        transport = "compressed" if frame.kind.endswith("CompressedImage") else "raw"
        if transport not in self._lines:
            if self._folder is None:
                self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="novic_replay_")))
            line = _Line(transport, self._folder, self._node_command)
            self._lines[transport] = line
            line.start(self._parameters(transport), frame)
        return self._lines[transport]

    def _parameters(self, transport: str) -> dict[str, Any]:
        labelling, wishes = self._labelling, self._wishes
        return {
            "model": labelling.model, "device": labelling.device, "generation": labelling.gencfg or "",
            "views": labelling.views or 0, "on_unsure": labelling.on_unsure, "top_k": labelling.top_k,
            "min_score": float(labelling.min_score), "frame_policy": "all", "image_transport": transport,
            "image_qos": "reliable", "crop.enabled": bool(wishes.detections),
            "crop.include_frame": wishes.include_frame, "crop.margin": float(wishes.crops.margin),
            "crop.max_count": wishes.crops.max_count, "crop.min_size": wishes.crops.min_size,
            "vocabulary.guide": list(labelling.guide) or [""], "vocabulary.allow": list(labelling.allow) or [""],
            "vocabulary.deny": list(labelling.deny) or [""], "vocabulary.remap": list(labelling.remap) or [""],
        }


class _Line:
    """One node, the process that shows it frames, and the socket to that."""

    def __init__(self, transport: str, folder: Path, node_command: Sequence[str]):
        self._transport, self._folder, self._node_command = transport, folder, node_command
        self._processes: list[RosProcess] = []
        self._connection: Connection | None = None
        self._answers: dict[int | str, list[dict[str, Any]]] = {}
        self._crops = False
        self._last = -1  # stamp of the last frame; the node pairs frames with boxes by stamp, so none comes twice
        self._newest = -1  # number of the newest frame that was answered

    def start(self, parameters: dict[str, Any], probe: Frame) -> None:
        """Start both processes, and wait until a first frame was answered. Raises WorkerError or WorkerLost."""
        import yaml

        self._crops = parameters["crop.enabled"]
        settings = self._folder / f"{self._transport}.yaml"
        settings.write_text(yaml.safe_dump({"/**": {"ros__parameters": parameters}}), encoding="utf-8")
        environment = ros_environment(20 + os.getpid() % 80, self._folder / "ros")
        name = ["--ros-args", "-r", f"__ns:=/replay_{self._transport}"]
        address = str(self._folder / f"{self._transport}.socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(address)
            listener.listen(1)
            listener.settimeout(LOOK_SECONDS)
            for what, command in (("node", [*self._node_command, *name, "--params-file", str(settings)]),
                                  ("replay", [sys.executable, "-m", "novic_ros.node.bag_replay", address,
                                              self._transport, *name])):
                log = self._folder / f"{self._transport}_{what}.log"
                self._processes.append(RosProcess(what, command, environment, log))
            deadline = time.monotonic() + START_SECONDS
            while self._connection is None:
                try:
                    self._connection = Connection(listener.accept()[0].detach())
                except TimeoutError:
                    self._check(deadline)
        self._send("probe", 0, probe)
        while "probe" not in self._answers:
            self._hear(LOOK_SECONDS)
            self._check(deadline)

    def send(self, number: int, frame: Frame) -> None:
        """Show the node a frame."""
        self._last = max(frame.stamp, self._last + 1)
        self._send(number, self._last, frame)

    def answer(self, number: int) -> list[dict[str, Any]] | None:
        """What the node said about a frame; None if it said nothing. Raises WorkerLost."""
        deadline = time.monotonic() + ANSWER_SECONDS
        while number not in self._answers and self._newest < number and time.monotonic() < deadline:
            self._hear(LOOK_SECONDS)
            self._check(None)
        return self._answers.pop(number, None)

    def close(self) -> None:
        """End both processes."""
        if self._connection is not None:
            self._connection.close()
        stop_all(self._processes)

    def _send(self, number: int | str, stamp: int, frame: Frame) -> None:
        try:
            head = {"number": number, "stamp": stamp, "boxes": self._crops}
            self._connection.send_bytes(json.dumps(head).encode("ascii"))
            self._connection.send_bytes(frame.data)
            self._connection.send_bytes(frame.boxes.data if frame.boxes is not None else b"")
        except OSError as error:
            raise WorkerLost(f"the process that shows frames is gone ({error})") from error

    def _hear(self, seconds: float) -> None:
        """Take what has come, waiting at most so long for the first."""
        try:
            while self._connection.poll(seconds):
                answer = json.loads(self._connection.recv_bytes())
                self._answers[answer["number"]] = answer["detections"]
                if answer["number"] != "probe":
                    self._newest = max(self._newest, answer["number"])
                seconds = 0.0
        except (EOFError, OSError) as error:
            raise WorkerLost(f"the process that shows frames is gone ({error or 'closed'})") from error

    def _check(self, deadline: float | None) -> None:
        """Raise if a process has failed, or with a deadline if it has passed."""
        for process in self._processes:
            text = process.log_text()
            said = " | ".join(last_lines(text, LOG_LINES))
            if deadline is not None and (CONFIGURE_FAILED in text or process.exit_code is not None):
                raise WorkerError(f"the {process.name} did not start: {said}")
            if process.exit_code is not None:
                raise WorkerLost(f"the {process.name} ended with code {process.exit_code}: {said}")
        if deadline is not None and time.monotonic() > deadline:
            raise WorkerError(f"the node answered nothing within {START_SECONDS:.0f} s: "
                              f"{' | '.join(last_lines(self._processes[0].log_text(), LOG_LINES))}")


def _labels_of(found: list[dict[str, Any]], frame: Frame, include_frame: bool) -> tuple[Labels, ...]:
    """The node's detections as labels of the whole frame and of the frame's regions, in their order.

    The node leaves out what has no label, and copies ids and boxes, so each is found by these.
    """
    left = deque((one["id"], tuple(one["box"]), tuple(Label(text, score) for text, score in one["labels"]))
                 for one in found)

    def take(track: str, box: tuple[float, ...]) -> tuple[Label, ...]:
        return left.popleft()[2] if left and left[0][:2] == (track, box) else ()

    said = []
    if include_frame:
        height, width = frame.image.shape[:2]
        said.append(Labels(take("", (width / 2, height / 2, float(width), float(height), 0.0))))
    for place, region in frame.places:
        box = tuple(map(float, frame.boxes.boxes[place]))
        said.append(Labels(take(region.id, box), region=region))
    return tuple(said)
