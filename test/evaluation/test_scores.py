"""Scores against hierarchical truth, by hand; intervals against published and exact values."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from novic_ros.evaluation.scores import (
    Mean,
    Rate,
    Truth,
    bootstrap_mean,
    calibration_bins,
    calibration_error,
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


@pytest.mark.parametrize(("k", "n", "low", "high"), [  # Newcombe, Statistics in Medicine 17 (1998), table I, method 3
    (81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718),
    (20, 20, 0.8389, 1.0)])
def test_wilson_interval(k, n, low, high):
    assert Rate(k, n).interval == pytest.approx((low, high), abs=5e-5)


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_wilson_interval_holds_the_rate_and_is_symmetric(k_n):
    k, n = k_n
    low, high = Rate(k, n).interval
    assert 0 <= low <= k / n <= high <= 1
    assert low < high
    assert Rate(n - k, n).interval == pytest.approx((1 - high, 1 - low), abs=1e-12)


@pytest.mark.parametrize(("k", "n"), [(-1, 3), (4, 3), (0, 0)])
def test_impossible_rate(k, n):
    with pytest.raises(ValueError, match=f"got k = {k}, n = {n}"):
        Rate(k, n)


def test_results_are_frozen_and_readable():
    rate, mean = Rate(81, 263), Mean(0.5, 0.25, 0.75, 10)
    assert str(rate) == "81 of 263 (0.308, 95 % interval 0.255 to 0.366)"
    assert str(mean) == "0.500 (n = 10, 95 % interval 0.250 to 0.750)"
    for result in (rate, mean, TRUTH):
        with pytest.raises(dataclasses.FrozenInstanceError):
            result.n = 3


def test_bootstrap_is_repeatable_and_seeded():
    values = np.random.default_rng(0).random(200).tolist()
    assert bootstrap_mean(values) == bootstrap_mean(values)
    assert bootstrap_mean(values, seed=1) != bootstrap_mean(values, seed=2)
    assert bootstrap_mean(values, seed=1).value == bootstrap_mean(values, seed=2).value


def test_bootstrap_interval_is_that_of_the_normal_theory():
    values = np.random.default_rng(1).choice([0.0, 0.5, 1.0], size=400, p=[0.3, 0.2, 0.5])
    mean = bootstrap_mean(values)
    half = 1.96 * values.std() / 20
    assert (mean.value, mean.n) == (pytest.approx(values.mean()), 400)
    assert (mean.low, mean.high) == pytest.approx((values.mean() - half, values.mean() + half), abs=0.004)


@given(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=30))
@settings(max_examples=30, deadline=None)
def test_bootstrap_interval_lies_around_the_mean(values):
    mean = bootstrap_mean(values, rounds=2000)
    assert min(values) <= mean.low <= mean.value + 1e-9
    assert mean.value - 1e-9 <= mean.high <= max(values)


def test_bootstrap_of_many_values_needs_little_memory():
    values = np.random.default_rng(1).random(50_000)  # all resamples at once would be 80 MB for every hundred rounds
    tracemalloc.start()
    mean = bootstrap_mean(values, rounds=100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40e6
    assert mean.low < mean.value < mean.high


def test_bootstrap_of_equal_values_and_of_none():
    assert bootstrap_mean([0.5] * 7) == Mean(0.5, 0.5, 0.5, 7)
    with pytest.raises(ValueError, match="at least one value"):
        bootstrap_mean([])


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


def test_calibration_bins_are_of_equal_size_and_in_order():
    bins = calibration_bins([0.9, 0.1, 0.5, 0.7, 0.3], [True, False, True, False, False], bins=2)
    found = [(one.score, one.right.k, one.right.n) for one in bins]
    assert found == [(pytest.approx(0.3), 1, 3), (pytest.approx(0.8), 1, 2)]
    assert len(calibration_bins([0.5] * 3, [True] * 3)) == 3  # no empty ones


def test_calibration_error_by_hand():
    scores, right = [0.1, 0.3, 0.6, 0.8], [False, True, True, True]
    assert calibration_error(scores, right, bins=2).value == pytest.approx((2 * 0.3 + 2 * 0.3) / 4)
    assert calibration_error([0.7] * 10, [True] * 7 + [False] * 3, bins=1).value == pytest.approx(0)


def test_calibration_error_of_honest_and_of_boastful_scores():
    random = np.random.default_rng(0)
    scores = random.random(4000)
    right = random.random(4000) < scores
    honest = calibration_error(scores, right)
    assert honest.value < 0.03 and honest.n == 4000
    boastful = calibration_error(np.sqrt(scores), right)
    assert boastful.low > honest.high
    assert boastful.value == pytest.approx(1 / 6, abs=0.02)  # the mean of sqrt(x) - x
    assert calibration_error(scores, right) == honest


@pytest.mark.parametrize(("scores", "right"), [([], []), ([0.5], [True, False])])
def test_calibration_of_nothing_or_of_unequal_numbers(scores, right):
    with pytest.raises(ValueError, match="as many scores"):
        calibration_bins(scores, right)
