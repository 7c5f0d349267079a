"""One bag is labelled frame by frame, each with its crops in one call, and what is said travels as JSON."""

import dataclasses
import json

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers
from hypothesis import given
from hypothesis import strategies as some

from novic_ros.evaluation.bag_frames import FrameWishes
from novic_ros.evaluation.bag_reader import BagError
from novic_ros.evaluation.bag_run import BagJob, FrameLabels, Labelling, label_bag
from novic_ros.labeller import LabellerError
from novic_ros.labels import Label, Labels, Region
from novic_ros.vocabulary import VocabularyError

BEGIN, STEP = makers.BEGIN, makers.STEP


def label(path, labeller=None, wishes=None, done=0):
    problems = []
    labeller = labeller or makers.ColourLabeller()
    return list(label_bag(BagJob(str(path), "bag", wishes or FrameWishes()), labeller, done, problems)), problems


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_every_frame_is_labelled_once(tmp_path, storage):
    path = makers.write_bag(tmp_path / "bag", makers.camera(12), storage)
    labeller = makers.ColourLabeller()
    found, problems = label(path, labeller)
    assert labeller.asked == list(range(12))
    assert problems == []
    assert [(one.index, one.labels[0].best.text, one.cause, one.labels[0].region) for one in found] == [
        (n, f"red {n}", "", None) for n in range(12)]
    assert set(found[0].seconds) == {"read", "preprocess", "embed", "decode"}
    rest, _ = label(path, done=9)
    assert [dataclasses.replace(one, seconds={}) for one in rest] == [
        dataclasses.replace(one, seconds={}) for one in found[9:]]


def test_a_frame_and_its_boxes_are_one_batch(tmp_path):
    box = makers.detections(BEGIN, makers.detection(BEGIN, (20, 20, 10, 10), "7"))
    plan = [*makers.camera(2), ("/boxes", makers.DETECTIONS, BEGIN, box)]
    path = makers.write_bag(tmp_path / "bag", plan)
    wishes = FrameWishes(detections=(("", "/boxes"),))
    (first, second), _ = label(path, wishes=wishes)
    assert [one.region for one in first.labels] == [None, Region(15, 15, 10, 10, "7")]
    assert [one.region for one in second.labels] == [None]
    (first, second), _ = label(path, wishes=dataclasses.replace(wishes, include_frame=False))
    assert [one.region for one in first.labels] == [Region(15, 15, 10, 10, "7")]
    assert (second.labels, second.cause) == ((), "no boxes")


def test_a_frame_that_the_model_cannot_bear_harms_only_itself(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.camera(4))
    found, _ = label(path, makers.ColourLabeller(fail_on=(2,)))
    assert [(one.cause, len(one.labels)) for one in found] == [("", 1), ("", 1), ("labeller", 0), ("", 1)]
    assert found[2].reason == "RuntimeError: no colour is called 2"


def test_what_of_the_bag_was_lost_is_told_at_its_end(tmp_path):
    path = makers.write_bag(tmp_path / "bag", makers.camera(2))
    (path / "metadata.yaml").unlink()
    found, problems = label(path)
    assert len(found) == 2
    assert problems == ["bag: has no metadata.yaml; its files are read all the same"]


def test_no_bag_no_labels(tmp_path):
    with pytest.raises(BagError, match="no such file or folder"):
        label(tmp_path / "nowhere")


texts = some.text(max_size=8)
numbers = some.floats(0, 1)
words = texts.map(str.strip).filter(bool)
labels = some.builds(Labels, some.lists(some.builds(Label, words, numbers), max_size=3).map(tuple),
                     some.none() | some.floats(-1e6, 1e6),
                     some.none() | some.builds(Region, *[some.integers(0, 99)] * 2, *[some.integers(1, 99)] * 2, texts))


@given(some.builds(FrameLabels, texts, some.integers(0), some.integers(), some.integers(),
                   some.lists(labels, max_size=3).map(tuple), some.dictionaries(texts, some.integers(0)), texts, texts,
                   some.dictionaries(texts, numbers)))
def test_what_was_said_survives_json(frame):
    assert FrameLabels.from_json(json.loads(json.dumps(frame.to_json()))) == frame


def test_the_time_of_a_frame_without_a_stamp_is_that_of_recording():
    assert FrameLabels("/a", 0, 5, 7).time == 5
    assert FrameLabels("/a", 0, 0, 7).time == 7


def test_a_labeller_is_made_as_asked(tiny_model, tmp_path):
    (tmp_path / "nouns.txt").write_text("dog\ncat\n")
    labeller, warnings = Labelling(model=str(tiny_model), guide=(f"@{tmp_path / 'nouns.txt'}",), deny=("teapot",),
                                   top_k=2, device="cpu").load()
    assert labeller.nouns == ("dog", "cat")
    assert labeller.vocabulary.deny
    assert len(labeller.label([makers.colour(0)])[0].labels) == 2
    assert isinstance(warnings, list)
    with pytest.raises(LabellerError):
        Labelling(model="no such model").load()
    with pytest.raises(VocabularyError):
        Labelling(model=str(tiny_model), guide=("@/no/such/file",)).load()
