"""OVIC's scores: every category by hand, the authors' rules for labels judged never or twice, and files."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from novic_ros.evaluation.json_files import JsonFileError
from novic_ros.evaluation.ovic import (
    WEIGHTS,
    Annotation,
    OvicError,
    missing_specificity,
    overall_score,
    prediction_score,
    primary_score,
    read_annotations,
    read_specificity,
    top_k_scores,
    write_annotations,
)

# A photo of a sloth on a branch: the sloth is the primary object, the tree a secondary one.
SLOTH = Annotation(correct_primary=("sloth", "three-toed sloth"), correct_secondary=("tree", "branch"),
                   close_primary=("mammal", "monkey"), close_secondary=("plant",), incorrect=("guitar",))
CASES = [  # label, category, prediction score, primary score
    ("sloth", "correct_primary", 1.0, 1.0),
    ("Three toed Sloth", "correct_primary", 1.0, 1.0),  # canonical spelling
    ("tree", "correct_secondary", 0.8, 0.0),
    ("mammal", "close_primary", 0.5, 0.5),
    ("plant", "close_secondary", 0.4, 0.0),
    ("guitar", "incorrect", 0.0, 0.0),
    ("teapot", None, 0.0, 0.0),  # nobody has judged it
    ("", None, 0.0, 0.0),
]


@pytest.mark.parametrize(("label", "category", "prediction", "primary"), CASES)
def test_every_category_by_hand(label, category, prediction, primary):
    assert SLOTH.category(label) == category
    assert prediction_score(label, SLOTH) == prediction
    assert primary_score(label, SLOTH) == primary


def test_the_published_weights():
    assert WEIGHTS == {"correct_primary": 1, "correct_secondary": 0.8, "close_primary": 0.5, "close_secondary": 0.4,
                       "incorrect": 0}


@pytest.mark.parametrize(("label", "share", "score"), [
    ("sloth", 1.0, 1.0), ("mammal", 0.5, 0.25), ("tree", 0.5, 0.4), ("plant", 0.5, 0.2)])
def test_coarse_words_count_half(label, share, score):
    assert overall_score(label, SLOTH, {label: share}) == pytest.approx(score)


def test_a_label_that_scores_needs_a_specificity_and_no_other_does():
    assert overall_score("guitar", SLOTH, {}) == 0
    with pytest.raises(OvicError, match="found none for 'sloth'"):
        overall_score("sloth", SLOTH, {"tree": 1.0})
    said = [("sloth", SLOTH), ("guitar", SLOTH), ("plant", SLOTH), ("sloth", SLOTH)]
    assert missing_specificity(said, {"plant": 0.5}) == ["sloth"]


def test_the_best_of_the_first_labels_counts():
    assert top_k_scores(["guitar", "plant", "mammal", "sloth"], SLOTH, 4) == (0, 0.4, 0.5, 1)
    assert top_k_scores(["sloth", "guitar"], SLOTH, 3) == (1, 1, 1)
    assert top_k_scores(["plant"], SLOTH, 3) == (0.4, 0.4, 0.4)  # what is missing adds nothing
    assert top_k_scores([], SLOTH, 2) == (0, 0)


@given(st.lists(st.sampled_from([case[0] for case in CASES]), max_size=6), st.integers(1, 6))
def test_top_k_scores_never_fall_and_begin_with_the_prediction_score(labels, k):
    scores = top_k_scores(labels, SLOTH, k)
    assert len(scores) == k and list(scores) == sorted(scores)
    assert scores[0] == (prediction_score(labels[0], SLOTH) if labels else 0)


def test_of_several_categories_the_first_by_alphabet_counts():
    both = Annotation(correct_primary=("cat", "dog"), close_primary=("cat",), incorrect=("dog",))
    assert (both.category("cat"), both.category("dog")) == ("close_primary", "correct_primary")
    assert both.ambiguous == ("cat", "dog") and SLOTH.ambiguous == ()


def test_what_a_report_shows_as_truth():
    truth = SLOTH.truth()
    assert (truth.name, truth.synonyms) == ("sloth", {"sloth", "three-toed sloth", "tree", "branch"})
    assert truth.hyponyms == {"mammal", "monkey", "plant"} and Annotation().truth().name == ""


def test_files_round_trip_with_unicode_and_empty_lists(tmp_path):
    annotations = {"b.jpg": SLOTH, "ß \"1\".jpg": Annotation(incorrect=("crème brûlée",)), "none.jpg": Annotation()}
    path = tmp_path / "_class_annotations.json"
    write_annotations(path, annotations)
    assert read_annotations(path) == annotations
    first = path.read_bytes()
    write_annotations(path, read_annotations(path))
    assert path.read_bytes() == first
    content = json.loads(first)
    assert list(content) == list(annotations) and set(content["none.jpg"]) == set(WEIGHTS)
    write_annotations(path, {})
    assert json.loads(path.read_text()) == {}


def test_a_language_models_file_has_no_secondary_lists(tmp_path):
    path = tmp_path / "_class_annotations_gpt.json"
    path.write_text(json.dumps({"a.jpg": {"correct_primary": ["dog"], "close_primary": [], "incorrect": ["cat"]}}))
    assert read_annotations(path) == {"a.jpg": Annotation(correct_primary=("dog",), incorrect=("cat",))}


@pytest.mark.parametrize(("content", "message"), [
    ({}, "at least one picture"), ({"a.jpg": ["dog"]}, "a.jpg: expected lists of labels under"),
    ({"a.jpg": {"right": ["dog"]}}, r"found \['right'\]"), ({"a.jpg": {"incorrect": "dog"}}, "incorrect to be a list"),
    ({"a.jpg": {"incorrect": [3]}}, "incorrect to be a list"), ({"a.jpg": {"incorrect": ["-"]}}, "to be a list of"),
])
def test_annotations_that_cannot_be_used(tmp_path, content, message):
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content))
    with pytest.raises(OvicError, match=message):
        read_annotations(path)


def test_specificity(tmp_path):
    path = tmp_path / "s.json"
    path.write_text(json.dumps({"Food": 0.5, "T-shirt": 1, "t shirt": 0.5}))
    assert read_specificity(path) == {"food": 0.5, "t shirt": 0.5}
    for bad in ({"food": 2}, {"food": True}, {"food": "1"}):
        path.write_text(json.dumps(bad))
        with pytest.raises(OvicError, match="food: expected a specificity from 0 to 1"):
            read_specificity(path)
    path.write_text("[]")
    with pytest.raises(JsonFileError, match="expected a JSON object, found list"):
        read_specificity(path)
