"""Reads classification sets in the layouts that they are handed around in: which picture shows which class.

* a folder per class, also below `val/`, `valid/`, `validation/`, `test/` or `train/` (ImageNet, Imagenette and others);
  folders may be called by WordNet ids, whose words `class_names.py` finds;
* Tiny ImageNet (`val/val_annotations.txt`) and ImageNet as on Kaggle (`LOC_val_solution.csv` and a flat folder);
* Food-101 (`meta/test.txt` and `images/`);
* CIFAR-10 and CIFAR-100, of binary files or of Python pickles, which are read without running what is in them.

Pictures are opened only when they are asked for. It maps no class to nouns.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from novic_ros import images
from novic_ros.evaluation.cifar_files import is_cifar, read_cifar
from novic_ros.evaluation.truth_files import PICTURE_ENDINGS

__all__ = ["SPLITS", "ClassSet", "ClassSetError", "read_class_set"]

SPLITS = {"test": ("val", "valid", "validation", "test"), "train": ("train",)}


class ClassSetError(ValueError):
    """A classification set that cannot be used; the message says which folder, what was expected and what is there."""


@dataclass(frozen=True)
class ClassSet:
    """N pictures of C classes.

    layout: how it is stored. classes: [C] what each class is called in the files, a folder's name or WordNet id. ids:
    [N] names of pictures, unique. targets: [N] index of each one's class. files: [N] paths below the folder, none where
    many pictures are in one file. read: index -> RGB uint8 [H, W, 3]; raises ImageError.
    """

    layout: str
    classes: tuple[str, ...]
    ids: tuple[str, ...]
    targets: tuple[int, ...]
    files: tuple[str, ...]
    read: Callable[[int], np.ndarray]

    def __len__(self) -> int:
        return len(self.ids)

    def sample(self, count: int, seed: int = 0) -> ClassSet:
        """So many of its pictures, drawn from a fixed seed, in their order; all of them if there are fewer."""
        if count >= len(self):
            return self
        rows = sorted(np.random.default_rng(seed).choice(len(self), count, replace=False).tolist())
        return ClassSet(self.layout, self.classes, tuple(self.ids[row] for row in rows),
                        tuple(self.targets[row] for row in rows),
                        tuple(self.files[row] for row in rows) if self.files else (), lambda row: self.read(rows[row]))


def read_class_set(folder: str | Path, split: str = "test") -> ClassSet:
    """The set in a folder, its layout told by what is there. split: "test" (or val), or "train".

    Raises ClassSetError.
    """
    folder = Path(folder)
    if split not in SPLITS:
        raise ClassSetError(f"split: expected {' or '.join(SPLITS)}, got {split!r}")
    if not folder.is_dir():
        raise ClassSetError(f"{folder}: expected a folder with a classification set, found no folder")
    if is_cifar(folder):
        try:
            layout, classes, pixels, targets = read_cifar(folder, split)
        except (OSError, ValueError) as error:
            raise ClassSetError(f"{folder}: {error}") from error
        wide = len(str(len(targets)))
        ids = tuple(f"{split}/{row:0{wide}d}" for row in range(len(targets)))
        return ClassSet(layout, classes, ids, targets, (), lambda row: pixels[row])
    if (folder / "meta" / f"{split}.txt").is_file() and (folder / "images").is_dir():
        return _food(folder, split)
    if split == "test" and (folder / "val" / "val_annotations.txt").is_file():
        return _listed(folder, "tiny imagenet", _tiny(folder / "val"))
    if split == "test" and (folder / "LOC_val_solution.csv").is_file():
        return _listed(folder, "imagenet", _kaggle(folder))
    for name in SPLITS[split]:
        if (folder / name).is_dir():
            return _folders(folder, name)
    return _folders(folder, "")


def _folders(folder: Path, below: str) -> ClassSet:
    rows = []
    for kind in sorted(path for path in (folder / below).iterdir() if path.is_dir() and not path.name.startswith(".")):
        rows += [(path.relative_to(folder).as_posix(), kind.name) for path in sorted(kind.rglob("*"))
                 if path.suffix.lower() in PICTURE_ENDINGS and path.is_file()]
    if len({kind for _, kind in rows}) < 2:
        raise ClassSetError(f"{folder}: expected pictures in a folder for each of at least two classes, also below "
                            f"{'/, '.join(sum(SPLITS.values(), ()))}/, or the files of CIFAR, Food-101 or ImageNet; "
                            f"found pictures of {len({kind for _, kind in rows})} classes")
    return _listed(folder, "folders", rows)


def _food(folder: Path, split: str) -> ClassSet:
    names = _lines(folder / "meta" / f"{split}.txt")
    bad = next((name for name in names if not re.fullmatch(r"[\w-]+/[\w-]+", name)), None)
    if bad is not None:
        raise ClassSetError(f"{folder / 'meta' / f'{split}.txt'}: expected lines of class/picture, found {bad!r}")
    return _listed(folder, "food101", [(f"images/{name}.jpg", name.split("/")[0]) for name in names])


def _tiny(folder: Path) -> list[tuple[str, str]]:
    rows = [line.split("\t") for line in _lines(folder / "val_annotations.txt")]
    if not all(len(row) >= 2 for row in rows):
        raise ClassSetError(f"{folder / 'val_annotations.txt'}: expected lines of picture, WordNet id and box, "
                            "separated by tabulators")
    return [(f"val/images/{row[0]}", row[1]) for row in rows]


def _kaggle(folder: Path) -> list[tuple[str, str]]:
    path = folder / "LOC_val_solution.csv"
    found = {file.stem: file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*.JPEG"))
             if re.fullmatch(r"ILSVRC2012_val_\d{8}", file.stem)}
    with path.open(encoding="utf-8", newline="") as file:
        rows = [(row.get("ImageId") or "", (row.get("PredictionString") or "").split()) for row in csv.DictReader(file)]
    if not all(name and words for name, words in rows):
        raise ClassSetError(f"{path}: expected rows of ImageId and PredictionString")
    missing = [name for name, _ in rows if name not in found]
    if missing:
        raise ClassSetError(f"{path}: expected a picture NAME.JPEG for every row, {len(missing)} are missing, the "
                            f"first is {missing[0]}")
    return [(found[name], words[0]) for name, words in rows]


def _listed(folder: Path, layout: str, rows: Sequence[tuple[str, str]]) -> ClassSet:
    """From (path below the folder, class) rows."""
    if not rows:
        raise ClassSetError(f"{folder}: expected at least one picture, found none")
    rows = sorted(rows)
    classes = tuple(sorted({kind for _, kind in rows}))
    index = {kind: place for place, kind in enumerate(classes)}
    files = tuple(name for name, _ in rows)
    return ClassSet(layout, classes, files, tuple(index[kind] for _, kind in rows), files,
                    lambda row: images.from_file(folder / files[row]))


def _lines(path: Path) -> list[str]:
    try:
        return [line.rstrip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise ClassSetError(f"{path}: expected a list in UTF-8: {error}") from error
