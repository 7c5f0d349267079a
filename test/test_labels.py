"""Labels, Label and Region: what they accept, what they refuse, and what goes to JSON."""

import dataclasses
import itertools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.labels import Label, Labels, Region


def test_label_keeps_text_and_python_float():
    label = Label("bird feeder", np.float32(0.25))
    assert (label.text, label.score) == ("bird feeder", 0.25)
    assert type(label.score) is float


@pytest.mark.parametrize(("score", "kept"), [(1 + 1e-7, 1.0), (-1e-7, 0.0), (1, 1.0), (0, 0.0)])
def test_rounding_of_a_score_goes_to_the_edge(score, kept):
    assert Label("cup", score).score == kept


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (lambda: Label("", 0.5), ValueError, "Label.text must be words"),
        (lambda: Label(" cup", 0.5), ValueError, "' cup'"),
        (lambda: Label(3, 0.5), TypeError, "Label.text must be a str, came int"),
        (lambda: Label("cup", 1.7), ValueError, r"\[0, 1\], came 1.7 for 'cup'"),
        (lambda: Label("cup", -0.1), ValueError, "came -0.1"),
        (lambda: Label("cup", float("nan")), ValueError, "finite"),
        (lambda: Label("cup", "0.5"), TypeError, "number, came '0.5'"),
        (lambda: Label("cup", True), TypeError, "number, came True"),
        (lambda: Region(0, 0, 0, 5), ValueError, "width 0, height 5"),
        (lambda: Region(0, 0, 5, -1), ValueError, "height -1"),
        (lambda: Region(0.5, 0, 5, 5), TypeError, "Region.x must be a whole number of pixels, came 0.5"),
        (lambda: Region(0, True, 5, 5), TypeError, "Region.y"),
        (lambda: Region(0, 0, 5, 5, id=7), TypeError, "Region.id must be a str, came int"),
        (lambda: Labels("cup"), TypeError, "tuple of Label, came str"),
        (lambda: Labels((Label("cup", 0.5), "cup")), TypeError, "Label only, came 'cup'"),
        (lambda: Labels((), evidence=float("inf")), ValueError, "Labels.evidence must be finite"),
        (lambda: Labels((), evidence="much"), TypeError, "Labels.evidence must be a number"),
        (
            lambda: Labels((), region=(0, 0, 5, 5)),
            TypeError,
            "Labels.region must be a Region or None, came tuple",
        ),
    ],
)
def test_refuses(make, error, words):
    with pytest.raises(error, match=words):
        make()


def test_region_takes_numpy_integers_and_negative_corners():
    region = Region(np.int64(-3), np.uint8(4), 5, 6, "box 1")
    assert region == Region(-3, 4, 5, 6, "box 1")
    assert type(region.x) is int


@given(st.lists(st.floats(0, 1), max_size=8))
def test_labels_are_a_tuple_by_falling_score_and_ties_keep_their_order(scores):
    given_labels = [Label(f"noun {place}", score) for place, score in enumerate(scores)]
    labels = Labels(given_labels).labels
    assert isinstance(labels, tuple)
    assert sorted(labels, key=lambda label: label.text) == sorted(given_labels, key=lambda label: label.text)
    for first, second in itertools.pairwise(labels):
        assert (first.score, second.text) > (second.score, first.text)


def test_best():
    assert Labels().best is None
    assert Labels((Label("cup", 0.2), Label("mug", 0.6))).best == Label("mug", 0.6)


def test_frozen_hashable_and_equal_by_value():
    labels = Labels((Label("cup", 0.2),), evidence=1.5, region=Region(0, 0, 2, 2))
    with pytest.raises(dataclasses.FrozenInstanceError):
        labels.evidence = 2.0
    assert labels == Labels([Label("cup", 0.2)], 1.5, Region(0, 0, 2, 2))
    assert len({labels, dataclasses.replace(labels)}) == 1


def test_json():
    labels = Labels([Label("cup", np.float32(0.25)), Label("mug", 0.5)], evidence=np.float32(1.5))
    assert json.loads(json.dumps(labels.to_dict())) == {
        "labels": [{"text": "mug", "score": 0.5}, {"text": "cup", "score": 0.25}],
        "evidence": 1.5,
    }
    boxed = Labels((), region=Region(1, 2, 3, 4, "a"))
    assert boxed.to_dict() == {
        "labels": [],
        "evidence": None,
        "region": {"x": 1, "y": 2, "width": 3, "height": 4, "id": "a"},
    }
