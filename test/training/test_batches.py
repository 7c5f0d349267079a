"""Training batches: a function of seed and step, drawn by weight, padded right."""

import numpy as np
import pytest
import torch

from novic_ros.training.batches import NounBatches
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
    return write_cache(tmp_path_factory.mktemp("cache"), ["a", "b", "c"], "spec", ROWS, WIDTH, [(vectors, targets)])


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
    cache = write_cache(tmp_path, ["a", "b", "c"], "spec", 4, 4, [(vectors, np.array([0, 0, 0, 1]))])
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


def test_wrong_number_of_nouns_or_weights(cache):
    with pytest.raises(ValueError, match="expected tokens for 3 nouns, got 2"):
        NounBatches(cache, TOKENS[:2], steps=1)
    with pytest.raises(ValueError, match="expected 3 weights, one per noun, got 4"):
        NounBatches(cache, TOKENS, steps=1, weights=[1, 1, 1, 1])
