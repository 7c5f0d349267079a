"""Scores against hierarchical truth, by hand."""

import dataclasses

import pytest

from novic_ros.evaluation.hierarchy_scores import (
    Truth,
    hierarchical_score,
    is_generic,
    is_over_generic,
    is_truthful,
)

RECORD = {
    "file": "shark.jpg",
    "synonyms": ["great white shark", "White shark", "man-eater"],
    "hypernyms": [["mackerel shark"], ["shark"], ["elasmobranch", "selachian"], ["fish"], ["animal", "white shark"]],
    "hyponyms": ["baby shark"],
}
TRUTH = Truth.of(RECORD)


@pytest.mark.parametrize(("label", "score", "over_generic"), [
    ("great white shark", 1.0, False),
    ("white shark", 1.0, False),  # a right word, although it also stands further up
    ("Great  White\tShark ", 1.0, False),
    ("man-eater", 1.0, False),
    ("mackerel shark", 0.5, False),  # one step up
    ("shark", 0.5, False),  # two
    ("SHARK", 0.5, False),
    ("baby shark", 0.5, False),  # below
    ("elasmobranch", 0.0, True),  # three steps up
    ("fish", 0.0, True),
    ("animal", 0.0, True),
    ("whale", 0.0, False),
    ("great white", 0.0, False),  # no part of a word counts
    ("", 0.0, False),
])
def test_scores_by_hand(label, score, over_generic):
    assert hierarchical_score(label, TRUTH) == score
    assert is_over_generic(label, TRUTH) is over_generic


def test_truth_without_hypernyms():
    truth = Truth.of({"synonyms": ["thing"], "hypernyms": [], "hyponyms": []})
    assert (hierarchical_score("thing", truth), hierarchical_score("entity", truth)) == (1, 0)
    assert not is_over_generic("entity", truth)


@pytest.mark.parametrize("missing", ["synonyms", "hypernyms", "hyponyms"])
def test_truth_names_what_is_missing_and_where(missing):
    with pytest.raises(ValueError, match=rf"shark\.jpg: expected {missing} too"):
        Truth.of({key: value for key, value in RECORD.items() if key != missing})


DEEP = Truth.of({"synonyms": ["tabby"], "hyponyms": ["brown tabby"],
                 "hypernyms": [["cat"], ["feline"], ["carnivore"], ["mammal"], ["vertebrate"], ["chordate"],
                               ["animal"], ["organism", "being"], ["tabby"]]})


@pytest.mark.parametrize(("label", "truthful", "generic"), [
    ("tabby", True, False),  # a right word, although it also stands far up
    ("brown tabby", True, False), ("Cat", True, False), ("chordate", True, False),  # six steps up
    ("animal", True, True),  # seven
    ("Being", True, True), ("dog", False, False), ("", False, False),
])
def test_what_is_true_and_what_says_nearly_nothing(label, truthful, generic):
    assert (is_truthful(label, DEEP), is_generic(label, DEEP)) == (truthful, generic)


def test_truth_is_frozen_and_survives_json():
    with pytest.raises(dataclasses.FrozenInstanceError):
        TRUTH.name = "other"
    named = Truth.of(RECORD | {"name": "great white shark"})
    assert Truth.of(named.to_dict()) == named and named.name == "great white shark"
    assert named.to_dict()["hypernyms"][4] == ["animal", "white shark"]
