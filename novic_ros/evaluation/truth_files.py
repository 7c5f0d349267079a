"""Reads what pictures show, in any of four formats: ours, OVIC's annotations, a folder per class, or a table.

* ours: a JSON list of {file, synonyms, hypernyms, hyponyms}, with `name` and `category` if known; graded by WordNet.
* OVIC: a JSON object {picture: {correct_primary: [...], ...}} (see `ovic.py`); graded by people.
* a folder: every picture shows what the folder that it lies in is called ("golden_retriever/1.jpg").
* CSV with a header: `file`, and one of `label`, `name`, `class`; several right words are joined by ";", or a file has
  several rows.

It opens no picture and scores nothing.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.json_files import read_json
from novic_ros.evaluation.ovic import ANNOTATION_FILES, Annotation, read_annotations
from novic_ros.vocabulary import canonical

__all__ = ["PICTURE_ENDINGS", "TruthFileError", "TruthSet", "find_pictures", "find_truth", "names_truth",
           "read_truth_set", "read_truths"]

PICTURE_ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif", ".ppm")
NAME_COLUMNS = ("label", "name", "class")
TRUTH_FILES = ("truth.json", *ANNOTATION_FILES, "truth.csv")


class TruthFileError(ValueError):
    """A truth that cannot be used; the message names the file and says what was expected and what was found."""


@dataclass(frozen=True)
class TruthSet:
    """What pictures show. kind: "hierarchy", "ovic" or "names" (right or wrong, nothing between).

    truths: picture -> truth; the names are paths below the pictures' folder, or file names alone. annotations: the
    judgements behind the truths, only of kind "ovic". categories: picture -> its category, where one is given.
    """

    kind: str
    truths: Mapping[str, Truth]
    annotations: Mapping[str, Annotation] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)


def find_pictures(folder: str | Path) -> dict[str, Path]:
    """All picture files in and below a folder: path below it, with "/" -> file, in alphabetical order.

    Files and folders whose names begin with a dot are left out. Raises TruthFileError if it is no folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        found = "a file" if folder.exists() else "none"
        raise TruthFileError(f"{folder}: expected a folder of pictures, found {found}")
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*")
             if path.suffix.lower() in PICTURE_ENDINGS and path.is_file()}
    return {name: found[name] for name in sorted(found) if not any(part.startswith(".") for part in name.split("/"))}


def find_truth(folder: str | Path) -> Path | None:
    """The truth file that lies beside the pictures under a usual name, or None."""
    return next((path for name in TRUTH_FILES if (path := Path(folder) / name).is_file()), None)


def read_truth_set(path: str | Path) -> TruthSet:
    """Any of the four formats, told apart by what it is. Raises TruthFileError, OvicError or JsonFileError."""
    path = Path(path)
    if path.is_dir():
        return _folders(path)
    if path.suffix.lower() in (".csv", ".tsv"):
        return _table(path)
    if isinstance(read_json(path, (list, dict)), dict):
        annotations = read_annotations(path)
        return TruthSet("ovic", {picture: one.truth() for picture, one in annotations.items()}, annotations)
    truths = read_truths(path)
    return TruthSet("hierarchy", {name: truth for name, (truth, _) in truths.items()},
                    categories={name: category for name, (_, category) in truths.items() if category})


def read_truths(path: Path) -> dict[str, tuple[Truth, str]]:
    """Our format: picture -> its truth and its category ("" if it has none), at least one. Raises TruthFileError."""
    truths: dict[str, tuple[Truth, str]] = {}
    for record in read_json(path, list):
        if not isinstance(record, dict) or not isinstance(record.get("file"), str):
            raise TruthFileError(f"{path}: expected records of file, synonyms, hypernyms, hyponyms, "
                                 f"found {record!r:.100}")
        if record["file"] in truths:
            raise TruthFileError(f"{path}: expected every picture once, found {record['file']} twice")
        try:
            truths[record["file"]] = (Truth.of(record), str(record.get("category") or ""))
        except ValueError as error:
            raise TruthFileError(f"{path}: {error}") from error
    if not truths:
        raise TruthFileError(f"{path}: expected at least one picture, found none")
    return truths


def names_truth(*names: str) -> Truth:
    """A truth of right words only, as written and canonical; people see the first. Underscores are blanks."""
    words = [" ".join(name.replace("_", " ").split()) for name in names]
    return Truth(frozenset((*(word.lower() for word in words), *map(canonical, words))), (), frozenset(), words[0])


def _folders(folder: Path) -> TruthSet:
    pictures = find_pictures(folder)
    outside = [name for name in pictures if "/" not in name]
    if outside or not pictures:
        found = f"{len(outside)} pictures outside of one, the first is {outside[0]}" if outside else "no pictures"
        raise TruthFileError(f"{folder}: expected every picture in a folder that is named for what it shows, "
                             f"found {found}")
    return TruthSet("names", {name: names_truth(name.split("/")[-2]) for name in pictures})


def _table(path: Path) -> TruthSet:
    names: dict[str, list[str]] = {}
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t" if path.suffix.lower() == ".tsv" else ",", skipinitialspace=True)
            header = [column.strip().lower() for column in rows.fieldnames or ()]
            column = next((name for name in NAME_COLUMNS if name in header), None)
            if "file" not in header or column is None:
                raise TruthFileError(f"{path}: expected a header with file and {' or '.join(NAME_COLUMNS)}, "
                                     f"found {', '.join(header) or 'none'}")
            rows.fieldnames = header
            for row in rows:
                picture, words = (row["file"] or "").strip(), [one.strip() for one in (row[column] or "").split(";")]
                if not picture or not all(words):
                    raise TruthFileError(f"{path}: line {rows.line_num}: expected a file and what it shows, "
                                         f"found {picture!r} and {row[column]!r}")
                names.setdefault(picture, []).extend(words)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TruthFileError(f"{path}: expected a table in UTF-8: {error}") from error
    if not names:
        raise TruthFileError(f"{path}: expected at least one picture, found none")
    return TruthSet("names", {picture: names_truth(*words) for picture, words in names.items()})
