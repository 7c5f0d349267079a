"""Reads rosbag2 recordings without ROS: sqlite3 and mcap, split and compressed files, whole or damaged.

Every file of a recording is read by itself, so that one that is damaged or missing harms only itself, and nothing
depends on metadata.yaml, which a recorder that was killed does not write. Files are read by the package rosbags, cut
mcap files by `mcap_salvage.py`. What could not be read is listed in `Bag.problems`. Messages are not looked into here.
"""

from __future__ import annotations

import contextlib
import itertools
import shutil
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from novic_ros.evaluation.bag_types import BagError, MessageTypes
from novic_ros.evaluation.mcap_salvage import Channel, SalvagedMcap, decompressor

__all__ = ["Bag", "BagError", "Message", "bag_name", "files_of"]

STORAGES = (".mcap", ".db3")
COMPRESSED = (".zstd", ".zst")
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"  # no CDR message begins so: its second byte says the byte order, 0 or 1
FORMATS = {"NONE": "", "MSG": "ros2msg", "IDL": "ros2idl"}


class Message(NamedTuple):
    """One recorded message; recorded: ns since 1970, when the recorder got it."""

    channel: Channel
    recorded: int
    data: bytes  # CDR


class Storage(Protocol):
    """One file of a recording."""

    channels: list[Channel]
    start: int  # ns, of the first message
    losses: list[str]

    def messages(self, channels: Collection[Channel], start: int | None = None,
                 stop: int | None = None) -> Iterator[tuple[Channel, int, bytes]]:
        """(channel, time of recording, bytes) by time; from start, before stop."""

    def close(self) -> None:
        """Close the file."""


class _WholeFile:
    """A file as the package rosbags reads it."""

    def __init__(self, path: Path):
        from rosbags.rosbag2 import Reader

        self.losses: list[str] = []
        self._reader = Reader(path)
        self._reader.open()
        self.start = self._reader.start_time
        self.channels = [
            Channel(one.topic, one.msgtype, (FORMATS[one.msgdef.format.name], one.msgdef.data), one.msgcount, one,
                    tuple(one.ext.offered_qos_profiles))
            for one in self._reader.connections]
        self._channels = {one.id: channel for one, channel in zip(self._reader.connections, self.channels)}

    def messages(self, channels: Collection[Channel], start: int | None = None,
                 stop: int | None = None) -> Iterator[tuple[Channel, int, bytes]]:
        wanted = [channel.handle for channel in channels]
        for connection, recorded, data in self._reader.messages(wanted, start=start, stop=stop):
            yield self._channels[connection.id], recorded, data

    def close(self) -> None:
        self._reader.close()


