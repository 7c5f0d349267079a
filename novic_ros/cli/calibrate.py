"""`novic calibrate FOLDER --photos DIR`: make a model's scores probabilities, from labelled photos.

DIR holds photos and a truth.json as `novic evaluate` reads it, with a `category` in each record where several photos
show the same kind of thing. Writes calibration.json into the model folder. Do not judge the model by the same photos.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

__all__ = ["add_parser", "run"]


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("calibrate", help="make scores probabilities, from labelled photos",
                                   description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="FOLDER", help="model folder with decoder, encoder and hypernyms")
    parser.add_argument("--photos", type=Path, action="append", required=True, metavar="DIR",
                        help="photos with a truth.json; may be given more than once")
    parser.add_argument("--views", type=int, default=1, choices=(1, 2),
                        help="1: look as the encoder was trained to; 2: at the whole photo too (default %(default)s)")
    parser.add_argument("--threshold", type=float, default=0.5,
                        help="score from which a label counts as sure (default %(default)s)")
    parser.add_argument("--note", default="", help="what the photos are, for the reader of the file")
    parser.add_argument("--dry-run", action="store_true", help="fit and print, but write nothing")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Fit and write the calibrator; 0, or 2 if something given cannot be used."""
    from novic_ros.calibration import CALIBRATION_FILE, CalibrationError, answer
    from novic_ros.evaluation.rates import Rate, calibration_error
    from novic_ros.images import ImageError
    from novic_ros.labeller import LabellerError
    from novic_ros.training.calibration_fit import cross_fitted, fit_calibrator
    from novic_ros.vocabulary import VocabularyError

    try:
        photos, ancestors = _labelled(args)
        calibrator = fit_calibrator(photos, ancestors, threshold=args.threshold, views=args.views, fitted={
            "photos": len(photos), "categories": len({photo.category for photo in photos}), "note": args.note})
        scores, right = [], []
        for photo, of_others in cross_fitted(photos, ancestors):
            if photo.sight.guesses:
                scores.append(answer(photo.sight, of_others, ancestors)[0].score)
                right.append(photo.is_true(photo.sight.guesses[0].text))
        if not args.dry_run:
            calibrator.save(args.folder)
    except (CalibrationError, ImageError, LabellerError, VocabularyError, ValueError) as error:
        print(f"novic calibrate: {error}", file=sys.stderr)
        return 2
    sure = [hit for hit, score in zip(right, scores) if score >= args.threshold]
    print(f"fitted on {len(photos)} photos of {len({photo.category for photo in photos})} categories: bias "
          f"{calibrator.bias:g}, prominence {calibrator.prominence:g}, specificity {calibrator.specificity:g}, support "
          f"{calibrator.support:g}")
    print(f"across categories: calibration error {calibration_error(scores, right)}")
    if sure:
        print(f"across categories: true of the best guesses from {args.threshold:g} on: {Rate(sum(sure), len(sure))}")
    print("nothing was written" if args.dry_run else f"wrote {args.folder / CALIBRATION_FILE}")
    return 0


def _labelled(args: argparse.Namespace):
    """(LabelledPhoto of every photo in the folders, the model's ancestors)."""
    from rich.console import Console
    from rich.progress import track

    from novic_ros import images
    from novic_ros.evaluation.hierarchy_scores import is_truthful
    from novic_ros.evaluation.truth_files import read_truths
    from novic_ros.labeller import ImageLabeller
    from novic_ros.training.calibration_fit import LabelledPhoto
    from novic_ros.vocabulary import Ancestors

    labeller = ImageLabeller(args.folder, views=args.views)
    ancestors = Ancestors.load(args.folder, labeller.nouns)
    work = [(folder / name, truth, category) for folder in args.photos
            for name, (truth, category) in read_truths(folder / "truth.json").items()]
    console = Console(stderr=True)
    photos = []
    for path, truth, category in track(work, "labelling", console=console, transient=True,
                                       disable=not console.is_terminal):
        (sight,) = labeller.sights([images.from_file(path)])
        photos.append(LabelledPhoto(sight, lambda text, truth=truth: is_truthful(text, truth), category or str(path)))
    return photos, ancestors
