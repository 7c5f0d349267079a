"""What frames show: tables of intervals with all their faults told at once, and label topics of bags."""

import json

import pytest

pytest.importorskip("rosbags", reason="bags need the package rosbags (requirements-dev.txt)")

import bag_makers as makers
from hypothesis import given
from hypothesis import strategies as some

from novic_ros.evaluation.bag_reader import Bag, BagError
from novic_ros.evaluation.bag_truth import BagTruth, Interval, Intervals, LabelTopic, read_intervals
from novic_ros.evaluation.truth_files import names_truth

SECOND = 10**9
BEGIN, STEP = makers.BEGIN, makers.STEP


def table(tmp_path, text, name="truth.csv"):
    path = tmp_path / name
    path.write_text(text)
    return path


def words(fact):
    return None if fact is None else fact.truth.name


def test_a_table_speaks_of_the_time_of_recording(tmp_path):
    path = table(tmp_path, "Start, End, Label\n0,1.5,cat\n1.5,2,Great Dane;dog\n3,4,cup\n")
    truth = Intervals(read_intervals(path), "bag", BEGIN)
    found = [words(truth.of("/a", 0, BEGIN + round(second * SECOND))) for second in (0, 1, 1.5, 1.999, 2, 2.5, 3, 4, 9)]
    assert found == ["cat", "cat", "Great Dane", "Great Dane", None, None, "cup", None, None]
    assert "dog" in truth.of("/a", 0, BEGIN + round(1.5 * SECOND)).truth.synonyms
    assert truth.of("/a", 0, BEGIN - 1) is None
    assert truth.of("/a", 0, BEGIN).group == truth.of("/a", 0, BEGIN + SECOND).group
    assert truth.of("/a", 0, BEGIN).group != truth.of("/a", 0, BEGIN + 3 * SECOND).group
    assert truth.of("/a", 0, BEGIN, "7") is None


def test_times_since_1970_are_exact_to_the_nanosecond(tmp_path):
    path = table(tmp_path, "start,end,label\n1700000000.000000001,1700000000.000000003,cat\n")
    truth = Intervals(read_intervals(path), "bag", BEGIN)
    assert [words(truth.of("/a", 0, BEGIN + n)) for n in range(4)] == [None, "cat", "cat", None]


def test_rows_may_be_about_one_bag_topic_or_track(tmp_path):
    path = table(tmp_path, "start,end,label,bag,topic,id\n"
                           "0,9,cat,one,/a,\n0,9,dog,two,/a,\n0,9,cup,,/b,\n0,9,hat,,,7\n")
    rows = read_intervals(path)
    one, two = Intervals(rows, "one", BEGIN), Intervals(rows, "two", BEGIN)
    assert [words(bag.of(topic, 0, BEGIN, track)) for bag in (one, two)
            for topic, track in (("/a", None), ("/b", None), ("/c", None), ("/a", "7"), ("/a", "8"))] == [
        "cat", "cup", None, "hat", None, "dog", "cup", None, "hat", None]


def test_json_rows_may_be_graded(tmp_path):
    rows = [{"start": 0, "end": 1, "label": "cat"},
            {"start": 1, "end": 2, "name": "tabby", "synonyms": ["tabby"], "hypernyms": [["cat"]], "hyponyms": []}]
    truth = Intervals(read_intervals(table(tmp_path, json.dumps(rows), "truth.json")), "bag", BEGIN)
    graded = truth.of("/a", 0, BEGIN + SECOND).truth
    assert (graded.name, graded.hypernyms) == ("tabby", (frozenset({"cat"}),))


def test_all_faults_are_told_at_once_with_their_rows(tmp_path):
    path = table(tmp_path, "start,end,label\n0,1,cat\n2,1,dog\nx,2,cup\n3,4,\n0.5,2,hat\n5,1700000000,pan\n1e999,2,a\n")
    with pytest.raises(BagError) as caught:
        read_intervals(path)
    text = str(caught.value)
    for part in (str(path), "row 3: expected a start before the end", "row 4: expected start in seconds", "found 'x'",
                 "row 5: expected a label, found ''", "row 7: expected both times", "and 1 more such faults"):
        assert part in text


def test_overlapping_rows_are_faults_unless_they_speak_of_different_things(tmp_path):
    with pytest.raises(BagError, match="row 4 overlaps row 2"):
        read_intervals(table(tmp_path, "start,end,label\n0,9,cat\n20,30,dog\n8,10,cup\n"))
    assert len(read_intervals(table(tmp_path, "start,end,label,topic\n0,9,cat,/a\n0,9,dog,/b\n"))) == 2
    with pytest.raises(BagError, match="overlaps"):
        read_intervals(table(tmp_path, "start,end,label,topic\n0,9,cat,/a\n0,9,dog,\n"))


