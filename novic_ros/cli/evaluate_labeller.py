"""The options of every `novic evaluate` that runs a model, and the labeller that they ask for."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from novic_ros.cli.evaluate_output import complain

if TYPE_CHECKING:
    from novic_ros.labeller import ImageLabeller

__all__ = ["add_labeller_options", "add_model_options", "make_labeller"]


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """Add --model, --checkpoint, --embedder, --gencfg, --views and --device, as `novic label` has them."""
    parser.set_defaults(top=5, min_score=0.0, nouns=None, on_unsure="best")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", default="novic_mini", help="name of a model or its folder (default %(default)s)")
    which.add_argument("--checkpoint", metavar="FILE", help="an authors' checkpoint file, .train or .model")
    parser.add_argument("--embedder", metavar="SPEC", help="encoder to use (default: the decoder's own)")
    parser.add_argument("--gencfg", help="how to search, for example greedy or beam_k10 (default: a beam of 10)")
    parser.add_argument("--views", type=int, help="looks at each picture, 1 or 2 (default: as calibrated)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")


def add_labeller_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of the model, and --top, --min-score, --nouns and --on-unsure."""
    add_model_options(parser)
    parser.add_argument("--top", type=int, default=5, metavar="K", help="labels per picture (default %(default)s)")
    parser.add_argument("--min-score", type=float, default=0.0, help="lowest score said (default %(default)s)")
    parser.add_argument("--nouns", metavar="FILE", help="find only the nouns in this text file, one per line")
    parser.add_argument("--on-unsure", choices=("best", "hypernym", "empty"), default="best",
                        help="where the best guess is probably wrong: say it, a broader word, or nothing "
                             "(default %(default)s)")


def make_labeller(args: argparse.Namespace) -> ImageLabeller:
    """The labeller that the options ask for; its warnings go to standard error. Raises ValueError."""
    from novic_ros.labeller import ImageLabeller
    from novic_ros.vocabulary import SiteVocabulary

    labeller = ImageLabeller(args.checkpoint or args.model, embedder=args.embedder, top_k=args.top,
                             min_score=args.min_score, gencfg=args.gencfg, device=args.device,
                             on_unsure=args.on_unsure, views=args.views)
    if args.nouns:
        for warning in labeller.set_vocabulary(SiteVocabulary.read([f"@{args.nouns}"])):
            complain(warning)
    return labeller
