"""Captions as a stream: records in blocks that are made when they are asked for, counted before any is made.

A block is a part of all captions that can be made alone, such as one template with all nouns. What it makes depends on
its seed and its own contents, not on the blocks beside it. Where captions come from: `noun_multisets.py`,
`caption_dataset.py`, `caption_grammar.py`.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypedDict

import numpy as np

from novic_ros.vocabulary import NounDictionary

__all__ = ["Block", "CaptionRecord", "CaptionStream", "SurfaceForm", "block_random", "one_noun_record", "repeated",
           "surface_forms"]


class CaptionRecord(TypedDict):
    """One caption: its text, the target nouns that stand in it, and a weight for each; weights sum up to 1."""

    text: str
    nouns: list[str]
    weights: list[float]


@dataclass(frozen=True)
class SurfaceForm:
    """One spelling of a noun, singular or plural, and the target noun that a decoder learns for it."""

    text: str
    target: str
    frequency: int


@dataclass(frozen=True)
class Block:
    """`count` captions of one source. `open` prepares them and returns what gives the caption at a place, from 0."""

    source: str
    count: int
    open: Callable[[], Callable[[int], CaptionRecord]]

    def __iter__(self) -> Iterator[CaptionRecord]:
        caption_at = self.open()
        return map(caption_at, range(self.count))


class CaptionStream:
    """All captions of some blocks, in order. It can be iterated more than once, with the same captions each time."""

    def __init__(self, blocks: Iterable[Block]):
        self._blocks = [block for block in blocks if block.count]

    def __len__(self) -> int:
        return sum(block.count for block in self._blocks)

    def __iter__(self) -> Iterator[CaptionRecord]:
        for block in self._blocks:
            yield from block

    def counts(self) -> dict[str, int]:
        """Captions by source, in order of first appearance."""
        counts: dict[str, int] = {}
        for block in self._blocks:
            counts[block.source] = counts.get(block.source, 0) + block.count
        return counts

    def sample(self, count: int, seed: int = 0) -> list[CaptionRecord]:
        """`count` captions drawn at random without repetition, or all if there are fewer; no others are made."""
        ends = np.cumsum([block.count for block in self._blocks], dtype=np.int64)
        random = np.random.default_rng(seed)
        places = random.choice(len(self), min(count, len(self)), replace=False) if len(self) else ()
        opened: dict[int, Callable[[int], CaptionRecord]] = {}
        found = []
        for place in places:
            block = int(np.searchsorted(ends, place, side="right"))
            if block not in opened:
                opened[block] = self._blocks[block].open()
            found.append(opened[block](int(place - ends[block] + self._blocks[block].count)))
        return found


def surface_forms(dictionary: NounDictionary, plural: bool) -> tuple[SurfaceForm, ...]:
    """All singular or all plural forms, ordered by target and spelling whatever the order of the dictionary."""
    forms = [SurfaceForm(text, noun.target_noun, frequency) for noun in dictionary
             for text, frequency in (zip(noun.plurals, noun.plurals_freq) if plural
                                     else zip(noun.singulars, noun.singulars_freq))]
    return tuple(sorted(forms, key=lambda form: (form.target, form.text)))


def block_random(seed: int, *parts: str | int) -> np.random.Generator:
    """A generator for one block: depends on the seed and on what names the block, not on its neighbours."""
    numbers = [part if isinstance(part, int) else zlib.crc32(part.encode()) for part in parts]
    return np.random.default_rng([seed, *numbers])


def one_noun_record(text: str, target: str) -> CaptionRecord:
    """The record of a caption with one target noun."""
    return {"text": text, "nouns": [target], "weights": [1.0]}


def repeated(forms: Sequence[SurfaceForm]) -> np.ndarray:
    """int32 [sum of frequencies]: the place of each form, as often as its frequency says, in order."""
    return np.repeat(np.arange(len(forms), dtype=np.int32), [form.frequency for form in forms])
