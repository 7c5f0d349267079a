"""Draws how far scores can be trusted: a reliability diagram as a PNG.

Each point is a tenth of the labels, in order of their scores: at its mean score, the share that was right, with the
95 % Wilson interval. Points on the diagonal mean what they say; below it, scores promise too much. matplotlib is a
development requirement and imported inside. What is drawn is computed in `rates.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from novic_ros.evaluation.rates import calibration_bins, calibration_error

__all__ = ["PlottingError", "plot_reliability"]

Labelled = tuple[Sequence[float], Sequence[bool]]  # scores, and whether each label was right
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7")  # told apart with any colour vision (Okabe and Ito)


class PlottingError(ValueError):
    """The picture cannot be drawn or written; the message says what to do."""


def plot_reliability(sets: Mapping[str, Labelled], path: str | Path) -> None:
    """Write one diagram with a panel for each named set of labels. Raises PlottingError."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise PlottingError(f"drawing needs matplotlib, which is not installed ({error}): pip install matplotlib") \
            from error
    if not sets:
        raise PlottingError("expected at least one set of labels, got none")
    figure = Figure(figsize=(4.2 * len(sets), 4.4), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(1, len(sets), squeeze=False)[0]
    for panel, (name, (scores, right)), colour in zip(panels, sets.items(), COLOURS * len(sets)):
        groups = calibration_bins(scores, right)
        shares = [one.right.k / one.right.n for one in groups]
        low = [share - one.right.interval[0] for share, one in zip(shares, groups)]
        high = [one.right.interval[1] - share for share, one in zip(shares, groups)]
        panel.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
        panel.errorbar([one.score for one in groups], shares, [low, high], fmt="o-", color=colour, capsize=2.5,
                       markersize=5, linewidth=1.2, elinewidth=0.9)
        panel.hist(scores, bins=20, range=(0, 1), bottom=0, weights=[0.25 / len(scores)] * len(scores), color="0.85",
                   zorder=0)
        error = calibration_error(scores, right)
        spread = f"({error.low:.3f} to {error.high:.3f}), n = {error.n}"
        panel.set_title(f"{name}\ncalibration error {error.value:.3f} {spread}", fontsize=9)
        panel.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal",
                  xlabel="published score", ylabel="share of labels that are true")
    try:
        figure.savefig(path, dpi=110, metadata={"Software": None})
    except (OSError, ValueError) as error:
        raise PlottingError(f"{path}: cannot be written: {error}") from error
