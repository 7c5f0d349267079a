"""Greedy and beam search (NOVIC, section 3.4), free or guided by a noun trie, with vocabulary priors.

Every live beam carries its trie nodes; when guided, only the children of its node are candidates, so the cost does not
depend on the number of nouns. Finished beams compete with live ones and leave when k others are better. A noun that
fills every token column needs no end token, as in the authors' code. Greedy search is a beam of one.

This file is NOT the model (`object_decoder.py`) and knows no strings. Exhaustive search is in `exhaustive.py`; how a
candidate is scored, for both, is in `candidates.py`, what is computed when in `positions.py`.
Shapes: B images, R live beams over all images.
"""

from __future__ import annotations

import numpy as np
import torch

from novic_ros.decoding.candidates import Found, Scorer
from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.decoding.positions import Positions

__all__ = ["beam_search"]


@torch.inference_mode()
def beam_search(model: ObjectDecoder, vectors: torch.Tensor, scorer: Scorer, *,
                end_full_nouns: bool = False) -> list[list[Found]]:
    """vectors float32 [B, F] -> for each at most k `Found`, best first.

    end_full_nouns: also score the end token of nouns that fill every column, as exhaustive search does.
    """
    k = scorer.config.k
    finished: list[list[Found]] = [[] for _ in range(len(vectors))]
    if not len(vectors):
        return finished
    columns = model.arch.max_tokens - 1 + end_full_nouns
    positions = Positions(model, vectors, scorer, rows=len(vectors) * k, alive=columns)
    beams = positions.roots()
    for column in range(1, columns + 1):
        grown = scorer.grow(beams, positions, most=k)
        value = scorer.value(grown.score, column)
        kept = _best_per_image(beams.image[grown.owner], value, finished, k)
        ends = grown.is_end[kept]
        for candidate in kept[ends]:
            beam = grown.owner[candidate]
            finished[beams.image[beam]].append(Found(beams.tokens[beam], int(grown.noun[candidate]),
                                                     float(value[candidate])))
        kept = kept[~ends]
        beams = beams.extended(grown, kept)
        if not len(kept) or column == columns:
            break
        beams = positions.append(beams, columns - column)

    for beam, value in enumerate(scorer.value(beams.score, columns)):  # nouns that fill every column have no end token
        noun = scorer.noun_ending_at(beams.node[beam])
        if noun is not None:
            finished[beams.image[beam]].append(Found(beams.tokens[beam], noun, float(value)))
    return [sorted(found, key=lambda one: -one.value)[:k] for found in finished]


def _best_per_image(image: np.ndarray, value: np.ndarray, finished: list[list[Found]], k: int) -> np.ndarray:
    """Which candidates [n] stay among their image's k best, by falling value; finished nouns that do not go."""
    kept = []
    begins = [0, *((image[1:] != image[:-1]).nonzero()[0] + 1)] if len(image) else []  # one image's lie side by side
    for begin, end in zip(begins, [*begins[1:], len(image)]):
        best = np.arange(begin, end)
        if len(best) > k:
            best = begin + np.argpartition(-value[begin:end], k - 1)[:k]
        best = best[np.argsort(-value[best], kind="stable")]
        done = finished[image[begin]]
        if done:
            ranked = np.sort(np.concatenate([value[best], [one.value for one in done]]))[::-1]
            threshold = ranked[k - 1] if len(ranked) >= k else -np.inf
            done[:] = [one for one in done if one.value >= threshold]
            best = best[value[best] >= threshold][:k - len(done)]
        kept.append(best)
    return np.concatenate(kept) if kept else np.empty(0, dtype=np.int64)
