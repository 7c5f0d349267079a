"""`novic gap`: how far an encoder's vectors of pictures are from those of the texts that say what they show.

Pictures and captions are embedded here; what is measured, and what for, is in `training/modality_gap.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.progress import track

from novic_ros import images
from novic_ros.evaluation.json_files import JsonFileError, read_json

__all__ = ["add_parser", "run"]

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif")
AT_ONCE = 16  # pictures read and embedded together


class _Unusable(ValueError):
    """Something given cannot be used; the message says what."""


@dataclass(frozen=True)
class Picture:
    """A picture's file, the label for what it shows, and all words that are right for it, the label among them."""

    path: Path
    label: str
    words: frozenset[str]


def add_parser(subparsers) -> None:
    """Add this command to `novic`'s parser."""
    parser = subparsers.add_parser("gap", help="measure an encoder's modality gap", description=(
        "Measure the angles between an encoder's vectors of pictures and of captions, with their own label and with "
        "other labels, and write them with the mean shift as JSON and as a picture. A picture's label is its file's "
        "name, unless --truth or --labels says otherwise."))
    parser.add_argument("--embedder", required=True, metavar="SPEC", help="novic_mini, openclip:ORG/NAME or local:DIR")
    parser.add_argument("--images", type=Path, nargs="+", required=True, metavar="FILE|DIR", help="pictures")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--truth", type=Path, metavar="FILE",
                       help="JSON list of {file, synonyms} and perhaps name; synonyms are not counted as other labels")
    which.add_argument("--labels", type=Path, metavar="FILE", help="JSON object {file: label}")
    parser.add_argument("--template", action="append", metavar="TEXT",
                        help="caption with {noun} or {article_noun}; may be repeated (default: those of the embedded "
                             "model's training)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder for the two files")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda (default %(default)s)")
    parser.set_defaults(run=run)


def run(args: argparse.Namespace) -> int:
    """Measure and write; 0, 1 if a picture could not be read or drawn, 2 if something given cannot be used."""
    from novic_ros.embedding import EmbeddingError
    from novic_ros.training.modality_gap import GapError, draw_gap

    console = Console(stderr=True, highlight=False, markup=False, emoji=False, soft_wrap=True)
    try:
        pictures = _pictures(_files(args.images), args.truth, args.labels, console)
        args.output.mkdir(parents=True, exist_ok=True)
        gap, failed = _measure(args, pictures, console)
        name = "".join(letter if letter.isalnum() or letter in "-." else "_" for letter in args.embedder)
        target = args.output / f"modality_gap_{name}.json"
        gap.write(target)
    except (_Unusable, JsonFileError, EmbeddingError, GapError, OSError) as error:
        console.print(f"novic gap: {' '.join(str(error).split())}")
        return 2
    found = gap.statistics
    print(f"own label     {found['angle_mean']:.1f} degrees, standard deviation {found['angle_std']:.1f}, "
          f"{found['images']:,} pictures\n"
          f"other labels  {found['other_angle_mean']:.1f} degrees, standard deviation {found['other_angle_std']:.1f}, "
          f"{found['labels']:,} labels\n"
          f"own nearest   {found['nearest_is_own']:.1%} of the pictures\n"
          f"mean shift    length {gap.mean_shift.norm().item():.3f}\n"
          f"written to    {target}")
    try:
        drawn = target.with_suffix(".png")
        draw_gap(gap, drawn)
        print(f"drawn in      {drawn}")
    except (GapError, OSError) as error:
        console.print(f"novic gap: {error}")
        return 1
    return 1 if failed else 0


def _files(places: Sequence[Path]) -> list[Path]:
    """Pictures given, and those in folders given, sorted by name. Raises _Unusable if there are none."""
    found = []
    for place in places:
        if place.is_dir():
            found += sorted(path for path in place.iterdir() if path.suffix.lower() in SUFFIXES)
        else:
            found.append(place)
    if not found:
        raise _Unusable(f"--images: expected pictures, found none in {', '.join(map(str, places))}")
    return found


def _pictures(files: Sequence[Path], truth: Path | None, labels: Path | None, console: Console) -> list[Picture]:
    """Every file that has a label; a word about the others. Raises _Unusable if none has."""
    if truth:
        known = _truths(truth)
    elif labels:
        known = {name: (label, [label]) for name, label in _labels(labels).items()}
    else:
        known = {path.name: (label, [label]) for path in files if (label := _words(path.stem.replace("_", " ")))}
    pictures = [Picture(path, known[path.name][0], frozenset(map(str.lower, known[path.name][1])))
                for path in files if path.name in known]
    missing = [path for path in files if path.name not in known]
    if missing:
        console.print(f"novic gap: {len(missing)} of {len(files)} pictures have no label and are left out, the first "
                      f"is {missing[0]}")
    if not pictures:
        raise _Unusable(f"{truth or labels}: expected a label for one of the pictures, found none")
    return pictures


def _truths(path: Path) -> dict[str, tuple[str, list[str]]]:
    found = {}
    for record in read_json(path, list):
        words = record.get("synonyms") if isinstance(record, dict) else None
        if not isinstance(words, list) or not words or not all(map(_is_words, words)) \
                or not isinstance(record.get("file"), str):
            raise _Unusable(f"{path}: expected records of file and synonyms, found {record!r:.100}")
        label = _words(record.get("name") or words[0])
        found[Path(record["file"]).name] = (label, [label, *map(_words, words)])
    return found


def _labels(path: Path) -> dict[str, str]:
    content = read_json(path, dict)
    for name, label in content.items():
        if not _is_words(label):
            raise _Unusable(f"{path}: expected a label in words for {name}, found {label!r:.100}")
    return {Path(name).name: _words(label) for name, label in content.items()}


def _is_words(value) -> bool:
    return isinstance(value, str) and bool(_words(value))


def _words(text: str) -> str:
    return " ".join(text.split())


def _measure(args: argparse.Namespace, pictures: Sequence[Picture], console: Console):
    """(the gap, how many pictures could not be read)."""
    import torch

    from novic_ros.embedding import load
    from novic_ros.training.captions import TEMPLATES, caption
    from novic_ros.training.modality_gap import measure_gap

    templates = args.template or TEMPLATES
    labels = list(dict.fromkeys(picture.label for picture in pictures))
    try:
        captions = [[caption(template, label) for label in labels] for template in templates]
    except ValueError as error:
        raise _Unusable(f"--template: {error}") from None
    embedder = load(args.embedder, args.device)

    def shown(work: Sequence, what: str):
        return track(work, what, console=console, transient=True, disable=not console.is_terminal)

    vectors, used = [], []
    for begin in shown(range(0, len(pictures), AT_ONCE), "pictures"):
        arrays = []
        for picture in pictures[begin:begin + AT_ONCE]:
            try:
                arrays.append(images.from_file(picture.path))
                used.append(picture)
            except images.ImageError as error:
                console.print(f"novic gap: {error}")
        vectors.append(embedder.embed_images(arrays).vectors.cpu())
    texts = torch.stack([embedder.embed_texts(row).cpu() for row in shown(captions, "captions")])

    own = torch.tensor([labels.index(picture.label) for picture in used])
    same = torch.tensor([[label.lower() in picture.words for label in labels] for picture in used])
    about = {"cls_dataset": args.truth.name if args.truth else args.labels.name if args.labels else "file names",
             "templates": list(templates)}
    return measure_gap(torch.cat(vectors), texts, own, same, args.embedder, about), len(pictures) - len(used)
