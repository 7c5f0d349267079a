"""The judgements of one sitting: which pairs of picture and label there are, what was said of each, and their file.

NOVIC's OVIC scores need people who say, of every distinct pair, whether the label is correct, close or incorrect, of
the picture's primary or a secondary object. Every judgement is in the file before the next is taken, so that a sitting
may end at any time and go on later. What the file holds beyond these pairs stays in it. This file shows nothing
(`annotate_server.py` does) and computes no score (`ovic.py` does).
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from novic_ros.evaluation.ovic import WEIGHTS, Annotation, OvicError, read_annotations, write_annotations
from novic_ros.labels import Labels
from novic_ros.vocabulary import canonical

__all__ = ["Pair", "Sitting", "distinct_pairs"]


@dataclass(frozen=True)
class Pair:
    """A label that somebody gave to a picture; the label in its canonical spelling."""

    picture: str
    label: str


def distinct_pairs(sources: Iterable[Mapping[str, Labels]], pictures: Sequence[str], top: int) -> list[Pair]:
    """The first `top` labels of every picture in every source, each pair once.

    In the order of `pictures`, and of the alphabet for one picture's labels: who judges should not see what a model
    held to be best. Raises ValueError for a `top` below 1.
    """
    if top < 1:
        raise ValueError(f"expected at least one label of each picture, got {top}")
    found: dict[str, set[str]] = {picture: set() for picture in pictures}
    for source in sources:
        for picture in found.keys() & source.keys():
            found[picture].update(canonical(label.text) for label in source[picture].labels[:top])
    return [Pair(picture, label) for picture, labels in found.items() for label in sorted(labels - {""})]


class Sitting:
    """Pairs and their judgements, kept in an OVIC annotation file; may be used from several threads.

    Raises OvicError or JsonFileError for a file that is there and cannot be used.
    """

    def __init__(self, pairs: Sequence[Pair], path: str | Path):
        self.pairs = tuple(pairs)
        self.path = Path(path)
        self._lock = threading.Lock()
        self._annotations = read_annotations(self.path) if self.path.exists() else {}
        self._seen = self._fingerprint()

    def category(self, number: int) -> str | None:
        """What was said of a pair, a key of WEIGHTS; None if nothing was."""
        pair = self.pairs[number]
        annotation = self._annotations.get(pair.picture)
        return None if annotation is None else annotation.category(pair.label)

    @property
    def judged(self) -> int:
        """How many of the pairs are judged."""
        return sum(self.category(number) is not None for number in range(len(self.pairs)))

    def judge(self, number: int, category: str | None) -> None:
        """Say something of a pair, or take back what was said (None), and write the file.

        Raises ValueError for an unknown pair or category, OvicError if somebody else has written the file since,
        OSError if it cannot be written; what was said before then stays.
        """
        if isinstance(number, bool) or not isinstance(number, int) or not 0 <= number < len(self.pairs):
            raise ValueError(f"expected the number of a pair below {len(self.pairs)}, got {number!r}")
        if category is not None and (not isinstance(category, str) or category not in WEIGHTS):
            raise ValueError(f"expected a category, one of {', '.join(WEIGHTS)}, got {category!r}")
        pair = self.pairs[number]
        with self._lock:
            if self._fingerprint() != self._seen:
                raise OvicError(f"{self.path}: it was changed by another program since; end and start again to go on "
                                "with what is in it now")
            before = self._annotations.get(pair.picture, Annotation())
            lists = {name: [label for label in labels if canonical(label) != pair.label]
                     for name, labels in before.to_dict().items()}
            if category is not None:
                lists[category].append(pair.label)
            annotations = {**self._annotations, pair.picture: Annotation(**{k: tuple(v) for k, v in lists.items()})}
            if not any(lists.values()):
                del annotations[pair.picture]
            self._write(annotations)
            self._annotations = annotations

    def _write(self, annotations: Mapping[str, Annotation]) -> None:
        """Replace the file whole; a file without judgements is none."""
        if annotations:
            beside = self.path.with_name(f".{self.path.name}.{os.getpid()}")
            write_annotations(beside, annotations)
            os.replace(beside, self.path)
        else:
            self.path.unlink(missing_ok=True)
        self._seen = self._fingerprint()

    def _fingerprint(self) -> tuple[int, int] | None:
        """What tells one version of the file from another; None where there is no file."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino
