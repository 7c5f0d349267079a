"""Headline figures of made-up items: graded truth, names, OVIC's judgements, and none at all."""

import pytest
from tiny_wordnet import tiny_wordnet

from novic_ros.evaluation.figures import truth_figures
from novic_ros.evaluation.hierarchy_scores import Truth
from novic_ros.evaluation.judging import judged
from novic_ros.evaluation.ovic import Annotation
from novic_ros.evaluation.results import Evaluation, Item
from novic_ros.evaluation.truth_files import TruthSet, names_truth
from novic_ros.evaluation.wordnet_paths import WordNetPaths
from novic_ros.labels import Label

POODLE = Truth(frozenset({"poodle"}), (frozenset({"dog"}), frozenset({"animal"}), frozenset({"organism"})),
               frozenset({"toy poodle"}), "poodle")


def item(name, *texts, truth=None, score=0.9):
    return Item(name, labels=tuple(Label(text, score / (place + 1)) for place, text in enumerate(texts)), truth=truth)


def found(evaluation):
    """Name -> (k, n) of rates, else the value."""
    return {one.name: one.value if one.k is None else (one.k, one.n) for one in evaluation.figures}


def test_graded_truth():
    items = [item("a", "poodle", truth=POODLE), item("b", "dog", "poodle", truth=POODLE),
             item("c", "organism", truth=POODLE, score=0.5), item("d", "car", truth=POODLE), item("e", truth=POODLE)]
    evaluation = judged("images", "t", items, TruthSet("hierarchy", {}), paths=WordNetPaths(tiny_wordnet()))
    figures = found(evaluation)
    assert [one.score for one in evaluation.items] == [1, 0.5, 0, 0, 0]
    assert figures["score"] == pytest.approx(0.3)
    assert {name: figures[name] for name in ("exact", "exact in list", "over-generic", "close", "answered", "truthful",
                                             "generic", "right at 0.9", "20 most frequent")} == {
        "exact": (1, 5), "exact in list": (2, 5), "over-generic": (1, 5), "close": (2, 5), "answered": (4, 5),
        "truthful": (3, 4), "generic": (0, 4), "right at 0.9": (2, 3), "20 most frequent": (4, 4)}
    assert figures["distinct labels"] == 4 and figures["mean score"] == pytest.approx((3 * 0.9 + 0.5) / 4)
    assert 0 < figures["hierarchical recall"] < figures["hierarchical precision"] < 1
    groups = evaluation.curves["reliability"]
    assert sum(group["k"] for group in groups) == 3 and sum(group["n"] for group in groups) == 4
    assert evaluation.curves["frequent labels"][0] == {"label": "car", "n": 1}
    assert Evaluation.from_json(evaluation.to_json()).to_bytes() == evaluation.to_bytes()


def test_names_are_right_or_wrong_and_nothing_between():
    dog = names_truth("dog")
    items = [item("a", "dog", truth=dog), item("b", "animal", "Dog", truth=dog), item("c", truth=dog)]
    evaluation = judged("images", "t", items, TruthSet("names", {}))
    figures = found(evaluation)
    assert [one.score for one in evaluation.items] == [1, 0, 0]
    assert {name: figures[name] for name in ("exact", "exact in list", "answered", "right at 0.9")} == {
        "exact": (1, 3), "exact in list": (2, 3), "answered": (2, 3), "right at 0.9": (1, 2)}
    assert not {"score", "close", "truthful", "over-generic", "hierarchical recall"} & set(figures)
    assert evaluation.figure("calibration error").note == "of scores against right answers"


SLOTH = Annotation(correct_primary=("sloth",), correct_secondary=("tree",), close_primary=("animal",),
                   incorrect=("bear",))
OVIC = TruthSet("ovic", dict.fromkeys("abcdef", SLOTH.truth()), dict.fromkeys("abcdef", SLOTH))
SAID = [item("a", "sloth"), item("b", "tree", "sloth"), item("c", "animal", "tree"),
        item("d", "bear", "teapot", "sloth"),
        item("e", "teapot"), item("f")]


def with_truth(items):
    return [Item(one.id, labels=one.labels, truth=OVIC.truths[one.id]) for one in items]


def test_ovic():
    evaluation = judged("images", "t", with_truth(SAID), OVIC, specificity={"sloth": 1, "tree": 0.5, "animal": 0.5})
    figures = found(evaluation)
    assert [one.score for one in evaluation.items] == [1, 0.8, 0.5, 0, 0, 0]
    assert figures["prediction score"] == pytest.approx((1 + 0.8 + 0.5) / 6)
    assert figures["primary score"] == pytest.approx((1 + 0.5) / 6)
    assert figures["overall score"] == pytest.approx((1 + 0.4 + 0.25) / 6)
    assert figures["top-2 score"] == pytest.approx((1 + 1 + 0.8) / 6)
    assert figures["top-3 score"] == pytest.approx((1 + 1 + 0.8 + 1) / 6)
    assert (figures["correct"], figures["answered"]) == ((2, 6), (5, 6))
    assert evaluation.counts == {"correct_primary": 1, "correct_secondary": 1, "close_primary": 1, "incorrect": 1,
                                 "not judged": 1}
    assert evaluation.problems == ("e: nobody has judged 'teapot', it counts 0",)


def test_ovic_without_all_specificities_has_no_overall_score():
    assert judged("images", "t", with_truth(SAID[:1]), OVIC).figure("overall score") is None
    evaluation = judged("images", "t", with_truth(SAID[:3]), OVIC, specificity={"sloth": 1})
    assert evaluation.figure("overall score") is None and evaluation.figure("prediction score") is not None
    assert evaluation.problems == ("specificity: expected one for every label that scores, found none for 2, so there "
                                   "is no overall score: animal, tree",)


def test_labels_that_were_judged_twice_are_a_problem():
    twice = Annotation(correct_primary=("cat",), close_primary=("cat",))
    truth = TruthSet("ovic", {"a": twice.truth()}, {"a": twice})
    evaluation = judged("labels", "t", [Item("a", labels=(Label("cat", 0.5),), truth=twice.truth())], truth)
    assert evaluation.items[0].score == 0.5
    assert evaluation.problems == ("a: cat: judged in several categories, the first by alphabet counts",)


def test_no_truth_at_all():
    evaluation = judged("images", "t", [item("a", "dog"), item("b", "dog"), item("c")], None, counts={"unreadable": 0})
    assert set(found(evaluation)) == {"distinct labels", "20 most frequent", "mean score"}
    assert set(evaluation.curves) == {"frequent labels"} and evaluation.counts == {}
    assert judged("images", "t", [item("a")], None).figures == ()
    assert judged("images", "t", [], TruthSet("names", {})).figures == ()


def test_figures_of_nothing():
    with pytest.raises(ValueError, match="at least one item with a truth"):
        truth_figures([item("a", "dog")])
