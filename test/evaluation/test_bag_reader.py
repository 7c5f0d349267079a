"""Bags are read whole in every storage, and damaged ones as far as they go, with a sentence for what is lost."""

import os
import shutil

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers
from hypothesis import given, settings
from hypothesis import strategies as some

from novic_ros.evaluation.bag_reader import Bag, BagError, bag_name, files_of

STORAGES = [("mcap", None), ("sqlite3", None), ("mcap", "file"), ("sqlite3", "file"), ("mcap", "message"),
            ("sqlite3", "message"), ("mcap", "storage")]


def numbers(bag, topics=None, **bounds):
    """The red values of a bag's raw pictures, in order."""
    return [int(bag.decode(message).data[0]) for message in bag.messages(topics, **bounds)]


@pytest.mark.parametrize(("storage", "compress"), STORAGES)
def test_every_storage_and_compression_gives_the_same(tmp_path, storage, compress):
    path = makers.write_bag(tmp_path / "bag", makers.camera(30), storage, compress)
    with Bag(path) as bag:
        assert (bag.name, bag.topics, bag.counts, bag.problems) == (
            "bag", {"/camera/image": makers.IMAGE}, {"/camera/image": 30}, [])
        assert bag.start == makers.BEGIN + 1_000_000
        assert numbers(bag) == list(range(30))
        assert numbers(bag) == list(range(30))  # again from the start
        fifth = makers.BEGIN + 5 * makers.STEP + 1_000_000
        assert numbers(bag, start=fifth, stop=fifth + 1) == [5]


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_files_of_a_split_recording_are_read_by_time(tmp_path, storage):
    parts = [makers.camera(5, begin=makers.BEGIN + 5 * n * makers.STEP, first=5 * n) for n in range(12)]
    path = makers.write_split_bag(tmp_path / "bag", parts, storage)
    assert [one.stem for one in files_of(path)] == [f"bag_{n}" for n in range(12)]
    with Bag(path) as bag:
        assert numbers(bag) == list(range(60))
        assert bag.problems == []


def test_a_single_file_of_a_recording_is_enough(tmp_path):
    file = makers.storage_file(makers.write_bag(tmp_path / "bag", makers.camera(3)))
    with Bag(file) as bag:
        assert bag.name == "bag"
        assert numbers(bag) == [0, 1, 2]
        assert bag.problems == []


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_messages_of_one_moment_come_in_the_order_of_topics(tmp_path, storage):
    plan = [(topic, makers.IMAGE, makers.BEGIN, makers.raw(makers.BEGIN, number))
            for number, topic in enumerate(("/z", "/a", "/m", "/z"))]
    with Bag(makers.write_bag(tmp_path / "bag", plan, storage)) as bag:
        assert numbers(bag) == [1, 2, 0, 3]


def test_humble_bags_without_definitions(tmp_path):
    boxes = makers.detections(makers.BEGIN, makers.detection(makers.BEGIN, (10, 20, 4, 6), "7", cup=0.5))
    plan = [*makers.camera(2), ("/boxes", makers.DETECTIONS, makers.BEGIN, boxes)]
    path = makers.without_definitions(makers.write_bag(tmp_path / "bag", plan, "sqlite3", version=8))
    with Bag(path) as bag:
        assert {channel.definition for channel in bag.channels} == {("", "")}
        found = {message.channel.topic: bag.decode(message) for message in bag.messages()}
    assert found["/camera/image"].encoding == "rgb8"
    (one,) = found["/boxes"].detections
    assert (one.id, one.bbox.center.position.y, one.results[0].hypothesis.class_id) == ("7", 20.0, "cup")


def test_an_unknown_type_matters_only_to_who_decodes_it(tmp_path):
    path = makers.without_definitions(makers.write_bag(tmp_path / "bag", makers.camera(1), "sqlite3", version=8))
    import sqlite3

    connection = sqlite3.connect(makers.storage_file(path))
    connection.execute("UPDATE topics SET type = 'my_msgs/msg/Thing'")
    connection.commit()
    connection.close()
    (path / "metadata.yaml").unlink()
    with Bag(path) as bag:
        (message,) = bag.messages()
        with pytest.raises(BagError, match="does not say what a my_msgs/msg/Thing is"):
            bag.decode(message)


def test_without_metadata_everything_is_read_and_it_is_said(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.camera(4))
    (path / "metadata.yaml").unlink()
    with Bag(path) as bag:
        assert numbers(bag) == [0, 1, 2, 3]
        assert bag.problems == ["bag: has no metadata.yaml; its files are read all the same"]


