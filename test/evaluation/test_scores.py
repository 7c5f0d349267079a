"""Accuracy, per-class scores and diversity: by hand, and equal to scikit-learn's."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.evaluation.rates import Rate
from novic_ros.evaluation.scores import ClassScore, diversity, mean_class_recall, per_class, top_k_accuracy

NAMES = st.sampled_from(["cat", "dog", "van", "cup"])


def test_accuracy_among_the_first_labels_by_hand():
    labels = [["cat", "dog"], ["dog", "cat"], [], ["van", "cup"]]
    right = [{"cat"}, {"cat", "tabby"}, {"dog"}, {"cat"}]
    assert top_k_accuracy(labels, right, 1) == Rate(1, 4)
    assert top_k_accuracy(labels, right, 2) == Rate(2, 4)
    assert top_k_accuracy(labels, right, 9) == Rate(2, 4)


@pytest.mark.parametrize(("labels", "right", "k", "message"), [
    ([], [], 1, "at least one"), ([["cat"]], [], 1, "got 1 and 0"), ([["cat"]], [{"cat"}], 0, "k of at least 1")])
def test_accuracy_of_what_cannot_be_scored(labels, right, k, message):
    with pytest.raises(ValueError, match=message):
        top_k_accuracy(labels, right, k)


@given(st.lists(st.tuples(st.permutations(range(4)), st.integers(0, 3)), min_size=1, max_size=40), st.integers(1, 3))
@settings(max_examples=50, deadline=None)
def test_accuracy_is_that_of_scikit_learn(rows, k):
    metrics = pytest.importorskip("sklearn.metrics")
    scores = [[4 - order.index(name) for name in range(4)] for order, _ in rows]
    true = [right for _, right in rows]
    theirs = metrics.top_k_accuracy_score(true, scores, k=k, labels=range(4), normalize=False)
    assert top_k_accuracy([order for order, _ in rows], [{right} for right in true], k).k == theirs


@given(st.lists(st.tuples(NAMES, NAMES), min_size=1, max_size=40))
@settings(max_examples=50, deadline=None)
def test_class_scores_are_those_of_scikit_learn(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    said, true = zip(*pairs)
    ours = per_class(said, true)
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        true, said, labels=sorted(ours), zero_division=0)
    for place, name in enumerate(sorted(ours)):
        one = ours[name]
        theirs = (precision[place], recall[place], f1[place])
        assert (one.precision, one.recall, one.f1) == pytest.approx(theirs, abs=1e-9)
        assert one.true == support[place]
    assert sum(one.right for one in ours.values()) == metrics.accuracy_score(true, said, normalize=False)
    seen = [recall[place] for place, name in enumerate(sorted(ours)) if ours[name].true]
    assert mean_class_recall(ours) == pytest.approx(sum(seen) / len(seen), abs=1e-9)


def test_silence_costs_recall_and_no_precision():
    scores = per_class(["cat", None], ["cat", "cat"])
    assert scores == {"cat": ClassScore(right=1, said=1, true=2)}
    assert (scores["cat"].precision, scores["cat"].recall) == (1, 0.5)
    assert ClassScore(0, 0, 0).f1 == ClassScore(0, 0, 0).precision == ClassScore(0, 0, 0).recall == 0


def test_class_scores_of_what_cannot_be_scored():
    with pytest.raises(ValueError, match="got 1 and 2"):
        per_class(["cat"], ["cat", "dog"])
    with pytest.raises(ValueError, match="true somewhere"):
        mean_class_recall({"cat": ClassScore(0, 1, 0)})


def test_diversity_by_hand():
    found = diversity(["a", "b", "a", "c", "d"], frequent=2)
    assert (found.distinct, found.frequent) == (4, Rate(3, 5))
    assert diversity(["a"] * 9).frequent == Rate(9, 9)
    with pytest.raises(ValueError, match="at least one label"):
        diversity([])
