"""One frame on its way through the worker thread: message in, checked labels and stage times out.

No ROS: a message is anything shaped like sensor_msgs/Image or CompressedImage. Nothing is computed here either; the
two calls that work are `novic_ros.images.from_message` and the labeller's `label_timed`.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from novic_ros import images
from novic_ros.labels import Labels
from novic_ros.node.mailbox import Mailbox


class FrameError(Exception):
    """A frame that gave no labels. `cause` is a short word to count by: 'image' or 'labeller'."""

    def __init__(self, cause: str, reason: str) -> None:
        super().__init__(reason)
        self.cause = cause


@dataclass(frozen=True)
class Frame:
    """A message as it lies in the mailbox."""

    message: Any
    received: float  # time.perf_counter() when the subscription callback ran
    epoch: int  # the activation it belongs to; results of an earlier activation are not published


@dataclass(frozen=True)
class LabelledFrame:
    """What the labeller said about one frame."""

    labels: Labels
    width: int  # pixels
    height: int  # pixels
    stages: dict[str, float]  # stage -> seconds: wait, convert, then the labeller's own


def label_frame(frame: Frame, labeller: Any) -> LabelledFrame:
    """Convert one frame and label it. Raises FrameError with the cause, whatever went wrong below."""
    start = time.perf_counter()
    stages = {"wait": start - frame.received}
    try:
        image = images.from_message(frame.message)
    except images.ImageError as error:
        raise FrameError("image", str(error)) from error
    stages["convert"] = time.perf_counter() - start
    try:
        results, labeller_stages = labeller.label_timed([image])
        (labels,) = results
    except Exception as error:  # a model may raise anything; the node must outlive it
        raise FrameError("labeller", f"{type(error).__name__}: {error}") from error
    stages.update(labeller_stages)
    height, width = image.shape[:2]
    return LabelledFrame(labels, width, height, stages)


class FrameWorker:
    """The one thread that takes frames from a mailbox and handles them, one at a time, until `stop`.

    `handle(frame)` does the work; should it raise, `failed(frame, error)` is called and the thread goes on.
    """

    def __init__(
        self,
        mailbox: "Mailbox[Frame]",
        handle: Callable[[Frame], None],
        failed: Callable[[Frame, Exception], None],
    ) -> None:
        self._mailbox = mailbox
        self._handle = handle
        self._failed = failed
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread. Raises RuntimeError if it was started before."""
        if self._thread is not None:
            raise RuntimeError(
                "expected a worker that was never started; make a new FrameWorker and a new Mailbox"
            )
        self._thread = threading.Thread(target=self._run, name="novic_frames", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Close the mailbox and wait until the frame in work, if any, is finished."""
        self._mailbox.close()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while True:
            frame = self._mailbox.take()
            if frame is None:
                return
            try:
                self._handle(frame)
            except Exception as error:  # reported by `failed`; this thread is the only one there is
                self._failed(frame, error)