class Bag:
    """One recording: the folder that rosbag2 writes, or one of its files. A context manager. For one thread.

    `topics`: topic -> its message type. `counts`: topic -> how many messages it has. `start`: ns, of the first message.
    `problems`: a sentence for each thing that could not be read; reading messages may add some.
    """

    def __init__(self, path: str | Path):
        """Open all files. Raises BagError if nothing of it can be read."""
        self.path = Path(path)
        self.name = bag_name(self.path)
        self.types = MessageTypes()
        self.problems: list[str] = []
        self._stack = contextlib.ExitStack()
        self._files: list[tuple[str, Storage]] = []
        try:
            import rosbags.rosbag2  # noqa: F401
        except ModuleNotFoundError as error:
            raise BagError(f"reading bags needs the Python package rosbags ({error}): pip install rosbags") from error
        try:
            for file in files_of(self.path):
                self._open(file)
            if not self._files:
                raise BagError(f"{self.path}: " + "; ".join(self.problems))
            self.start = min(storage.start for _, storage in self._files)
            if self.path.is_dir():
                self._check_metadata()
        except BaseException:
            self._stack.close()
            raise
        self._files.sort(key=lambda file: file[1].start)  # stable: files that begin together stay in order of names
        self.topics: dict[str, str] = {}
        self.counts: dict[str, int] = {}
        for _, storage in self._files:
            for channel in storage.channels:
                self.topics.setdefault(channel.topic, channel.kind)
                self.counts[channel.topic] = self.counts.get(channel.topic, 0) + channel.count

    def __enter__(self) -> Bag:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def channels(self) -> list[Channel]:
        """The channels of all files; a topic has one in each."""
        return [channel for _, storage in self._files for channel in storage.channels]

    def add_problem(self, problem: str) -> None:
        """Note something that could not be read, once however often it is met."""
        if problem not in self.problems:
            self.problems.append(problem)

    def messages(self, topics: Collection[str] | None = None, start: int | None = None,
                 stop: int | None = None) -> Iterator[Message]:
        """The messages of some topics (None: of all) in the order of recording; ns, from start, before stop.

        Messages of one nanosecond come in the order of their topics' names, so that the same recording gives the same
        order however it is stored. Where a file breaks off, its rest is left out and a problem is added.
        """
        stream = self._stream(topics, start, stop)
        for _, together in itertools.groupby(stream, key=lambda message: message.recorded):
            yield from sorted(together, key=lambda message: message.channel.topic)

    def decode(self, message: Message) -> Any:
        """The message as an object with its fields, arrays as NumPy's. Raises BagError if it is damaged."""
        return self.types.decode(message.channel.kind, message.channel.definition, message.data)

    def _stream(self, topics: Collection[str] | None, start: int | None, stop: int | None) -> Iterator[Message]:
        for name, storage in self._files:
            wanted = [channel for channel in storage.channels if topics is None or channel.topic in topics]
            if not wanted:
                continue
            read = 0
            try:
                for channel, recorded, data in storage.messages(wanted, start, stop):
                    read += 1
                    yield Message(channel, recorded, _unpacked(data))
            except Exception as error:  # a damaged file makes rosbags, SQLite and decompressors raise anything
                there = sum(channel.count for channel in wanted)
                self.add_problem(f"{name}: breaks off after {read} of {there} messages, the rest is left out "
                                 f"({type(error).__name__}: {error})")

    def _open(self, file: Path) -> None:
        name = f"{self.name}/{file.name}" if self.path.is_dir() else file.name
        try:
            if file.suffix in COMPRESSED:
                file = self._unpack(file, name)
            storage = self._open_storage(file)
        except Exception as error:  # as above
            reason = str(error) or type(error).__name__
            self.problems.append(f"{name}: cannot be read ({reason.replace(str(file), file.name)})")
            return
        self._stack.callback(storage.close)
        self.problems += [f"{name}: {loss}" for loss in storage.losses]
        beside = file.with_name(file.name + "-wal")
        if beside.is_file() and beside.stat().st_size:
            self.problems.append(f"{name}: its recorder did not close it, what lies in {beside.name} is not read; "
                                 f"bring it in with: sqlite3 {file.name} 'pragma wal_checkpoint'")
        self._files.append((name, storage))

    def _open_storage(self, file: Path) -> Storage:
        try:
            return _WholeFile(file)
        except Exception as error:  # as above
            if file.suffix != ".mcap":
                raise
            try:
                return SalvagedMcap(file)
            except (BagError, ValueError, OSError) as other:
                raise BagError(f"{error}; {other}") from error

    def _unpack(self, file: Path, name: str) -> Path:
        """Unpack a compressed file into a temporary folder; of one that is cut short, what can be had."""
        try:
            from compression import zstd  # Python 3.14
        except ModuleNotFoundError:
            from backports import zstd
        target = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="novic_bag_"))) / file.stem
        with zstd.open(file) as packed, target.open("wb") as unpacked:
            try:
                shutil.copyfileobj(packed, unpacked)
            except (EOFError, zstd.ZstdError) as error:
                self.problems.append(f"{name}: unpacking it broke off ({error})")
        return target

    def _check_metadata(self) -> None:
        """Compare what is there with what metadata.yaml says there should be, and take the beginning from there.

        So times count from the recording's beginning even if its first file is lost.
        """
        import yaml

        file = self.path / "metadata.yaml"
        try:
            listed = yaml.safe_load(file.read_text(encoding="utf-8"))["rosbag2_bagfile_information"]
            names = [Path(str(one)).name for one in listed["relative_file_paths"]]
            start = int(listed["starting_time"]["nanoseconds_since_epoch"])
        except FileNotFoundError:
            self.problems.append(f"{self.name}: has no metadata.yaml; its files are read all the same")
            return
        except (OSError, yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError, ValueError, RecursionError) as error:
            self.problems.append(f"{self.name}: metadata.yaml cannot be used ({type(error).__name__}); its files are "
                                 "read all the same")
            return
        if 0 < start < self.start:
            self.start = start
        present = {one.name for one in self.path.iterdir()}
        self.problems += [f"{self.name}/{name}: named in metadata.yaml, but not there"
                          for name in names if name not in present]


def bag_name(path: str | Path) -> str:
    """What a recording is called: its folder's or its file's name without ending."""
    path = Path(path).absolute()
    if path.is_dir():
        return path.name
    return Path(path.stem).stem if path.suffix in COMPRESSED else path.stem


def files_of(path: Path) -> list[Path]:
    """The files of a recording, by name with numbers in their order. Raises BagError if there are none."""
    if not path.exists():
        raise BagError(f"{path}: there is no such file or folder; expected the folder of a rosbag2 recording")
    if path.is_dir():
        found = [one for one in path.iterdir() if one.is_file() and _is_storage(one)]
        if not found:
            raise BagError(f"{path}: expected a rosbag2 recording, a folder with .mcap or .db3 files, found none in it")
        return sorted(found, key=_natural)
    if path.suffix == ".bag":
        raise BagError(f"{path}: a recording of ROS 1; make a rosbag2 of it with: rosbags-convert --src {path.name} "
                       f"--dst {path.stem}")
    if not _is_storage(path):
        raise BagError(f"{path}: expected a rosbag2 recording, its folder or a .mcap or .db3 file of it")
    return [path]


def _unpacked(data: bytes) -> bytes:
    """A message whose recorder compressed each by itself. A damaged one stays packed; decoding it says so."""
    if data[:4] == ZSTD_MAGIC:
        try:
            return decompressor("zstd")(data)
        except Exception:  # of several types, by Python's version
            return bytes(data)
    return bytes(data)


def _is_storage(path: Path) -> bool:
    suffixes = path.suffixes
    return path.suffix in STORAGES or (path.suffix in COMPRESSED and suffixes[-2:-1] != []
                                       and suffixes[-2] in STORAGES)


def _natural(path: Path) -> list[tuple[int, int | str]]:
    """Sorts "bag_10" after "bag_9"."""
    digits = itertools.groupby(path.name, str.isdecimal)
    return [(0, int("".join(part))) if number else (1, "".join(part)) for number, part in digits]
