"""Guided beam search over a noun trie (NOVIC, section 3.4): the k most probable nouns of each vector.

Every live beam carries a trie node; only the node's children are candidates, so the cost does not depend on the
number of nouns. Probabilities keep the full-vocabulary normaliser (guide mode p). A noun that fills every token column
needs no end token, as in the authors' code. With k = 1 this is greedy search.

This file is NOT the model (`object_decoder.py`) and does not know strings: it returns indices of nouns.
Shapes: B images, R live beams over all images, V token vocabulary.
"""

from __future__ import annotations

import numpy as np
import torch

from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.generation import GenerationConfig
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.object_decoder import ObjectDecoder
from novic_ros.decoding.tokens import END

__all__ = ["search"]


@torch.inference_mode()
def search(model: ObjectDecoder, vectors: torch.Tensor, trie: NounTrie,
           config: GenerationConfig) -> list[list[tuple[int, float]]]:
    """vectors float32 [B, F] -> for each, at most k (noun index, log-probability of its tokens), best first.

    Fewer than k are returned where the trie holds fewer nouns. Raises DecodingError for a configuration that this
    search does not offer.
    """
    offered = (config.method in ("greedy", "beam") and config.guide == "p" and config.prior == "none"
               and config.length_alpha == 0)
    if not offered:
        raise DecodingError(f"search {config}: this version offers greedy and beam search with vnone, gp and a0, "
                            "for example beam_k10_vnone_gp_t1_a0")
    if not len(vectors):
        return []

    finished: list[list[tuple[float, int]]] = [[] for _ in range(len(vectors))]
    state, logits = model.start(vectors)
    image = np.arange(len(vectors))  # [R] the image of each live beam
    node = np.zeros(len(vectors), dtype=np.int64)  # [R] its trie node
    score = np.zeros(len(vectors))  # [R] its log-probability so far
    for column in range(1, model.arch.max_tokens):
        owner, token, child = trie.edges_of(node)
        total = score[owner] + _log_probability(logits, config.temperature, owner, token)
        kept = _best_per_image(image[owner], total, finished, config.k)
        ends = token[kept] == END
        for candidate in kept[ends]:
            beam = owner[candidate]
            finished[image[beam]].append((float(total[candidate]), int(trie.noun_at[node[beam]])))
        kept = kept[~ends]
        parents, tokens = owner[kept], token[kept]
        image, node, score = image[parents], child[kept], total[kept]
        if not len(kept) or column == model.arch.max_tokens - 1:
            break
        state, logits = model.advance(state, _index(parents, logits), _index(tokens, logits))

    for beam, ended in enumerate(trie.noun_at[node]):  # nouns that fill every column have no end token
        if ended >= 0:
            finished[image[beam]].append((float(score[beam]), int(ended)))
    return [[(noun, value) for value, noun in sorted(found, key=lambda pair: (-pair[0], pair[1]))[:config.k]]
            for found in finished]


def _log_probability(logits: torch.Tensor, temperature: float, owner: np.ndarray, token: np.ndarray) -> np.ndarray:
    """Log-softmax of logits [R, V], read only at the (owner, token) pairs -> float64 [candidates]."""
    scaled = logits if temperature == 1 else logits / temperature
    chosen = scaled[_index(owner, logits), _index(token, logits)]
    normaliser = scaled.logsumexp(dim=-1)
    return chosen.cpu().numpy().astype(np.float64) - normaliser.cpu().numpy().astype(np.float64)[owner]


def _best_per_image(image: np.ndarray, total: np.ndarray, finished: list[list[tuple[float, int]]],
                    k: int) -> np.ndarray:
    """Candidates [n] -> indices of those that stay among each image's k best, its finished nouns competing."""
    kept = []
    for which in np.unique(image):
        candidates = np.flatnonzero(image == which)
        if len(candidates) > k:
            candidates = candidates[np.argpartition(-total[candidates], k - 1)[:k]]
        candidates = candidates[np.argsort(-total[candidates], kind="stable")]
        done = np.sort([value for value, _ in finished[which]])[::-1]
        better_done = np.searchsorted(-done, -total[candidates], side="right")
        kept.append(candidates[np.arange(len(candidates)) + better_done < k])
    return np.concatenate(kept)


def _index(array: np.ndarray, like: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(np.ascontiguousarray(array)).to(like.device)
