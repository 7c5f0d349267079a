"""`novic ablate RECIPE --vary FIELD=A,B,C`: train every combination of some values with several seeds, and compare.

The same command goes on after an interruption and repeats nothing that is finished. Decoders are compared by the nouns
that come back from clean vectors and, where vectors with truth are given, by how well these are named.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

from novic_ros.cli.train import add_training_arguments, failed, open_data, prepare
from novic_ros.cli.vectors_file import read_vectors
from novic_ros.evaluation.json_files import read_json

if TYPE_CHECKING:
    from novic_ros.training.processes import Processes

__all__ = ["add_parser", "run"]


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("ablate", help="train variants of a recipe and compare them",
                                   description="Train variants of a recipe, several seeds each, and compare them.")
    add_training_arguments(parser)
    parser.add_argument("--vary", action="append", default=[], metavar="FIELD=A,B,C",
                        help="values to try of a field; with several fields, every combination")
    parser.add_argument("--seeds", type=int, default=3, metavar="N", help="trainings of each (default %(default)s)")
    parser.add_argument("--embeddings", metavar="FILE.safetensors:KEY",
                        help="vectors [N, F], such as those of pictures, to name and to score against --truth")
    parser.add_argument("--truth", type=Path, metavar="FILE",
                        help="JSON list of N records {synonyms, hypernyms, hyponyms}, in the order of the vectors")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Train and compare; 0 when finished, 2 if something given cannot be used, 130 if it was asked to stop."""
    from novic_ros.training.processes import joined_processes
    from novic_ros.training.train_run import TrainingError

    try:
        with joined_processes(args.device) as processes:
            return _ablate(args, processes)
    except (TrainingError, OSError, ValueError) as error:  # every library's own error is a ValueError
        return failed("ablate", error)


def _ablate(args: argparse.Namespace, processes: Processes) -> int:
    from novic_ros.cli import train_screen as screen
    from novic_ros.training.ablation import Ablation, parse_variation
    from novic_ros.training.ablation_report import table, write_report
    from novic_ros.training.recipe import Recipe, RecipeError, parse_setting
    from novic_ros.training.stopping import stop_on_signals

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, quiet=not processes.is_first)
    prepare(args, console)
    varied = [parse_variation(word) for word in args.vary]
    if len(dict(varied)) < len(varied):
        raise RecipeError("vary: expected every field once")
    ablation = Ablation(Recipe.read(args.recipe, dict(map(parse_setting, args.set))), dict(varied), args.seeds,
                        args.output)
    data = open_data(args)
    evaluate = _evaluation(args.embeddings, args.truth, data.width)
    trainings = ablation.trainings(data, processes)
    waiting = [(name, training) for name, training in trainings if training.folder.result() is None]
    for line in (*screen.recipe_lines(ablation.recipe), *screen.plan_lines(trainings[0][1])[:2]):
        console.print(line)
    console.print(f"ablation {len(ablation.cases)} combinations x {args.seeds} seeds = {len(trainings)} trainings in "
                  f"{args.output}, {len(trainings) - len(waiting)} are finished")
    if processes.is_first and waiting:
        console.print(screen.time_line([training for _, training in waiting]))
    if args.dry_run:
        return 0
    for number, (name, training) in enumerate(waiting, start=1):
        what = f"{number} of {len(waiting)}, {name}"
        with screen.TrainingBar(console, training.schedule.steps, what) as bar, stop_on_signals() as stop:
            if training.run(bar, stop) is None:
                console.print(f"stopped  in {name}; the same command goes on from there")
                return 130
    if not processes.is_first:
        return 0
    results = ablation.results(data, processes, evaluate)
    titles, rows = table(results)
    shown = Table(*titles, title=f"{results['recipe']}, {results['seeds']} seeds, {results['interval']}")
    for row in rows:
        shown.add_row(*row)
    console.print(shown)
    console.print("written  " + ", ".join(map(str, write_report(results, args.output))))
    return 0


def _evaluation(place: str | None, truth: Path | None, width: int) -> Callable[[Path], Mapping[str, float]] | None:
    """Scores of a decoder's best noun for each of some vectors. Raises ValueError."""
    import torch

    from novic_ros import decoding
    from novic_ros.evaluation.hierarchy_scores import Truth, hierarchical_score

    if place is None and truth is None:
        return None
    if place is None or truth is None:
        raise ValueError("embeddings, truth: expected both or none")
    vectors = read_vectors(place)
    if vectors.shape[1] != width:
        raise ValueError(f"{place}: expected vectors [N, {width}], found {list(vectors.shape)}")
    records = read_json(truth, list)
    if len(records) != len(vectors):
        raise ValueError(f"{truth}: expected {len(vectors)} records, one per vector, found {len(records)}")
    truths = [Truth.of(record) for record in records]
    vectors = torch.nn.functional.normalize(vectors, dim=-1)

    def evaluate(folder: Path) -> dict[str, float]:
        decoder = decoding.load(folder, "cpu")
        found = [row for part in vectors.split(64) for row in decoder.decode(part)]
        scores = [hierarchical_score(row[0].text if row else "", one) for row, one in zip(found, truths)]
        return {"score": sum(scores) / len(scores), "exact": sum(score == 1 for score in scores) / len(scores)}

    return evaluate
