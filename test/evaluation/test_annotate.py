"""Judgements: which pairs there are, and a file that is right after every one of them."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.evaluation.annotate import Pair, Sitting, distinct_pairs
from novic_ros.evaluation.json_files import JsonFileError
from novic_ros.evaluation.ovic import WEIGHTS, OvicError, read_annotations
from novic_ros.labels import Label, Labels

PAIRS = [Pair("a.jpg", "cup"), Pair("a.jpg", "mug"), Pair("b.jpg", "cup")]


def said(*words):
    return Labels(tuple(Label(word, 0.9 - 0.1 * place) for place, word in enumerate(words)))


@pytest.fixture
def file(tmp_path):
    return tmp_path / "_class_annotations.json"


def test_pairs_are_distinct_and_do_not_show_what_was_best():
    sources = [{"b.jpg": said("mug", "Coffee-Cup", "cup"), "elsewhere.jpg": said("dog")},
               {"a.jpg": said("cat"), "b.jpg": said("coffee cup", "zebra")}]
    assert distinct_pairs(sources, ["a.jpg", "b.jpg", "c.jpg"], 2) == [
        Pair("a.jpg", "cat"), Pair("b.jpg", "coffee cup"), Pair("b.jpg", "mug"), Pair("b.jpg", "zebra")]
    assert distinct_pairs(sources, ["b.jpg"], 1) == [Pair("b.jpg", "coffee cup"), Pair("b.jpg", "mug")]
    assert distinct_pairs([{"a.jpg": Labels()}], ["a.jpg"], 3) == []
    with pytest.raises(ValueError, match="at least one label of each picture, got 0"):
        distinct_pairs(sources, ["a.jpg"], 0)


def test_every_judgement_is_in_the_file_at_once(file):
    sitting = Sitting(PAIRS, file)
    assert not file.exists()
    sitting.judge(0, "correct_primary")
    assert json.loads(file.read_text()) == {"a.jpg": {
        "correct_primary": ["cup"], "correct_secondary": [], "close_primary": [], "close_secondary": [],
        "incorrect": []}}
    sitting.judge(1, "close_primary")
    sitting.judge(0, "incorrect")  # thought better of it
    found = read_annotations(file)["a.jpg"]
    assert (found.incorrect, found.close_primary, found.correct_primary) == (("cup",), ("mug",), ())
    assert sitting.judged == 2


def test_a_later_sitting_goes_on(file):
    Sitting(PAIRS, file).judge(2, "close_secondary")
    later = Sitting(PAIRS[1:], file)
    assert [later.category(number) for number in range(2)] == [None, "close_secondary"]
    assert later.judged == 1


def test_what_else_is_in_the_file_stays_in_it(file):
    before = {"a.jpg": {"correct_primary": ["T-shirt", "CUP"], "incorrect": ["dog"]}, "z.jpg": {"incorrect": ["cat"]}}
    file.write_text(json.dumps(before))
    sitting = Sitting(PAIRS, file)
    assert sitting.category(0) == "correct_primary"
    sitting.judge(0, "correct_secondary")
    after = read_annotations(file)
    assert after["a.jpg"].correct_primary == ("T-shirt",)
    assert after["a.jpg"].correct_secondary == ("cup",)
    assert after["a.jpg"].incorrect == ("dog",)
    assert after["z.jpg"].incorrect == ("cat",)


def test_taking_the_last_one_back_leaves_no_file(file):
    sitting = Sitting(PAIRS, file)
    sitting.judge(0, "incorrect")
    sitting.judge(0, None)
    assert not file.exists()
    assert sitting.judged == 0
    sitting.judge(0, None)  # nothing was said: nothing to take back
    sitting.judge(1, "incorrect")
    assert Sitting(PAIRS, file).judged == 1


def test_somebody_elses_changes_are_not_written_over(file):
    sitting = Sitting(PAIRS, file)
    sitting.judge(0, "incorrect")
    Sitting(PAIRS, file).judge(1, "incorrect")
    with pytest.raises(OvicError, match="changed by another program since; end and start again"):
        sitting.judge(2, "incorrect")
    assert read_annotations(file)["a.jpg"].incorrect == ("cup", "mug")
    assert sitting.category(2) is None


@pytest.mark.parametrize(("number", "category", "message"), [
    (3, "incorrect", "number of a pair below 3, got 3"), (-1, "incorrect", "got -1"), ("0", "incorrect", "got '0'"),
    (True, "incorrect", "got True"), (0, "wrong", "expected a category, one of correct_primary, .*, got 'wrong'"),
])  # fmt: skip
def test_what_makes_no_sense_is_refused(file, number, category, message):
    with pytest.raises(ValueError, match=message):
        Sitting(PAIRS, file).judge(number, category)
    assert not file.exists()


def test_a_file_that_cannot_be_written_changes_nothing(file, monkeypatch):
    sitting = Sitting(PAIRS, file)
    sitting.judge(0, "incorrect")

    def full(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("novic_ros.evaluation.annotate.write_annotations", full)
    with pytest.raises(OSError, match="No space"):
        sitting.judge(1, "incorrect")
    assert sitting.category(1) is None
    assert read_annotations(file)["a.jpg"].incorrect == ("cup",)


@pytest.mark.parametrize(("content", "error"), [("{", JsonFileError), ('{"a.jpg": {"nice": []}}', OvicError)])
def test_a_damaged_file_is_left_as_it_is(file, content, error):
    file.write_text(content)
    with pytest.raises(error):
        Sitting(PAIRS, file)
    assert file.read_text() == content


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.sampled_from([*WEIGHTS, None])), max_size=20))
def test_the_file_always_holds_the_last_word_on_every_pair(tmp_path_factory, steps):
    file = tmp_path_factory.mktemp("sitting") / "file.json"
    sitting = Sitting(PAIRS, file)
    last = {}
    for number, category in steps:
        sitting.judge(number, category)
        last[number] = category
    again = Sitting(PAIRS, file)
    for number in range(3):
        assert again.category(number) == sitting.category(number) == last.get(number)
