"""`novic demo`: a few photographs go through a real node, over DDS, and come back as labels.

This file is the command: arguments, exit codes, files written. `demo_bag.py` writes the bag, `demo_run.py` plays it
through the node, `demo_report.py` counts, `contact_sheet.py` draws and `demo_screen.py` prints. None imports ROS.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from novic_ros.cli.demo_report import DemoReport
from novic_ros.cli.demo_run import DemoError, DemoOptions, DemoRun
from novic_ros.cli.demo_screen import Screen
from novic_ros.cli.ros_process import ros_environment, stop_all
from novic_ros.cli.shared_files import shared_file

ENOUGH_LABELLED = 12
NEEDED_MODULES = ("rclpy", "vision_msgs", "rosbags")


def add_parser(subparsers: Any) -> argparse.ArgumentParser:
    """Add `demo` to the sub-commands of `novic`."""
    parser = subparsers.add_parser(
        "demo",
        help="play a few photos through a real node and print what it says",
        description="Plays sixteen photos as a camera over DDS, starts the node, prints every frame's label, score and "
        f"latency, and writes a contact sheet. Exit code 0 if at least {ENOUGH_LABELLED} frames were labelled.",
    )
    parser.add_argument(
        "--output", type=Path, default=Path("demo"), help="folder to write to (default: demo)"
    )
    parser.add_argument("--rate", type=_rate, default=5.0, help="frames per second (default: 5)")
    parser.add_argument("--model", default="novic_mini", help="model name or folder (default: novic_mini)")
    parser.add_argument("--keep", action="store_true", help="keep the logs of all processes in OUTPUT/logs")
    parser.set_defaults(run=run)
    return parser


def _rate(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0.1 <= value <= 100:
        raise argparse.ArgumentTypeError(f"expected frames per second between 0.1 and 100, came {text!r}")
    return value


def run(args: argparse.Namespace) -> int:
    """Run the demo; 0 if enough frames were labelled, 1 if not, 2 if there is no such model, 130 after Ctrl-C."""
    from novic_ros.model_store import ModelNotFound, find_model

    try:
        find_model(args.model)
    except ModelNotFound as error:
        print(f"novic demo: {error}", file=sys.stderr)
        return 2
    return run_demo(DemoOptions(output=args.output, rate_hz=args.rate, model=args.model, keep=args.keep))


def run_demo(options: DemoOptions, screen: Screen | None = None) -> int:
    """As `run`, for a model (or a stand-in for the node) that is not looked up first."""
    screen = screen or Screen()
    start = time.monotonic()
    try:
        with _terminate_like_interrupt():
            report = _play_and_write(options, screen)
        screen.summary(report, options.output, time.monotonic() - start)
        if report.labelled < ENOUGH_LABELLED:
            total = len(report.frames)
            raise DemoError(
                f"{report.labelled} of {total} frames were labelled, at least {ENOUGH_LABELLED} should be"
            )
    except DemoError as error:
        screen.failed(str(error), error.log)
        return 1
    except KeyboardInterrupt:
        screen.stopped()
        return 130
    return 0


def _play_and_write(options: DemoOptions, screen: Screen) -> DemoReport:
    from novic_ros.cli.demo_bag import find_photos, write_bag

    for module in NEEDED_MODULES:
        if importlib.util.find_spec(module) is None:
            raise DemoError(
                f"the Python module {module} is missing; set ROS 2 and the package up as README.md says"
            )
    bag, logs = options.output / "demo_bag", options.output / "logs"
    try:
        photos = find_photos(shared_file("demo_photos"))
        options.output.mkdir(parents=True, exist_ok=True)
        names = write_bag(photos, bag)
        domain = 20 + os.getpid() % 80  # neither a robot's usual domain nor, most likely, another demo's
        screen.start(options.model, len(photos), len(names), options.rate_hz, domain)
        demo = DemoRun(options, bag, names, logs, ros_environment(domain, logs / "ros"))
        try:
            report = demo.play(screen)
        finally:
            with _undisturbed():
                stop_all(demo.processes)
        _write_results(report, photos, options)
    except OSError as error:
        raise DemoError(str(error)) from error
    if not options.keep and report.labelled >= ENOUGH_LABELLED:
        shutil.rmtree(logs)
    return report


def _write_results(report: DemoReport, photos: Sequence[Path], options: DemoOptions) -> None:
    """Write contact_sheet.png and summary.json into the output folder."""
    from novic_ros.cli.contact_sheet import Tile, draw_contact_sheet
    from novic_ros.images import from_file

    answers = report.photos()
    tiles = [
        Tile(from_file(photo), photo.stem.replace("_", " "), answers.get(photo.stem)) for photo in photos
    ]
    subtitle = f"{report.model}  ·  {report.labelled} of {len(report.frames)} frames labelled at {report.rate_hz:g} Hz"
    if report.answered:
        subtitle += (
            f"  ·  camera to label: {report.latency_ms(50):.0f} ms median, {report.latency_ms(95):.0f} ms p95"
        )
    footer = "Large: best label and score. Small: the next two. Photos: public domain or CC0, demo_photos/CREDITS.md"
    sheet = draw_contact_sheet(tiles, "What the node saw", subtitle, footer)
    sheet.save(options.output / "contact_sheet.png", optimize=True)
    summary = json.dumps(report.to_dict(), indent=2, ensure_ascii=False)
    (options.output / "summary.json").write_text(summary + "\n", encoding="utf-8")


@contextmanager
def _terminate_like_interrupt() -> Iterator[None]:
    """Make SIGTERM end the demo as Ctrl-C does: with every process stopped."""

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    with _handling(signal.SIGTERM, interrupt):
        yield


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Ignore further Ctrl-C and SIGTERM: stopping takes seconds at most, and must be finished."""
    with _handling(signal.SIGINT, signal.SIG_IGN), _handling(signal.SIGTERM, signal.SIG_IGN):
        yield


@contextmanager
def _handling(number: signal.Signals, handler: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield  # Python allows signal handlers in the main thread only
        return
    before = signal.signal(number, handler)
    try:
        yield
    finally:
        signal.signal(number, before)
