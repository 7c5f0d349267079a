"""How much of the way from WordNet's root to the truth a label goes: hierarchical precision and recall.

A truth and a label each stand for their synset and all above it, without the root. Precision is the share of the
label's synsets that are the truth's too, recall the share of the truth's that the label names (Kiritchenko, Matwin,
Nock and Famili, Learning and Evaluation in the Presence of Class Hierarchies, Canadian AI 2006). A broader word loses
recall, a narrower one precision, an unrelated one nearly all of both. Needs WordNet's database files.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.rates import bootstrap_ratio
from novic_ros.evaluation.results import Figure, Item
from novic_ros.vocabulary import canonical
from novic_ros.vocabulary.hierarchy import WordNet

__all__ = ["Overlap", "WordNetPaths", "wordnet_figures"]


@dataclass(frozen=True)
class Overlap:
    """Numbers of synsets: on both ways, on the label's (0 if nothing was said), and on the truth's."""

    both: int
    said: int
    true: int

    @property
    def precision(self) -> float:
        return self.both / self.said if self.said else 0.0

    @property
    def recall(self) -> float:
        return self.both / self.true if self.true else 0.0


class WordNetPaths:
    """Finds the synsets of truths and labels in a WordNet."""

    def __init__(self, wordnet: WordNet):
        self._wordnet = wordnet

    @classmethod
    def read(cls, folder: str | Path) -> WordNetPaths:
        """From the folder of WordNet's database files. Raises VocabularyError."""
        return cls(WordNet.read(folder))

    def overlap(self, label: str, truth: Truth) -> Overlap | None:
        """None where WordNet knows none of the truth's words; the empty label says nothing.

        The truth is the sense of its words that agrees best with its own hypernyms; the label is its sense that
        agrees best with the truth, as nobody knows which one was meant. A label that WordNet does not know is one
        synset of its own.
        """
        true = self._truth(truth)
        if true is None:
            return None
        if not label:
            return Overlap(0, 0, len(true))
        ways = [self._way(offset) for offset in self._senses(label)]
        said = max(ways, key=lambda way: (2 * len(way & true) / (len(way) + len(true))), default=None)
        return Overlap(0, 1, len(true)) if said is None else Overlap(len(said & true), len(said), len(true))

    def _truth(self, truth: Truth) -> frozenset[str] | None:
        words = (truth.name, *sorted(truth.synonyms))
        senses = dict.fromkeys(offset for word in words for offset in self._senses(word))
        above = frozenset().union(*truth.hypernyms)

        def agreement(offset: str) -> tuple[int, int, int]:
            words = self._words(self._wordnet.ancestors(offset))
            return (len(words & above), len(self._words([offset]) & truth.synonyms), -len(words))

        best = max(senses, key=agreement, default=None)
        return None if best is None else self._way(best)

    def _way(self, offset: str) -> frozenset[str]:
        """A synset and all above it, without the root."""
        return frozenset(one for one in self._wordnet.ancestors(offset) if self._wordnet.synsets[one].hypernyms)

    def _senses(self, word: str) -> tuple[str, ...]:
        return self._wordnet.senses.get(word.lower()) or self._by_spelling.get(canonical(word), ())

    def _words(self, offsets: Iterable[str]) -> set[str]:
        return {word.lower() for offset in offsets for word in self._wordnet.synsets[offset].words}

    @cached_property
    def _by_spelling(self) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for word, senses in self._wordnet.senses.items():
            found.setdefault(canonical(word), senses)
        return found


def wordnet_figures(items: Sequence[Item], paths: WordNetPaths) -> list[Figure]:
    """Hierarchical precision and recall over all items with a truth that WordNet knows; none if there is no such."""
    found = [paths.overlap(item.best.text if item.best else "", item.truth) for item in items if item.truth is not None]
    known = [one for one in found if one is not None]
    figures = []
    for name, above, below, note in (
        ("hierarchical precision", "both", "said", "how much of what labels say and imply is true"),
        ("hierarchical recall", "both", "true", "how much of what is true they say or imply"),
    ):
        lower = [getattr(one, below) for one in known]
        if sum(lower):
            figures.append(Figure.of(name, bootstrap_ratio([getattr(one, above) for one in known], lower), note))
    return figures
