"""A token trie over nouns in compressed sparse rows: which tokens may follow a prefix, in time independent of W.

Node 0 is the empty prefix. The edges of node n are rows `first_edge[n]` to `first_edge[n + 1]` of the edge arrays, in
rising order of tokens; an edge with the end token leads to -1. `noun_at[n]` is the index of the noun that ends at n, or
-1. This file is NOT a search and knows no strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

import numpy as np

from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.tokens import END

__all__ = ["NounTrie"]


@dataclass(frozen=True, eq=False)
class NounTrie:
    """All arrays int32; M nodes, X edges (end edges included)."""

    first_edge: np.ndarray  # [M + 1]
    edge_token: np.ndarray  # [X]
    edge_node: np.ndarray  # [X]
    edge_count: np.ndarray  # [X] nouns that go this way; those with equal tokens count each
    noun_at: np.ndarray  # [M]

    def __post_init__(self):
        nodes, edges = len(self.noun_at), len(self.edge_token)
        consistent = (nodes >= 1 and len(self.first_edge) == nodes + 1 and self.first_edge[0] == 0
                      and self.first_edge[-1] == edges == len(self.edge_node) == len(self.edge_count)
                      and (np.diff(self.first_edge) > 0).all()
                      and edges > 0 and self.edge_node.max(initial=-1) < nodes and self.edge_token.min(initial=0) >= 0)
        if not consistent:
            raise DecodingError(f"noun trie: the arrays do not fit together ({nodes} nodes, {edges} edges); "
                                "the file that they came from is damaged")

    @classmethod
    def build(cls, nouns: Sequence[Sequence[int]]) -> NounTrie:
        """From the compact ids of W nouns, each ended by the end token. Of equal token rows the first is `noun_at`.

        Raises DecodingError for an empty list, an empty noun, or one without an end token.
        """
        if not len(nouns):
            raise DecodingError("noun trie: expected at least one noun, got none")
        length = np.fromiter(map(len, nouns), np.int64, len(nouns))
        tokens = np.fromiter(chain.from_iterable(nouns), np.int64, int(length.sum()))
        after = np.cumsum(length)  # where the tokens of the next noun begin
        ends = np.bincount(np.repeat(np.arange(len(nouns)), length), tokens == END, len(nouns))
        faulty = (length < 2) | (ends != 1) | (np.append(tokens, -1)[after - 1] != END)
        if faulty.any():
            index = int(faulty.argmax())
            raise DecodingError(f"noun trie: expected tokens and one end token for noun {index}, got "
                                f"{list(nouns[index])}")

        # Level by level: one edge per distinct (node, token), in rising order; a new node below each but end tokens.
        stride, nodes = int(tokens.max()) + 1, 1
        row, at, node = np.arange(len(nouns)), after - length, np.zeros(len(nouns), np.int64)  # of unfinished nouns
        levels, noun_at = [], np.full(len(tokens) + 1, -1)
        while len(row):
            edges, edge_of, count = np.unique(node * stride + tokens[at], return_inverse=True, return_counts=True)
            token = edges % stride
            below = np.where(token == END, -1, nodes - 1 + np.cumsum(token != END))
            levels.append(np.stack([edges // stride, token, below, count]))
            nodes += int((token != END).sum())
            ended = tokens[at] == END
            noun_at[node[ended][::-1]] = row[ended][::-1]  # the first of equal nouns stays
            row, at, node = row[~ended], at[~ended] + 1, below[edge_of[~ended]]
        start, *edges = np.concatenate(levels, axis=1).astype(np.int32)
        first_edge = np.searchsorted(start, np.arange(nodes + 1)).astype(np.int32)
        return cls(first_edge, *map(np.ascontiguousarray, edges), noun_at[:nodes].astype(np.int32))

    def edges_of(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """All edges that leave `nodes` int [R], one after another: (row of `nodes`, edge), each int64 [n]."""
        begin, count = self.first_edge[nodes], self.degree[nodes]
        if len(nodes) == 1:
            return np.zeros(count[0], dtype=np.int64), np.arange(begin[0], begin[0] + count[0], dtype=np.int64)
        owner = np.repeat(np.arange(len(nodes)), count)
        edge = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count - begin, count)
        return owner, edge

    def find(self, nodes: np.ndarray, tokens: np.ndarray) -> np.ndarray:
        """The edge that leaves nodes[i] (-1: nowhere) with tokens[i], or -1; int64 [n]."""
        wanted = nodes.astype(np.int64) * self._stride + np.minimum(tokens, self._stride - 1)
        place = np.minimum(np.searchsorted(self._edge_key, wanted), len(self._edge_key) - 1)
        found = (self._edge_key[place] == wanted) & (nodes >= 0) & (self.edge_token[place] == tokens)
        return np.where(found, place, -1)

    def log_prior(self, kind: str) -> np.ndarray:
        """Log of the prior of each edge among those of its node, float64 [X] (NOVIC's vocabulary priors).

        "tok": every next token alike. "tgt": every noun alike.
        """
        return self._log_token_prior if kind == "tok" else self._log_noun_prior

    @cached_property
    def degree(self) -> np.ndarray:
        """int32 [M]: how many edges leave a node."""
        return np.diff(self.first_edge)

    @cached_property
    def _stride(self) -> int:
        return int(self.edge_token.max()) + 2

    @cached_property
    def _edge_key(self) -> np.ndarray:
        """int64 [X], rising: one number for (node, token)."""
        node = np.repeat(np.arange(len(self.noun_at), dtype=np.int64), self.degree)
        return node * self._stride + self.edge_token

    @cached_property
    def _log_token_prior(self) -> np.ndarray:
        return -np.log(np.repeat(self.degree, self.degree).astype(np.float64))

    @cached_property
    def _log_noun_prior(self) -> np.ndarray:
        total = np.add.reduceat(self.edge_count.astype(np.float64), self.first_edge[:-1])
        return np.log(self.edge_count / np.repeat(total, self.degree))

    @cached_property
    def tokens_below(self) -> np.ndarray:
        """int64 [M]: how many tokens lie below a node, end tokens not counted."""
        return self.fold_up((self.edge_token != END).astype(np.float64), np.add).astype(np.int64)

    @cached_property
    def shortest(self) -> np.ndarray:
        """float64 [M]: fewest tokens from a node to the end of a noun below it, end token included."""
        return self.fold_up(np.ones(len(self.edge_token)), np.minimum)

    @cached_property
    def longest(self) -> np.ndarray:
        """float64 [M]: most tokens from a node to the end of a noun below it, end token included."""
        return self.fold_up(np.ones(len(self.edge_token)), np.maximum)

    def fold_up(self, edge_value: np.ndarray, choose: np.ufunc) -> np.ndarray:
        """The least or greatest sum of edge values from each node to the end of a noun below it, float64 [M].

        choose: np.minimum or np.maximum; with np.add, the sum over all edges below each node.
        """
        value = np.zeros(len(self.noun_at) + 1)  # the last stays 0: where end edges lead
        for nodes in reversed(self._levels):
            owner, edge = self.edges_of(nodes)
            first_of_owner = np.flatnonzero(np.diff(owner, prepend=-1))
            value[nodes] = choose.reduceat(edge_value[edge] + value[self.edge_node[edge]], first_of_owner)
        return value[:-1]

    @cached_property
    def _levels(self) -> list[np.ndarray]:
        """Nodes by depth, the root first."""
        levels = [np.zeros(1, dtype=np.int64)]
        while True:
            below = self.edge_node[self.edges_of(levels[-1])[1]]
            below = below[below >= 0].astype(np.int64)
            if not len(below):
                return levels
            levels.append(below)
