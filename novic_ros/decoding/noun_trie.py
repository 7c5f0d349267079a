"""A token trie over nouns in compressed sparse rows: which tokens may follow a prefix, in time independent of W.

Node 0 is the empty prefix. The edges of node n are rows `first_edge[n]` to `first_edge[n + 1]` of `edge_token` and
`edge_node`, in rising order of tokens; an edge with the end token leads to -1. `noun_at[n]` is the index of the noun
that ends at n, or -1. This file is NOT a search and knows no strings.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from novic_ros.decoding.errors import DecodingError
from novic_ros.decoding.tokens import END

__all__ = ["NounTrie"]


@dataclass(frozen=True)
class NounTrie:
    """All arrays int32; M nodes, X edges (end edges included)."""

    first_edge: np.ndarray  # [M + 1]
    edge_token: np.ndarray  # [X]
    edge_node: np.ndarray  # [X]
    noun_at: np.ndarray  # [M]

    def __post_init__(self):
        nodes, edges = len(self.noun_at), len(self.edge_token)
        consistent = (nodes >= 1 and len(self.first_edge) == nodes + 1 and self.first_edge[0] == 0
                      and self.first_edge[-1] == edges == len(self.edge_node)
                      and (np.diff(self.first_edge) >= 0).all()
                      and edges > 0 and self.edge_node.max(initial=-1) < nodes and self.edge_token.min(initial=0) >= 0)
        if not consistent:
            raise DecodingError(f"noun trie: the arrays do not fit together ({nodes} nodes, {edges} edges); "
                                "the file that they came from is damaged")

    @classmethod
    def build(cls, nouns: Sequence[Sequence[int]]) -> NounTrie:
        """From the compact ids of W nouns, each ended by the end token. Of equal token rows the first noun counts.

        Raises DecodingError for an empty list, an empty noun, or one without an end token.
        """
        if not len(nouns):
            raise DecodingError("noun trie: expected at least one noun, got none")
        for index, noun in enumerate(nouns):
            if len(noun) < 2 or noun[-1] != END or END in noun[:-1]:
                raise DecodingError(f"noun trie: expected tokens and one end token for noun {index}, got {list(noun)}")
        children: list[dict[int, int]] = [{}]
        noun_at = [-1]
        for index, noun in enumerate(nouns):
            node = 0
            for token in noun[:-1]:
                if token not in children[node]:
                    children[node][token] = len(children)
                    children.append({})
                    noun_at.append(-1)
                node = children[node][token]
            if noun_at[node] < 0:
                noun_at[node] = index
                children[node][END] = -1
        first_edge = np.concatenate([[0], np.cumsum([len(edges) for edges in children])]).astype(np.int32)
        ordered = [edge for edges in children for edge in sorted(edges.items())]
        tokens, nodes = np.array(ordered, dtype=np.int32).T
        return cls(first_edge, np.ascontiguousarray(tokens), np.ascontiguousarray(nodes),
                   np.array(noun_at, dtype=np.int32))

    def edges_of(self, nodes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """All edges that leave `nodes` int [R], one after another: row of `nodes`, token, next node, each int64 [n]."""
        begin = self.first_edge[nodes].astype(np.int64)
        count = self.first_edge[nodes + 1] - begin
        owner = np.repeat(np.arange(len(nodes)), count)
        edge = np.arange(len(owner)) - np.repeat(np.cumsum(count) - count, count) + np.repeat(begin, count)
        return owner, self.edge_token[edge].astype(np.int64), self.edge_node[edge].astype(np.int64)
