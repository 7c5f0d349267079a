"""The embedding cache: what is written comes back, in batches without a copy, and faulty rows are refused."""

import os

import numpy as np
import pytest
from cache_rows import NOUNS, SPEC, WIDTH, batches, some_rows, unit_rows

from novic_ros.training.embedding_cache import CacheError, EmbeddingCache, verify_cache, write_cache
from novic_ros.training.row_order import RowOrder

ROWS = 60


@pytest.fixture(params=[1, 3], ids=["one target", "three targets"])
def cache(request, tmp_path):
    return write_cache(tmp_path / "cache", NOUNS, SPEC, ROWS, WIDTH, batches(ROWS, max_targets=request.param),
                       max_targets=request.param, provenance={"by": "a test"}, block_rows=11)


def test_shapes_and_dtypes(cache):
    assert (cache.nouns, cache.embedder_spec, cache.rows, cache.width) == (NOUNS, SPEC, ROWS, WIDTH)
    assert (cache.vectors.dtype, cache.vectors.shape) == (np.float16, (ROWS, WIDTH))
    assert (cache.targets.dtype, cache.targets.shape) == (np.int32, (ROWS, cache.max_targets))
    assert (cache.weights.dtype, cache.weights.shape) == (np.float32, (ROWS, cache.max_targets))
    assert cache.description.provenance == {"by": "a test"}


def test_rows_come_back_in_the_order_of_the_seed(cache):
    vectors, targets, weights = some_rows(RowOrder(ROWS, 0).rows_at(np.arange(ROWS)), cache.max_targets)
    np.testing.assert_array_equal(cache.vectors, vectors.astype(np.float16))
    np.testing.assert_array_equal(cache.targets, targets)
    np.testing.assert_array_equal(cache.weights, weights)
    assert verify_cache(cache.path) == []


def test_batches_are_views_of_the_file(cache):
    for array, whole in zip(cache.batch(7, 20), (cache.vectors, cache.targets, cache.weights)):
        np.testing.assert_array_equal(array, whole[7:27])
        assert np.shares_memory(array, whole)
        assert not array.flags.writeable
    before = cache.vectors[0].copy()
    with open(cache.path, "r+b") as file:  # the very bytes, not a copy of them
        file.seek(os.path.getsize(cache.path) - 4)
        file.write(b"\x01\x02\x03\x04")
    assert cache.weights[-1, -1].tobytes() == b"\x01\x02\x03\x04"
    np.testing.assert_array_equal(cache.vectors[0], before)


@pytest.mark.parametrize(("begin", "count"), [(-1, 2), (0, ROWS + 1), (ROWS, 1), (3, -1)])
def test_batches_that_do_not_exist(cache, begin, count):
    with pytest.raises(ValueError, match="from 0 to 60"):
        cache.batch(begin, count)


def test_batch_sizes_and_the_size_of_blocks_do_not_matter(tmp_path):
    def rows(name, size, block_rows, seed=3):
        cache = write_cache(tmp_path / name, NOUNS, SPEC, ROWS, WIDTH, batches(ROWS, size), seed, block_rows=block_rows)
        return np.array(cache.vectors)

    expected = rows("a", 7, None)
    np.testing.assert_array_equal(rows("b", 60, 60), expected)
    np.testing.assert_array_equal(rows("c", 1, 1), expected)
    assert (rows("d", 7, None, seed=4) != expected).any()


def test_rows_in_their_own_order(tmp_path):
    cache = write_cache(tmp_path / "cache", NOUNS, SPEC, ROWS, WIDTH, batches(ROWS), seed=None, block_rows=11)
    np.testing.assert_array_equal(cache.vectors, unit_rows(ROWS).astype(np.float16))


def test_float32(tmp_path):
    cache = write_cache(tmp_path / "cache", NOUNS, SPEC, ROWS, WIDTH, batches(ROWS), seed=None, dtype="float32")
    np.testing.assert_array_equal(cache.vectors, unit_rows(ROWS))
    assert cache.vectors.dtype == np.float32


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("writeable", [True, False])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_vectors_of_any_float(tmp_path, dtype, writeable):
    vectors = unit_rows(5).astype(dtype)
    vectors.flags.writeable = writeable
    cache = write_cache(tmp_path / "cache", NOUNS, SPEC, 5, WIDTH, [(vectors, np.zeros(5, np.int8))], seed=None)
    np.testing.assert_array_equal(cache.vectors, vectors.astype(np.float16))


def test_a_source_may_use_its_arrays_again(tmp_path):
    """Rows are on their way to the disk while the next are made, in the same memory."""
    def reused():
        vectors, targets = np.empty((7, WIDTH), np.float16), np.empty((7, 1), np.int32)
        for part in batches(70):
            vectors[:], targets[:] = part[0], part[1]
            yield vectors, targets
            vectors[:], targets[:] = 0, -5

    cache = write_cache(tmp_path / "cache", NOUNS, SPEC, 70, WIDTH, reused(), seed=None, block_rows=7)
    np.testing.assert_array_equal(cache.vectors, unit_rows(70).astype(np.float16))
    np.testing.assert_array_equal(cache.targets[:, 0], np.arange(70) % 3)


