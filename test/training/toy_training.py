"""A training in miniature for the tests of this folder: letters as tokens, random directions as nouns, no files.

Small enough that a whole training takes a second. Not a model of anything: what is tested is the machinery.
"""

from dataclasses import dataclass

import numpy as np
import torch

from novic_ros.training.recipe import Recipe
from novic_ros.training.training_data import TrainingData

WIDTH = 16
NOUNS = ("ab", "cab", "dab", "bad cab", "e", "fee", "deed", "face", "ebb", "fad", "cafe", "decade")
EVEN_NOUNS = ("abc", "abd", "bad", "cab", "dab", "fee", "ebb", "fad")  # of three letters each

RECIPE = {
    "name": "toy", "batch_size": 8, "accumulation": 2, "epochs": 4, "chunk_scale": 4, "learning_rate": 1e-2,
    "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.1, "clip_norm": 1.0, "noise_scheme": "GaussElem",
    "noise_vec_norm": 0.3, "hidden_dim": 16, "feedfwd_dim": 16, "num_layers": 2, "num_heads": 2, "prefix_length": 2,
    "dropout": 0.1, "log_every": 1, "precision": "float32",
}  # fmt: skip


class Letters:
    """A tokenizer whose tokens are letters and the blank: ids 0 to 26, and 27 to end."""

    size, end_id = 28, 27

    def content_tokens(self, texts):
        return [["abcdefghijklmnopqrstuvwxyz ".index(letter) for letter in text] for text in texts]

    def pieces(self, ids):
        return {one: "abcdefghijklmnopqrstuvwxyz "[one] for one in ids}


@dataclass
class ToyCache:
    """What the trainer needs of a cache."""

    vectors: np.ndarray
    targets: np.ndarray
    weights: np.ndarray
    nouns: tuple
    embedder_spec: str = "toy"


class InOrder:
    """Batches that take the rows one after another: batch k of 2 n rows is batches 2 k and 2 k + 1 of n rows."""

    def __init__(self, cache, batch_size):
        self.steps_per_epoch, self._batch_size = len(cache.vectors) // batch_size, batch_size

    def __call__(self, step):
        begin = step % self.steps_per_epoch * self._batch_size
        return slice(begin, begin + self._batch_size)


class ToyData(TrainingData):
    """Rows in order."""

    def batches(self, recipe):
        return [InOrder(cache, recipe.batch_size) for cache in self.caches]


def toy_recipe(**changes) -> Recipe:
    """The recipe above with changes."""
    return Recipe.of({**RECIPE, **changes})


def toy_cache(nouns=NOUNS, rows=96, most=1, seed=0, noise=0.1) -> ToyCache:
    """Unit vectors near the sum of 1 to `most` nouns' directions; the first noun of a row counts most."""
    directions = np.random.default_rng(99).standard_normal((100, WIDTH))
    random = np.random.default_rng(seed)
    count = random.integers(1, most + 1, rows)[:, None]
    used = np.arange(most) < count
    targets = np.where(used, random.integers(0, len(nouns), (rows, most)), -1).astype(np.int32)
    targets[:len(nouns), 0] = np.arange(len(nouns))  # every noun is there
    weights = np.where(used, np.arange(most, 0, -1), 0).astype(np.float32)
    weights /= weights.sum(1, keepdims=True)
    vectors = (weights[..., None] * directions[targets]).sum(1) + noise * random.standard_normal((rows, WIDTH))
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float16)
    return ToyCache(vectors, targets, weights, tuple(nouns))


def toy_data(*caches, in_order=False) -> TrainingData:
    """Training data of some caches, by default of one with one noun per row."""
    kind = ToyData if in_order else TrainingData
    return kind.of(caches or [toy_cache()], "toy", Letters())


def weights_of(folder):
    """The trained decoder's tensors by name, from its folder."""
    from novic_ros.decoding.checkpoint import load_slim

    return load_slim(folder / "decoder").model.state_dict()


def largest_difference(one, other):
    """Between two state dicts of the same names."""
    assert list(one) == list(other)
    return max((one[name] - other[name]).abs().max().item() for name in one)


CPU = torch.device("cpu")
