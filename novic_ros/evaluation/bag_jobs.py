"""Many bags, several workers, and a journal for each bag, so that a run that was killed goes on where it stopped.

A journal is a file of JSON lines: what the work is, then a line for each labelled frame, then what the bag's end said.
A frame is in it once or not at all, whoever was killed: the driver writes it when the frame's labels have come, and
asks workers only for the frames that are not in it. A worker that is lost is replaced. Who labels, and where, is told
in `bag_workers.py` and `bag_ray.py`.
"""

from __future__ import annotations

import json
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from novic_ros.evaluation.bag_reader import files_of
from novic_ros.evaluation.bag_run import BagJob, FrameLabels
from novic_ros.evaluation.bag_types import BagError
from novic_ros.evaluation.bag_workers import Worker, WorkerLost

__all__ = ["Journal", "JournalError", "bag_fingerprint", "run_jobs"]

FORMAT, VERSION = "novic_ros.bag_labels", 1
LOST_AT_MOST = 3  # workers in a row without a single frame


class JournalError(OSError):
    """A journal cannot be written; the message names the file."""


class Journal:
    """What is known of one bag so far. path None: it is kept in memory only.

    heading: what the work is; a file with another heading is begun anew. `frames`: what was said, in order. `finished`:
    whether the bag was read to its end. `problems`: what of it could not be read. `environment`: what labelled it.
    """

    def __init__(self, path: Path | None, heading: Mapping[str, Any]):
        """Read what is there. Raises JournalError."""
        self.frames: list[FrameLabels] = []
        self.problems: list[str] = []
        self.environment: dict[str, Any] = {}
        self.finished = False
        self._path = path
        self._file: IO[bytes] | None = None
        if path is None:
            return
        first = json.loads(json.dumps({"format": FORMAT, "version": VERSION, **heading}))
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = path.open("a+b")
            self._file.seek(0)
            self._file.truncate(self._read(self._file.read(), first))
            if self._file.seek(0, 2) == 0:
                self._write(first)
        except OSError as error:
            raise JournalError(f"{path}: the journal cannot be written: {error.strerror}") from error

    def add(self, frame: FrameLabels) -> None:
        """The labels of one more frame have come."""
        self._write({"frame": frame.to_json()})
        self.frames.append(frame)

    def describe(self, environment: Mapping[str, Any]) -> None:
        """Who labels from here on."""
        if not self.environment:
            self._write({"environment": environment})
            self.environment = dict(environment)

    def finish(self, problems: Sequence[str]) -> None:
        """The bag is at its end."""
        self._write({"end": list(problems)})
        self.problems, self.finished = list(problems), True

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _read(self, content: bytes, first: Any) -> int:
        """Take over the lines of a file; how many bytes of it are whole and fit."""
        good = 0
        for number, line in enumerate(content.splitlines(keepends=True)):
            try:
                entry = json.loads(line)
                if not line.endswith(b"\n") or (number == 0 and entry != first):
                    break
                if number > 0:
                    self._take(**entry)
            except (ValueError, TypeError, KeyError):  # its writer was killed in the middle of the line
                break
            good += len(line)
        return good

    def _take(self, frame: Any = None, environment: Any = None, end: Any = None) -> None:
        """One line; only one of the three is there."""
        if frame is not None:
            self.frames.append(FrameLabels.from_json(frame))
        elif environment is not None:
            self.environment = environment
        elif end is not None:
            self.problems, self.finished = end, True

    def _write(self, entry: Any) -> None:
        if self._file is None:
            return
        try:
            self._file.write(json.dumps(entry).encode("ascii") + b"\n")
            self._file.flush()
        except OSError as error:
            raise JournalError(f"{self._path}: the journal cannot be written: {error.strerror}") from error


def bag_fingerprint(path: str | Path) -> list[list[Any]]:
    """[name, bytes, time of last change] of each file of a bag: what tells that it is still the same one."""
    return [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in files_of(Path(path))]


def run_jobs(jobs: Sequence[tuple[BagJob, Journal]], make_worker: Callable[[], Worker], workers: int,
             advance: Callable[[int], None] = lambda count: None,
             warn: Callable[[str], None] = lambda text: None) -> None:
    """Bring every journal to its end with at most `workers` workers at once; advance(1) is called for each frame.

    A bag that cannot be read ends with a problem, and so does one whose workers are lost again and again; the others go
    on. Raises what a worker raises on loading its model, and JournalError. With one worker everything happens in the
    caller's thread.
    """
    waiting: queue.SimpleQueue[tuple[BagJob, Journal]] = queue.SimpleQueue()
    unfinished = [one for one in jobs if not one[1].finished]
    for one in unfinished:
        waiting.put(one)
    crew = _Crew(waiting, make_worker, advance, warn)
    count = min(workers, len(unfinished))
    if count <= 1:
        crew.work()
    else:
        threads = [threading.Thread(target=crew.work, name=f"novic_bag_{number}") for number in range(count)]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                while thread.is_alive():
                    thread.join(0.2)  # a wait without end would keep Ctrl-C waiting too
        finally:
            crew.stop()
            for thread in threads:
                thread.join()
    if crew.error is not None:
        raise crew.error


class _Crew:
    """What the threads share, each of which has a worker of its own."""

    def __init__(self, waiting: queue.SimpleQueue, make_worker: Callable[[], Worker], advance: Callable[[int], None],
                 warn: Callable[[str], None]):
        self.error: Exception | None = None
        self._waiting, self._make_worker, self._advance, self._warn = waiting, make_worker, advance, warn
        self._lock = threading.Lock()
        self._workers: list[Worker] = []
        self._warned: set[str] = set()
        self._stopping = False

    def work(self) -> None:
        """Take one bag after another until none is left."""
        worker = None
        try:
            while not self._stopping:
                try:
                    job, journal = self._waiting.get_nowait()
                except queue.Empty:
                    return
                worker = self._label(job, journal, worker)
        except Exception as error:  # handed to the caller of run_jobs
            if not self._stopping:
                self.error = self.error or error
                self.stop()
        finally:
            if worker is not None:
                self._dismiss(worker)

    def stop(self) -> None:
        """Let everybody come to an end, at once."""
        self._stopping = True
        with self._lock:
            workers = list(self._workers)
        for worker in workers:
            worker.close()

    def _label(self, job: BagJob, journal: Journal, worker: Worker | None) -> Worker | None:
        """Bring one journal to its end; the worker to go on with."""
        lost = 0
        while not self._stopping:
            done, problems = len(journal.frames), []
            try:
                worker = worker or self._hire()
                journal.describe(worker.environment)
                for frame in worker.label(job, done, problems):
                    journal.add(frame)
                    with self._lock:
                        self._advance(1)
                journal.finish(problems)
                return worker
            except BagError as error:
                journal.finish([*problems, str(error)])
                return worker
            except WorkerLost as error:
                if worker is not None:
                    self._dismiss(worker)
                worker = None
                lost = 1 if len(journal.frames) > done else lost + 1
                if lost == LOST_AT_MOST and not self._stopping:
                    journal.finish([f"{job.name}: given up after {len(journal.frames)} frames, as {lost} workers in a "
                                    f"row were lost at the next one ({error})"])
                    break
        return worker

    def _hire(self) -> Worker:
        worker = self._make_worker()
        with self._lock:
            self._workers.append(worker)
        for warning in worker.load():
            with self._lock:
                new = warning not in self._warned
                self._warned.add(warning)
            if new:
                self._warn(warning)
        return worker

    def _dismiss(self, worker: Worker) -> None:
        worker.close()
        with self._lock:
            self._workers.remove(worker)
