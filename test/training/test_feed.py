"""Micro-batches by number: the rows of the cache, every row once per epoch, several caches mixed, threads in order."""

import numpy as np
import pytest
import torch
from toy_training import CPU, NOUNS, InOrder, ToyCache, toy_cache

from novic_ros.training.batches import ShuffledBatches
from novic_ros.training.feed import Feed, merged_nouns
from novic_ros.training.targets import NounTable

TABLE = NounTable([[noun + 1, 0] for noun in range(40)])


def numbered(rows, first, nouns=NOUNS):
    """A cache whose vectors say which row they are: row r is [first + r, 0]."""
    vectors = np.stack([np.arange(rows) + first, np.zeros(rows)], axis=1).astype(np.float16)
    targets = (np.arange(rows) % len(nouns)).astype(np.int32)[:, None]
    return ToyCache(vectors, targets, np.ones((rows, 1), np.float32), tuple(nouns))


def feed_of(caches, epoch_batches, batch=4, seed=1, ahead=0, kind=ShuffledBatches):
    batches = [kind(cache, batch, seed) if kind is ShuffledBatches else kind(cache, batch) for cache in caches]
    return Feed(caches, batches, merged_nouns(caches)[1], TABLE, epoch_batches, seed, CPU, ahead)


def rows_of(batches):
    return [batch.vectors[:, 0].int().tolist() for batch in batches]


def test_vectors_and_targets_belong_together():
    cache = toy_cache()
    feed = feed_of([cache], 12, batch=8, kind=InOrder)
    for number, batch in enumerate(feed(range(12))):
        assert batch.number == number
        own = slice(8 * number, 8 * number + 8)
        np.testing.assert_array_equal(batch.vectors, cache.vectors[own].astype(np.float32))
        (group,) = batch.groups
        nouns = dict(zip(group.owner.tolist(), (group.tokens[:, 0] - 1).tolist()))
        assert [nouns[row] for row in range(8)] == cache.targets[own, 0].tolist()


@pytest.mark.parametrize("ahead", [0, 1, 3, 50])
def test_fetched_ahead_or_not_they_are_the_same(ahead):
    caches = [numbered(40, 0), numbered(24, 100)]
    expected = rows_of(feed_of(caches, 16)(range(40)))
    assert rows_of(feed_of(caches, 16, ahead=ahead)(range(40))) == expected


@pytest.mark.parametrize("ahead", [0, 2])
def test_some_of_the_numbers(ahead):
    caches = [numbered(40, 0), numbered(24, 100)]
    every = rows_of(feed_of(caches, 16)(range(40)))
    assert rows_of(feed_of(caches, 16, ahead=ahead)(range(5, 40, 3))) == every[5::3]


def test_an_epoch_takes_every_row_of_every_cache_once():
    feed = feed_of([numbered(40, 0), numbered(24, 100)], 16)
    epochs = [sorted(sum(rows_of(feed(range(16 * epoch, 16 * epoch + 16))), [])) for epoch in range(3)]
    assert epochs == [[*range(40), *range(100, 124)]] * 3


def test_caches_are_mixed_otherwise_in_every_epoch():
    feed = feed_of([numbered(40, 0), numbered(40, 100)], 20)
    which = ["".join("ab"[row[0] >= 100] for row in rows_of(feed(range(20 * epoch, 20 * epoch + 20))))
             for epoch in range(3)]
    assert len(set(which)) == 3
    assert all(epoch.count("a") == 10 for epoch in which)
    assert all("ab" in epoch and "ba" in epoch for epoch in which)
    other = feed_of([numbered(40, 0), numbered(40, 100)], 20, seed=2)
    assert rows_of(other(range(20))) != rows_of(feed(range(20)))


def test_what_does_not_fill_a_step_is_dropped():
    """17 micro-batches per pass, 16 used: no number reaches into the next pass."""
    feed = feed_of([numbered(68, 0)], 16)
    for epoch in range(3):
        rows = sum(rows_of(feed(range(16 * epoch, 16 * epoch + 16))), [])
        assert len(set(rows)) == len(rows) == 64


def test_nouns_of_several_caches():
    one, other = numbered(4, 0, ("a", "b", "c")), numbered(4, 10, ("c", "d", "a"))
    nouns, numbers = merged_nouns([one, other])
    assert nouns == ("a", "b", "c", "d")
    assert [mapping.tolist() for mapping in numbers] == [[0, 1, 2, -1], [2, 3, 0, -1]]
    feed = feed_of([one, other], 2)
    for batch in feed(range(2)):
        (group,) = batch.groups
        expected = [0, 1, 2, 0] if batch.vectors[:, 0].max() < 10 else [2, 3, 0, 2]
        nouns = dict(zip((batch.vectors[group.owner, 0].int() % 10).tolist(), (group.tokens[:, 0] - 1).tolist()))
        assert [nouns[row] for row in range(4)] == expected


def test_errors_of_the_thread_come_out():
    cache = numbered(8, 0)
    cache.weights[:] = 0
    with pytest.raises(ValueError, match="noun with a weight above 0"):
        next(feed_of([cache], 2, ahead=2)(range(2)))


def test_stopping_early_leaves_no_thread():
    import threading

    before = threading.active_count()
    batches = feed_of([numbered(400, 0)], 100, ahead=3)(range(100))
    next(batches)
    batches.close()
    assert threading.active_count() == before


@pytest.mark.gpu
def test_on_a_gpu_they_are_the_same():
    caches = [toy_cache()]
    on_cpu = feed_of(caches, 12, batch=8)
    batches = [InOrder(caches[0], 8)]
    on_gpu = Feed(caches, batches, merged_nouns(caches)[1], TABLE, 12, 1, torch.device("cuda"))
    on_cpu = Feed(caches, batches, merged_nouns(caches)[1], TABLE, 12, 1, CPU)
    for mine, theirs in zip(on_gpu(range(12)), on_cpu(range(12))):
        assert torch.equal(mine.vectors.cpu(), theirs.vectors)
        assert torch.equal(mine.groups[0].tokens.cpu(), theirs.groups[0].tokens)
