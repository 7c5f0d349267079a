"""The trie spells exactly its nouns."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.decoding import DecodingError
from novic_ros.decoding.noun_trie import NounTrie

nouns_strategy = st.lists(st.lists(st.integers(1, 5), min_size=1, max_size=4).map(lambda t: (*t, 0)), min_size=1,
                          max_size=30)


def spelled(trie):
    """Every noun in the trie: {tokens with end: index}, found by walking all edges."""
    found, frontier = {}, [((), 0)]
    while frontier:
        tokens, node = frontier.pop()
        _, edges = trie.edges_of(np.array([node]))
        for token, child in zip(trie.edge_token[edges].tolist(), trie.edge_node[edges].tolist()):
            if token == 0:
                found[(*tokens, 0)] = int(trie.noun_at[node])
            else:
                frontier.append(((*tokens, token), child))
    return found


@given(nouns_strategy)
def test_spells_exactly_its_nouns_and_the_first_of_equal_ones_counts(nouns):
    assert spelled(NounTrie.build(nouns)) == {noun: nouns.index(noun) for noun in nouns}


@given(nouns_strategy, st.data())
def test_edges_of_many_nodes_are_those_of_each(nouns, data):
    trie = NounTrie.build(nouns)
    nodes = np.array(data.draw(st.lists(st.integers(0, len(trie.noun_at) - 1), max_size=6)), dtype=np.int64)
    owner, edges = trie.edges_of(nodes)
    expected = [(row, edge) for row, node in enumerate(nodes)
                for edge in range(trie.first_edge[node], trie.first_edge[node + 1])]
    assert list(zip(owner.tolist(), edges.tolist())) == expected
    found = trie.find(nodes[owner], trie.edge_token[edges].astype(np.int64))
    assert found.tolist() == edges.tolist()


def test_find_says_nowhere():
    trie = NounTrie.build([(1, 2, 0), (3, 0)])
    nodes = np.array([0, 0, -1, 1, 0, 2])
    tokens = np.array([2, 99, 1, 2, 3, 0])
    assert (trie.find(nodes, tokens) >= 0).tolist() == [False, False, False, True, True, True]


@given(nouns_strategy)
def test_counts_priors_and_lengths(nouns):
    trie = NounTrie.build(nouns)
    root = slice(0, trie.first_edge[1])
    firsts = [noun[0] for noun in nouns]
    assert dict(zip(trie.edge_token[root].tolist(), trie.edge_count[root].tolist())) == {
        token: firsts.count(token) for token in firsts}
    np.testing.assert_allclose(np.exp(trie.log_prior("tgt")[root]),
                               [firsts.count(t) / len(nouns) for t in trie.edge_token[root]])
    np.testing.assert_allclose(np.exp(trie.log_prior("tok")[root]), 1 / len(set(firsts)))
    assert trie.shortest[0] == min(map(len, nouns)) and trie.longest[0] == max(map(len, nouns))


def test_tokens_of_a_node_rise():
    trie = NounTrie.build([(3, 0), (1, 0), (2, 5, 0), (2, 4, 0)])
    assert trie.edge_token[trie.edges_of(np.array([0]))[1]].tolist() == [1, 2, 3]


@pytest.mark.parametrize("nouns", [[], [(0,)], [(1,)], [(1, 0, 2, 0)]])
def test_nouns_that_cannot_be_spelled_are_refused(nouns):
    with pytest.raises(DecodingError, match="noun trie"):
        NounTrie.build(nouns)


def test_damaged_arrays_are_refused():
    trie = NounTrie.build([(1, 2, 0), (3, 0)])
    with pytest.raises(DecodingError, match="do not fit"):
        NounTrie(trie.first_edge, trie.edge_token[:-1], trie.edge_node, trie.edge_count, trie.noun_at)
    with pytest.raises(DecodingError, match="do not fit"):
        NounTrie(trie.first_edge[:-1], trie.edge_token, trie.edge_node, trie.edge_count, trie.noun_at)
