"""The pixels of single frames are found again in their bags, also where times and stamps are the same."""

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers

from novic_ros.evaluation.bag_evaluation import LabelledBag, evaluate_bags
from novic_ros.evaluation.bag_pictures import bag_pictures
from novic_ros.evaluation.bag_run import BagJob, label_bag


def labelled(path, name):
    return LabelledBag(name, list(label_bag(BagJob(str(path), name), makers.ColourLabeller())))


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_the_right_pictures_come(tmp_path, storage):
    begin = makers.BEGIN
    plan = [*makers.camera(20), *[("/b", makers.COMPRESSED, begin, makers.jpeg(begin + n, 100 + n)) for n in range(3)]]
    paths = {"one": makers.write_bag(tmp_path / "one", plan, storage),
             "two": makers.write_bag(tmp_path / "two", makers.camera(3, first=200), storage)}
    bags = [labelled(path, name) for name, path in paths.items()]
    items = evaluate_bags(bags, "").items
    found = list(bag_pictures(paths, bags)(items[::-1]))
    assert len(found) == 26
    for item, picture in found:
        assert picture.shape == (48, 64, 3)
        assert item.best.text == f"red {picture[0, 0, 0]}"


def test_frames_of_one_moment_are_told_apart_by_their_place(tmp_path):
    plan = [("/b", makers.IMAGE, makers.BEGIN, makers.raw(0, n)) for n in range(4)]
    path = makers.write_bag(tmp_path / "one", plan)
    bags = [labelled(path, "one")]
    items = evaluate_bags(bags, "").items
    found = list(bag_pictures({"one": path}, bags)(items))
    assert len(found) == 4
    for item, picture in found:
        assert item.best.text == f"red {picture[0, 0, 0]}"


def test_pictures_that_are_gone_are_left_away(tmp_path):
    path = makers.write_bag(tmp_path / "one", makers.camera(3))
    bags = [labelled(path, "one")]
    items = evaluate_bags(bags, "").items
    makers.storage_file(path).unlink()
    assert list(bag_pictures({"one": path}, bags)(items)) == []