def test_equal_weights_by_default(tmp_path):
    vectors, targets, _ = some_rows(np.arange(12), 3)
    cache = write_cache(tmp_path / "cache", NOUNS, SPEC, 12, WIDTH, [(vectors, targets)], seed=None, max_targets=3)
    np.testing.assert_allclose(cache.weights.sum(1), 1, rtol=1e-6)
    assert ((cache.weights > 0) == (targets >= 0)).all()


def test_writing_again_replaces_and_old_views_stay(cache):
    before = np.array(cache.vectors)
    other = write_cache(cache.path, ("cat",), "other", 5, 3, [(unit_rows(5, width=3), np.zeros(5, dtype=int))])
    assert (other.nouns, other.vectors.shape) == (("cat",), (5, 3))
    np.testing.assert_array_equal(cache.vectors, before)


@pytest.mark.parametrize("seed", [0, None])
def test_an_interrupted_replacement_leaves_no_finished_cache(cache, seed):
    def interrupted():
        yield next(batches(ROWS))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cache(cache.path, NOUNS, SPEC, ROWS, WIDTH, interrupted(), seed)
    with pytest.raises(CacheError, match="unfinished"):
        EmbeddingCache.open(cache.path)


def one(vectors, targets, weights=None):
    return [(np.asarray(vectors), np.asarray(targets), weights)]


GOOD = unit_rows(2)
FAULTS = {
    "too few rows": (one(GOOD[:1], [0]), "expected 2 rows, got 1"),
    "no rows": ([], "expected 2 rows, got 0"),
    "too many rows": (one(unit_rows(3), [0, 0, 0]), "expected 2 rows, got more"),
    "too many in a second batch": (one(GOOD, [0, 1]) + one(GOOD, [0, 1]), "expected 2 rows, got more"),
    "another width": (one(unit_rows(2, width=7), [0, 1]), "expected vectors [n, 8] and targets [n, 1], got [2, 7]"),
    "fewer targets": (one(GOOD, [0]), "got [2, 8] and [1, 1]"),
    "more targets a row": (one(GOOD, [[0, 1], [1, 2]]), "got [2, 8] and [2, 2]"),
    "targets as fractions": (one(GOOD, [0.0, 1.0]), "whole numbers as targets"),
    "not of unit length": (one(GOOD * 1.1, [0, 1]), "expected unit vectors, got lengths from 1.1 to 1.1"),
    "vectors of whole numbers": (one(np.eye(2, 8, dtype=int), [0, 1]), "floating-point numbers, got int64"),
    "a zero vector": (one([GOOD[0], 0 * GOOD[0]], [0, 1]), "expected unit vectors, got lengths from 0 to 1"),
    "not a number": (one([GOOD[0], GOOD[0] * np.nan], [0, 1]), "expected unit vectors"),
    "a target too large": (one(GOOD, [0, 3]), "expected targets from 0 to 2"),
    "no first target": (one(GOOD, [-1, 2]), "expected targets from 0 to 2"),
    "a target below -1": (one(GOOD, [0, -2]), "expected targets from 0 to 2"),
    "a weight of 0": (one(GOOD, [0, 1], [[1], [0]]), "expected weights [2, 1]"),
    "a negative weight": (one(GOOD, [0, 1], [[1], [-1]]), "expected weights [2, 1]"),
    "an infinite weight": (one(GOOD, [0, 1], [[1], [np.inf]]), "expected weights [2, 1]"),
    "weights of another shape": (one(GOOD, [0, 1], [1, 1]), "expected weights [2, 1]"),
}


@pytest.mark.parametrize("seed", [0, None])
@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_batches(tmp_path, fault, seed):
    data, message = FAULTS[fault]
    with pytest.raises(CacheError) as error:
        write_cache(tmp_path / "cache", NOUNS, SPEC, 2, WIDTH, data, seed)
    assert message in str(error.value)
    assert str(tmp_path) in str(error.value)
    with pytest.raises(CacheError):
        EmbeddingCache.open(tmp_path / "cache")


@pytest.mark.parametrize(("targets", "weights"), [
    ([[0, 1]], [[0.3, 0.7]]), ([[0, -1]], [[0.5, 0.5]]), ([[0, 1]], [[1, 0]]), ([[-1, 0]], None)])
def test_targets_come_first_and_weights_descend(tmp_path, targets, weights):
    with pytest.raises(CacheError, match="weights|targets"):
        write_cache(tmp_path / "cache", NOUNS, SPEC, 1, WIDTH, one(GOOD[:1], targets, weights), max_targets=2)


def test_a_place_that_cannot_be_written(tmp_path):
    with pytest.raises(CacheError, match="cannot write the cache: No such file or directory; choose another place"):
        write_cache(tmp_path / "absent" / "cache", NOUNS, SPEC, ROWS, WIDTH, batches(ROWS))
    with pytest.raises(CacheError, match="cannot write the cache: Is a directory"):
        write_cache(tmp_path, NOUNS, SPEC, ROWS, WIDTH, batches(ROWS))
