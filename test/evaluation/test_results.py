"""Evaluations as data: they check themselves, survive their files, and are equal to the byte for equal findings."""

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.rates import Rate, bootstrap_mean
from novic_ros.evaluation.results import (
    FORMAT,
    REPORT_FILE,
    TIMING_FILE,
    Evaluation,
    Figure,
    Item,
    ResultsError,
)
from novic_ros.labels import Label, Region

DOG = Truth(frozenset({"dog", "hound"}), (frozenset({"canine"}), frozenset({"animal"})), frozenset({"poodle"}), "dog")
CUP = Truth(frozenset({"cup"}), (), frozenset(), "cup")
ITEMS = (
    Item("a.jpg", "a.jpg", "a.jpg", None, (Label("dog", 0.75), Label("cat", 0.125)), 0.5, DOG, 1.0),
    Item("bag/camera#2", "bag /camera", None, 1722000000.123456, (), None, DOG, 0.0, Region(-1, 2, 30, 40, "box 7")),
    Item("b.jpg", truth=CUP), Item("c.jpg"),
)
WHOLE = Evaluation(
    "images", "A title",
    (Figure("exact", 0.5, (0.25, 0.75), 1, 2, "of all", (0, 1)), Figure("distinct labels", 3, n=4)), ITEMS,
    {"reliability": [{"score": 0.5, "k": 1, "n": 2}]}, {"pictures": 4}, ("d.jpg: cut short",),
    {"embed": [0.03, 0.031], "decode": [0.01, 0.011]}, {"model": "novic_mini", "nouns": 12}, "novic evaluate images x")


def test_saved_and_loaded(tmp_path):
    report = WHOLE.save(tmp_path / "new" / "folder")
    assert report == tmp_path / "new" / "folder" / REPORT_FILE
    for place in (report, report.parent):
        loaded = Evaluation.load(place)
        assert loaded == WHOLE
        assert loaded.to_bytes() == WHOLE.to_bytes() == report.read_bytes()
    assert sorted(path.name for path in report.parent.iterdir()) == [REPORT_FILE, TIMING_FILE]


def test_times_are_kept_apart_and_may_be_missing(tmp_path):
    report = WHOLE.save(tmp_path)
    other = dataclasses.replace(WHOLE, timing={"embed": [7.0]})
    assert other.to_bytes() == WHOLE.to_bytes()  # the same findings, another day
    (tmp_path / TIMING_FILE).unlink()
    assert Evaluation.load(report) == dataclasses.replace(WHOLE, timing={})


def test_the_report_is_plain_json_with_each_truth_once(tmp_path):
    content = json.loads(WHOLE.to_bytes())
    assert (content["format"], content["version"], content["kind"]) == (FORMAT, 1, "images")
    assert [item["truth"] for item in content["items"]] == [0, 0, 1, None]
    assert [truth["name"] for truth in content["truths"]] == ["dog", "cup"]
    assert content["items"][1]["region"] == {"x": -1, "y": 2, "width": 30, "height": 40, "id": "box 7"}
    assert WHOLE.to_bytes().isascii()


def test_numbers_are_rounded_once_and_for_all():
    found = Evaluation("labels", "t", (Figure("score", 1 / 3),), (Item("a", labels=(Label("x", 2 / 3),)),),
                       {"c": [np.float32(0.1), np.int64(3), -1e-12]})
    content = found.to_json()
    assert content["figures"][0]["value"] == 0.333333
    assert content["items"][0]["labels"][0]["score"] == 0.666667
    assert content["curves"]["c"] == [0.1, 3, 0.0] and str(content["curves"]["c"][2]) == "0.0"
    again = Evaluation.from_json(json.loads(found.to_bytes()))
    assert again.to_bytes() == found.to_bytes()


WORDS = st.text("abc é", min_size=1).map(str.strip).filter(bool)
LABELS = st.lists(st.builds(Label, WORDS, st.floats(0, 1)), max_size=3).map(tuple)
FINITE = st.none() | st.floats(-1e9, 1e9)


ITEM = st.builds(Item, st.text(min_size=1), st.text(), st.none() | st.text(), FINITE, LABELS, FINITE,
                 st.none() | st.sampled_from([DOG, CUP]), st.none() | st.floats(0, 1))


