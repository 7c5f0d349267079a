"""What lies above a decoder's nouns, as a small table that ships with the model: WordNet is not there at run time.

Every noun has a meaning; every meaning has the meanings above it, and a specificity: how few of the nouns lie at or
below it. Some meanings may be said in place of a noun below them ("bird"), because people say them; the rest
("placental", "instrumentality") only connect. Which these are is decided in `ancestors_build.py`, from WordNet. This
file knows no scores and does not choose what is said.

Legend: W nouns, M meanings, C classes of the decoder's encoder.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from novic_ros.vocabulary.nouns import VocabularyError, canonical

__all__ = ["HYPERNYMS_FILE", "Ancestors"]

HYPERNYMS_FILE = "hypernyms.safetensors"
FORMAT, VERSION = "novic_ros hypernyms", "1"
ARRAYS = ("meaning", "begin", "above", "classes")


@dataclass(frozen=True, eq=False)
class Ancestors:
    """nouns: the decoder's vocabulary [W]; said: meaning -> the word to say for it, for those that may be said.

    meaning: int32 [W], the meaning of each noun, or -1 where none is known. above: int32 [n], all meanings above one,
    those of meaning m at begin[m]:begin[m + 1]; begin is int32 [M + 1]. classes: int32 [C], the meaning of each of the
    encoder's classes or -1; none for an encoder without classes. Raises VocabularyError where these do not fit
    together.
    """

    nouns: tuple[str, ...]
    said: dict[int, str]
    meaning: np.ndarray
    begin: np.ndarray
    above: np.ndarray
    classes: np.ndarray

    def __post_init__(self) -> None:
        meanings = len(self.begin) - 1
        fits = (
            len(self.meaning) == len(self.nouns) and meanings >= 0 and len(self.above) == self.begin[-1]
            and self.begin[0] == 0 and bool((np.diff(self.begin) >= 0).all())
            and _within(self.meaning, -1, meanings) and _within(self.above, 0, meanings)
            and _within(self.classes, -1, meanings)
            and all(0 <= m < meanings for m in self.said)
        )
        if not fits:
            raise VocabularyError(f"hypernyms: expected {len(self.nouns)} nouns with meanings below {meanings}, and "
                                  "meanings above them in rising order; the table is damaged, build it again")

    def meaning_of(self, noun: str) -> int | None:
        """The meaning of a noun however it is spelled, or None if it is not in the vocabulary."""
        row = self._row.get(noun)
        if row is None:
            row = self._row_by_spelling.get(canonical(noun))
        return None if row is None or self.meaning[row] < 0 else int(self.meaning[row])

    def above_of(self, meaning: int) -> frozenset[int]:
        """All meanings above one, without itself."""
        return frozenset(self.above[self.begin[meaning]:self.begin[meaning + 1]].tolist())

    def holds(self, meaning: int, noun: str) -> bool:
        """Whether a noun means this, or something below it."""
        own = self.meaning_of(noun)
        return own is not None and (own == meaning or meaning in self.above_of(own))

    def specificity(self, meaning: int | None) -> float:
        """ln(W / number of nouns at or below a meaning): 0 for what holds all nouns; None: as specific as can be."""
        below = 1 if meaning is None else max(1, int(self._below[meaning]))
        return float(np.log(len(self.nouns) / below))

    @cached_property
    def _row(self) -> dict[str, int]:
        return {noun: row for row, noun in enumerate(self.nouns)}

    @cached_property
    def _row_by_spelling(self) -> dict[str, int]:
        return {canonical(noun): row for row, noun in enumerate(self.nouns)}

    @cached_property
    def _below(self) -> np.ndarray:
        """int [M]: how many nouns lie at or below each meaning."""
        counts = np.zeros(len(self.begin) - 1, dtype=np.int64)
        for own in self.meaning[self.meaning >= 0].tolist():
            counts[own] += 1
            counts[self.above[self.begin[own]:self.begin[own + 1]]] += 1
        return counts

    def save(self, folder: str | Path) -> None:
        """Write the table into a model folder, for the decoder's nouns in their order."""
        from safetensors.numpy import save

        metadata = {"format": FORMAT, "version": VERSION, "nouns": _fingerprint(self.nouns),
                    "said": json.dumps({str(m): word for m, word in sorted(self.said.items())})}
        small = np.int16 if len(self.begin) - 1 <= np.iinfo(np.int16).max else np.int32
        arrays = {name: getattr(self, name).astype(np.int32 if name == "begin" else small) for name in ARRAYS}
        (Path(folder) / HYPERNYMS_FILE).write_bytes(save(arrays, metadata))

    @classmethod
    def load(cls, folder: str | Path, nouns: Sequence[str]) -> Ancestors:
        """Read the table of a model folder; `nouns` is the vocabulary of its decoder. Raises VocabularyError."""
        from safetensors import SafetensorError, safe_open  # here, as the node reads noun lists without it

        path = Path(folder) / HYPERNYMS_FILE
        if not path.is_file():
            raise VocabularyError(f"{path}: expected a table of hypernyms, found no such file")
        try:
            with safe_open(path, framework="numpy") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name).astype(np.int32) for name in ARRAYS}
            said = {int(m): word for m, word in json.loads(metadata.get("said", "")).items()}
        except (OSError, SafetensorError, ValueError, AttributeError) as error:
            raise VocabularyError(f"{path}: expected a table of hypernyms: {error}; build it again") from None
        if (metadata.get("format"), metadata.get("version")) != (FORMAT, VERSION):
            raise VocabularyError(f"{path}: expected {FORMAT} {VERSION}, found {metadata.get('format')!r} "
                                  f"{metadata.get('version')!r}; update novic_ros or build it again")
        if metadata.get("nouns") != _fingerprint(nouns):
            raise VocabularyError(f"{path}: it was made for other nouns than the decoder's; build it again")
        return cls(tuple(nouns), said, **arrays)


def _within(values: np.ndarray, low: int, high: int) -> bool:
    return not len(values) or bool(values.min() >= low and values.max() < high)


def _fingerprint(nouns: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(nouns).encode()).hexdigest()