@pytest.mark.parametrize(("name", "text", "expected"), [
    ("a.csv", "", "expected a header with start, end and label, found none"),
    ("a.csv", "file,label\na,b\n", "found file, label"),
    ("a.csv", "start,end,label\n", "expected at least one row"),
    ("a.json", "{}", "expected a JSON list"),
    ("a.json", "[1]", "expected a JSON list of objects"),
    ("a.json", "nonsense", "expected a JSON file"),
    ("a.json", '[{"start": 0, "end": 1, "synonyms": ["a"]}]', "row 1: truth record"),
])
def test_a_file_that_is_no_table_is_named(tmp_path, name, text, expected):
    path = table(tmp_path, text, name)
    with pytest.raises(BagError, match=expected) as caught:
        read_intervals(path)
    assert str(path) in str(caught.value)


def test_a_table_that_is_no_text_is_named(tmp_path):
    path = tmp_path / "truth.csv"
    path.write_bytes(b"start,end,label\n0,1,\xff\xfe\n")
    with pytest.raises(BagError, match="expected a table in UTF-8"):
        read_intervals(path)


@given(some.lists(some.tuples(some.integers(0, 30), some.integers(1, 8)), max_size=8), some.integers(0, 40))
def test_the_row_that_holds_a_moment_is_found(rows, moment):
    intervals, free = [], 0
    for number, (gap, length) in enumerate(rows):
        start = free + gap % 4
        free = start + length
        intervals.append(Interval(start, free, names_truth(f"thing {number}"), number))
    found = Intervals(intervals, "bag", BEGIN).of("/a", 0, BEGIN + moment)
    expected = [one.truth.name for one in intervals if one.start <= moment < one.end]
    assert [words(found)] == (expected or [None])


def bag_with(tmp_path, plan):
    return Bag(makers.write_bag(tmp_path / "bag", [*makers.camera(4), *plan]))


def test_a_text_holds_until_the_next(tmp_path):
    said = ["cat", "cat", "", "dog; hound", "cat"]
    plan = [("/truth", makers.STRING, BEGIN + n * STEP, makers.string(text)) for n, text in enumerate(said)]
    with bag_with(tmp_path, plan) as bag:
        truth = LabelTopic(bag, "/truth")
    found = [truth.of("/a", 0, BEGIN + round(n * STEP)) for n in (-0.1, 0, 0.5, 1, 2, 2.9, 3, 4, 99)]
    assert [words(one) for one in found] == [None, "cat", "cat", "cat", None, None, "dog", "cat", "cat"]
    assert found[1].group == found[3].group != found[7].group  # a second visit is another stretch
    assert truth.of("/a", 0, BEGIN, "7") is None


def test_a_classification_speaks_of_its_stamp_by_its_best_results(tmp_path):
    plan = [("/truth", makers.CLASSIFICATION, BEGIN + 99, makers.classification(BEGIN, cat=0.2, dog=0.7, hound=0.7)),
            ("/truth", makers.CLASSIFICATION, BEGIN + 99, makers.classification(BEGIN + STEP))]
    with bag_with(tmp_path, plan) as bag:
        truth = LabelTopic(bag, "/truth")
    assert {"dog", "hound"} <= truth.of("/a", BEGIN, 0).truth.synonyms
    assert "cat" not in truth.of("/a", BEGIN, 0).truth.synonyms
    assert truth.of("/a", BEGIN + STEP, 0) is None
    assert truth.of("/a", BEGIN + 1, 0) is None


def test_detections_speak_of_the_frame_and_of_tracks(tmp_path):
    box = (10, 10, 4, 4)
    both = makers.detections(BEGIN, makers.detection(BEGIN, box, cat=1), makers.detection(BEGIN, box, "7", dog=1))
    unclear = makers.detections(BEGIN + 1, makers.detection(BEGIN, box, cat=1), makers.detection(BEGIN, box, cup=1))
    plan = [("/truth", makers.DETECTIONS, BEGIN, both), ("/truth", makers.DETECTIONS, BEGIN, unclear)]
    with bag_with(tmp_path, plan) as bag:
        truth = LabelTopic(bag, "/truth")
    assert [words(truth.of("/a", BEGIN, 0, track)) for track in (None, "7", "8")] == ["cat", "dog", None]
    assert truth.of("/a", BEGIN + 1, 0) is None


def test_a_topic_of_another_type_or_none_is_told(tmp_path):
    plan = [("/truth", makers.STRING, BEGIN, makers.string("cat"))]
    with bag_with(tmp_path, plan) as bag:
        with pytest.raises(BagError, match="found no such topic; such topics in it: /truth"):
            LabelTopic(bag, "/other")
        with pytest.raises(BagError, match="found sensor_msgs/msg/Image"):
            LabelTopic(bag, "/camera/image")


def test_damaged_labels_are_counted(tmp_path):
    plan = [("/truth", makers.STRING, BEGIN, b"\x00\x01\x00\x00\xff\xff\xff\xffx")]
    with bag_with(tmp_path, plan) as bag:
        assert LabelTopic(bag, "/truth").of("/a", BEGIN, BEGIN) is None
        assert bag.problems[0].startswith("bag: 1 messages of /truth cannot be used; the first: damaged message")


def test_who_knows_nothing_says_nothing():
    assert BagTruth().of("/a", 1, 1) is None
