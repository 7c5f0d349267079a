"""Intervals over stretches: those over single values where each is a stretch, and wider where values are alike."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as some

from novic_ros.evaluation.rates import bootstrap_mean, calibration_error
from novic_ros.evaluation.stretches import Stretches


def test_the_mean_is_that_of_all_values():
    found = Stretches(["a", "a", "a", "b"]).mean("score", [1, 0, 1, 0.5], "a note")
    assert (found.name, found.value, found.n, found.k, found.note) == ("score", 0.625, 4, None, "a note")


def test_single_values_have_the_interval_of_the_plain_bootstrap():
    values = np.random.default_rng(1).uniform(size=60)
    found = Stretches([str(n) for n in range(60)]).mean("score", values)
    plain = bootstrap_mean(values)
    assert found.value == pytest.approx(plain.value)
    assert found.interval == pytest.approx((plain.low, plain.high), abs=0.012)


def test_repeating_every_value_changes_nothing():
    values = np.random.default_rng(1).uniform(size=40)
    once = Stretches([str(n) for n in range(40)]).mean("score", values)
    often = Stretches([str(n) for n in range(40) for _ in range(30)]).mean("score", np.repeat(values, 30))
    assert often.interval == pytest.approx(once.interval, abs=1e-12)
    assert often.n == 1200


def test_a_rate_counts_and_has_an_interval_even_where_all_hit():
    found = Stretches(["a", "a", "b", "c"]).rate("exact", [True, True, False, True])
    assert (found.k, found.n, found.value) == (3, 4, 0.75)
    assert found.interval == found.bootstrap
    sure = Stretches(["a"] * 50 + ["b"] * 50).rate("exact", [True] * 100)
    assert sure.interval == pytest.approx((0.342, 1.0), abs=1e-3)  # Wilson's for 2 of 2, not for 100 of 100
    assert sure.bootstrap == (1.0, 1.0)
    never = Stretches(["a", "b"]).rate("exact", [False, False])
    assert never.interval == pytest.approx((0.0, 0.658), abs=1e-3)


def test_one_stretch_tells_no_interval():
    assert Stretches(["a"] * 9).mean("score", range(9)).interval is None


def test_the_calibration_error_is_that_of_rates():
    random = np.random.default_rng(2)
    scores = random.uniform(size=200)
    right = random.uniform(size=200) < scores**2
    found = Stretches([str(n) for n in range(200)]).calibration_error("calibration error", scores, right)
    plain = calibration_error(scores, right)
    assert found.value == pytest.approx(plain.value, abs=1e-12)
    assert found.interval[0] <= found.value <= found.interval[1]
    assert found.interval == pytest.approx((plain.low, plain.high), abs=0.05)


@settings(deadline=None)
@given(some.lists(some.tuples(some.sampled_from("abcde"), some.floats(0, 1)), min_size=1, max_size=30))
def test_intervals_lie_within_the_means_of_stretches(rows):
    names, values = zip(*rows)
    found = Stretches(names, rounds=50).mean("score", values)
    means = [np.mean([value for one, value in rows if one == name]) for name in set(names)]
    if len(set(names)) == 1:
        assert found.interval is None
    else:
        assert min(means) - 1e-9 <= found.interval[0] <= found.interval[1] <= max(means) + 1e-9


def test_seeds_decide():
    names, values = list("aabbccdd"), np.random.default_rng(0).uniform(size=8)
    once, again, other = (Stretches(names, seed=seed, rounds=50).mean("a", values).interval for seed in (0, 0, 1))
    assert once == again != other


def test_nothing_has_no_mean():
    with pytest.raises(ValueError, match="expected at least one value"):
        Stretches([])
