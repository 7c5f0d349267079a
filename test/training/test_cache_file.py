"""The cache's file format: descriptions check themselves, and no file that is not whole is taken for one that is."""

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest
from cache_rows import NOUNS, SPEC, WIDTH, batches
from hypothesis import example, given, settings
from hypothesis import strategies as st

from novic_ros.training.cache_file import (
    FINISHED,
    HEADER,
    BlockFile,
    CacheDescription,
    CacheError,
    default_block_rows,
)
from novic_ros.training.embedding_cache import EmbeddingCache, verify_cache, write_cache

ROWS, BLOCK = 60, 13
PLAIN = CacheDescription(SPEC, NOUNS, ROWS, WIDTH, BLOCK)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A finished cache, to copy from."""
    path = tmp_path_factory.mktemp("whole") / "cache"
    write_cache(path, NOUNS, SPEC, ROWS, WIDTH, batches(ROWS, max_targets=2), max_targets=2, block_rows=BLOCK,
                provenance={"made_by": "a test"})
    return path


@pytest.fixture
def path(whole, tmp_path):
    return shutil.copy(whole, tmp_path / "cache")


def refused(path, spec=None):
    with pytest.raises(CacheError) as error:
        EmbeddingCache.open(path, spec)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value)


def overwrite(path, offset, data):
    with open(path, "r+b") as file:
        file.seek(offset)
        file.write(data)


# ---- descriptions ----------------------------------------------------------------------------------------


def test_description_survives_json():
    description = replace(PLAIN, seed=None, shard=(2, 3), dtype="float32", provenance={"a": [1, None]})
    assert CacheDescription.from_json(description.to_json()) == description


@given(st.integers(1, 300), st.integers(1, 40), st.integers(1, 9))
def test_shards_share_out_all_blocks_and_rows(rows, block_rows, parts):
    whole = CacheDescription(SPEC, NOUNS, rows, WIDTH, block_rows)
    parts = min(parts, whole.all_blocks)
    shards = [replace(whole, shard=(part, parts)) for part in range(1, parts + 1)]
    assert [block for shard in shards for block in shard.blocks] == list(whole.blocks)
    assert [row for shard in shards for row in shard.own_rows] == list(range(rows))
    assert [row for block in whole.blocks for row in whole.rows_of(block)] == list(range(rows))


@pytest.mark.parametrize(("changes", "message"), [
    ({"rows": 0}, "rows as a whole number from 1, got 0"), ({"rows": 2.0}, "rows as a whole number"),
    ({"width": -1}, "width as a whole number"), ({"block_rows": 0}, "block_rows"), ({"max_targets": 0}, "max_targets"),
    ({"dtype": "float64"}, "dtype float16 or float32, got 'float64'"), ({"embedder_spec": ""}, "embedder's spec"),
    ({"nouns": ()}, "at least one noun"), ({"nouns": ("a", 3)}, "all of them as texts"), ({"seed": "1"}, "seed"),
    ({"shard": (0, 2)}, "1 <= i <= n, got 0 of 2"), ({"shard": (3, 2)}, "got 3 of 2"),
    ({"shard": (1, 6)}, "60 rows are 5 blocks of 13; expected at most as many shards, got 6"),
    ({"provenance": {"a": {1, 2}}}, "provenance that JSON can hold"),
])
def test_descriptions_that_cannot_be(changes, message):
    with pytest.raises(CacheError) as error:
        replace(PLAIN, **changes)
    assert message in str(error.value)


def test_size_and_blocks(path):
    assert os.path.getsize(path) == replace(PLAIN, max_targets=2, provenance={"made_by": "a test"}).file_bytes
    assert default_block_rows(384) * (384 * 2 + 8) == pytest.approx(4 << 20, rel=0.01)
    assert default_block_rows(10**8) == 1


# ---- files that are not whole ----------------------------------------------------------------------------


@given(share=st.floats(0, 1, exclude_max=True))
@example(share=0).via("an empty file")
@settings(max_examples=60, deadline=None)
def test_cut_off_at_any_byte(whole, tmp_path_factory, share):
    path = tmp_path_factory.mktemp("cut") / "cache"
    path.write_bytes(whole.read_bytes()[:int(share * os.path.getsize(whole))])
    refused(path)


@pytest.mark.parametrize("bytes_left", [*range(60), 4095, 4096, 8192])
def test_cut_off_within_the_header(path, bytes_left):
    os.truncate(path, bytes_left)
    refused(path)


def test_something_added(path):
    with open(path, "ab") as file:
        file.write(b"\0")
    assert "bytes" in refused(path)


@given(share=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=80, deadline=None)
def test_a_flipped_bit_is_found_or_in_padding(whole, tmp_path_factory, share, bit):
    """Wherever a bit flips, the cache is refused, or verifying finds it, or it lies between the parts."""
    path = tmp_path_factory.mktemp("flipped") / "cache"
    data = bytearray(whole.read_bytes())
    place = int(share * len(data))
    data[place] ^= 1 << bit
    path.write_bytes(data)
    with BlockFile.open(whole) as file:
        description = HEADER.size + len(file.description.to_json())
        used = [(0, description), (4096, 4096 + file.checksums.nbytes)]
        used += [(offset, offset + shape[0] * shape[1] * dtype.itemsize) for offset, dtype, shape in file.arrays()]
    try:
        damaged = verify_cache(path)
    except CacheError:
        return
    assert bool(damaged) == any(begin <= place < end for begin, end in used)


def test_a_damaged_block_is_named(path):
    with BlockFile.open(path) as file:
        offset, dtype, _ = file.arrays()[0]
    overwrite(path, offset + 30 * WIDTH * dtype.itemsize, b"\x55")
    error, = verify_cache(path)
    assert "block 2, rows 26 to 38, is damaged" in str(error)
    with BlockFile.open(path) as file, pytest.raises(CacheError, match="block 2"):
        file.read_block(2)


def test_a_block_in_the_place_of_another_is_noticed(path):
    """The checksum covers the block's number."""
    with BlockFile.open(path, writable=True) as file:
        rows = file.read_block(0)
        file.write_rows(13, *rows)
        file.set_checksum(1, file.checksums[0])
        file.finish()
    assert "block 1" in str(verify_cache(path)[0])


