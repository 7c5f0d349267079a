"""Average precision and F1 of the top K: by hand, with ties, and equal to scikit-learn's and torchmetrics'."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_packages import torchmetrics_classification

from novic_ros.evaluation.multilabel_scores import (
    TopK,
    average_precision,
    average_precisions,
    mean_average_precision,
    top_k_scores,
)


def test_average_precision_by_hand():
    # by falling score: true, false, true, true -> precision 1, 2/3, 3/4 at the three hits
    assert average_precision([0.9, 0.8, 0.7, 0.1], [True, False, True, True]) == pytest.approx((1 + 2 / 3 + 3 / 4) / 3)
    assert average_precision([0.1, 0.9], [True, False]) == 0.5
    assert average_precision([0.5, 0.5, 0.5, 0.5], [False, False, True, False]) == 0.25  # one step of the curve
    assert average_precision([0.5, 0.4], [False, False]) is None


@given(st.lists(st.tuples(st.integers(0, 9), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=100, deadline=None)
def test_average_precision_is_that_of_scikit_learn_with_ties_too(pairs):
    metrics = pytest.importorskip("sklearn.metrics")
    scores, true = [score / 9 for score, _ in pairs], [hit for _, hit in pairs]
    if any(true):
        assert average_precision(scores, true) == pytest.approx(metrics.average_precision_score(true, scores), abs=1e-9)
    else:
        assert average_precision(scores, true) is None


@given(st.integers(0, 2**32 - 1), st.integers(2, 30), st.integers(2, 6))
@settings(max_examples=25, deadline=None)
def test_mean_average_precision_is_that_of_both_packages(seed, pictures, labels):
    torch, metrics = pytest.importorskip("torch"), pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    scores, true = random.random((pictures, labels)), random.random((pictures, labels)) < 0.4
    true[0] = True  # every label is true somewhere
    ours = mean_average_precision(scores, true)
    assert ours == pytest.approx(metrics.average_precision_score(true, scores, average="macro"), abs=1e-9)
    # torchmetrics computes these in float32
    theirs = torchmetrics_classification().multilabel_average_precision(
        torch.tensor(scores), torch.tensor(true).int(), num_labels=labels, average="none")
    assert average_precisions(scores, true) == pytest.approx(theirs.tolist(), abs=2e-6)
    micro = average_precision(scores.ravel(), true.ravel())
    assert micro == pytest.approx(metrics.average_precision_score(true, scores, average="micro"), abs=1e-9)


def test_labels_that_are_never_true():
    scores, true = np.array([[0.9, 0.1], [0.2, 0.3]]), np.array([[True, False], [False, False]])
    assert average_precisions(scores, true) == [1.0, None]
    assert mean_average_precision(scores, true) == 1
    assert mean_average_precision(scores, true, empty="zero") == 0.5
    with pytest.raises(ValueError, match="expected skip or zero"):
        mean_average_precision(scores, true, empty="one")
    with pytest.raises(ValueError, match="found none"):
        mean_average_precision(scores, np.zeros_like(true))


def test_top_k_by_hand():
    scores = np.array([[0.9, 0.8, 0.1], [0.2, 0.6, 0.7], [0.5, 0.5, 0.5]])
    true = np.array([[True, False, False], [True, True, True], [False, False, False]])
    found = top_k_scores(scores, true, 2)  # said: 0 1, 1 2, and of the ties the first two
    assert (found.right, found.said, found.true) == (3, 6, 4)
    assert (found.precision, found.recall, found.f1) == (0.5, 0.75, 0.6)
    assert found.class_precision == pytest.approx((1 / 2 + 1 / 3 + 1) / 3)
    assert found.class_recall == pytest.approx((1 / 2 + 1 + 1) / 3)
    assert TopK(0, 0, 0, 0, 0).f1 == TopK(0, 0, 0, 0, 0).class_f1 == 0


@given(st.integers(0, 2**32 - 1), st.integers(1, 20), st.integers(1, 5))
@settings(max_examples=50, deadline=None)
def test_top_k_is_scikit_learns_of_the_same_choice(seed, pictures, k):
    metrics = pytest.importorskip("sklearn.metrics")
    random = np.random.default_rng(seed)
    scores, true = random.random((pictures, 5)), random.random((pictures, 5)) < 0.5
    said = scores >= np.sort(scores, axis=1)[:, -k][:, None]
    found = top_k_scores(scores, true, k)
    for name, ours in (("precision", found.precision), ("recall", found.recall), ("f1", found.f1)):
        theirs = getattr(metrics, f"{name}_score")(true, said, average="micro", zero_division=0)
        assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("call", [
    lambda: average_precision([0.5], [True, False]), lambda: average_precision([float("nan")], [True]),
    lambda: average_precisions(np.zeros((0, 2)), np.zeros((0, 2))), lambda: top_k_scores(np.eye(2), np.eye(2), 3),
    lambda: top_k_scores(np.full((1, 2), np.inf), np.eye(2)[:1], 1), lambda: top_k_scores(np.eye(2), np.eye(3), 1),
])
def test_what_cannot_be_scored(call):
    with pytest.raises(ValueError, match="expected"):
        call()
