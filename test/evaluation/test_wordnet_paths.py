"""Hierarchical precision and recall over a small WordNet, by hand, and over the whole one where it is installed."""

import pytest
from tiny_wordnet import tiny_wordnet

from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.results import Item
from novic_ros.evaluation.wordnet_paths import Overlap, WordNetPaths, wordnet_figures
from novic_ros.labels import Label

PATHS = WordNetPaths(tiny_wordnet())


def truth(*synonyms, above=()):
    return Truth(frozenset(synonyms), tuple(frozenset({word}) for word in above), frozenset(), synonyms[0])


POODLE = truth("poodle", above=["dog", "animal"])  # object > whole > living thing > organism > animal > dog > poodle: 7


@pytest.mark.parametrize(("label", "both", "said"), [
    ("poodle", 7, 7), ("dog", 6, 6), ("Domestic Dog", 6, 6), ("animal", 5, 5), ("terrier", 6, 7),
    ("bull terrier", 6, 8), ("cat", 5, 6), ("guitar", 2, 6), ("unheard of", 0, 1), ("", 0, 0),
    ("entity", 0, 0),  # the root is true of everything and counts for nothing
])
def test_by_hand(label, both, said):
    assert PATHS.overlap(label, POODLE) == Overlap(both, said, 7)


def test_precision_and_recall():
    assert (Overlap(6, 8, 7).precision, Overlap(6, 8, 7).recall) == (6 / 8, 6 / 7)
    assert (Overlap(0, 0, 7).precision, Overlap(0, 0, 0).recall) == (0, 0)


def test_a_truth_that_wordnet_does_not_know():
    assert PATHS.overlap("poodle", truth("gizmo")) is None


def test_other_spellings_are_found():
    assert PATHS.overlap("fire-engine", truth("fire engine", above=["truck"])).recall == 1


def test_the_sense_that_fits_the_hypernyms_is_the_truths_and_the_one_that_fits_the_truth_is_the_labels():
    wordnet = tiny_wordnet("entity\n  animal\n    bird\n      crane\n  machine\n    lift\n      crane\n      hoist\n")
    paths = WordNetPaths(wordnet)
    bird, machine = truth("crane", above=["bird", "animal"]), truth("crane", above=["lift", "machine"])
    assert paths.overlap("bird", bird) == Overlap(2, 2, 3)
    assert paths.overlap("lift", machine) == Overlap(2, 2, 3)
    for known in (bird, machine):
        assert paths.overlap("crane", known) == Overlap(3, 3, 3)
    assert paths.overlap("crane", truth("hoist", above=["lift"])) == Overlap(2, 3, 3)


def item(name, label, known):
    return Item(name, labels=(Label(label, 0.5),) if label else (), truth=known)


def test_figures_are_sums_over_all_items():
    items = [item("a", "dog", POODLE), item("b", "bull terrier", POODLE), item("c", "", POODLE),
             item("d", "dog", truth("gizmo")), item("e", "dog", None)]
    precision, recall = wordnet_figures(items, PATHS)
    assert precision.value == pytest.approx((6 + 6) / (6 + 8))
    assert recall.value == pytest.approx((6 + 6) / 21) and recall.n == 3
    assert precision.interval[0] <= precision.value <= precision.interval[1]
    assert wordnet_figures([item("d", "dog", truth("gizmo"))], PATHS) == []
    assert [one.name for one in wordnet_figures([item("c", "", POODLE)], PATHS)] == ["hierarchical recall"]


def test_over_the_whole_of_wordnet():
    from novic_ros.vocabulary.hierarchy import WordNet
    from novic_ros.vocabulary.nouns import VocabularyError

    try:
        paths = WordNetPaths(WordNet.read())
    except VocabularyError as error:
        pytest.skip(str(error))
    shark = truth("great white shark", "white shark", above=["mackerel shark", "shark"])
    exact, broader = paths.overlap("white shark", shark), paths.overlap("shark", shark)
    assert exact.precision == exact.recall == broader.precision == 1
    assert broader.recall == (exact.true - 2) / exact.true
    assert paths.overlap("teapot", shark).recall < 0.5
