"""Training batches: a function of seed and step; stretches that cover the cache, or rows drawn by weight."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.training.batches import NounBatches, ShuffledBatches
from novic_ros.training.embedding_cache import write_cache
from novic_ros.training.trainer import IGNORE

TOKENS = [[5, 0], [3, 4, 0], [7, 8, 9, 0]]  # of three nouns
ROWS, WIDTH = 90, 4


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Thirty rows of each noun; a row's first element says which noun it is."""
    targets = np.arange(ROWS) % 3
    vectors = np.random.default_rng(0).normal(size=(ROWS, WIDTH)) * 0.01
    vectors[np.arange(ROWS), targets] = 1
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    path = tmp_path_factory.mktemp("batches") / "cache"
    return write_cache(path, ["a", "b", "c"], "spec", ROWS, WIDTH, [(vectors, targets)])


def nouns_of(targets):
    """Indices of the nouns that rows of targets spell, and a check that they are padded right."""
    rows = [[token for token in row if token != IGNORE] for row in targets.tolist()]
    for row, kept in zip(targets.tolist(), rows):
        assert row == kept + [IGNORE] * (len(row) - len(kept))
    return [TOKENS.index(row) for row in rows]


def test_shapes_and_padding(cache):
    batches = NounBatches(cache, TOKENS, steps=10, batch_size=6)
    for step in range(10):
        vectors, targets = batches(step)
        assert (vectors.shape, vectors.dtype) == ((6, WIDTH), torch.float32)
        assert (len(targets), targets.dtype) == (6, torch.int64)
        found = nouns_of(targets)
        assert targets.shape[1] == max(len(TOKENS[noun]) for noun in found)
        assert vectors[:, :3].argmax(1).tolist() == found


def test_depends_on_the_step_alone(cache):
    expected = NounBatches(cache, TOKENS, steps=50, batch_size=4, seed=3)
    expected = [expected(step) for step in range(50)]
    other = NounBatches(cache, TOKENS, steps=50, batch_size=4, seed=3)
    for step in np.random.default_rng(0).permutation(50):
        assert all(torch.equal(a, b) for a, b in zip(other(int(step)), expected[step]))
    assert len({tuple(vectors.flatten().tolist()) for vectors, _ in expected}) == 50


def test_depends_on_the_seed(cache):
    first, second = (NounBatches(cache, TOKENS, steps=5, seed=seed)(0)[0] for seed in (0, 1))
    assert not torch.equal(first, second)


def test_nouns_of_one_length_meet(cache):
    """Of sixteen batches drawn together, most hold one noun only."""
    batches = NounBatches(cache, TOKENS, steps=16, batch_size=8, group=16)
    assert sum(len(set(nouns_of(batches(step)[1]))) == 1 for step in range(16)) >= 14
    alone = NounBatches(cache, TOKENS, steps=16, batch_size=8, group=1)
    assert sum(len(set(nouns_of(alone(step)[1]))) == 1 for step in range(16)) <= 2


@pytest.mark.parametrize(("weights", "shares"), [
    (None, [1 / 3, 1 / 3, 1 / 3]), ([1, 1, 1], [1 / 3, 1 / 3, 1 / 3]), ([1, 2, 5], [1 / 8, 2 / 8, 5 / 8]),
    ([0, 1, 3], [0, 1 / 4, 3 / 4])])
def test_nouns_are_drawn_by_weight(cache, weights, shares):
    batches = NounBatches(cache, TOKENS, steps=96, batch_size=100, weights=weights)  # six groups of sixteen
    counts = np.bincount([noun for step in range(96) for noun in nouns_of(batches(step)[1])], minlength=3)
    assert counts / 9600 == pytest.approx(shares, abs=0.02)
    assert (counts[np.array(shares) == 0] == 0).all()


def test_every_row_is_drawn_of_a_noun_with_few_and_many_rows(tmp_path):
    """Without weights every row counts alike, with weights a noun's share grows with its rows."""
    vectors = np.eye(4)[[0, 1, 2, 3]]
    cache = write_cache(tmp_path / "cache", ["a", "b", "c"], "spec", 4, 4, [(vectors, np.array([0, 0, 0, 1]))])
    batches = NounBatches(cache, TOKENS, steps=48, batch_size=100)
    drawn = torch.cat([batches(step)[0] for step in range(48)]).mean(0)
    torch.testing.assert_close(drawn, torch.full((4,), 0.25), atol=0.02, rtol=0)


def test_noise_sees_progress_and_may_change_the_nouns(cache):
    seen = []

    def noise(vectors, nouns, progress, generator):
        seen.append((progress, torch.rand(1, generator=generator).item()))
        assert nouns.dtype == torch.int64
        return -vectors, torch.full_like(nouns, 2)

    plain = NounBatches(cache, TOKENS, steps=8, batch_size=5)
    noisy = NounBatches(cache, TOKENS, steps=8, batch_size=5, noise=noise)
    for step in (0, 4, 0):
        assert torch.equal(noisy(step)[0], -plain(step)[0])
        assert nouns_of(noisy(step)[1]) == [2] * 5
    progress, drawn = zip(*seen[::2])
    assert progress == (0, 0.5, 0)
    assert drawn[0] == drawn[2] != drawn[1]


