"""`novic cache build|merge|info`: captions to a cache of embeddings to train on, in parts and with interruptions.

The work is done in `training/`: this file says what it will cost, shows how far it is and turns errors into exit codes.
It makes no captions and trains nothing.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import time
from pathlib import Path

from rich.console import Console
from rich.filesize import decimal
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

__all__ = ["add_parser", "run_build", "run_info", "run_merge"]

TEXTS_AT_ONCE = 256  # embedded in one call; counted from a block's begin, so that a resumed build repeats it exactly


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("cache", help="embed captions to train on, once",
                                   description="Make and look into caches of embeddings to train decoders on.")
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)

    build = actions.add_parser("build", help="embed a file of captions", description=(
        "Embed every caption of a JSON-lines file, {\"text\": \"a dog and a cat\", \"nouns\": [\"dog\", \"cat\"]} with "
        "\"weights\" if they differ, in one random order. Interrupted, the same command goes on where it stopped."))
    build.add_argument("captions", type=Path, metavar="CAPTIONS.jsonl", help="the captions")
    build.add_argument("out", type=Path, metavar="OUT", help="the cache to write")
    build.add_argument("--embedder", required=True, metavar="SPEC",
                       help="novic_mini, openclip:ORG/NAME or local:DIR")
    build.add_argument("--nouns", type=Path, metavar="FILE",
                       help="text file of all nouns, one per line (default: those of the captions, as they come)")
    build.add_argument("--dtype", choices=("float16", "float32"), default="float16",
                       help="of the vectors (default %(default)s)")
    build.add_argument("--seed", type=int, default=0, help="of the random order (default %(default)s)")
    build.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N",
                       help="write only part I of N, to be merged later; parts can be written on several machines")
    build.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    build.set_defaults(run=run_build)

    merge = actions.add_parser("merge", help="join the parts of a cache", description=(
        "Join all parts that `build --shard` wrote; they are left alone. Interrupted, it goes on where it stopped."))
    merge.add_argument("out", type=Path, metavar="OUT", help="the cache to write")
    merge.add_argument("shards", type=Path, nargs="+", metavar="SHARD", help="all parts, in any order")
    merge.set_defaults(run=run_merge)

    info = actions.add_parser("info", help="say what a cache holds", description=(
        "Say what a cache holds, finished or not; with --verify, read all of it and compare checksums."))
    info.add_argument("file", type=Path, metavar="FILE", help="a cache or a part of one")
    info.add_argument("--verify", action="store_true", help="read every row and report damaged blocks")
    info.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    info.set_defaults(run=run_info)


def run_build(args: argparse.Namespace) -> int:
    """Build a cache or one shard; 0, 1 if it could not be written, 2 if something given cannot be used."""
    from novic_ros import __version__
    from novic_ros.embedding import EmbeddingError, load
    from novic_ros.training.cache_file import CacheDescription, CacheError, default_block_rows
    from novic_ros.training.cache_writer import CacheWriter
    from novic_ros.training.caption_file import CaptionFile, CaptionFileError
    from novic_ros.vocabulary import VocabularyError, read_nouns

    console = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    try:
        nouns = read_nouns(args.nouns) if args.nouns else None
        with _progress(console) as progress:
            size = args.captions.stat().st_size if args.captions.is_file() else None
            bar = progress.add_task("reading captions", total=size)
            captions = CaptionFile(args.captions, nouns, lambda done: progress.update(bar, completed=done))
        embedder = load(args.embedder, args.device)
        block_rows = default_block_rows(embedder.width, captions.max_targets, args.dtype)
        description = CacheDescription(
            args.embedder, captions.nouns, captions.rows, embedder.width, block_rows, captions.max_targets, args.dtype,
            args.seed, args.shard, {"made_by": f"novic cache build {__version__}", "captions": args.captions.name,
                                    "captions_blake2b": captions.digest, "texts_at_once": TEXTS_AT_ONCE})
    except (CacheError, CaptionFileError, EmbeddingError, VocabularyError) as error:
        return _failed("build", error, 2)

    try:
        with captions:
            _expect_room(args.out, description.file_bytes)
            with CacheWriter(args.out, description) as writer:
                _announce(console, description, embedder, captions)
                _embed(console, writer, embedder, captions)
                writer.finish()
    except (CacheError, EmbeddingError) as error:
        return _failed("build", error, 1)
    print(f"{args.out}: {len(description.own_rows):,} rows [{description.width}] for {len(captions.nouns):,} nouns, "
          f"{decimal(description.file_bytes)}")
    return 0


def _expect_room(out: Path, needed: int) -> None:
    """Raise CacheError where the disk is too small for the rest of a cache."""
    from novic_ros.training.cache_file import CacheError

    try:
        there = out.stat().st_blocks * 512 if out.exists() else 0
        free = shutil.disk_usage(out.parent).free
    except OSError as error:
        raise CacheError(f"{out}: cannot write the cache: {error.strerror}; choose another place") from None
    if needed > free + there:
        raise CacheError(f"{out}: expected {decimal(needed - there)} of free disk, found {decimal(free)}; free some, "
                         "choose another disk, or write shards on several")


def _announce(console: Console, description, embedder, captions) -> None:
    """Say how much disk and time the whole will take."""
    import numpy as np

    texts = captions.read(np.arange(min(TEXTS_AT_ONCE, captions.rows)))[0]
    embedder.embed_texts(texts[:1])  # reads the weights
    start = time.perf_counter()
    embedder.embed_texts(texts)
    rate, rows = len(texts) / (time.perf_counter() - start), len(description.own_rows)
    console.print(f"{rows:,} captions to vectors [{description.width}] {description.dtype}: "
                  f"{decimal(description.file_bytes)}, and if none is done yet about {_duration(rows / rate)}, at "
                  f"{rate:,.0f} captions a second on {embedder.device}")


def _embed(console: Console, writer, embedder, captions) -> None:
    """Embed and write every block that is missing."""
    import numpy as np

    from novic_ros.training.row_order import RowOrder

    order = RowOrder(writer.description.rows, writer.description.seed)
    own = writer.description.own_rows
    with _progress(console) as progress:
        bar = progress.add_task("embedding", total=len(own))
        for rows in writer.missing():
            progress.update(bar, completed=rows.start - own.start)
            vectors = np.empty((len(rows), embedder.width), np.float32)
            texts, targets, weights = captions.read(order.rows_at(np.arange(rows.start, rows.stop)))
            for begin in range(0, len(rows), TEXTS_AT_ONCE):
                part = texts[begin:begin + TEXTS_AT_ONCE]
                vectors[begin:begin + len(part)] = embedder.embed_texts(part).cpu().numpy()
                progress.advance(bar, len(part))
            writer.write(rows, vectors, targets, weights)


def run_merge(args: argparse.Namespace) -> int:
    """Join shards; 0, or 1 if they cannot be joined."""
    from novic_ros.training.cache_file import CacheError
    from novic_ros.training.cache_writer import merge_caches

    try:
        with _progress(Console(stderr=True)) as progress:
            bar = progress.add_task("merging", total=None)
            description = merge_caches(args.out, args.shards, lambda done, rows: progress.update(
                bar, completed=done, total=rows))
    except CacheError as error:
        return _failed("merge", error, 1)
    print(f"{args.out}: {description.rows:,} rows [{description.width}], {decimal(description.file_bytes)}")
    return 0


def run_info(args: argparse.Namespace) -> int:
    """Say what a cache is; 0, 1 if it is damaged, 2 if it is none."""
    from novic_ros.training.cache_file import BlockFile, CacheError
    from novic_ros.training.embedding_cache import verify_cache

    damaged: list[CacheError] = []
    try:
        with BlockFile.open(args.file) as file:
            description = file.description
            written = len(description.blocks) if file.finished else int((file.checksums != 0).sum())
            state = "finished" if file.finished else "unfinished"
        if args.verify:
            with _progress(Console(stderr=True)) as progress:
                bar = progress.add_task("verifying", total=len(description.own_rows))
                damaged = verify_cache(args.file, lambda rows: progress.update(bar, completed=rows))
    except CacheError as error:
        return _failed("info", error, 2)
    part, parts = description.shard
    facts = {
        "file": str(args.file), "state": state, "blocks": len(description.blocks), "blocks_written": written,
        "shard": f"{part}/{parts}", "rows": description.rows, "rows_here": len(description.own_rows),
        "width": description.width, "dtype": description.dtype, "max_targets": description.max_targets,
        "nouns": len(description.nouns), "first_nouns": list(description.nouns[:5]),
        "embedder": description.embedder_spec, "seed": description.seed, "block_rows": description.block_rows,
        "bytes": description.file_bytes, "provenance": description.provenance,
        "verified": args.verify and not damaged,
    }
    if args.json:
        print(json.dumps(facts | {"damaged": [str(error) for error in damaged]}))
    else:
        _print_table(facts)
    for error in damaged:
        _failed("info", error, 1)
    return 1 if damaged else 0


def _print_table(facts: dict) -> None:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim")
    table.add_column(overflow="fold")
    rows = f"{facts['rows']:,} rows" + (f", {facts['rows_here']:,} of them here" if facts["shard"] != "1/1" else "")
    more = ", ..." if facts["nouns"] > len(facts["first_nouns"]) else ""
    shown = {
        "cache": facts["file"],
        "state": facts["state"] + ("" if facts["state"] == "finished" else f", {facts['blocks_written']} of "
                                   f"{facts['blocks']} blocks written"),
        "shard": "whole cache" if facts["shard"] == "1/1" else facts["shard"],
        "vectors": f"{rows} [{facts['width']}] {facts['dtype']}",
        "targets": f"up to {facts['max_targets']} of {facts['nouns']:,} nouns per row: "
                   f"{', '.join(facts['first_nouns'])}{more}",
        "embedder": facts["embedder"],
        "order": "as the rows came" if facts["seed"] is None else f"random, seed {facts['seed']}",
        "size": f"{decimal(facts['bytes'])} in {facts['blocks']:,} blocks of {facts['block_rows']:,} rows",
        **{key.replace("_", " "): json.dumps(value) if not isinstance(value, str) else value
           for key, value in facts["provenance"].items()},
        "checksums": "all right" if facts["verified"] else "not verified (--verify)",
    }
    for name, value in shown.items():
        table.add_row(name, value)
    Console(highlight=False, markup=False, emoji=False).print(table)


def _shard(text: str) -> tuple[int, int]:
    part, _, parts = text.partition("/")
    if not (part.isdecimal() and parts.isdecimal() and 1 <= int(part) <= int(parts)):
        raise argparse.ArgumentTypeError(f"expected I/N with 1 <= I <= N, such as 2/4, got {text!r}")
    return int(part), int(parts)


def _progress(console: Console) -> Progress:
    return Progress(TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"),
                    TimeRemainingColumn(), console=console, transient=True, disable=not console.is_terminal)


def _duration(seconds: float) -> str:
    for size, name in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {name}"
    return f"{seconds:.0f} seconds"


def _failed(action: str, error: Exception | str, code: int) -> int:
    print(f"novic cache {action}: {' '.join(str(error).split())}", file=sys.stderr)
    return code
