"""The benchmark's peer gives the same nouns and scores as the package, so that only their times differ."""

import sys

import numpy as np
import pytest
import torch

from novic_ros.decoding.candidates import Scorer
from novic_ros.decoding.generation import GenerationConfig
from novic_ros.decoding.noun_trie import NounTrie
from novic_ros.decoding.object_decoder import Architecture, ObjectDecoder
from novic_ros.decoding.search import beam_search


@pytest.mark.parametrize("k", [1, 4])
def test_the_peer_finds_the_same(root, monkeypatch, k):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    from peers.dense_beam import dense_beam_search

    torch.manual_seed(0)
    model = ObjectDecoder(Architecture(6, 9, 5, hidden_dim=8, feedfwd_dim=8, num_layers=2, num_heads=2)).eval()
    model.norm.weight.data.mul_(5)
    random = np.random.default_rng(0)
    nouns = [(*random.integers(1, 9, size=random.integers(1, 4)).tolist(), 0) for _ in range(40)]
    vectors = torch.randn(7, 6)
    padded = torch.tensor([[*noun, *[0] * (5 - len(noun))] for noun in nouns])
    tokens, scores = dense_beam_search(model, vectors, padded, k)
    trie = NounTrie.build(nouns)
    for row, found in enumerate(beam_search(model, vectors, Scorer(GenerationConfig(k=k), trie, trie))):
        assert [one.tokens for one in found] == [tuple(t for t in one if t) for one in tokens[row].tolist()]
        np.testing.assert_allclose([one.value for one in found], scores[row], atol=1e-5)
    assert "peers.dense_beam" in sys.modules
