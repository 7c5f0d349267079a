"""How long a training lasts and how fast it learns when: micro-batches, steps, chunks and epochs as plain numbers.

As the released decoders were trained (NOVIC, appendix A, and the authors' code): an epoch is cut to whole steps, a
chunk is a fixed number of micro-batches, the training ends with the last whole chunk of its epochs, and the learning
rate follows a cosine that moves on once per chunk. It holds no optimiser.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from novic_ros.training.recipe import Recipe, RecipeError

__all__ = ["Schedule", "batches_per_epoch", "cosine"]


def cosine(progress: float) -> float:
    """Share of the learning rate: 1 at progress 0, 0 from progress 1 on, half a cosine between."""
    return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))


def batches_per_epoch(recipe: Recipe, batches: int) -> int:
    """How many of so many whole micro-batches are used, so that they fill steps. Raises RecipeError for none."""
    used = batches // recipe.accumulation * recipe.accumulation
    if not used:
        raise RecipeError(f"batch_size, accumulation: expected a step to be at most one pass over the data, got "
                          f"{recipe.accumulation} micro-batches of {recipe.batch_size} vectors where there are only "
                          f"{batches}; lower them or write a larger cache")
    return used


@dataclass(frozen=True)
class Schedule:
    """Numbers of one training. A step is one update of the weights after `accumulation` micro-batches.

    epoch_batches: micro-batches of an epoch, a multiple of `accumulation`.
    chunk_batches: micro-batches of a chunk. chunks: how many of these there are.
    """

    batch_size: int
    accumulation: int
    epoch_batches: int
    chunk_batches: int
    chunks: int
    learning_rate: float
    warm_up_chunks: int = 0

    @classmethod
    def of(cls, recipe: Recipe, batches: int, nouns: int) -> Schedule:
        """For data with so many whole micro-batches per pass over it. Raises RecipeError where that is too little."""
        accumulation, epoch_batches = recipe.accumulation, batches_per_epoch(recipe, batches)
        chunk_batches = max(math.ceil(recipe.chunk_scale * nouns / recipe.batch_size), accumulation)
        chunks = recipe.epochs * epoch_batches // chunk_batches
        if not chunks:
            raise RecipeError(f"chunk_scale, epochs: expected at least one chunk, but {recipe.epochs} epochs have "
                              f"{recipe.epochs * epoch_batches} micro-batches and a chunk has {chunk_batches}; lower "
                              "chunk_scale or raise epochs")
        return cls(recipe.batch_size, accumulation, epoch_batches, chunk_batches, chunks, recipe.learning_rate,
                   recipe.warm_up_chunks)

    @property
    def steps(self) -> int:
        """Steps of the whole training; micro-batches that do not fill the last one are left out."""
        return self.chunks * self.chunk_batches // self.accumulation

    @property
    def samples(self) -> int:
        """Vectors seen in the whole training."""
        return self.steps * self.accumulation * self.batch_size

    def chunk_of(self, step: int) -> int:
        """The chunk, 0-based, in which the last micro-batch of a step lies."""
        return ((step + 1) * self.accumulation - 1) // self.chunk_batches

    def ends_chunk(self, step: int) -> bool:
        """Whether a step is the last one that belongs to its chunk."""
        return step + 1 == self.steps or self.chunk_of(step + 1) > self.chunk_of(step)

    def epoch_of(self, step: int) -> int:
        """The epoch, 0-based, of a step."""
        return step * self.accumulation // self.epoch_batches

    def rate(self, step: int) -> float:
        """Learning rate of a step: a cosine over the chunks, times a ramp over the first `warm_up_chunks`.

        With n chunks, chunk c has cosine(c / n): the first learns at the full rate, and the last still a little.
        """
        chunk = self.chunk_of(step)
        ramp = min(1.0, (chunk + 1) / (self.warm_up_chunks + 1))
        return self.learning_rate * ramp * cosine(chunk / self.chunks)
