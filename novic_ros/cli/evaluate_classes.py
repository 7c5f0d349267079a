"""`novic evaluate classes DIR`: label a classification set with nouns of its classes, and by zero-shot beside it."""

from __future__ import annotations

import argparse
from pathlib import Path

from novic_ros.cli.evaluate_labeller import add_model_options, make_labeller
from novic_ros.cli.evaluate_output import ProgressBar, add_output_options, complain, finish
from novic_ros.cli.evaluate_scoring import WORDNET

__all__ = ["add_parser", "run"]


def add_parser(kinds) -> None:
    """Add this command to `novic evaluate`."""
    parser = kinds.add_parser("classes", help="a classification set: a folder per class, ImageNet, CIFAR, Food-101",
                              description=__doc__.split("\n")[0])
    parser.add_argument("folder", type=Path, metavar="DIR",
                        help="a folder per class, also below val/ or train/; or CIFAR-10, CIFAR-100, Food-101, "
                             "Tiny ImageNet or ImageNet as downloaded")
    parser.add_argument("--split", choices=("test", "train"), default="test",
                        help="which part (default %(default)s, which is val/ of some sets)")
    parser.add_argument("--names", type=Path, metavar="FILE",
                        help="names of the classes, synonyms separated by commas: JSON, or text with a class a line "
                             "(default: what the set calls them, or WordNet for its ids)")
    parser.add_argument("--dictionary", type=Path, metavar="FILE",
                        help="an object noun dictionary (novic nouns build), through which names find more nouns")
    parser.add_argument("--prompts", type=Path, metavar="FILE",
                        help="zero-shot prompts, one a line with {} for the name (default: CLIP's own)")
    parser.add_argument("--no-zero-shot", action="store_true", help="do not classify by zero-shot too")
    parser.add_argument("--wordnet", type=Path, default=WORDNET, metavar="DIR",
                        help="WordNet 3.0's database files, for classes called by WordNet ids (default %(default)s)")
    parser.add_argument("--limit", type=int, metavar="N", help="only so many pictures, drawn from a fixed seed")
    parser.add_argument("--batch", type=int, default=1, metavar="N", help="pictures at a time (default %(default)s)")
    add_model_options(parser)
    add_output_options(parser)
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label and score; 0, 1 if some pictures could not be read, 2 if it cannot be done as asked."""
    from novic_ros.evaluation.class_names import map_classes, names_of_classes, read_class_names
    from novic_ros.evaluation.class_run import run_classes
    from novic_ros.evaluation.class_sets import read_class_set
    from novic_ros.evaluation.environment import command_text
    from novic_ros.evaluation.zero_shot import PROMPTS, class_vectors, read_prompts
    from novic_ros.vocabulary import NounDictionary

    try:
        for name in ("batch", "limit"):
            if getattr(args, name) is not None and getattr(args, name) < 1:
                raise ValueError(f"--{name}: expected a whole number of at least 1, got {getattr(args, name)}")
        pictures = read_class_set(args.folder, args.split)
        wordnet = args.wordnet if (args.wordnet / "data.noun").is_file() else None
        names = read_class_names(args.names, pictures.classes, pictures.layout) if args.names \
            else names_of_classes(pictures.classes, args.folder, wordnet)
        dictionary = NounDictionary.read(args.dictionary) if args.dictionary else None
        prompts = read_prompts(args.prompts) if args.prompts else PROMPTS.get(pictures.layout, PROMPTS[""])
        labeller = make_labeller(args)
        nouns = map_classes(names, labeller.known_nouns, dictionary)
        lost = [row[0] for row, found in zip(names, nouns.nouns) if not found]
        if len(lost) == len(names):
            raise ValueError(f"{args.folder}: expected classes that the model has nouns for, found none of "
                             f"{', '.join(lost[:5])}{' and others' if len(lost) > 5 else ''}; name them with --names")
        if lost:
            complain(f"{len(lost)} of {len(names)} classes have no noun in the model's vocabulary, so their pictures "
                     f"count as wrong: {', '.join(lost[:10])}{' and others' if len(lost) > 10 else ''}")
        chosen = pictures if args.limit is None else pictures.sample(args.limit)
        vectors = None if args.no_zero_shot else class_vectors(labeller.embedder, [row[0] for row in names], prompts)
        with ProgressBar("labelling", len(chosen), quiet=args.quiet) as bar:
            evaluation = run_classes(labeller, chosen, names, nouns, zero_shot=vectors, batch=args.batch,
                                     title=args.folder.resolve().name, command=command_text(args.arguments),
                                     advance=bar.advance)
    except ValueError as error:
        complain(str(error))
        return 2
    rows = {name: row for row, name in enumerate(chosen.ids)}
    return finish(evaluation, args, lambda items: ((item, chosen.read(rows[item.id])) for item in items))
