"""`novic evaluate labels FILE --truth FILE`: score labels that were written before, without a model.

Reads what `novic label --json` wrote, the authors' prediction files, or a report.json. Files are matched by name.
Prints how good the best labels are and how far their scores can be trusted, each figure with its 95 % interval.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from novic_ros.cli.evaluate_output import add_output_options, complain, finish
from novic_ros.cli.evaluate_scoring import add_scoring_options, read_scoring

__all__ = ["add_parser", "run"]


def add_parser(kinds) -> None:
    """Add this command to `novic evaluate`."""
    parser = kinds.add_parser("labels", help="a file of labels: of `novic label --json`, or the authors' predictions",
                              description=__doc__.split("\n")[0])
    parser.add_argument("labels", type=Path, metavar="FILE",
                        help="of `novic label --json`, an authors' prediction file (version 1), or a report.json")
    parser.add_argument("--truth", type=Path, required=True,
                        help="what the pictures show: our JSON list, OVIC annotations, CSV, or a folder per class")
    parser.add_argument("--gencfg", help="of an authors' file with several searches: which one")
    add_scoring_options(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Print the scores; 0, 1 if some labels could not be judged, or 2 if a file cannot be used."""
    from novic_ros.evaluation.environment import command_text
    from novic_ros.evaluation.judging import judged
    from novic_ros.evaluation.prediction_files import read_predictions
    from novic_ros.evaluation.results import Item
    from novic_ros.evaluation.truth_files import read_truth_set

    try:
        truth = read_truth_set(args.truth)
        scoring = read_scoring(args, truth)
        predictions = read_predictions(args.labels, truth.truths, args.gencfg)
    except ValueError as error:
        complain(str(error))
        return 2
    items = [Item(name, source=name, labels=found.labels, evidence=found.evidence, truth=truth.truths[name])
             for name, found in predictions.items()]
    evaluation = judged("labels", f"Labels of {args.labels.name}", items, truth,
                        command=command_text(args.arguments), **scoring)
    return finish(evaluation, args)
