"""`novic evaluate plot`: draw how far scores can be trusted, for files of labels that were written before."""

from __future__ import annotations

import argparse
from pathlib import Path

from novic_ros.cli.evaluate_output import complain

__all__ = ["add_parser", "run"]


def add_parser(kinds) -> None:
    """Add this command to `novic evaluate`."""
    parser = kinds.add_parser("plot", help="draw how far scores can be trusted", description=(
        "Draw a reliability diagram: the share of truthful best labels against their score, in groups of equal size."))
    parser.add_argument("--set", nargs=3, action="append", required=True, dest="sets",
                        metavar=("NAME", "FILE", "TRUTH"),
                        help="name in the picture, predictions and truth; may be given more than once")
    parser.add_argument("--output", type=Path, required=True, metavar="PNG", help="picture to write")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Draw the reliability diagram; 0, or 2 if a file cannot be used."""
    from novic_ros.evaluation.hierarchy_scores import is_truthful
    from novic_ros.evaluation.prediction_files import read_predictions
    from novic_ros.evaluation.reliability import PlottingError, plot_reliability
    from novic_ros.evaluation.truth_files import read_truth_set

    sets = {}
    try:
        for name, labels, truth in args.sets:
            truths = read_truth_set(Path(truth)).truths
            found = read_predictions(Path(labels), truths)
            best = {file: one.labels[0] for file, one in found.items() if one.labels}
            if not best:
                raise ValueError(f"{labels}: expected at least one picture with a label, found none")
            sets[name] = ([label.score for label in best.values()],
                          [is_truthful(label.text, truths[file]) for file, label in best.items()])
        plot_reliability(sets, args.output)
    except (ValueError, PlottingError) as error:
        complain(str(error))
        return 2
    return 0
