"""Writing caches: interrupted and resumed, in parts and merged, shuffled by buckets; always the same bytes."""

import errno
import itertools
import os
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from cache_rows import NOUNS, SPEC, WIDTH, batches, some_rows
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.training import cache_writer
from novic_ros.training.cache_file import BlockFile, CacheDescription, CacheError
from novic_ros.training.cache_writer import CacheWriter, merge_caches, write_shuffled
from novic_ros.training.embedding_cache import EmbeddingCache, verify_cache
from novic_ros.training.row_order import RowOrder

ROWS, BLOCK = 100, 9
WHOLE = CacheDescription(SPEC, NOUNS, ROWS, WIDTH, BLOCK, max_targets=2, seed=5, provenance={"from": "a test"})


def write(path, description=WHOLE, blocks=None):
    """Write all missing blocks, or only some of them, without finishing; returns which were written."""
    written = []
    order = RowOrder(description.rows, description.seed)
    with CacheWriter(path, description) as writer:
        for rows in itertools.islice(writer.missing(), blocks):
            writer.write(rows, *some_rows(order.rows_at(np.array(rows)), description.max_targets))
            written.append(rows.start // description.block_rows)
        if blocks is None:
            writer.finish()
    return written


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """The bytes of the cache, written in one go."""
    path = tmp_path_factory.mktemp("whole") / "cache"
    assert write(path) == list(range(12))
    vectors, targets, weights = some_rows(RowOrder(ROWS, 5).rows_at(np.arange(ROWS)), 2)
    cache = EmbeddingCache.open(path, SPEC)
    np.testing.assert_array_equal(cache.vectors, vectors.astype(np.float16))
    np.testing.assert_array_equal(cache.targets, targets)
    np.testing.assert_array_equal(cache.weights, weights)
    return path.read_bytes()


# ---- interrupted and resumed -----------------------------------------------------------------------------


@pytest.mark.parametrize("blocks", [0, 1, 7, 12])
def test_resumed_after_any_block(tmp_path, expected, blocks):
    path = tmp_path / "cache"
    assert write(path, blocks=blocks) == list(range(blocks))
    with pytest.raises(CacheError, match="unfinished"):
        EmbeddingCache.open(path)
    assert write(path) == list(range(blocks, 12))
    assert path.read_bytes() == expected


@given(st.floats(0, 1), st.integers(0, 12))
@settings(max_examples=60, deadline=None)
def test_resumed_after_an_unfinished_file_was_cut_off_anywhere(tmp_path_factory, expected, share, blocks):
    """As after a crash of the machine: part of what was written never reached the disk."""
    path = tmp_path_factory.mktemp("cut") / "cache"
    write(path, blocks=blocks)
    os.truncate(path, int(share * len(expected)))
    with pytest.raises(CacheError):
        EmbeddingCache.open(path)
    write(path)
    assert path.read_bytes() == expected


@given(st.lists(st.integers(0, 11), max_size=4), st.integers(0, 12))
@settings(max_examples=40, deadline=None)
def test_resumed_after_blocks_were_noted_but_did_not_reach_the_disk(tmp_path_factory, expected, lost, blocks):
    path = tmp_path_factory.mktemp("lost") / "cache"
    write(path, blocks=blocks)
    with BlockFile.open(path, writable=True) as file:
        for block in lost:
            rows = WHOLE.rows_of(block)
            file.write_rows(rows.start, *(np.zeros_like(array) for array in file.read_rows(rows.start, len(rows))))
    assert write(path) == sorted({*range(blocks, 12), *lost})
    assert path.read_bytes() == expected


def test_killed_at_any_write(tmp_path, expected, monkeypatch):
    """Every system call that writes is the last one once; what the file holds then is resumed from."""
    calls = ("pwrite", "pwritev", "ftruncate", "fsync")
    originals = {name: getattr(os, name) for name in calls}

    class Killed(BaseException):
        pass

    for allowed in itertools.count():
        left = [allowed]

        def counted(name, left=left):
            def call(*args):
                if not left[0]:
                    raise Killed
                left[0] -= 1
                return originals[name](*args)
            return call

        path = tmp_path / f"cache{allowed}"
        for name in calls:
            monkeypatch.setattr(os, name, counted(name))
        try:
            write(path)
            ended = True
        except Killed:
            ended = False
        monkeypatch.undo()
        if ended:
            break
        if path.read_bytes() != expected:  # the very last call only makes sure of what is there
            with pytest.raises(CacheError):
                EmbeddingCache.open(path)
        write(path)
        assert path.read_bytes() == expected
    assert allowed > 50


def test_killed_from_outside(root, tmp_path, expected):
    """A process of its own, ended by SIGKILL while it writes."""
    code = f"""
import sys, time
sys.path[:0] = [{str(root)!r}, {str(root / "test")!r}]
import numpy as np
from cache_rows import some_rows
from novic_ros.training.cache_file import CacheDescription
from novic_ros.training.cache_writer import CacheWriter
from novic_ros.training.row_order import RowOrder
description = CacheDescription.from_json({WHOLE.to_json()!r})
with CacheWriter(sys.argv[1], description) as writer:
    for rows in writer.missing():
        writer.write(rows, *some_rows(RowOrder({ROWS}, 5).rows_at(np.array(rows)), 2))
        print(rows, flush=True)
        time.sleep(0.05)
"""
    path = tmp_path / "cache"
    with subprocess.Popen([sys.executable, "-c", code, str(path)], stdout=subprocess.PIPE, text=True) as process:
        for _ in range(4):
            assert process.stdout.readline().startswith("range(")
        process.kill()
    with pytest.raises(CacheError, match="unfinished"):
        EmbeddingCache.open(path)
    written = write(path)
    assert 5 <= len(written) <= 9  # of twelve; the fourth may have been on its way
    assert path.read_bytes() == expected


def test_a_finished_cache_is_left_alone(tmp_path, expected):
    path = tmp_path / "cache"
    path.write_bytes(expected)
    os.utime(path, (1, 1))
    assert write(path) == []
    assert os.stat(path).st_mtime == 1
    assert path.read_bytes() == expected


def test_a_damaged_block_of_a_finished_cache_is_written_again(tmp_path, expected):
    path = tmp_path / "cache"
    path.write_bytes(expected)
    with open(path, "r+b") as file:
        file.seek(len(expected) - 1)
        file.write(b"\x77")
    assert "block 11" in str(verify_cache(path)[0])
    assert write(path) == [11]
    assert path.read_bytes() == expected


def test_finishing_with_blocks_missing(tmp_path):
    path = tmp_path / "cache"
    write(path, blocks=3)
    with CacheWriter(path, WHOLE) as writer:
        with pytest.raises(CacheError, match="expected 100 rows, 9 of 12 blocks are missing"):
            writer.finish()
    with pytest.raises(CacheError, match="unfinished"):
        EmbeddingCache.open(path)


@pytest.mark.parametrize(("change", "field"), [
    ({"embedder_spec": "other"}, "embedder_spec"), ({"rows": 101}, "rows"), ({"nouns": ("a", "b", "c")}, "nouns"),
    ({"seed": 6}, "seed"), ({"provenance": {}}, "provenance"), ({"shard": (1, 2)}, "shard"),
    ({"dtype": "float32"}, "dtype")])
@pytest.mark.parametrize("blocks", [4, None])
def test_another_cache_is_never_overwritten(tmp_path, change, field, blocks):
    path = tmp_path / "cache"
    write(path, blocks=blocks)
    before = path.read_bytes()
    with pytest.raises(CacheError, match=f"found one that differs in {field}. Delete it"):
        CacheWriter(path, replace(WHOLE, **change))
    assert path.read_bytes() == before


def test_another_file_is_never_overwritten(tmp_path, expected):
    path = tmp_path / "thesis.pdf"
    for content in (b"%PDF-1.4 ...", expected[:500]):
        path.write_bytes(content)
        with pytest.raises(CacheError):
            CacheWriter(path, WHOLE)
        assert path.read_bytes() == content


def test_rows_of_a_block_only(tmp_path):
    with CacheWriter(tmp_path / "cache", WHOLE) as writer:
        with pytest.raises(CacheError, match=r"expected the rows of block 0, range\(0, 9\), got 5 for range\(0, 5\)"):
            writer.write(range(5), *some_rows(np.arange(5), 2))
        with pytest.raises(CacheError, match="expected the rows of block 1"):
            writer.write(range(9, 18), *some_rows(np.arange(5), 2))


@pytest.mark.parametrize(("number", "advice"), [
    (errno.ENOSPC, "free some space and run again, it goes on where it stopped"), (errno.EIO, "choose another place")])
def test_a_full_disk(tmp_path, expected, monkeypatch, number, advice):
    """It is noticed a block later, as blocks are stored in another thread; nothing is lost."""
    path, original, left = tmp_path / "cache", os.pwritev, [7]

    def pwritev(*args):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(number, os.strerror(number))
        return original(*args)

    monkeypatch.setattr(os, "pwritev", pwritev)
    with pytest.raises(CacheError) as error:
        write(path)
    assert advice in str(error.value)
    assert str(path) in str(error.value)
    monkeypatch.undo()
    assert write(path)[0] == 2  # three writes a block
    assert path.read_bytes() == expected


# ---- shards ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("parts", [1, 2, 5, 12])
def test_merged_shards_equal_one_write(tmp_path, expected, parts):
    shards = [tmp_path / f"shard{part}" for part in range(1, parts + 1)]
    for part, path in enumerate(shards, 1):
        write(path, replace(WHOLE, shard=(part, parts)))
        assert verify_cache(path) == []
    seen = []
    description = merge_caches(tmp_path / "cache", shards[::-1], lambda done, rows: seen.append((done, rows)))
    assert description == WHOLE
    assert (tmp_path / "cache").read_bytes() == expected
    assert seen[-1] == (ROWS, ROWS)
    assert all(path.exists() for path in shards)


@pytest.fixture
def shards(tmp_path):
    paths = [tmp_path / f"shard{part}" for part in (1, 2, 3)]
    for part, path in enumerate(paths, 1):
        write(path, replace(WHOLE, shard=(part, 3)))
    return paths


def test_an_interrupted_merge_goes_on(tmp_path, shards, expected):
    class Stop(Exception):
        pass

    def stop(done, rows):
        if done > 50:
            raise Stop

    with pytest.raises(Stop):
        merge_caches(tmp_path / "cache", shards, stop)
    with pytest.raises(CacheError, match="unfinished"):
        EmbeddingCache.open(tmp_path / "cache")
    seen = []
    merge_caches(tmp_path / "cache", shards, lambda done, rows: seen.append(done))
    assert len(seen) < 8
    assert (tmp_path / "cache").read_bytes() == expected


def merging(tmp_path, shards):
    with pytest.raises(CacheError) as error:
        merge_caches(tmp_path / "cache", shards)
    assert not (tmp_path / "cache").exists()
    return str(error.value)


def test_shards_that_do_not_go_together(tmp_path, shards):
    assert "missing: 2" in merging(tmp_path, [shards[0], shards[2]])
    assert "missing: 1, 3" in merging(tmp_path, [shards[1]])
    assert "is shard 1 too" in merging(tmp_path, [*shards, shards[0]])
    assert "at least one shard" in merging(tmp_path, [])
    assert "found nothing there" in merging(tmp_path, [*shards[:2], tmp_path / "absent"])
    write(tmp_path / "other", replace(WHOLE, seed=6, shard=(3, 3)))
    assert "differs in seed" in merging(tmp_path, [*shards[:2], tmp_path / "other"])
    write(tmp_path / "four", replace(WHOLE, shard=(3, 4)))
    assert "differs in shard" in merging(tmp_path, [*shards[:2], tmp_path / "four"])
    write(tmp_path / "half", replace(WHOLE, shard=(3, 3)), blocks=1)
    assert "this one is unfinished" in merging(tmp_path, [*shards[:2], tmp_path / "half"])


def test_a_damaged_shard_is_not_merged(tmp_path, shards):
    data = bytearray(shards[1].read_bytes())
    data[-1] ^= 1
    shards[1].write_bytes(data)
    with pytest.raises(CacheError, match="shard2: block 7, rows 63 to 71, is damaged"):
        merge_caches(tmp_path / "cache", shards)
    with pytest.raises(CacheError, match="unfinished"):
        EmbeddingCache.open(tmp_path / "cache")


def test_a_shard_is_no_cache(shards):
    with pytest.raises(CacheError, match="found shard 1 of 3; join the shards"):
        EmbeddingCache.open(shards[0])


# ---- streams ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 100])
@pytest.mark.parametrize(("bucket", "stage"), [(1, 1), (400, 1000), (1, 1500), (10**9, 10**9)])
def test_a_shuffled_stream_equals_rows_in_order(tmp_path, expected, monkeypatch, size, bucket, stage):
    """With buckets of one block or all, and stages of one bucket or all."""
    monkeypatch.setattr(cache_writer, "BUCKET_BYTES", bucket)
    monkeypatch.setattr(cache_writer, "STAGE_BYTES", stage)
    write_shuffled(tmp_path / "cache", WHOLE, batches(ROWS, size, max_targets=2))
    assert (tmp_path / "cache").read_bytes() == expected


@given(st.integers(1, 200), st.integers(1, 50), st.integers(1, 40), st.integers(1, 3000), st.integers(1, 3000))
@settings(max_examples=30, deadline=None)
def test_streams_of_any_size(tmp_path_factory, rows, size, block, bucket, stage):
    folder = tmp_path_factory.mktemp("stream")
    description = CacheDescription(SPEC, NOUNS, rows, WIDTH, block, seed=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cache_writer, "BUCKET_BYTES", bucket)
        patch.setattr(cache_writer, "STAGE_BYTES", stage)
        write_shuffled(folder / "stream", description, batches(rows, size))
    write(folder / "ordered", description)
    assert (folder / "stream").read_bytes() == (folder / "ordered").read_bytes()
    shutil.rmtree(folder)
