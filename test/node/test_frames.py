"""One frame through the worker thread, with messages and labellers that need no ROS and no model."""

from __future__ import annotations

import threading
import time
from types import SimpleNamespace

import numpy as np
import pytest

from novic_ros.labels import Label, Labels
from novic_ros.node.frames import Frame, FrameError, FrameWorker, label_frame
from novic_ros.node.mailbox import Mailbox


def message(height=4, width=6, encoding="rgb8"):
    data = np.zeros((height, width, 3), np.uint8).tobytes()
    return SimpleNamespace(
        height=height, width=width, encoding=encoding, step=3 * width, is_bigendian=0, data=data
    )


class Labeller:
    def __init__(self, answer):
        self.answer = answer

    def label_timed(self, images):
        self.shapes = [image.shape for image in images]
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer, {"embed": 0.5}


def test_labels_size_and_stages():
    labels = Labels((Label("cup", 0.5),))
    labeller = Labeller([labels])
    result = label_frame(Frame(message(), time.perf_counter() - 1.0, epoch=1), labeller)
    assert labeller.shapes == [(4, 6, 3)]
    assert result.labels is labels and (result.width, result.height) == (6, 4)
    assert list(result.stages) == ["wait", "convert", "embed"]
    assert result.stages["embed"] == 0.5 and 1.0 <= result.stages["wait"] < 10.0


@pytest.mark.parametrize(
    ("sent", "answer", "cause", "reason"),
    [
        (message(encoding="x-rays"), [Labels()], "image", "x-rays"),
        (message(), RuntimeError("out of memory"), "labeller", "RuntimeError: out of memory"),
        (message(), [], "labeller", "ValueError"),
        (message(), [Labels(), Labels()], "labeller", "ValueError"),
    ],
)
def test_trouble_is_a_frame_error_with_its_cause(sent, answer, cause, reason):
    with pytest.raises(FrameError, match=reason) as caught:
        label_frame(Frame(sent, time.perf_counter(), epoch=1), Labeller(answer))
    assert caught.value.cause == cause


def test_worker_handles_one_at_a_time_survives_and_joins():
    mailbox, handled, failed = Mailbox(), [], []
    done = threading.Semaphore(0)

    def handle(frame):
        handled.append((frame.epoch, threading.current_thread().name))
        done.release()
        if frame.epoch == 2:
            raise RuntimeError("broken")

    worker = FrameWorker(mailbox, handle, lambda frame, error: failed.append((frame.epoch, str(error))))
    worker.start()
    with pytest.raises(RuntimeError, match="never started"):
        worker.start()
    for epoch in (1, 2, 3):
        mailbox.put(Frame(None, 0.0, epoch))
        assert done.acquire(timeout=10)
    worker.stop()
    assert [epoch for epoch, _ in handled] == [1, 2, 3]
    assert len({name for _, name in handled}) == 1
    assert failed == [(2, "broken")]
    assert "novic_frames" not in [thread.name for thread in threading.enumerate()]


def test_stopping_a_worker_that_never_started_closes_the_mailbox():
    mailbox = Mailbox()
    FrameWorker(mailbox, print, print).stop()
    assert mailbox.take() is None
