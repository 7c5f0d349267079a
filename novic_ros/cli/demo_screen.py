"""What the demo shows in the terminal: one line per frame as it comes, then a summary.

Plain text where the output is not a terminal. It only shows; nothing here decides.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.text import Text

from novic_ros.cli.demo_report import DemoFrame, DemoReport

BAR_CELLS = 10


def score_style(score: float) -> str:
    """Green from one half up, yellow from one fifth up, dim below: as on the contact sheet."""
    return "green" if score >= 0.5 else "yellow" if score >= 0.2 else "bright_black"


def score_bar(score: float, ascii_only: bool = False) -> tuple[str, str]:
    """The filled and the empty part of a bar of BAR_CELLS cells."""
    full, empty = "#." if ascii_only else "█░"
    filled = round(score * BAR_CELLS)
    return full * filled, empty * (BAR_CELLS - filled)


class Screen:
    """The demo's terminal; `console` is for tests."""

    def __init__(self, console: Console | None = None, errors: Console | None = None) -> None:
        self._out = console or Console(highlight=False, soft_wrap=True)
        self._err = errors or Console(stderr=True, highlight=False, soft_wrap=True)
        self._ascii = self._out.options.ascii_only
        self._table_open = False

    def start(self, model: str, photos: int, frames: int, rate_hz: float, domain: int) -> None:
        """Say what is about to happen."""
        self._out.print(Text("novic demo", style="bold"))
        self._out.print(
            f"{photos} photos, {frames} frames at {rate_hz:g} Hz, through the model {model} in a node of its own "
            f"(ROS domain {domain})"
        )

    @contextmanager
    def waiting(self, what: str) -> Iterator[None]:
        """A spinner while the context is open; nothing where the output is not a terminal."""
        with self._out.status(what, spinner="line" if self._ascii else "dots"):
            yield

    def frame(self, frame: DemoFrame) -> None:
        """One line: number, photo, label, score as a bar and in percent, latency."""
        if not self._table_open:
            self._table_open = True
            self._out.print()
            head = f"{'frame':>5}  {'photo':<17}  {'label':<24}  {'score':<{BAR_CELLS + 6}}  {'latency':>8}"
            self._out.print(Text(head, style="dim"))
        line = Text(f"{frame.number:>5}  ", style="dim")
        line.append(f"{_cut(frame.photo, 17):<17}  ", style="default not dim")
        best = frame.labels.best if frame.labels is not None else None
        if best is None:
            line.append(f"{'(no label)':<24}  {'':<{BAR_CELLS + 6}}")
        else:
            style = score_style(best.score)
            full, empty = score_bar(best.score, self._ascii)
            line.append(f"{_cut(best.text, 24):<24}  ", style="bold not dim")
            line.append(full, style=f"{style} not dim")
            line.append(empty)
            line.append(f" {100 * best.score:>3.0f} %", style=f"{style} not dim")
        line.append(f"  {frame.latency_ms or 0:>5.0f} ms", style="default not dim")
        self._out.print(line)

    def summary(self, report: DemoReport, output: Path, seconds: float) -> None:
        """The sums of the run and where its results lie."""
        self._out.print()
        line = Text(f"{report.labelled} of {len(report.frames)} frames labelled", style="bold")
        line.append(f", {report.dropped} dropped, in {seconds:.1f} s", style="not bold")
        self._out.print(line)
        if report.answered:
            self._out.print(f"latency p50 {report.latency_ms(50):.0f} ms, p95 {report.latency_ms(95):.0f} ms")
        for name, what in (
            ("contact_sheet.png", "every photo with its labels"),
            ("summary.json", "the same as numbers"),
            ("demo_bag", "what the camera played"),
        ):
            self._out.print(Text.assemble((f"  {output / name}", "cyan"), ("  " + what, "dim")))

    def failed(self, message: str, log: Sequence[str]) -> None:
        """One line that says what failed, on stderr, after the last lines of the process to blame."""
        for line in log:
            self._err.print(Text(f"  | {line}", style="dim"))
        self._err.print(Text(f"novic demo: {message}", style="bold red"))

    def stopped(self) -> None:
        """After Ctrl-C, when all processes have ended."""
        self._err.print("novic demo: stopped; all its processes have ended")


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 3] + "..."
