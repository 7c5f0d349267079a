"""The probe: nouns spread over the list, each with a clean vector of its own, and how many come back."""

import numpy as np
from toy_training import CPU, NOUNS, ToyCache, toy_cache, toy_data, toy_recipe

from novic_ros.training.probe import Probe


def test_every_noun_with_its_first_vector():
    cache = toy_cache()
    probe = Probe.of(toy_data(cache), 100)
    assert probe.nouns == NOUNS
    for noun, vector in enumerate(probe.vectors):
        first = np.flatnonzero(cache.targets[:, 0] == noun)[0]
        np.testing.assert_array_equal(vector, cache.vectors[first].astype(np.float32))


def test_some_nouns_at_even_distances():
    assert Probe.of(toy_data(), 3).nouns == (NOUNS[0], NOUNS[5], NOUNS[11])
    assert Probe.of(toy_data(), 0).nouns == ()


def test_vectors_of_several_nouns_are_no_clean_ones():
    cache = toy_cache(most=2)
    probe = Probe.of(toy_data(cache), 100)
    alone = cache.weights[:, 1] == 0
    assert set(probe.nouns) == {NOUNS[noun] for noun in cache.targets[alone, 0]}
    for noun, vector in zip(probe.nouns, probe.vectors):
        first = np.flatnonzero(alone & (cache.targets[:, 0] == NOUNS.index(noun)))[0]
        np.testing.assert_array_equal(vector, cache.vectors[first].astype(np.float32))


def test_later_caches_fill_in():
    caches = toy_cache(NOUNS[:6]), toy_cache(NOUNS[4:], seed=1)
    probe = Probe.of(toy_data(*caches), 100)
    assert probe.nouns == NOUNS
    np.testing.assert_array_equal(probe.vectors[4], caches[0].vectors[4].astype(np.float32))
    np.testing.assert_array_equal(probe.vectors[11], caches[1].vectors[7].astype(np.float32))


def test_no_more_rows_are_read_than_allowed():
    assert Probe.of(toy_data(), 100, most_rows=5).nouns == NOUNS[:5]


def test_how_many_come_back():
    """An untrained decoder says one noun or other; it is right for the vectors that are called so."""
    data = toy_data()
    checkpoint = data.checkpoint(data.network(toy_recipe(dropout=0)).eval(), {})
    probe = Probe.of(data, 100)
    from novic_ros.decoding.noun_decoder import NounDecoder

    said = [row[0].text for row in NounDecoder(checkpoint).decode(probe.vectors, "greedy")]
    assert probe.right(checkpoint, CPU) == sum(one == noun for one, noun in zip(said, NOUNS))
    assert Probe(probe.vectors, tuple(said)).right(checkpoint, CPU) == len(NOUNS)


def test_a_cache_without_clean_vectors():
    cache = toy_cache()
    both = ToyCache(cache.vectors, np.repeat(cache.targets, 2, 1), np.full((96, 2), 0.5, np.float32), NOUNS)
    assert len(Probe.of(toy_data(both), 100)) == 0
