"""The embedding cache: what is written comes back, and what is not whole is refused."""

import json

import numpy as np
import pytest

from novic_ros.training.embedding_cache import CacheError, EmbeddingCache, write_cache

NOUNS, SPEC, ROWS, WIDTH = ("dog", "T-shirt", "café"), "local:some/model", 60, 8


def unit_rows(count, seed=0, width=WIDTH):
    rows = np.random.default_rng(seed).normal(size=(count, width)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def batches(count=ROWS, size=7):
    """Vectors and targets of all rows, in batches of uneven sizes."""
    vectors, targets = unit_rows(count), np.arange(count) % len(NOUNS)
    for begin in range(0, count, size):
        yield vectors[begin:begin + size], targets[begin:begin + size]


@pytest.fixture
def folder(tmp_path):
    write_cache(tmp_path / "cache", NOUNS, SPEC, ROWS, WIDTH, batches())
    return tmp_path / "cache"


def refused(folder, spec=None):
    with pytest.raises(CacheError) as error:
        EmbeddingCache.open(folder, spec)
    assert str(folder) in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def change(folder, **fields):
    path = folder / "cache.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | fields), encoding="utf-8")


def test_round_trip(folder):
    cache = EmbeddingCache.open(folder, SPEC)
    assert (cache.nouns, cache.embedder_spec) == (NOUNS, SPEC)
    assert (cache.vectors.dtype, cache.vectors.shape) == (np.float16, (ROWS, WIDTH))
    assert (cache.targets.dtype, cache.targets.shape) == (np.int32, (ROWS,))
    assert isinstance(cache.vectors, np.memmap)
    assert not cache.vectors.flags.writeable


def test_order_is_a_permutation_of_the_rows_with_their_targets(folder):
    cache = EmbeddingCache.open(folder)
    written = unit_rows(ROWS)
    found = np.argmax(np.asarray(cache.vectors, dtype=np.float32) @ written.T, axis=1)
    assert sorted(found) == list(range(ROWS))
    assert list(found) != list(range(ROWS))
    np.testing.assert_array_equal(cache.vectors, written[found].astype(np.float16))
    np.testing.assert_array_equal(cache.targets, found % len(NOUNS))


def test_order_depends_on_the_seed_alone(tmp_path):
    def order(name, seed, size):
        return np.array(write_cache(tmp_path / name, NOUNS, SPEC, ROWS, WIDTH, batches(size=size), seed).vectors)

    np.testing.assert_array_equal(order("a", 3, 7), order("b", 3, 60))
    assert (order("a", 3, 7) != order("c", 4, 7)).any()


def test_writing_again_replaces(folder):
    other = write_cache(folder, ("cat",), "other", 5, 3, [(unit_rows(5, width=3), np.zeros(5, dtype=int))])
    assert (other.nouns, other.vectors.shape) == (("cat",), (5, 3))


def test_unfinished_is_refused(tmp_path):
    def interrupted():
        yield next(batches())
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_cache(tmp_path, NOUNS, SPEC, ROWS, WIDTH, interrupted())
    assert "no cache.json" in refused(tmp_path)


def test_an_interrupted_replacement_leaves_no_finished_cache(folder):
    with pytest.raises(CacheError):
        write_cache(folder, NOUNS, SPEC, ROWS, WIDTH, [])
    assert "no cache.json" in refused(folder)


def test_missing_folder(tmp_path):
    assert "no cache.json" in refused(tmp_path / "absent")


def test_a_file_in_place_of_the_folder(folder):
    assert "cache.json" in refused(folder / "vectors.npy")


@pytest.mark.parametrize("content", ["{", "[]", "3", "\x00"])
def test_damaged_description(folder, content):
    (folder / "cache.json").write_text(content)
    refused(folder)


@pytest.mark.parametrize("field", ["embedder", "rows", "width", "nouns"])
def test_description_without_a_field(folder, field):
    description = json.loads((folder / "cache.json").read_text(encoding="utf-8"))
    del description[field]
    (folder / "cache.json").write_text(json.dumps(description))
    assert field in refused(folder)


def test_other_format_or_version(folder):
    change(folder, version=2)
    assert "version 1" in refused(folder)
    assert "version 2" in refused(folder)
    change(folder, version=1, format="something else")
    assert "'something else'" in refused(folder)


def test_other_embedder(folder):
    assert f"expected embeddings of 'novic_mini', found those of '{SPEC}'" in refused(folder, "novic_mini")


@pytest.mark.parametrize("name", ["vectors.npy", "targets.npy"])
@pytest.mark.parametrize("size", [0, 40, -1])
def test_truncated_array(folder, name, size):
    path = folder / name
    path.write_bytes(path.read_bytes()[:size])
    assert name in refused(folder)


@pytest.mark.parametrize("name", ["vectors.npy", "targets.npy"])
def test_missing_array(folder, name):
    (folder / name).unlink()
    assert name in refused(folder)


def test_array_of_another_kind(folder):
    np.save(folder / "targets.npy", np.zeros(ROWS, dtype=np.int64))
    assert "expected int32 (60,), found int64 (60,)" in refused(folder)
    np.save(folder / "targets.npy", np.zeros(ROWS - 1, dtype=np.int32))
    assert "found int32 (59,)" in refused(folder)
    np.save(folder / "targets.npy", np.array([{"code": 1}], dtype=object), allow_pickle=True)
    assert "targets.npy" in refused(folder)


def test_other_row_count_than_the_description(folder):
    change(folder, rows=ROWS - 1)
    assert "vectors.npy" in refused(folder)


def one(vectors, targets):
    return [(np.asarray(vectors, dtype=np.float32), np.asarray(targets))]


GOOD = unit_rows(2)
FAULTS = {
    "too few rows": (one(GOOD[:1], [0]), "expected 2 rows, got 1"),
    "too many rows": (one(unit_rows(3), [0, 0, 0]), "got a batch [3, 8] for 3 targets after 0 rows"),
    "too many in a second batch": (one(GOOD, [0, 1]) + one(GOOD, [0, 1]), "after 2 rows"),
    "another width": (one(unit_rows(2, width=7), [0, 1]), "expected 2 vectors of width 8"),
    "fewer targets": (one(GOOD, [0]), "got a batch [2, 8] for 1 targets"),
    "not of unit length": (one(GOOD * 1.1, [0, 1]), "expected unit vectors, got lengths from 1.1 to 1.1"),
    "a zero vector": (one([GOOD[0], 0 * GOOD[0]], [0, 1]), "expected unit vectors, got lengths from 0 to 1"),
    "not a number": (one([GOOD[0], GOOD[0] * np.nan], [0, 1]), "expected unit vectors"),
    "a target too large": (one(GOOD, [0, 3]), "expected targets from 0 to 2, got 0 to 3"),
    "a negative target": (one(GOOD, [-1, 2]), "expected targets from 0 to 2, got -1 to 2"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faulty_batches(tmp_path, fault):
    data, message = FAULTS[fault]
    with pytest.raises(CacheError) as error:
        write_cache(tmp_path, NOUNS, SPEC, 2, WIDTH, data)
    assert message in str(error.value)
    refused(tmp_path)
