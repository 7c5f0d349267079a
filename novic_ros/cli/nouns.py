"""`novic nouns`: make an object noun dictionary from WordNet, and say what is in one.

The dictionary is the vocabulary library's work; this file asks for it and reports. It trains nothing, and lists of
nouns that a robot may say are another thing (`novic label --nouns`).
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Table

from novic_ros.vocabulary import NounDictionary, VocabularyError, build_dictionary

__all__ = ["add_parser", "run_build", "run_info"]

THRESHOLDS = (0, 2, 6, 9, 12)  # the authors' FT0, FT2, FT6 and FT9, and one more


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("nouns", help="make and look into object noun dictionaries",
                                   description="Make and look into object noun dictionaries.")
    actions = parser.add_subparsers(title="what to do", metavar="ACTION", required=True)

    build = actions.add_parser("build", help="make a dictionary from WordNet", description=(
        "Make an object noun dictionary, in the JSON format of NOVIC's authors, from WordNet 3.0 and the frequencies "
        "of the package wordfreq."))
    build.add_argument("out", type=Path, metavar="OUT.json", help="the file to write")
    build.add_argument("--threshold", type=int, default=0, metavar="N",
                       help="leave out nouns whose frequencies sum up to at most N (default %(default)s)")
    build.add_argument("--wordnet", type=Path, default=Path("/usr/share/wordnet"), metavar="DIR",
                       help="WordNet's database files (default %(default)s)")
    build.add_argument("--report", type=Path, metavar="FILE",
                       help="write what was kept and dropped, and why: FILE.html to read, FILE.json complete")
    build.set_defaults(run=run_build)

    info = actions.add_parser("info", help="say what a dictionary holds", description=(
        "Check a dictionary and say what it holds; with nouns, show their entries."))
    info.add_argument("file", type=Path, metavar="FILE.json", help="a dictionary of ours or of NOVIC's authors")
    info.add_argument("nouns", nargs="*", metavar="NOUN", help="show the entries that have this spelling")
    info.set_defaults(run=run_info)


def run_build(args: argparse.Namespace) -> int:
    """Make a dictionary; 0, or 2 if it cannot be made or written."""
    from novic_ros.cli.nouns_report import FORMATS, write_report

    if args.threshold < 0:
        return _failed("build", f"--threshold: expected a whole number from 0, got {args.threshold}")
    if args.report and args.report.suffix not in FORMATS:
        return _failed("build", f"--report: expected a name that ends in {' or '.join(FORMATS)}, got {args.report}")
    try:
        console = Console(stderr=True)
        with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
            bar = progress.add_task("WordNet's synsets", total=None)
            built = build_dictionary(args.wordnet, args.threshold, on_synset=lambda done, total: progress.update(
                bar, completed=done, total=total))
        built.dictionary.write(args.out)
        if args.report:
            write_report(built, args.report, args.threshold)
    except (VocabularyError, OSError) as error:
        return _failed("build", str(error))
    dropped = sum(map(len, built.dropped.values()))
    print(f"{args.out}: {_size(built.dictionary)}; {dropped:,} terms were dropped for {len(built.dropped)} reasons")
    return 0


def run_info(args: argparse.Namespace) -> int:
    """Show a dictionary or some of its nouns; 0, 1 if a noun is not in it, 2 if it is no dictionary."""
    try:
        dictionary = NounDictionary.read(args.file)
    except VocabularyError as error:
        return _failed("info", str(error))
    console = Console(highlight=False, markup=False, emoji=False, soft_wrap=True)
    if args.nouns:
        return _show_nouns(dictionary, args.nouns, console)
    console.print(f"{args.file}: {_size(dictionary)}")
    counts: dict[str, int] = {}
    for noun in dictionary:
        counts[noun.kind or "(not said)"] = counts.get(noun.kind or "(not said)", 0) + 1
    table = Table("kind", "nouns", box=None)
    for kind, count in sorted(counts.items(), key=lambda item: -item[1]):
        table.add_row(kind, f"{count:,}")
    console.print(table)
    table = Table("threshold", "nouns", "samples per template", box=None)
    for threshold in THRESHOLDS:
        left = [noun for noun in dictionary if noun.frequency > threshold]
        singular, plural = (sum(map(sum, (getattr(noun, field) for noun in left)))
                            for field in ("singulars_freq", "plurals_freq"))
        table.add_row(f"FT{threshold}", f"{len(left):,}", f"{singular:,} singular, {plural:,} plural")
    console.print(table)
    return 0


def _show_nouns(dictionary: NounDictionary, nouns: list[str], console: Console) -> int:
    targets = {noun.id: noun.target_noun for noun in dictionary}
    missing = [text for text in nouns if not dictionary.find(text)]
    for entry in dict.fromkeys(entry for text in nouns for entry in dictionary.find(text)):
        console.print(f"{entry.pretty_noun} ({entry.kind or 'kind not said'}, frequency {entry.frequency})")
        for number, freqs in ((entry.singulars, entry.singulars_freq), (entry.plurals, entry.plurals_freq)):
            console.print("  " + (", ".join(f"{form} {freq}" for form, freq in zip(number, freqs)) or "-"))
        console.print(f"  below: {', '.join(targets[number] for number in entry.hypernyms) or 'nothing'}")
    for text in missing:
        _failed("info", f"{text!r} is no spelling of a noun of this dictionary")
    return 1 if missing else 0


def _size(dictionary: NounDictionary) -> str:
    forms = [freq for noun in dictionary for freq in (*noun.singulars_freq, *noun.plurals_freq)]
    return (f"{len(dictionary):,} nouns, {sum(len(noun.singulars) for noun in dictionary):,} singular and "
            f"{sum(len(noun.plurals) for noun in dictionary):,} plural forms, mean frequency "
            f"{sum(forms) / max(len(forms), 1):.2f} per form and {sum(forms) / max(len(dictionary), 1):.2f} per noun")


def _failed(action: str, message: str) -> int:
    print(f"novic nouns {action}: {' '.join(message.split())}", file=sys.stderr)
    return 2
