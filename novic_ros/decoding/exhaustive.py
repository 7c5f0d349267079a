"""Exhaustive search: the k best of all guide nouns, exactly (method `all` of the authors' grammar).

A beam search first gives k good nouns; then the trie is walked, and a branch is left as soon as nothing below it can
reach the k-th best noun known: log-probabilities only fall, priors and length corrections are bounded from the trie.
So every noun is accounted for while few are computed. All nouns score their end token, also those that fill every
column. With `gr` and priors the cost and memory stay those of the visited branches.
"""

from __future__ import annotations

import heapq

import numpy as np
import torch

from novic_ros.decoding.candidates import Candidates, Found, Scorer
from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.decoding.positions import Positions
from novic_ros.decoding.search import beam_search

__all__ = ["exhaustive_search"]

ROWS = 256  # beams computed at once; bounds the memory
SLACK = 1e-6  # float32 may compute a score a little differently in another batch


@torch.inference_mode()
def exhaustive_search(model: ObjectDecoder, vectors: torch.Tensor, scorer: Scorer) -> list[list[Found]]:
    """vectors float32 [B, F] -> for each the k best guide nouns as `Found`, best first; all if there are fewer."""
    best = [_Best(found, scorer.config.k) for found in beam_search(model, vectors, scorer, end_full_nouns=True)]
    bound = _Bound(scorer)
    for image in range(len(vectors)):
        positions = Positions(model, vectors[image:image + 1], scorer, rows=ROWS, alive=model.arch.max_tokens)
        waiting = [(positions.roots(), 1, positions.used)]  # last in, first out: depth first, likeliest branches first
        while waiting:
            beams, column, used = waiting.pop()
            positions.rewind(used)  # what was computed since then was for branches that are done
            beams = positions.append(beams, model.arch.max_tokens - column + 1)
            grown = scorer.grow(beams, positions)
            ends = np.flatnonzero(grown.is_end)
            for row, value in zip(ends, scorer.value(grown.score[ends], column)):
                best[image].offer(Found(beams.tokens[grown.owner[row]], int(grown.noun[row]), float(value)))
            promising = bound.of(grown, column)
            promising[ends] = -np.inf
            kept = np.flatnonzero(promising > best[image].threshold - SLACK)
            kept = kept[np.argsort(-promising[kept], kind="stable")]
            for begin in reversed(range(0, len(kept), ROWS)):
                part = kept[begin:begin + ROWS]
                waiting.append((beams.extended(grown, part), column + 1, positions.used))
    return [one.ranked() for one in best]


class _Best:
    """The k best distinct nouns of one image so far."""

    def __init__(self, found: list[Found], k: int):
        self._k = k
        self._by_noun = {one.noun: one for one in found}
        self._update()

    def offer(self, found: Found) -> None:
        if found.noun not in self._by_noun and found.value > self.threshold:
            self._by_noun[found.noun] = found
            self._update()

    def ranked(self) -> list[Found]:
        return sorted(self._by_noun.values(), key=lambda one: -one.value)[:self._k]

    def _update(self) -> None:
        self._by_noun = {one.noun: one for one in self.ranked()}
        full = len(self._by_noun) == self._k
        self.threshold = heapq.nsmallest(1, (one.value for one in self._by_noun.values()))[0] if full else -np.inf


class _Bound:
    """The greatest value that any noun below a candidate can still reach."""

    def __init__(self, scorer: Scorer):
        self._scorer = scorer
        self._bonus = None  # most that priors can still add below a vocabulary node
        if scorer.vocabulary is not None:
            self._bonus = scorer.vocabulary.fold_up(scorer.edge_bonus, np.maximum)

    def of(self, grown: Candidates, column: int) -> np.ndarray:
        score, alpha = grown.score, self._scorer.config.length_alpha
        if self._bonus is not None:
            score = score + self._bonus[grown.vocabulary_node]
        if alpha == 0:
            return score
        # A longer noun is worth more where its score is negative and alpha positive, or the other way round.
        trie = self._scorer.guide
        least, most = column + trie.shortest[grown.node], column + trie.longest[grown.node]
        length = np.where((score < 0) == (alpha > 0), most, least)
        return score * length ** -alpha
