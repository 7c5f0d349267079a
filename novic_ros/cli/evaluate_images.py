"""`novic evaluate images DIR --truth FILE`: label a folder of pictures and score what was said."""

from __future__ import annotations

import argparse
from pathlib import Path

from novic_ros.cli.evaluate_labeller import add_labeller_options, make_labeller
from novic_ros.cli.evaluate_output import ProgressBar, add_output_options, complain, finish
from novic_ros.cli.evaluate_scoring import add_scoring_options, read_scoring

__all__ = ["add_parser", "run"]


def add_parser(kinds) -> None:
    """Add this command to `novic evaluate`."""
    parser = kinds.add_parser("images", help="a folder of pictures", description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR", help="pictures, also in folders below it")
    parser.add_argument("--truth", type=Path, metavar="FILE",
                        help="what they show: our JSON list, OVIC annotations, CSV, or a folder per class (DIR "
                             "itself); default: truth.json or _class_annotations.json in DIR, else none")
    add_scoring_options(parser)
    parser.add_argument("--predictions", type=Path, metavar="FILE",
                        help="write the labels as an authors' prediction file (version 1) too")
    parser.add_argument("--batch", type=int, default=1, metavar="N",
                        help="pictures labelled at a time (default %(default)s, as the node does)")
    add_labeller_options(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label and score; 0, 1 if some pictures could not be read or judged, 2 if it cannot be done as asked."""
    from novic_ros.evaluation.environment import command_text
    from novic_ros.evaluation.image_run import match_truth, run_images
    from novic_ros.evaluation.prediction_files import authors_predictions
    from novic_ros.evaluation.thumbnails import pictures_in
    from novic_ros.evaluation.truth_files import find_pictures, find_truth, read_truth_set

    try:
        if args.batch < 1:
            raise ValueError(f"--batch: expected a whole number of at least 1, got {args.batch}")
        pictures = find_pictures(args.folder)
        if not pictures:
            raise ValueError(f"{args.folder}: expected at least one picture, found none")
        truth_file = args.truth or find_truth(args.folder)
        truth = read_truth_set(truth_file) if truth_file else None
        scoring = read_scoring(args, truth)
        count = len(pictures if truth is None else match_truth(pictures, truth)[0])
        if not count:
            raise ValueError(f"{truth_file}: expected at least one of the pictures in {args.folder}, named by its path "
                             "below that folder; found none")
        labeller = make_labeller(args)
        with ProgressBar("labelling", count, quiet=args.quiet) as bar:
            evaluation = run_images(
                labeller, args.folder, pictures, truth, title=args.folder.resolve().name, batch=args.batch,
                command=command_text(args.arguments), advance=bar.advance, **scoring)
        if args.predictions:
            authors_predictions({item.id: item.labels for item in evaluation.items}, labeller.search, labeller.nouns,
                                labeller.known_nouns, labeller.model_name, evaluation.environment,
                                ).write(args.predictions)
    except ValueError as error:
        complain(str(error))
        return 2
    return finish(evaluation, args, pictures_in(args.folder))
