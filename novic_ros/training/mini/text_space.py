"""The text space of the embedded model: a unit vector for every noun and for every class of the image classifier.

Sentence vectors (all-MiniLM-L6-v2) of a synset's words and of its gloss are averaged, centred on the classes, summed
with those of the synsets above it (each step up counts `DECAY` times the one below), and centred again; a noun adds
the centred vector of its own caption. Centring keeps unsure images away from words like "photo"; the hierarchy makes
"dog" the neighbour of all dogs. This is the teacher: the model's small text tower learns to imitate it
(`text_tower.py`). It knows no images.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as functional

from novic_ros.training.captions import TEMPLATES, caption
from novic_ros.vocabulary.hierarchy import WordNet
from novic_ros.vocabulary.selection import Noun

__all__ = ["CAPTIONS", "TextSpace", "build_text_space"]

DECAY = 0.5  # weight of a synset one step up
OWN_WORD = 0.5  # weight of the noun's own caption beside its synset
CAPTIONS = TEMPLATES[:4]  # captions whose sentence vectors enter the noun vectors
Encode = Callable[[Sequence[str]], torch.Tensor]  # texts -> unit vectors float32 [n, F]


@dataclass(frozen=True)
class TextSpace:
    """noun_vectors [T, W, F], one slice per caption template; class_table [1000, F]; all rows of unit length."""

    noun_vectors: torch.Tensor
    class_table: torch.Tensor

    @property
    def mean_noun_vectors(self) -> torch.Tensor:
        """[W, F]: each noun's direction averaged over captions."""
        return unit(self.noun_vectors.sum(0))


def unit(x: torch.Tensor) -> torch.Tensor:
    return functional.normalize(x, dim=-1)


def build_text_space(wordnet: WordNet, nouns: Sequence[Noun], classes: Sequence[str], encode: Encode) -> TextSpace:
    """classes: synset offset of every class of the image classifier, in its order."""
    needed = sorted({above for offset in {noun.synset for noun in nouns} | set(classes)
                     for above in wordnet.ancestors(offset)})
    row = {offset: i for i, offset in enumerate(needed)}
    class_rows = torch.tensor([row[offset] for offset in classes])

    synsets = [wordnet.synsets[offset] for offset in needed]
    words = encode([" or ".join(synset.words[:3]) for synset in synsets])
    glosses = encode([f"{synset.words[0]}: {synset.definition}" for synset in synsets])
    meanings = _centred(unit(words) + unit(glosses), class_rows)
    meanings = _centred(_with_ancestors(meanings, needed, row, wordnet), class_rows)

    class_words = [wordnet.synsets[offset].words[0].lower() for offset in classes]
    noun_rows = torch.tensor([row[noun.synset] for noun in nouns])
    slices, class_captions = [], []
    for template in CAPTIONS:
        of_classes = encode([caption(template, word) for word in class_words])
        centre = of_classes.mean(0)
        own = unit(encode([caption(template, noun.text) for noun in nouns]) - centre)
        slices.append(unit(meanings[noun_rows] + OWN_WORD * own))
        class_captions.append(unit(of_classes - centre))
    class_own = unit(torch.stack(class_captions).sum(0))
    return TextSpace(torch.stack(slices), unit(meanings[class_rows] + OWN_WORD * class_own))


def _centred(vectors: torch.Tensor, class_rows: torch.Tensor) -> torch.Tensor:
    vectors = unit(vectors)
    return unit(vectors - vectors[class_rows].mean(0))


def _with_ancestors(vectors: torch.Tensor, offsets: Sequence[str], row: dict[str, int],
                    wordnet: WordNet) -> torch.Tensor:
    sums = torch.zeros_like(vectors)
    for i, offset in enumerate(offsets):
        for above, steps in wordnet.ancestors(offset).items():
            sums[i] += DECAY ** steps * vectors[row[above]]
    return sums
