"""Who labels bags: this process, or processes of their own on this machine, one bag at a time each.

A worker is given a bag and how many of its frames are done, and hands back the labels of the others one by one. It
keeps no journal (`bag_jobs.py` does), so it may be killed at any moment. Workers on other machines: `bag_ray.py`.
"""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Iterator
from typing import Any, Protocol

from novic_ros.evaluation.bag_run import BagJob, FrameLabels, Labelling, label_bag
from novic_ros.evaluation.bag_types import BagError
from novic_ros.evaluation.memory import keep_freed_memory

__all__ = ["HereWorker", "ProcessWorker", "Worker", "WorkerError", "WorkerLost", "answers", "understand"]

PATIENCE = 5.0  # seconds until a process that was asked to end is killed


class WorkerLost(RuntimeError):
    """The worker is gone, as a process that was killed or a machine that was switched off; another may go on."""


class WorkerError(ValueError):
    """The worker cannot work as asked, and no other could: the model cannot be loaded, for instance."""


class Worker(Protocol):
    """What labels bags. `environment`: what it runs on, known once it is loaded."""

    environment: dict[str, Any]

    def load(self) -> list[str]:
        """Load the model; warnings. Raises WorkerError, or WorkerLost."""

    def label(self, job: BagJob, done: int, problems: list[str]) -> Iterator[FrameLabels]:
        """The labels of a bag's frames without the first `done`; at the end `problems` has what could not be read.

        Raises BagError for a bag that cannot be read, and WorkerLost.
        """

    def close(self) -> None:
        """End, at once; may be called from another thread and more than once."""


class HereWorker:
    """Labels in the calling thread, in a process that keeps the memory it frees."""

    def __init__(self, labelling: Labelling):
        self.environment: dict[str, Any] = {}
        self._labelling, self._labeller = labelling, None
        keep_freed_memory()

    def load(self) -> list[str]:
        """Load the model into this process. Raises WorkerError."""
        from novic_ros.evaluation.environment import describe_environment
        from novic_ros.labeller import LabellerError
        from novic_ros.vocabulary import VocabularyError

        try:
            self._labeller, warnings = self._labelling.load()
        except (LabellerError, VocabularyError) as error:
            raise WorkerError(str(error)) from error
        self.environment = describe_environment(self._labeller)
        return warnings

    def label(self, job: BagJob, done: int, problems: list[str]) -> Iterator[FrameLabels]:
        """As `label_bag`."""
        return label_bag(job, self._labeller, done, problems)

    def close(self) -> None:
        """Let go of the model."""
        self._labeller = None


class ProcessWorker:
    """Labels in a process of its own, with so many threads for the model."""

    def __init__(self, labelling: Labelling, threads: int):
        self.environment: dict[str, Any] = {}
        context = multiprocessing.get_context("spawn")  # a forked copy of torch's threads does not run
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=_serve, args=(theirs, labelling, threads), daemon=True,
                                        name="novic_bag_worker")
        self._process.start()
        theirs.close()

    @property
    def process_id(self) -> int | None:
        """The process's number."""
        return self._process.pid

    def load(self) -> list[str]:
        """Wait until the process has loaded its model."""
        self.environment, warnings = understand(self._receive())
        return warnings

    def label(self, job: BagJob, done: int, problems: list[str]) -> Iterator[FrameLabels]:
        """Have the process label a bag."""
        self._send((job, done))
        while (frame := understand(self._receive(), problems)) is not None:
            yield frame

    def close(self) -> None:
        """End the process."""
        self._process.terminate()
        self._process.join(PATIENCE)
        if self._process.is_alive():
            self._process.kill()
            self._process.join()

    def _send(self, request: Any) -> None:
        try:
            self._pipe.send(request)
        except OSError as error:
            raise WorkerLost(self._end()) from error

    def _receive(self) -> Any:
        try:
            return self._pipe.recv()
        except (EOFError, OSError) as error:
            raise WorkerLost(self._end()) from error

    def _end(self) -> str:
        self._process.join(PATIENCE)
        return f"process ended with code {self._process.exitcode}"


def answers(worker: HereWorker, request: tuple[BagJob, int] | None) -> Iterator[tuple[str, Any]]:
    """What a worker far away says, as plain data for `understand`: to None that it is loaded, to a bag its labels."""
    try:
        if request is None:
            yield "loaded", (worker.load(), worker.environment)
            return
        job, done = request
        problems: list[str] = []
        for frame in worker.label(job, done, problems):
            yield "frame", frame.to_json()
        yield "end", problems
    except BagError as error:
        yield "bag", str(error)
    except WorkerError as error:
        yield "worker", str(error)


def understand(answer: tuple[str, Any], problems: list[str] | None = None) -> Any:
    """A frame's labels, None at a bag's end, (environment, warnings) of a loaded worker; raises what it raised."""
    kind, value = answer
    if kind == "frame":
        return FrameLabels.from_json(value)
    if kind == "loaded":
        warnings, environment = value
        return environment, warnings
    if kind == "bag":
        raise BagError(value)
    if kind == "worker":
        raise WorkerError(value)
    if problems is not None:
        problems += value
    return None


def _serve(pipe: Any, labelling: Labelling, threads: int) -> None:
    """The process's body: load, then label one bag after another until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the driver, which ends this process
    import torch

    torch.set_num_threads(threads)
    worker = HereWorker(labelling)
    try:
        request = None
        while True:
            for answer in answers(worker, request):
                pipe.send(answer)
            request = pipe.recv()
    except (EOFError, OSError):
        pass  # the driver is gone
