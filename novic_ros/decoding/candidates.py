"""What may follow each beam and what it is worth: the one place where the score of NOVIC's searches is defined.

    score = sum over tokens of ( log p(token) - lambda * log q(token) ),   value = score * n ** -alpha

p is the softmax of logits / t over all V tokens (guide modes n and p) or over those that continue a guide noun (r); q
is the vocabulary prior; n counts tokens, the end token included. The first token is never the end token. This file
chooses nothing: it lists and scores.
Shapes: R beams, n candidates, L positions of a beam, prefix included, V token vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch

from novic_ros.decoding.generation import GenerationConfig
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.tokens import END

__all__ = ["Beams", "Candidates", "Found", "Readings", "Scorer"]

NOWHERE = -1


@dataclass(frozen=True)
class Found:
    """A finished sequence: its content tokens, the guide noun that they spell (-1 in free search) and its value."""

    tokens: tuple[int, ...]
    noun: int
    value: float


@dataclass(frozen=True)
class Candidates:
    """One row per possible next token; candidates of one beam lie side by side."""

    owner: np.ndarray  # int64 [n], row of the beam
    token: np.ndarray  # int64 [n]
    node: np.ndarray  # int64 [n], guide node after the token; NOWHERE when ended or unguided
    vocabulary_node: np.ndarray  # int64 [n], likewise in the vocabulary's trie, when priors are used
    noun: np.ndarray  # int64 [n], the guide noun that ends here, or NOWHERE
    score: np.ndarray  # float64 [n], of the whole sequence so far

    @property
    def is_end(self) -> np.ndarray:
        return self.token == END


@dataclass(frozen=True)
class Beams:
    """Sequences that are not finished."""

    image: np.ndarray  # int64 [R], rising
    node: np.ndarray  # int64 [R], guide node
    vocabulary_node: np.ndarray  # int64 [R]
    score: np.ndarray  # float64 [R]
    tokens: list[tuple[int, ...]]  # [R], content so far
    path: np.ndarray  # int64 [R, L], slots of the beam's positions; the last is -1 until it is computed

    @classmethod
    def roots(cls, paths: np.ndarray) -> Beams:
        """One empty beam per image; paths int64 [B, P], slots of the images' prefixes."""
        zeros = np.zeros(len(paths), dtype=np.int64)
        return cls(np.arange(len(paths)), zeros, zeros, np.zeros(len(paths)), [()] * len(paths), paths)

    def extended(self, grown: Candidates, kept: np.ndarray) -> Beams:
        """The beams that the candidates in rows `kept` (none of them an end) make."""
        owner = grown.owner[kept]
        tokens = [(*self.tokens[beam], token) for beam, token in zip(owner.tolist(), grown.token[kept].tolist())]
        path = np.concatenate([self.path[owner], np.full((len(owner), 1), NOWHERE)], axis=1)
        return Beams(self.image[owner], grown.node[kept], grown.vocabulary_node[kept], grown.score[kept], tokens, path)


