"""mcap files by hand, in every shape that the format allows, without their ends."""

import struct
import zlib

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

from hypothesis import given
from hypothesis import strategies as some

from novic_ros.evaluation.bag_types import BagError
from novic_ros.evaluation.mcap_salvage import MAGIC, SalvagedMcap, decompressor

SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END = 0x03, 0x04, 0x05, 0x06, 0x0F


def record(kind, content):
    return struct.pack("<BQ", kind, len(content)) + content


def text(value):
    return struct.pack("<L", len(value.encode())) + value.encode()


HEADER = record(0x01, text("ros2") + text("hand-made"))
SCHEMA_OF_STRING = record(SCHEMA, struct.pack("<H", 7) + text("std_msgs/msg/String") + text("ros2msg")
                          + text("string data\n"))


def channel(number, topic, schema=7):
    return record(CHANNEL, struct.pack("<HH", number, schema) + text(topic) + text("cdr") + struct.pack("<L", 0))


def message(number, time, data=b"x"):
    return record(MESSAGE, struct.pack("<HIQQ", number, 0, time, time) + data)


def chunk(*records, compression="", crc=None, pack=bytes, times=(1, 9)):
    data = b"".join(records)
    packed = pack(data)
    crc = zlib.crc32(data) if crc is None else crc
    head = struct.pack("<QQQL", *times, len(data), crc) + text(compression) + struct.pack("<Q", len(packed))
    return record(CHUNK, head + packed)


def opened(tmp_path, *records):
    path = tmp_path / "hand.mcap"
    path.write_bytes(MAGIC + HEADER + b"".join(records))
    return SalvagedMcap(path)


def heard(mcap, **bounds):
    return [(one.topic, time, data) for one, time, data in mcap.messages(mcap.channels, **bounds)]


def test_messages_within_and_outside_of_chunks(tmp_path):
    mcap = opened(tmp_path, SCHEMA_OF_STRING, channel(1, "/a"), message(1, 3),
                  chunk(channel(2, "/b"), message(2, 5, b"later"), message(1, 4)), message(2, 6))
    assert heard(mcap) == [("/a", 3, b"x"), ("/a", 4, b"x"), ("/b", 5, b"later"), ("/b", 6, b"x")]
    assert heard(mcap, start=4, stop=6) == [("/a", 4, b"x"), ("/b", 5, b"later")]
    assert [(one.topic, one.kind, one.definition, one.count) for one in mcap.channels] == [
        (topic, "std_msgs/msg/String", ("ros2msg", "string data\n"), 2) for topic in ("/a", "/b")]
    assert (mcap.start, len(mcap.losses)) == (1, 1)
    assert [time for one, time, _ in mcap.messages(mcap.channels[:1])] == [3, 4]
    mcap.close()


def test_compressed_chunks(tmp_path):
    lz4 = pytest.importorskip("lz4.frame")
    zstd = pytest.importorskip("backports.zstd")
    mcap = opened(tmp_path, SCHEMA_OF_STRING, channel(1, "/a"),
                  chunk(message(1, 1, b"lz4"), compression="lz4", pack=lz4.compress),
                  chunk(message(1, 2, b"zstd"), compression="zstd", pack=zstd.compress),
                  chunk(message(1, 3), compression="rot13"), chunk(message(1, 4), crc=5), chunk(message(1, 5), crc=0))
    assert heard(mcap) == [("/a", 1, b"lz4"), ("/a", 2, b"zstd"), ("/a", 5, b"x")]  # a checksum of 0 is none
    assert ["'rot13'" in mcap.losses[0], "checksum is wrong" in mcap.losses[1]] == [True, True]


def test_a_chunk_that_the_end_cuts_gives_its_whole_messages(tmp_path):
    whole = chunk(*(message(1, time, b"y" * 50) for time in range(1, 9)))
    mcap = opened(tmp_path, SCHEMA_OF_STRING, channel(1, "/a"), whole[:-120])
    assert [time for _, time, _ in heard(mcap)] == [1, 2, 3, 4, 5, 6]


def test_topics_that_the_loss_took_along_are_counted(tmp_path):
    mcap = opened(tmp_path, SCHEMA_OF_STRING, channel(1, "/a"), message(1, 1), message(9, 2), message(9, 3))
    assert heard(mcap) == [("/a", 1, b"x")]
    assert "the topics of 2 messages cannot be told" in mcap.losses


def test_a_channel_without_a_schema_has_no_type(tmp_path):
    (found,) = opened(tmp_path, channel(1, "/a", schema=0), message(1, 1)).channels
    assert (found.kind, found.definition) == ("", ("", ""))


def test_a_file_that_has_its_end_is_not_called_cut(tmp_path):
    mcap = opened(tmp_path, SCHEMA_OF_STRING, channel(1, "/a"), message(1, 1), record(DATA_END, b"\0\0\0\0"))
    assert mcap.losses == []


@pytest.mark.parametrize("content", [b"", b"hello", MAGIC, MAGIC + HEADER, MAGIC + HEADER + SCHEMA_OF_STRING])
def test_nothing_of_use_is_one_sentence(tmp_path, content):
    path = tmp_path / "hand.mcap"
    path.write_bytes(content)
    with pytest.raises(BagError, match="does not begin as an mcap file does|no whole message is in it"):
        SalvagedMcap(path)


@given(some.binary(max_size=300))
def test_noise_after_a_message_does_no_harm(tmp_path_factory, noise):
    mcap = opened(tmp_path_factory.mktemp("noise"), SCHEMA_OF_STRING, channel(1, "/a"), message(1, 1), noise)
    assert heard(mcap)[0] == ("/a", 1, b"x")
    mcap.close()


@given(some.lists(some.tuples(some.sampled_from([SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END, 0x7F]),
                              some.binary(max_size=80)), max_size=5))
def test_damaged_records_do_no_harm_to_others(tmp_path_factory, damaged):
    noise = b"".join(record(kind, content) for kind, content in damaged)
    mcap = opened(tmp_path_factory.mktemp("noise"), SCHEMA_OF_STRING, channel(1, "/a"), noise, message(1, 77))
    assert ("/a", 77, b"x") in heard(mcap) or any(kind == CHANNEL for kind, _ in damaged)
    mcap.close()


def test_an_unknown_compression_is_named():
    with pytest.raises(BagError, match="compressed with 'brotli'; lz4 and zstd are known"):
        decompressor("brotli")