@given(st.lists(ITEM, unique_by=lambda item: item.id, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_items_survive_the_file(items):
    first = Evaluation("bag", "t", items=tuple(items)).to_bytes()
    assert Evaluation.from_json(json.loads(first)).to_bytes() == first


def test_figures_of_rates_and_means():
    rate, mean = Figure.of("exact", Rate(81, 263)), Figure.of("score", bootstrap_mean([0.0, 1.0] * 50))
    assert str(rate) == "81 of 263 (0.308, 95 % interval 0.255 to 0.366)" == str(Rate(81, 263))
    assert (rate.interval, rate.bootstrap) == (Rate(81, 263).interval, Rate(81, 263).bootstrap())
    assert str(mean) == "0.500 (n = 100, 95 % interval 0.400 to 0.600)"
    assert mean.interval == mean.bootstrap
    assert [str(Figure("f", value)) for value in (12, 41.25, 1234, 1.0)] == ["12", "41.250", "1,234", "1.000"]
    assert str(Figure("f", 3, n=9)) == "3 (n = 9)"
    assert WHOLE.figure("exact").k == 1 and WHOLE.figure("nothing") is None


def test_the_best_label():
    assert ITEMS[0].best == Label("dog", 0.75) and ITEMS[1].best is None


BAD = [
    (lambda: Item(""), "id of at least one letter"), (lambda: Item("a", score=1.5), "score from 0 to 1, got 1.5"),
    (lambda: Item("a", stamp=float("nan")), "item a: stamp: expected a finite"),
    (lambda: Item("a", evidence="0.5"), "item a: evidence: expected a finite"),
    (lambda: Figure("f", float("inf")), "figure f: expected a finite"),
    (lambda: Figure("f", 0, (1, 0)), "from low to high, got 1 to 0"),
    (lambda: Figure("f", 0, bootstrap=(0, float("nan"))), "figure f: bootstrap: expected a finite"),
    (lambda: Figure("f", 0, k=3, n=2), "got k = 3, n = 2"), (lambda: Figure("f", 0, k=3), "got k = 3, n = None"),
    (lambda: Evaluation("picture", "t"), "expected one of images, classes, bag, labels, got 'picture'"),
    (lambda: Evaluation("bag", "t", items=(Item("a"), Item("a"))), "every item once, got 'a' twice"),
    (lambda: Evaluation("bag", "t", (Figure("f", 1), Figure("f", 2))), "every figure once, got 'f' twice"),
    (lambda: Evaluation("bag", "t", curves={"c": [object()]}).to_bytes(), "values that JSON can hold, got <object"),
    (lambda: Evaluation("bag", "t", environment={"x": float("nan")}).to_bytes(), "expected a finite number, got nan"),
]


@pytest.mark.parametrize(("make", "message"), BAD, ids=[row[1] for row in BAD])
def test_what_cannot_be_right(make, message):
    with pytest.raises(ResultsError, match=message):
        make()


@pytest.mark.parametrize(("content", "message"), [
    ("", "expected a JSON file"), ("[1]", "expected a JSON object, found list"), ("{}", "found None"),
    ('{"format": "novic_ros.evaluation", "version": 2}', "expected an evaluation of version 1, found version 2"),
    ('{"format": "novic_ros.evaluation", "version": 1}', "KeyError: 'truths'"),
    ("[" * 100_000, "expected a JSON file"),
])
def test_files_that_are_no_evaluation_are_named(tmp_path, content, message):
    path = tmp_path / "report.json"
    path.write_text(content)
    with pytest.raises(ResultsError, match=message) as error:
        Evaluation.load(path)
    assert str(error.value).count(str(path)) == 1


def test_damage_inside_is_one_clear_error(tmp_path):
    path = WHOLE.save(tmp_path)
    content = json.loads(path.read_text())
    for damage in ({"items": 3}, {"items": [{"id": "a"}]}, {"truths": [{"synonyms": 3}]}, {"figures": [{"name": "x"}]},
                   {"kind": "other"}, {"items": [content["items"][0] | {"truth": 9}]}, {"figures": None}):
        path.write_text(json.dumps(content | damage))
        with pytest.raises(ResultsError, match=str(path)):
            Evaluation.load(path)


def test_missing_and_unwritable_places(tmp_path):
    with pytest.raises(ResultsError, match="No such file"):
        Evaluation.load(tmp_path / "none" / "report.json")
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultsError, match="the results cannot be written"):
        WHOLE.save(tmp_path / "file")


def test_summary_is_what_scripts_need():
    found = WHOLE.summary()
    assert found["figures"]["exact"]["k"] == 1 and found["counts"] == {"pictures": 4}
    assert set(found) == {"kind", "title", "counts", "problems", "figures"}