class Readings(Protocol):
    """What a scorer needs to know of computed positions (`positions.py`)."""

    def at(self, slots: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """Readings of tokens [n] at slots [n], float64 [n]."""

    def newest(self) -> torch.Tensor:
        """All readings of the last pass, [R, V]."""


class Scorer:
    """Candidates and their scores under one configuration, guide trie and vocabulary trie."""

    def __init__(self, config: GenerationConfig, guide: NounTrie, vocabulary: NounTrie):
        self.config = config
        self.guide = None if config.guide == "n" else guide
        self.vocabulary = vocabulary if config.prior != "none" and config.prior_scale != 0 else None
        self._same_trie = self.guide is self.vocabulary
        self.edge_bonus = None  # float64 [edges of the vocabulary], -lambda * log q
        if self.vocabulary is not None:
            self.edge_bonus = -config.prior_scale * self.vocabulary.log_prior(config.prior)

    def readings(self, logits: torch.Tensor) -> torch.Tensor:
        """What is kept of logits float32 [R, V]: log-probabilities, or in guide mode r logits, at the temperature."""
        if self.config.temperature != 1:
            logits = logits / self.config.temperature
        return logits if self.config.guide == "r" else logits.log_softmax(dim=-1)

    def grow(self, beams: Beams, readings: Readings, most: int | None = None) -> Candidates:
        """All candidates of R beams whose positions are computed; free search gives the k likeliest of each beam.

        most: so many of each beam are enough; where it saves time, only the likeliest so many are listed.
        """
        trie = self.guide or self.vocabulary
        if trie is None:
            return self._grow_freely(beams, readings.newest())
        if most and not beams.tokens[0] and self.config.guide == "p" and self.vocabulary is None:
            return self._grow_roots(readings.newest(), most)
        guided = trie is self.guide
        owner, edge = trie.edges_of(beams.node if guided else beams.vocabulary_node)
        token = trie.edge_token[edge].astype(np.int64)
        node = trie.edge_node[edge].astype(np.int64) if guided else np.full(len(edge), NOWHERE)
        noun = np.full(len(edge), NOWHERE)
        if guided:
            ends = token == END
            noun[ends] = trie.noun_at[beams.node[owner[ends]]]
        chosen = readings.at(beams.path[owner, -1], token)
        if self.config.guide == "r":
            first = np.diff(owner, prepend=-1).nonzero()[0]
            peak = np.maximum.reduceat(chosen, first)
            chosen -= (peak + np.log(np.add.reduceat(np.exp(chosen - peak[owner]), first)))[owner]
        score = beams.score[owner] + chosen
        if self.vocabulary is None:
            return Candidates(owner, token, node, node, noun, score)

        prior_edge = edge if self._same_trie or not guided else \
            self.vocabulary.find(beams.vocabulary_node[owner], token)
        known = prior_edge >= 0  # a token that no vocabulary noun continues with has no prior: it may not follow
        owner, token, node, noun, prior_edge = (a[known] for a in (owner, token, node, noun, prior_edge))
        score = score[known] + self.edge_bonus[prior_edge]
        return Candidates(owner, token, node, self.vocabulary.edge_node[prior_edge].astype(np.int64), noun, score)

    def value(self, score: np.ndarray, tokens: int | np.ndarray) -> np.ndarray:
        """Scores float64 [n] of sequences of `tokens` tokens, corrected for length."""
        return score if self.config.length_alpha == 0 else score * np.power(float(tokens), -self.config.length_alpha)

    def noun_ending_at(self, node: int) -> int | None:
        """The noun that a sequence without room for an end token spells: -1 in free search, None if it is none."""
        if self.guide is None:
            return NOWHERE
        noun = int(self.guide.noun_at[node])
        return None if noun < 0 else noun

    def _grow_roots(self, logprob: torch.Tensor, most: int) -> Candidates:
        """The likeliest first tokens of every image: a root has thousands of children."""
        edges = self.guide.first_edge[1]  # the root's are the first ones
        first_tokens = torch.from_numpy(self.guide.edge_token[:edges]).to(logprob.device)
        best, edge = logprob.index_select(1, first_tokens).topk(min(most, edges), sorted=False)
        owner = np.repeat(np.arange(len(best)), best.shape[1])
        edge = edge.cpu().numpy().ravel()
        node = self.guide.edge_node[edge].astype(np.int64)
        return Candidates(owner, self.guide.edge_token[edge].astype(np.int64), node, node,
                          np.full(len(edge), NOWHERE), best.double().cpu().numpy().ravel())

    def _grow_freely(self, beams: Beams, logprob: torch.Tensor) -> Candidates:
        if not beams.tokens[0]:
            nothing = torch.tensor([END], device=logprob.device)  # is no noun
            logprob = logprob.index_fill(1, nothing, -torch.inf)
        count = min(self.config.k, logprob.shape[1] - 1)
        best, token = logprob.topk(count, dim=-1)
        owner = np.repeat(np.arange(len(beams.tokens)), count)
        nowhere = np.full(len(owner), NOWHERE)
        score = beams.score[owner] + best.double().cpu().numpy().ravel()
        return Candidates(owner, token.cpu().numpy().ravel(), nowhere, nowhere, nowhere, score)
