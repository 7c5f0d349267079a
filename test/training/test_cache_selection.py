"""Rows of caches by their nouns: the same as a plain filter finds, no copy of the vectors, every missing noun named."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from toy_training import CPU, NOUNS, Letters, ToyCache, toy_cache, toy_recipe

from novic_ros.training import cache_selection
from novic_ros.training.cache_selection import SelectedRows, select_nouns
from novic_ros.training.embedding_cache import EmbeddingCache, write_cache
from novic_ros.training.processes import Processes
from novic_ros.training.recipe import RecipeError
from novic_ros.training.train_run import TrainRun
from novic_ros.training.training_data import TrainingData


def said(cache):
    """Each row as (its vector's bytes, [(noun, weight), ...])."""
    return [(vector.tobytes(), [(cache.nouns[noun], weight) for noun, weight in zip(nouns, weights) if noun >= 0])
            for vector, nouns, weights in zip(cache.vectors[:], cache.targets[:].tolist(), cache.weights[:].tolist())]


@given(st.integers(1, 3), st.integers(0, 1000), st.sets(st.sampled_from(NOUNS)))
def test_the_rows_are_those_that_a_plain_filter_finds(most, seed, chosen):
    cache = toy_cache(most=most, seed=seed)
    expected = [(vector, nouns) for vector, nouns in said(cache) if {noun for noun, _ in nouns} <= chosen]
    alone = {noun for _, nouns in expected for noun, _ in nouns}
    missing = chosen - alone
    if missing:
        with pytest.raises(RecipeError) as error:
            select_nouns([cache], sorted(chosen))
        assert f"{len(missing)} come only beside nouns that are not among them" in str(error.value)
        assert all(noun in str(error.value) for noun in missing)
        return
    found = select_nouns([cache], sorted(chosen))
    assert [row for one in found for row in said(one)] == expected
    assert all(one.nouns == tuple(noun for noun in NOUNS if noun in chosen) for one in found)


def test_targets_are_looked_at_in_parts(monkeypatch):
    cache = toy_cache()
    (whole,) = select_nouns([cache], NOUNS[2:5])
    monkeypatch.setattr(cache_selection, "AT_ONCE", 7)
    (parts,) = select_nouns([cache], NOUNS[2:5])
    assert said(parts) == said(whole)


def test_spelling_does_not_matter_and_the_caches_own_stays():
    cache = toy_cache(("T-Shirt", "dog", "café"), rows=9)
    (found,) = select_nouns([cache], ["cafe", "t shirt"])
    assert found.nouns == ("T-Shirt", "café")
    assert found.whole is cache


def test_several_caches_share_the_nouns_and_one_without_any_is_left_out():
    first, second = toy_cache(NOUNS[:4], rows=8), toy_cache(NOUNS[3:8], rows=10, seed=1)
    found = select_nouns([first, second, toy_cache(NOUNS[8:], rows=8)], [NOUNS[3], NOUNS[5]])
    assert [one.nouns for one in found] == [(NOUNS[3],), (NOUNS[3], NOUNS[5])]
    data = TrainingData.of(found, "toy", Letters())
    assert data.nouns == (NOUNS[3], NOUNS[5])
    assert data.rows == sum(noun in (NOUNS[3], NOUNS[5])
                            for cache in (first, second) for noun in np.array(cache.nouns)[cache.targets[:, 0]])


def test_all_nouns_that_cannot_be_learnt_are_named_at_once():
    cache = ToyCache(np.ones((2, 4), np.float16), np.array([[0, 1], [2, -1]], np.int32),
                     np.array([[0.7, 0.3], [1, 0]], np.float32), ("dog", "leash", "cat"))
    with pytest.raises(RecipeError) as error:
        select_nouns([cache], ["cat", "dog", "unicorn", "yeti"])
    assert str(error.value) == (
        "nouns: expected nouns of the caches, but 2 of 4 are in no cache: unicorn, yeti; 1 come only beside nouns that "
        "are not among them: dog; leave them out, or write a cache with captions of them")
    assert [one.nouns for one in select_nouns([cache], ["dog", "leash"])] == [("dog", "leash")]


def test_rows_are_picked_as_from_an_array():
    array = np.arange(40).reshape(20, 2)
    picked = SelectedRows(array, np.array([3, 5, 11, 19]))
    np.testing.assert_array_equal(picked[1:3], array[[5, 11]])
    np.testing.assert_array_equal(picked[np.array([3, 0])], array[[19, 3]])
    assert (len(picked), picked.shape) == (4, (4, 2))


def test_a_training_on_them_is_the_same_as_one_on_a_cache_of_them(tmp_path):
    """The decoder, its log and its probe, down to the last bit."""
    chosen = NOUNS[1:6]
    whole = toy_cache(rows=300)
    keep = np.isin(whole.targets[:, 0], range(1, 6))
    small = ToyCache(whole.vectors[keep], whole.targets[keep] - 1, whole.weights[keep], chosen)
    folders = []
    for name, caches in (("selected", select_nouns([whole], chosen)), ("own", [small])):
        folders.append(tmp_path / name)
        TrainRun(toy_recipe(), TrainingData.of(caches, "toy", Letters()), folders[-1], Processes(CPU)).run()
    one, other = (torch.load(folder / "last.pt", weights_only=True)["model"] for folder in folders)
    assert all(torch.equal(one[name], other[name]) for name in other)
    assert (folders[0] / "probe.csv").read_text() == (folders[1] / "probe.csv").read_text()


def test_the_file_stays_as_it_is(tmp_path):
    cache = toy_cache()
    path = tmp_path / "a.cache"
    write_cache(path, NOUNS, "toy", len(cache.vectors), 16, [(cache.vectors.astype(np.float32), cache.targets)])
    before = path.read_bytes()
    (found,) = select_nouns([EmbeddingCache.open(path, "toy")], NOUNS[:2])
    assert len(found.vectors[:]) == np.isin(cache.targets, (0, 1)).sum()
    assert path.read_bytes() == before