@pytest.mark.parametrize("text", ["hello", "{", "rosbag2_bagfile_information: [1]", "\x00", "a: &a [*a]"])
def test_useless_metadata_costs_nothing_else(tmp_path, text):
    path = makers.write_bag(tmp_path / "bag", makers.camera(2))
    (path / "metadata.yaml").write_text(text)
    with Bag(path) as bag:
        assert numbers(bag) == [0, 1]
        (problem,) = bag.problems
        assert "metadata.yaml cannot be used" in problem


def test_times_count_from_the_beginning_even_if_the_first_file_is_lost(tmp_path):
    parts = [makers.camera(2, begin=makers.BEGIN + 2 * n * makers.STEP, first=2 * n) for n in range(2)]
    path = makers.write_split_bag(tmp_path / "bag", parts)
    (path / "bag_0.mcap").unlink()
    with Bag(path) as bag:
        assert bag.start == makers.BEGIN + 1_000_000
        assert numbers(bag) == [2, 3]


def test_a_file_that_metadata_names_is_missed(tmp_path):
    parts = [makers.camera(2, begin=makers.BEGIN + 2 * n * makers.STEP, first=2 * n) for n in range(3)]
    path = makers.write_split_bag(tmp_path / "bag", parts)
    (path / "bag_1.mcap").unlink()
    with Bag(path) as bag:
        assert numbers(bag) == [0, 1, 4, 5]
        assert bag.problems == ["bag/bag_1.mcap: named in metadata.yaml, but not there"]


def test_one_damaged_file_of_several_harms_only_itself(tmp_path):
    parts = [makers.camera(2, begin=makers.BEGIN + 2 * n * makers.STEP, first=2 * n) for n in range(3)]
    path = makers.write_split_bag(tmp_path / "bag", parts, "sqlite3")
    (path / "bag_1.db3").write_bytes(b"no database at all" * 100)
    with Bag(path) as bag:
        assert numbers(bag) == [0, 1, 4, 5]
        (problem,) = bag.problems
        assert problem.startswith("bag/bag_1.db3: cannot be read (Cannot open database")
        assert str(tmp_path) not in problem


