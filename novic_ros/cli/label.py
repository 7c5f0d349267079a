"""`novic label IMAGES...`: name what pictures show, as a table or as JSON.

Pictures are labelled one at a time, as the node does with frames, so that both give the same labels. A picture that
cannot be read costs one line on standard error and exit code 1; the others are labelled all the same.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Table

from novic_ros import images
from novic_ros.labels import Labels

__all__ = ["add_parser", "run"]


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("label", help="name what pictures show", description=__doc__.split("\n")[0])
    parser.add_argument("images", nargs="+", metavar="IMAGE", help="picture files (JPEG, PNG, WebP, ...)")
    parser.add_argument("--json", metavar="FILE",
                        help="write {file: {labels: [{text, score}], evidence}} to FILE; '-' for standard output")
    parser.add_argument("--top", type=int, default=5, metavar="K", help="labels per picture (default %(default)s)")
    parser.add_argument("--min-score", type=float, default=0.0, help="lowest score shown (default %(default)s)")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--model", default="novic_mini", help="name of a model or its folder (default %(default)s)")
    which.add_argument("--checkpoint", metavar="FILE", help="an authors' checkpoint file, .train or .model")
    parser.add_argument("--embedder", metavar="SPEC", help="encoder to use: openclip:ORG/NAME or local:DIR (default: "
                                                           "the one that belongs to the decoder)")
    parser.add_argument("--nouns", metavar="FILE", help="find only the nouns in this text file, one per line")
    for name, shown, help_text in (
        ("--allow", "WORD", "of what is found, say only this word; may be given again, and @FILE stands for its lines"),
        ("--deny", "WORD", "never say this word; likewise"),
        ("--remap", "FROM=TO", "call a word by another name, and join it with that; likewise"),
    ):
        parser.add_argument(name, metavar=shown, action="append", default=[], help=help_text)
    parser.add_argument("--gencfg", help="how to search, for example greedy or beam_k10 (default: a beam of 10)")
    parser.add_argument("--on-unsure", choices=("best", "hypernym", "empty"), default="best",
                        help="where the best guess is probably wrong: say it all the same, or the nearest broader word "
                             "that is probably true, or nothing (default %(default)s)")
    parser.add_argument("--views", type=int, help="1: look as the encoder was trained to; 2: at the whole picture too "
                                                  "(default: as the model was calibrated)")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.add_argument("--quiet", action="store_true", help="no table and no progress bar")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Label the pictures; 0 if all went well, 1 if some failed, 2 if the model cannot be used."""
    from novic_ros.labeller import ImageLabeller, LabellerError
    from novic_ros.vocabulary import SiteVocabulary, VocabularyError

    # File names and nouns are shown as they are: brackets are no markup, ":cat:" is no emoji.
    console = Console(stderr=args.json == "-", highlight=False, markup=False, emoji=False)
    errors = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    try:
        site = SiteVocabulary.read([f"@{args.nouns}"] if args.nouns else [], args.allow, args.deny, args.remap)
        labeller = ImageLabeller(args.checkpoint or args.model, embedder=args.embedder, top_k=args.top,
                                 min_score=args.min_score, gencfg=args.gencfg, device=args.device,
                                 on_unsure=args.on_unsure, views=args.views)
        for warning in labeller.set_vocabulary(site):
            errors.print(f"novic label: {warning}")
    except (LabellerError, VocabularyError) as error:
        errors.print(f"novic label: {error}")
        return 2

    results: dict[str, dict] = {}
    table = _table()
    failed = 0
    for name in track(args.images, "labelling", console=errors, transient=True,
                      disable=args.quiet or not errors.is_terminal):
        try:
            labels = labeller.label([images.from_file(name)])[0]
        except (images.ImageError, LabellerError) as error:
            failed += 1
            errors.print(f"novic label: {error}")
            results[name] = Labels().to_dict() | {"error": str(error)}
            continue
        results[name] = labels.to_dict()
        table.add_row(*(_printable(cell, console.encoding) for cell in _row(name, labels)))

    if not args.quiet and args.json != "-" and table.row_count:
        console.print(table)
    if args.json and not _write_json(results, args.json, errors):
        return 1
    if failed:
        errors.print(f"novic label: {failed} of {len(args.images)} files could not be labelled")
    return 1 if failed else 0


def _table() -> Table:
    table = Table(box=None, pad_edge=False, header_style="dim")
    table.add_column("picture", overflow="fold", style="dim")
    table.add_column("label", style="bold")
    table.add_column("score", justify="right")
    table.add_column("also")
    table.add_column("evidence", justify="right", style="dim")
    return table


def _row(name: str, labels: Labels) -> tuple[str, ...]:
    best, others = labels.best, labels.labels[1:]
    also = ", ".join(f"{label.text} {label.score:.0%}" for label in others)
    evidence = "" if labels.evidence is None else f"{labels.evidence:.2f}"
    return (Path(name).name, best.text if best else "-", f"{best.score:.0%}" if best else "", also, evidence)


def _printable(text: str, encoding: str) -> str:
    """The text with what a stream cannot take, such as file names that are no UTF-8, written as escapes."""
    return text.encode(encoding, "backslashreplace").decode(encoding)


def _write_json(results: dict, target: str, errors: Console) -> bool:
    text = json.dumps(results, indent=1) + "\n"  # plain ASCII: file names need not be valid text
    if target == "-":
        sys.stdout.write(text)
        return True
    try:
        Path(target).write_text(text, encoding="utf-8")
    except OSError as error:
        errors.print(f"novic label: cannot write {target}: {error.strerror}")
        return False
    return True
