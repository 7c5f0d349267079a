"""Starts and stops the ROS processes of a command: environment, JSON lines from stdout, logs, clean end.

Knows nothing of what the processes do and does not import ROS itself. A child writes one JSON object per line on
stdout, which ends up in a queue; everything else it says goes to its log file.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from novic_ros.cli.shared_files import shared_file

Events = queue.SimpleQueue  # of (process name: str, event: dict)


def ros_environment(domain_id: int, log_dir: Path) -> dict[str, str]:
    """The environment for ROS processes on this machine only, whether or not the caller sourced anything.

    What the caller set is kept, except for the three that make a run private: domain, discovery range and log folder.
    The values are those of tools/env.sh.
    """
    environment = dict(os.environ)
    prefixes = [entry for entry in environment.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if entry]
    if sys.prefix not in prefixes and Path(sys.prefix, "share", "ament_index").is_dir():
        prefixes.insert(0, sys.prefix)  # ROS wheels live in the virtual environment
    if prefixes:
        environment["AMENT_PREFIX_PATH"] = os.pathsep.join(prefixes)
    checkout = str(Path(__file__).resolve().parents[2])
    paths = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    if checkout not in paths:
        environment["PYTHONPATH"] = os.pathsep.join([checkout, *paths])
    old_fast_dds = environment.get("ROS_DISTRO") in ("humble", "iron", "jazzy")
    names = ("FASTDDS_DEFAULT_PROFILES_FILE", "FASTRTPS_DEFAULT_PROFILES_FILE")
    if not any(environment.get(name) for name in names):
        try:
            environment[names[old_fast_dds]] = str(shared_file("config/fastdds_large_images.xml"))
        except FileNotFoundError:
            pass  # only large raw images need it, see docs/troubleshooting.md
    environment["ROS_DOMAIN_ID"] = str(domain_id)
    environment["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
    if environment.get("ROS_DISTRO") == "humble":
        environment["ROS_LOCALHOST_ONLY"] = "1"
    environment["ROS_LOG_DIR"] = str(log_dir)
    environment["PYTHONUNBUFFERED"] = "1"
    return environment


class RosProcess:
    """One running child in a session of its own, so that Ctrl-C reaches only the command, which then stops it."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        environment: dict[str, str],
        log: Path,
        events: Events | None = None,
    ) -> None:
        """Start `command`. With `events`, stdout is read as JSON lines into it; otherwise it goes to `log` too."""
        self.name = name
        self.log = log
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_bytes(b"")
        with log.open("ab") as sink:  # the reader thread appends too
            self._process = subprocess.Popen(
                list(command),
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=sink if events is None else subprocess.PIPE,
                stderr=sink,
                start_new_session=True,
            )
        self._reader = None
        if events is not None:
            self._reader = threading.Thread(
                target=self._read, args=(events,), name=f"read {name}", daemon=True
            )
            self._reader.start()

    def _read(self, events: Events) -> None:
        for line in self._process.stdout:
            if line.startswith(b"{"):
                try:
                    events.put((self.name, json.loads(line)))
                    continue
                except ValueError:
                    pass  # not ours, so it belongs to the log
            with self.log.open("ab") as sink:
                sink.write(line)

    @property
    def exit_code(self) -> int | None:
        """None while it runs; -N if signal N ended it."""
        return self._process.poll()

    def log_text(self) -> str:
        """All that it said so far, except for events."""
        return self.log.read_text(encoding="utf-8", errors="replace")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and to its own children; nothing happens if it has ended."""
        if self.exit_code is None:
            try:
                os.killpg(self._process.pid, number)
            except ProcessLookupError:
                pass  # it ended in between

    def wait(self, seconds: float) -> int | None:
        """Wait for its end at most `seconds`; its exit code, or None."""
        try:
            return self._process.wait(timeout=max(seconds, 0))
        except subprocess.TimeoutExpired:
            return None

    def close(self) -> None:
        """Release the pipe of a process that has ended."""
        if self._reader is not None:
            self._reader.join(timeout=2)
            self._process.stdout.close()


def last_lines(text: str, count: int) -> list[str]:
    """The last `count` lines of `text` that are not blank."""
    return [line.rstrip() for line in text.splitlines() if line.strip()][-count:]


def stop_all(processes: Iterable[RosProcess], grace: float = 5.0) -> list[str]:
    """End every process: SIGINT, and after `grace` seconds together SIGKILL. Names of those that had to be killed."""
    processes = list(processes)
    for process in processes:
        process.signal(signal.SIGINT)
    deadline = time.monotonic() + grace
    killed = []
    for process in processes:
        if process.wait(deadline - time.monotonic()) is None:
            process.signal(signal.SIGKILL)
            process.wait(2)
            killed.append(process.name)
        process.close()
    return killed
