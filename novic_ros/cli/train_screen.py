"""What a training shows on the screen: its plan before it begins, then a moving line, or lines now and then in a log.

Used by `novic train` and `novic ablate`. It trains nothing; in every process but the first it is silent.
"""

from __future__ import annotations

import dataclasses
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from novic_ros.training.recipe import Recipe, RecipeError
from novic_ros.training.train_run import Progress as Standing
from novic_ros.training.train_run import TrainRun

__all__ = ["TrainingBar", "plan_lines", "readable_bytes", "readable_seconds", "recipe_lines", "time_line"]

LOG_SECONDS = 30


def recipe_lines(recipe: Recipe) -> list[str]:
    """The recipe's fields, several to a line."""
    words = [f"{field.name}={getattr(recipe, field.name)}" for field in dataclasses.fields(recipe)
             if getattr(recipe, field.name) != field.default]
    lines = ["recipe   "]
    for word in words:
        if len(lines[-1]) + len(word) > 110:
            lines.append(" " * 9)
        lines[-1] += word + "  "
    return [line.rstrip() for line in lines]


def plan_lines(run: TrainRun) -> list[str]:
    """What will be trained on what, how long in steps, and on how much disk."""
    recipe, data, schedule = run.recipe, run.data, run.schedule
    rows = f"{data.rows:,}" if data.rows == data.all_rows else f"{data.rows:,} of {data.all_rows:,}"
    lines = [
        f"data     {rows} vectors [{data.width}] of {data.embedder_spec} in {len(data.caches)} "
        f"cache{'s' * (len(data.caches) > 1)}",
        f"nouns    {len(data.nouns):,} in {len(data.vocabulary):,} tokens, at most {data.max_tokens} each",
        f"network  {run.parameters:,} weights",
        f"training {schedule.steps:,} steps of {recipe.accumulation} x {recipe.batch_size} vectors: {recipe.epochs} "
        f"epochs cut to {schedule.chunks} chunks, {schedule.samples:,} vectors in all",
    ]
    if recipe.published_nouns and recipe.published_nouns != len(data.nouns):
        lines.append(f"         the published run had {recipe.published_nouns:,} nouns")
    lines.append(f"disk     about {readable_bytes(bytes_needed(run))} in {run.folder.path}, "
                 f"{readable_bytes(free_bytes(run.folder.path))} are free")
    return lines


def time_line(runs: Sequence[TrainRun]) -> str:
    """How long the rest of some trainings will take, from a few timed micro-batches of each kind.

    Raises RecipeError where the disk is too full for them.
    """
    needed, free = sum(map(bytes_needed, runs)), free_bytes(runs[0].folder.path)
    if needed > free:
        raise RecipeError(f"{runs[0].folder.path}: expected {readable_bytes(needed)} of free disk, found "
                          f"{readable_bytes(free)}; clear some or choose another disk")
    timed: dict[Recipe, float] = {}
    seconds = 0.0
    for run in runs:
        kind = run.recipe.changed(seed=0)
        if kind not in timed:
            timed[kind] = run.seconds_per_step()
        seconds += timed[kind] * (run.schedule.steps - (run.folder.state() or {"done": 0})["done"])
    samples = runs[0].recipe.batch_size * runs[0].recipe.accumulation
    return (f"time     about {readable_seconds(seconds)} without probes on {runs[0].processes.count} x "
            f"{runs[0].processes.device}, at first {samples / timed[runs[0].recipe.changed(seed=0)]:,.0f} vectors per "
            "second, from a few timed micro-batches")


def bytes_needed(run: TrainRun) -> int:
    """About how much disk a training takes."""
    return run.folder.bytes_needed(run.parameters, run.schedule.steps // run.recipe.log_every + run.schedule.chunks)


def free_bytes(path: Path) -> int:
    """Free disk where a folder is or will be."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return shutil.disk_usage(path).free


def readable_seconds(seconds: float) -> str:
    """Such as "40 s", "3 min", "2.5 h" or "3.1 days"."""
    for unit, size in (("days", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size or (unit == "h" and seconds >= size):
            return f"{seconds / size:.1f} {unit}"
    return f"{seconds:.0f} s"


def readable_bytes(count: float) -> str:
    """Such as "5.0 MB" or "1.2 GB"."""
    return f"{count / 1e9:.1f} GB" if count >= 1e9 else f"{count / 1e6:.1f} MB"


class TrainingBar:
    """Shows the steps of one training; call it with where the training stands."""

    def __init__(self, console: Console, steps: int, what: str, done: int = 0):
        self._console, self._steps, self._what = console, steps, what
        self._bar = Progress(TextColumn("{task.description}"), BarColumn(bar_width=None), MofNCompleteColumn(),
                             TimeElapsedColumn(), TimeRemainingColumn(), console=console, transient=True,
                             disable=not console.is_terminal)
        self._task = self._bar.add_task(what, total=steps, completed=done)
        self._said = time.monotonic()

    def __enter__(self) -> TrainingBar:
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:
        self._bar.stop()

    def __call__(self, standing: Standing) -> None:
        text = (f"{self._what}: epoch {standing.epoch + 1}, chunk {standing.chunk + 1}, "
                f"loss {standing.smooth_loss:.3f}, accuracy {standing.smooth_accuracy:.3f}")
        if standing.share is not None:
            text += f", probe {standing.share:.3f}"
        self._bar.update(self._task, completed=standing.step, description=text)
        if not self._console.is_terminal and time.monotonic() - self._said > LOG_SECONDS:
            self._said = time.monotonic()
            self._console.print(f"{text}, step {standing.step} of {self._steps}")
