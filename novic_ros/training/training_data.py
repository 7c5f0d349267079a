"""What a decoder is trained on: caches of embeddings, their nouns, and the nouns in the encoder's own tokens.

The tokens come from the tokenizer of the encoder that made the vectors, so that a decoder can be trained for any
open_clip model. It opens caches and reads no row of them; rows are read by `feed.py`.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import torch

from novic_ros.decoding.checkpoint import Checkpoint
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.decoding.tokens import Tokenizer, TokenVocabulary
from novic_ros.embedding import load_tokenizer
from novic_ros.training.batches import ShuffledBatches
from novic_ros.training.cache_selection import CacheSelection, select_nouns
from novic_ros.training.embedding_cache import EmbeddingCache
from novic_ros.training.feed import Batches, Cache, Feed, merged_nouns
from novic_ros.training.mini.initialise import start_near_nouns
from novic_ros.training.modality_gap import ModalityGap
from novic_ros.training.noise import from_settings
from novic_ros.training.recipe import Recipe, RecipeError
from novic_ros.training.schedule import Schedule, batches_per_epoch
from novic_ros.training.targets import NounTable
from novic_ros.vocabulary import canonical

__all__ = ["TrainingData", "tokenized_nouns"]

log = logging.getLogger(__name__)
SHOWN = 10  # nouns named in a message
ROWS, MOST_ROWS = 65_536, 2_000_000  # vectors that are averaged at once, and of each cache


@dataclass(frozen=True, eq=False)
class TrainingData:
    """Caches of one encoder with W nouns in all; `numbers[c]` says what noun numbers of cache c mean here.

    noun_tokens: compact ids of every noun, each with its end token.
    """

    caches: tuple[Cache, ...]
    embedder_spec: str
    nouns: tuple[str, ...]
    numbers: tuple[np.ndarray, ...]
    vocabulary: TokenVocabulary
    noun_tokens: tuple[tuple[int, ...], ...]
    gap: ModalityGap | None = None

    @classmethod
    def open(cls, paths: Sequence[str | Path], embedder_spec: str, gap: str | Path | None = None,
             nouns: Sequence[str] | None = None) -> TrainingData:
        """Open caches that this encoder made, tokenise their nouns, and read its modality gap where one is given.

        nouns: learn only these, from the rows that have no others; None: all.

        Raises CacheError for a cache that cannot be used, RecipeError that names every noun that the caches lack,
        EmbeddingError for an encoder without a tokenizer, GapError for another encoder's gap.
        """
        caches = [EmbeddingCache.open(path, embedder_spec) for path in paths]
        if nouns is not None:
            caches = select_nouns(caches, nouns)
        return cls.of(caches, embedder_spec, load_tokenizer(embedder_spec),
                      None if gap is None else ModalityGap.read(gap, embedder_spec))

    @classmethod
    def of(cls, caches: Sequence[Cache], embedder_spec: str, tokenizer: Tokenizer,
           gap: ModalityGap | None = None) -> TrainingData:
        """From open caches. Raises RecipeError if they do not go together or a noun has no tokens."""
        widths = {cache.vectors.shape[1] for cache in caches}
        if len(widths) != 1:
            raise RecipeError(f"caches: expected one or more with vectors of one width, got {sorted(widths)}")
        if gap is not None and {len(gap.mean_shift)} != widths:
            raise RecipeError(f"gap: expected vectors of width {widths.pop()}, as the caches have, got "
                              f"{len(gap.mean_shift)}")
        nouns, numbers = merged_nouns(caches)
        vocabulary, tokens = tokenized_nouns(nouns, tokenizer)
        return cls(tuple(caches), embedder_spec, nouns, tuple(numbers), vocabulary, tokens, gap)

    @property
    def width(self) -> int:
        """F, of the vectors."""
        return self.caches[0].vectors.shape[1]

    @property
    def rows(self) -> int:
        """Vectors to learn from, in all caches."""
        return sum(len(cache.vectors) for cache in self.caches)

    @property
    def all_rows(self) -> int:
        """Vectors in these caches, those that a selection of nouns leaves out among them."""
        return sum(len(cache.whole.vectors if isinstance(cache, CacheSelection) else cache.vectors)
                   for cache in self.caches)

    @cached_property
    def trie(self) -> NounTrie:
        """The nouns as a trie, which every decoder for them shares."""
        return NounTrie.build(self.noun_tokens)

    @property
    def max_tokens(self) -> int:
        """C, the longest noun in tokens, its end token included."""
        return max(map(len, self.noun_tokens))

    def batches(self, recipe: Recipe) -> list[Batches]:
        """The rows of each cache in micro-batches."""
        return [ShuffledBatches(cache, recipe.batch_size, recipe.seed) for cache in self.caches]

    def schedule(self, recipe: Recipe) -> Schedule:
        """How long a recipe trains on this. Raises RecipeError where there is too little of it."""
        return Schedule.of(recipe, sum(batches.steps_per_epoch for batches in self.batches(recipe)), len(self.nouns))

    def feed(self, recipe: Recipe, device: torch.device) -> Feed:
        """The micro-batches of a recipe. Raises RecipeError where they do not fill a step."""
        table = NounTable(self.noun_tokens, recipe.num_end_loss, recipe.length_groups)
        batches = self.batches(recipe)
        epoch_batches = batches_per_epoch(recipe, sum(one.steps_per_epoch for one in batches))
        return Feed(self.caches, batches, self.numbers, table, epoch_batches, recipe.seed, device)

    def noise(self, recipe: Recipe) -> Callable[[torch.Tensor, torch.Generator], torch.Tensor]:
        """The noise of a recipe. Raises ValueError where it asks for the modality gap and there is none."""
        return from_settings(asdict(recipe), self.gap)

    def network(self, recipe: Recipe) -> ObjectDecoder:
        """A decoder as a recipe starts it, the same for the same seed.

        Raises ValueError where a head start is asked for that these nouns do not allow.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(recipe.seed)
            decoder = ObjectDecoder(recipe.architecture(self.width, len(self.vocabulary), self.max_tokens))
            if recipe.start == "near_nouns":
                own = self.noun_vectors.norm(dim=1) > 0
                start_near_nouns(decoder, self.noun_vectors[own],
                                 [tokens for tokens, has in zip(self.noun_tokens, own.tolist()) if has])
            return decoder

    @cached_property
    def noun_vectors(self) -> torch.Tensor:
        """float32 [W, F]: the mean direction of each noun's own vectors, zero for a noun that is never alone.

        Of a large cache only the first rows are read, which are in random order.
        """
        sums = torch.zeros(len(self.nouns) + 1, self.width)
        for cache, numbers in zip(self.caches, self.numbers):
            for begin in range(0, min(len(cache.vectors), MOST_ROWS), ROWS):
                part = slice(begin, min(begin + ROWS, MOST_ROWS))
                alone = (np.asarray(cache.weights[part]) > 0).sum(1) == 1
                noun = torch.from_numpy(numbers[np.asarray(cache.targets[part])[alone, 0]])
                sums.index_add_(0, noun, torch.from_numpy(np.asarray(cache.vectors[part])[alone]).float())
        return torch.nn.functional.normalize(sums[:-1], dim=1)

    def checkpoint(self, model: ObjectDecoder, provenance: dict) -> Checkpoint:
        """A decoder for these nouns with all that it needs to speak."""
        return Checkpoint(model, self.embedder_spec, self.nouns, self.noun_tokens, self.vocabulary, self.trie,
                          provenance)