def test_rows_of_several_nouns_are_not_drawn_one_by_one(tmp_path):
    cache = write_cache(tmp_path / "cache", ["a", "b", "c"], "spec", 4, 4, [(np.eye(4), np.array([[0, 1]] * 4))],
                        max_targets=2)
    with pytest.raises(ValueError, match="one noun per row, got one with up to 2; use ShuffledBatches"):
        NounBatches(cache, TOKENS, steps=1)


def test_wrong_number_of_nouns_or_weights(cache):
    with pytest.raises(ValueError, match="expected tokens for 3 nouns, got 2"):
        NounBatches(cache, TOKENS[:2], steps=1)
    with pytest.raises(ValueError, match="expected 3 weights, one per noun, got 4"):
        NounBatches(cache, TOKENS, steps=1, weights=[1, 1, 1, 1])


# ---- stretches of the cache ------------------------------------------------------------------------------


class Rows:
    """Stands in for a cache of so many rows."""

    def __init__(self, count):
        self.vectors = np.arange(count)


def taken(batches, rows, epoch):
    """The rows of each step of an epoch."""
    steps = range(epoch * batches.steps_per_epoch, (epoch + 1) * batches.steps_per_epoch)
    return [rows.vectors[batches(step)].tolist() for step in steps]


@given(st.integers(1, 300), st.integers(1, 300), st.integers(0, 99), st.integers(0, 9), st.booleans())
@settings(max_examples=100, deadline=None)
def test_every_row_comes_once_per_epoch(count, batch_size, seed, epoch, drop_last):
    rows, batch_size = Rows(count), min(batch_size, count)
    parts = taken(ShuffledBatches(rows, batch_size, seed, drop_last), rows, epoch)
    seen = [row for part in parts for row in part]
    assert len(set(seen)) == len(seen)
    if drop_last:
        assert {len(part) for part in parts} == {batch_size}
        assert len(parts) == count // batch_size
    else:
        assert sorted(seen) == list(range(count))
        assert sorted(map(len, parts))[1:] == [batch_size] * (len(parts) - 1)


@given(st.integers(1, 200), st.integers(1, 50), st.integers(0, 99), st.lists(st.integers(0, 1000), max_size=20))
@settings(max_examples=60, deadline=None)
def test_a_step_depends_on_nothing_before_it(count, batch_size, seed, steps):
    """A training resumes exactly: in whatever order steps are asked for, they are the same."""
    rows, batch_size = Rows(count), min(batch_size, count)
    expected = {step: ShuffledBatches(rows, batch_size, seed)(step) for step in steps}
    batches = ShuffledBatches(rows, batch_size, seed)
    for step in steps:
        assert rows.vectors[batches(step)].tolist() == rows.vectors[expected[step]].tolist()


def test_all_but_one_batch_of_an_epoch_are_views(cache):
    batches = ShuffledBatches(cache, 8, seed=3)
    for epoch in range(20):
        found = [batches(epoch * batches.steps_per_epoch + place) for place in range(batches.steps_per_epoch)]
        views = [rows for rows in found if isinstance(rows, slice)]
        assert len(views) >= len(found) - 1
        assert all(np.shares_memory(cache.vectors[rows], cache.vectors) for rows in views)


def test_epochs_and_seeds_differ_in_order_and_in_stretches():
    rows = Rows(1000)
    epochs = [taken(ShuffledBatches(rows, 10, seed), rows, epoch) for seed in (0, 1) for epoch in (0, 1, 2)]
    orders = [[part[0] // 10 for part in parts] for parts in epochs]
    assert len(set(map(tuple, orders))) == 6
    assert len({parts[0][0] % 10 for parts in epochs}) > 1  # where stretches begin
    assert all(sorted(order) != order for order in orders)


def test_stretches_come_in_any_order_and_begin_anywhere():
    """Over many epochs, every row is first equally often, and last rows are not the ones always left out."""
    rows, first, dropped = Rows(25), np.zeros(25), np.zeros(25)
    for epoch in range(4000):
        parts = taken(ShuffledBatches(rows, 10, 0), rows, epoch)
        first[parts[0][0]] += 1
        dropped[list(set(range(25)) - set(parts[0] + parts[1]))] += 1
    assert first.min() > 160 - 5 * 160 ** 0.5
    assert first.max() < 160 + 5 * 160 ** 0.5
    assert dropped.min() > 800 - 5 * 800 ** 0.5
    assert dropped.max() < 800 + 5 * 800 ** 0.5


@pytest.mark.parametrize("size", [0, 26])
def test_batch_sizes_that_cannot_be(size):
    with pytest.raises(ValueError, match="from 1 to 25, the rows of the cache, got"):
        ShuffledBatches(Rows(25), size, 0)
