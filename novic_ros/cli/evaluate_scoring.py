"""The options of `novic evaluate images` and `labels` that say how to score, and the files behind them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from novic_ros.evaluation.truth_files import TruthSet

__all__ = ["WORDNET", "add_scoring_options", "read_scoring"]

WORDNET = Path("/usr/share/wordnet")


def add_scoring_options(parser: argparse.ArgumentParser) -> None:
    """Add --specificity and --wordnet."""
    parser.add_argument("--specificity", type=Path, metavar="FILE",
                        help="with OVIC annotations: JSON {label: 1 or 0.5}, for the overall score")
    parser.add_argument("--wordnet", type=Path, metavar="DIR",
                        help=f"WordNet 3.0's database files, for hierarchical precision and recall (default: {WORDNET} "
                             "if it is there)")


def read_scoring(args: argparse.Namespace, truth: TruthSet | None) -> dict[str, Any]:
    """What `judged` needs beside the truth: `specificity` and `paths`, None if not asked for. Raises ValueError."""
    from novic_ros.evaluation.ovic import read_specificity
    from novic_ros.evaluation.wordnet_paths import WordNetPaths

    if args.specificity and (truth is None or truth.kind != "ovic"):
        raise ValueError("--specificity: expected OVIC annotations as truth, as only these have an overall score")
    specificity = read_specificity(args.specificity) if args.specificity else None
    graded = truth is not None and truth.kind == "hierarchy"
    folder = args.wordnet or (WORDNET if graded and (WORDNET / "data.noun").is_file() else None)
    return {"specificity": specificity, "paths": WordNetPaths.read(folder) if folder and graded else None}
