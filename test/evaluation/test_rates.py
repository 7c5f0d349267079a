"""Intervals against published and exact values, and how far scores can be trusted."""

import dataclasses
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metric_packages import torchmetrics_classification

from novic_ros.evaluation.rates import (
    Mean,
    Rate,
    bootstrap_mean,
    bootstrap_ratio,
    calibration_bins,
    calibration_error,
    paired_bootstrap,
)


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
    for result in (rate, mean):
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


def test_a_rate_has_a_seeded_bootstrap_interval_too():
    rate = Rate(30, 100)
    low, high = rate.bootstrap()
    assert rate.bootstrap() == (low, high) != rate.bootstrap(seed=1, rounds=50)
    drawn = bootstrap_mean([1.0] * 30 + [0.0] * 70, rounds=10_000)  # the same, item by item
    assert (low, high) == pytest.approx((drawn.low, drawn.high), abs=0.011)
    assert Rate(0, 7).bootstrap() == (0, 0) and Rate(7, 7).bootstrap() == (1, 1)


def test_ratio_of_sums_by_hand_and_against_the_normal_theory():
    found = bootstrap_ratio([1, 2, 0], [2, 2, 4])
    assert (found.value, found.n) == (pytest.approx(3 / 8), 3)
    assert found.low <= found.value <= found.high
    random = np.random.default_rng(3)
    below = random.integers(1, 6, 500)
    above = random.binomial(below, 0.7)
    found = bootstrap_ratio(above, below)
    half = 1.96 * np.std(above - found.value * below) / below.mean() / np.sqrt(500)  # the delta method
    assert (found.low, found.high) == pytest.approx((found.value - half, found.value + half), abs=0.004)


@pytest.mark.parametrize(("above", "below"), [([], []), ([1], [1, 2]), ([0, 0], [0, 0])])
def test_ratio_of_nothing(above, below):
    with pytest.raises(ValueError, match="something below"):
        bootstrap_ratio(above, below)


def test_paired_bootstrap_sees_a_difference_that_two_intervals_hide():
    random = np.random.default_rng(0)
    hard = random.random(200)
    first, second = hard, np.clip(hard + random.normal(0.02, 0.02, 200), 0, 1)
    apart = [bootstrap_mean(first), bootstrap_mean(second)]
    assert apart[0].high > apart[1].low  # told apart they are not
    together = paired_bootstrap(first, second)
    assert 0 < together.low < together.value < together.high
    assert together.value == pytest.approx(second.mean() - first.mean())
    assert paired_bootstrap(first, first) == Mean(0, 0, 0, 200)
    with pytest.raises(ValueError, match="got 1 and 2"):
        paired_bootstrap([1], [1, 2])


def test_groups_of_equal_width_by_hand():
    bins = calibration_bins([0.0, 0.1, 0.5, 0.99, 1.0], [False, True, True, True, False], bins=2, equal="width")
    assert [(one.right.k, one.right.n) for one in bins] == [(1, 2), (2, 3)]
    assert len(calibration_bins([0.05, 0.95], [True, True], bins=10, equal="width")) == 2  # no empty ones


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=60), st.integers(1, 20))
@settings(max_examples=30, deadline=None)
def test_expected_calibration_error_is_that_of_torchmetrics(pairs, bins):
    torch = pytest.importorskip("torch")
    metrics = torchmetrics_classification()
    scores = [0.0005 + score / 1002 for score, _ in pairs]  # none on an edge, where rounding decides
    right = [hit for _, hit in pairs]
    theirs = metrics.binary_calibration_error(torch.tensor(scores, dtype=torch.float64), torch.tensor(right).int(),
                                              n_bins=bins, norm="l1")
    ours = calibration_error(scores, right, bins=bins, equal="width", rounds=1).value
    assert ours == pytest.approx(float(theirs), abs=1e-9)


@given(st.lists(st.tuples(st.integers(0, 1000), st.booleans()), min_size=1, max_size=60))
@settings(max_examples=30, deadline=None)
def test_groups_are_those_of_scikit_learn(pairs):
    calibration = pytest.importorskip("sklearn.calibration")
    scores, right = [0.0005 + score / 1002 for score, _ in pairs], [hit for _, hit in pairs]
    shares, means = calibration.calibration_curve(right, scores, n_bins=7, strategy="uniform", pos_label=True)
    found = calibration_bins(scores, right, bins=7, equal="width")
    assert [one.score for one in found] == pytest.approx(means.tolist(), abs=1e-9)
    assert [one.right.k / one.right.n for one in found] == pytest.approx(shares.tolist(), abs=1e-9)
