"""What all of `novic evaluate` share: the options --output, --quiet and --json, the progress bar, and the ending.

A command makes an `Evaluation`, then calls `finish`, which writes the report, prints the figures and gives the exit
code: 0 done, 1 done but some inputs could not be read (listed and counted), 2 cannot be used as asked. Nothing is
scored here.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

if TYPE_CHECKING:
    from novic_ros.evaluation.results import Evaluation
    from novic_ros.evaluation.thumbnails import ReadPictures

__all__ = ["SCREEN_AFTER", "ProgressBar", "add_output_options", "complain", "finish"]

SCREEN_AFTER = 2.0  # seconds until a run shows how far it is
LOG_SECONDS = 30  # between two lines where standard error is no terminal
SHOWN_PROBLEMS = 10


def add_output_options(parser: argparse.ArgumentParser) -> None:
    """Add --output, --quiet and --json."""
    parser.add_argument("--output", type=Path, metavar="DIR",
                        help="write report.html, report.json, timing.json and plots into this folder")
    parser.add_argument("--quiet", action="store_true", help="print no figures and show no progress")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of sentences")


def complain(text: str) -> None:
    """One line on standard error."""
    print(f"novic evaluate: {text}", file=sys.stderr)


class ProgressBar:
    """How far a run is, its rate and the time left, on standard error, once it has taken two seconds.

    A terminal gets a bar that goes away at the end, anything else a line every half minute. Call `advance` with the
    number of pictures done. total: None where it is not known.
    """

    def __init__(self, what: str, total: int | None, *, quiet: bool = False, console: Console | None = None,
                 clock: Callable[[], float] = time.monotonic):
        self._console = console or Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
        self._what, self._total, self._quiet, self._clock = what, total, quiet, clock
        self._done = 0
        self._bar: Progress | None = None

    def __enter__(self) -> ProgressBar:
        self._begin = self._said = self._clock()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.stop()
            self._bar = None

    def advance(self, count: int = 1) -> None:
        """So many more are done."""
        self._done += count
        now = self._clock()
        if self._quiet or now - self._begin < SCREEN_AFTER:
            return
        rate = self._done / (now - self._begin)
        if self._console.is_terminal:
            if self._bar is None:
                self._bar = Progress(TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(),
                                     TextColumn("{task.fields[rate]:.1f}/s"), TimeRemainingColumn(),
                                     console=self._console, transient=True)
                self._task = self._bar.add_task(self._what, total=self._total, rate=rate)
                self._bar.start()
            self._bar.update(self._task, completed=self._done, rate=rate)
        elif now - self._said >= LOG_SECONDS:
            self._said = now
            left = "" if self._total is None else f", about {(self._total - self._done) / rate:.0f} s left"
            of = "" if self._total is None else f" of {self._total}"
            self._console.print(f"{self._what}: {self._done}{of}, {rate:.1f}/s{left}")


def finish(evaluation: Evaluation, args: argparse.Namespace, read_pictures: ReadPictures | None = None) -> int:
    """Write the report if --output is given, print what was found, and return the exit code.

    read_pictures: how the report gets the pixels of the items that it shows (see `report.write_report`).
    """
    from novic_ros.evaluation.results import ResultsError

    if args.output is not None:
        from novic_ros.evaluation.report import ReportError, write_report

        try:
            evaluation.save(args.output)
            write_report(evaluation, args.output, read_pictures)
        except (ResultsError, ReportError) as error:
            complain(str(error))
            return 2
    for problem in evaluation.problems[:SHOWN_PROBLEMS]:
        complain(problem)
    if len(evaluation.problems) > SHOWN_PROBLEMS:
        where = "" if args.output is None else f", all in {args.output / 'report.json'}"
        complain(f"and {len(evaluation.problems) - SHOWN_PROBLEMS} more such problems{where}")
    if args.json:
        print(json.dumps(evaluation.summary(), sort_keys=True))
    elif not args.quiet:
        print("\n".join(lines_of(evaluation)))
        if args.output is not None:
            print(f"report in {args.output / 'report.html'}")
    return 1 if evaluation.problems else 0


def lines_of(evaluation: Evaluation) -> list[str]:
    """The figures, one a line, then the counts."""
    wide = max((len(one.name) for one in evaluation.figures), default=0)
    lines = [f"{one.name:{wide}}  {one}{': ' + one.note if one.note else ''}" for one in evaluation.figures]
    counts = ", ".join(f"{name} {count:,}" for name, count in sorted(evaluation.counts.items()))
    return [*lines, *([counts] if counts else [])]