@pytest.mark.parametrize("compress", [None, "storage"])
def test_a_cut_mcap_is_read_to_the_cut(tmp_path, compress):
    whole = makers.write_bag(tmp_path / "bag", makers.noise(400), "mcap", compress)
    with Bag(whole) as bag:
        expected = [(message.recorded, message.data) for message in bag.messages()]
    file = makers.storage_file(whole)
    os.truncate(file, file.stat().st_size * 2 // 3)
    with Bag(whole) as bag:
        found = [(message.recorded, message.data) for message in bag.messages()]
        assert 200 <= len(found) <= 270
        assert found == expected[:len(found)]
        assert bag.counts == {"/camera/image": len(found)}
        assert "bag/bag.mcap: it has no end: the recording was cut off, and what was in memory then is not in it" \
            in bag.problems
        later = makers.BEGIN + 150 * makers.STEP
        assert [time for time, _ in found if time >= later] == [one.recorded for one in bag.messages(start=later)]


@pytest.mark.parametrize("compress", [None, "storage"])
@pytest.mark.parametrize("number", [0, 2])
def test_a_chunk_with_a_wrong_checksum_is_left_out(tmp_path, compress, number):
    path = makers.write_bag(tmp_path / "bag", makers.noise(400), "mcap", compress)
    file = makers.storage_file(path)
    chunks = makers.add_checksums(file)
    data = bytearray(file.read_bytes())
    data[chunks[number] + 100_000] ^= 1
    file.write_bytes(data[:-60])  # without its end, so that it is walked
    with Bag(path) as bag:
        assert 250 < len(list(bag.messages())) < 350  # one of four chunks is gone
        (problem,) = bag.problems
        assert problem == f"bag/bag.mcap: the chunk at byte {chunks[number]} cannot be read (BagError: its checksum " \
                          "is wrong)"


def test_a_chunk_that_stops_in_the_middle_of_a_good_file_ends_it_with_a_sentence(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.noise(400), "mcap", "storage")
    file = makers.storage_file(path)
    chunks = makers.add_checksums(file)
    data = bytearray(file.read_bytes())
    data[chunks[2] + 100_000] ^= 1
    file.write_bytes(data)
    with Bag(path) as bag:
        read = len(list(bag.messages()))
        assert 200 < read < 250  # two chunks
        assert bag.problems == [f"bag/bag.mcap: breaks off after {read} of 400 messages, the rest is left out "
                                "(ReaderError: Chunk checksum mismatch.)"]
        list(bag.messages())
        assert len(bag.problems) == 1  # said once


@settings(max_examples=60, deadline=None)
@given(cut=some.integers(0, 30_000), flips=some.lists(some.integers(0, 30_000), max_size=3))
def test_no_damage_gives_more_than_it_should(tmp_path_factory, cut, flips):
    folder = tmp_path_factory.mktemp("damage")
    path = makers.write_bag(folder / "bag", makers.camera(3), "mcap")
    file = makers.storage_file(path)
    data = bytearray(file.read_bytes())
    for place in flips:
        data[place % len(data)] ^= 0x55
    file.write_bytes(data[:max(0, len(data) - cut)])
    try:
        with Bag(path) as bag:
            messages = list(bag.messages())
            assert len(messages) <= 3 + len(flips)
            for message in messages:
                try:
                    bag.decode(message)
                except BagError:
                    pass  # damaged, and said so
    except BagError as error:
        assert str(path) in str(error)
    finally:
        shutil.rmtree(folder)


@settings(max_examples=30, deadline=None)
@given(cut=some.integers(0, 40_000), flips=some.lists(some.integers(0, 40_000), max_size=3))
def test_damaged_databases_end_in_a_sentence(tmp_path_factory, cut, flips):
    folder = tmp_path_factory.mktemp("damage")
    path = makers.write_bag(folder / "bag", makers.camera(3), "sqlite3")
    file = makers.storage_file(path)
    data = bytearray(file.read_bytes())
    for place in flips:
        data[place % len(data)] ^= 0x55
    file.write_bytes(data[:max(0, len(data) - cut)])
    try:
        with Bag(path) as bag:
            assert len(list(bag.messages())) <= 3 or bag.problems
    except BagError as error:
        assert str(path) in str(error)
    finally:
        shutil.rmtree(folder)


def test_a_compressed_file_that_is_cut_gives_what_can_be_had(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.noise(400), "mcap", "file")
    file = makers.storage_file(path)
    os.truncate(file, file.stat().st_size // 2)
    with Bag(path) as bag:
        assert 100 < len(list(bag.messages())) < 250
        assert "unpacking it broke off" in bag.problems[0]


def test_what_a_recorder_left_in_its_log_is_missed(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.camera(2), "sqlite3")
    (path / "bag.db3-wal").write_bytes(b"more")
    with Bag(path) as bag:
        (problem,) = bag.problems
        assert "bag.db3-wal is not read" in problem


@pytest.mark.parametrize(("make", "expected"), [
    (lambda path: None, "there is no such file or folder"),
    (lambda path: path.mkdir(), "found none in it"),
    (lambda path: path.write_text("hello"), "expected a rosbag2 recording, its folder or a .mcap or .db3 file"),
    (lambda path: (path.mkdir(), (path / "bag.mcap").write_bytes(b"")), "bag.mcap: cannot be read"),
    (lambda path: (path.mkdir(), (path / "bag.db3").write_bytes(b"")), "bag.db3: cannot be read"),
])
def test_what_is_no_bag_gives_one_sentence(tmp_path, make, expected):
    make(tmp_path / "bag")
    with pytest.raises(BagError, match=expected) as caught:
        Bag(tmp_path / "bag")
    assert "\n" not in str(caught.value)
    assert str(tmp_path / "bag") in str(caught.value)


def test_bags_of_ros_1_are_told_what_to_do(tmp_path):
    (tmp_path / "old.bag").write_bytes(b"#ROSBAG V2.0\n")
    with pytest.raises(BagError, match="rosbags-convert --src old.bag --dst old"):
        Bag(tmp_path / "old.bag")


@pytest.mark.parametrize(("name", "expected"), [("run.mcap", "run"), ("run_0.db3.zstd", "run_0"), ("a.b.mcap", "a.b")])
def test_files_are_called_by_their_names(tmp_path, name, expected):
    assert bag_name(tmp_path / name) == expected


def test_folders_are_called_by_their_whole_names(tmp_path):
    (tmp_path / "rosbag2_2024_01_01.fixed").mkdir()
    assert bag_name(tmp_path / "rosbag2_2024_01_01.fixed") == "rosbag2_2024_01_01.fixed"
