"""`novic train RECIPE`: train an object decoder for any open_clip encoder from caches of its text embeddings.

Says what it will train, for how long and on how much disk before it begins. Ctrl-C or SIGTERM saves the state; the same
command goes on from it. Under `torchrun` several processes or machines train one decoder. Caches are written by
another command; this one reads them.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.logging import RichHandler

if TYPE_CHECKING:
    from novic_ros.training.processes import Processes
    from novic_ros.training.training_data import TrainingData

__all__ = ["add_parser", "add_training_arguments", "failed", "open_data", "run"]


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser(
        "train", help="train an object decoder by recipe",
        description="Train an object decoder for an encoder, from caches of its text embeddings.")
    add_training_arguments(parser)
    parser.set_defaults(run=run)


def add_training_arguments(parser: argparse.ArgumentParser) -> None:
    """What `novic train` and `novic ablate` both take."""
    parser.add_argument("recipe", metavar="RECIPE", help="novic_ft0, novic_ft2, mini, site, or a YAML file")
    parser.add_argument("--cache", type=Path, action="append", required=True, metavar="FILE",
                        help="a cache of text embeddings; give several to mix them")
    parser.add_argument("--embedder", required=True, metavar="SPEC",
                        help="the encoder that made them: novic_mini, openclip:ORG/NAME or local:DIR")
    parser.add_argument("--nouns", type=Path, metavar="FILE",
                        help="learn only the nouns in this text file, one per line, from the rows of the caches that "
                             "have no others (default: all)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR",
                        help="the folder to train in; one of an interrupted training goes on")
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE",
                        help="change a field of the recipe; may be given several times")
    parser.add_argument("--gap", type=Path, metavar="FILE",
                        help="the encoder's modality gap, for recipes with mean_shift or spread_shift")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or cuda:N (default %(default)s)")
    parser.add_argument("--threads", type=int, metavar="N", help="CPU threads (default: as torch finds best)")
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and stop")


def run(args: argparse.Namespace) -> int:
    """Train; 0 when finished, 2 if something given cannot be used, 130 if it was asked to stop."""
    from novic_ros.training.processes import joined_processes
    from novic_ros.training.train_run import TrainingError

    try:
        with joined_processes(args.device) as processes:
            return _train(args, processes)
    except (TrainingError, OSError, ValueError) as error:  # every library's own error is a ValueError
        return failed("train", error)


def _train(args: argparse.Namespace, processes: Processes) -> int:
    from novic_ros.cli import train_screen as screen
    from novic_ros.training.recipe import Recipe, parse_setting
    from novic_ros.training.stopping import stop_on_signals
    from novic_ros.training.train_run import TrainRun

    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True, quiet=not processes.is_first)
    prepare(args, console)
    recipe = Recipe.read(args.recipe, dict(map(parse_setting, args.set)))
    data = open_data(args)
    training = TrainRun(recipe, data, args.output, processes)
    if processes.is_first:
        training.folder.check(recipe, data)
    for line in (*screen.recipe_lines(recipe), *screen.plan_lines(training)):
        console.print(line)
    if processes.is_first and training.folder.result() is None:
        console.print(screen.time_line([training]))
    if args.dry_run:
        return 0
    with screen.TrainingBar(console, training.schedule.steps, recipe.name) as bar, stop_on_signals() as stop:
        result = training.run(bar, stop)
    if result is None:
        console.print(f"stopped  the state is in {args.output}; the same command goes on from it")
        return 130
    share = "" if result["share"] is None else f", {result['share']:.3f} of {result['probed']} probed nouns come back"
    console.print(f"result   loss {result['loss']:.4f}, token accuracy {result['accuracy']:.4f}{share}")
    console.print(f"decoder  {args.output / 'decoder'}; to try it: novic label PICTURES --model "
                  f"{args.output / 'decoder'}")
    return 0


def open_data(args: argparse.Namespace) -> TrainingData:
    """The caches that were named, or of them what was asked for. Raises ValueError."""
    from novic_ros.training.training_data import TrainingData
    from novic_ros.vocabulary import read_nouns

    nouns = None if args.nouns is None else read_nouns(args.nouns)
    return TrainingData.open(args.cache, args.embedder, args.gap, nouns)


def prepare(args: argparse.Namespace, console: Console) -> None:
    """Threads, and warnings of the training on the screen. Raises ValueError for a bad number of threads."""
    import torch

    if args.threads is not None:
        if args.threads < 1:
            raise ValueError(f"threads: expected a whole number from 1, got {args.threads}")
        torch.set_num_threads(args.threads)
    handler = RichHandler(console=console, show_time=False, show_path=False, markup=False)
    logging.basicConfig(level=logging.WARNING, format="%(message)s", handlers=[handler])


def failed(command: str, error: Exception) -> int:
    """Say what went wrong in one line; the exit code for it."""
    print(f"novic {command}: {' '.join(str(error).split())}", file=sys.stderr)
    return 2