def tokenized_nouns(nouns: Sequence[str],
                    tokenizer: Tokenizer) -> tuple[TokenVocabulary, tuple[tuple[int, ...], ...]]:
    """The compact vocabulary of some nouns, and every noun in it with its end token (NOVIC, section 3.2).

    Raises RecipeError that names the nouns of which nothing is left; nouns with the same tokens cost a warning.
    """
    full = tokenizer.content_tokens([canonical(noun) for noun in nouns])
    empty = [noun for noun, tokens in zip(nouns, full) if not tokens]
    if empty:
        raise RecipeError(f"nouns: expected letters or digits in each, found {len(empty)} without: {empty[:SHOWN]}; "
                          "write the cache without them")
    same = defaultdict(list)
    for noun, tokens in zip(nouns, full):
        same[tuple(tokens)].append(noun)
    repeated = [" = ".join(names) for names in same.values() if len(names) > 1]
    if repeated:
        log.warning("%d groups of nouns have the same tokens, only the first of each can be said: %s", len(repeated),
                    "; ".join(repeated[:SHOWN]))
    pieces = tokenizer.pieces({token for tokens in full for token in tokens})
    vocabulary = TokenVocabulary.of(full, pieces, tokenizer.end_id, tokenizer.size)
    return vocabulary, tuple(tuple(vocabulary.compact(tokens)) for tokens in full)
