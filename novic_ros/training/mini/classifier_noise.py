"""Noise that imitates how the embedded model's image tower errs: its vectors are mixtures of class vectors.

The image tower says "30 % tabby, 25 % lynx, ..." and returns the mean of those class vectors (ConSE), so isotropic
noise alone does not prepare a decoder for it. Five kinds of training vectors are made, all without an image:

* plain: the noun's own vector;
* heard: the noun mixed with what a classifier that knows some of the classes would make of it;
* confused: a class as the classifier would see it, with confusions that follow its class weights;
* paired: the noun mixed with a smaller share of another, as when two things are in the picture;
* unsure: the mass spread over several classes below one hypernym; the target is the hypernym's noun.

Rotation noise on top grows while training goes on. This file knows the class table and nouns, but no decoder.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from novic_ros.training.noise import gauss_elementwise, rotate
from novic_ros.vocabulary.hierarchy import WordNet
from novic_ros.vocabulary.selection import Noun

__all__ = ["ClassifierNoise", "Shares"]

ABSENT = -1e4  # logit of a class that takes no part


@dataclass(frozen=True)
class Shares:
    """Share of each kind of vector in a batch, and the strength of the isotropic noise."""

    heard: float = 0.30
    confused: float = 0.20
    unsure: float = 0.15
    paired: float = 0.0
    most_degrees: float = 40.0
    full_noise_at: float = 0.4  # share of the training after which rotation reaches its full angle

    def __post_init__(self) -> None:
        kinds = (self.heard, self.confused, self.unsure, self.paired)
        if min(kinds) < 0 or sum(kinds) > 1:
            raise ValueError(f"shares: expected numbers from 0 whose sum is at most 1, got {kinds}")


class ClassifierNoise:
    """Callable as `NounBatches` wants it: (vectors, nouns, progress, generator) -> (vectors, nouns)."""

    def __init__(self, class_table: torch.Tensor, class_weights: torch.Tensor, temperature: float,
                 wordnet: WordNet, nouns: Sequence[Noun], classes: Sequence[str], shares: Shares | None = None):
        """class_table [1000, F] unit rows; class_weights [1000, features] of the classifier's last layer."""
        self._table, self._temperature, self._shares = class_table, temperature, shares or Shares()
        centred = functional.normalize(class_weights - class_weights.mean(0), dim=-1)
        self._similarity = centred @ centred.T  # [1000, 1000]
        words_of = _nouns_by_synset(wordnet, nouns)
        self._class_nouns = [words_of.get(offset, []) for offset in classes]
        self._named_classes = torch.tensor([i for i, found in enumerate(self._class_nouns) if found])

        below: dict[str, list[int]] = {}
        for index, offset in enumerate(classes):
            for above, steps in wordnet.ancestors(offset).items():
                if steps >= 1 and wordnet.depth(above) >= 4:
                    below.setdefault(above, []).append(index)
        groups = [(above, members) for above, members in below.items()
                  if 2 <= len(members) <= 250 and words_of.get(above)]
        self._group_noun = torch.tensor([words_of[above][0] for above, _ in groups])
        self._group_logits = torch.full((len(groups), len(classes)), ABSENT)
        for group, (_, members) in enumerate(groups):
            self._group_logits[group, members] = 0.0
        zipf = torch.tensor([nouns[words_of[above][0]].zipf for above, _ in groups])
        self._group_weight = (0.5 * (zipf - 3)).exp().clamp(0.3, 3.0)

    def __call__(self, vectors: torch.Tensor, nouns: torch.Tensor, progress: float,
                 generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        shares = self._shares
        vectors, nouns = vectors.clone(), nouns.clone()
        kind = torch.rand(len(vectors), generator=generator)
        heard = kind < shares.heard
        confused = (kind >= shares.heard) & (kind < shares.heard + shares.confused)
        unsure = kind >= 1 - shares.unsure
        paired = (kind >= 1 - shares.unsure - shares.paired) & ~unsure
        if shares.paired:  # without it, not one random number is drawn for it
            vectors[paired] = _paired(vectors, paired, generator)
        vectors[heard] = self._heard(vectors[heard], generator)
        vectors[confused], nouns[confused] = self._confused(int(confused.sum()), generator)
        vectors[unsure], nouns[unsure] = self._unsure(int(unsure.sum()), generator)

        degrees = torch.rand(len(vectors), generator=generator) ** 1.5 * shares.most_degrees
        degrees = degrees * min(1.0, progress / shares.full_noise_at)
        return rotate(gauss_elementwise(vectors, 0.2, generator), degrees, generator), nouns

    def _heard(self, vectors: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
        sharpness = 0.03 + 0.09 * torch.rand(len(vectors), 1, generator=generator)
        logits = vectors @ self._table.T / sharpness
        logits[torch.rand(logits.shape, generator=generator) < 0.3] = ABSENT
        seen = functional.normalize(logits.softmax(-1) @ self._table, dim=-1)
        own = torch.rand(len(vectors), 1, generator=generator)
        return functional.normalize(own * vectors + (1 - own) * seen, dim=-1)

    def _confused(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        classes = self._named_classes[torch.randint(len(self._named_classes), (count,), generator=generator)]
        scale = 3 + 6 * torch.rand(count, 1, generator=generator)
        logits = self._similarity[classes] * scale
        logits = logits + 0.6 * torch.randn(logits.shape, generator=generator)
        seen = functional.normalize((logits / self._temperature).softmax(-1) @ self._table, dim=-1)
        # Mostly the class's first word; now and then one of its synonyms.
        chance = torch.rand(count, 2, generator=generator).tolist()
        words = [self._class_nouns[c] for c in classes.tolist()]
        picked = [w[0] if first < 0.7 else w[int(other * len(w))] for w, (first, other) in zip(words, chance)]
        return seen, torch.tensor(picked, dtype=torch.int64)

    def _unsure(self, count: int, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        if not count:
            return torch.empty(0, self._table.shape[1]), torch.empty(0, dtype=torch.int64)
        groups = torch.multinomial(self._group_weight, count, replacement=True, generator=generator)
        spread = 0.5 + torch.rand(count, 1, generator=generator)
        shape = (count, len(self._table))
        mass = (self._group_logits[groups] + spread * torch.randn(shape, generator=generator)).softmax(-1)
        stray = (1.5 * torch.randn(shape, generator=generator)).softmax(-1)
        mass = mass + 0.3 * torch.rand(count, 1, generator=generator) * stray
        return functional.normalize(mass @ self._table, dim=-1), self._group_noun[groups]


def _paired(vectors: torch.Tensor, chosen: torch.Tensor, generator: torch.Generator) -> torch.Tensor:
    """The chosen rows of vectors [B, F], each with a share of another row of the batch."""
    others = vectors[torch.randint(len(vectors), (int(chosen.sum()),), generator=generator)]
    own = 0.5 + 0.3 * torch.rand(len(others), 1, generator=generator)
    return functional.normalize(own * vectors[chosen] + (1 - own) * others, dim=-1)


def _nouns_by_synset(wordnet: WordNet, nouns: Sequence[Noun]) -> dict[str, list[int]]:
    """Synset offset -> indices of the nouns that are its words, in WordNet's order."""
    index = {noun.text: i for i, noun in enumerate(nouns)}
    return {offset: [index[word.lower()] for word in synset.words if word.lower() in index]
            for offset, synset in wordnet.synsets.items()}
