"""`novic captions OUT.jsonl --nouns FILE`: write training captions of a noun dictionary, one JSON object per line.

A line is {"text": caption, "nouns": [target nouns], "weights": [one each, sum 1]}, which `novic cache build` embeds.
The same arguments and seed write the same bytes. How captions are made is in `training/`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

__all__ = ["add_parser", "run"]

EVERY = 10_000  # captions between two steps of the progress bar


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("captions", help="write training captions of a noun dictionary", description=(
        "Write captions to train an object decoder on: every spelling of every noun under every template, alone and "
        "several at once, and optionally captions from a grammar or from a language model."))
    parser.add_argument("out", nargs="?", metavar="OUT.jsonl", help="the file to write; '-' for standard output; "
                                                                    "none with --sample to look only")
    parser.add_argument("--nouns", type=Path, required=True, metavar="FILE.json",
                        help="object noun dictionary, ours (`novic nouns build`) or the authors'")
    parser.add_argument("--threshold", type=int, default=0, metavar="N",
                        help="leave out nouns whose frequencies sum up to at most N (default %(default)s)")
    parser.add_argument("--collection", default="", metavar="NAME",
                        help="template collections to use, joined by '|' (default: all)")
    parser.add_argument("--templates", type=Path, metavar="FILE.json",
                        help="read template collections from a file, such as the authors' prompts.json")
    parser.add_argument("--multi", default="1,1,1", metavar="N,N,...",
                        help="how often captions of one noun, of two, of three ... are made (default %(default)s)")
    parser.add_argument("--grammar", type=int, default=0, metavar="N",
                        help="add N captions from the grammar per unit of a spelling's frequency (default none)")
    parser.add_argument("--captions", type=Path, metavar="FILE.json",
                        help="add captions that a language model wrote: the authors' captions_dataset.json")
    parser.add_argument("--captions-times", type=int, default=4, metavar="N",
                        help="how often those are gone through (default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of all random choices, from 0 (default %(default)s)")
    parser.add_argument("--sample", type=int, default=0, metavar="N", help="print N captions drawn at random")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Write captions and print samples; 0, or 2 if it cannot be done."""
    from novic_ros.training.templates import CaptionError
    from novic_ros.vocabulary import VocabularyError

    for name, least in (("threshold", 0), ("grammar", 0), ("captions_times", 1), ("seed", 0), ("sample", 0)):
        given = getattr(args, name)
        if given < least:
            return _failed(f"--{name.replace('_', '-')}: expected a whole number from {least}, got {given}")
    if not args.out and not args.sample:
        return _failed("expected a file to write, or --sample to only look at captions")
    try:
        stream, notes = _stream(args)
        for note in notes:
            print(f"novic captions: {note}", file=sys.stderr)
        if not len(stream):
            return _failed("no captions are left to write; expected nouns, and --multi, --grammar or --captions")
        if args.out:
            with _opened(args.out) as file:
                _write(stream, file)
    except (CaptionError, VocabularyError, OSError) as error:
        return _failed(str(error))
    messages = sys.stderr if args.out == "-" else sys.stdout
    parts = ", ".join(f"{source} {count:,}" for source, count in stream.counts().items())
    print(f"{args.out or 'not written'}: {len(stream):,} captions ({parts})", file=messages)
    for record in stream.sample(args.sample, args.seed):
        print(f"{record['text']}  [{' + '.join(record['nouns'])}]", file=messages)
    return 0


def _stream(args: argparse.Namespace):
    """All captions that the arguments ask for, and what the user should know about them."""
    from novic_ros.training.caption_dataset import dataset_blocks, read_caption_dataset
    from novic_ros.training.caption_grammar import grammar_blocks
    from novic_ros.training.caption_stream import CaptionStream
    from novic_ros.training.noun_multisets import multiset_blocks
    from novic_ros.training.templates import CaptionError, choose_templates, read_collections
    from novic_ros.vocabulary import NounDictionary

    try:
        multi = [int(times) for times in args.multi.split(",")]
    except ValueError:
        raise CaptionError(f"--multi: expected whole numbers joined by commas, got {args.multi!r}") from None
    dictionary = NounDictionary.read(args.nouns).threshold(args.threshold)
    templates = choose_templates(read_collections(args.templates), args.collection)
    blocks = list(multiset_blocks(dictionary, templates, multi, args.seed))
    blocks += grammar_blocks(dictionary, args.grammar, args.seed)
    notes = []
    if args.captions:
        captions = read_caption_dataset(args.captions)
        blocks += dataset_blocks(dictionary, captions, args.seed, args.captions_times)
        targets = {noun.target_noun for noun in dictionary}
        with_captions = targets & {entry.target for entry in captions}
        notes.append(f"{args.captions}: {len(with_captions):,} of {len(targets):,} nouns have captions, "
                     f"{len(captions) - len(with_captions):,} entries are for other nouns")
    return CaptionStream(blocks), notes


def _write(stream, file: TextIO) -> None:
    columns = TextColumn("captions"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    console = Console(stderr=True)
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("", total=len(stream))
        encode = json.JSONEncoder(ensure_ascii=False).encode
        for done, record in enumerate(stream, start=1):
            file.write(encode(record) + "\n")
            if done % EVERY == 0:
                progress.update(bar, completed=done)


@contextmanager
def _opened(out: str) -> Iterator[TextIO]:
    """Standard output, or a file that gets its name only when it is complete."""
    if out == "-":
        yield sys.stdout
        return
    part = Path(out + ".part")
    try:
        with part.open("w", encoding="utf-8") as file:
            yield file
        os.replace(part, out)
    finally:
        part.unlink(missing_ok=True)


def _failed(message: str) -> int:
    print(f"novic captions: {' '.join(message.split())}", file=sys.stderr)
    return 2
