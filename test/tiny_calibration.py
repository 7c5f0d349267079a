"""A table of hypernyms and a calibrator for the tiny model (`tiny_model.py`), so that it can be unsure in all ways."""

import numpy as np

from novic_ros.calibration import Calibrator
from novic_ros.vocabulary import Ancestors

# noun -> the words above it, from the nearest one up; "thing" may never be said
CHAINS = {
    "dog": ("animal", "thing"), "cat": ("animal", "thing"), "lion": ("cat", "animal", "thing"),
    "sea lion": ("animal", "thing"), "teapot": ("vessel", "thing"), "coffee mug": ("vessel", "thing"),
    "fire engine": ("vehicle", "thing"), "bicycle": ("vehicle", "thing"),
    "mountain bike": ("bicycle", "vehicle", "thing"),
    "T-shirt": ("thing",), "traffic light": ("thing",), "chair": ("thing",),
}
SAID = ("animal", "cat", "vessel", "vehicle", "bicycle")


def tiny_ancestors(nouns=tuple(CHAINS), chains=None, said=SAID, classes=()):
    """An Ancestors for these nouns; `classes` are words that the encoder knows."""
    chains = CHAINS if chains is None else chains
    words = list(dict.fromkeys([*chains, *(word for chain in chains.values() for word in chain)]))
    index = {word: m for m, word in enumerate(words)}
    rows = [sorted(index[word] for word in (chains[own] if own in chains else _above(own, chains))) for own in words]
    return Ancestors(
        tuple(nouns), {index[word]: word for word in said},
        np.array([index.get(noun, -1) for noun in nouns], np.int32),
        np.cumsum([0, *map(len, rows)]).astype(np.int32),
        np.array([m for row in rows for m in row], np.int32),
        np.array([index[word] for word in classes], np.int32))


def _above(word, chains):
    """What lies above a word that is in the chains of others only."""
    chain = next(chain for chain in chains.values() if word in chain)
    return chain[chain.index(word) + 1:]


def write_tiny_calibration(folder, nouns, **changes):
    """Put hypernyms and a calibrator beside a tiny decoder; without prominence, as its encoder has no classes."""
    numbers = {"bias": 2.0, "prominence": 0.0, "specificity": -1.0, "support": 1.0, "threshold": 0.5} | changes
    tiny_ancestors(nouns).save(folder)
    Calibrator(**numbers).save(folder)
    return folder
