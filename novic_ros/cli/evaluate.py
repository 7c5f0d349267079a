"""`novic evaluate labels FILE --truth FILE`: score what `novic label --json` wrote against hierarchical truth.

The truth is a JSON list of {file, synonyms, hypernyms, hyponyms}; files are matched by name. Prints how good the best
labels are and how far their scores can be trusted, each figure with its 95 % interval. `novic evaluate plot` draws the
latter. Both label nothing themselves.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection
from pathlib import Path

from novic_ros.cli.json_files import read_json
from novic_ros.evaluation.scores import (
    Rate,
    Truth,
    bootstrap_mean,
    calibration_error,
    hierarchical_score,
    is_generic,
    is_over_generic,
    is_truthful,
)
from novic_ros.labels import Label

__all__ = ["add_parser", "read_truths", "run", "run_plot"]

SURE = 0.9


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("evaluate", help="how good labels are", description="Score labels against truth.")
    kinds = parser.add_subparsers(title="what to evaluate", metavar="KIND", required=True)
    labels = kinds.add_parser("labels", help="a file that `novic label --json` wrote",
                              description=__doc__.split("\n")[0])
    labels.add_argument("labels", type=Path, metavar="FILE", help="predictions: {file: {labels: [{text, score}]}}")
    labels.add_argument("--truth", type=Path, required=True, help="JSON list of {file, synonyms, hypernyms, hyponyms}")
    labels.add_argument("--json", action="store_true", help="print one JSON object instead of sentences")
    labels.set_defaults(run=run)
    plot = kinds.add_parser("plot", help="draw how far scores can be trusted", description=(
        "Draw a reliability diagram: the share of truthful best labels against their score, in groups of equal size."))
    plot.add_argument("--set", nargs=3, action="append", required=True, dest="sets", metavar=("NAME", "FILE", "TRUTH"),
                      help="name in the picture, predictions and truth; may be given more than once")
    plot.add_argument("--output", type=Path, required=True, metavar="PNG", help="picture to write")
    plot.set_defaults(run=run_plot)


def run(args: argparse.Namespace) -> int:
    """Print the scores; 0, or 2 if a file cannot be used."""
    try:
        truths = _truths(args.truth)
        predictions = _predictions(args.labels, truths)
    except ValueError as error:
        print(f"novic evaluate: {error}", file=sys.stderr)
        return 2
    top = {name: (predictions[name][0].text if predictions[name] else "") for name in truths}
    scores = [hierarchical_score(top[name], truth) for name, truth in truths.items()]
    score = bootstrap_mean(scores)
    exact = Rate(sum(value == 1 for value in scores), len(scores))
    top_exact = Rate(sum(any(hierarchical_score(label.text, truth) == 1 for label in predictions[name])
                         for name, truth in truths.items()), len(scores))
    generic = Rate(sum(is_over_generic(top[name], truth) for name, truth in truths.items()), len(scores))
    answered = [name for name in truths if top[name]]
    close = Rate(sum(value > 0 for value in scores), len(scores))
    result = {"score": score.value, "score_interval": [score.low, score.high], "n": score.n, "exact": exact.k,
              "exact_interval": exact.interval, "any_exact": top_exact.k, "over_generic": generic.k,
              "answered": len(answered), "close": close.k, "close_interval": close.interval}
    lines = [f"score         {score}", f"exact         {exact}", f"exact in list {top_exact}",
             f"over-generic  {generic}",
             f"close         {close}: exact, or at most two steps too broad or narrow",
             f"answered      {Rate(len(answered), len(scores))}"]
    if answered:
        right = [is_truthful(top[name], truths[name]) for name in answered]
        said = [predictions[name][0].score for name in answered]
        truthful = Rate(sum(right), len(answered))
        empty = Rate(sum(is_generic(top[name], truths[name]) for name in answered), len(answered))
        error = calibration_error(said, right)
        sure = [hierarchical_score(top[name], truths[name]) > 0 for name, value in zip(answered, said) if value >= SURE]
        result |= {"truthful": truthful.k, "truthful_interval": truthful.interval, "generic": empty.k,
                   "calibration_error": error.value, "calibration_error_interval": [error.low, error.high],
                   "sure": len(sure), "sure_close": sum(sure)}
        lines += [f"truthful      {truthful}, of the answers", f"generic       {empty}, of the answers",
                  f"calibration   error {error}, of scores against truthful answers",
                  f"score >= {SURE}  " + (f"{Rate(sum(sure), len(sure))} exact or close" if sure else "no answers")]
    print(json.dumps(result) if args.json else "\n".join(lines))
    return 0


def run_plot(args: argparse.Namespace) -> int:
    """Draw the reliability diagram; 0, or 2 if a file cannot be used."""
    from novic_ros.evaluation.reliability import PlottingError, plot_reliability

    sets = {}
    try:
        for name, labels, truth in args.sets:
            truths = _truths(Path(truth))
            predictions = _predictions(Path(labels), truths)
            best = {file: predictions[file][0] for file in truths if predictions[file]}
            if not best:
                raise ValueError(f"{labels}: expected at least one picture with a label, found none")
            sets[name] = ([label.score for label in best.values()],
                          [is_truthful(label.text, truths[file]) for file, label in best.items()])
        plot_reliability(sets, args.output)
    except (ValueError, PlottingError) as error:
        print(f"novic evaluate: {error}", file=sys.stderr)
        return 2
    return 0


def _truths(path: Path) -> dict[str, Truth]:
    """Picture -> its truth, at least one. Raises ValueError."""
    return {name: truth for name, (truth, _) in read_truths(path).items()}


def read_truths(path: Path) -> dict[str, tuple[Truth, str]]:
    """Picture -> its truth and its category ("" if it has none), at least one. Raises ValueError."""
    truths: dict[str, tuple[Truth, str]] = {}
    for record in read_json(path, list):
        if not isinstance(record, dict) or not isinstance(record.get("file"), str):
            raise ValueError(f"{path}: expected records of file, synonyms, hypernyms, hyponyms, found {record!r:.100}")
        if record["file"] in truths:
            raise ValueError(f"{path}: expected every picture once, found {record['file']} twice")
        truths[record["file"]] = (Truth.of(record), str(record.get("category") or ""))
    if not truths:
        raise ValueError(f"{path}: expected at least one picture, found none")
    return truths


def _predictions(path: Path, wanted: Collection[str]) -> dict[str, list[Label]]:
    """Every wanted picture -> its labels, best first. Raises ValueError."""
    predictions: dict[str, list[Label]] = {}
    for name, entry in read_json(path, dict).items():
        picture = Path(name).name
        if picture not in wanted:
            continue
        if picture in predictions:
            raise ValueError(f"{path}: files are matched by their names without folders, found {picture} twice")
        try:
            predictions[picture] = [Label(label["text"], label["score"]) for label in entry["labels"]]
        except (TypeError, KeyError, IndexError, ValueError):
            raise ValueError(f"{path}: expected {{labels: [{{text, score}}]}} for {name}, "
                             f"found {entry!r:.100}") from None
    missing = sorted(set(wanted) - set(predictions))
    if missing:
        raise ValueError(f"{path}: expected labels for every picture of the truth, {len(missing)} are missing, "
                         f"the first is {missing[0]}")
    return predictions