def test_unfinished(path):
    overwrite(path, 0, b"novic-unfinished")
    assert "found an unfinished one" in refused(path)


def test_other_version(path):
    overwrite(path, 16, b"\x09")
    assert "expected an embedding cache of version 2, found version 9; update novic_ros" in refused(path)
    overwrite(path, 16, b"\x01")
    assert "found version 1; write the cache again" in refused(path)


def test_another_kind_of_file(tmp_path):
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"\xff\xd8\xff" + bytes(100))
    assert "another kind of file" in refused(path)


def test_missing_and_folders(tmp_path):
    assert "found nothing there" in refused(tmp_path / "absent")
    assert "which is one file, found a folder" in refused(tmp_path)


def test_description_of_the_right_checksum_but_the_wrong_kind(path):
    """As another program, or a later version by mistake, might write it."""
    import zlib

    for text in (b"[]", b"{", b'{"nouns": [], "shard": [1, 1]}', PLAIN.to_json().replace(b'"float16"', b'"float64"')):
        overwrite(path, 0, HEADER.pack(FINISHED, 2, len(text), zlib.crc32(text), 0) + text)
        refused(path)


def test_other_embedder(path):
    assert f"expected embeddings of 'novic_mini', found those of '{SPEC}'" in refused(path, "novic_mini")


def test_rows_out_of_a_file_that_shrinks_meanwhile(path):
    with BlockFile.open(path) as file:
        os.truncate(path, 5000)
        with pytest.raises(CacheError, match="the file ends before row"):
            file.read_block(0)


def test_rows_in_other_dtypes_are_not_written(path):
    with BlockFile.open(path, writable=True) as file:
        vectors, targets, weights = file.read_block(0)
        with pytest.raises(ValueError, match="float16"):
            file.write_rows(0, vectors.astype(np.float32), targets, weights)
