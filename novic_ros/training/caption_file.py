"""Captions with their nouns in a JSON-lines file of any size, checked once and then read in any order.

Every line is {"text": "a dog and a cat", "nouns": ["dog", "cat"]}, with "weights": [0.7, 0.3] where the nouns do not
count alike. The file is mapped, and the place of only every 64th line is remembered, so that 50 million captions take
7 MB. It makes no captions and embeds none.
"""

from __future__ import annotations

import hashlib
import json
import math
import mmap
from array import array
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

__all__ = ["CaptionFile", "CaptionFileError"]

REMEMBERED = 64  # every so many lines
REPORTED = 10_000  # lines between reports of progress
FIELDS = {"text", "nouns", "weights"}


class CaptionFileError(ValueError):
    """A caption file cannot be used; the message says which line, what was expected and what came."""


class CaptionFile:
    """An open, checked caption file of N lines. A context manager.

    nouns: the targets, all that occur or those given. max_targets: M, the most nouns in a line. digest: BLAKE2b of the
    file, hexadecimal.
    """

    def __init__(self, path: str | Path, nouns: Sequence[str] | None = None,
                 on_bytes: Callable[[int], None] | None = None):
        """Read the whole file once. on_bytes is told how many bytes were read so far.

        Raises CaptionFileError for a missing or empty file, a line that is not as it should be, or, with `nouns`, one
        that names another.
        """
        self.path = Path(path)
        try:
            with open(path, "rb") as file:
                self._bytes = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        except (OSError, ValueError) as error:  # an empty file cannot be mapped
            raise CaptionFileError(f"{path}: expected a file of captions, one JSON object per line: {error}") from None
        self._noun_index = {noun: index for index, noun in enumerate(nouns or ())}
        self._may_add = nouns is None
        self._offsets = array("q")
        self.rows, self.max_targets = 0, 1
        try:
            self._scan(on_bytes)
        except BaseException:
            self.close()
            raise
        self.nouns = tuple(self._noun_index)

    def _scan(self, on_bytes: Callable[[int], None] | None) -> None:
        digest, offset = hashlib.blake2b(digest_size=16), 0
        self._bytes.seek(0)
        while line := self._bytes.readline():
            if self.rows % REMEMBERED == 0:
                self._offsets.append(offset)
            offset += len(line)
            digest.update(line)
            _, targets, _ = self._parsed(line, self.rows)
            self.max_targets = max(self.max_targets, len(targets))
            self.rows += 1
            if on_bytes and self.rows % REPORTED == 0:
                on_bytes(offset)
        self.digest = digest.hexdigest()
        if on_bytes:
            on_bytes(offset)

    def __enter__(self) -> CaptionFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the file."""
        self._bytes.close()

    def read(self, rows: np.ndarray) -> tuple[list[str], np.ndarray, np.ndarray]:
        """Lines by number, int64 [n]: n texts, targets int32 [n, M] and weights float32 [n, M], see EmbeddingCache."""
        targets = np.full((len(rows), self.max_targets), -1, np.int32)
        weights = np.zeros((len(rows), self.max_targets), np.float32)
        texts = []
        for place, row in enumerate(rows.tolist()):
            text, own_targets, own_weights = self._parsed(self._line(row), row)
            texts.append(text)
            targets[place, :len(own_targets)] = own_targets
            weights[place, :len(own_targets)] = own_weights
        return texts, targets, weights

    def _line(self, row: int) -> bytes:
        nearest, further = divmod(row, REMEMBERED)
        begin = self._offsets[nearest]
        for _ in range(further):
            begin = self._bytes.find(b"\n", begin) + 1
        end = self._bytes.find(b"\n", begin)
        return self._bytes[begin:end if end >= 0 else len(self._bytes)]

    def _parsed(self, line: bytes, row: int) -> tuple[str, list[int], list[float]]:
        """The text, the indices of its nouns, heaviest first, and their weights. Raises CaptionFileError."""
        try:
            content = json.loads(line)
        except ValueError as error:
            raise self._fault(row, f"expected a JSON object, {error}") from None
        if not isinstance(content, dict) or not {"text", "nouns"} <= content.keys() <= FIELDS:
            raise self._fault(row, f"expected {{text, nouns}} and perhaps weights, found {line[:80]!r}")
        text, nouns = content["text"], content["nouns"]
        if not isinstance(text, str) or not text.strip():
            raise self._fault(row, f"expected text as words, found {text!r}")
        if not isinstance(nouns, list) or not nouns or not all(isinstance(noun, str) and noun for noun in nouns):
            raise self._fault(row, f"expected nouns as a list of one or more words, found {nouns!r}")
        weights = content.get("weights")
        if weights is None:
            weights = [1 / len(nouns)] * len(nouns)
        elif not isinstance(weights, list) or len(weights) != len(nouns) or not all(map(_is_weight, weights)):
            raise self._fault(row, f"expected weights as {len(nouns)} numbers above 0, found {weights!r}")
        if self._may_add:
            targets = [self._noun_index.setdefault(noun, len(self._noun_index)) for noun in nouns]
        else:
            targets = [self._noun_index.get(noun, -1) for noun in nouns]
            if -1 in targets:
                raise self._fault(row, f"expected one of the {len(self._noun_index)} nouns given, found "
                                       f"{nouns[targets.index(-1)]!r}")
        by_weight = sorted(range(len(nouns)), key=lambda place: -weights[place])
        return text, [targets[place] for place in by_weight], [weights[place] for place in by_weight]

    def _fault(self, row: int, what: str) -> CaptionFileError:
        return CaptionFileError(f"{self.path}, line {row + 1}: {what}")


def _is_weight(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 < value < math.inf
