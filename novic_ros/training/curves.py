"""Curves of a training: the same numbers into TensorBoard and into two pictures, where the packages for it are there.

Both packages are optional (`requirements-dev.txt` has them); without them the CSV logs are all there is. It reads
logs and computes nothing.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from novic_ros.training.run_folder import RunFolder

__all__ = ["Board", "draw_curves", "figure_class_or_none", "save_picture"]

log = logging.getLogger(__name__)


class Board:
    """A TensorBoard log in a folder, which goes on after `first_step` and takes back what was logged after it before.

    Does nothing where tensorboard is not installed.
    """

    def __init__(self, folder: Path, first_step: int = 0):
        self._writer = None
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            return  # one may well train without
        self._writer = SummaryWriter(str(folder), purge_step=first_step + 1)

    def write(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers of one step, by name."""
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(name, value, step)

    def close(self) -> None:
        """Write what is left."""
        if self._writer is not None:
            self._writer.close()


def draw_curves(folder: RunFolder) -> list[Path]:
    """Draw loss.png and accuracy.png from the logs so far; none where matplotlib is not installed or nothing logged."""
    figure_class = figure_class_or_none()
    if figure_class is None:
        return []
    rows, probes = folder.log.rows(), folder.probes.rows()
    if not rows:
        return []
    samples = [float(row["samples"]) for row in rows]
    per_step = samples[-1] / float(rows[-1]["step"])
    pictures = []
    for name, what in (("loss", "cross-entropy per token"), ("accuracy", "share of tokens that are right")):
        figure = figure_class(figsize=(7, 4), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(samples, [float(row[name]) for row in rows], color="#9db8d2", linewidth=0.8,
                  label=f"{name}, as logged")
        axes.plot(samples, [float(row[f"smooth_{name}"]) for row in rows], color="#1f4e79", label=f"{name}, smoothed")
        if name == "accuracy":
            axes.set_ylim(0, 1.02)
            if probes:
                axes.plot([float(row["step"]) * per_step for row in probes], [float(row["share"]) for row in probes],
                          color="#c05a1c", marker=".", linestyle="--", label="probed nouns that come back first")
        else:
            axes.set_yscale("log")
        rate = axes.twinx()
        rate.plot(samples, [float(row["rate"]) for row in rows], color="#999999", linewidth=0.8, linestyle=":")
        rate.set_ylim(bottom=0)
        rate.set_ylabel("learning rate (dotted)", color="#777777")
        axes.set_xlabel("vectors seen")
        axes.set_ylabel(what)
        axes.set_title(f"{folder.path.resolve().name}: {what}")
        axes.grid(alpha=0.3, which="both")
        axes.legend(loc="center right")
        pictures.append(folder.path / f"{name}.png")
        save_picture(figure, pictures[-1])
    return pictures


@functools.cache
def figure_class_or_none() -> Any:
    """Matplotlib's Figure, which needs no screen; None, with a word about it the first time, where there is none."""
    try:
        from matplotlib.figure import Figure
    except ImportError:
        log.warning("no pictures are drawn: install matplotlib for them")
        return None
    return Figure


def save_picture(figure: Any, path: Path) -> None:
    """Write a figure as PNG; an older picture is replaced once the new one is whole."""
    unfinished = path.with_suffix(".part")
    figure.savefig(unfinished, dpi=120, format="png")
    unfinished.replace(path)
