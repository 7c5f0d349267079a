"""`novic evaluate labels FILE --truth FILE`: score what `novic label --json` wrote against hierarchical truth.

The truth is a JSON list of {file, synonyms, hypernyms, hyponyms}; files are matched by name. Prints the mean score and
the share of exact answers, each with its 95 % interval. It labels nothing itself.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection
from pathlib import Path

from novic_ros.evaluation.scores import Rate, Truth, bootstrap_mean, hierarchical_score, is_over_generic

__all__ = ["add_parser", "run"]


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


def run(args: argparse.Namespace) -> int:
    """Print the scores; 0, or 2 if a file cannot be used."""
    try:
        truths = _truths(args.truth)
        predictions = _predictions(args.labels, truths)
    except ValueError as error:
        print(f"novic evaluate: {error}", file=sys.stderr)
        return 2
    top = {name: (predictions[name][0] if predictions[name] else "") for name in truths}
    scores = [hierarchical_score(top[name], truth) for name, truth in truths.items()]
    score = bootstrap_mean(scores)
    exact = Rate(sum(value == 1 for value in scores), len(scores))
    top_exact = Rate(sum(any(hierarchical_score(text, truth) == 1 for text in predictions[name])
                         for name, truth in truths.items()), len(scores))
    generic = Rate(sum(is_over_generic(top[name], truth) for name, truth in truths.items()), len(scores))
    if args.json:
        print(json.dumps({"score": score.value, "score_interval": [score.low, score.high], "n": score.n,
                          "exact": exact.k, "exact_interval": exact.interval, "any_exact": top_exact.k,
                          "over_generic": generic.k}))
    else:
        print(f"score         {score}\nexact         {exact}\nexact in list {top_exact}\nover-generic  {generic}")
    return 0


def _truths(path: Path) -> dict[str, Truth]:
    """Picture -> its truth, at least one. Raises ValueError."""
    truths: dict[str, Truth] = {}
    for record in _read(path, list):
        if not isinstance(record, dict) or not isinstance(record.get("file"), str):
            raise ValueError(f"{path}: expected records of file, synonyms, hypernyms, hyponyms, found {record!r:.100}")
        if record["file"] in truths:
            raise ValueError(f"{path}: expected every picture once, found {record['file']} twice")
        truths[record["file"]] = Truth.of(record)
    if not truths:
        raise ValueError(f"{path}: expected at least one picture, found none")
    return truths


def _predictions(path: Path, wanted: Collection[str]) -> dict[str, list[str]]:
    """Every wanted picture -> the texts of its labels, best first. Raises ValueError."""
    predictions: dict[str, list[str]] = {}
    for name, entry in _read(path, dict).items():
        picture = Path(name).name
        if picture not in wanted:
            continue
        if picture in predictions:
            raise ValueError(f"{path}: files are matched by their names without folders, found {picture} twice")
        labels = entry.get("labels") if isinstance(entry, dict) else None
        if not isinstance(labels, list) or not all(
                isinstance(label, dict) and isinstance(label.get("text"), str) for label in labels):
            raise ValueError(f"{path}: expected {{labels: [{{text, score}}]}} for {name}, found {entry!r:.100}")
        predictions[picture] = [label["text"] for label in labels]
    missing = sorted(set(wanted) - set(predictions))
    if missing:
        raise ValueError(f"{path}: expected labels for every picture of the truth, {len(missing)} are missing, "
                         f"the first is {missing[0]}")
    return predictions


def _read(path: Path, kind: type):
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ValueError(f"{path}: expected a JSON file: {error}") from None
    if not isinstance(content, kind):
        expected = "object" if kind is dict else "list"
        raise ValueError(f"{path}: expected a JSON {expected}, found {type(content).__name__}")
    return content
