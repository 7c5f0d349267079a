"""Reads mcap files that lost their end, as a robot leaves them when its power is cut: every whole record up to there.

Whole files are read by the package rosbags, through their index; without one that refuses. Here the records are walked
from the front (https://mcap.dev/spec), chunks whose checksum is wrong are left out, and what was lost is said. Nothing
is decoded or mended.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from novic_ros.evaluation.bag_types import BagError

__all__ = ["Channel", "SalvagedMcap", "decompressor"]

MAGIC = b"\x89MCAP0\r\n"
SCHEMA, CHANNEL, MESSAGE, CHUNK, DATA_END = 0x03, 0x04, 0x05, 0x06, 0x0F
RECORD = struct.Struct("<BQ")  # kind, length of what follows
CHUNK_HEAD = struct.Struct("<QQQIL")  # first time, last time, size of the records, their CRC, length of a name
MESSAGE_HEAD = struct.Struct("<HIQQ")  # channel, number, time of recording, time of sending


@dataclass(frozen=True)
class Channel:
    """One topic in one file.

    definition: (format, text) of its message type, ("", "") where the file has none. profiles: the QoS that its
    publishers offered, as the package rosbags has it.
    """

    topic: str
    kind: str  # "sensor_msgs/msg/Image"
    definition: tuple[str, str]
    count: int  # of messages
    handle: Any  # what the file's reader knows it by
    profiles: tuple = ()


@dataclass(frozen=True)
class _Piece:
    """A chunk, or a message outside of chunks."""

    kind: int
    offset: int  # of its content
    length: int
    first: int  # ns
    last: int


def decompressor(name: str) -> Callable[[bytes], bytes]:
    """What undoes a compression by its name in mcap: "", "lz4" or "zstd". Raises BagError for another."""
    if name == "":
        return bytes
    if name == "lz4":
        from lz4.frame import decompress
    elif name == "zstd":
        try:
            from compression.zstd import decompress  # Python 3.14
        except ModuleNotFoundError:
            from backports.zstd import decompress
    else:
        raise BagError(f"compressed with {name!r}; lz4 and zstd are known")
    return decompress


class SalvagedMcap:
    """What is whole in one mcap file. `channels` are its topics, `losses` a sentence for each kind of loss."""

    def __init__(self, path: Path):
        """Walk the whole file once. Raises BagError if nothing in it is of use."""
        self.path = path
        self.losses: list[str] = []
        self._file = path.open("rb")
        try:
            self._size = path.stat().st_size
            if self._file.read(len(MAGIC)) != MAGIC:
                raise BagError("it does not begin as an mcap file does")
            self._schemas: dict[int, tuple[str, str, str]] = {}  # name, format, text
            self._topics: dict[int, tuple[str, int, str]] = {}  # topic, schema, QoS profiles
            counts: dict[int, int] = {}
            self._pieces = [piece for piece in self._walk() if self._count(piece, counts)]
        except BaseException:
            self._file.close()
            raise
        self.channels = [self._channel(number, counts.get(number, 0)) for number in sorted(self._topics)]
        if unknown := sum(count for number, count in counts.items() if number not in self._topics):
            self.losses.append(f"the topics of {unknown} messages cannot be told")
        if not self._pieces:
            self._file.close()
            raise BagError("no whole message is in it")
        self.start = min(piece.first for piece in self._pieces)

    def messages(self, channels: Collection[Channel], start: int | None = None,
                 stop: int | None = None) -> Iterator[tuple[Channel, int, bytes]]:
        """(channel, time of recording in ns, CDR bytes), by time within each chunk; from start, before stop."""
        wanted = {channel.handle: channel for channel in channels}
        for piece in self._pieces:
            if (start is not None and piece.last < start) or (stop is not None and piece.first >= stop):
                continue
            found = [(wanted[number], time, data) for number, time, data in self._messages(piece)
                     if number in wanted and (start is None or time >= start) and (stop is None or time < stop)]
            yield from sorted(found, key=lambda message: message[1])

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _walk(self) -> Iterator[_Piece]:
        """All pieces; schemas and channels outside of chunks are learned on the way."""
        at, ended = len(MAGIC), False
        while at + RECORD.size <= self._size:
            self._file.seek(at)
            kind, length = RECORD.unpack(self._file.read(RECORD.size))
            begin, at = at + RECORD.size, at + RECORD.size + length
            ended = ended or kind == DATA_END  # what follows is a summary, with schemas and channels again
            if at > self._size and kind != CHUNK:
                break
            if kind == CHUNK and min(length, self._size - begin) >= CHUNK_HEAD.size:
                first, last, *_ = CHUNK_HEAD.unpack(self._file.read(CHUNK_HEAD.size))
                yield _Piece(CHUNK, begin, length, first, last)
            elif kind == MESSAGE and length >= MESSAGE_HEAD.size:
                _, _, time, _ = MESSAGE_HEAD.unpack(self._file.read(MESSAGE_HEAD.size))
                yield _Piece(MESSAGE, begin, length, time, time)
            elif kind in (SCHEMA, CHANNEL):
                self._learn(kind, self._file.read(length))
        if not ended:
            self.losses.append("it has no end: the recording was cut off, and what was in memory then is not in it")

    def _count(self, piece: _Piece, counts: dict[int, int]) -> bool:
        """Whether a piece can be read; then its messages are counted."""
        try:
            for number, _, _ in self._messages(piece, learn=True):
                counts[number] = counts.get(number, 0) + 1
        except Exception as error:  # decompressors raise what they like
            self.losses.append(f"the chunk at byte {piece.offset} cannot be read ({type(error).__name__}: {error})")
            return False
        return True

    def _messages(self, piece: _Piece, learn: bool = False) -> Iterator[tuple[int, int, bytes]]:
        """(channel's number, time, data) of the messages in a piece."""
        self._file.seek(piece.offset)
        if piece.kind == MESSAGE:
            number, _, time, _ = MESSAGE_HEAD.unpack(self._file.read(MESSAGE_HEAD.size))
            yield number, time, self._file.read(piece.length - MESSAGE_HEAD.size)
            return
        for kind, content in _records(self._uncompressed(self._file, piece)):
            if kind == MESSAGE:
                number, _, time, _ = MESSAGE_HEAD.unpack_from(content)
                yield number, time, content[MESSAGE_HEAD.size:]
            elif learn and kind in (SCHEMA, CHANNEL):
                self._learn(kind, content)

    def _uncompressed(self, file: BinaryIO, piece: _Piece) -> bytes:
        """The records of a chunk; of one that the file's end cuts, those that are there if it is not compressed."""
        *_, size, crc, named = CHUNK_HEAD.unpack(file.read(CHUNK_HEAD.size))
        name = file.read(named).decode()
        (packed,) = struct.unpack("<Q", file.read(8))
        data = file.read(packed)
        if len(data) < packed and name == "":
            return data
        records = decompressor(name)(data)
        if len(records) != size or (crc and zlib.crc32(records) != crc):
            raise BagError("its checksum is wrong")
        return records

    def _learn(self, kind: int, content: bytes) -> None:
        try:
            self._learn_whole(kind, content)
        except struct.error:  # shorter than it says
            self.losses.append(f"a {'schema' if kind == SCHEMA else 'topic'} is damaged")

    def _learn_whole(self, kind: int, content: bytes) -> None:
        (number,) = struct.unpack_from("<H", content)
        if kind == SCHEMA:
            name, form, text = _strings(content, 2, 3)
            self._schemas[number] = (name, form, text)
        else:
            (schema,) = struct.unpack_from("<H", content, 2)
            topic, encoding = _strings(content, 4, 2)
            pairs = _strings(content, 4 + 8 + len(topic.encode()) + len(encoding.encode()) + 4)
            profiles = dict(zip(pairs[::2], pairs[1::2])).get("offered_qos_profiles", "")
            self._topics[number] = (topic, schema, profiles)

    def _channel(self, number: int, count: int) -> Channel:
        from rosbags.rosbag2.metadata import parse_qos

        topic, schema, text = self._topics[number]
        try:
            profiles = tuple(parse_qos(text))
        except Exception:  # rosbags and its YAML reader raise what they like; a recording is of use without
            profiles = ()
        name, form, text = self._schemas.get(schema, ("", "", ""))
        return Channel(topic, name, (form, text), count, number, profiles)


def _records(data: bytes) -> Iterator[tuple[int, bytes]]:
    """(kind, content) of every whole record."""
    at = 0
    while at + RECORD.size <= len(data):
        kind, length = RECORD.unpack_from(data, at)
        at += RECORD.size
        if at + length > len(data):
            return
        yield kind, data[at:at + length]
        at += length


def _strings(content: bytes, at: int, count: int | None = None) -> list[str]:
    """So many strings, each after its length; None: as many as there are."""
    found = []
    while len(found) != count and (count is not None or at < len(content)):
        (length,) = struct.unpack_from("<L", content, at)
        found.append(content[at + 4:at + 4 + length].decode("utf-8", "replace"))
        at += 4 + length
    return found
